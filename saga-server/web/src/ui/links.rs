//! Paths of pages that many pages have links to.

pub(super) use crate::http::address::encoded;

/// The path of a saga's page.
pub(super) fn saga_path(saga_id: &str) -> String {
    format!("/sagas/{}", encoded(saga_id))
}
