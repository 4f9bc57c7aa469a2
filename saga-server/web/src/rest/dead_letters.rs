//! `GET /internal/v1/dlt`: dead letters, newest first; and `/internal/v1/dlt/groups`: how many there are of each reason.

use axum::Json;
use saga_types::{SagaId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    acknowledgements::{self, AcknowledgementView},
    http::{
        ApiError,
        date_range::Moment,
        query_string::{LettersCursor, Params},
    },
    operations::letter_filter,
    scoped::Reader,
};
use saga_collector::dead_letters::LetterView;
use saga_store::{LetterFilter, LetterGroup, LetterPlace, LetterQuery, LetterState, Subjects};

const DEFAULT_SIZE: u32 = 20;
const MAX_SIZE: u32 = 100;

/// The answer of the list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LettersPage {
    pub(crate) content: Vec<ListedLetter>,
    pub(crate) next_cursor: Option<String>,
}

/// A letter of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedLetter {
    #[serde(flatten)]
    pub(crate) letter: LetterView,
    /// Who takes care of it; null when nobody does.
    pub(crate) acknowledgement: Option<AcknowledgementView>,
}

/// The answer of the groups.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LetterGroups {
    groups: Vec<GroupEntry>,
    waiting: u64,
    replayed: u64,
    dismissed: u64,
}

/// The letters of one reason.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct GroupEntry {
    reason: String,
    waiting: u64,
    replayed: u64,
    dismissed: u64,
    first: Timestamp,
    last: Timestamp,
}

/// Dead letters, newest first
///
/// Without a state, those that wait and those that were replayed.
#[utoipa::path(
    get, path = "/internal/v1/dlt", operation_id = "deadLetters", tag = "operation",
    params(
        ("size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many letters; 20 if not given"),
        ("cursor" = Option<String>, Query, format = "letters-cursor", min_length = 1, description = "The nextCursor of the page before"),
        ("reason" = Option<String>, Query, pattern = r"^[^\x00]+$", description = "Of this kind of error"),
        ("state" = Option<LetterState>, Query, description = "In this state"),
        ("acknowledged" = Option<bool>, Query, description = "Waits and somebody takes care of it, or is one of the others"),
        ("sagaId" = Option<SagaId>, Query, description = "Of this saga"),
        ("originTopic" = Option<String>, Query, pattern = r"^[^\x00]+$", description = "Were on this topic before"),
        ("fromDate" = Option<Moment>, Query, description = "Died at this time or later"),
        ("toDate" = Option<Moment>, Query, description = "Died at this time or earlier"),
    ),
    responses((status = 200, description = "A page of letters", body = LettersPage))
)]
pub(super) async fn list(reader: Reader, params: Params) -> Result<Json<LettersPage>, ApiError> {
    Ok(Json(find(&reader, params).await?))
}

/// The page of letters that the parameters ask for.
pub(crate) async fn find(reader: &Reader, mut params: Params) -> Result<LettersPage, ApiError> {
    let query = LetterQuery {
        after: params
            .parsed("cursor", LettersCursor::decode)
            .map(LetterPlace::from),
        size: params.parsed("size", size).unwrap_or(DEFAULT_SIZE),
        filter: letter_filter(&mut params),
    };
    params.finish()?;
    let page = reader.letters(&query).await?;
    let letters = reader.letter_views(page.letters).await;
    let ids = letters.iter().map(|letter| letter.id).collect();
    let acknowledgements = acknowledgements::of(reader, Subjects::Letters(ids)).await?;
    let listed = |letter: LetterView| ListedLetter {
        acknowledgement: acknowledgements
            .iter()
            .find(|found| found.dead_letter_id == Some(letter.id))
            .cloned(),
        letter,
    };
    Ok(LettersPage {
        next_cursor: page.next.map(|place| LettersCursor::from(place).encode()),
        content: letters.into_iter().map(listed).collect(),
    })
}

/// How many dead letters there are of each reason
///
/// The 100 most frequent reasons, the most frequent first.
#[utoipa::path(
    get, path = "/internal/v1/dlt/groups", operation_id = "deadLetterGroups", tag = "operation",
    params(
        ("reason" = Option<String>, Query, pattern = r"^[^\x00]+$", description = "Of this kind of error"),
        ("state" = Option<LetterState>, Query, description = "In this state"),
        ("acknowledged" = Option<bool>, Query, description = "Waits and somebody takes care of it, or is one of the others"),
        ("sagaId" = Option<SagaId>, Query, description = "Of this saga"),
        ("originTopic" = Option<String>, Query, pattern = r"^[^\x00]+$", description = "Were on this topic before"),
        ("fromDate" = Option<Moment>, Query, description = "Died at this time or later"),
        ("toDate" = Option<Moment>, Query, description = "Died at this time or earlier"),
    ),
    responses((status = 200, description = "The groups", body = LetterGroups))
)]
pub(super) async fn groups(reader: Reader, params: Params) -> Result<Json<LetterGroups>, ApiError> {
    let groups = find_groups(&reader, params).await?;
    Ok(Json(LetterGroups {
        waiting: groups.iter().map(|group| group.waiting).sum(),
        replayed: groups.iter().map(|group| group.replayed).sum(),
        dismissed: groups.iter().map(|group| group.dismissed).sum(),
        groups: groups.into_iter().map(GroupEntry::from).collect(),
    }))
}

/// The reasons of the letters that the parameters ask for.
pub(crate) async fn find_groups(reader: &Reader, mut params: Params) -> Result<Vec<LetterGroup>, ApiError> {
    // Dismissed ones are counted beside the others.
    let filter = LetterFilter {
        without_dismissed: false,
        ..letter_filter(&mut params)
    };
    params.finish()?;
    Ok(reader.letter_groups(&filter).await?)
}

fn size(text: &str) -> Result<u32, String> {
    let size = text.parse().ok().filter(|size| (1..=MAX_SIZE).contains(size));
    size.ok_or_else(|| format!("must be a number from 1 to {MAX_SIZE}"))
}

impl From<LetterGroup> for GroupEntry {
    fn from(group: LetterGroup) -> Self {
        Self {
            reason: group.reason,
            waiting: group.waiting,
            replayed: group.replayed,
            dismissed: group.dismissed,
            first: group.first,
            last: group.last,
        }
    }
}
