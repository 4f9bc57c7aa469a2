//! Paths of pages that many pages have links to.

use crate::http::ApiError;

pub(super) use crate::http::address::encoded;

/// The path of a saga's page.
pub(super) fn saga_path(saga_id: &str) -> String {
    format!("/sagas/{}", encoded(saga_id))
}

/// The path of a dead letter's page.
pub(super) fn letter_path(id: i64) -> String {
    format!("/dead-letters/{id}")
}

/// The letter that a path names.
pub(super) fn letter_id(text: &str) -> Result<i64, ApiError> {
    let missing = || ApiError::not_found(format!("there is no dead letter {text:?}"));
    text.parse().map_err(|_| missing())
}
