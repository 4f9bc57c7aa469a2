//! Errors on the paths of OTLP: `google.rpc.Status`, in the encoding of the request, since exporters read nothing else.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use saga_gateway::otlp::{Encoding, answer::Status};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ApiError, ErrorCode};

/// google.rpc.Status: why a request of OTLP is not taken.
#[derive(Serialize, ToSchema)]
#[schema(as = RpcStatus)]
pub(crate) struct StatusBody<'a> {
    /// A code of google.rpc.Code.
    code: i32,
    /// For people.
    message: &'a str,
}

/// The encoding of the answer: that of the request, and JSON when it has none that is known.
pub(crate) fn encoding(headers: &HeaderMap) -> Encoding {
    Encoding::of(headers).unwrap_or(Encoding::Json)
}

/// The finished answer.
pub(crate) fn answer(error: &ApiError, encoding: Encoding) -> Response {
    let status = Status {
        code: rpc_code(error.code()),
        message: error.message().to_owned(),
    };
    let mut response = Response::new(Body::from(status.body(encoding)));
    *response.status_mut() = error.code().status();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(encoding.media_type()),
    );
    if let Some((name, value)) = error.code().header() {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// As google.rpc.Code numbers them.
const fn rpc_code(code: ErrorCode) -> i32 {
    match code {
        ErrorCode::BadRequest
        | ErrorCode::NotAcceptable
        | ErrorCode::UnsupportedMediaType
        | ErrorCode::PayloadTooLarge => 3,
        ErrorCode::NotFound => 5,
        ErrorCode::Forbidden => 7,
        ErrorCode::TooManyRequests => 8,
        ErrorCode::MisdirectedRequest => 9,
        ErrorCode::Conflict => 10,
        ErrorCode::MethodNotAllowed => 12,
        ErrorCode::InternalError => 13,
        ErrorCode::ServiceUnavailable => 14,
        ErrorCode::Unauthorized => 16,
    }
}
