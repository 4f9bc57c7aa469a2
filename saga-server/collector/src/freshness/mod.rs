//! Up to which moment everything that services recorded is stored, and how far behind each partition is.
//!
//! Each collector follows its own partitions ([`Progress`]) and keeps what it sees in the database once a second, so that
//! whichever collector is asked can answer for all of them ([`Freshness`]).
//!
//! | part | what |
//! | --- | --- |
//! | `track`, `progress` | how far one partition is stored, and what one collector knows of all |
//! | `keep` | its knowledge and the database's, exchanged once a second |
//! | `settled` | as of which moment lateness is evaluated |
//! | `answer` | how fresh an answer is |
//!
//! Rule of thumb: nothing here is on the way of an event, and nothing claims more than was seen. Knowledge that is not
//! renewed grows old by itself, and answers say how old it is.

mod answer;
mod keep;
mod progress;
mod settled;
mod track;

pub use answer::{Freshness, PartitionFreshness};
pub use keep::keep;
pub use progress::Progress;
pub(crate) use settled::SettledWatermark;
pub(crate) use track::Observed;
