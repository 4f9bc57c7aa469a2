//! Why a registry gives no id, as a message that says what to do.

use std::{error::Error as _, fmt};

use reqwest::StatusCode;
use serde::Deserialize;

use super::error::RegistryError;

/// How much of a registry's own message is quoted, in characters.
const MAX_QUOTED_CHARS: usize = 200;

/// Why there is no id, and what to do.
#[derive(Debug)]
pub(super) struct RegistryRefusal {
    message: String,
    is_refusal: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    error_code: u32,
    message: String,
}

/// No response at all. Without its address, which is in the configuration.
pub(super) fn no_response(error: reqwest::Error) -> RegistryRefusal {
    let error = error.without_url();
    let mut message = format!("the schema registry does not respond: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(&format!(": {error}"));
        cause = error.source();
    }
    RegistryRefusal {
        message,
        is_refusal: false,
    }
}

impl RegistryRefusal {
    /// A response that is not a registry's.
    pub(super) fn not_a_registry(body: &[u8]) -> Self {
        Self {
            message: format!(
                "the server at platform.saga.schemaRegistry.url is not a schema registry: {}",
                quoted(&String::from_utf8_lossy(body))
            ),
            is_refusal: true,
        }
    }

    /// A response with another status than 200.
    pub(super) fn refusal(status: StatusCode, body: &[u8], subject: &str, auto_register: bool) -> Self {
        let body: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
        let message = match (status.as_u16(), body.error_code) {
            (404, 40_000..) if !auto_register => format!(
                "the schema registry does not have the saga events' schema: register version 2 of SagaTracker under the \
                 subject {subject}, or set platform.saga.schemaRegistry.autoRegister to true"
            ),
            (404, _) => "platform.saga.schemaRegistry.url answers with status 404: set it to the address of the registry's \
                 API, below which /subjects is found"
                .to_owned(),
            (409, _) => format!(
                "the schema registry finds the saga events' schema incompatible with those under the subject \
                 {subject}: compare them, and remove those that are not SagaTracker's ({})",
                quoted(&body.message)
            ),
            (401 | 403, _) => "the schema registry refuses the user: set platform.saga.schemaRegistry.username and \
                 platform.saga.schemaRegistry.password, and let the user read the subject, or write it to register"
                .to_owned(),
            (status, _) => format!(
                "the schema registry answers with status {status} ({})",
                quoted(&body.message)
            ),
        };
        let is_transient = status.is_server_error()
            || matches!(
                status,
                StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
            );
        Self {
            message,
            is_refusal: !is_transient,
        }
    }

    pub(super) fn error(&self) -> RegistryError {
        if self.is_refusal {
            RegistryError::Refused
        } else {
            RegistryError::Unavailable
        }
    }
}

impl fmt::Display for RegistryRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

/// The beginning, on one line whatever it holds.
fn quoted(text: &str) -> String {
    let beginning: String = text.chars().take(MAX_QUOTED_CHARS).collect();
    format!("{beginning:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str, auto_register: bool) -> RegistryRefusal {
        let status = StatusCode::from_u16(status).unwrap();
        RegistryRefusal::refusal(status, body.as_bytes(), "sagas-value", auto_register)
    }

    #[test]
    fn a_schema_that_is_not_there_is_to_be_registered_and_an_unknown_path_is_a_wrong_address() {
        let unknown = refusal(404, r#"{"error_code":40403,"message":"Schema not found"}"#, false);
        assert!(
            unknown.message.contains("under the subject sagas-value"),
            "{unknown}"
        );
        assert!(unknown.message.contains("autoRegister"), "{unknown}");
        for (body, auto_register) in [("<html>", false), (r#"{"error_code":404}"#, false), ("", true)] {
            let wrong = refusal(404, body, auto_register);
            assert!(wrong.message.contains("schemaRegistry.url"), "{wrong}");
            assert!(wrong.is_refusal);
        }
    }

    #[test]
    fn transient_failures_are_retried_soon() {
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
    fn a_hostile_message_is_truncated_and_stays_on_one_line() {
        let refusal =
            RegistryRefusal::not_a_registry(format!("\n\u{1b}[2J{}", "x".repeat(100_000)).as_bytes());
        assert!(
            refusal.message.len() < 400 && !refusal.message.contains(['\n', '\u{1b}']),
            "{refusal}"
        );
    }
}
