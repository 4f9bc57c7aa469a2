//! The answers: REST over the store, health and metrics. One file for each endpoint: parameters, query and response.
//!
//! Rule of thumb: a handler returns what it found or an [`ApiError`]; what every answer has in common, from the form of an
//! error to the time limit, stands in `edge`.
//!
//! To add an endpoint: write `#[utoipa::path(…)]` at its handler, whose doc comment describes it (the first line is the title),
//! and name it in `endpoints` with `routes!`. Say there only what is its own: parameters, body, the good answer, and errors
//! such as 404 or 409 by status and description alone. `openapi` adds the form of errors, those that all endpoints have, and
//! security. Answers and bodies derive `ToSchema`; a
//! type of ours that only parameters have is also named at `openapi::Frame`. Then renew the kept copy: `saga-server openapi > docs/openapi.json`.
//!
//! | part | what |
//! | --- | --- |
//! | `openapi`, `docs` | the description of the API, and its viewer |
//! | `listen` | connections, and how slow the other side may be |
//! | `edge` | around every request: limits, latency, headers, the form of errors |
//! | `guard`, `same_site` | who is calling, and whether they may |
//! | `query_string`, `params`, `body`, `period` | what callers say, checked; each bad parameter is named |
//! | `saga`, `sagas`, `steps`, `statistics` | the endpoints under `/api/v1/sagas` |
//! | `stream` | `/api/v1/sagas/stream`: sagas as they change |
//! | `attention` | `/api/v1/attention`: what is late |
//! | `status`, `correction` | `/internal/v1/sagas/{sagaId}/status`, and the event that it makes |
//! | `dead_letters`, `replay` | `/internal/v1/dlt`, and `/internal/v1/sagas/replay` |
//! | `producers` | `/internal/v1/producers`: who records events, and which of them never came |
//! | `health`, `metrics` | for orchestrators and Prometheus |

mod attention;
mod body;
mod correction;
mod dead_letters;
mod docs;
mod edge;
mod error;
mod guard;
mod health;
mod listen;
mod metrics;
mod openapi;
mod params;
mod period;
mod producers;
mod query_string;
mod replay;
mod saga;
mod sagas;
mod same_site;
mod statistics;
mod status;
mod steps;
mod stream;

use std::{sync::Arc, time::Instant};

use axum::{Router, extract::DefaultBodyLimit, middleware};
use tracing::Instrument;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use saga_types::{Timestamp, definition::Definitions};

use crate::{
    auth::Access,
    config::{PagesConfig, WatchConfig},
    dead_letters::DeadLetters,
    freshness::{Freshness, Progress},
    health::Health,
    live::Live,
    metrics::{Metrics, QueryLabel},
    redaction::Redaction,
    store::Store,
    telemetry::spans,
    ui,
};

pub(crate) use correction::Correction;
pub(crate) use dead_letters::{find as find_letters, find_groups as find_letter_groups};
pub use docs::api_docs;
pub use error::{ApiError, ErrorCode};
pub use listen::{Limits, serve};
pub(crate) use params::PathSagaId;
pub(crate) use producers::find as find_producers;
pub(crate) use query_string::{Params, StepsCursor};
pub(crate) use replay::{ReplayAnswer, ReplayOrder, carry_out as replay_letters};
pub(crate) use sagas::{SagasPage, find as find_sagas};
pub(crate) use status::carry_out as correct_status;

/// What every handler may ask.
#[derive(Clone)]
pub struct AppState {
    /// The database.
    pub store: Arc<dyn Store>,
    /// How the parts of the collector are.
    pub health: Arc<Health>,
    /// What the collector counts.
    pub metrics: Arc<Metrics>,
    /// What could not be stored.
    pub dead_letters: Arc<DeadLetters>,
    /// Who may call.
    pub access: Arc<Access>,
    /// What of the metadata nobody is shown; every answer goes through it.
    pub redaction: Arc<Redaction>,
    /// How far the store is.
    pub progress: Arc<Progress>,
    /// The definitions in force.
    pub definitions: Arc<Definitions>,
    /// What is late.
    pub watch: WatchConfig,
    /// What changes.
    pub live: Arc<Live>,
    /// What the pages know of their surroundings.
    pub pages: Arc<PagesConfig>,
}

impl AppState {
    /// How fresh an answer is that is given now.
    pub(crate) fn freshness(&self) -> Freshness {
        self.progress.freshness(Timestamp::now())
    }

    /// Waits for an answer of the store and counts how long it took.
    pub(crate) async fn ask<T, E: Into<ApiError>>(
        &self,
        query: &'static str,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ApiError> {
        let asked = Instant::now();
        let answer = answer.instrument(spans::query(query)).await;
        self.metrics
            .db_query
            .get_or_create(&QueryLabel { query })
            .observe(asked.elapsed().as_secs_f64());
        answer.map_err(Into::into)
    }
}

/// Every endpoint together with its description.
fn endpoints() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::Frame::openapi())
        .routes(routes!(sagas::search))
        .routes(routes!(statistics::of_a_period))
        .routes(routes!(stream::changes))
        .routes(routes!(saga::detail))
        .routes(routes!(steps::of_a_saga))
        .routes(routes!(attention::needed))
        .routes(routes!(status::correct))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::groups))
        .routes(routes!(replay::replay))
        .routes(routes!(producers::list))
        .merge(health::routes())
        .nest("/actuator", health::routes())
        .routes(routes!(metrics::page))
        .routes(routes!(metrics::actuator_page))
        .routes(routes!(docs::page))
}

/// Every route of the collector.
pub fn router(state: AppState) -> Router {
    let (endpoints, _) = endpoints().split_for_parts();
    endpoints
        .merge(docs::viewer())
        .merge(ui::routes())
        .fallback(edge::no_such_route)
        .method_not_allowed_fallback(edge::method_not_allowed)
        .layer(DefaultBodyLimit::max(body::LIMIT))
        .layer(middleware::from_fn_with_state(state.clone(), guard::check))
        .layer(middleware::from_fn_with_state(state.clone(), edge::around))
        .with_state(state)
}
