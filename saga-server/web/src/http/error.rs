//! The one form of every error: `{"error","message","timestamp","path","details"}`.

use std::collections::BTreeMap;

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use saga_types::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use saga_collector::freshness::Freshness;
use saga_gateway::results::EventResult;
use saga_store::{AppendError, StoreError};

/// The detail that says when a saga left the database.
pub(crate) const LEFT_AT: &str = "leftAt";

/// How long a caller should wait when the collector cannot answer right now, in seconds.
const RETRY_AFTER_SECONDS: &str = "2";

/// The kind of an error; stays the same between versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum ErrorCode {
    /// 400: the request is wrong; the details name the parameters.
    BadRequest,
    /// 401: the caller is not known.
    Unauthorized,
    /// 403: the caller may not do this.
    Forbidden,
    /// 404: it does not exist.
    NotFound,
    /// 405: the path exists, but not with this method.
    MethodNotAllowed,
    /// 406: there is no answer of a type that the caller takes.
    NotAcceptable,
    /// 409: it is not in a state in which this can be done.
    Conflict,
    /// 413: the body is too long.
    PayloadTooLarge,
    /// 415: the body is of another type.
    UnsupportedMediaType,
    /// 421: without tokens only callers are answered who name this machine, by way of no proxy.
    MisdirectedRequest,
    /// 429: too much is asked or sent at the moment; try again later.
    TooManyRequests,
    /// 500: a bug; the cause is in the log.
    InternalError,
    /// 503: try again later.
    ServiceUnavailable,
}

impl ErrorCode {
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::Conflict => StatusCode::CONFLICT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::MisdirectedRequest => StatusCode::MISDIRECTED_REQUEST,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What the caller needs to know to do better.
    pub(crate) const fn header(self) -> Option<(HeaderName, &'static str)> {
        match self {
            Self::Unauthorized => Some((header::WWW_AUTHENTICATE, "Bearer")),
            Self::ServiceUnavailable | Self::TooManyRequests => {
                Some((header::RETRY_AFTER, RETRY_AFTER_SECONDS))
            }
            _ => None,
        }
    }
}

/// Why there is no answer, as it is sent to callers.
#[derive(Debug, Clone)]
pub struct ApiError {
    code: ErrorCode,
    message: String,
    details: BTreeMap<String, String>,
    /// What became of each event, where events are taken.
    results: Vec<EventResult>,
}

impl ApiError {
    /// Parameters are wrong: each by its name, with what it should be.
    pub(crate) fn bad_parameters(details: BTreeMap<String, String>) -> Self {
        Self::bad("parameter", details)
    }

    /// Fields of the body are wrong: each by its name, with what it should be.
    pub(crate) fn bad_fields(details: BTreeMap<String, String>) -> Self {
        Self::bad("field", details)
    }

    fn bad(kind: &str, details: BTreeMap<String, String>) -> Self {
        let names: Vec<&str> = details.keys().map(String::as_str).collect();
        let message = match names.as_slice() {
            [name] => format!("the {kind} {name} {}", details[*name]),
            names => format!("the {kind}s {} are wrong", names.join(", ")),
        };
        Self {
            details,
            ..Self::plain(ErrorCode::BadRequest, message)
        }
    }

    /// One parameter is wrong.
    pub(crate) fn bad_parameter(name: &str, reason: impl Into<String>) -> Self {
        Self::bad_parameters(BTreeMap::from([(name.to_owned(), reason.into())]))
    }

    /// The request is wrong in another way.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::plain(ErrorCode::BadRequest, message)
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::plain(ErrorCode::Unauthorized, message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::plain(ErrorCode::Forbidden, message)
    }

    /// What is asked for is counted over all saga types.
    pub(crate) fn needs_all_types(caller: &str) -> Self {
        Self::forbidden(format!(
            "this shows numbers of all saga types together, and the token {caller:?} is bound to some"
        ))
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::plain(ErrorCode::NotFound, message)
    }

