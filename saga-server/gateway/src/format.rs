//! What a body says that it holds.

use http::{HeaderMap, header};
use thiserror::Error;

/// What a body holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One object, or an array of them.
    Json,
    /// One object a line.
    Lines,
    /// One CloudEvent.
    CloudEvent,
    /// An array of CloudEvents.
    CloudEvents,
    /// The data of a CloudEvent, whose attributes are in the headers.
    CloudEventData,
}

/// 415: the body is of another type.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "Content-Type must be application/json, application/x-ndjson, application/cloudevents+json or \
     application/cloudevents-batch+json, in UTF-8"
)]
pub struct UnsupportedFormat;

/// 415: the body is of a type that OTLP does not have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("Content-Type must be application/x-protobuf, or application/json in UTF-8")]
pub struct UnsupportedEncoding;

/// Every type that is taken, with its format.
const TYPES: [(&str, Format); 7] = [
    ("application/json", Format::Json),
    ("application/x-ndjson", Format::Lines),
    ("application/ndjson", Format::Lines),
    ("application/jsonl", Format::Lines),
    ("application/json-lines", Format::Lines),
    ("application/cloudevents+json", Format::CloudEvent),
    ("application/cloudevents-batch+json", Format::CloudEvents),
];

impl Format {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, UnsupportedFormat> {
        let media_type = media_type(headers).ok_or(UnsupportedFormat)?;
        let format = TYPES
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(media_type))
            .map(|(_, format)| format)
            .ok_or(UnsupportedFormat)?;
        Ok(match format {
            Format::Json if headers.contains_key("ce-specversion") => Self::CloudEventData,
            format => format,
        })
    }
}

/// The type of a body, when exactly one is named, and no other character set than UTF-8.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(content_type), None) = (given.next(), given.next()) else {
        return None;
    };
    let mut parts = content_type.to_str().ok()?.split(';').map(str::trim);
    let media_type = parts.next()?;
    parts.all(is_harmless).then_some(media_type)
}

/// Any parameter but another character set.
fn is_harmless(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            let value = value.trim().trim_matches('"');
            value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("us-ascii")
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &str)]) -> Result<Format, UnsupportedFormat> {
        let header = |(name, value): &(&'static str, &str)| {
            (http::HeaderName::from_static(name), value.parse().unwrap())
        };
        Format::of(&headers.iter().map(header).collect())
    }

    #[test]
    fn a_type_is_known_by_its_name_alone() {
        assert_eq!(
            of(&[("content-type", "Application/JSON; charset=\"UTF-8\"")]),
            Ok(Format::Json)
        );
        assert_eq!(of(&[("content-type", "application/x-ndjson")]), Ok(Format::Lines));
        let binary = [("content-type", "application/json"), ("ce-specversion", "1.0")];
        assert_eq!(of(&binary), Ok(Format::CloudEventData));
    }

    #[test]
    fn any_other_is_refused() {
        for other in [
            "text/plain",
            "application/json; charset=latin1",
            "",
            "application/xml",
        ] {
            assert_eq!(of(&[("content-type", other)]), Err(UnsupportedFormat), "{other}");
        }
        assert_eq!(of(&[]), Err(UnsupportedFormat));
    }
}
