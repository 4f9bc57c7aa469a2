//! `/internal/v1/acknowledgements`, and `…/acknowledgement` of sagas, dead letters and groups of failures: who takes care.

use axum::{Json, extract::Path};
use saga_store::{Subject, Subjects};
use saga_types::SagaType;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    acknowledgements::AcknowledgementView,
    http::{
        ApiError,
        body::Body,
        guard::CalledBy,
        params::{PathSagaId, up_to},
        query_string::Params,
    },
    operations::{
        AcknowledgementRequest, Acknowledging, acknowledged_group, acknowledgement_id,
        withdraw_acknowledgement,
    },
    scoped::Reader,
};

const DEFAULT_SIZE: u32 = 50;
const MAX_SIZE: u32 = 100;

/// A page of acknowledgements.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Acknowledgements)]
pub(super) struct AcknowledgementsPage {
    /// A page may have fewer than were asked for, also when there is a next one.
    content: Vec<AcknowledgementView>,
    next_cursor: Option<String>,
}

/// Who takes care of what
///
/// The acknowledgements that are not over, the newest first: of sagas and dead letters that the caller may see, and of groups of
/// failures of a saga type that the caller may see; those of all types are for callers with rights to all types.
#[utoipa::path(
    get, path = "/internal/v1/acknowledgements", operation_id = "acknowledgements", tag = "operation",
    params(
        ("size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many at most; 50 if not given"),
        ("cursor" = Option<String>, Query, pattern = "^[0-9]{1,18}$", description = "The nextCursor of the page before"),
    ),
    responses((status = 200, description = "The acknowledgements", body = AcknowledgementsPage))
)]
pub(super) async fn list(reader: Reader, mut params: Params) -> Result<Json<AcknowledgementsPage>, ApiError> {
    let size = params.parsed("size", up_to(MAX_SIZE)).unwrap_or(DEFAULT_SIZE);
    let before = params.parsed("cursor", cursor);
    params.finish()?;
    let page = reader.acknowledgements(Subjects::All, before, size).await?;
    let view = |found| AcknowledgementView::of(found, &reader.redaction);
    Ok(Json(AcknowledgementsPage {
        content: page.acknowledgements.into_iter().map(view).collect(),
        next_cursor: page.next.map(|id| id.to_string()),
    }))
}

fn cursor(text: &str) -> Result<i64, String> {
    let is_plain = text.len() <= 18 && text.bytes().all(|digit| digit.is_ascii_digit());
    let id = text.parse().ok().filter(|_| is_plain);
    id.ok_or_else(|| "must be the nextCursor of the page before".to_owned())
}

/// Acknowledge a saga
///
/// Says who takes care of it and until when. It ends at that time, when the saga is COMPLETED or COMPENSATED, when it was FAILED
/// and is not, and when it was late and has gone on. `worse` says that a step failed since, that it owes more compensations, or
/// that it became late.
#[utoipa::path(
    put, path = "/internal/v1/sagas/{sagaId}/acknowledgement", operation_id = "acknowledgeSaga", tag = "operation",
    params(PathSagaId),
    request_body = AcknowledgementRequest,
    responses(
        (status = 200, description = "The acknowledgement", body = AcknowledgementView),
        (status = 404, description = "There is no such saga, or it has left the database"),
        (status = 409, description = "There is nothing to take care of, or another acknowledgement than the caller saw"),
    )
)]
pub(super) async fn put_saga(
    reader: Reader,
    PathSagaId(saga_id): PathSagaId,
    CalledBy(caller): CalledBy,
    params: Params,
    body: Body,
) -> Result<Json<AcknowledgementView>, ApiError> {
    params.finish()?;
    let order = Acknowledging::take(body)?;
    Ok(Json(
        order.carry_out(&reader, Subject::Saga(saga_id), &caller).await?,
    ))
}

/// Withdraw the acknowledgement of a saga
#[utoipa::path(
    delete, path = "/internal/v1/sagas/{sagaId}/acknowledgement", operation_id = "withdrawSaga", tag = "operation",
    params(PathSagaId, ("id" = Option<i64>, Query, description = "The acknowledgement that the caller saw; any if not given")),
    responses(
        (status = 200, description = "What was withdrawn", body = AcknowledgementView),
        (status = 404, description = "There is no acknowledgement of it"),
        (status = 409, description = "There is another one than the caller saw"),
    )
)]
pub(super) async fn delete_saga(
    reader: Reader,
    PathSagaId(saga_id): PathSagaId,
    CalledBy(caller): CalledBy,
    mut params: Params,
) -> Result<Json<AcknowledgementView>, ApiError> {
    let seen = params.parsed("id", acknowledgement_id);
    params.finish()?;
    let withdrawing = withdraw_acknowledgement(&reader, Subject::Saga(saga_id), seen, &caller);
    Ok(Json(withdrawing.await?))
}

