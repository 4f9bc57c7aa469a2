//! What operators do: one place that REST and pages both call, so that both do the same and answer alike.
//!
//! | part | what |
//! | --- | --- |
//! | `permit` | without it nothing is written |
//! | `correction` | a status set by hand |
//! | `replay`, `letter_filter` | dead letters once more, and which ones are meant |
//! | `dismissal` | dead letters dismissed with a note, and restored |
//! | `jobs` | one operation on many sagas or dead letters |
//! | `erasure` | a person's data, erased |

mod correction;
mod dismissal;
mod erasure;
pub(crate) mod jobs;
mod letter_filter;
mod permit;
mod replay;

pub(crate) use correction::{Corrected, Correction};
pub(crate) use dismissal::{DismissalOrder, DisposalAnswer, Disposing, RestorationOrder};
pub(crate) use erasure::{Erasing, ErasureAnswer, ErasureRequest};
pub(crate) use letter_filter::letter_filter;
pub(crate) use permit::Permit;
pub(crate) use replay::{ReplayAnswer, ReplayRequest};
