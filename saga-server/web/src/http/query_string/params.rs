//! The parameters of a query, by name. Each is taken once, and what is left in the end is refused: a filter that is
//! silently ignored gives a wrong answer.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use saga_types::Timestamp;
use serde_json::{Map, Value};

use super::tokens::{self, Parameter};

/// Parameters that are wrong, each by its name, with what it should be.
#[derive(Debug)]
pub(crate) struct BadParameters(pub(crate) BTreeMap<String, String>);

/// The parameters of a query. Handlers take what they know; [`Params::finish`] refuses what is left.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params {
    given: BTreeMap<String, String>,
    bad: BTreeMap<String, String>,
    /// The tokens that parameters are from.
    tokens: BTreeMap<String, String>,
}

/// The parameter that holds tokens.
const TOKENS: &str = "q";

impl Params {
    /// The parameters of a query, or the fields of a form, which are written the same way.
    pub(crate) fn of(query: &str) -> Self {
        let mut params = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            params.add(name, value);
        }
        params
    }

    /// The fields of a JSON object, whose values must be texts. `null` counts as missing.
    pub(crate) fn of_json(fields: &Map<String, Value>) -> Self {
        let mut params = Self::default();
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            match value.as_str() {
                Some(text) if !text.contains('\0') => {
                    params.given.insert(name.clone(), text.to_owned());
                }
                Some(_) => params.refuse(name, "must not hold U+0000"),
                None => params.refuse(name, "must be a text"),
            }
        }
        params
    }

    fn add(&mut self, name: &str, value: &str) {
        let Some(name) = decoded(name) else {
            let shown = name.chars().take(100).collect();
            self.bad
                .insert(shown, "has a name that is not percent-encoded UTF-8".to_owned());
            return;
        };
        let Some(value) = decoded(value) else {
            self.bad.insert(
                name,
                "must be UTF-8 with every % followed by two hex digits".to_owned(),
            );
            return;
        };
        if value.contains('\0') {
            self.refuse(&name, "must not hold U+0000");
        } else if self.given.insert(name.clone(), value).is_some() {
            self.refuse(&name, "is given more than once");
        }
    }

    /// Puts the parameters that the tokens in `q` stand for in its place. What is wrong with one of them later, its token is named
    /// for.
    pub(crate) fn expand_tokens(&mut self, now: Timestamp) {
        let Some(text) = self.text(TOKENS) else {
            return;
        };
        let parameters = match tokens::parse(&text, now) {
            Ok(parameters) => parameters,
            Err(error) => return self.refuse(TOKENS, format!("holds the token {error}")),
        };
        for Parameter { name, value, token } in parameters {
            match self.given.get(&name) {
                Some(other) if *other != value => {
                    let reason =
                        format!("holds the token {token}: the parameter {name} asks for something else");
                    self.refuse(TOKENS, reason);
                }
                _ => {
                    self.tokens.insert(name.clone(), token);
                    self.given.insert(name, value);
                }
            }
        }
    }

    /// Takes a parameter as it is; an empty one is refused.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.parsed(name, |text| Ok(text.to_owned()))
    }

    /// Takes what somebody typed, without spaces around it; nothing is an empty text.
    pub(crate) fn trimmed(&mut self, name: &str) -> String {
        self.given.remove(name).unwrap_or_default().trim().to_owned()
    }

    /// Without what is empty: browsers send every field of a form, also those that were left empty.
    pub(crate) fn filled(mut self) -> Self {
        self.given.retain(|_, value| !value.is_empty());
        self
    }

    /// Everything that is given and can be read, by name.
    pub(crate) fn given(&self) -> Vec<(String, String)> {
        let given = self.given.iter();
        given.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Takes a parameter and reads it; what is wrong is kept for [`Params::finish`].
    pub(crate) fn parsed<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.given.remove(name)?;
        let result = if text.is_empty() {
            Err("must not be empty".to_owned())
        } else {
            read(&text)
        };
        result.map_err(|reason| self.refuse(name, reason)).ok()
    }

    /// Takes all parameters that begin with a prefix, without it.
    pub(crate) fn prefixed(&mut self, prefix: &str) -> BTreeMap<String, String> {
        let names: Vec<String> = self
            .given
            .keys()
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect();
        let mut taken = BTreeMap::new();
        for name in names {
            let key = name[prefix.len()..].to_owned();
            if key.is_empty() {
                self.refuse(&name, "must name a key after the dot");
            }
            if let Some(value) = self.given.remove(&name) {
                taken.insert(key, value);
            }
        }
        taken
    }

    /// Says that a parameter is wrong.
    pub(crate) fn refuse(&mut self, name: &str, reason: impl Into<String>) {
        let reason = reason.into();
        match self.tokens.get(name) {
            Some(token) => self
                .bad
                .insert(TOKENS.to_owned(), format!("holds the token {token}: {reason}")),
            None => self.bad.insert(name.to_owned(), reason),
        };
    }

    /// Says that a parameter is missing, unless it was given and is wrong.
    pub(crate) fn require(&mut self, name: &str) {
        let bad = self.bad.entry(name.to_owned());
        bad.or_insert_with(|| "is missing".to_owned());
    }

    /// Refuses the request if anything was wrong, or is left that is not known.
    pub(crate) fn finish(mut self) -> Result<(), BadParameters> {
        for name in std::mem::take(&mut self.given).into_keys() {
            self.refuse(&name, "is not known here");
        }
        if self.bad.is_empty() {
            Ok(())
        } else {
            Err(BadParameters(self.bad))
        }
    }
}

