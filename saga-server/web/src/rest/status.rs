//! `PATCH /internal/v1/sagas/{sagaId}/status`: an operator says where a saga stands.
//!
//! The status is read before the event is stored, and others may store events in between. What comes of that is told to
//! the caller: never does a call succeed that did not itself bring about the status it names.

use axum::{Json, extract::State};
use saga_types::{SagaId, SagaStatus, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::correction::Correction;
use crate::auth::Caller;
use crate::{
    http::{ApiError, body::Body, guard::CalledBy, params::PathSagaId, query_string::Params},
    state::AppState,
};
use saga_collector::metrics::count_stored;
use saga_store::{Appended, SagaChange};

/// How often a state is looked at anew because another correction of it came first.
const ATTEMPTS: usize = 5;

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Corrected {
    saga_id: SagaId,
    previous_status: Option<SagaStatus>,
    current_status: SagaStatus,
    updated_at: Timestamp,
}

/// Set the status of a saga by hand
///
/// It becomes an event with the caller's name and reason. Nothing that was recorded is overwritten.
#[utoipa::path(
    patch, path = "/internal/v1/sagas/{sagaId}/status", operation_id = "correctStatus", tag = "operation",
    params(PathSagaId),
    request_body = Correction,
    responses(
        (status = 200, description = "The saga has that status now", body = Corrected),
        (status = 404, description = "There is no such saga"),
        (status = 409, description = "Nothing would change, or others changed the saga at the same time"),
    )
)]
pub(super) async fn correct(
    State(state): State<AppState>,
    PathSagaId(saga_id): PathSagaId,
    CalledBy(caller): CalledBy,
    params: Params,
    body: Body,
) -> Result<Json<Corrected>, ApiError> {
    params.finish()?;
    let correction = Correction::take(body)?;
    Ok(Json(carry_out(&state, &saga_id, &correction, &caller).await?))
}

/// Does what an operator wants, whichever way they said it.
pub(crate) async fn carry_out(
    state: &AppState,
    saga_id: &SagaId,
    correction: &Correction,
    caller: &Caller,
) -> Result<Corrected, ApiError> {
    for _ in 0..ATTEMPTS {
        if let Some(change) = attempt(state, saga_id, correction, &caller.name).await? {
            let status = correction.status.as_str();
            tracing::info!(
                saga_id = saga_id.as_str(),
                actor = caller.name,
                status,
                "a status was set by hand"
            );
            return answer(change, correction.status);
        }
    }
    let message = format!("others correct the saga {:?} at the same time", saga_id.as_str());
    Err(ApiError::conflict(message))
}

/// Stores the event on top of the state as it is now. `None` when another correction of that state came first.
async fn attempt(
    state: &AppState,
    saga_id: &SagaId,
    correction: &Correction,
    actor: &str,
) -> Result<Option<SagaChange>, ApiError> {
    let seen = state.ask("saga", state.store.saga(saga_id)).await?;
    let seen = seen.ok_or_else(|| ApiError::no_such_saga(saga_id, &state.freshness()))?;
    if seen.current_status == correction.status {
        let message = format!(
            "the saga {:?} is {} already",
            saga_id.as_str(),
            seen.current_status
        );
        return Err(ApiError::conflict(message));
    }
    let event = correction.event(&seen, actor)?;
    let appending = state.store.append(vec![event.clone()].into());
    let Appended { mut changes, .. } = state.ask("append", appending).await?;
    if !changes.is_empty() {
        count_stored(&state.metrics, [&event], &changes);
    }
    Ok(changes.pop())
}

/// The event is stored; whether it did what was wanted depends on what else was stored in the meantime.
fn answer(change: SagaChange, wanted: SagaStatus) -> Result<Corrected, ApiError> {
    let SagaChange {
        previous_status,
        state,
        ..
    } = change;
    let current = state.current_status;
    if current != wanted {
        let message = format!("an event that is later still came at the same time, so the saga is {current}");
        return Err(ApiError::conflict(message));
    }
    if previous_status == Some(wanted) {
        let message = format!("the saga became {wanted} by another event at the same time");
        return Err(ApiError::conflict(message));
    }
    Ok(Corrected {
        saga_id: state.saga_id,
        previous_status,
        current_status: current,
        updated_at: state.updated_at,
    })
}
