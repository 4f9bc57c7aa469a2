//! `/internal/v1/jobs`: one operation on many sagas or dead letters.

use axum::{
    Json,
    extract::{FromRequestParts, Path},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use saga_collector::redaction::{REDACTED, Redaction};
use saga_store::{ItemResult, Job, JobAction, JobItem, JobItemQuery, JobQuery, JobState, Scope, Way};
use saga_types::{SagaId, SagaStatus, SagaType, Timestamp, keys};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::sagas;
use crate::{
    http::{
        ApiError,
        body::Body,
        guard::CalledBy,
        query_string::{JobsCursor, Params},
    },
    operations::jobs::{
        self, JobOrder, JobPreview, JobRequest, RevertOrder, RevertRequest, no_job, request_key,
    },
    scoped::Reader,
};

const DEFAULT_SIZE: u32 = 50;
const MAX_SIZE: u32 = 100;

/// The number of a job.
#[derive(IntoParams)]
#[into_params(names("id"), parameter_in = Path)]
pub(crate) struct PathJob(pub(crate) i64);

impl<S: Send + Sync> FromRequestParts<S> for PathJob {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::bad_parameter("id", error.body_text()))?;
        text.parse()
            .map(Self)
            .map_err(|_| ApiError::not_found(format!("there is no job {text:?}")))
    }
}

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobsPage {
    pub(crate) content: Vec<JobView>,
    pub(crate) next_cursor: Option<String>,
}

/// One operation on many sagas or dead letters.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Job)]
pub(crate) struct JobView {
    pub(crate) id: i64,
    pub(crate) action: JobAction,
    pub(crate) state: JobState,
    /// What the sagas shall be; null for other actions, and where each saga becomes what it was.
    #[schema(value_type = Option<SagaStatus>)]
    pub(crate) status: Option<String>,
    pub(crate) note: Option<String>,
    /// As it was asked for: sagaIds, deadLetterIds, filter or, of a job that reverts another one, jobId.
    #[schema(value_type = BTreeMap<String, Value>)]
    pub(crate) selection: Value,
    /// Who asked for it.
    pub(crate) actor: String,
    pub(crate) role: Option<String>,
    pub(crate) way: Way,
    /// The job that it reverts.
    pub(crate) reverts: Option<i64>,
    /// The last job that reverts it.
    pub(crate) reverted_by: Option<i64>,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    /// When it last did something.
    pub(crate) moved_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
    /// How many sagas or dead letters it has.
    pub(crate) items: u64,
    /// How many have a result.
    pub(crate) done: u64,
    pub(crate) changed: u64,
    pub(crate) unchanged: u64,
    pub(crate) refused: u64,
    pub(crate) failed: u64,
}

impl JobView {
    pub(crate) fn new(job: Job, redaction: &Redaction) -> Self {
        // The note of a correction also stands in the metadata of its events, where its key may be hidden.
        let is_hidden = job.action == JobAction::Correct && redaction.hides(keys::REASON);
        Self {
            done: job.done(),
            id: job.id,
            action: job.action,
            state: job.state,
            status: job.target,
            note: job.note.map(|note| match is_hidden {
                true => REDACTED.to_owned(),
                false => note,
            }),
            selection: serde_json::from_str(&job.selection).unwrap_or_default(),
            actor: job.actor.name,
            role: job.actor.role,
            way: job.actor.way,
            reverts: job.reverts,
            reverted_by: job.reverted_by,
            created_at: job.created_at,
            started_at: job.started_at,
            moved_at: job.moved_at,
            finished_at: job.finished_at,
            items: job.items,
            changed: job.changed,
            unchanged: job.unchanged,
            refused: job.refused,
            failed: job.failed,
        }
    }
}

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

