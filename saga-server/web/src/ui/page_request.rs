//! What is worth knowing of a request when its page cannot be shown.

use axum::{
    extract::Request,
    http::{HeaderMap, Method, Uri, header},
};

use crate::http::session;

/// A request of a browser for a page.
#[derive(Debug, Clone)]
pub(crate) struct PageRequest {
    /// Path and query, as they were asked for.
    pub(super) path: String,
    /// A form was sent; the page that it stands on has the same address.
    pub(super) is_form: bool,
    /// By a link on a page of another site.
    pub(super) is_from_elsewhere: bool,
    /// Somebody seems to be signed in.
    pub(super) has_token: bool,
}

impl PageRequest {
    /// None when a program asks, or for data.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let headers = request.headers();
        wants_page(request.uri(), headers).then(|| Self {
            path: request
                .uri()
                .path_and_query()
                .map_or_else(|| "/".to_owned(), |path| path.as_str().to_owned()),
            is_form: request.method() == Method::POST,
            is_from_elsewhere: says(headers, "sec-fetch-site", "cross-site"),
            has_token: session::token(headers).is_some() || headers.contains_key(header::AUTHORIZATION),
        })
    }
}

fn says(headers: &HeaderMap, name: &str, what: &str) -> bool {
    headers
        .get(name)
        .is_some_and(|value| value.as_bytes() == what.as_bytes())
}

/// Whether an answer to this request is read by a person: a browser that asked for no data.
fn wants_page(uri: &Uri, headers: &HeaderMap) -> bool {
    let is_data = [
        "/api/",
        "/internal/",
        "/health",
        "/actuator/",
        "/metrics",
        "/api-docs",
    ]
    .iter()
    .any(|prefix| uri.path().starts_with(prefix));
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    !is_data && accepts.is_some_and(|accept| accept.contains("text/html"))
}
