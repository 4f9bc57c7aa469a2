//! Whether what changes something was sent by a page of this server.
//!
//! Cookies are kept from other sites by browsers already. This holds without signing in, too: no website may use the
//! browser of somebody on this machine to change what only this machine may.

use axum::{
    extract::Request,
    http::{HeaderMap, Method, header},
};

use super::{ApiError, access};

/// Refuses forms of other sites. What programs send elsewhere is JSON, which a browser sends to no other site without having
/// asked there first.
pub(super) fn check(request: &Request) -> Result<(), ApiError> {
    let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let takes_forms = access::takes_forms(request.uri().path());
    if is_safe || !takes_forms || is_from_our_page(request.headers()) {
        return Ok(());
    }
    Err(ApiError::forbidden(
        "this was not sent by a page of this tracker; open the page again, and send it from there",
    ))
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
