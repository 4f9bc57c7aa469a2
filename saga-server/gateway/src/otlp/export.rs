//! All steps of a request, counted and written to the topic.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use saga_sdk::TraceContext;
use saga_types::{EventId, SagaEvent, SagaId};

use super::{Encoding, Signal, request};
use crate::{
    Gateway,
    body::ReadBody,
    budget::Share,
    config::MAX_EVENTS,
    error::RequestError,
    gateway::trace,
    mapping::Mapped,
    results::{Outcome, outcome_of},
};

/// How many reasons are said; the others are counted.
const MAX_REASONS: usize = 5;

/// A body that was received, and how it comes.
#[derive(Debug)]
pub struct ReceivedExport {
    body: ReadBody,
    encoding: Encoding,
    trace: Option<TraceContext>,
}

/// The steps of a request that are to be written, and what became of everything else.
#[derive(Debug)]
pub struct Export {
    signal: Signal,
    encoding: Encoding,
    trace: Option<TraceContext>,
    outcomes: Outcomes,
    events: Vec<SagaEvent>,
    /// The places of the events, by what makes them the same.
    known: HashMap<(SagaId, EventId), usize>,
    /// What the body took of the memory of all bodies: its steps take about as much until the broker has them.
    share: Option<Share>,
}

/// What became of all spans or log records.
#[derive(Debug)]
pub struct Exported {
    /// What they are.
    pub signal: Signal,
    /// How the request came.
    pub encoding: Encoding,
    /// How many had each outcome.
    pub counts: BTreeMap<Outcome, u64>,
    /// Why some were not taken.
    pub reasons: Vec<String>,
}

#[derive(Debug, Default)]
struct Outcomes {
    counts: BTreeMap<Outcome, u64>,
    reasons: Vec<String>,
}

impl Outcomes {
    fn add(&mut self, outcome: Outcome, reason: Option<&str>) {
        *self.counts.entry(outcome).or_default() += 1;
        if let Some(reason) = reason
            && self.reasons.len() < MAX_REASONS
            && !self.reasons.iter().any(|said| said == reason)
        {
            self.reasons.push(reason.to_owned());
        }
    }
}

impl Gateway {
    /// Receives a request of an exporter.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when it is of another type, too long, or cannot be unpacked.
    pub async fn receive_export<E>(
        &self,
        headers: &HeaderMap,
        chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
        caller: &str,
    ) -> Result<ReceivedExport, RequestError> {
        let encoding = Encoding::of(headers)?;
        Ok(ReceivedExport {
            body: self.receive_body(headers, chunks, caller).await?,
            encoding,
            trace: trace(headers),
        })
    }

    /// Finds the steps of a request that are right and that `may` lets through. May take long, and does not wait.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the body as a whole is wrong.
    pub fn read_export(
        &self,
        received: ReceivedExport,
        signal: Signal,
        may: impl Fn(&SagaEvent) -> Result<(), String>,
    ) -> Result<Export, RequestError> {
        let ReceivedExport {
            body,
            encoding,
            trace,
        } = received;
        let mapping = self.mapping(signal.source());
        let mut export = Export::new(signal, encoding, trace);
        request::read(
            &body.bytes,
            encoding,
            signal,
            &mut |item| match item.map(|item| item.apply(mapping)) {
                Ok(mapped) => export.take(mapped, &may),
                Err(reason) => export.outcomes.add(Outcome::Refused, Some(&reason)),
            },
        )?;
        export.share = Some(body.into_share());
        Ok(export)
    }

    /// Writes the steps to the topic and waits for the broker. When it does not take some, the rest is not tried: the exporter
    /// sends all of them again.
    pub async fn record_export(&self, export: Export) -> Exported {
        let Export {
            signal,
            encoding,
            trace,
            mut outcomes,
            mut events,
            share: _share,
            known: _,
        } = export;
        while !events.is_empty() && !must_come_again(&outcomes.counts) {
            let rest = events.split_off(events.len().min(MAX_EVENTS));
            let deliveries = self.publisher().publish(events, trace.as_ref()).await;
            for (outcome, reason) in deliveries.into_iter().map(outcome_of) {
                outcomes.add(outcome, reason);
            }
            events = rest;
        }
        for _ in events {
            outcomes.add(Outcome::NotSent, None);
        }
        Exported {
            signal,
            encoding,
            counts: outcomes.counts,
            reasons: outcomes.reasons,
        }
    }
}

/// Whether some are to be sent again.
pub(super) fn must_come_again(counts: &BTreeMap<Outcome, u64>) -> bool {
    [Outcome::Busy, Outcome::NotSent, Outcome::Unknown]
        .iter()
        .any(|outcome| counts.contains_key(outcome))
}

impl Export {
    fn new(signal: Signal, encoding: Encoding, trace: Option<TraceContext>) -> Self {
        Self {
            signal,
            encoding,
            trace,
            outcomes: Outcomes::default(),
            events: Vec::new(),
            known: HashMap::new(),
            share: None,
        }
    }

