//! The answers of the collector: REST for programs, pages for people.
//!
//! `saga-server` serves it. It depends on `saga-collector`, `saga-gateway`, `saga-mcp`, `saga-normal`, `saga-store` and `saga-types`.
//!
//! The parts, in the order in which a request meets them:
//!
//! | part | what |
//! | --- | --- |
//! | `http` | what every request meets: connections, limits, who may call, parameters, errors |
//! | [`auth`] | tokens, issuers and roles |
//! | [`router`], [`state`], [`streams`] | every route, what handlers may ask, and the shares of the stream |
//! | [`scoped`] | what handlers reach of the data: what their caller may see |
//! | `acknowledgements` | that somebody takes care of something |
//! | `failure_groups` | groups of failures, for REST |
//! | `find` | anything by a text, for REST and pages |
//! | `family` | the saga that a saga is a part of, and its parts |
//! | `late_groups` | what needs action, by cause, owner and type |
//! | `standstills` | what waits longer than ever, of which no saga can be judged alone |
//! | `operations` | what operators do, for REST and pages |
//! | [`tokens`] | filters in one line of text, for REST, pages and the command line |
//! | [`rest`] | one file for each endpoint |
//! | `config` | what the pages know of their surroundings |
//! | `ui` | one file or folder for each page |
//! | `mcp` | questions of language models, which ask `rest` |

mod acknowledgements;
pub mod auth;
mod config;
mod failure_groups;
mod family;
mod find;
mod http;
mod late_groups;
mod mcp;
mod operations;
pub mod rest;
pub mod router;
pub mod scoped;
mod standstills;
pub mod state;
pub mod streams;
mod ui;

/// Filters of the list of sagas in one line of text.
pub mod tokens {
    pub use crate::http::query_string::tokens::*;
}

pub use config::{Environment, PagesConfig, TRACE_ID};
pub use http::{ApiError, ErrorCode, listen::Limits};
pub use router::{serve, serve_gateway};
