//! `GET /api-docs`: the description of the API; `GET /swagger-ui/`: its viewer, which needs nothing from elsewhere.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerFile};

use super::openapi;
use crate::{http::ApiError, state::AppState};

/// The viewer builds the page and its styles by script.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The description of all endpoints, as JSON.
#[derive(Debug, Clone)]
pub(crate) struct ApiDocument(Arc<str>);

impl ApiDocument {
    /// What the endpoints say of themselves, completed by what all of them have in common.
    pub(crate) fn of(endpoints: OpenApi) -> Self {
        let api = openapi::complete(endpoints);
        // Every part of a document can be written.
        Self((api.to_pretty_json().unwrap_or_default() + "\n").into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// This document
#[utoipa::path(
    get, path = "/api-docs", operation_id = "apiDocs", tag = "health",
    responses((status = 200, description = "An OpenAPI 3.1 document", content_type = "application/json", body = Object))
)]
pub(super) async fn page(Extension(document): Extension<ApiDocument>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json")],
        document.as_str().to_owned(),
    )
}

/// The paths of the viewer.
pub(crate) const VIEWER_PATHS: [&str; 3] = ["/swagger-ui", "/swagger-ui/", "/swagger-ui/{file}"];

pub(crate) fn viewer() -> Router<AppState> {
    let [folder, index, file] = VIEWER_PATHS;
    Router::new()
        .route(folder, get(|| async { Redirect::permanent("/swagger-ui/") }))
        .route(index, get(async || asset("index.html")))
        .route(file, get(async |Path(file): Path<String>| asset(&file)))
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
