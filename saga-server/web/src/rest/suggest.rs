//! `GET /api/v1/suggest`: how the last token of a line may go on.

use axum::Json;
use saga_types::{SagaStatus, fold::Anomaly};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    http::{ApiError, query_string::Params},
    scoped::{Reader, Words},
    tokens::{self, FLAGS, MAX_CHARS, NAMES},
};

/// How many suggestions an answer has.
const MOST: usize = 30;

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Suggestions {
    /// The line without its last token.
    before: String,
    /// Tokens, or beginnings of tokens, that the last one may become; at most 30.
    suggestions: Vec<String>,
}

/// How the last token of a line of filters may go on
///
/// Names of filters, keys of metadata, and for a name that has them values: types, steps, services, owners, versions, statuses and
/// anomalies. They are those of the definitions and of some 200 sagas that started lately.
#[utoipa::path(
    get, path = "/api/v1/suggest", operation_id = "suggest", tag = "sagas",
    params(
        ("q" = Option<String>, Query, max_length = 2000, pattern = r"^[^\x00]*$", description = "The line, as far as it is written; names of filters and keys of metadata if not given"),
    ),
    responses((status = 200, description = "Suggestions", body = Suggestions))
)]
pub(super) async fn next(reader: Reader, params: Params) -> Result<Json<Suggestions>, ApiError> {
    let mut params = params.filled();
    let text = params.parsed("q", text).unwrap_or_default();
    params.finish()?;
    let (before, last) = last_token(&text);
    Ok(Json(Suggestions {
        before: before.to_owned(),
        suggestions: suggestions(&*reader.words().await?, last),
    }))
}

fn text(text: &str) -> Result<String, String> {
    match text.chars().count() <= MAX_CHARS {
        true => Ok(text.to_owned()),
        false => Err(format!("must have at most {MAX_CHARS} characters")),
    }
}

/// What stands before the last token, and the token. A space in a quotation does not end a token.
fn last_token(text: &str) -> (&str, &str) {
    let mut begin = 0;
    let mut is_quoted = false;
    let mut is_escaped = false;
    for (place, character) in text.char_indices() {
        match character {
            '"' if !is_escaped => is_quoted = !is_quoted,
            space if space.is_whitespace() && !is_quoted => begin = place + space.len_utf8(),
            _ => {}
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    text.split_at(begin)
}

/// Everything that can begin a token: what the page offers without script.
pub(crate) fn beginnings(words: &Words) -> Vec<String> {
    let names = NAMES.into_iter().map(|name| format!("{name}:"));
    let flags = FLAGS.into_iter().map(|(name, ..)| name.to_owned());
    let keys = words.keys.iter().map(|key| tokens::token_beginning(key));
    flags.chain(names).chain(keys).collect()
}

fn suggestions(words: &Words, last: &str) -> Vec<String> {
    let candidates = match last.trim_start_matches(['-', '!']).split_once(':') {
        None => beginnings(words),
        Some((name, _)) => values(words, name)
            .iter()
            .map(|value| tokens::token(name, value))
            .collect(),
    };
    let sign = if last.starts_with(['-', '!']) { "-" } else { "" };
    let wanted = last
        .trim_start_matches(['-', '!'])
        .replace('"', "")
        .to_lowercase();
    let is_wanted = |candidate: &String| {
        let plain = candidate.replace('"', "").to_lowercase();
        plain.starts_with(&wanted) && plain != wanted
    };
    let found = candidates.into_iter().filter(is_wanted).take(MOST);
    found.map(|token| format!("{sign}{token}")).collect()
}

/// The values that a filter can have, as far as they are known.
fn values(words: &Words, name: &str) -> Vec<String> {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    match name.to_lowercase().as_str() {
        "type" | "sagatype" => words.types.clone(),
        "step" | "awaits" | "owes" | "failedstep" => words.steps.clone(),
        "service" | "producerservice" => words.services.clone(),
        "owner" => words.owners.clone(),
        "version" | "serviceversion" => words.versions.clone(),
        "status" => texts(&SagaStatus::ALL.map(SagaStatus::as_str)),
        "anomaly" => texts(&Anomaly::ALL.map(Anomaly::as_str)),
        "failed" | "ended" | "stuck" | "overdue" | "owing" => texts(&["yes", "no"]),
        "started" => texts(&["today", "yesterday"]),
        "duration" => texts(&[">1m", ">5m", ">1h", "<1s"]),
        "older" | "newer" => texts(&["15m", "1h", "24h", "7d"]),
        "sort" => texts(&["startedAt,desc", "updatedAt,desc", "due,asc", "duration,desc"]),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Words {
            types: texts(&["ORDER_CREATION", "REFUND"]),
            versions: texts(&["2.8.0", "2.8.1 beta"]),
            keys: texts(&["customerId", "a key", "status"]),
            ..Words::default()
        }
    }

    #[test]
    fn the_last_token_is_what_is_being_written() {
        for (text, before, last) in [
            ("", "", ""),
            ("type", "", "type"),
            ("failed ty", "failed ", "ty"),
            ("failed ", "failed ", ""),
            ("reason:\"card dec", "", "reason:\"card dec"),
            ("reason:\"a \\\" b\" cust", "reason:\"a \\\" b\" ", "cust"),
        ] {
            assert_eq!(last_token(text), (before, last), "{text}");
        }
    }

    #[test]
    fn names_keys_and_values_are_suggested() {
        let words = words();
        for (last, expected) in [
            ("ty", vec!["type:"]),
            ("CUST", vec!["customerId:"]),
            ("a k", vec!["\"a key\":"]),
            ("type:re", vec!["type:REFUND"]),
            ("version:2.8.1", vec!["version:\"2.8.1 beta\""]),
            ("status:comp", vec!["status:COMPLETED", "status:COMPENSATED"]),
            ("-owin", vec!["-owing", "-owing:"]),
            ("metadata.stat", vec!["metadata.status:"]),
            ("customerId:C", vec![]),
        ] {
            assert_eq!(suggestions(&words, last), expected, "{last}");
        }
        assert_eq!(suggestions(&words, "").len(), MOST);
    }
}
