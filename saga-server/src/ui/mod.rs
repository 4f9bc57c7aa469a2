//! The pages, made here and sent whole: every one is of use without script.
//!
//! Rule of thumb: a page asks the store what REST asks it, by the same parameters, and adds only words and shapes.
//!
//! | part | what |
//! | --- | --- |
//! | `page` | what all pages have: the frame, badges, headers |
//! | `words` | times, lengths and ids as people read them |
//! | `error` | what went wrong, as a page |
//! | `overview`, `sagas`, `saga` | one file for each page |
//! | `assets` | style and script |

mod assets;
mod error;
mod overview;
mod page;
mod row;
mod saga;
mod sagas;
mod search;
mod words;

use axum::{Router, routing::get};

use crate::rest::AppState;

pub(crate) use error::{page as error_page, wants_page};
pub(crate) use page::role_for;

/// The routes of all pages.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(overview::page))
        .route("/sagas", get(sagas::page))
        .route("/sagas/{sagaId}", get(saga::page))
        .route("/search", get(search::go))
        .route("/assets/{name}", get(assets::serve))
}
