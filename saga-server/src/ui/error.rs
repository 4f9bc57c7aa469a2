//! What went wrong, as a page for people.

use askama::Template;
use axum::{
    http::{HeaderMap, Uri, header},
    response::{IntoResponse, Response},
};

use super::page::{Frame, Section, sent};
use crate::{
    auth::{Caller, Role},
    rest::{ApiError, ErrorCode},
};

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    frame: Frame,
    status: u16,
    heading: &'static str,
    message: String,
    advice: &'static str,
    details: Vec<(String, String)>,
}

/// Whether an answer to this request is read by a person: a browser that asked for no data.
pub(crate) fn wants_page(uri: &Uri, headers: &HeaderMap) -> bool {
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

/// The error as a page.
pub(crate) fn page(error: ApiError) -> Response {
    let (heading, advice) = words(error.code());
    let status = error.code().status();
    let page = ErrorPage {
        frame: Frame::new(
            Section::Elsewhere,
            heading,
            &Caller::anonymous(Role::Viewer),
            None,
        ),
        status: status.as_u16(),
        heading,
        advice,
        message: error.message().to_owned(),
        details: error
            .details()
            .iter()
            .map(|(name, reason)| (name.clone(), reason.clone()))
            .collect(),
    };
    match page.render() {
        Ok(html) => sent(status, html),
        Err(_) => status.into_response(),
    }
}

fn words(code: ErrorCode) -> (&'static str, &'static str) {
    match code {
        ErrorCode::BadRequest => (
            "This address does not make sense",
            "Mend what is named, or begin anew from Sagas.",
        ),
        ErrorCode::NotFound => (
            "Nothing here",
            "An event may still be on its way: try again in a moment, or search for the order instead.",
        ),
        ErrorCode::Unauthorized | ErrorCode::Forbidden => (
            "Not allowed",
            "Sign in with a token that has the role named above.",
        ),
        ErrorCode::ServiceUnavailable => (
            "Not available at the moment",
            "No event is lost: they wait in Kafka. Try again in a moment; /health/readiness says what is missing.",
        ),
        _ => ("That did not work", "The log of the collector says why."),
    }
}
