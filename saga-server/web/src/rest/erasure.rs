//! `POST /internal/v1/erase`: a person's data leaves.

use axum::Json;

use crate::{
    http::{ApiError, body::Body, guard::CalledBy, query_string::Params},
    operations::{Erasing, ErasureAnswer, ErasureRequest},
    scoped::Reader,
};

/// Erase a person's data
///
/// By a key and value of the metadata. All metadata of every saga in which an event has it leaves database and archive, and with it
/// failure reasons; so does the content of dead letters that hold it or belong to such a saga. Sagas, their states and the names of
/// services, traces and versions stay, with a mark. Notes of operators, selections of jobs and saved views that name the value leave,
/// too. A call does as much as it has time for: repeat it with `nextCursor` until `complete` is true. Each of them is an entry of the
/// log of operations, with the key and without the value.
#[utoipa::path(
    post, path = "/internal/v1/erase", operation_id = "erase", tag = "operation",
    request_body = ErasureRequest,
    responses((status = 200, description = "How much was erased, or would be", body = ErasureAnswer))
)]
pub(super) async fn erase(
    reader: Reader,
    CalledBy(caller): CalledBy,
    params: Params,
    body: Body,
) -> Result<Json<ErasureAnswer>, ApiError> {
    params.finish()?;
    let erasing = Erasing::take(body)?;
    Ok(Json(erasing.carry_out(&reader, &caller).await?))
}
