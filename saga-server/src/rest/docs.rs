//! `GET /api-docs`: the description of the API; `GET /swagger-ui/`: its viewer, which needs nothing from elsewhere.

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    extract::Path,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use utoipa_swagger_ui::{Config, SwaggerFile};

use super::{ApiError, AppState, endpoints, openapi};

/// The viewer builds the page and its styles by script.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let api = openapi::complete(endpoints().into_openapi());
    // Every part of a document can be written.
    api.to_pretty_json().unwrap_or_default() + "\n"
});

/// The description of all endpoints: an OpenAPI 3.1 document, as JSON.
#[must_use]
pub fn api_docs() -> &'static str {
    &DOCUMENT
}

/// This document
#[utoipa::path(
    get, path = "/api-docs", operation_id = "apiDocs", tag = "health",
    responses((status = 200, description = "An OpenAPI 3.1 document", content_type = "application/json", body = Object))
)]
pub(super) async fn page() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, "application/json")], api_docs())
}

pub(super) fn viewer() -> Router<AppState> {
    Router::new()
        .route(
            "/swagger-ui",
            get(|| async { Redirect::permanent("/swagger-ui/") }),
        )
        .route("/swagger-ui/", get(async || asset("index.html")))
        .route(
            "/swagger-ui/{file}",
            get(async |Path(file): Path<String>| asset(&file)),
        )
}

fn asset(file: &str) -> Result<Response, ApiError> {
    let config = Config::from("/api-docs").validator_url("none").use_base_layout();
    match utoipa_swagger_ui::serve(file, Arc::new(config)) {
        Ok(Some(SwaggerFile {
            bytes, content_type, ..
        })) => {
            let content_type = HeaderValue::try_from(content_type).map_err(|_| ApiError::internal())?;
            let headers = [
                (header::CONTENT_TYPE, content_type),
                (header::CONTENT_SECURITY_POLICY, POLICY),
            ];
            Ok((headers, bytes.into_owned()).into_response())
        }
        Ok(None) => Err(ApiError::not_found(format!("the viewer has no file {file:?}"))),
        Err(error) => {
            tracing::error!(%error, file, "a file of the viewer cannot be served");
            Err(ApiError::internal())
        }
    }
}
