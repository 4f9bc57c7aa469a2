//! The headers of an event.

use rdkafka::message::{Header, OwnedHeaders};
use saga_types::topic::headers;

use crate::trace::TraceContext;

/// What is the same for every event of one client.
#[derive(Debug)]
pub(super) struct Producer {
    pub(super) service: String,
    /// Copied for each event, which is cheaper than writing them anew.
    constant: OwnedHeaders,
}

impl Producer {
    /// A producer of a service, in one of its lives.
    pub(super) fn new(service: &str, instance: &str) -> Self {
        let constant = OwnedHeaders::new_with_capacity(6)
            .insert(header(headers::PRODUCER, service))
            .insert(header(headers::PRODUCER_VERSION, env!("CARGO_PKG_VERSION")))
            .insert(header(headers::PRODUCER_INSTANCE, instance));
        Self {
            service: service.to_owned(),
            constant,
        }
    }

    /// Names the producer, the event's place among those of the producer, and the trace.
    pub(super) fn headers(&self, sequence: u64, trace: Option<&TraceContext>) -> OwnedHeaders {
        let headers = self
            .constant
            .clone()
            .insert(header(headers::SEQUENCE, &sequence.to_string()));
        match trace {
            Some(trace) => with_trace(headers, trace),
            None => headers,
        }
    }
}

fn with_trace(headers: OwnedHeaders, trace: &TraceContext) -> OwnedHeaders {
    let headers = headers.insert(header(headers::TRACEPARENT, &trace.traceparent()));
    match trace.tracestate() {
        Some(state) => headers.insert(header(headers::TRACESTATE, state)),
        None => headers,
    }
}

const fn header<'a>(key: &'a str, value: &'a str) -> Header<'a, &'a str> {
    Header {
        key,
        value: Some(value),
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::message::Headers as _;

    use super::*;

    fn texts(headers: &OwnedHeaders) -> Vec<(String, String)> {
        let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap_or_default().to_vec()).unwrap();
        headers
            .iter()
            .map(|header| (header.key.to_owned(), text(header.value)))
            .collect()
    }

    #[test]
    fn they_name_the_producer_and_with_a_span_the_trace() {
        let producer = Producer::new("order-service", "i-1");
        let trace = TraceContext::new([1; 16], [2; 8], 1)
            .unwrap()
            .with_state("vendor=value");
        let with_trace = texts(&producer.headers(7, Some(&trace)));
        let expected = [
            ("saga-producer", "order-service"),
            ("saga-producer-version", env!("CARGO_PKG_VERSION")),
            ("saga-producer-instance", "i-1"),
            ("saga-sequence", "7"),
            (
                "traceparent",
                "00-01010101010101010101010101010101-0202020202020202-01",
            ),
            ("tracestate", "vendor=value"),
        ];
        assert_eq!(
            with_trace,
            expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
        assert_eq!(texts(&producer.headers(7, None)), with_trace[..4]);
    }
}
