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
//! | `saga`, `sagas`, `saga_filters`, `sort`, `steps`, `statistics` | the endpoints under `/api/v1/sagas` |
//! | `archived_order` | sagas of an order that are in the archive, beside the list |
//! | `flow` | `/api/v1/flow`: transitions between steps |
//! | `expected` | what is usual for what a saga waits for |
//! | `events` | `/api/v1/events`: events of services, taken |
//! | `otlp` | `/v1/traces` and `/v1/logs`: what exporters of OpenTelemetry send |
//! | `stream` | `/api/v1/sagas/stream`: sagas as they change |
//! | `attention` | `/api/v1/attention`: what is late |
//! | `failure_groups` | `/api/v1/failure-groups`: what fails, how often, and since when |
//! | `differences` | `/api/v1/differences`: in what two groups of sagas differ |
//! | `versions`, `compare` | `/api/v1/versions`, `/api/v1/compare`: versions of services, and two of them side by side |
//! | `status` | `/internal/v1/sagas/{sagaId}/status` |
//! | `dead_letters`, `replay` | `/internal/v1/dlt`, and `/internal/v1/sagas/replay` |
//! | `dismissal` | `/internal/v1/dlt/dismiss` and `/internal/v1/dlt/restore` |
//! | `acknowledgements` | who takes care of sagas, dead letters and groups of failures |
//! | `erasure` | `/internal/v1/erase`: a person's data, erased |
//! | `jobs` | `/internal/v1/jobs`: one operation on many sagas or dead letters |
//! | `operations` | `/internal/v1/operations`: the log of what operators did |
//! | `producers` | `/internal/v1/producers`: who records events, and which of them never came |
//! | `files` | every list as CSV and as JSON lines |
//! | `search`, `suggest` | `/api/v1/search`: anything by a text; `/api/v1/suggest`: how a line of filters may go on |
//! | `views` | `/api/v1/views` and `/internal/v1/views`: lists of sagas with a name |
//! | `health`, `metrics` | for orchestrators and Prometheus |

mod acknowledgements;
mod archived_order;
mod attention;
mod compare;
mod dead_letters;
mod differences;
mod dismissal;
mod docs;
mod erasure;
mod events;
mod expected;
mod failure_groups;
mod files;
mod flow;
mod health;
mod jobs;
mod metrics;
mod openapi;
mod operations;
mod otlp;
mod producers;
mod replay;
mod saga;
mod saga_filters;
mod sagas;
mod search;
mod sort;
mod statistics;
mod status;
mod steps;
mod stream;
mod suggest;
mod versions;
mod views;

use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::{AppState, GatewayState};

pub(crate) use compare::{VersionVerdict, find as find_comparison};
pub(crate) use dead_letters::{
    CauseEntry, ListedLetter, find as find_letters, find_causes as find_letter_causes,
    find_groups as find_letter_groups, find_one as find_letter,
};
pub(crate) use differences::{BY_CHANCE, Group, GroupDifferences, ValueDifference, find as find_differences};
pub(crate) use docs::{ApiDocument, VIEWER_PATHS, viewer};
pub(crate) use events::declare_outcomes;
pub(crate) use jobs::{
    ItemView, JobView, PathJob, find as find_jobs, find_items as find_job_items, item_query as job_item_query,
};
pub(crate) use operations::{OperationView, find as find_operations};
pub(crate) use producers::find as find_producers;
pub(crate) use sagas::{
    ListedSaga, SagasPage, check_filters, check_list, filter as saga_filter, find as find_sagas,
};
pub(crate) use suggest::beginnings;
pub(crate) use versions::{known as find_versions, previous as previous_version};
pub(crate) use views::{ViewEntry, find as find_views, view_path};

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
        .routes(routes!(acknowledgements::list))
        .routes(routes!(acknowledgements::put_saga, acknowledgements::delete_saga))
        .routes(routes!(
            acknowledgements::put_letter,
            acknowledgements::delete_letter
        ))
        .routes(routes!(
            acknowledgements::put_group,
            acknowledgements::delete_group
        ))
        .routes(routes!(failure_groups::of_a_period))
        .routes(routes!(differences::of_groups))
        .routes(routes!(versions::seen))
        .routes(routes!(compare::two_versions))
        .routes(routes!(events::record))
        .routes(routes!(otlp::traces))
        .routes(routes!(otlp::logs))
        .routes(routes!(status::correct))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::one))
        .routes(routes!(dead_letters::groups))
        .routes(routes!(dead_letters::causes))
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
        .routes(routes!(producers::list))
        .routes(routes!(search::anything))
        .routes(routes!(suggest::next))
        .routes(routes!(views::list))
        .routes(routes!(views::save))
        .routes(routes!(views::rename, views::remove))
        .routes(routes!(files::sagas_lines))
        .routes(routes!(files::sagas_table))
        .routes(routes!(files::attention_lines))
        .routes(routes!(files::attention_table))
        .routes(routes!(files::failure_groups_lines))
        .routes(routes!(files::failure_groups_table))
        .routes(routes!(files::flow_lines))
        .routes(routes!(files::flow_table))
        .routes(routes!(files::letters_lines))
        .routes(routes!(files::letters_table))
        .routes(routes!(files::letter_groups_lines))
        .routes(routes!(files::letter_groups_table))
        .routes(routes!(files::operations_lines))
        .routes(routes!(files::operations_table))
        .routes(routes!(files::producers_lines))
        .routes(routes!(files::producers_table))
        .merge(health::routes())
        .nest("/actuator", health::routes())
        .routes(routes!(metrics::page))
        .routes(routes!(metrics::actuator_page))
        .routes(routes!(docs::page))
}

/// The endpoints of a gateway that runs alone.
pub(crate) fn gateway_endpoints() -> OpenApiRouter<GatewayState> {
    OpenApiRouter::new()
        .routes(routes!(events::record))
        .routes(routes!(otlp::traces))
        .routes(routes!(otlp::logs))
        .merge(health::routes())
        .nest("/actuator", health::routes())
        .routes(routes!(metrics::page))
        .routes(routes!(metrics::actuator_page))
}

/// The description of all endpoints: an OpenAPI 3.1 document, as JSON.
#[must_use]
pub fn api_docs() -> String {
    ApiDocument::of(endpoints().into_openapi()).as_str().to_owned()
}
