//! What went wrong, as a page for people.

use askama::Template;
use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    page::{Frame, Section, sent},
    page_request::PageRequest,
    sign_in,
};
use crate::{
    auth::{Caller, Role},
    http::{ApiError, ErrorCode, error::LEFT_AT, middleware::with_allow},
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
    /// Where a form was sent from.
    back: Option<String>,
    /// Where to sign in as somebody who may do more.
    sign_in: Option<String>,
}

/// An error that answers a browser's request for a page becomes a page.
pub(crate) async fn error_pages(request: Request, next: Next) -> Response {
    let Some(asked) = PageRequest::of(&request) else {
        return next.run(request).await;
    };
    let mut response = next.run(request).await;
    let Some(error) = response.extensions_mut().remove::<ApiError>() else {
        return response;
    };
    let caller = response.extensions_mut().remove::<Caller>();
    with_allow(&response, page(&error, &asked, caller))
}

fn page(error: &ApiError, asked: &PageRequest, caller: Option<Caller>) -> Response {
    if error.code() == ErrorCode::Unauthorized {
        return sign_in::instead(error, asked);
    }
    let caller = caller.unwrap_or_else(|| Caller::anonymous(Role::Viewer));
    let (heading, advice) = words(error, &asked.path);
    let status = error.code().status();
    let page = ErrorPage {
        frame: Frame::new(Section::Elsewhere, heading, &caller, None),
        status: status.as_u16(),
        heading,
        advice,
        message: error.message().to_owned(),
        details: error
            .details()
            .iter()
            .map(|(name, reason)| (name.clone(), reason.clone()))
            .collect(),
        back: asked.is_form.then(|| {
            let path = super::dead_letters::page_of_form(&asked.path);
            super::jobs::page_of_form(path).to_owned()
        }),
        sign_in: (error.code() == ErrorCode::Forbidden)
            .then(|| sign_in::path(&caller, asked))
            .flatten(),
    };
    match page.render() {
        Ok(html) => sent(status, html),
        Err(_) => status.into_response(),
    }
}

fn words(error: &ApiError, path: &str) -> (&'static str, &'static str) {
    match error.code() {
        ErrorCode::NotFound if error.details().contains_key(LEFT_AT) => (
            "No longer in the database",
            "Its retention has ended. What was archived can be read with saga-server archive restore.",
        ),
        ErrorCode::BadRequest => ("Invalid link", "Fix the parameter, or go back to Sagas."),
        ErrorCode::NotFound if path.starts_with("/sagas/") => (
            "Saga not found",
            "An event may still be on its way: try again in a moment, or search for the order instead.",
        ),
        ErrorCode::NotFound => ("Not found", "Search for an id, or go back to Sagas."),
        ErrorCode::Forbidden => ("Not allowed", "Nothing was changed."),
        ErrorCode::Conflict => (
            "Nothing was changed",
            "Look at the saga as it is now, and decide again.",
        ),
        ErrorCode::ServiceUnavailable => (
            "Not available at the moment",
            "No event is lost: they wait in Kafka. Try again in a moment; /health/readiness names what is missing.",
        ),
        _ => ("Something went wrong", "The log of the collector has the cause."),
    }
}