    fn take(&mut self, mapped: Mapped, may: &impl Fn(&SagaEvent) -> Result<(), String>) {
        let event = match mapped {
            Mapped::Event(event) => *event,
            Mapped::Ignored => return self.outcomes.add(Outcome::Ignored, None),
            Mapped::Refused(reason) => return self.outcomes.add(Outcome::Refused, Some(&reason)),
        };
        if let Err(reason) = may(&event) {
            return self.outcomes.add(Outcome::Forbidden, Some(&reason));
        }
        match self.known.entry((event.saga_id.clone(), event.event_id.clone())) {
            Entry::Vacant(free) => {
                free.insert(self.events.len());
                self.events.push(event);
            }
            Entry::Occupied(first) if self.events[*first.get()] == event => {
                self.outcomes.add(Outcome::Duplicate, None);
            }
            Entry::Occupied(_) => {
                let reason = format!(
                    "another {} of this request is the same event, and says something else",
                    self.signal.noun()
                );
                self.outcomes.add(Outcome::Refused, Some(&reason));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http::header;
    use saga_sdk_testkit::Recorder;
    use serde_json::{Value, json};

    use super::*;
    use crate::{GatewayConfig, mapping::Mapping, publish::Publisher};

    fn span(number: usize) -> Value {
        let attribute = |key: &str, text: &str| json!({"key": key, "value": {"stringValue": text}});
        json!({
            "traceId": format!("{:032x}", number + 1), "spanId": format!("{:016x}", number + 1),
            "endTimeUnixNano": "1760000000000000000",
            "attributes": [
                attribute("saga.id", "s-1"), attribute("saga.type", "REFUND"), attribute("saga.step", "PAYMENT_REFUNDED"),
                attribute("saga.order.id", "o-1"),
            ],
        })
    }

    async fn export(gateway: &Gateway, spans: Vec<Value>) -> Exported {
        let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string();
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, "application/json".parse().unwrap())]);
        let chunks = stream::iter([Ok::<_, Infallible>(Bytes::from(body))]);
        let received = gateway.receive_export(&headers, chunks, "a").await.unwrap();
        let export = gateway.read_export(received, Signal::Traces, |_| Ok(())).unwrap();
        gateway.record_export(export).await
    }

    fn gateway(recorder: &Recorder) -> Gateway {
        Gateway::new(
            GatewayConfig::default(),
            Publisher::with_client(recorder.client()),
        )
    }

    #[tokio::test]
    async fn a_long_request_is_written_in_parts() {
        let recorder = Recorder::new("gateway");
        let exported = export(&gateway(&recorder), (0..2_500).map(span).collect()).await;
        assert_eq!(exported.counts, BTreeMap::from([(Outcome::Accepted, 2_500)]));
        assert_eq!(recorder.events().len(), 2_500);
    }

    #[tokio::test]
    async fn when_the_broker_does_not_take_some_the_rest_waits_for_the_next_time() {
        let recorder = Recorder::new("gateway");
        recorder.fail_nth(1_200);
        let exported = export(&gateway(&recorder), (0..2_500).map(span).collect()).await;
        let expected = BTreeMap::from([(Outcome::Accepted, 1_999), (Outcome::NotSent, 501)]);
        assert_eq!(exported.counts, expected);
        assert_eq!(recorder.events().len(), 1_999);
    }

    #[tokio::test]
    async fn steps_count_as_their_body_until_the_broker_has_them() {
        let recorder = Recorder::new("gateway");
        let gateway = gateway(&recorder);
        let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span(0)]}]}]}).to_string();
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, "application/json".parse().unwrap())]);
        let chunks = stream::iter([Ok::<_, Infallible>(Bytes::from(body.clone()))]);
        let received = gateway.receive_export(&headers, chunks, "a").await.unwrap();
        let export = gateway.read_export(received, Signal::Traces, |_| Ok(())).unwrap();
        assert_eq!(gateway.buffered_bytes(), body.len());
        gateway.record_export(export).await;
        assert_eq!(gateway.buffered_bytes(), 0);
    }

    #[tokio::test]
    async fn the_mapping_of_traces_is_used() {
        let recorder = Recorder::new("gateway");
        let yaml = "
rules:
  - when: event.name == 'refund'
    sagaId: event.traceId
    orderId: event.traceId
    sagaType: REFUND
    step: PAYMENT_REFUNDED
    status: COMPLETED
";
        let mapping = Mapping::from_yaml("traces", yaml).unwrap();
        let gateway = gateway(&recorder).with_mappings([mapping].into_iter().collect());
        let mut refund = span(0);
        refund["name"] = json!("refund");
        let exported = export(&gateway, vec![refund, span(1), json!({}), span(1)]).await;
        let counts = [
            (Outcome::Accepted, 2),
            (Outcome::Duplicate, 1),
            (Outcome::Ignored, 1),
        ];
        assert_eq!(exported.counts, BTreeMap::from(counts));
        assert_eq!(
            recorder.events()[0].saga_id.as_str(),
            "00000000000000000000000000000001"
        );
        assert_eq!(gateway.buffered_bytes(), 0);
    }
}
