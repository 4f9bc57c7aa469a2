//! The spans or log records of a request, one after the other.

use opentelemetry_proto::tonic::{
    common::v1::InstrumentationScope, logs::v1::LogRecord, resource::v1::Resource, trace::v1::Span,
};
use prost::Message;
use serde::de::DeserializeOwned;

use super::{
    Encoding, Item, Signal,
    encoding::Field,
    item::{Origin, What},
};
use crate::{config::MAX_ITEMS, error::RequestError};

/// The longest span or log record, in bytes, and the longest description of where they come from.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;

const RESOURCE: Field = Field {
    tag: 1,
    name: "resource",
};
const SCOPE: Field = Field {
    tag: 1,
    name: "scope",
};

impl Signal {
    /// The lists that stand within each other: by resource, by scope, and the items themselves.
    const fn lists(self) -> [Field; 3] {
        let (resources, scopes, items) = match self {
            Self::Traces => ("resourceSpans", "scopeSpans", "spans"),
            Self::Logs => ("resourceLogs", "scopeLogs", "logRecords"),
        };
        let (resources, scopes) = (
            Field {
                tag: 1,
                name: resources,
            },
            Field { tag: 2, name: scopes },
        );
        let items = Field { tag: 2, name: items };
        [resources, scopes, items]
    }
}

/// Looks at each span or log record of a request, or at why one is not read.
///
/// # Errors
///
/// [`RequestError`] when the body is no such request; what was looked at before is then not to be used either.
pub fn read(
    body: &[u8],
    encoding: Encoding,
    signal: Signal,
    visit: &mut dyn FnMut(Result<Item<'_>, String>),
) -> Result<(), RequestError> {
    let mut reading = Reading {
        encoding,
        signal,
        count: 0,
        visit,
    };
    let [resources, ..] = signal.lists();
    encoding.each(body, resources, &mut |group| reading.group(group))
}

struct Reading<'v> {
    encoding: Encoding,
    signal: Signal,
    count: usize,
    visit: &'v mut dyn FnMut(Result<Item<'_>, String>),
}

