//! The pages, made here and sent whole: every one is of use without script.
//!
//! Rule of thumb: a page asks the store what REST asks it, by the same parameters, and adds only words and shapes.
//!
//! | part | what |
//! | --- | --- |
//! | `page` | what all pages have: the frame, badges, headers |
//! | `humanize` | times, lengths and ids as people read them |
//! | `error`, `page_request` | what went wrong, as a page |
//! | `sign_in`, `form` | who is signed in, and what they send |
//! | `overview`, `sagas`, `saga`, `flow`, `services` | one file or folder for each page |
//! | `dead_letters` | what could not be stored, and its replay |
//! | `operations`, `jobs` | what operators did, and what is done to many |
//! | `query`, `tree`, `row` | filters in an address, JSON, and a saga in a list with what is needed now |
//! | `period`, `range` | the period a page looks at, and its control |
//! | `chart`, `ticks` | counts along a period, and the names on its axis |
//! | `change`, `waits` | a figure beside that of another period, and flows of both |
//! | `assets` | style and script |

mod assets;
mod change;
mod chart;
mod dead_letters;
mod error;
mod flow;
mod form;
mod humanize;
mod jobs;
mod operations;
mod overview;
mod page;
mod page_request;
mod period;
mod query;
mod range;
mod row;
mod saga;
mod sagas;
mod search;
mod services;
mod sign_in;
mod ticks;
mod tree;
mod waits;

use axum::routing::{MethodRouter, get, post};

use crate::state::AppState;

pub(crate) use error::error_pages;

/// Every page with its path.
pub(crate) fn routes() -> [(&'static str, MethodRouter<AppState>); 23] {
    [
        ("/", get(overview::page)),
        ("/sagas", get(sagas::page)),
        ("/flow", get(flow::page)),
        ("/sagas/{sagaId}", get(saga::page).post(saga::correct)),
        ("/sagas/{sagaId}/events.json", get(saga::export)),
        (
            "/dead-letters",
            get(dead_letters::list).post(dead_letters::replay_all),
        ),
        (
            "/dead-letters/{id}",
            get(dead_letters::letter).post(dead_letters::replay_one),
        ),
        ("/dead-letters/dismiss", post(dead_letters::dismiss_all)),
        ("/dead-letters/restore", post(dead_letters::restore_all)),
        ("/dead-letters/{id}/dismiss", post(dead_letters::dismiss_one)),
        ("/dead-letters/{id}/restore", post(dead_letters::restore_one)),
        ("/search", get(search::go)),
        ("/sign-in", get(sign_in::page).post(sign_in::sign_in)),
        ("/sign-out", post(sign_in::sign_out)),
        ("/services", get(services::page)),
        ("/services/{service}", get(services::service)),
        ("/operations", get(operations::page)),
        ("/operations/jobs", get(jobs::list).post(jobs::create)),
        ("/operations/jobs/preview", post(jobs::preview)),
        ("/operations/jobs/{id}", get(jobs::job)),
        ("/operations/jobs/{id}/stop", post(jobs::stop)),
        ("/operations/jobs/{id}/revert", post(jobs::revert)),
        ("/assets/{name}", get(assets::serve)),
    ]
}
