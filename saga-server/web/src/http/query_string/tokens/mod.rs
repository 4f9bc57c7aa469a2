//! Tokens: the filters of the list of sagas in one line of text, such as `customerId:C-17 failed reason:"card declined"
//! started:yesterday`.
//!
//! Rule of thumb: tokens have no meaning of their own. They stand for parameters of the list, and are read once, into these; what a
//! value may be, the list says.
//!
//! | part | what |
//! | --- | --- |
//! | `words` | from a text to words: quoting, escaping, what is negated |
//! | `meaning` | from a word to parameters |
//! | `write` | from parameters to tokens |

mod meaning;
mod words;
mod write;

use std::fmt;

use saga_types::Timestamp;

pub use meaning::{FLAGS, NAMES};
pub use write::{token, token_beginning, write};

/// The longest text, in characters.
pub const MAX_CHARS: usize = 2_000;

/// The most tokens of a text.
const MAX_TOKENS: usize = 50;

/// Reads tokens as the parameters of the list of sagas, each once, in the order in which they first come, with the token that each is
/// from. `yesterday` and lengths of time are of this moment.
///
/// # Errors
///
/// What is wrong with the first token that means nothing, or something that cannot be searched for.
pub fn parse(text: &str, now: Timestamp) -> Result<Vec<Parameter>, TokenError> {
    if text.chars().count() > MAX_CHARS {
        let reason = format!("the text has more than {MAX_CHARS} characters");
        return Err(TokenError::new(text, reason));
    }
    let words = words::split(text)?;
    if let Some(beyond) = words.get(MAX_TOKENS) {
        let reason = format!("there are more than {MAX_TOKENS} tokens");
        return Err(TokenError::new(beyond.token, reason));
    }
    let mut parameters: Vec<Parameter> = Vec::new();
    for word in &words {
        for (name, value) in meaning::of(word, now)? {
            match parameters.iter().find(|other| other.name == name) {
                Some(other) if other.value == value => {}
                Some(other) => {
                    let reason = format!("{} asks for something else; a filter has one value", other.token);
                    return Err(TokenError::new(word.token, reason));
                }
                None => parameters.push(Parameter {
                    name,
                    value,
                    token: word.token.to_owned(),
                }),
            }
        }
    }
    Ok(parameters)
}

/// A parameter of the list of sagas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// As in `GET /api/v1/sagas`.
    pub name: String,
    /// Its value, not encoded.
    pub value: String,
    /// The token that it is from.
    pub token: String,
}

/// Why a token means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenError {
    /// The token, as it was written; of a long one the beginning.
    pub token: String,
    /// What is wrong with it, and what is possible.
    pub reason: String,
}

impl TokenError {
    fn new(token: &str, reason: impl Into<String>) -> Self {
        Self {
            token: shortened(token),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.token, self.reason)
    }
}

impl std::error::Error for TokenError {}

