//! What handlers take out of a request: the parameters of its query and of its path.

use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use saga_types::{SagaId, SagaStatus};
use utoipa::IntoParams;

use super::{
    ApiError,
    query_string::{BadParameters, Params},
};

impl From<BadParameters> for ApiError {
    fn from(BadParameters(details): BadParameters) -> Self {
        Self::bad_parameters(details)
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts.uri.query().unwrap_or_default()))
    }
}

/// The saga that a path names; may hold any character but control characters, percent-encoded where needed.
#[derive(IntoParams)]
#[into_params(names("sagaId"), parameter_in = Path)]
pub(crate) struct PathSagaId(pub(crate) SagaId);

impl<S: Send + Sync> FromRequestParts<S> for PathSagaId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::bad_parameter("sagaId", error.body_text()))?;
        SagaId::new(text)
            .map(Self)
            .map_err(|error| ApiError::bad_parameter("sagaId", error.to_string()))
    }
}

/// A flag.
pub(crate) fn yes_or_no(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "must be true or false".to_owned())
}

/// A number from 1 to a limit.
pub(crate) fn up_to(most: u32) -> impl Fn(&str) -> Result<u32, String> {
    move |text| {
        let number = text.parse().ok().filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| format!("must be a number from 1 to {most}"))
    }
}

/// One of these values, by its name.
pub(crate) fn one_of<T: Copy, const N: usize>(
    all: [T; N],
    name: fn(T) -> &'static str,
) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        let found = all.into_iter().find(|value| name(*value) == text);
        found.ok_or_else(|| format!("must be one of {}", all.map(name).join(", ")))
    }
}

/// The id of a saga.
pub(crate) fn saga_id(text: &str) -> Result<String, String> {
    let id = SagaId::new(text).map_err(|error| error.to_string())?;
    Ok(id.into())
}

/// A status by its name.
pub(crate) fn status(text: &str) -> Result<SagaStatus, String> {
    text.parse().map_err(|_| {
        format!(
            "must be one of {}",
            SagaStatus::ALL.map(SagaStatus::as_str).join(", ")
        )
    })
}
