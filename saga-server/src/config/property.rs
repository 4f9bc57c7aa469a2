//! A property of librdkafka.

use std::str::FromStr;

/// A property of librdkafka as a flag gives it. Its value may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Property {
    /// Such as `client.rack`.
    pub name: String,
    /// None when there is no `=`.
    pub value: Option<String>,
}

impl std::fmt::Debug for Property {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}=***", self.name)
    }
}

/// Never fails: an error of clap would show the value. What is wrong is found when the layers are resolved.
impl FromStr for Property {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        Ok(Self {
            name: name.trim().to_owned(),
            value,
        })
    }
}