fn shortened(token: &str) -> String {
    const SHOWN_CHARS: usize = 100;
    match token.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &token[..end]),
        None => token.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-29T15:30:00Z".parse().unwrap()
    }

    fn parameters(text: &str) -> String {
        let pairs = parse(text, now()).unwrap_or_else(|error| panic!("{error}"));
        let pairs = pairs.iter().map(|pair| format!("{}={}", pair.name, pair.value));
        pairs.collect::<Vec<_>>().join("&")
    }

    fn error(text: &str) -> String {
        match parse(text, now()) {
            Err(error) => error.to_string(),
            Ok(parameters) => panic!("{text}: {parameters:?}"),
        }
    }

    #[test]
    fn each_token_stands_for_parameters_of_the_list() {
        for (text, expected) in [
            ("", ""),
            (
                "customerId:C-17 failed reason:\"card declined\" started:yesterday",
                "metadata.customerId=C-17&failed=true&failureReason=card declined&fromDate=2026-11-28&toDate=2026-11-28",
            ),
            (
                "type:REFUND owner:payment-service",
                "sagaType=REFUND&owner=payment-service",
            ),
            (
                "awaits:A owes:B version:2.8.0",
                "awaits=A&owes=B&serviceVersion=2.8.0",
            ),
            ("duration:>5m", "minDuration=5m"),
            ("duration:<=250ms", "maxDuration=250ms"),
            ("duration:\"1m..1h 30m\"", "minDuration=1m&maxDuration=1h 30m"),
            ("older:1h", "toDate=2026-11-29T14:30:00.000Z"),
            ("newer:1h30m", "fromDate=2026-11-29T14:00:00.000Z"),
            ("started:today", "fromDate=2026-11-29&toDate=2026-11-29"),
            (
                "started:2026-11-01..2026-11-05",
                "fromDate=2026-11-01&toDate=2026-11-05",
            ),
            ("started:2026-11-01..", "fromDate=2026-11-01"),
            ("started:>2026-11-01T10:00:00Z", "fromDate=2026-11-01T10:00:00Z"),
            ("started:<2026-11-01", "toDate=2026-11-01"),
            ("status:failed", "status=FAILED"),
            ("status:in-progress", "status=IN_PROGRESS"),
            (
                "type:order-creation failedStep:payment_failed",
                "sagaType=ORDER_CREATION&failedStep=PAYMENT_FAILED",
            ),
            ("overdue -ended -owing", "stuck=true&ended=false&owing=false"),
            ("stuck:no failed:yes", "stuck=false&failed=true"),
            ("in-progress", "ended=false"),
            ("completed", "status=COMPLETED"),
            ("FAILED", "failed=true"),
            ("Order:A:B", "orderId=A:B"),
            ("metadata.status:open", "metadata.status=open"),
            (
                "\"a key\":\"a \\\"value\\\" with \\\\\"",
                "metadata.a key=a \"value\" with \\",
            ),
            ("failed failed:yes", "failed=true"),
            ("  step:A\tservice:b\n", "step=A&producerService=b"),
            ("고객:김", "metadata.고객=김"),
            ("sort:duration,desc", "sort=duration,desc"),
        ] {
            assert_eq!(parameters(text), expected, "{text}");
        }
    }

    #[test]
    fn an_error_names_its_token_and_what_is_possible() {
        for (text, expected) in [
            (
                "type:A stauts:failed",
                "stauts:failed: no filter is named stauts; status: is one",
            ),
            ("reason:\"card", "reason:\"card: the quotation mark is not closed"),
            ("reason:\"card\"x", "reason:\"card\"x: a space must follow"),
            ("type:", "type:: needs a value"),
            (":x", ":x: needs a name before the colon"),
            ("metadata.:x", "metadata.:x: must name a key after the dot"),
            ("-type:REFUND", "-type:REFUND: cannot be excluded"),
            ("NOT failed", "NOT: a minus sign before"),
            ("a OR b", "a: is neither"),
            ("type:A OR type:B", "OR: tokens add up"),
            ("ORD-17", "ORD-17: is neither"),
            ("type:A type:B", "type:B: type:A asks for something else"),
            ("stuck:maybe", "stuck:maybe: must be yes or no"),
            ("duration:5m", "duration:5m: must say"),
            ("older:soon", "older:soon: must be a length of time"),
            (
                "older:99999999999999d",
                "older:99999999999999d: must be a length of time",
            ),
            ("started:tomorrow", "started:tomorrow: must be today, yesterday"),
        ] {
            let error = error(text);
            assert!(error.starts_with(expected), "{text}: {error}");
        }
        assert!(error(&"a:b ".repeat(600)).contains("more than 2000 characters"));
        let many: Vec<String> = (0..51).map(|number| format!("k{number}:v")).collect();
        assert!(error(&many.join(" ")).contains("more than 50 tokens"));
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for parameters in [
            vec![],
            vec![
                ("failed", "true"),
                ("stuck", "false"),
                ("ended", "true"),
                ("owing", "true"),
            ],
            vec![
                ("status", "FAILED"),
                ("failureReason", "card \"declined\" \\ twice"),
            ],
            vec![
                ("metadata.status", "x"),
                ("metadata.customerId", "C-17"),
                ("metadata.-a b:c", " "),
            ],
            vec![("metadata.stauts", "a near miss"), ("metadata.metadata.x", "y")],
            vec![
                ("minDuration", "1h 30m"),
                ("maxDuration", "90000"),
                ("period", "24h"),
            ],
            vec![("fromDate", "2026-11-01"), ("toDate", "2026-11-02T00:00:00Z")],
            vec![
                ("orderId", "a:b"),
                ("parentSagaId", "p"),
                ("traceId", "t"),
                ("anomaly", "REOPENED"),
            ],
        ] {
            let parameters: Vec<(String, String)> = parameters
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let text = write(&parameters);
            let read = parse(&text, now()).unwrap_or_else(|error| panic!("{text}: {error}"));
            let read: Vec<_> = read.into_iter().map(|read| (read.name, read.value)).collect();
            assert_eq!(read, parameters, "{text}");
        }
    }
}
