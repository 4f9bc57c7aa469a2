//! Whether what changes something was sent by a page of this server.
//!
//! Cookies are kept from other sites by browsers already. This holds without signing in, too: no website may use the
//! browser of somebody on this machine to change what only this machine may. The same holds for questions of language models, which
//! are sent by programs, and by browsers only from our own pages.

use axum::{
    extract::Request,
    http::{HeaderMap, Method, header},
};

use super::{ApiError, access};

/// What a browser sends to another site without having asked there first, beside what names no type.
const SENT_UNASKED: [&str; 3] = [
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
];

/// Refuses forms of other sites, and requests without a body that their pages send. What programs send elsewhere is JSON, which a
/// browser sends to no other site without having asked there first.
pub(super) fn check(request: &Request) -> Result<(), ApiError> {
    let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let path = request.uri().path();
    let is_judged = access::takes_forms(path)
        || is_of_a_browser(request.headers()) && (access::takes_questions(path) || is_sent_unasked(request));
    if is_safe || !is_judged || is_from_our_page(request.headers()) {
        return Ok(());
    }
    Err(ApiError::forbidden(
        "this was not sent by a page of this tracker; open the page again, and send it from there",
    ))
}

/// By the bytes, since a parameter behind the name may hold what is no text to us and is one to a browser.
fn is_sent_unasked(request: &Request) -> bool {
    let given = request.headers().get(header::CONTENT_TYPE);
    let media_type = given.and_then(|given| given.as_bytes().split(|byte| *byte == b';').next());
    request.method() == Method::POST
        && media_type.is_none_or(|given| {
            SENT_UNASKED
                .iter()
                .any(|name| given.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
        })
}

fn is_of_a_browser(headers: &HeaderMap) -> bool {
    headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN)
}

/// Browsers tell one or the other; who tells neither is not let in.
fn is_from_our_page(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text(header::ORIGIN.as_str()).and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, host)| {
        // A proxy may call us by another name than the browser does, and then tells which.
        ["host", "x-forwarded-host"]
            .iter()
            .any(|name| text(name).is_some_and(|called| called.eq_ignore_ascii_case(host)))
    })
}
