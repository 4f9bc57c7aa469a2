//! What the sagas of a period are, for everything that counts them: Overview, statistics, flow and trends.
//!
//! | part | what |
//! | --- | --- |
//! | `span` | the period itself, to the millisecond, and its slots |
//! | `outcomes` | what has become of sagas; what *failed* means |
//! | `sample` | which sagas are read where not all are, and how far off figures of them are |
//! | `quantile` | percentiles of times, with the error of a sample |
//!
//! Rule of thumb: a figure is of all sagas that started within the period, or of a sample in which each of them had the
//! same chance, and then it comes with its error.

mod outcomes;
mod quantile;
mod sample;
mod span;

pub use outcomes::Outcomes;
pub use quantile::Times;
pub(super) use quantile::nearest_rank;
pub use sample::Sample;
pub(super) use sample::{drawn_below, ratio as share};
pub use span::{Span, Width};
