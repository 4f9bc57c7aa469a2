//! `POST /internal/v1/sagas/replay`: dead letters once more, as if they had just come.

use std::collections::BTreeSet;

use axum::{Json, extract::State};
use saga_types::{EventId, SagaId, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::dead_letters::{self, letter_state, saga_id};
use crate::auth::Caller;
use crate::{
    http::{
        ApiError,
        body::Body,
        date_range::Moment,
        guard::CalledBy,
        query_string::{LettersCursor, Params, from_start, to_end},
    },
    state::AppState,
};
use saga_collector::dead_letters::{ReplayError, Replayed};
use saga_store::{LetterFilter, LetterPlace, LetterQuery, LetterState, Named};

/// The most letters of one call.
const MAX_LETTERS: u32 = 500;

/// What an operator wants. Either letters are named, or a filter says which are meant.
#[derive(Debug, Default, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ReplayOrder {
    /// The letters of these events.
    #[schema(max_items = 500, value_type = Option<Vec<EventId>>)]
    event_ids: Option<Vec<String>>,
    /// These letters.
    #[schema(max_items = 500)]
    dead_letter_ids: Option<Vec<i64>>,
    /// All letters that match.
    filter: Option<ReplayFilter>,
    /// Only say what would become of them.
    dry_run: Option<bool>,
    /// How many of those that match; 500 if not given.
    #[schema(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The nextCursor of the answer before.
    #[schema(value_type = Option<String>, format = "letters-cursor", min_length = 1)]
    cursor: Option<LettersCursor>,
}

/// Which letters: those that match all that is set. Without a state, those that wait.
#[derive(Debug, Default, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReplayFilter {
    /// Of this kind of error.
    #[schema(pattern = r"^[^\x00]+$")]
    reason: Option<String>,
    /// In this state.
    state: Option<LetterState>,
    /// Of this saga.
    #[schema(value_type = Option<SagaId>)]
    saga_id: Option<String>,
    /// Were on this topic before.
    #[schema(pattern = r"^[^\x00]+$")]
    origin_topic: Option<String>,
    /// Died at this time or later.
    #[schema(value_type = Option<Moment>)]
    from_date: Option<Timestamp>,
    /// Died at this time or earlier.
    #[schema(value_type = Option<Moment>)]
    to_date: Option<Timestamp>,
}

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplayAnswer {
    pub(crate) requested: usize,
    pub(crate) successful: usize,
    pub(crate) failed: usize,
    pub(crate) dry_run: bool,
    pub(crate) results: Vec<Replayed>,
    /// Goes on with the letters that match the filter, when they are more than the limit.
    pub(crate) next_cursor: Option<String>,
}

/// Replay dead letters
///
/// They are read again with today's rules and schemas, and their events are stored as if they had just come. Replaying
/// again changes nothing. A dry run shows what would become of each letter and its saga, and writes nothing.
#[utoipa::path(
    post, path = "/internal/v1/sagas/replay", operation_id = "replay", tag = "operation",
    request_body = ReplayOrder,
    responses((status = 200, description = "What became of each letter", body = ReplayAnswer))
)]
pub(super) async fn replay(
    State(state): State<AppState>,
    CalledBy(caller): CalledBy,
    params: Params,
    body: Body,
) -> Result<Json<ReplayAnswer>, ApiError> {
    params.finish()?;
    let order = ReplayOrder::take(body)?;
    Ok(Json(carry_out(&state, &caller, order).await?))
}

/// Does what an operator wants, whichever way they said it.
pub(crate) async fn carry_out(
    state: &AppState,
    caller: &Caller,
    order: ReplayOrder,
) -> Result<ReplayAnswer, ApiError> {
    let named = order.named();
    let is_dry_run = order.dry_run.unwrap_or(false);
    let query = match &named {
        Some(named) => query_of(named.clone()),
        None => order.query(),
    };
    let page = state.ask("dead_letters", state.store.letters(&query)).await?;
    let missing = named.map_or_else(Vec::new, |named| Replayed::missing(&named, &page.letters));
    let replaying = state.dead_letters.replay(page.letters, &caller.name, is_dry_run);
    let mut results = state.ask("replay", replaying).await?;
    results.extend(missing);
    let answer = answer(results, is_dry_run, page.next);
    tracing::info!(
        actor = caller.name,
        requested = answer.requested,
        successful = answer.successful,
        dry_run = answer.dry_run,
        "dead letters were replayed"
    );
    Ok(answer)
}

/// Several letters may hold one event, so there may be more letters than names.
fn query_of(named: Named) -> LetterQuery {
    LetterQuery {
        filter: LetterFilter {
            named: Some(named),
            ..LetterFilter::default()
        },
        after: None,
        size: MAX_LETTERS * 2,
    }
}

fn answer(results: Vec<Replayed>, dry_run: bool, next: Option<LetterPlace>) -> ReplayAnswer {
    let successful = results.iter().filter(|result| result.status.is_success()).count();
    ReplayAnswer {
        requested: results.len(),
        successful,
        failed: results.len() - successful,
        dry_run,
        results,
        next_cursor: next.map(|place| LettersCursor::from(place).encode()),
    }
}

