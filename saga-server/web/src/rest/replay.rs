//! `POST /internal/v1/sagas/replay`: dead letters once more, as if they had just come.

use axum::Json;

use crate::{
    http::{ApiError, body::Body, guard::CalledBy, query_string::Params},
    operations::{ReplayAnswer, ReplayRequest},
    scoped::Reader,
};

/// Replay dead letters
///
/// They are read again with today's schemas, rules and mappings, and their events are stored as if they had just come. Replaying
/// again changes nothing. A dry run shows what would become of each letter and its saga, and writes nothing.
#[utoipa::path(
    post, path = "/internal/v1/sagas/replay", operation_id = "replay", tag = "operation",
    request_body = ReplayRequest,
    responses((status = 200, description = "What became of each letter", body = ReplayAnswer))
)]
pub(super) async fn replay(
    reader: Reader,
    CalledBy(caller): CalledBy,
    params: Params,
    body: Body,
) -> Result<Json<ReplayAnswer>, ApiError> {
    params.finish()?;
    let request = ReplayRequest::take(body)?;
    Ok(Json(request.carry_out(&reader, &caller).await?))
}
