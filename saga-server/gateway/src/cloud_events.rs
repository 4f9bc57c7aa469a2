//! The envelope of CloudEvents 1.0, in its three modes. The data is an event as it would come without the envelope; what it
//! does not say of itself, its id and its time, the envelope says.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderMap;
use percent_encoding::percent_decode_str;
use saga_types::Timestamp;
use serde_json::{Map, Value, value::RawValue};

use crate::{
    document::{Document, cut},
    event::{self, Envelope},
    event_id,
};

/// What begins the id of an event that has none of its own.
const ID_PREFIX: &str = "ce-";

/// A CloudEvent, taken out of its envelope.
#[derive(Debug)]
pub(crate) struct Opened {
    /// What the envelope says of the event.
    pub(crate) envelope: Envelope,
    /// All attributes, for mappings.
    pub(crate) attributes: Map<String, Value>,
    /// The text of the data.
    pub(crate) data: String,
}

/// A CloudEvent is named by its source and id together.
fn envelope(source: &str, id: &str, recorded_at: Option<Timestamp>) -> Envelope {
    let prefix = format!("{ID_PREFIX}{}", event_id::in_order(id));
    Envelope {
        event_id: event_id::hashed(&prefix, &[source.as_bytes(), id.as_bytes()]).ok(),
        recorded_at,
        row: None,
    }
}

/// One in structured mode: attributes and data in one object.
pub(crate) fn structured(text: &str) -> Result<Opened, String> {
    let mut document = Document::read(text)?;
    let attributes = document.others(&["data", "data_base64"]);
    check_version(&mut document);
    let id = text_of(&mut document, "id");
    let source = text_of(&mut document, "source");
    text_of(&mut document, "type");
    let time = document.optional("time", |value| event::time("time", value));
    let packed = document.optional_text("data_base64", |text| unpacked(&text));
    let data: Option<&RawValue> = document.raw("data");
    if packed.is_some() && data.is_some() {
        document.refuse("data and data_base64 exclude each other");
    }
    let data = document.require("data", packed.or(data.map(|data| data.get().to_owned())));
    // Extensions, and attributes that say nothing of a step.
    document.ignore_rest();
    document.finish((|| {
        Some(Opened {
            envelope: envelope(&source?, &id?, time),
            attributes,
            data: data?,
        })
    })())
}

/// One in binary mode: attributes in headers, data in the body.
pub(crate) fn binary(headers: &HeaderMap, data: &str) -> Result<Opened, String> {
    const PREFIX: &str = "ce-";
    let attributes = headers
        .keys()
        .filter_map(|name| {
            let value = decoded(headers, name.as_str())?;
            Some((name.as_str().strip_prefix(PREFIX)?.to_owned(), value))
        })
        .collect();
    of_attributes(PREFIX, attributes, data)
}

/// One whose attributes came in headers, whose names began with `prefix`.
pub(crate) fn of_attributes(
    prefix: &str,
    attributes: BTreeMap<String, String>,
    data: &str,
) -> Result<Opened, String> {
    let mut problems = Vec::new();
    let mut attribute = |name: &str| {
        let value = attributes.get(name).map_or("", String::as_str);
        if value.is_empty() {
            problems.push(format!("the header {prefix}{name} is missing, empty or no text"));
        }
        value
    };
    let version = attribute("specversion");
    let (id, source, _) = (attribute("id"), attribute("source"), attribute("type"));
    if version != VERSION && !version.is_empty() {
        problems.push(format!("{prefix}specversion must be {VERSION}"));
    }
    let time = attributes.get("time").and_then(|text| match text.parse() {
        Ok(time) => Some(time),
        Err(error) => {
            problems.push(cut(&format!("{prefix}time {error}")));
            None
        }
    });
    if !problems.is_empty() {
        return Err(problems.join("; "));
    }
    let envelope = envelope(source, id, time);
    Ok(Opened {
        envelope,
        attributes: attributes
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect(),
        data: data.to_owned(),
    })
}

const VERSION: &str = "1.0";

fn check_version(document: &mut Document<'_>) {
    let version = document.optional_text("specversion", |version| match version == VERSION {
        true => Ok(()),
        false => Err(format!("specversion must be {VERSION}")),
    });
    document.require("specversion", version);
}

fn text_of(document: &mut Document<'_>, name: &str) -> Option<String> {
    let text = document.optional_text(name, |text| match text.is_empty() {
        true => Err(format!("{name} is empty")),
        false => Ok(text),
    });
    document.require(name, text)
}

fn unpacked(text: &str) -> Result<String, String> {
    let bytes = STANDARD
        .decode(text)
        .map_err(|error| format!("data_base64 is no Base64: {error}"))?;
    String::from_utf8(bytes).map_err(|_| "data_base64 is no text in UTF-8".to_owned())
}

