//! HTTP at the edge: one error, and transactions that a caller who hangs up cannot tear.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use thiserror::Error;

/// What is answered to a caller.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ApiError {
    /// It does not exist: 404.
    #[error("not found")]
    NotFound,
    /// It is not possible any more, or not yet: 409.
    #[error("{0}")]
    Conflict(String),
    /// The request makes no sense: 400.
    #[error("{0}")]
    BadRequest(String),
    /// The database failed: 500. The cause is logged, not shown.
    #[error("internal error")]
    Database(#[from] sqlx::Error),
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Database(error) => {
                tracing::error!(%error, "a request failed");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

/// Runs a transaction to its end, also when the caller hangs up meanwhile.
///
/// # Errors
///
/// Those of the transaction.
pub async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    let ended = tokio::spawn(work).await;
    ended.unwrap_or_else(|error| {
        Err(sqlx::Error::protocol(format!("a transaction ended early: {error}")).into())
    })
}
