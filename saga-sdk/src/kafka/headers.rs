//! The headers of an event.

use rdkafka::message::{Header, OwnedHeaders};
use saga_types::topic::headers;

use crate::trace::TraceContext;

/// What is the same for every event of one client.
#[derive(Debug)]
pub(super) struct Producer {
    pub(super) service: String,
    pub(super) instance: String,
}

impl Producer {
    /// Names the producer, the event's place among those of the producer, and the trace.
    pub(super) fn headers(&self, sequence: u64, trace: Option<&TraceContext>) -> OwnedHeaders {
        let headers = OwnedHeaders::new_with_capacity(6)
            .insert(header(headers::PRODUCER, &self.service))
            .insert(header(headers::PRODUCER_VERSION, env!("CARGO_PKG_VERSION")))
            .insert(header(headers::PRODUCER_INSTANCE, &self.instance))
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
