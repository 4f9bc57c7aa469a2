//! The tools: what a model may ask.
//!
//! Rule of thumb: a tool is a struct of its arguments; their comments are what a model reads of them. All of them only read.
//!
//! | part | what |
//! | --- | --- |
//! | `find` | `find_sagas` |
//! | `explain` | `explain_saga` |
//! | `steps` | the steps of an explained saga |
//! | `attention` | `needs_attention` |
//! | `versions` | `compare_versions` |
//! | `differences` | `differences` |
//! | `letters` | `dead_letter_causes`, `dead_letters` |
//! | `saga` | a saga, in short and in full |

mod attention;
mod differences;
mod explain;
mod find;
mod letters;
#[cfg(test)]
mod questions;
mod saga;
mod steps;
mod versions;

use rmcp::{
    model::{JsonObject, Tool, ToolAnnotations},
    schemars::JsonSchema,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::{
    attention::NeedsAttention,
    differences::Differences,
    explain::ExplainSaga,
    find::FindSagas,
    letters::{DeadLetterCauses, DeadLetters},
    versions::CompareVersions,
};
use crate::{
    ask::{Ask, Tracker},
    reply::Reply,
};

/// A tool: its arguments, and how they are answered.
trait Question: DeserializeOwned + JsonSchema + Send + 'static {
    const NAME: &'static str;
    const TITLE: &'static str;
    const DESCRIPTION: &'static str;

    /// The answer, or why there is none, in words.
    fn answer<A: Ask>(self, tracker: &Tracker<'_, A>) -> impl Future<Output = Result<Reply, String>> + Send;
}

/// Every tool, as a model reads of it.
pub(crate) fn all() -> Vec<Tool> {
    vec![
        described::<FindSagas>(),
        described::<ExplainSaga>(),
        described::<NeedsAttention>(),
        described::<CompareVersions>(),
        described::<Differences>(),
        described::<DeadLetterCauses>(),
        described::<DeadLetters>(),
    ]
}

/// The name of every tool.
#[must_use]
pub fn names() -> Vec<String> {
    all().into_iter().map(|tool| tool.name.into_owned()).collect()
}

/// The answer of a tool; none when there is no such tool.
pub(crate) async fn call<A: Ask>(
    name: &str,
    arguments: JsonObject,
    tracker: &Tracker<'_, A>,
) -> Option<Result<Reply, String>> {
    Some(match name {
        FindSagas::NAME => asked::<FindSagas, A>(arguments, tracker).await,
        ExplainSaga::NAME => asked::<ExplainSaga, A>(arguments, tracker).await,
        NeedsAttention::NAME => asked::<NeedsAttention, A>(arguments, tracker).await,
        CompareVersions::NAME => asked::<CompareVersions, A>(arguments, tracker).await,
        Differences::NAME => asked::<Differences, A>(arguments, tracker).await,
        DeadLetterCauses::NAME => asked::<DeadLetterCauses, A>(arguments, tracker).await,
        DeadLetters::NAME => asked::<DeadLetters, A>(arguments, tracker).await,
        _ => return None,
    })
}

fn described<Q: Question>() -> Tool {
    let annotations = ToolAnnotations::new()
        .read_only(true)
        .destructive(false)
        .idempotent(true)
        .open_world(false);
    Tool::new(Q::NAME, Q::DESCRIPTION, JsonObject::new())
        .with_title(Q::TITLE)
        .with_input_schema::<Q>()
        .with_annotations(annotations)
}

async fn asked<Q: Question, A: Ask>(
    arguments: JsonObject,
    tracker: &Tracker<'_, A>,
) -> Result<Reply, String> {
    // A model that leaves something out often says so by null.
    let given = arguments.into_iter().filter(|(_, value)| !value.is_null());
    let given = Value::Object(given.collect());
    let question: Q = serde_path_to_error::deserialize(given).map_err(|error| wrong(&error))?;
    question.answer(tracker).await
}

/// What is wrong with the arguments.
fn wrong(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let reason = error.inner();
    match error.path().to_string().as_str() {
        "." => format!("the arguments are wrong: {reason}"),
        path => format!("the argument {path} is wrong: {reason}"),
    }
}

/// How many entries are asked for, of at most so many.
fn limit(asked: Option<u32>, default: u32, most: u32) -> Result<u32, String> {
    match asked {
        None => Ok(default),
        Some(asked) if (1..=most).contains(&asked) => Ok(asked),
        Some(_) => Err(format!(
            "the argument limit is wrong: it must be a number from 1 to {most}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_tool_only_reads_and_describes_each_argument() {
        for tool in all() {
            let tool = serde_json::to_value(&tool).unwrap();
            assert_eq!(tool["annotations"]["readOnlyHint"], true, "{tool}");
            let schema = &tool["inputSchema"];
            assert_eq!(schema["additionalProperties"], false, "{tool}");
            for (name, argument) in schema["properties"].as_object().unwrap() {
                assert!(argument["description"].is_string(), "{name} of {}", tool["name"]);
            }
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        for (arguments, words) in [
            (
                json!({"q": 1}),
                "the argument q is wrong: invalid type: integer `1`, expected a string",
            ),
            (
                json!({"status": "x"}),
                "the argument status is wrong: unknown field `status`",
            ),
            (json!({"limit": -1}), "the argument limit is wrong: invalid value"),
        ] {
            let error = serde_path_to_error::deserialize::<_, FindSagas>(arguments).unwrap_err();
            assert!(wrong(&error).starts_with(words), "{}", wrong(&error));
        }
        assert!(limit(Some(0), 10, 20).unwrap_err().contains("from 1 to 20"));
        assert_eq!(limit(None, 10, 20), Ok(10));
    }
}
