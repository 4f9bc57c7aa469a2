//! What each service has: a tracer, an inbox that knows what was handled, and an outbox.

use std::collections::{HashMap, HashSet};

use opentelemetry::{
    Context, KeyValue,
    propagation::TextMapPropagator,
    trace::{SpanBuilder, SpanKind, Status, TraceContextExt, Tracer},
};
use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracer};

use crate::event::{DomainEvent, What};

/// The header, and the attribute of a span, that name the order.
const ORDER_ID: &str = "order.id";
const TRACEPARENT: &str = "traceparent";

/// What each service has.
pub(crate) struct Service {
    tracer: SdkTracer,
    /// The ids of events that were handled.
    inbox: HashSet<String>,
    outbox: Vec<DomainEvent>,
}

/// A piece of work on an order, under a span.
pub(crate) struct Work {
    context: Context,
    order_id: String,
}

impl Service {
    pub(crate) fn new(tracer: SdkTracer) -> Self {
        Self {
            tracer,
            inbox: HashSet::new(),
            outbox: Vec::new(),
        }
    }

    /// A request of a customer, under a span without a parent.
    pub(crate) fn request(&self, route: &'static str, order_id: &str) -> Work {
        self.begin(route, SpanKind::Server, order_id, &Context::new())
    }

    /// An event that is received, under a span of the consumer; none when it was handled before.
    pub(crate) fn receive(&self, event: &DomainEvent) -> Option<Work> {
        if self.inbox.contains(&event.event_id) {
            return None;
        }
        let headers = HashMap::from([(TRACEPARENT.to_owned(), event.traceparent.clone())]);
        let sender = TraceContextPropagator::new().extract(&headers);
        // As instrumented consumers name it: it says nothing of an order.
        let builder = SpanBuilder::from_name(format!("process {}", event.what.service().topic()))
            .with_kind(SpanKind::Consumer)
            .with_attributes([KeyValue::new("messaging.system", "kafka")]);
        Some(Work {
            context: sender.with_span(builder.start_with_context(&self.tracer, &sender)),
            order_id: event.order_id.clone(),
        })
    }

    /// The event is handled: it is left alone when it comes again.
    pub(crate) fn handled(&mut self, event: &DomainEvent, work: Work) -> bool {
        self.inbox.insert(event.event_id.clone());
        work.end();
        true
    }

    /// A part of a piece of work, under a span of its own.
    pub(crate) fn part(&self, of: &Work, name: &'static str, kind: SpanKind) -> Work {
        self.begin(name, kind, &of.order_id, &of.context)
    }

    /// Writes an event into the outbox, as a transaction would, under a span that instrumented databases have.
    pub(crate) fn publish(&mut self, work: &Work, what: What) {
        let mut headers = HashMap::new();
        TraceContextPropagator::new().inject_context(&work.context, &mut headers);
        let traceparent = headers.remove(TRACEPARENT).unwrap_or_default();
        let insert = SpanBuilder::from_name("INSERT outbox")
            .with_kind(SpanKind::Client)
            .with_attributes([KeyValue::new("db.system.name", "postgresql")])
            .start_with_context(&self.tracer, &work.context);
        self.outbox
            .push(DomainEvent::new(&work.order_id, what, traceparent));
        drop(insert);
    }

    /// Takes what was published since the last time.
    pub(crate) fn take_published(&mut self) -> Vec<DomainEvent> {
        std::mem::take(&mut self.outbox)
    }

    fn begin(&self, name: &'static str, kind: SpanKind, order_id: &str, parent: &Context) -> Work {
        let builder = self
            .tracer
            .span_builder(name)
            .with_kind(kind)
            .with_attributes([KeyValue::new(ORDER_ID, order_id.to_owned())]);
        Work {
            context: parent.with_span(builder.start_with_context(&self.tracer, parent)),
            order_id: order_id.to_owned(),
        }
    }
}

impl Work {
    pub(crate) fn order_id(&self) -> &str {
        &self.order_id
    }

    /// It did not succeed, for this reason.
    pub(crate) fn failed(&self, reason: &str) {
        self.context.span().set_status(Status::error(reason.to_owned()));
    }

    /// Adds something that those who look at traces want to know.
    pub(crate) fn note(&self, key: &'static str, value: &str) {
        self.context
            .span()
            .set_attribute(KeyValue::new(key, value.to_owned()));
    }

    pub(crate) fn end(self) {
        self.context.span().end();
    }
}