impl ReplayOrder {
    fn take(mut body: Body) -> Result<Self, ApiError> {
        let order = Self {
            event_ids: body.optional("eventIds", |value| list(value, event_id)),
            dead_letter_ids: body.optional("deadLetterIds", |value| list(value, Value::as_i64)),
            filter: body.optional("filter", ReplayFilter::read),
            dry_run: body.optional("dryRun", |value| {
                value.as_bool().ok_or("must be true or false".to_owned())
            }),
            limit: body.optional("limit", limit),
            cursor: body.optional("cursor", |value| {
                LettersCursor::decode(value.as_str().unwrap_or_default())
            }),
        };
        let is_named = order.named().is_some();
        if is_named && order.filter.is_some() {
            body.refuse("filter", "cannot be used together with eventIds or deadLetterIds");
        }
        if is_named && (order.limit.is_some() || order.cursor.is_some()) {
            body.refuse("limit", "and cursor are for a filter only");
        }
        if !is_named && order.filter.is_none() {
            body.refuse_missing(
                "eventIds",
                "or deadLetterIds or filter must say which letters are meant",
            );
        }
        body.finish(Some(order))
    }

    /// This letter.
    pub(crate) fn of_letter(id: i64, dry_run: bool) -> Self {
        Self {
            dead_letter_ids: Some(vec![id]),
            dry_run: Some(dry_run),
            ..Self::default()
        }
    }

    /// The letters that a form means: by `ids`, or by the parameters of the list.
    pub(crate) fn of_form(mut fields: Params, dry_run: bool) -> Result<Self, ApiError> {
        let ids = fields.parsed("ids", ids);
        let cursor = fields.parsed("cursor", LettersCursor::decode);
        let filter = dead_letters::filter(&mut fields);
        fields.finish()?;
        let filter = ReplayFilter {
            reason: filter.reason,
            state: filter.state,
            saga_id: filter.saga_id,
            origin_topic: filter.origin_topic,
            from_date: filter.from,
            to_date: filter.to,
        };
        Ok(Self {
            filter: ids.is_none().then_some(filter),
            dead_letter_ids: ids,
            dry_run: Some(dry_run),
            cursor,
            ..Self::default()
        })
    }

    fn named(&self) -> Option<Named> {
        (self.event_ids.is_some() || self.dead_letter_ids.is_some()).then(|| Named {
            ids: self.dead_letter_ids.clone().unwrap_or_default(),
            event_ids: self.event_ids.clone().unwrap_or_default(),
        })
    }

    fn query(self) -> LetterQuery {
        let filter = self.filter.unwrap_or_default();
        LetterQuery {
            filter: LetterFilter {
                named: None,
                reason: filter.reason,
                state: Some(filter.state.unwrap_or(LetterState::Waiting)),
                saga_id: filter.saga_id,
                origin_topic: filter.origin_topic,
                from: filter.from_date,
                to: filter.to_date,
            },
            after: self.cursor.map(LetterPlace::from),
            size: self.limit.unwrap_or(MAX_LETTERS),
        }
    }
}

/// As a form writes them: with commas between.
fn ids(text: &str) -> Result<Vec<i64>, String> {
    let ids: BTreeSet<i64> = text
        .split(',')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|_| "must be ids with commas between".to_owned())?;
    if ids.len() > MAX_LETTERS as usize {
        return Err(format!("must be at most {MAX_LETTERS} ids"));
    }
    Ok(ids.into_iter().collect())
}

/// Each once, in order.
fn list<T: Ord>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, String> {
    let entries = value
        .as_array()
        .filter(|entries| entries.len() <= MAX_LETTERS as usize);
    let read: Option<BTreeSet<T>> = entries.and_then(|entries| entries.iter().map(read).collect());
    read.map(|read| read.into_iter().collect())
        .ok_or_else(|| format!("must be a list of at most {MAX_LETTERS} ids"))
}

fn event_id(value: &Value) -> Option<String> {
    let id = EventId::new(value.as_str()?).ok()?;
    Some(id.into())
}

fn limit(value: &Value) -> Result<u32, String> {
    let limit = value.as_u64().and_then(|limit| u32::try_from(limit).ok());
    limit
        .filter(|limit| (1..=MAX_LETTERS).contains(limit))
        .ok_or_else(|| format!("must be a number from 1 to {MAX_LETTERS}"))
}

impl ReplayFilter {
    fn read(value: &Value) -> Result<Self, String> {
        let mut fields = value.as_object().cloned().ok_or("must be an object")?;
        let filter = Self {
            reason: text(&mut fields, "reason", |text| Ok(text.to_owned()))?,
            state: text(&mut fields, "state", letter_state)?,
            saga_id: text(&mut fields, "sagaId", saga_id)?,
            origin_topic: text(&mut fields, "originTopic", |text| Ok(text.to_owned()))?,
            from_date: text(&mut fields, "fromDate", from_start)?,
            to_date: text(&mut fields, "toDate", to_end)?,
        };
        match fields.keys().next() {
            Some(unknown) => {
                let shown: String = unknown.chars().take(100).collect();
                Err(format!("has the field {shown:?}, which is not known here"))
            }
            None => Ok(filter),
        }
    }
}

fn text<T>(
    fields: &mut Map<String, Value>,
    name: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    let Some(value) = fields.remove(name).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let text = value
        .as_str()
        .filter(|text| !text.is_empty() && !text.contains('\0'));
    let text = text.ok_or_else(|| format!("{name} must be a text that is not empty"))?;
    read(text).map(Some).map_err(|reason| format!("{name} {reason}"))
}

impl From<ReplayError> for ApiError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Store(error) => error.into(),
            ReplayError::RegistryAway(_) => {
                tracing::warn!(%error, "dead letters could not be replayed");
                Self::unavailable("the schema registry is not available at the moment")
            }
        }
    }
}
