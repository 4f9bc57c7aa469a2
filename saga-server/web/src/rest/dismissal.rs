//! `POST /internal/v1/dlt/dismiss` and `/internal/v1/dlt/restore`: dead letters dismissed and restored.

use axum::Json;

use crate::{
    http::{ApiError, body::Body, guard::CalledBy, query_string::Params},
    operations::{DismissalOrder, DisposalAnswer, Disposing, RestorationOrder},
    scoped::Reader,
};
use saga_store::Disposal;

/// Dismiss dead letters
///
/// Letters that wait are dismissed, with a note: they leave counts, alerts and the list, and are found by their state. They stay for
/// as long as others, and can be restored. A call takes up to 500, the oldest first; while `complete` is false, repeat the call.
/// A dry run counts.
#[utoipa::path(
    post, path = "/internal/v1/dlt/dismiss", operation_id = "dismissDeadLetters", tag = "operation",
    request_body = DismissalOrder,
    responses((status = 200, description = "What became of the letters", body = DisposalAnswer))
)]
pub(super) async fn dismiss(
    reader: Reader,
    CalledBy(caller): CalledBy,
    params: Params,
    body: Body,
) -> Result<Json<DisposalAnswer>, ApiError> {
    params.finish()?;
    let order = Disposing::take(body, Disposal::Dismiss)?;
    Ok(Json(order.carry_out(&reader, &caller).await?))
}

/// Restore dismissed dead letters
///
/// Letters that were dismissed wait again. Those whose content was erased stay as they are. A call takes up to 500, the oldest first;
/// while `complete` is false, repeat the call. A dry run counts.
#[utoipa::path(
    post, path = "/internal/v1/dlt/restore", operation_id = "restoreDeadLetters", tag = "operation",
    request_body = RestorationOrder,
    responses((status = 200, description = "What became of the letters", body = DisposalAnswer))
)]
pub(super) async fn restore(
    reader: Reader,
    CalledBy(caller): CalledBy,
    params: Params,
    body: Body,
) -> Result<Json<DisposalAnswer>, ApiError> {
    params.finish()?;
    let order = Disposing::take(body, Disposal::Restore)?;
    Ok(Json(order.carry_out(&reader, &caller).await?))
}
