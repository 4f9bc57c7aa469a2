//! `GET /internal/v1/dlt`: dead letters, newest first; `/internal/v1/dlt/{id}`: one; and `/internal/v1/dlt/groups`: how many there are of
//! each reason.

use axum::{Json, extract::Path};
use saga_types::{OrderId, SagaId, Timestamp, fold::failure_fingerprint};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    acknowledgements::{self, AcknowledgementView},
    http::{
        ApiError,
        date_range::{LengthOfTime, Moment},
        params::up_to,
        query_string::{LettersCursor, Params},
    },
    operations::letter_list_filter,
    scoped::Reader,
};
use saga_collector::{dead_letters::LetterView, redaction::Redaction};
use saga_store::{
    LetterCause, LetterCounts, LetterFilter, LetterGroup, LetterPlace, LetterQuery, LetterState, Named,
    StoreError, StoredLetter, Subjects,
};

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
    /// Whether every letter was counted; when not, the counts are the least that there are.
    counts_are_exact: bool,
}

/// The letters of one reason.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupEntry {
    reason: String,
    waiting: u64,
    replayed: u64,
    dismissed: u64,
    first: Timestamp,
    last: Timestamp,
}

/// The answer of the causes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LetterCauses {
    pub(crate) causes: Vec<CauseEntry>,
    /// Whether every letter was counted; when not, the counts are the least that there are.
    pub(crate) counts_are_exact: bool,
}

/// The letters of one cause.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CauseEntry {
    /// Its name, by which /internal/v1/dlt finds exactly these letters; null for letters that an earlier version kept and that have
    /// not got theirs yet.
    pub(crate) cause: Option<String>,
    pub(crate) reason: String,
    /// The message, with <n>, <id> and <value> for what differs from letter to letter; null where messages may hold what is not
    /// shown.
    pub(crate) message: Option<String>,
    /// The service that says it has written them.
    pub(crate) producer_service: Option<String>,
    pub(crate) waiting: u64,
    /// How many of those that wait were replayed before, without success.
    pub(crate) failed_again: u64,
    pub(crate) replayed: u64,
    pub(crate) dismissed: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

impl CauseEntry {
    fn of(cause: LetterCause, redaction: &Redaction) -> Self {
        Self {
            cause: cause.name,
            reason: cause.reason,
            message: redaction.is_off().then(|| failure_fingerprint(&cause.message)),
            producer_service: cause.producer,
            waiting: cause.waiting,
            failed_again: cause.failed_again,
            replayed: cause.replayed,
            dismissed: cause.dismissed,
            first: cause.first,
            last: cause.last,
        }
    }
}

/// Which dead letters, by what became of them. For the description alone, as are `LetterFilters`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `letter_list_filter` reads")]
struct LetterKind {
    /// Of this kind of error
    #[param(pattern = r"^[^\x00]+$")]
    reason: Option<String>,
    /// In this state
    state: Option<LetterState>,
}

/// Which dead letters, by what they are about and when they came.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `letter_list_filter` reads")]
struct LetterFilters {
    /// Of this saga
    #[param(rename = "sagaId")]
    saga_id: Option<SagaId>,
    /// About this order, by the event or by what can be read of its bytes
    #[param(rename = "orderId")]
    order_id: Option<OrderId>,
    /// Of this cause, by its name in /internal/v1/dlt/causes
    #[param(pattern = r"^[^\x00]+$")]
    cause: Option<String>,
    /// With all these words in their message or ids, each the beginning of one; up to 6 of at least 3 characters
    #[param(min_length = 3, format = "words")]
    q: Option<String>,
    /// Were on this topic before
    #[param(rename = "originTopic", pattern = r"^[^\x00]+$")]
    origin_topic: Option<String>,
    /// Were put on the dead letter topic within the last minutes, hours or days; instead of fromDate and toDate
    #[param(inline, value_type = Option<LengthOfTime>)]
    period: Option<String>,
    /// Were put on the dead letter topic at this time or later
    #[param(rename = "fromDate", value_type = Option<Moment>)]
    from_date: Option<String>,
    /// Were put on the dead letter topic at this time or earlier
    #[param(rename = "toDate", value_type = Option<Moment>)]
    to_date: Option<String>,
}

/// Dead letters, newest first
///
/// Without a state, those that wait and those that were replayed.
#[utoipa::path(
    get, path = "/internal/v1/dlt", operation_id = "deadLetters", tag = "operation",
    params(
        ("size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many letters; 20 if not given"),
        ("cursor" = Option<String>, Query, format = "letters-cursor", min_length = 1, description = "The nextCursor of the page before"),
        LetterKind,
        ("acknowledged" = Option<bool>, Query, description = "Waits and somebody takes care of it, or is one of the others"),
        LetterFilters,
    ),
    responses((status = 200, description = "A page of letters", body = LettersPage))
)]
pub(super) async fn list(reader: Reader, params: Params) -> Result<Json<LettersPage>, ApiError> {
    Ok(Json(find(&reader, params).await?))
}

/// The page of letters that the parameters ask for.
pub(crate) async fn find(reader: &Reader, mut params: Params) -> Result<LettersPage, ApiError> {
    refuse_hidden_search(reader, &mut params);
    let query = LetterQuery {
        after: params
            .parsed("cursor", LettersCursor::decode)
            .map(LetterPlace::from),
        size: params.parsed("size", up_to(MAX_SIZE)).unwrap_or(DEFAULT_SIZE),
        filter: letter_list_filter(&mut params, Timestamp::now()),
    };
    params.finish()?;
    let page = reader.letters(&query).await?;
    Ok(LettersPage {
        next_cursor: page.next.map(|place| LettersCursor::from(place).encode()),
        content: listed(reader, page.letters).await?,
    })
}

