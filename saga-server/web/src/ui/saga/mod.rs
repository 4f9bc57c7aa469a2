//! `/sagas/{sagaId}`: everything about one saga, for an operator who has to act on it.
//!
//! | part | what |
//! | --- | --- |
//! | `facts` | what stands beneath the sentence |
//! | `path`, `timeline` | the expected path, and where the time went |
//! | `events`, `window` | the table of events, and which of very many it shows |
//! | `family` | what the saga is a part of, and its parts |
//! | `order` | the other sagas of the order on one line of time |
//! | `correct`, `export` | setting the status by hand; all events for `saga-server fold` |

mod correct;
mod events;
mod export;
mod facts;
mod family;
mod order;
pub(super) mod path;
mod timeline;
mod window;

use askama::Template;
use axum::{Extension, extract::State, http::HeaderMap};
use saga_types::{
    SagaId, SagaStatus,
    fold::{Anomaly, SagaState},
};

use super::{
    humanize::{Clock, Piece, isolate, number, pieces},
    page::{Badge, Frame, Page, Section},
    row::{SagaRow, WhatNow, overdue},
    search::{encoded, saga_path},
};
use crate::ui::saga::{
    events::EventRow,
    facts::{Fact, Value, facts},
    family::FamilyView,
    path::PathView,
    timeline::Timeline,
    window::Window,
};
use crate::{
    auth::{Caller, Role},
    family::Family,
    http::{ApiError, params::PathSagaId, query_string::Params},
    state::AppState,
};
use saga_store::{SagaQuery, StoredStep};

pub(super) use correct::post as correct;
pub(super) use export::events as export;

/// How many other sagas of the order are shown.
const SIBLINGS: u32 = 20;

