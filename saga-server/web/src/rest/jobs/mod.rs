//! `/internal/v1/jobs`: one operation on many sagas or dead letters.
//!
//! | part | what |
//! | --- | --- |
//! | `view` | a job as callers see it |
//! | `items` | its sagas or dead letters, page by page |

mod items;
mod view;

use axum::{
    Json,
    extract::{FromRequestParts, Path},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use saga_store::{Job, JobQuery, JobState, Scope};
use utoipa::IntoParams;

use self::{
    items::{JobItemsPage, ResultFilter},
    view::JobsPage,
};
use super::sagas;
use crate::{
    http::{
        ApiError,
        body::Body,
        guard::CalledBy,
        params::{one_of, up_to},
        query_string::{JobsCursor, Params},
    },
    operations::jobs::{
        self, JobOrder, JobPreview, JobRequest, RevertOrder, RevertRequest, no_job, request_key,
    },
    scoped::Reader,
};

pub(crate) use self::{
    items::{ItemView, find_items, item_query},
    view::JobView,
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
        (status = 404, description = "A saga or dead letter that is named does not exist, or not for the caller")
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
    let size = params.parsed("size", up_to(MAX_SIZE)).unwrap_or(DEFAULT_SIZE);
    let cursor = params.parsed("cursor", JobsCursor::decode);
    let query = JobQuery {
        scope: Scope::All,
        state: params.parsed("state", one_of(JobState::ALL, JobState::as_str)),
        before: cursor.map(|cursor| cursor.after),
        size: size + 1,
    };
    params.finish()?;
    let mut jobs = reader.jobs(&query).await?;
    let last = cut(&mut jobs, size);
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

/// Removes what was read beyond the page. The last row of the page, when there are more.
fn cut<T>(rows: &mut Vec<T>, size: u32) -> Option<&T> {
    let has_more = rows.len() > size as usize;
    rows.truncate(size as usize);
    rows.last().filter(|_| has_more)
}
