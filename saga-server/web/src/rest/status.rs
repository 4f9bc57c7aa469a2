//! `PATCH /internal/v1/sagas/{sagaId}/status`: an operator says where a saga stands.

use axum::Json;

use crate::{
    http::{ApiError, body::Body, guard::CalledBy, params::PathSagaId, query_string::Params},
    operations::{Corrected, Correction},
    scoped::Reader,
};

/// Set the status of a saga by hand
///
/// It becomes an event with the caller's name and reason. Nothing that was recorded is overwritten.
#[utoipa::path(
    patch, path = "/internal/v1/sagas/{sagaId}/status", operation_id = "correctStatus", tag = "operation",
    params(PathSagaId),
    request_body = Correction,
    responses(
        (status = 200, description = "The saga has that status now", body = Corrected),
        (status = 404, description = "There is no such saga, or it has left the database"),
        (status = 409, description = "Nothing would change, or others changed the saga at the same time"),
    )
)]
pub(super) async fn correct(
    reader: Reader,
    PathSagaId(saga_id): PathSagaId,
    CalledBy(caller): CalledBy,
    params: Params,
    body: Body,
) -> Result<Json<Corrected>, ApiError> {
    params.finish()?;
    let correction = Correction::take(body)?;
    Ok(Json(correction.carry_out(&reader, &saga_id, &caller).await?))
}
