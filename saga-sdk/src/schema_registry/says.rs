//! What a registry says when it does not give an id, in words that tell what to do.

use std::{error::Error as _, fmt};

use reqwest::StatusCode;
use serde::Deserialize;

use super::Trouble;

/// How much of a registry's own words is passed on.
const MAX_WORDS: usize = 200;

/// Why there is no id, in words that tell what to do.
#[derive(Debug)]
pub(super) struct Says {
    words: String,
    is_refusal: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error_code: u32,
    message: String,
}

/// No answer at all. Without its address, which is in the configuration.
pub(super) fn nothing(error: reqwest::Error) -> Says {
    let error = error.without_url();
    let mut words = format!("the schema registry does not answer: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(&format!(": {error}"));
        cause = error.source();
    }
    Says {
        words,
        is_refusal: false,
    }
}

impl Says {
    /// An answer that is none.
    pub(super) fn nonsense(body: &[u8]) -> Self {
        Self {
            words: format!(
                "what answers at platform.saga.schemaRegistry.url is no schema registry: {}",
                quoted(&String::from_utf8_lossy(body))
            ),
            is_refusal: true,
        }
    }

    /// An answer with another status than 200.
    pub(super) fn refusal(status: StatusCode, body: &[u8], subject: &str, auto_register: bool) -> Self {
        let said: Refusal = serde_json::from_slice(body).unwrap_or_default();
        let words = match (status.as_u16(), said.error_code) {
            (404, 40_000..) if !auto_register => format!(
                "the schema registry does not have the saga events' schema: register version 2 of SagaTracker under the \
                 subject {subject}, or set platform.saga.schemaRegistry.autoRegister to true"
            ),
            (404, _) => "platform.saga.schemaRegistry.url leads to something that answers with 404: it should be the \
                 address of the registry's API, below which /subjects is found"
                .to_owned(),
            (409, _) => format!(
                "the schema registry finds the saga events' schema incompatible with those under the subject \
                 {subject}: have somebody compare them, and remove what is not SagaTracker's ({})",
                quoted(&said.message)
            ),
            (401 | 403, _) => "the schema registry refuses the user: set platform.saga.schemaRegistry.username and \
                 platform.saga.schemaRegistry.password, and let the user read the subject, or write it to register"
                .to_owned(),
            (status, _) => format!(
                "the schema registry answers with status {status} ({})",
                quoted(&said.message)
            ),
        };
        let may_pass = status.is_server_error()
            || matches!(
                status,
                StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
            );
        Self {
            words,
            is_refusal: !may_pass,
        }
    }

    pub(super) fn trouble(&self) -> Trouble {
        if self.is_refusal {
            Trouble::Refused
        } else {
            Trouble::Away
        }
    }
}

impl fmt::Display for Says {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.words)
    }
}

/// The beginning, on one line whatever it holds.
fn quoted(words: &str) -> String {
    let beginning: String = words.chars().take(MAX_WORDS).collect();
    format!("{beginning:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str, auto_register: bool) -> Says {
        let status = StatusCode::from_u16(status).unwrap();
        Says::refusal(status, body.as_bytes(), "sagas-value", auto_register)
    }

    #[test]
    fn a_schema_that_is_not_there_is_to_be_registered_and_an_unknown_path_is_a_wrong_address() {
        let unknown = refusal(404, r#"{"error_code":40403,"message":"Schema not found"}"#, false);
        assert!(
            unknown.words.contains("under the subject sagas-value"),
            "{unknown}"
        );
        assert!(unknown.words.contains("autoRegister"), "{unknown}");
        for (body, auto_register) in [("<html>", false), (r#"{"error_code":404}"#, false), ("", true)] {
            let wrong = refusal(404, body, auto_register);
            assert!(wrong.words.contains("schemaRegistry.url"), "{wrong}");
            assert!(wrong.is_refusal);
        }
    }

    #[test]
    fn what_may_pass_by_itself_is_asked_for_again_soon() {
        for (status, is_refusal) in [
            (500, false),
            (503, false),
            (429, false),
            (409, true),
            (401, true),
            (422, true),
        ] {
            assert_eq!(refusal(status, "{}", true).is_refusal, is_refusal, "{status}");
        }
    }

    #[test]
    fn hostile_words_are_cut_and_stay_on_their_line() {
        let said = Says::nonsense(format!("\n\u{1b}[2J{}", "x".repeat(100_000)).as_bytes());
        assert!(
            said.words.len() < 400 && !said.words.contains(['\n', '\u{1b}']),
            "{said}"
        );
    }
}
