//! `/sagas/{sagaId}`: everything about one saga, for an operator who has to act on it.
//!
//! | part | what |
//! | --- | --- |
//! | `header` | what is above and below the sentence |
//! | `anomalies` | what is odd about it, in words |
//! | `letters` | its events that could not be stored |
//! | `outlook` | when a saga that goes on will probably be done |
//! | `path` | the expected path, by levels |
//! | `waterfall` | where the time went |
//! | `compare`, `usual_saga` | the same beside another saga, and a saga as it usually goes |
//! | `events`, `window` | the table of events, and which of very many it shows |
//! | `relatives` | parents, children and other sagas of the order on one line of time |
//! | `address` | the page with one parameter changed |
//! | `correct`, `export` | overriding the status; all events for `saga-server fold` |

mod address;
mod anomalies;
mod compare;
mod correct;
mod events;
mod export;
mod header;
mod letters;
mod outlook;
pub(super) mod path;
mod relatives;
mod usual_saga;
mod waterfall;
mod window;

use askama::Template;
use axum::{Extension, http::HeaderMap};
use saga_types::{SagaId, SagaStatus, Step, Timestamp, fold::SagaState};

use super::{
    acknowledge::{AcknowledgeForm, Mark},
    humanize::{Clock, Moment, Piece, isolate, number, pieces},
    links::{encoded, saga_path},
    page::{Badge, Frame, Page, Section},
    row::WhatNow,
};
use crate::ui::saga::{
    address::{Address, COMPARE},
    compare::{Compared, Comparison},
    events::{Entry, EventFilter, EventTable},
    header::{ArchivedNote, Header},
    letters::Letters,
    outlook::Outlook,
    path::PathView,
    relatives::Relatives,
    usual_saga::usual_saga,
    waterfall::{OfType, Wanted, Waterfall},
    window::Window,
};
use crate::{
    acknowledgements::{self, AcknowledgementView},
    auth::{Caller, Role},
    family::Family,
    http::{ApiError, params::PathSagaId, query_string::Params},
    scoped::{InArchive, NoSaga, Reader},
};
use saga_store::{SagaQuery, StoredSaga, StoredStep, Usual};

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
    header: Header,
    sentence: Vec<Piece>,
    /// The failure reason, where the sentence has its beginning only.
    whole_reason: Option<String>,
    letters: Option<Letters>,
    outlook: Option<Outlook>,
    what_now: WhatNow,
    path: PathView,
    waterfall: Option<Waterfall>,
    comparison: Option<Comparison>,
    /// What is usual was asked for, and is not known.
    is_usual_unknown: bool,
    /// The page beside what is usual.
    beside_usual: String,
    /// What the form for a comparison and that of the filter keep.
    kept_by_compare: Vec<(String, String)>,
    kept_by_filter: Vec<(String, String)>,
    events: EventTable,
    event_count: String,
    /// How many events the page is about.
    read: String,
    window: Window,
    anomalies: Vec<(&'static str, &'static str)>,
    /// Where it is, when it left the database: then nothing of it changes any more.
    archived: Option<ArchivedNote>,
    /// When a person's data was erased from it last.
    erased: Option<Moment>,
    /// Who takes care of it, and the form for it while it is not over.
    mark: Option<Mark>,
    acknowledge: Option<AcknowledgeForm>,
    relatives: Relatives,
    /// What an operator can make of it; empty for those who may not.
    statuses: Vec<(&'static str, Badge)>,
    curl: String,
}

/// What is asked of the page.
struct Asked {
    address: Address,
    wanted: Wanted,
    filter: EventFilter,
    is_first: bool,
    /// Beside what is usual.
    is_beside_usual: bool,
}

/// What the page is made of.
struct Found {
    saga: StoredSaga,
    steps: Vec<StoredStep>,
    has_more: bool,
    of_the_order: Vec<StoredSaga>,
    family: Family,
    compared: Option<Compared>,
    archived: Option<InArchive>,
    erased_at: Option<Timestamp>,
    acknowledgement: Option<AcknowledgementView>,
    letters: Option<Letters>,
}