/// Acknowledge a dead letter
///
/// Says who takes care of it and until when. It ends at that time, and when the letter is replayed or dismissed.
#[utoipa::path(
    put, path = "/internal/v1/dlt/{id}/acknowledgement", operation_id = "acknowledgeDeadLetter", tag = "operation",
    params(("id" = i64, Path, description = "The dead letter")),
    request_body = AcknowledgementRequest,
    responses(
        (status = 200, description = "The acknowledgement", body = AcknowledgementView),
        (status = 404, description = "There is no such dead letter"),
        (status = 409, description = "It does not wait, or there is another acknowledgement than the caller saw"),
    )
)]
pub(super) async fn put_letter(
    reader: Reader,
    Path(id): Path<String>,
    CalledBy(caller): CalledBy,
    params: Params,
    body: Body,
) -> Result<Json<AcknowledgementView>, ApiError> {
    let subject = letter(&id)?;
    params.finish()?;
    let order = Acknowledging::take(body)?;
    Ok(Json(order.carry_out(&reader, subject, &caller).await?))
}

/// Withdraw the acknowledgement of a dead letter
#[utoipa::path(
    delete, path = "/internal/v1/dlt/{id}/acknowledgement", operation_id = "withdrawDeadLetter", tag = "operation",
    params(
        ("id" = i64, Path, description = "The dead letter"),
        ("id" = Option<i64>, Query, description = "The acknowledgement that the caller saw; any if not given"),
    ),
    responses(
        (status = 200, description = "What was withdrawn", body = AcknowledgementView),
        (status = 404, description = "There is no acknowledgement of it"),
        (status = 409, description = "There is another one than the caller saw"),
    )
)]
pub(super) async fn delete_letter(
    reader: Reader,
    Path(id): Path<String>,
    CalledBy(caller): CalledBy,
    mut params: Params,
) -> Result<Json<AcknowledgementView>, ApiError> {
    let subject = letter(&id)?;
    let seen = params.parsed("id", acknowledgement_id);
    params.finish()?;
    Ok(Json(
        withdraw_acknowledgement(&reader, subject, seen, &caller).await?,
    ))
}

fn letter(text: &str) -> Result<Subject, ApiError> {
    let id = text.parse();
    id.map(Subject::Letter)
        .map_err(|_| ApiError::bad_parameter("id", "must be the id of a dead letter"))
}

/// Acknowledge a group of failures
///
/// Says who takes care of it and until when. It ends at that time, and when none of its sagas is FAILED any more. `worse` says
/// that it has a quarter more sagas than when it was acknowledged, and at least one more. Of its sagas those count that started in
/// the 7 days before it was acknowledged, or later.
#[utoipa::path(
    put, path = "/internal/v1/failure-groups/acknowledgement", operation_id = "acknowledgeFailureGroup", tag = "operation",
    params(
        ("failureGroup" = String, Query, pattern = r"^[^\x00]+$", description = "The group, by its name in /api/v1/failure-groups"),
        ("sagaType" = Option<SagaType>, Query, description = "Only its sagas of this type; without it the caller needs rights to all types"),
    ),
    request_body = AcknowledgementRequest,
    responses(
        (status = 200, description = "The acknowledgement", body = AcknowledgementView),
        (status = 404, description = "There is no saga of this group"),
        (status = 409, description = "None of its sagas is FAILED, or there is another acknowledgement than the caller saw"),
    )
)]
pub(super) async fn put_group(
    reader: Reader,
    CalledBy(caller): CalledBy,
    mut params: Params,
    body: Body,
) -> Result<Json<AcknowledgementView>, ApiError> {
    let group = acknowledged_group(&mut params, &reader);
    params.finish()?;
    let order = Acknowledging::take(body)?;
    let group = group.ok_or_else(ApiError::internal)?;
    Ok(Json(order.carry_out(&reader, group, &caller).await?))
}

/// Withdraw the acknowledgement of a group of failures
#[utoipa::path(
    delete, path = "/internal/v1/failure-groups/acknowledgement", operation_id = "withdrawFailureGroup", tag = "operation",
    params(
        ("failureGroup" = String, Query, pattern = r"^[^\x00]+$", description = "The group, by its name in /api/v1/failure-groups"),
        ("sagaType" = Option<SagaType>, Query, description = "The type for which it was acknowledged; all types if not given"),
        ("id" = Option<i64>, Query, description = "The acknowledgement that the caller saw; any if not given"),
    ),
    responses(
        (status = 200, description = "What was withdrawn", body = AcknowledgementView),
        (status = 404, description = "There is no acknowledgement of it"),
        (status = 409, description = "There is another one than the caller saw"),
    )
)]
pub(super) async fn delete_group(
    reader: Reader,
    CalledBy(caller): CalledBy,
    mut params: Params,
) -> Result<Json<AcknowledgementView>, ApiError> {
    let group = acknowledged_group(&mut params, &reader);
    let seen = params.parsed("id", acknowledgement_id);
    params.finish()?;
    let group = group.ok_or_else(ApiError::internal)?;
    Ok(Json(
        withdraw_acknowledgement(&reader, group, seen, &caller).await?,
    ))
}
