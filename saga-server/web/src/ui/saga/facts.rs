//! What stands beneath the sentence.

use saga_types::{Timestamp, fold::SagaState};

use crate::{
    config::PagesConfig,
    ui::{
        humanize::{Moment, length, list},
        search::{encoded, saga_path},
    },
};

/// A name and its value; a moment or a link where it is one.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: Value,
}

pub(super) enum Value {
    Text(String),
    Id { text: String, path: Option<String> },
    Moment(Moment),
}

pub(super) fn facts(saga: &SagaState, pages: &PagesConfig, now: Timestamp) -> Vec<Fact> {
    let moment = |at| Value::Moment(Moment::new(at, now));
    let facts = [
        ("Type", Some(Value::Text(saga.saga_type.to_string()))),
        ("Order", Some(order(&saga.order_id))),
        ("Parent", saga.parent_saga_id.as_deref().map(parent)),
        ("Started", Some(moment(saga.started_at))),
        ("Last event", Some(moment(saga.updated_at))),
        ("Ended", saga.ended_at.map(moment)),
        ("Took", saga.duration_ms.map(|millis| Value::Text(length(millis)))),
        ("Trace", saga.last_trace_id.as_deref().map(|id| trace(id, pages))),
        ("Services", Some(Value::Text(list(&saga.services)))),
    ];
    facts
        .into_iter()
        .filter_map(|(name, value)| Some(Fact { name, value: value? }))
        .collect()
}

fn order(order_id: &str) -> Value {
    Value::Id {
        text: order_id.to_owned(),
        path: Some(format!("/sagas?orderId={}", encoded(order_id))),
    }
}

fn parent(saga_id: &str) -> Value {
    Value::Id {
        text: saga_id.to_owned(),
        path: Some(saga_path(saga_id)),
    }
}

fn trace(id: &str, pages: &PagesConfig) -> Value {
    Value::Id {
        text: id.to_owned(),
        path: pages.trace_url(&encoded(id)),
    }
}
