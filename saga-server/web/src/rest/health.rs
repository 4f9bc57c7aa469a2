//! `GET /health` and below it `/liveness` and `/readiness`, also under `/actuator`: for orchestrators.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{FromRef, Request, State},
    http::StatusCode,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{Access, Role},
    http::guard,
};
use saga_collector::health::{Component, Concern, Health, SourceHealth, State as ComponentState};

/// Whether all of it works.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Overall {
    Up,
    Down,
}

/// The answer: `{"status":"UP","components":{"db":{"status":"UP"},…}}`.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    status: Overall,
    components: BTreeMap<Component, ComponentState>,
    /// What an operator should know of although everything works; not there when there is nothing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    warnings: BTreeMap<Concern, String>,
    /// How sources are, by their names; not there when there are none. They say nothing of the status.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sources: BTreeMap<String, SourceHealth>,
}

/// The answer: `{"status":"UP"}`.
#[derive(Debug, Serialize, ToSchema)]
struct Liveness {
    status: Overall,
}

pub(super) fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Arc<Health>: FromRef<S>,
    Arc<Access>: FromRef<S>,
{
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(readiness))
        .routes(routes!(liveness))
}

/// The same as `/health/readiness`
#[utoipa::path(
    get, path = "/health", operation_id = "health", tag = "health",
    responses(
        (status = 200, description = "Every part works", body = Readiness),
        (status = 503, description = "A part does not work", body = Readiness),
    )
)]
async fn health(
    health: State<Arc<Health>>,
    access: State<Arc<Access>>,
    request: Request,
) -> (StatusCode, Json<Readiness>) {
    readiness(health, access, request).await
}

/// Whether every part works
#[utoipa::path(
    get, path = "/health/readiness", operation_id = "readiness", tag = "health",
    responses(
        (status = 200, description = "Every part works", body = Readiness),
        (status = 503, description = "A part does not work", body = Readiness),
    )
)]
async fn readiness(
    State(health): State<Arc<Health>>,
    State(access): State<Arc<Access>>,
    request: Request,
) -> (StatusCode, Json<Readiness>) {
    let (mut components, mut warnings, mut sources) = (health.states(), health.warnings(), health.sources());
    let caller = guard::known_caller(&access, &request).await;
    // A reason may name anything that a database or a broker says, of whatever saga type.
    if caller.is_none_or(|caller| caller.role < Role::Operator || !caller.scope.is_all()) {
        components.values_mut().for_each(hide_reason);
        warnings
            .values_mut()
            .for_each(|reason| FOR_OPERATORS.clone_into(reason));
        let reasons = sources.values_mut().filter_map(|source| source.reason.as_mut());
        reasons.for_each(|reason| FOR_OPERATORS.clone_into(reason));
    }
    let is_up = components
        .values()
        .all(|component| *component == ComponentState::Up);
    let (code, status) = if is_up {
        (StatusCode::OK, Overall::Up)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Overall::Down)
    };
    (
        code,
        Json(Readiness {
            status,
            components,
            warnings,
            sources,
        }),
    )
}

/// Stands for the reason of a warning.
const FOR_OPERATORS: &str = "the reason is for operators";

/// A reason may hold names of hosts and databases, which are for operators.
fn hide_reason(component: &mut ComponentState) {
    if let ComponentState::Down { reason } = component {
        *reason = "not working; the reason is for operators".to_owned();
    }
}

/// Whether the process answers at all
///
/// A database that is unavailable is no reason to kill it.
#[utoipa::path(
    get, path = "/health/liveness", operation_id = "liveness", tag = "health",
    responses((status = 200, description = "The process answers", body = Liveness))
)]
async fn liveness() -> Json<Liveness> {
    Json(Liveness { status: Overall::Up })
}