pub(super) async fn page(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    PathSagaId(saga_id): PathSagaId,
    headers: HeaderMap,
    params: Params,
) -> Result<Page<SagaTemplate>, ApiError> {
    let mut params = params.filled();
    let given = params.given();
    let cursor = window::take(&mut params);
    let other = params.parsed("compare", |text| {
        SagaId::new(text.trim()).map_err(|error| error.to_string())
    });
    let asked = Asked {
        address: Address::new(&saga_id, given),
        wanted: Wanted::take(&mut params),
        filter: EventFilter::take(&mut params),
        is_first: cursor.is_none(),
        is_beside_usual: params
            .parsed("against", |text| match text {
                "usual" => Ok(true),
                _ => Err("must be usual".to_owned()),
            })
            .unwrap_or_default(),
    };
    params.finish()?;
    let shown = reader.look_up(&saga_id).await?;
    let erased_at = reader.erased_at(&shown).await?;
    let steps = reader.steps_of(&shown, cursor.as_ref(), window::READ).await?;
    let archived = shown.archived;
    let redacted = |saga: StoredSaga| saga.map_state(|state| reader.redaction.saga(state));
    let saga = redacted(shown.saga);
    let of_the_order = SagaQuery {
        order_id: Some(saga.order_id.to_string()),
        ..SagaQuery::newest(SIBLINGS)
    };
    let of_the_order = reader.search(&of_the_order).await?.sagas;
    let mut family = Family::of(&reader, &saga).await?;
    family.children_sagas = family.children_sagas.into_iter().map(redacted).collect();
    family.ancestors_sagas = family.ancestors_sagas.into_iter().map(redacted).collect();
    let found = Found {
        family,
        of_the_order: of_the_order.into_iter().map(redacted).collect(),
        compared: match other {
            Some(other) => Some(compared(&reader, &other).await?),
            None => None,
        },
        archived,
        erased_at,
        acknowledgement: acknowledgements::of_saga(&reader, &saga_id).await?,
        letters: Letters::of(&reader, &caller, &saga_id).await?,
        saga,
        has_more: steps.has_more,
        steps: steps.steps,
    };
    Ok(Page(show(&reader, &caller, &headers, found, asked)))
}

/// The saga that is shown beside this one.
async fn compared(reader: &Reader, saga_id: &SagaId) -> Result<Compared, ApiError> {
    let missing = |reason| match reason {
        NoSaga::Unknown(..) | NoSaga::Removed(..) => {
            ApiError::bad_parameter("compare", format!("there is no saga {saga_id}"))
        }
        other => other.into(),
    };
    let shown = reader.look_up(saga_id).await.map_err(missing)?;
    let steps = reader
        .steps_of(&shown, None, window::READ)
        .await
        .map_err(missing)?;
    Ok(Compared {
        saga: Some(reader.redaction.saga(shown.saga.state)),
        steps: steps.steps,
    })
}