/// The query that gives these parameters.
pub(crate) fn of_pairs(given: &[(String, String)]) -> String {
    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let pairs: Vec<String> = given
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    pairs.join("&")
}

/// Whether every `%` begins an escape.
pub(crate) fn is_well_encoded(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes();
        digits.len() >= 2 && digits[..2].iter().all(u8::is_ascii_hexdigit)
    })
}

/// As HTML forms encode it. None when it is not.
fn decoded(text: &str) -> Option<String> {
    if !is_well_encoded(text) {
        return None;
    }
    let with_spaces = text.replace('+', " ");
    let decoded = percent_decode_str(&with_spaces).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// Parameters that were read before.
impl From<Vec<(String, String)>> for Params {
    fn from(given: Vec<(String, String)>) -> Self {
        Self {
            given: given.into_iter().collect(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_as_forms_encode_them() {
        let mut params = Params::of("a=x+y%2Bz&b=%EC%A3%BC&&metadata.k=1");
        assert_eq!(params.text("a").as_deref(), Some("x y+z"));
        assert_eq!(params.text("b").as_deref(), Some("주"));
        assert_eq!(
            params.prefixed("metadata."),
            BTreeMap::from([("k".to_owned(), "1".to_owned())])
        );
        assert!(params.finish().is_ok());
    }

    #[test]
    fn tokens_are_parameters_and_what_is_wrong_with_them_is_named_for_the_token() {
        let now = "2026-11-29T15:30:00Z".parse().unwrap();
        let mut params = Params::of("q=type:A+failed&sort=due&sagaType=A");
        params.expand_tokens(now);
        assert_eq!(params.text("sagaType").as_deref(), Some("A"));
        assert_eq!(params.text("failed").as_deref(), Some("true"));
        assert_eq!(params.text("sort").as_deref(), Some("due"));
        assert!(params.finish().is_ok());
        for (query, reason) in [
            (
                "q=type:A&sagaType=B",
                "holds the token type:A: the parameter sagaType asks",
            ),
            ("q=stauts:A", "holds the token stauts:A: no filter"),
            ("q=anomaly:A", "holds the token anomaly:A: is not known here"),
        ] {
            let mut params = Params::of(query);
            params.expand_tokens(now);
            params.text("sagaType");
            let bad = params.finish().unwrap_err().0;
            assert!(bad["q"].starts_with(reason), "{bad:?}");
            assert_eq!(bad.len(), 1, "{bad:?}");
        }
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let mut params = Params::of("a=1&a=2&b=%zz&c=%ff&d=%00&e=&f=1&metadata.=1");
        assert_eq!(params.text("e"), None);
        params.prefixed("metadata.");
        let bad: Vec<_> = params.bad.keys().cloned().collect();
        assert_eq!(bad, ["a", "b", "c", "d", "e", "metadata."]);
        assert!(params.finish().is_err());
    }
}
