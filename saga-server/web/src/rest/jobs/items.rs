//! The sagas or dead letters of a job, page by page.

use saga_store::{ItemResult, Job, JobItem, JobItemQuery};
use saga_types::{SagaId, SagaType, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::{DEFAULT_SIZE, MAX_SIZE, cut};
use crate::{
    http::{
        ApiError,
        params::up_to,
        query_string::{JobsCursor, Params},
    },
    scoped::Reader,
};

/// A page of the items of a job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobItemsPage {
    pub(crate) content: Vec<ItemView>,
    pub(crate) next_cursor: Option<String>,
}

/// A saga or dead letter of a job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = JobItem)]
pub(crate) struct ItemView {
    /// Its place in the job, from 1.
    pub(crate) number: i64,
    #[schema(value_type = Option<SagaId>)]
    pub(crate) saga_id: Option<String>,
    #[schema(value_type = Option<SagaType>)]
    pub(crate) saga_type: Option<String>,
    pub(crate) dead_letter_id: Option<i64>,
    /// The status of the saga, or the state of the letter: when the job was created, and, once it was changed, just before that.
    pub(crate) before: Option<String>,
    /// What it is to be.
    pub(crate) target: Option<String>,
    /// What it was after that.
    pub(crate) after: Option<String>,
    /// Null while it is not done.
    pub(crate) result: Option<ItemResult>,
    /// Why it was not changed.
    pub(crate) message: Option<String>,
    pub(crate) done_at: Option<Timestamp>,
}

impl From<JobItem> for ItemView {
    fn from(item: JobItem) -> Self {
        Self {
            number: item.number,
            saga_id: item.saga_id,
            saga_type: item.saga_type,
            dead_letter_id: item.letter_id,
            before: item.before,
            target: item.target,
            after: item.after,
            result: item.result,
            message: item.message,
            done_at: item.done_at,
        }
    }
}

/// A part of the items of a job: how many, after which one, and with which result.
pub(crate) struct ItemQuery {
    size: u32,
    after: i64,
    result: Option<Option<ItemResult>>,
}

/// Which items the parameters ask for, of whatever job.
pub(crate) fn item_query(mut params: Params) -> Result<ItemQuery, ApiError> {
    let query = ItemQuery {
        size: params.parsed("size", up_to(MAX_SIZE)).unwrap_or(DEFAULT_SIZE),
        after: params
            .parsed("cursor", JobsCursor::decode)
            .map_or(0, |cursor| cursor.after),
        result: params.parsed("result", result),
    };
    params.finish()?;
    Ok(query)
}

/// A page of the items of a job.
pub(crate) async fn find_items(
    reader: &Reader,
    job: &Job,
    ItemQuery { size, after, result }: ItemQuery,
) -> Result<JobItemsPage, ApiError> {
    let query = JobItemQuery {
        job: job.id,
        result,
        after,
        size: size + 1,
    };
    let mut items = reader.job_items(job, &query).await?;
    let last = cut(&mut items, size);
    Ok(JobItemsPage {
        next_cursor: last.map(|item| JobsCursor { after: item.number }.encode()),
        content: items.into_iter().map(ItemView::from).collect(),
    })
}

/// What became of an item, or that it is not done.
#[derive(ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = JobItemFilter)]
#[expect(dead_code, reason = "describes what `result` reads")]
pub(super) enum ResultFilter {
    Changed,
    Unchanged,
    Refused,
    Failed,
    Pending,
}

/// As callers write that an item is not done.
const PENDING: &str = "PENDING";

fn result(text: &str) -> Result<Option<ItemResult>, String> {
    if text == PENDING {
        return Ok(None);
    }
    let found = ItemResult::ALL.into_iter().find(|result| result.as_str() == text);
    let names = ItemResult::ALL.map(ItemResult::as_str).join(", ");
    found
        .map(Some)
        .ok_or_else(|| format!("must be one of {names}, {PENDING}"))
}
