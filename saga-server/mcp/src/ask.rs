//! How the tools ask the REST interface.
//!
//! Rule of thumb: a refusal becomes words that help to ask better; nothing is retried here.

use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What stands in a query as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The longest link, in bytes; the page of the longest id has one that is shorter.
const LONGEST_LINK: usize = 1_500;

/// The REST interface of a tracker.
pub trait Ask: Clone + Send + Sync + 'static {
    /// The answer to `GET` of a path with its query; why there is none, in words.
    ///
    /// `sender` is the head of the request that brought the question, and absent where it came by standard input. What it says of
    /// the caller must reach the interface unchanged, since rights are decided there.
    fn get(
        &self,
        call: &str,
        sender: Option<&Parts>,
    ) -> impl Future<Output = Result<Answered, String>> + Send;

    /// Where people find the pages, without a slash at the end; none when it is not known.
    fn pages(&self) -> Option<&str>;
}

/// An answer of the REST interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The status of HTTP.
    pub status: u16,
    /// What was said.
    pub body: Value,
}

/// A call: its path, and the parameters that are given.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    text: String,
    has_query: bool,
}

impl Call {
    pub(crate) fn to(path: &str) -> Self {
        Self {
            text: path.to_owned(),
            has_query: false,
        }
    }

    /// The same with what belongs to an id. Its first byte is always encoded: else the saga `stream` would be the call of that name.
    pub(crate) fn id(mut self, id: &str) -> Self {
        let is_kept =
            |place: usize, byte: u8| place > 0 && (byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        self.text.push('/');
        for (place, byte) in id.bytes().enumerate() {
            match is_kept(place, byte) {
                true => self.text.push(char::from(byte)),
                false => self.text.push_str(&format!("%{byte:02X}")),
            }
        }
        self
    }

    /// The same with a further part of the path.
    pub(crate) fn part(mut self, part: &str) -> Self {
        self.text.push('/');
        self.text.extend(utf8_percent_encode(part, ENCODED));
        self
    }

    /// The same with a parameter.
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.text.push_str(name);
        self.text.push('=');
        self.text.extend(utf8_percent_encode(&value.to_string(), ENCODED));
        self
    }

    /// The same with a parameter, if it is given.
    pub(crate) fn maybe(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// A tracker, asked for the sender of one question.
pub(crate) struct Tracker<'a, A> {
    ask: &'a A,
    sender: Option<&'a Parts>,
}

impl<'a, A: Ask> Tracker<'a, A> {
    pub(crate) fn new(ask: &'a A, sender: Option<&'a Parts>) -> Self {
        Self { ask, sender }
    }

    /// What was found; none when there is nothing of that name.
    pub(crate) async fn find(&self, call: &Call) -> Result<Option<Value>, String> {
        let answered = self.ask.get(call.as_str(), self.sender).await?;
        match answered.status {
            200 => Ok(Some(answered.body)),
            404 => Ok(None),
            _ => Err(refusal(&answered)),
        }
    }

    /// The answer to a call that must succeed.
    pub(crate) async fn get(&self, call: &Call) -> Result<Value, String> {
        let answered = self.ask.get(call.as_str(), self.sender).await?;
        match answered.status {
            200 => Ok(answered.body),
            _ => Err(refusal(&answered)),
        }
    }

    /// The address of a page; its path where nobody has said where the pages are. One that is too long loses its filters.
    pub(crate) fn page(&self, path: &str) -> String {
        let bare = path.split('?').next().unwrap_or_default();
        let path = [path, bare].into_iter().find(|path| path.len() <= LONGEST_LINK);
        format!("{}{}", self.ask.pages().unwrap_or_default(), path.unwrap_or("/"))
    }
}

/// Why there is no answer, with everything that is wrong with the question.
fn refusal(answered: &Answered) -> String {
    let status = answered.status;
    let message = answered.body["message"].as_str().unwrap_or("no reason is given");
    let details = answered.body["details"].as_object().into_iter().flatten();
    let details: Vec<String> = details
        .map(|(name, reason)| format!("{name} {}", reason.as_str().unwrap_or_default()))
        .collect();
    let hint = match status {
        401 => ". The token is missing, wrong or expired",
        403 => ". Another token is needed for this; asking again does not help",
        429 | 503 => ". Ask again in some seconds",
        _ => "",
    };
    match details.len() {
        0 | 1 => format!("the tracker answered {status}: {message}{hint}"),
        _ => format!(
            "the tracker answered {status}: {message}: {}{hint}",
            details.join("; ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_is_no_call_and_no_other_path() {
        for (id, call) in [
            ("stream", "/x/%73tream"),
            ("a/b?c#d", "/x/%61%2Fb%3Fc%23d"),
            ("../x", "/x/%2E%2E%2Fx"),
        ] {
            assert_eq!(Call::to("/x").id(id).as_str(), call);
        }
    }

    #[test]
    fn a_parameter_holds_any_text() {
        let call = Call::to("/x")
            .with("q", "a b&c=d")
            .maybe("n", None::<u32>)
            .with("size", 3);
        assert_eq!(call.as_str(), "/x?q=a%20b%26c%3Dd&size=3");
    }

    #[test]
    fn a_refusal_names_everything_that_is_wrong() {
        let body = json!({"message": "the parameters a, b are wrong", "details": {"a": "must be x", "b": "must be y"}});
        let words = refusal(&Answered { status: 400, body });
        assert_eq!(
            words,
            "the tracker answered 400: the parameters a, b are wrong: a must be x; b must be y"
        );
        let words = refusal(&Answered {
            status: 502,
            body: Value::Null,
        });
        assert_eq!(words, "the tracker answered 502: no reason is given");
    }
}