/// Preview a job
///
/// Finds what is selected and says what would become of it, grouped by outcome. Nothing is changed. Dead letters to be replayed are
/// tried by a replay that is rolled back, up to 500 of them. The token names this selection: a job that is created with it has the
/// same sagas or letters in the same states, or is not created.
#[utoipa::path(
    post, path = "/internal/v1/jobs/preview", operation_id = "previewJob", tag = "operation",
    request_body = JobRequest,
    responses(
        (status = 200, description = "What would become of what is selected", body = JobPreview),
        (status = 404, description = "A saga or dead letter that is named does not exist, or not for the caller"),
        (status = 409, description = "Nothing is selected")
    )
)]
pub(super) async fn preview(
    reader: Reader,
    CalledBy(caller): CalledBy,
    params: Params,
    body: Body,
) -> Result<Json<JobPreview>, ApiError> {
    params.finish()?;
    let order = JobOrder::take(body)?;
    Ok(Json(
        jobs::preview(&reader, &caller, &order, sagas::filter).await?,
    ))
}

/// Create a job
///
/// What is selected is stored, at most 100,000 sagas or letters; a collector then does one after the other, also when the one that
/// began ends. A request with a preview token or an Idempotency-Key that was used before gives the job that it made then.
#[utoipa::path(
    post, path = "/internal/v1/jobs", operation_id = "createJob", tag = "operation",
    params(("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,200}$", description = "The caller's own key of the request")),
    request_body = JobRequest,
    responses(
        (status = 201, description = "The new job", body = JobView),
        (status = 200, description = "The job that this request made before", body = JobView),
        (status = 404, description = "A saga or dead letter that is named does not exist, or not for the caller"),
        (status = 409, description = "Nothing is selected, what is selected changed since the preview, or the key is that of another request")
    )
)]
pub(super) async fn create(
    reader: Reader,
    CalledBy(caller): CalledBy,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    params.finish()?;
    let key = request_key(&headers)?;
    let order = JobOrder::take(body)?;
    let created = jobs::create(&reader, &caller, &order, key, sagas::filter).await?;
    Ok(answer(created, &reader))
}

/// Jobs, newest first
///
/// A job is shown to callers who may see every type of its sagas.
#[utoipa::path(
    get, path = "/internal/v1/jobs", operation_id = "jobs", tag = "operation",
    params(
        ("size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many jobs; 50 if not given"),
        ("cursor" = Option<String>, Query, format = "jobs-cursor", min_length = 1, description = "The nextCursor of the page before"),
        ("state" = Option<JobState>, Query, description = "In this state"),
    ),
    responses((status = 200, description = "A page of jobs", body = JobsPage))
)]
pub(super) async fn list(reader: Reader, params: Params) -> Result<Json<JobsPage>, ApiError> {
    Ok(Json(find(&reader, params).await?))
}

/// The page of jobs that the parameters ask for.
pub(crate) async fn find(reader: &Reader, mut params: Params) -> Result<JobsPage, ApiError> {
    let size = params.parsed("size", size).unwrap_or(DEFAULT_SIZE);
    let cursor = params.parsed("cursor", JobsCursor::decode);
    let query = JobQuery {
        scope: Scope::All,
        state: params.parsed("state", state),
        before: cursor.map(|cursor| cursor.after),
        size: size + 1,
    };
    params.finish()?;
    let mut jobs = reader.jobs(&query).await?;
    let has_more = jobs.len() > size as usize;
    jobs.truncate(size as usize);
    let last = jobs.last().filter(|_| has_more);
    Ok(JobsPage {
        next_cursor: last.map(|job| JobsCursor { after: job.id }.encode()),
        content: jobs
            .into_iter()
            .map(|job| JobView::new(job, &reader.redaction))
            .collect(),
    })
}

/// A job
#[utoipa::path(
    get, path = "/internal/v1/jobs/{id}", operation_id = "job", tag = "operation",
    params(PathJob),
    responses(
        (status = 200, description = "The job", body = JobView),
        (status = 404, description = "There is no such job, or not for the caller")
    )
)]
pub(super) async fn one(
    reader: Reader,
    PathJob(id): PathJob,
    params: Params,
) -> Result<Json<JobView>, ApiError> {
    params.finish()?;
    let job = reader.job(id).await?.ok_or_else(|| no_job(id))?;
    Ok(Json(JobView::new(job, &reader.redaction)))
}

