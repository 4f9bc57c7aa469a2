//! Dead letters once more: which ones an operator means, by a body or by a form, and the answer.

use std::collections::BTreeSet;

use saga_types::{EventId, OrderId, SagaId, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{letter_filter::letter_filter, permit::Permit};
use crate::{
    auth::Caller,
    http::{
        ApiError,
        body::{Body, integer},
        date_range::Moment,
        query_string::{BadParameters, LettersCursor, Params},
    },
    scoped::Reader,
};
use saga_collector::dead_letters::{ReplayError, ReplayOrder, ReplayReport};
use saga_store::{LetterFilter, LetterPlace, LetterQuery, LetterState, Named};

/// The most letters of one call.
pub(super) const MAX_LETTERS: u32 = 500;

/// What an operator wants. Either letters are named, or a filter says which are meant.
#[derive(Debug, Default, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ReplayOrder)]
pub(crate) struct ReplayRequest {
    /// The letters of these events.
    #[schema(max_items = 500, value_type = Option<Vec<EventId>>)]
    event_ids: Option<Vec<String>>,
    /// These letters.
    #[schema(max_items = 500)]
    dead_letter_ids: Option<Vec<i64>>,
    /// All letters that match.
    #[schema(value_type = Option<ReplayFilter>)]
    filter: Option<LetterFilter>,
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
#[derive(ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `letter_filter` reads")]
pub(super) struct ReplayFilter {
    /// Of this kind of error.
    #[schema(pattern = r"^[^\x00]+$")]
    reason: Option<String>,
    /// In this state.
    state: Option<LetterState>,
    /// Waits and somebody takes care of it: "true"; or is one of the others: "false".
    #[schema(pattern = "^(true|false)$")]
    acknowledged: Option<String>,
    /// Of this saga.
    #[schema(value_type = Option<SagaId>)]
    saga_id: Option<String>,
    /// About this order, by the event or by what can be read of its bytes.
    #[schema(value_type = Option<OrderId>)]
    order_id: Option<String>,
    /// Of this cause, by its name in /internal/v1/dlt/causes.
    #[schema(pattern = r"^[^\x00]+$")]
    cause: Option<String>,
    /// With all these words in their message or ids, each the beginning of one; up to 6 of at least 3 characters.
    #[schema(format = "words", pattern = r"^[^\x00]+$")]
    q: Option<String>,
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
    #[serde(flatten)]
    pub(crate) report: ReplayReport,
    /// Goes on with the letters that match the filter, when they are more than the limit.
    pub(crate) next_cursor: Option<String>,
}

impl ReplayRequest {
    /// Does what an operator wants, whichever way they said it.
    pub(crate) async fn carry_out(self, reader: &Reader, caller: &Caller) -> Result<ReplayAnswer, ApiError> {
        let order = ReplayOrder {
            dry_run: self.dry_run.unwrap_or(false),
            all_pages: false,
            by: caller.actor(),
            letters: self.query(),
        };
        let report = reader.replay(&Permit::new(), order).await?;
        tracing::info!(
            actor = caller.name,
            requested = report.requested,
            successful = report.successful,
            dry_run = report.dry_run,
            "dead letters were replayed"
        );
        Ok(ReplayAnswer {
            next_cursor: report.next.map(|place| LettersCursor::from(place).encode()),
            report,
        })
    }

    pub(crate) fn take(mut body: Body) -> Result<Self, ApiError> {
        let order = Self {
            event_ids: body.optional("eventIds", |value| list(value, event_id)),
            dead_letter_ids: body.optional("deadLetterIds", |value| list(value, integer)),
            filter: body.optional("filter", filter),
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
        let filter = letter_filter(&mut fields);
        fields.finish()?;
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
        match self.named() {
            Some(named) => LetterQuery {
                filter: LetterFilter {
                    named: Some(named),
                    ..LetterFilter::default()
                },
                after: None,
                // Several letters may hold one event, so there may be more letters than names.
                size: MAX_LETTERS * 2,
            },
            None => self.matching(),
        }
    }

    fn matching(self) -> LetterQuery {
        let mut filter = self.filter.unwrap_or_default();
        filter.state.get_or_insert(LetterState::Waiting);
        LetterQuery {
            filter,
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
pub(super) fn list<T: Ord>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, String> {
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
    let limit = integer(value).and_then(|limit| u32::try_from(limit).ok());
    limit
        .filter(|limit| (1..=MAX_LETTERS).contains(limit))
        .ok_or_else(|| format!("must be a number from 1 to {MAX_LETTERS}"))
}

pub(super) fn filter(value: &Value) -> Result<LetterFilter, String> {
    let fields = value.as_object().ok_or("must be an object")?;
    let mut params = Params::of_json(fields);
    let filter = letter_filter(&mut params);
    match params.finish() {
        Ok(()) => Ok(filter),
        Err(BadParameters(bad)) => {
            let bad = bad.iter().map(|(name, reason)| format!("{name} {reason}"));
            Err(bad.collect::<Vec<_>>().join("; "))
        }
    }
}

impl From<ReplayError> for ApiError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Store(error) => error.into(),
            error @ ReplayError::TooMany(_) => Self::bad_request(error.to_string()),
            ReplayError::RegistryAway(_) => {
                tracing::warn!(%error, "dead letters could not be replayed");
                Self::unavailable("the schema registry is not available at the moment")
            }
            ReplayError::Unanswered(_) => {
                tracing::warn!(%error, "dead letters could not be replayed");
                Self::unavailable(
                    "the database gave no answer while the dead letters were stored, and has accepted nothing since; they were replayed \
                     together or, most likely, not at all: replay them again when it answers, a few at a time, since one of them may \
                     be the cause",
                )
            }
        }
    }
}
