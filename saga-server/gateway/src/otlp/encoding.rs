//! How a request comes, and its answer goes: as protobuf, or as JSON.

use http::HeaderMap;
use prost::Message;
use serde::de::DeserializeOwned;

use super::{
    json::{self, Visit},
    protobuf,
};
use crate::{
    error::RequestError,
    format::{UnsupportedEncoding, media_type},
};

/// How a request comes, and its answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Protobuf.
    Protobuf,
    /// JSON, as OTLP writes it: ids in hex digits.
    Json,
}

/// A message within a message, as either encoding calls it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) tag: u32,
    pub(super) name: &'static str,
}

impl Encoding {
    /// By the type of the body.
    ///
    /// # Errors
    ///
    /// [`UnsupportedEncoding`] when it is another one.
    pub fn of(headers: &HeaderMap) -> Result<Self, UnsupportedEncoding> {
        let given = media_type(headers).ok_or(UnsupportedEncoding)?;
        [Self::Protobuf, Self::Json]
            .into_iter()
            .find(|encoding| encoding.media_type().eq_ignore_ascii_case(given))
            .ok_or(UnsupportedEncoding)
    }

    /// The type of a body.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    /// The message in a field that holds at most one.
    pub(super) fn message(self, of: &[u8], field: Field) -> Result<Option<&[u8]>, RequestError> {
        match self {
            Self::Protobuf => protobuf::Messages::of(of, field.tag)
                .last()
                .transpose()
                .map_err(protobuf::unreadable),
            Self::Json => json::field(of, field.name)
                .map(|value| value.map(|value| value.get().as_bytes()))
                .map_err(json::unreadable),
        }
    }

    /// Looks at each message of a field that holds a list.
    pub(super) fn each(self, of: &[u8], field: Field, visit: &mut Visit<'_>) -> Result<(), RequestError> {
        match self {
            Self::Protobuf => protobuf::Messages::of(of, field.tag)
                .try_for_each(|message| visit(message.map_err(protobuf::unreadable)?)),
            Self::Json => match json::field(of, field.name).map_err(json::unreadable)? {
                Some(list) => json::each(list.get(), visit),
                None => Ok(()),
            },
        }
    }

    /// The whole message.
    pub(super) fn decode<T: Message + Default + DeserializeOwned>(
        self,
        message: &[u8],
    ) -> Result<T, RequestError> {
        match self {
            Self::Protobuf => T::decode(message).map_err(protobuf::unreadable),
            Self::Json => json::decode(message).map_err(json::unreadable),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    #[test]
    fn the_type_of_the_body_says_which() {
        let of = |given: &str| {
            Encoding::of(&HeaderMap::from_iter([(
                header::CONTENT_TYPE,
                given.parse().unwrap(),
            )]))
        };
        assert_eq!(of("application/x-protobuf"), Ok(Encoding::Protobuf));
        assert_eq!(of("Application/JSON; charset=utf-8"), Ok(Encoding::Json));
        for other in [
            "application/protobuf",
            "text/plain",
            "application/json; charset=utf-16",
            "",
        ] {
            assert_eq!(of(other), Err(UnsupportedEncoding), "{other}");
        }
        assert_eq!(Encoding::of(&HeaderMap::new()), Err(UnsupportedEncoding));
    }
}
