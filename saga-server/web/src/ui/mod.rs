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
//! | `overview`, `sagas`, `saga`, `flow`, `differences`, `services` | one file or folder for each page |
//! | `dead_letters` | what could not be stored, and its replay |
//! | `search`, `views` | the search field, and saved views |
//! | `acknowledge` | who takes care of something, and the form for it |
//! | `operations`, `jobs` | what operators did, and what is done to many |
//! | `links` | paths that many pages have links to |
//! | `query`, `tree`, `row` | filters in an address, JSON, and a saga in a list with what is needed now |
//! | `period`, `range` | the period a page looks at, and its control |
//! | `chart`, `lines`, `ticks` | counts and durations along a period, and the names on its axis |
//! | `plot`, `markers`, `sparkline` | where they are drawn, versions on them, and a line in a row |
//! | `change`, `waits` | a figure beside that of another period, and flows of both |
//! | `surroundings`, `environments` | the address and navigation bar of every page, and the same page of other trackers |
//! | `assets` | style and script |

mod acknowledge;
mod assets;
mod change;
mod chart;
mod dead_letters;
mod differences;
mod environments;
mod error;
mod flow;
mod form;
mod humanize;
mod jobs;
mod lines;
mod links;
mod markers;
mod operations;
mod overview;
mod page;
mod page_request;
mod period;
mod plot;
mod query;
mod range;
mod row;
mod saga;
mod sagas;
mod search;
mod services;
mod sign_in;
mod sparkline;
mod surroundings;
mod ticks;
mod tree;
mod views;
mod waits;

use axum::routing::{MethodRouter, get, post};

use crate::state::AppState;

pub(crate) use error::error_pages;
pub(crate) use surroundings::know_surroundings;

/// Every page with its path.
pub(crate) fn routes() -> [(&'static str, MethodRouter<AppState>); 31] {
    [
        ("/", get(overview::page)),
        ("/sagas", get(sagas::page)),
        ("/flow", get(flow::page)),
        ("/differences", get(differences::page)),
        ("/sagas/{sagaId}", get(saga::page).post(saga::correct)),
        ("/sagas/{sagaId}/events.json", get(saga::export)),
        ("/sagas/{sagaId}/acknowledgement", post(acknowledge::saga)),
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
        ("/dead-letters/{id}/acknowledgement", post(acknowledge::letter)),
        (acknowledge::GROUPS, post(acknowledge::group)),
        ("/search", get(search::go)),
        ("/views", get(views::page).post(views::save)),
        ("/views/{name}", get(views::go)),
        ("/views/{name}/rename", post(views::rename)),
        ("/views/{name}/remove", post(views::remove)),
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