/// The sagas or dead letters of a job, with what became of each
#[utoipa::path(
    get, path = "/internal/v1/jobs/{id}/items", operation_id = "jobItems", tag = "operation",
    params(
        PathJob,
        ("size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many items; 50 if not given"),
        ("cursor" = Option<String>, Query, format = "jobs-cursor", min_length = 1, description = "The nextCursor of the page before"),
        ("result" = inline(Option<ResultFilter>), Query, description = "With this result; PENDING has those that are not done"),
    ),
    responses(
        (status = 200, description = "A page of items, in the order in which they are done", body = JobItemsPage),
        (status = 404, description = "There is no such job, or not for the caller")
    )
)]
pub(super) async fn items(
    reader: Reader,
    PathJob(id): PathJob,
    params: Params,
) -> Result<Json<JobItemsPage>, ApiError> {
    let query = item_query(params)?;
    let job = reader.job(id).await?.ok_or_else(|| no_job(id))?;
    Ok(Json(find_items(&reader, &job, query).await?))
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
        size: params.parsed("size", size).unwrap_or(DEFAULT_SIZE),
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
    let has_more = items.len() > size as usize;
    items.truncate(size as usize);
    let last = items.last().filter(|_| has_more);
    Ok(JobItemsPage {
        next_cursor: last.map(|item| JobsCursor { after: item.number }.encode()),
        content: items.into_iter().map(ItemView::from).collect(),
    })
}

/// Stop a job
///
/// One that waits ends at once, one that runs after the items in hand. What is done stays done. A job that has ended stays as it is.
#[utoipa::path(
    post, path = "/internal/v1/jobs/{id}/stop", operation_id = "stopJob", tag = "operation",
    params(PathJob),
    responses(
        (status = 200, description = "The job as it is now", body = JobView),
        (status = 404, description = "There is no such job, or not for the caller")
    )
)]
pub(super) async fn stop(
    reader: Reader,
    CalledBy(caller): CalledBy,
    PathJob(id): PathJob,
    params: Params,
) -> Result<Json<JobView>, ApiError> {
    params.finish()?;
    let job = jobs::stop(&reader, &caller, id).await?;
    Ok(Json(JobView::new(job, &reader.redaction)))
}

/// Revert a job
///
/// By a job of its own: sagas that are still as the job left them become what they were before, by an event each, and dismissed
/// letters are restored. What was changed since is refused. Replays cannot be taken back.
#[utoipa::path(
    post, path = "/internal/v1/jobs/{id}/revert", operation_id = "revertJob", tag = "operation",
    params(
        PathJob,
        ("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,200}$", description = "The caller's own key of the request"),
    ),
    request_body = RevertRequest,
    responses(
        (status = 201, description = "The new job", body = JobView),
        (status = 200, description = "The job that this request made before", body = JobView),
        (status = 404, description = "There is no such job, or not for the caller"),
        (status = 409, description = "It has not ended, cannot be taken back, or nothing of it is left to take back; or the key is that of another request")
    )
)]
pub(super) async fn revert(
    reader: Reader,
    CalledBy(caller): CalledBy,
    PathJob(id): PathJob,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    params.finish()?;
    let key = request_key(&headers)?;
    let order = RevertOrder::take(body)?;
    let created = jobs::revert(&reader, &caller, id, &order, key).await?;
    Ok(answer(created, &reader))
}

fn answer((job, is_new): (Job, bool), reader: &Reader) -> Response {
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let location = format!("/internal/v1/jobs/{}", job.id);
    let view = JobView::new(job, &reader.redaction);
    (status, [(header::LOCATION, location)], Json(view)).into_response()
}

/// What became of an item, or that it is not done.
#[derive(ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = JobItemFilter)]
#[expect(dead_code, reason = "describes what `result` reads")]
enum ResultFilter {
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

fn state(text: &str) -> Result<JobState, String> {
    let found = JobState::ALL.into_iter().find(|state| state.as_str() == text);
    let names = JobState::ALL.map(JobState::as_str).join(", ");
    found.ok_or_else(|| format!("must be one of {names}"))
}

fn size(text: &str) -> Result<u32, String> {
    let size = text.parse().ok().filter(|size| (1..=MAX_SIZE).contains(size));
    size.ok_or_else(|| format!("must be a number from 1 to {MAX_SIZE}"))
}