/// The value of a header, whose characters beyond ASCII are written with percent signs.
fn decoded(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut given = headers.get_all(name).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return None;
    };
    let value = percent_decode_str(value.to_str().ok()?).decode_utf8().ok()?;
    (!value.is_empty()).then(|| value.into_owned())
}

#[cfg(test)]
mod tests {
    use saga_types::SagaEvent;

    use super::*;

    fn structured(text: &str) -> Result<SagaEvent, String> {
        let opened = super::structured(text)?;
        event::read(&opened.data, opened.envelope)
    }

    fn binary(headers: &HeaderMap, data: &str) -> Result<SagaEvent, String> {
        let opened = super::binary(headers, data)?;
        event::read(&opened.data, opened.envelope)
    }

    const DATA: &str = r#"{"sagaId":"s-1","sagaType":"ORDER_CREATION","step":"ORDER_CREATED","status":"STARTED","orderId":"o-1"}"#;

    fn wrapped(attributes: &str) -> String {
        format!(r#"{{"specversion":"1.0","type":"step",{attributes}}}"#)
    }

    #[test]
    fn attributes_are_kept_for_mappings() {
        let opened = super::structured(&wrapped(&format!(
            r#""id":"1","source":"/a","tenant":7,"data":{DATA}"#
        )))
        .unwrap();
        assert_eq!(opened.attributes["tenant"], 7);
        assert!(!opened.attributes.contains_key("data"));
        let headers = [
            ("ce-specversion", "1.0"),
            ("ce-type", "t"),
            ("ce-id", "1"),
            ("ce-source", "/a"),
            ("ce-tenant", "%C3%A4"),
        ];
        let header = |(name, value): (&'static str, &str)| {
            (http::HeaderName::from_static(name), value.parse().unwrap())
        };
        let opened = super::binary(&headers.map(header).into_iter().collect(), DATA).unwrap();
        assert_eq!(opened.attributes["tenant"], "ä");
    }

    #[test]
    fn id_and_time_come_from_the_envelope_in_all_modes() {
        let time = "2026-11-22T08:26:40Z";
        let first = self::structured(&wrapped(&format!(
            r#""id":"1","source":"/orders","time":"{time}","data":{DATA},"partitionkey":"x""#
        )))
        .unwrap();
        let packed = STANDARD.encode(DATA);
        let base64 = self::structured(&wrapped(&format!(
            r#""id":"1","source":"/orders","time":"{time}","data_base64":"{packed}""#
        )));
        let headers = [
            ("ce-specversion", "1.0"),
            ("ce-type", "step"),
            ("ce-id", "1"),
            ("ce-source", "/orders"),
            ("ce-time", time),
        ];
        let header = |(name, value): (&'static str, &str)| {
            (http::HeaderName::from_static(name), value.parse().unwrap())
        };
        let binary = self::binary(&headers.map(header).into_iter().collect(), DATA);
        assert_eq!(first.recorded_at, time.parse().unwrap());
        assert!(first.event_id.as_str().starts_with("ce-"));
        assert_eq!(base64, Ok(first.clone()));
        assert_eq!(binary, Ok(first));
    }

    #[test]
    fn the_id_is_that_of_source_and_id_together() {
        let event = |id: &str, source: &str| {
            let text = wrapped(&format!(
                r#""id":"{id}","source":"{source}","time":"2026-11-22T08:26:40Z","data":{DATA}"#
            ));
            structured(&text).unwrap().event_id
        };
        assert_eq!(event("1", "/a"), event("1", "/a"));
        assert_ne!(event("1", "/a"), event("1", "/b"));
        assert_ne!(event("b1", "/a"), event("1", "/ab"));
    }

    #[test]
    fn an_event_that_names_itself_keeps_its_name() {
        let data = DATA.replacen('{', r#"{"eventId":"mine","recordedAt":7,"#, 1);
        let event = structured(&wrapped(&format!(r#""id":"1","source":"/a","data":{data}"#))).unwrap();
        assert_eq!(
            (event.event_id.as_str(), event.recorded_at.as_millis()),
            ("mine", 7)
        );
    }

    #[test]
    fn what_the_envelope_lacks_is_named() {
        let refused = structured(r#"{"specversion":"0.3","id":"","data":7}"#).unwrap_err();
        assert_eq!(
            refused,
            "specversion must be 1.0; id is empty; source is missing; type is missing"
        );
        let refused = structured(&wrapped(r#""id":"1","source":"/a","data":7"#)).unwrap_err();
        assert!(refused.starts_with("is not a JSON object"), "{refused}");
        let refused = binary(&HeaderMap::new(), DATA).unwrap_err();
        assert!(refused.contains("the header ce-id is missing"), "{refused}");
    }
}
