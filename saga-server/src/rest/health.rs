//! `GET /health` and below it `/liveness` and `/readiness`, also under `/actuator`: for orchestrators.

use std::collections::BTreeMap;

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde::Serialize;

use super::AppState;
use crate::health::{Component, State as ComponentState};

/// The answer: `{"status":"UP","components":{"db":{"status":"UP"},…}}`.
#[derive(Debug, Serialize)]
struct HealthAnswer {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<BTreeMap<Component, ComponentState>>,
}

/// The three endpoints under a path.
pub(super) fn routes(path: &str) -> Router<AppState> {
    Router::new()
        .route(path, get(readiness))
        .route(&format!("{path}/readiness"), get(readiness))
        .route(&format!("{path}/liveness"), get(liveness))
}

/// Whether every part works: 503 when one does not.
async fn readiness(State(state): State<AppState>) -> (StatusCode, Json<HealthAnswer>) {
    let components = state.health.states();
    let is_up = components
        .values()
        .all(|component| *component == ComponentState::Up);
    let (code, status) = if is_up {
        (StatusCode::OK, "UP")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "DOWN")
    };
    (
        code,
        Json(HealthAnswer {
            status,
            components: Some(components),
        }),
    )
}

/// Whether the process answers at all. A database that is away is no reason to kill it.
async fn liveness() -> Json<HealthAnswer> {
    Json(HealthAnswer {
        status: "UP",
        components: None,
    })
}