    /// While the tracker is behind, what is not found may still come.
    pub(crate) fn not_found_yet(message: String, freshness: &Freshness) -> Self {
        if freshness.up_to_date {
            return Self::not_found(message);
        }
        let summary = &freshness.summary;
        let error = Self::not_found(format!("{message} yet; it may still come: {summary}"))
            .with_detail("freshness", summary.clone());
        match freshness.as_of {
            Some(as_of) => error.with_detail("asOf", as_of.to_string()),
            None => error,
        }
    }

    pub(crate) fn method_not_allowed(method: &str) -> Self {
        Self::plain(
            ErrorCode::MethodNotAllowed,
            format!("{method} is not possible here"),
        )
    }

    pub(crate) fn not_acceptable(message: impl Into<String>) -> Self {
        Self::plain(ErrorCode::NotAcceptable, message)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::plain(ErrorCode::Conflict, message)
    }

    pub(crate) fn payload_too_large(message: impl Into<String>) -> Self {
        Self::plain(ErrorCode::PayloadTooLarge, message)
    }

    pub(crate) fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::plain(ErrorCode::UnsupportedMediaType, message)
    }

    pub(crate) fn too_many_requests(message: impl Into<String>) -> Self {
        Self::plain(ErrorCode::TooManyRequests, message)
    }

    pub(crate) fn misdirected() -> Self {
        Self::plain(
            ErrorCode::MisdirectedRequest,
            "without tokens only direct calls to localhost or 127.0.0.1 are answered; use that address, or configure \
             tokens (auth.tokens)",
        )
    }

    /// The cause is for the log only.
    pub(crate) fn internal() -> Self {
        Self::plain(
            ErrorCode::InternalError,
            "something went wrong inside the collector; its log says what",
        )
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::plain(ErrorCode::ServiceUnavailable, message)
    }

    fn plain(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: BTreeMap::new(),
            results: Vec::new(),
        }
    }

    /// The same, with a detail.
    pub(crate) fn with_detail(mut self, name: &str, value: impl Into<String>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// The same, with what became of each event.
    pub(crate) fn with_results(mut self, results: Vec<EventResult>) -> Self {
        self.results = results;
        self
    }

    pub(crate) fn code(&self) -> ErrorCode {
        self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn details(&self) -> &BTreeMap<String, String> {
        &self.details
    }

    /// The finished answer to a request.
    pub(crate) fn answer(self, path: &str) -> Response {
        let body = ErrorBody {
            error: self.code,
            message: &self.message,
            timestamp: Timestamp::now(),
            path,
            details: &self.details,
            results: &self.results,
        };
        let mut response = (self.code.status(), Json(body)).into_response();
        if let Some((name, value)) = self.code.header() {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// Why there is no answer.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct ErrorBody<'a> {
    error: ErrorCode,
    /// For people.
    message: &'a str,
    timestamp: Timestamp,
    /// The path that was asked for.
    path: &'a str,
    /// What is wrong with each parameter or field, by its name.
    details: &'a BTreeMap<String, String>,
    /// What became of each event; only where events are taken, and only when they could be separated from each other.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<EventResult>)]
    results: &'a [EventResult],
}

/// Only the middleware knows the path, so the error travels there beside an empty answer.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The one place where precise errors become HTTP; the cause is logged here and never returned.
impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => {
                tracing::warn!(%error, "request could not be answered");
                Self::unavailable("the database is not available at the moment")
            }
            _ => {
                tracing::error!(%error, "request could not be answered");
                Self::internal()
            }
        }
    }
}

impl From<AppendError> for ApiError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Unavailable(reason) | AppendError::Failed(reason) => {
                StoreError::Unavailable(reason).into()
            }
            AppendError::Refused(_) => {
                tracing::error!(%error, "an event could not be stored");
                Self::internal()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_of_an_internal_error_is_not_in_it() {
        let error = ApiError::from(StoreError::Configuration("hidden".into()));
        assert_eq!(error.code, ErrorCode::InternalError);
        assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
    }
}