fn show(reader: &Reader, caller: &Caller, headers: &HeaderMap, found: Found, asked: Asked) -> SagaTemplate {
    let Found {
        saga,
        steps,
        has_more,
        of_the_order,
        family,
        compared,
        archived,
        erased_at,
        acknowledgement,
        letters,
    } = found;
    let Asked {
        address,
        wanted,
        filter,
        is_first,
        is_beside_usual,
    } = asked;
    let freshness = reader.freshness();
    let clock = Clock::of(&freshness);
    let definitions = reader.definitions();
    let of = |saga: &SagaState| definitions.in_force(&saga.saga_type, saga.started_at);
    let definition = of(&saga).map(|definition| &**definition);
    let usual = reader.usual();
    let events = EventTable::of(&steps, &saga, reader, &filter, &address);
    let window = Window::of(&saga, &steps, events.covered, has_more, is_first, &address);
    // Of later events it is not known here what came right before the first ones.
    let nothing = Usual::default();
    let of_type = OfType {
        definition,
        usual: if window.is_first { &usual } else { &nothing },
    };
    let usual_steps = || {
        let of_type = usual.types.get(&saga.saga_type)?;
        let owner = |step: &Step| definitions.owner(&saga.saga_type, step).map(str::to_owned);
        let steps = usual_saga(steps.first().filter(|_| window.is_first)?, of_type, owner);
        (!steps.is_empty()).then_some(Compared { saga: None, steps })
    };
    let compared = match is_beside_usual {
        true => usual_steps(),
        false => compared,
    };
    let is_over = matches!(
        saga.current_status,
        SagaStatus::Completed | SagaStatus::Compensated
    );
    let is_archived = archived.is_some();
    let frame = Frame::new(
        Section::Sagas,
        format!("{} · {}", Badge::from(saga.current_status).name, saga.saga_id),
        caller,
        Some(&freshness),
    );
    let form_path = format!("{}/acknowledgement", saga_path(saga.saga_id.as_str()));
    let form = AcknowledgeForm::of(caller, form_path, acknowledgement.clone(), clock.now);
    let relatives = Relatives::of(&saga, &family, &of_the_order, clock, &address);
    SagaTemplate {
        frame: match is_archived {
            true => frame,
            false => frame.with_live(format!("sagaId={}", encoded(saga.saga_id.as_str()))),
        },
        archived: archived.map(|archived| ArchivedNote::of(archived, clock)),
        badge: saga.current_status.into(),
        header: Header::of(&saga, &steps, &relatives, reader, clock, &link(headers, &address)),
        sentence: isolate(
            pieces(saga.sentence(), clock),
            saga.reason_in_sentence().as_deref(),
        ),
        whole_reason: saga.failure_reason.clone().filter(|whole| {
            let shown = saga.reason_in_sentence();
            shown.is_none_or(|shown| shown != whole.trim())
        }),
        letters,
        outlook: Outlook::of(&saga, &usual, clock).filter(|_| !is_archived),
        what_now: WhatNow::of(&saga, clock),
        // What came before is not known here, so that the path is unknown.
        path: definition
            .filter(|_| window.is_first)
            .map(|definition| PathView::of(definition, &saga, &steps, clock))
            .unwrap_or_default(),
        waterfall: Waterfall::of(&steps, &saga, &of_type, clock, wanted, window.is_part, &address),
        is_usual_unknown: is_beside_usual && compared.is_none(),
        comparison: compared.and_then(|other| {
            let theirs = other
                .saga
                .as_ref()
                .map_or(definition, |other| of(other).map(|definition| &**definition));
            Comparison::of(&steps, &other, [definition, theirs], &address)
        }),
        kept_by_compare: address.kept(&COMPARE),
        beside_usual: address.beside_usual(),
        kept_by_filter: address.kept(&events::FILTER),
        events,
        event_count: number(saga.step_count),
        read: number(steps.len() as u64),
        window,
        anomalies: anomalies::explained(&saga),
        acknowledge: form.filter(|_| !is_over && !is_archived),
        mark: acknowledgement.map(|found| Mark::new(found, clock.now)),
        erased: erased_at.map(|at| Moment::new(at, clock.now)),
        relatives,
        statuses: match is_archived {
            true => Vec::new(),
            false => statuses(caller, saga.current_status),
        },
        curl: curl(headers, saga.saga_id.as_str()),
        own_path: address.path,
        saga_id: saga.state.saga_id.into(),
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
    format!(
        "curl -H \"Authorization: Bearer $TOKEN\" '{}/api/v1/sagas/{}'",
        origin(headers),
        encoded(saga_id)
    )
}

/// The page, for another person.
fn link(headers: &HeaderMap, address: &Address) -> String {
    format!("{}{}", origin(headers), address.path)
}

/// Where the browser found the tracker.
pub(super) fn origin(headers: &HeaderMap) -> String {
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
    format!("{scheme}://{host}")
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
