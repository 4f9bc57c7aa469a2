//! Questions of language models, asked by every kind of caller.

use serde_json::{Value, json};

use super::{
    marked::{HIDDEN, Marked, OWN, UNKNOWN, callers},
    walk::{count, shape},
};
use crate::{harness::Answer, mcp};

/// Tools with their arguments, in which `@` is a word and `^` the same in capitals.
const QUESTIONS: [(&str, &str); 16] = [
    ("find_sagas", "{}"),
    ("find_sagas", r#"{"q": "type:^_ORDERS"}"#),
    ("find_sagas", r#"{"q": "service:@-service", "limit": 20}"#),
    ("find_sagas", r#"{"q": "step:^_STEP"}"#),
    ("explain_saga", r#"{"id": "@-failed", "metadata": true}"#),
    ("explain_saga", r#"{"id": "ORD-@-done"}"#),
    ("explain_saga", r#"{"id": "@-trace"}"#),
    ("explain_saga", r#"{"id": "@-removed"}"#),
    ("explain_saga", r#"{"id": "shared-order"}"#),
    ("needs_attention", r#"{"limit": 10}"#),
    ("needs_attention", r#"{"sagaType": "^_ORDERS"}"#),
    ("compare_versions", r#"{"service": "@-service"}"#),
    (
        "compare_versions",
        r#"{"service": "@-service", "baseline": "1", "candidate": "2", "fromDate": "2020-01-01"}"#,
    ),
    ("differences", r#"{"a": "failed", "limit": 20}"#),
    ("dead_letter_causes", "{}"),
    ("dead_letters", r#"{"limit": 10}"#),
];

async fn ask(marked: &Marked, caller: &str, tool: &str, arguments: &str) -> Answer {
    let token = format!("Bearer {caller}'s");
    let arguments: Value = serde_json::from_str(arguments).unwrap();
    let question = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments},
    });
    mcp::post(&marked.api, &[("authorization", token.as_str())], &question).await
}

#[tokio::test]
async fn no_tool_shows_anything_of_a_type_that_its_caller_may_not_see() {
    let marked = Marked::new().await;
    for (caller, _, _, allowed) in callers() {
        let mut seen = [(OWN, 0), (HIDDEN, 0)];
        for (tool, template) in QUESTIONS {
            let arguments = marked.filled(template, OWN);
            let answer = ask(&marked, caller, tool, &arguments).await;
            assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
            for (word, times) in &mut seen {
                let found = count(&answer, word);
                let is_asked = arguments.to_lowercase().contains(*word);
                *times += usize::from(!is_asked && found > 0);
                assert!(
                    allowed.contains(&*word) || is_asked || found == 0,
                    "{caller} {tool} {arguments}: {}",
                    answer.text
                );
            }
            for word in [OWN, HIDDEN].into_iter().filter(|word| !allowed.contains(word)) {
                let asked = ask(&marked, caller, tool, &marked.filled(template, word)).await;
                let nowhere = ask(&marked, caller, tool, &marked.filled(template, UNKNOWN)).await;
                assert_eq!(shape(&asked), shape(&nowhere), "{caller} {tool} {template}");
            }
        }
        for (word, times) in seen {
            assert_eq!(
                times > 0,
                allowed.contains(&word),
                "{caller} was shown {word} {times} times"
            );
        }
    }
}
