//! The objects of one body, apart.
//!
//! Rule of thumb: what is wrong with one object is that one's result; what is wrong with the form of the body is the body's.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{config::MAX_EVENTS, document::cut, error::RequestError, format::Format};

/// The texts of the objects of a body.
pub(crate) fn objects(body: &[u8], format: Format) -> Result<Vec<&str>, RequestError> {
    let text = str::from_utf8(body).map_err(|_| RequestError::Unreadable("is not UTF-8".to_owned()))?;
    let objects = match format {
        Format::CloudEvent | Format::CloudEventData => vec![text],
        Format::Json if !text.trim_start().starts_with('[') => vec![text],
        Format::Json | Format::CloudEvents => elements(text)?,
        Format::Lines => lines(text),
    };
    match objects.len() {
        0 => Err(RequestError::Unreadable("holds no event".to_owned())),
        1..=MAX_EVENTS => Ok(objects),
        _ => Err(RequestError::TooMany),
    }
}

fn elements(text: &str) -> Result<Vec<&str>, RequestError> {
    serde_json::from_str(text)
        .map(|Elements(elements)| elements)
        .map_err(|error| RequestError::Unreadable(cut(&format!("is not a JSON array: {error}"))))
}

/// One more than are allowed shows that they are too many.
fn lines(text: &str) -> Vec<&str> {
    let filled = text.lines().filter(|line| !line.trim().is_empty());
    filled.take(MAX_EVENTS + 1).collect()
}

/// The texts of an array's elements, up to one more than are allowed.
struct Elements<'a>(Vec<&'a str>);

impl<'de: 'a, 'a> Deserialize<'de> for Elements<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ElementsVisitor;

        impl<'de> Visitor<'de> for ElementsVisitor {
            type Value = Elements<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Elements<'de>, A::Error> {
                let mut elements = Vec::new();
                while elements.len() <= MAX_EVENTS {
                    let Some(element) = sequence.next_element::<&'de RawValue>()? else {
                        return Ok(Elements(elements));
                    };
                    elements.push(element.get());
                }
                while sequence.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Elements(elements))
            }
        }

        deserializer.deserialize_seq(ElementsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_an_array_and_lines_are_taken_apart() {
        assert_eq!(objects(b" {} ", Format::Json).unwrap(), [" {} "]);
        assert_eq!(
            objects(b" [{}, 7 ,\"x\"]", Format::Json).unwrap(),
            ["{}", "7", "\"x\""]
        );
        assert_eq!(objects(b"{}\r\n\n {\n", Format::Lines).unwrap(), ["{}", " {"]);
    }

    #[test]
    fn half_an_array_is_no_array() {
        for body in ["[{}", "[{},", "[{}] x", "[{]}"] {
            let refused = objects(body.as_bytes(), Format::Json).unwrap_err();
            assert!(matches!(refused, RequestError::Unreadable(_)), "{body}");
        }
        assert!(objects(b"\xff", Format::Json).is_err());
        assert!(objects(b"[]", Format::CloudEvents).is_err());
        assert!(objects(b"\n\n", Format::Lines).is_err());
    }

    #[test]
    fn more_events_than_are_allowed_are_refused_in_either_form() {
        let many = format!("[{}1]", "1,".repeat(MAX_EVENTS));
        assert!(matches!(
            objects(many.as_bytes(), Format::Json),
            Err(RequestError::TooMany)
        ));
        let many = "1\n".repeat(MAX_EVENTS + 1);
        assert!(matches!(
            objects(many.as_bytes(), Format::Lines),
            Err(RequestError::TooMany)
        ));
        let most = "1\n".repeat(MAX_EVENTS);
        assert_eq!(objects(most.as_bytes(), Format::Lines).unwrap().len(), MAX_EVENTS);
    }
}