#[derive(Template)]
#[template(path = "saga.html")]
pub(super) struct SagaTemplate {
    frame: Frame,
    badge: Badge,
    saga_id: String,
    own_path: String,
    sentence: Vec<Piece>,
    overdue: Option<String>,
    what_now: WhatNow,
    facts: Vec<Fact>,
    path: PathView,
    timeline: Option<Timeline>,
    events: Vec<EventRow>,
    event_count: String,
    window: Window,
    anomalies: Vec<(&'static str, &'static str)>,
    family: FamilyView,
    siblings: Vec<SagaRow>,
    siblings_line: Option<String>,
    /// What an operator can make of it; empty for those who may not.
    statuses: Vec<(&'static str, Badge)>,
    curl: String,
}

/// What the page is made of.
struct Found {
    saga: SagaState,
    steps: Vec<StoredStep>,
    siblings: Vec<SagaState>,
    family: Family,
    window: Window,
}

pub(super) async fn page(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    PathSagaId(saga_id): PathSagaId,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Page<SagaTemplate>, ApiError> {
    let cursor = window::take(&mut params);
    params.finish()?;
    let saga = state.redaction.saga(state.saga(&saga_id).await?);
    let steps = state
        .ask(
            "steps",
            state.store.steps(&saga_id, cursor.as_ref(), window::READ),
        )
        .await?;
    let (steps, has_more) = steps.map_or((Vec::new(), false), |page| (page.steps, page.has_more));
    let window = Window::of(&saga, &steps, cursor.is_none(), has_more);
    let of_the_order = SagaQuery {
        order_id: Some(saga.order_id.to_string()),
        ..SagaQuery::newest(SIBLINGS)
    };
    let siblings = state
        .ask("search", state.store.search(&of_the_order))
        .await?
        .sagas;
    let found = Found {
        family: Family::of(&state, &saga).await?,
        siblings: siblings
            .into_iter()
            .filter(|other| other.saga_id != saga.saga_id)
            .map(|other| state.redaction.saga(other))
            .collect(),
        saga,
        steps,
        window,
    };
    Ok(Page(show(&state, &caller, &headers, found)))
}

fn show(state: &AppState, caller: &Caller, headers: &HeaderMap, found: Found) -> SagaTemplate {
    let Found {
        saga,
        steps,
        siblings,
        family,
        window,
    } = found;
    let freshness = state.freshness();
    let clock = Clock::of(&freshness);
    let definitions = state.store.definitions().get();
    let definition = definitions.in_force(&saga.saga_type, saga.started_at);
    let own_path = saga_path(&saga.saga_id);
    // Shown as such already.
    let relatives: Vec<SagaId> = family.ids().cloned().collect();
    SagaTemplate {
        frame: Frame::new(
            Section::Sagas,
            format!("{} · {}", Badge::from(saga.current_status).name, saga.saga_id),
            caller,
            Some(&freshness),
        )
        .with_live(format!("sagaId={}", encoded(&saga.saga_id))),
        badge: saga.current_status.into(),
        sentence: isolate(pieces(saga.sentence(), clock), saga.failure_reason.as_deref()),
        overdue: overdue(&saga, clock),
        what_now: WhatNow::of(&saga, clock),
        facts: facts(&saga, &state.pages, clock.now),
        // What came before is not known here, so that nothing can be said of the path.
        path: definition
            .filter(|_| window.is_first)
            .map(|definition| PathView::of(definition, &saga, &steps, clock))
            .unwrap_or_default(),
        timeline: Timeline::of(&steps),
        events: EventRow::all(&steps[..steps.len().min(window::SHOWN)], &saga, state),
        event_count: number(saga.step_count),
        window,
        anomalies: saga
            .anomalies
            .iter()
            .map(|anomaly| (anomaly.as_str(), explained(*anomaly)))
            .collect(),
        family: FamilyView::of(family, state, clock),
        siblings_line: order::line_of_time(&saga, &siblings),
        siblings: siblings
            .into_iter()
            .filter(|other| !relatives.contains(&other.saga_id))
            .map(|other| SagaRow::new(other, clock))
            .collect(),
        statuses: statuses(caller, saga.current_status),
        curl: curl(headers, &saga.saga_id),
        own_path,
        saga_id: saga.saga_id.into(),
    }
}

fn statuses(caller: &Caller, current: SagaStatus) -> Vec<(&'static str, Badge)> {
    let others = SagaStatus::ALL.into_iter().filter(|status| *status != current);
    let may = caller.role >= Role::Operator;
    others
        .filter(|_| may)
        .map(|status| (status.as_str(), Badge::from(status)))
        .collect()
}

/// The same question to REST, at the address by which the browser called.
fn curl(headers: &HeaderMap, saga_id: &str) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // It will be pasted into a shell.
    let is_plain = |host: &&str| {
        host.chars()
            .all(|character| character.is_ascii_alphanumeric() || ".-:[]".contains(character))
    };
    let host = text("x-forwarded-host")
        .or_else(|| text("host"))
        .filter(is_plain)
        .unwrap_or("TRACKER");
    let scheme = if text("x-forwarded-proto") == Some("https") {
        "https"
    } else {
        "http"
    };
    format!(
        "curl -H \"Authorization: Bearer $TOKEN\" '{scheme}://{host}/api/v1/sagas/{}'",
        encoded(saga_id)
    )
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
        Anomaly::OverrideFromTopic => {
            "The status was overridden by an event that came by the topic. No operator of this tracker did that: the log of \
             operations has no entry of it. Ask the service that recorded it."
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

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn what_is_pasted_into_a_shell_runs_nothing_else() {
        let called = |host: &'static str| {
            HeaderMap::from_iter([(axum::http::header::HOST, HeaderValue::from_static(host))])
        };
        assert_eq!(
            curl(&called("127.0.0.1:8086"), "saga 1"),
            "curl -H \"Authorization: Bearer $TOKEN\" 'http://127.0.0.1:8086/api/v1/sagas/saga%201'"
        );
        let hostile = curl(&called("x'; rm -rf ~; '"), "'; rm -rf ~; '$(id)`id`");
        assert!(
            !hostile.contains("rm -rf") && !hostile.contains("$(") && !hostile.contains('`'),
            "{hostile}"
        );
    }
}
