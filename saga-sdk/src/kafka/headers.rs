//! The headers of an event.

use std::sync::atomic::{AtomicU64, Ordering};

use rdkafka::message::{Header, OwnedHeaders};
use saga_types::topic::headers;

use crate::trace::TraceContext;

/// Where the numbers of relayed events begin: far from those of recorded ones, since no two events share a number.
const FIRST_RELAYED: u64 = 1 << 63;

/// Why an event is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Its service recorded it just now.
    Recorded,
    /// A relay sends it, and again until it is acknowledged. A missing number would not mean a loss, so the header of
    /// the instance, by which readers detect losses, is left out.
    Relayed,
}

/// What is the same for every event of one client, and the number of the next one.
#[derive(Debug)]
pub(super) struct Producer {
    pub(super) service: String,
    /// Copied for each event, which is cheaper than building them again.
    recorded: OwnedHeaders,
    relayed: OwnedHeaders,
    next_recorded: AtomicU64,
    next_relayed: AtomicU64,
}

impl Producer {
    /// A producer of a service, with the id of its instance.
    pub(super) fn new(service: &str, instance: &str) -> Self {
        Self {
            service: service.to_owned(),
            recorded: named(service).insert(header(headers::PRODUCER_INSTANCE, instance)),
            relayed: named(service),
            next_recorded: AtomicU64::new(1),
            next_relayed: AtomicU64::new(FIRST_RELAYED),
        }
    }

    /// The number of the next event of this origin.
    pub(super) fn number(&self, origin: Origin) -> u64 {
        let next = match origin {
            Origin::Recorded => &self.next_recorded,
            Origin::Relayed => &self.next_relayed,
        };
        next.fetch_add(1, Ordering::Relaxed)
    }

    /// Producer, sequence number and trace. A relayed event names the service that recorded it.
    pub(super) fn headers(
        &self,
        origin: Origin,
        sequence: u64,
        (service, trace): (Option<&str>, Option<&TraceContext>),
    ) -> OwnedHeaders {
        let constant = match (origin, service) {
            (Origin::Recorded, _) => self.recorded.clone(),
            (Origin::Relayed, Some(service)) if service != self.service => named(service),
            (Origin::Relayed, _) => self.relayed.clone(),
        };
        let headers = constant.insert(header(headers::SEQUENCE, &sequence.to_string()));
        match trace {
            Some(trace) => with_trace(headers, trace),
            None => headers,
        }
    }
}

fn named(service: &str) -> OwnedHeaders {
    OwnedHeaders::new_with_capacity(6)
        .insert(header(headers::PRODUCER, service))
        .insert(header(headers::PRODUCER_VERSION, env!("CARGO_PKG_VERSION")))
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
        let with_trace = texts(&producer.headers(Origin::Recorded, 7, (None, Some(&trace))));
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
        assert_eq!(
            texts(&producer.headers(Origin::Recorded, 7, (None, None))),
            with_trace[..4]
        );
    }

    #[test]
    fn relayed_events_name_no_instance_and_leave_no_gap_among_the_others() {
        let producer = Producer::new("order-service", "i-1");
        let origins = [
            Origin::Recorded,
            Origin::Relayed,
            Origin::Relayed,
            Origin::Recorded,
        ];
        let numbers = origins.map(|origin| producer.number(origin));
        assert_eq!(numbers, [1, FIRST_RELAYED, FIRST_RELAYED + 1, 2]);
        let names: Vec<String> = texts(&producer.headers(Origin::Relayed, numbers[1], (None, None)))
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(names, ["saga-producer", "saga-producer-version", "saga-sequence"]);
    }
    #[test]
    fn a_relayed_event_names_the_service_that_recorded_it() {
        let producer = Producer::new("relay", "i-1");
        let service = |origin, service| texts(&producer.headers(origin, 1, (service, None)))[0].1.clone();
        assert_eq!(service(Origin::Relayed, Some("order-service")), "order-service");
        assert_eq!(service(Origin::Relayed, None), "relay");
        assert_eq!(service(Origin::Recorded, Some("order-service")), "relay");
    }
}