impl Reading<'_> {
    fn group(&mut self, group: &[u8]) -> Result<(), RequestError> {
        let [_, scopes, _] = self.signal.lists();
        let resource: Resource = self.part(group, RESOURCE)?;
        self.encoding
            .each(group, scopes, &mut |scope| self.scope(scope, &resource))
    }

    fn scope(&mut self, group: &[u8], resource: &Resource) -> Result<(), RequestError> {
        let [.., items] = self.signal.lists();
        let scope: InstrumentationScope = self.part(group, SCOPE)?;
        let origin = Origin {
            resource,
            scope: &scope,
        };
        self.encoding
            .each(group, items, &mut |item| self.item(item, origin))
    }

    fn item(&mut self, item: &[u8], origin: Origin<'_>) -> Result<(), RequestError> {
        self.count += 1;
        if self.count > MAX_ITEMS {
            return Err(RequestError::TooManyItems(self.signal.noun()));
        }
        if item.len() > MAX_MESSAGE_BYTES {
            let bytes = item.len();
            let reason = format!("has {bytes} bytes, at most {MAX_MESSAGE_BYTES} are taken");
            (self.visit)(Err(reason));
            return Ok(());
        }
        let what = match self.signal {
            Signal::Traces => What::Span(self.encoding.decode::<Span>(item)?),
            Signal::Logs => What::Record(self.encoding.decode::<LogRecord>(item)?),
        };
        (self.visit)(Ok(Item { origin, what }));
        Ok(())
    }

    /// A message that may be missing, which is as an empty one.
    fn part<T: Message + Default + DeserializeOwned>(
        &self,
        of: &[u8],
        field: Field,
    ) -> Result<T, RequestError> {
        match self.encoding.message(of, field)? {
            Some(message) if message.len() > MAX_MESSAGE_BYTES => {
                let (name, bytes) = (field.name, message.len());
                let reason =
                    format!("holds a {name} of {bytes} bytes, at most {MAX_MESSAGE_BYTES} are taken");
                Err(RequestError::Unreadable(reason))
            }
            Some(message) => self.encoding.decode(message),
            None => Ok(T::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::bytes::BufMut;

    use super::*;

    const TWO: &str = r#"{"unknown":{"spans":7},"resourceSpans":[
        {"scopeSpans":[{"spans":[{"name":"a"}]},{"scope":null,"spans":null}],"resource":{"attributes":[]}},
        {"scopeSpans":[{"scope":{"name":"lib"},"spans":[{"name":"b","later":[1]}]}]}]}"#;

    fn names(body: &[u8], encoding: Encoding, signal: Signal) -> Result<Vec<String>, RequestError> {
        let mut names = Vec::new();
        read(body, encoding, signal, &mut |item| {
            names.push(match item.map(|item| item.what) {
                Ok(What::Span(span)) => span.name,
                Ok(What::Record(record)) => record.severity_text,
                Err(reason) => reason,
            });
        })?;
        Ok(names)
    }

    fn packed() -> Vec<u8> {
        let request: ExportTraceServiceRequest =
            serde_json::from_str(&TWO.replace("\"scope\":null,\"spans\":null", "")).unwrap();
        request.encode_to_vec()
    }

    #[test]
    fn spans_are_found_in_both_encodings() {
        assert_eq!(
            names(TWO.as_bytes(), Encoding::Json, Signal::Traces).unwrap(),
            ["a", "b"]
        );
        assert_eq!(
            names(&packed(), Encoding::Protobuf, Signal::Traces).unwrap(),
            ["a", "b"]
        );
        // An empty request is a request.
        assert!(names(b"", Encoding::Protobuf, Signal::Traces).unwrap().is_empty());
        assert!(names(b"{}", Encoding::Json, Signal::Traces).unwrap().is_empty());
        assert!(
            names(TWO.as_bytes(), Encoding::Json, Signal::Logs)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn log_records_are_found_by_their_names() {
        let logs = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityText":"WARN"}]}]}]}"#;
        assert_eq!(
            names(logs.as_bytes(), Encoding::Json, Signal::Logs).unwrap(),
            ["WARN"]
        );
    }

    #[test]
    fn half_a_request_is_none_wherever_it_ends() {
        let whole = packed();
        let complete = |end: usize| names(&whole[..end], Encoding::Protobuf, Signal::Traces).is_ok();
        // Behind a whole group the rest is another one.
        let ends: Vec<usize> = (0..=whole.len()).filter(|end| complete(*end)).collect();
        assert_eq!(
            (ends.first(), ends.len(), ends.last()),
            (Some(&0), 3, Some(&whole.len()))
        );
        for end in 0..TWO.len() {
            assert!(
                names(&TWO.as_bytes()[..end], Encoding::Json, Signal::Traces).is_err(),
                "{end}"
            );
        }
    }

    #[test]
    fn what_is_no_request_is_refused_as_a_whole() {
        let spans = |spans: &str| format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":{spans}}}]}}]}}"#);
        for wrong in [
            "[]".to_owned(),
            "7".to_owned(),
            r#"{"resourceSpans":{}}"#.to_owned(),
            r#"{"resourceSpans":[7]}"#.to_owned(),
            r#"{"resourceSpans":[{"scopeSpans":"x"}]}"#.to_owned(),
            r#"{"resourceSpans":[{"resource":[],"scopeSpans":[]}]}"#.to_owned(),
            spans("7"),
            spans("[[]]"),
            spans(r#"[{"traceId":"xyz"}]"#),
            spans(r#"[{"startTimeUnixNano":-1}]"#),
            spans(r#"[{"attributes":[{"key":"a","value":{"intValue":"much"}}]}]"#),
        ] {
            let refused = names(wrong.as_bytes(), Encoding::Json, Signal::Traces);
            assert!(
                matches!(refused, Err(RequestError::Unreadable(_))),
                "{wrong}: {refused:?}"
            );
        }
        let deep = format!(
            r#"[{{"attributes":[{{"key":"a","value":{}{}}}]}}]"#,
            r#"{"arrayValue":{"values":["#.repeat(5_000),
            "]}}".repeat(5_000)
        );
        assert!(names(spans(&deep).as_bytes(), Encoding::Json, Signal::Traces).is_err());
    }

    /// Two bytes each, which would be some hundred as spans.
    #[test]
    fn too_many_spans_are_refused_before_they_take_memory() {
        let mut spans = Vec::new();
        for _ in 0..=MAX_ITEMS {
            spans.put_slice(&[0x12, 0]);
        }
        let within = |tag: u8, inner: &[u8]| {
            let mut outer = vec![tag];
            prost::encode_length_delimiter(inner.len(), &mut outer).unwrap();
            outer.extend(inner);
            outer
        };
        let body = within(0x0a, &within(0x12, &spans));
        let refused = names(&body, Encoding::Protobuf, Signal::Traces).unwrap_err();
        assert_eq!(refused.to_string(), "the body has more than 20000 spans");
        let body = within(0x0a, &within(0x12, &spans[2..]));
        assert_eq!(
            names(&body, Encoding::Protobuf, Signal::Traces).unwrap().len(),
            MAX_ITEMS
        );
    }

    #[test]
    fn one_that_is_too_long_keeps_no_other_back() {
        let long = "x".repeat(MAX_MESSAGE_BYTES);
        let body = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"name":"{long}"}},{{"name":"b"}}]}}]}}]}}"#
        );
        let names = names(body.as_bytes(), Encoding::Json, Signal::Traces).unwrap();
        assert_eq!(names, ["has 262155 bytes, at most 262144 are taken", "b"]);
    }
}
