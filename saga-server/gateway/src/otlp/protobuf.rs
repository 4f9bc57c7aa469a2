//! The messages within a message of protobuf, one after the other.
//!
//! Decoding a whole request at once would let two bytes of the body become some hundred of an empty span.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use thiserror::Error;

use crate::{document::cut, error::RequestError};

/// Why bytes are no message.
#[derive(Debug, Error)]
pub(super) enum MessageError {
    #[error("{0}")]
    Wire(#[from] prost::DecodeError),
    #[error("the field {0} holds no message")]
    NoMessage(u32),
    #[error("it ends too early")]
    TooShort,
}

/// What is answered then.
pub(super) fn unreadable(error: impl Into<MessageError>) -> RequestError {
    let error = error.into();
    RequestError::Unreadable(cut(&format!("is not what OTLP sends in protobuf: {error}")))
}

/// The messages in a field of a message.
pub(super) struct Messages<'a> {
    rest: &'a [u8],
    tag: u32,
}

impl<'a> Messages<'a> {
    pub(super) fn of(message: &'a [u8], tag: u32) -> Self {
        Self { rest: message, tag }
    }

    /// The next field; `None` when it is another one.
    fn field(&mut self) -> Result<Option<&'a [u8]>, MessageError> {
        let (tag, wire_type) = decode_key(&mut self.rest)?;
        if tag != self.tag {
            skip_field(wire_type, tag, &mut self.rest, DecodeContext::default())?;
            return Ok(None);
        }
        if wire_type != WireType::LengthDelimited {
            return Err(MessageError::NoMessage(tag));
        }
        let length = decode_varint(&mut self.rest)?;
        let split = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length));
        let (message, rest) = split.ok_or(MessageError::TooShort)?;
        self.rest = rest;
        Ok(Some(message))
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<&'a [u8], MessageError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            match self.field() {
                Ok(None) => {}
                Ok(Some(message)) => return Some(Ok(message)),
                Err(error) => {
                    self.rest = &[];
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(bytes: &[u8]) -> Result<Vec<&[u8]>, String> {
        Messages::of(bytes, 1)
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())
    }

    #[test]
    fn messages_are_found_among_other_fields() {
        let bytes = [0x0a, 2, 7, 8, 0x10, 5, 0x0a, 0, 0x1a, 1, 9];
        assert_eq!(messages(&bytes).unwrap(), [&[7_u8, 8][..], &[]]);
        assert!(messages(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_message_ends_it() {
        assert_eq!(messages(&[0x0a, 3, 1]).unwrap_err(), "it ends too early");
        assert_eq!(messages(&[0x08, 3]).unwrap_err(), "the field 1 holds no message");
        for wrong in [
            &[0x0a][..],
            &[0xff; 12],
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        ] {
            assert!(messages(wrong).is_err(), "{wrong:?}");
        }
    }
}
