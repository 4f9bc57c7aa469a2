//! From the body of a request to a result for each of its events.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use saga_sdk::TraceContext;
use saga_types::{EventId, SagaEvent, SagaId};

use crate::{
    batch,
    body::{self, ReadBody},
    budget::Budget,
    cloud_events,
    config::GatewayConfig,
    error::RequestError,
    event::{self, Envelope},
    format::Format,
    publish::Publisher,
    results::{EventResult, Outcome, told},
};

/// Takes events over HTTP.
pub struct Gateway {
    config: GatewayConfig,
    budget: Arc<Budget>,
    publisher: Publisher,
}

/// A body that was received, and what it says that it holds.
#[derive(Debug)]
pub struct Received {
    body: ReadBody,
    format: Format,
    headers: HeaderMap,
}

impl Gateway {
    /// A gateway that writes by this publisher.
    #[must_use]
    pub fn new(config: GatewayConfig, publisher: Publisher) -> Self {
        Self {
            budget: Arc::new(Budget::new(config.max_buffered_bytes)),
            config,
            publisher,
        }
    }

    /// Writes to the topic.
    #[must_use]
    pub fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// How many bytes of bodies are held at the moment.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.budget.used()
    }

    /// Receives a body of a caller.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when it is of another type, too long, or cannot be unpacked.
    pub async fn receive<E>(
        &self,
        headers: HeaderMap,
        chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
        caller: &str,
    ) -> Result<Received, RequestError> {
        let format = Format::of(&headers)?;
        let share = self.budget.share(caller);
        let body = body::read(&headers, chunks, self.config.max_body_bytes, share).await?;
        Ok(Received {
            body,
            format,
            headers,
        })
    }

    /// Writes the events of a body to the topic, as far as they are right and `may` lets them, and waits for the broker.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the body as a whole is wrong; then nothing was written.
    pub async fn record(
        &self,
        received: &Received,
        may: impl Fn(&SagaEvent) -> Result<(), String>,
    ) -> Result<Vec<EventResult>, RequestError> {
        let Batch { mut results, events } = Batch::read(received, may)?;
        let trace = trace(&received.headers);
        let (places, events): (Vec<_>, _) = events.into_iter().unzip();
        let deliveries = self.publisher.publish(events, trace.as_ref()).await;
        for (place, delivery) in places.into_iter().zip(deliveries) {
            let (outcome, reason) = told(delivery);
            results[place].outcome = outcome;
            results[place].reason = reason.map(str::to_owned);
        }
        Ok(results)
    }

    /// Sends what is left, at most for so long.
    pub async fn close(&self, timeout: Duration) {
        self.publisher.close(timeout).await;
    }
}

/// The trace of the request, for events that name none.
fn trace(headers: &HeaderMap) -> Option<TraceContext> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    TraceContext::parse(text("traceparent")?, text("tracestate"))
}

/// The events of one body, with what is known of each.
struct Batch {
    results: Vec<EventResult>,
    /// What is to be sent, with the place of its result.
    events: Vec<(usize, SagaEvent)>,
}

impl Batch {
    fn read(
        received: &Received,
        may: impl Fn(&SagaEvent) -> Result<(), String>,
    ) -> Result<Self, RequestError> {
        let objects = batch::objects(&received.body.bytes, received.format)?;
        let read = |text: &str| match received.format {
            Format::Json | Format::Lines => event::read(text, Envelope::default()),
            Format::CloudEvent | Format::CloudEvents => cloud_events::structured(text),
            Format::CloudEventData => cloud_events::binary(&received.headers, text),
        };
        let mut batch = Self {
            results: Vec::with_capacity(objects.len()),
            events: Vec::with_capacity(objects.len()),
        };
        let mut known = HashMap::new();
        for text in objects {
            batch.take(read(text), &mut known, &may);
        }
        Ok(batch)
    }

    fn take(
        &mut self,
        event: Result<SagaEvent, String>,
        known: &mut HashMap<(SagaId, EventId), usize>,
        may: &impl Fn(&SagaEvent) -> Result<(), String>,
    ) {
        let index = self.results.len();
        let event = match event {
            Ok(event) => event,
            Err(reason) => return self.push(None, Outcome::Refused, Some(reason)),
        };
        if let Err(reason) = may(&event) {
            return self.push(Some(&event), Outcome::Forbidden, Some(reason));
        }
        match known.entry((event.saga_id.clone(), event.event_id.clone())) {
            Entry::Vacant(free) => {
                free.insert(self.events.len());
                // Replaced by the broker's word.
                self.push(Some(&event), Outcome::Unknown, None);
                self.events.push((index, event));
            }
            Entry::Occupied(before) => {
                let (place, first) = &self.events[*before.get()];
                let (outcome, reason) = match *first == event {
                    true => (
                        Outcome::Duplicate,
                        format!("it is the same as event {place} of this body"),
                    ),
                    false => (
                        Outcome::Refused,
                        format!("eventId is that of event {place} of this body, which says something else"),
                    ),
                };
                self.push(Some(&event), outcome, Some(reason));
            }
        }
    }

    fn push(&mut self, event: Option<&SagaEvent>, outcome: Outcome, reason: Option<String>) {
        self.results.push(EventResult {
            index: self.results.len(),
            event_id: event.map(|event| event.event_id.as_str().to_owned()),
            saga_id: event.map(|event| event.saga_id.as_str().to_owned()),
            outcome,
            reason,
        });
    }
}
