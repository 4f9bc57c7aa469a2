//! What REST and pages have in common: who may call, what callers send, how errors look, and how slow the other side may be.
//!
//! | part | what |
//! | --- | --- |
//! | `listen`, `places` | connections: how many, how slow the other side may be, and which gives way |
//! | `middleware` | around every request: limits, latency, headers, the form of errors |
//! | `compress` | answers made smaller for those who take them so |
//! | `access` | which path needs which role; what is not named is closed |
//! | `guard`, `same_site`, `session` | who is calling, and whether they may |
//! | `query_string`, `params`, `body`, `date_range` | what callers send, checked; each bad parameter is named |
//! | `address` | texts in an address, encoded |
//! | `export`, `csv` | lists as files; lines for spreadsheets, in which nothing is a formula |
//! | `error` | the one form of every error |
//! | `otlp_status` | the form of errors that exporters of OpenTelemetry read |

pub(crate) mod access;
pub(crate) mod address;
pub(crate) mod body;
pub(crate) mod compress;
mod csv;
pub(crate) mod date_range;
pub(crate) mod error;
pub(crate) mod export;
pub(crate) mod guard;
pub(crate) mod listen;
pub(crate) mod middleware;
pub(crate) mod otlp_status;
pub(crate) mod params;
mod places;
pub(crate) mod query_string;
mod same_site;
pub(crate) mod session;

pub use error::{ApiError, ErrorCode};
