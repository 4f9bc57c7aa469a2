//! The fields of a form that a page posts, checked as strictly as the parameters of a query.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{StatusCode, header},
};

use crate::http::{ApiError, query_string::Params};

/// Handlers take the fields that they know, and finish.
pub(super) struct Form(pub(super) Params);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let is_form = content_type
            .is_some_and(|given| given.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
        if !is_form {
            return Err(ApiError::bad_request("the body must be a form of a page"));
        }
        let body =
            Bytes::from_request(request, state)
                .await
                .map_err(|rejection| match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => ApiError::payload_too_large("the form is too long"),
                    _ => ApiError::bad_request("the form ended too early"),
                })?;
        let text = str::from_utf8(&body).map_err(|_| ApiError::bad_request("the form must be UTF-8"))?;
        Ok(Self(Params::of(text)))
    }
}
