//! What every page needs besides its content: its own address, and the data of the navigation bar.
//!
//! Rule of thumb: the bar costs no query. The number of dead letters is the one of the metric.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};

use crate::{PagesConfig, state::AppState};

tokio::task_local! {
    static HERE: Here;
}

struct Here {
    pages: Arc<PagesConfig>,
    /// Path and query.
    address: String,
    letters_waiting: u64,
}

/// Lets every page that is made for the request know them.
pub(crate) async fn know_surroundings(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    // The answer to a form has no address of its own.
    let address = match *request.method() {
        Method::GET => request
            .uri()
            .path_and_query()
            .map_or("/", |address| address.as_str()),
        _ => "/",
    };
    let here = Here {
        address: address.to_owned(),
        pages: state.pages.clone(),
        letters_waiting: state.metrics.dead_letters.waiting(),
    };
    HERE.scope(here, next.run(request)).await
}

/// The configuration of the pages and the address of the one that is being made; none outside of a request.
pub(super) fn of_page<T>(read: impl FnOnce(&PagesConfig, &str) -> Option<T>) -> Option<T> {
    let read = HERE.try_with(|here| read(&here.pages, &here.address));
    read.ok().flatten()
}

/// How many dead letters wait, a moment ago.
pub(super) fn letters_waiting() -> u64 {
    HERE.try_with(|here| here.letters_waiting).unwrap_or_default()
}
