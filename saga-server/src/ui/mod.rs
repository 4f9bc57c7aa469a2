//! The pages, made here and sent whole: every one is of use without script.
//!
//! Rule of thumb: a page asks the store what REST asks it, by the same parameters, and adds only words and shapes.
//!
//! | part | what |
//! | --- | --- |
//! | `page` | what all pages have: the frame, badges, headers |
//! | `words` | times, lengths and ids as people read them |
//! | `error`, `asked` | what went wrong, as a page for whoever asked |
//! | `sign_in`, `session`, `form` | who is signed in, and what they send |
//! | `overview`, `sagas`, `saga`, `flow`, `services` | one file or folder for each page |
//! | `dead_letters` | what could not be stored, and its replay |
//! | `query`, `tree`, `row` | filters in an address, JSON, and a saga in a list with what is needed now |
//! | `period`, `chart` | the period a page looks at, and counts along it |
//! | `assets` | style and script |

mod asked;
mod assets;
mod chart;
mod dead_letters;
mod error;
mod flow;
mod form;
mod overview;
mod page;
mod period;
mod query;
mod row;
mod saga;
mod sagas;
mod search;
mod services;
mod session;
mod sign_in;
mod tree;
mod words;

use axum::{
    Router,
    routing::{get, post},
};

use crate::rest::AppState;

pub(crate) use asked::Asked;
pub(crate) use error::page as error_page;
pub(crate) use page::{role_for, takes_forms};
pub(crate) use session::token as session_token;

/// The routes of all pages.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(overview::page))
        .route("/sagas", get(sagas::page))
        .route("/flow", get(flow::page))
        .route("/sagas/{sagaId}", get(saga::page).post(saga::correct))
        .route("/sagas/{sagaId}/events.json", get(saga::export))
        .route(
            "/dead-letters",
            get(dead_letters::list).post(dead_letters::replay_all),
        )
        .route(
            "/dead-letters/{id}",
            get(dead_letters::letter).post(dead_letters::replay_one),
        )
        .route("/search", get(search::go))
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/services", get(services::page))
        .route("/assets/{name}", get(assets::serve))
}