/// One dead letter
///
/// In any state, as the list has it.
#[utoipa::path(
    get, path = "/internal/v1/dlt/{id}", operation_id = "deadLetter", tag = "operation",
    params(("id" = i64, Path, description = "The dead letter")),
    responses(
        (status = 200, description = "The letter", body = ListedLetter),
        (status = 404, description = "There is no such dead letter"),
    )
)]
pub(super) async fn one(
    reader: Reader,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<ListedLetter>, ApiError> {
    let id = id
        .parse::<i64>()
        .map_err(|_| ApiError::bad_parameter("id", "must be the id of a dead letter"))?;
    params.finish()?;
    Ok(Json(find_one(&reader, id).await?))
}

/// The letter of this id, in any state.
pub(crate) async fn find_one(reader: &Reader, id: i64) -> Result<ListedLetter, ApiError> {
    let query = LetterQuery {
        filter: LetterFilter {
            named: Some(Named {
                ids: vec![id],
                event_ids: Vec::new(),
            }),
            ..LetterFilter::default()
        },
        after: None,
        size: 1,
    };
    let found = reader.letters(&query).await?;
    let mut listed = listed(reader, found.letters).await?;
    listed
        .pop()
        .ok_or_else(|| ApiError::not_found(format!("there is no dead letter {id}")))
}

/// The entries of a list, with who takes care of them.
pub(super) async fn listed(
    reader: &Reader,
    letters: Vec<StoredLetter>,
) -> Result<Vec<ListedLetter>, StoreError> {
    let letters = reader.letter_views(letters).await;
    let ids = letters.iter().map(|letter| letter.id).collect();
    let acknowledgements = acknowledgements::of(reader, Subjects::Letters(ids)).await?;
    let listed = |letter: LetterView| ListedLetter {
        acknowledgement: acknowledgements
            .iter()
            .find(|found| found.dead_letter_id == Some(letter.id))
            .cloned(),
        letter,
    };
    Ok(letters.into_iter().map(listed).collect())
}

/// How many dead letters there are of each reason
///
/// The 100 most frequent reasons, the most frequent first. Of each at most 10,000 letters in each state are counted, fewer of each of
/// many; with other filters than `state` and times the newest 10,000 letters that match.
#[utoipa::path(
    get, path = "/internal/v1/dlt/groups", operation_id = "deadLetterGroups", tag = "operation",
    params(
        LetterKind,
        ("acknowledged" = Option<bool>, Query, description = "Waits and somebody takes care of it, or is one of the others"),
        LetterFilters,
    ),
    responses((status = 200, description = "The groups", body = LetterGroups))
)]
pub(super) async fn groups(reader: Reader, params: Params) -> Result<Json<LetterGroups>, ApiError> {
    let LetterCounts { groups, is_exact } = find_groups(&reader, params).await?;
    Ok(Json(LetterGroups {
        counts_are_exact: is_exact,
        waiting: groups.iter().map(|group| group.waiting).sum(),
        replayed: groups.iter().map(|group| group.replayed).sum(),
        dismissed: groups.iter().map(|group| group.dismissed).sum(),
        groups: groups.into_iter().map(GroupEntry::from).collect(),
    }))
}

/// The reasons of the letters that the parameters ask for.
pub(crate) async fn find_groups(
    reader: &Reader,
    mut params: Params,
) -> Result<LetterCounts<LetterGroup>, ApiError> {
    let filter = of_all_states(reader, &mut params);
    params.finish()?;
    Ok(reader.letter_groups(&filter).await?)
}

/// How many dead letters there are of each cause
///
/// A cause is a reason, a message but for the numbers, ids and quoted values in it, and a producer. The 100 most frequent causes,
/// the most frequent first. Of each at most 10,000 letters in each state are counted, fewer of each of many; with other
/// filters than `state` and times the newest 10,000 letters that match.
#[utoipa::path(
    get, path = "/internal/v1/dlt/causes", operation_id = "deadLetterCauses", tag = "operation",
    params(
        LetterKind,
        LetterFilters,
    ),
    responses((status = 200, description = "The causes", body = LetterCauses))
)]
pub(super) async fn causes(reader: Reader, params: Params) -> Result<Json<LetterCauses>, ApiError> {
    Ok(Json(find_causes(&reader, params).await?))
}

/// The causes of the letters that the parameters ask for.
pub(crate) async fn find_causes(reader: &Reader, mut params: Params) -> Result<LetterCauses, ApiError> {
    let filter = of_all_states(reader, &mut params);
    params.finish()?;
    let LetterCounts { groups, is_exact } = reader.letter_causes(&filter).await?;
    Ok(LetterCauses {
        counts_are_exact: is_exact,
        causes: groups
            .into_iter()
            .map(|cause| CauseEntry::of(cause, &reader.redaction))
            .collect(),
    })
}

/// Dismissed ones are counted beside the others.
fn of_all_states(reader: &Reader, params: &mut Params) -> LetterFilter {
    refuse_hidden_search(reader, params);
    LetterFilter {
        without_dismissed: false,
        ..letter_list_filter(params, Timestamp::now())
    }
}

/// By searching often enough a caller could find out a value that is not shown.
pub(super) fn refuse_hidden_search(reader: &Reader, params: &mut Params) {
    let is_asked = params.given().iter().any(|(name, _)| name == "q");
    if is_asked && !reader.redaction.is_off() {
        params.refuse(
            "q",
            "cannot be used, since messages may hold what is not shown (redaction.metadataKeys)",
        );
    }
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
