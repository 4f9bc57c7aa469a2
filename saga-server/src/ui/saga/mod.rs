//! `/sagas/{sagaId}`: everything about one saga, for somebody who has to act on it.

mod events;
mod path;
mod timeline;

use askama::Template;
use axum::{Extension, extract::State};
use saga_types::{
    Timestamp,
    fold::{Anomaly, SagaState},
};

use self::{
    events::EventRow,
    path::{PathStep, expected_path},
    timeline::Timeline,
};
use super::{
    page::{Badge, Frame, Page, Section},
    row::{Row, WhatNow, overdue},
    words::{Moment, Piece, length, number, pieces},
};
use crate::{
    auth::Caller,
    rest::{ApiError, AppState, Params, PathSagaId},
    store::{SagaQuery, StoredStep},
};

/// The steps on the page; the rest is a link away.
const STEPS: u32 = 1_000;

#[derive(Template)]
#[template(path = "saga.html")]
pub(super) struct SagaTemplate {
    frame: Frame,
    badge: Badge,
    saga_id: String,
    sentence: Vec<Piece>,
    overdue: Option<String>,
    what_now: WhatNow,
    facts: Vec<Fact>,
    path: Vec<PathStep>,
    timeline: Option<Timeline>,
    events: Vec<EventRow>,
    event_count: String,
    /// Whether more events exist than the page shows.
    has_more: bool,
    anomalies: Vec<(&'static str, &'static str)>,
    siblings: Vec<Row>,
}

/// A name and its value; a moment or a link where it is one.
struct Fact {
    name: &'static str,
    value: Value,
}

enum Value {
    Text(String),
    Id { text: String, path: Option<String> },
    Moment(Moment),
}

pub(super) async fn page(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    PathSagaId(saga_id): PathSagaId,
    params: Params,
) -> Result<Page<SagaTemplate>, ApiError> {
    params.finish()?;
    let found = state.ask("saga", state.store.saga(&saga_id)).await?;
    let saga = found.ok_or_else(|| ApiError::no_such_saga(&saga_id, &state.freshness()))?;
    let saga = state.redaction.saga(saga);
    let steps = state
        .ask("steps", state.store.steps(&saga_id, None, STEPS))
        .await?;
    let (steps, has_more) = steps.map_or((Vec::new(), false), |page| (page.steps, page.has_more));
    let of_the_order = SagaQuery {
        order_id: Some(saga.order_id.to_string()),
        ..SagaQuery::newest(10)
    };
    let siblings = state
        .ask("search", state.store.search(&of_the_order))
        .await?
        .sagas;
    Ok(Page(show(&state, &caller, saga, steps, has_more, siblings)))
}

fn show(
    state: &AppState,
    caller: &Caller,
    saga: SagaState,
    steps: Vec<StoredStep>,
    has_more: bool,
    siblings: Vec<SagaState>,
) -> SagaTemplate {
    let now = Timestamp::now();
    let definition = state.definitions.get(&saga.saga_type);
    SagaTemplate {
        frame: Frame::new(
            Section::Sagas,
            format!("{} · {}", Badge::from(saga.current_status).name, saga.saga_id),
            caller,
            Some(&state.freshness()),
        ),
        badge: saga.current_status.into(),
        sentence: pieces(saga.sentence(), now),
        overdue: overdue(&saga, now),
        what_now: WhatNow::of(&saga, now),
        facts: facts(&saga, now),
        path: definition.map_or_else(Vec::new, |definition| expected_path(definition, &saga, &steps)),
        timeline: Timeline::of(&steps),
        events: EventRow::all(&steps, &saga, &state.redaction),
        event_count: number(saga.step_count),
        has_more,
        anomalies: saga
            .anomalies
            .iter()
            .map(|anomaly| (anomaly.as_str(), explained(*anomaly)))
            .collect(),
        siblings: siblings
            .into_iter()
            .filter(|other| other.saga_id != saga.saga_id)
            .map(|other| Row::new(state.redaction.saga(other), now))
            .collect(),
        saga_id: saga.saga_id.into(),
    }
}

fn facts(saga: &SagaState, now: Timestamp) -> Vec<Fact> {
    let row = Row::new(saga.clone(), now);
    let mut facts = vec![
        Fact {
            name: "Type",
            value: Value::Text(row.saga_type),
        },
        Fact {
            name: "Order",
            value: Value::Id {
                text: row.order_id,
                path: Some(row.order_path),
            },
        },
        Fact {
            name: "Started",
            value: Value::Moment(row.started),
        },
        Fact {
            name: "Last event",
            value: Value::Moment(Moment::new(saga.updated_at, now)),
        },
    ];
    if let Some(ended_at) = saga.ended_at {
        facts.push(Fact {
            name: "Ended",
            value: Value::Moment(Moment::new(ended_at, now)),
        });
    }
    if let Some(duration) = saga.duration_ms {
        facts.push(Fact {
            name: "Took",
            value: Value::Text(length(duration)),
        });
    }
    if let Some(trace) = &saga.last_trace_id {
        facts.push(Fact {
            name: "Trace",
            value: Value::Id {
                text: trace.clone(),
                path: None,
            },
        });
    }
    facts.push(Fact {
        name: "Services",
        value: Value::Text(saga.services.join(", ")),
    });
    facts
}

fn explained(anomaly: Anomaly) -> &'static str {
    match anomaly {
        Anomaly::EventAfterCompletion => {
            "The saga was completed, and yet something was recorded after that. Look at the last events: a late retry is \
             harmless, a service that still works on the order is not."
        }
        Anomaly::OrderIdMismatch => {
            "Events of this saga name different orders. A service probably records with the wrong saga id; the saga is \
             shown under the order of its first event and found under each."
        }
        Anomaly::SagaTypeMismatch => {
            "Events of this saga name different types. The first event's type counts."
        }
        Anomaly::UnknownStep => {
            "A step is not named by the definition of this saga type: a misspelt step, or a definition that is behind the \
             services."
        }
        _ => "Something about the events is odd.",
    }
}
