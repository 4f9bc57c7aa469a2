//! The answers: REST over the store, health and metrics. One file for each endpoint: parameters, query and response.
//!
//! Rule of thumb: a handler returns what it found or an [`ApiError`](crate::ApiError); what every answer has in common, from the form of an
//! error to the time limit, is in `http::middleware`.
//!
//! To add an endpoint: write `#[utoipa::path(…)]` at its handler, whose doc comment describes it (the first line is the title),
//! and name it in `endpoints` with `routes!`. Say there only what is its own: parameters, body, the good answer, and errors
//! such as 404 or 409 by status and description alone. `openapi` adds the form of errors, those that all endpoints have, and
//! security. Answers and bodies derive `ToSchema`; a type of ours that only parameters have is also named at
//! `openapi::BaseDocument`. Then renew the kept copy: `saga-server openapi > docs/openapi.json`.
//!
//! | part | what |
//! | --- | --- |
//! | `openapi`, `docs` | the description of the API, and its viewer |
//! | `saga`, `sagas`, `steps`, `statistics` | the endpoints under `/api/v1/sagas` |
//! | `flow` | `/api/v1/flow`: transitions between steps |
//! | `expected` | what is usual for what a saga waits for |
//! | `stream` | `/api/v1/sagas/stream`: sagas as they change |
//! | `attention` | `/api/v1/attention`: what is late |
//! | `failure_groups` | `/api/v1/failure-groups`: what fails, how often, and since when |
//! | `differences` | `/api/v1/differences`: in what two groups of sagas differ |
//! | `versions`, `compare` | `/api/v1/versions`, `/api/v1/compare`: versions of services, and two of them side by side |
//! | `status` | `/internal/v1/sagas/{sagaId}/status` |
//! | `dead_letters`, `replay` | `/internal/v1/dlt`, and `/internal/v1/sagas/replay` |
//! | `dismissal` | `/internal/v1/dlt/dismiss` and `/internal/v1/dlt/restore` |
//! | `erasure` | `/internal/v1/erase`: a person's data, erased |
//! | `jobs` | `/internal/v1/jobs`: one operation on many sagas or dead letters |
//! | `operations` | `/internal/v1/operations`: the log of what operators did |
//! | `producers` | `/internal/v1/producers`: who records events, and which of them never came |
//! | `health`, `metrics` | for orchestrators and Prometheus |

mod attention;
mod compare;
mod dead_letters;
mod differences;
mod dismissal;
mod docs;
mod erasure;
mod expected;
mod failure_groups;
mod flow;
mod health;
mod jobs;
mod metrics;
mod openapi;
mod operations;
mod producers;
mod replay;
mod saga;
mod sagas;
mod sort;
mod statistics;
mod status;
mod steps;
mod stream;
mod versions;

use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub(crate) use dead_letters::{find as find_letters, find_groups as find_letter_groups};
pub(crate) use docs::{ApiDocument, VIEWER_PATHS, viewer};
pub(crate) use jobs::{ItemView, JobView, PathJob, find as find_jobs, find_items as find_job_items};
pub(crate) use operations::{OperationView, find as find_operations};
pub(crate) use producers::find as find_producers;
pub(crate) use sagas::{SagasPage, filter as saga_filter, find as find_sagas};

/// Every endpoint together with its description.
pub(crate) fn endpoints() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::BaseDocument::openapi())
        .routes(routes!(sagas::search))
        .routes(routes!(statistics::of_a_period))
        .routes(routes!(flow::of_a_type))
        .routes(routes!(stream::changes))
        .routes(routes!(saga::detail))
        .routes(routes!(steps::of_a_saga))
        .routes(routes!(attention::needed))
        .routes(routes!(failure_groups::of_a_period))
        .routes(routes!(differences::of_groups))
        .routes(routes!(versions::seen))
        .routes(routes!(compare::two_versions))
        .routes(routes!(status::correct))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::groups))
        .routes(routes!(dismissal::dismiss))
        .routes(routes!(dismissal::restore))
        .routes(routes!(replay::replay))
        .routes(routes!(erasure::erase))
        .routes(routes!(jobs::list, jobs::create))
        .routes(routes!(jobs::preview))
        .routes(routes!(jobs::one))
        .routes(routes!(jobs::items))
        .routes(routes!(jobs::stop))
        .routes(routes!(jobs::revert))
        .routes(routes!(operations::list))
        .routes(routes!(operations::lines))
        .routes(routes!(operations::table))
        .routes(routes!(producers::list))
        .merge(health::routes())
        .nest("/actuator", health::routes())
        .routes(routes!(metrics::page))
        .routes(routes!(metrics::actuator_page))
        .routes(routes!(docs::page))
}

/// The description of all endpoints: an OpenAPI 3.1 document, as JSON.
#[must_use]
pub fn api_docs() -> String {
    ApiDocument::of(endpoints().into_openapi()).as_str().to_owned()
}
