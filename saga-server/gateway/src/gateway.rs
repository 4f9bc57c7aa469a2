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
use serde_json::{Map, Value};

use crate::{
    batch,
    body::{self, BodyError, ReadBody},
    budget::Budget,
    cloud_events::{self, Opened},
    config::GatewayConfig,
    document::cut,
    error::RequestError,
    event::{self, Envelope},
    format::Format,
    mapping::{Input, Mapped, Mapping, Mappings},
    publish::Publisher,
    results::{EventResult, Outcome, outcome_of},
};

/// Takes events over HTTP.
pub struct Gateway {
    config: GatewayConfig,
    budget: Arc<Budget>,
    publisher: Publisher,
    mappings: Mappings,
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
            mappings: Mappings::default(),
        }
    }

    /// The same gateway, which also takes what these mappings make events of.
    #[must_use]
    pub fn with_mappings(mut self, mappings: Mappings) -> Self {
        self.mappings = mappings;
        self
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
        let body = self.receive_body(&headers, chunks, caller).await?;
        Ok(Received {
            body,
            format,
            headers,
        })
    }

    /// Receives a body within the limits, whatever it holds.
    pub(crate) async fn receive_body<E>(
        &self,
        headers: &HeaderMap,
        chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
        caller: &str,
    ) -> Result<ReadBody, BodyError> {
        let share = self.budget.share(caller);
        body::read(headers, chunks, self.config.max_body_bytes, share).await
    }

    /// The mapping of a source.
    pub(crate) fn mapping(&self, source: &str) -> Option<&Mapping> {
        self.mappings.find(source)
    }

    /// Writes the events of a body to the topic, as far as they are right and `may` lets them, and waits for the broker. With a
    /// source its objects are what its mapping makes of them.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the body as a whole is wrong; then nothing was written.
    pub async fn record(
        &self,
        received: &Received,
        source: Option<&str>,
        may: impl Fn(&SagaEvent) -> Result<(), String>,
    ) -> Result<Vec<EventResult>, RequestError> {
        let find = |source: &str| {
            let mapping = self.mapping(source);
            mapping.ok_or_else(|| RequestError::UnknownSource(cut(source)))
        };
        let mapping = source.map(find).transpose()?;
        let Batch { mut results, events } = Batch::read(received, mapping, may).await?;
        let trace = trace(&received.headers);
        let (places, events): (Vec<_>, _) = events.into_iter().unzip();
        let deliveries = self.publisher.publish(events, trace.as_ref()).await;
        for (place, delivery) in places.into_iter().zip(deliveries) {
            let (outcome, reason) = outcome_of(delivery);
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
pub(crate) fn trace(headers: &HeaderMap) -> Option<TraceContext> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    TraceContext::parse(text("traceparent")?, text("tracestate"))
}

/// What an object is: an event, or what a mapping makes of it.
fn read(mapping: Option<&Mapping>, text: &str, envelope: Envelope, attributes: Map<String, Value>) -> Mapped {
    let Some(mapping) = mapping else {
        return match event::read(text, envelope) {
            Ok(event) => Mapped::Event(Box::new(event)),
            Err(reason) => Mapped::Refused(reason),
        };
    };
    let input = Input {
        event: text,
        attributes,
        resource: Map::new(),
    };
    mapping.map(&input, envelope)
}

fn opened(mapping: Option<&Mapping>, opened: Result<Opened, String>) -> Mapped {
    match opened {
        Ok(opened) => read(mapping, &opened.data, opened.envelope, opened.attributes),
        Err(reason) => Mapped::Refused(reason),
    }
}

/// The events of one body, with what is known of each.
struct Batch {
    results: Vec<EventResult>,
    /// What is to be sent, with the place of its result.
    events: Vec<(usize, SagaEvent)>,
}

impl Batch {
    async fn read(
        received: &Received,
        mapping: Option<&Mapping>,
        may: impl Fn(&SagaEvent) -> Result<(), String>,
    ) -> Result<Self, RequestError> {
        let objects = batch::objects(&received.body.bytes, received.format)?;
        let read = |text: &str| match received.format {
            Format::Json | Format::Lines => read(mapping, text, Envelope::default(), Map::new()),
            Format::CloudEvent | Format::CloudEvents => opened(mapping, cloud_events::structured(text)),
            Format::CloudEventData => opened(mapping, cloud_events::binary(&received.headers, text)),
        };
        let mut batch = Self {
            results: Vec::with_capacity(objects.len()),
            events: Vec::with_capacity(objects.len()),
        };
        let mut known = HashMap::new();
        for text in objects {
            batch.take(read(text), &mut known, &may);
            if mapping.is_some() {
                // The rules of 1,000 documents may take seconds, in which others are answered.
                tokio::task::yield_now().await;
            }
        }
        Ok(batch)
    }

    fn take(
        &mut self,
        event: Mapped,
        known: &mut HashMap<(SagaId, EventId), usize>,
        may: &impl Fn(&SagaEvent) -> Result<(), String>,
    ) {
        let index = self.results.len();
        let event = match event {
            Mapped::Event(event) => *event,
            Mapped::Ignored => {
                let reason = "no rule of the mapping takes it".to_owned();
                return self.push(None, Outcome::Ignored, Some(reason));
            }
            Mapped::Refused(reason) => return self.push(None, Outcome::Refused, Some(reason)),
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
