//! What operators do: one place that REST and pages both call, so that both do the same and answer alike.
//!
//! | part | what |
//! | --- | --- |
//! | `permit` | without it nothing is written |
//! | `correction` | a status set by hand |
//! | `replay`, `letter_filter` | dead letters once more, and which ones are meant |
//! | `dismissal` | dead letters dismissed with a note, and restored |
//! | `views` | lists of sagas saved, renamed and removed |
//! | `acknowledging` | who takes care of something, and until when |
//! | `jobs` | one operation on many sagas or dead letters |
//! | `erasure` | a person's data, erased |

mod acknowledging;
mod correction;
mod dismissal;
mod erasure;
pub(crate) mod jobs;
mod letter_filter;
mod permit;
mod replay;
mod views;

pub(crate) use acknowledging::{
    AcknowledgementRequest, Acknowledging, carry_out_form as acknowledge_by_form,
    group as acknowledged_group, id as acknowledgement_id, withdraw as withdraw_acknowledgement,
};
pub(crate) use correction::{Corrected, Correction};
pub(crate) use dismissal::{DismissalOrder, DisposalAnswer, Disposing, RestorationOrder};
pub(crate) use erasure::{Erasing, ErasureAnswer, ErasureRequest};
pub(crate) use letter_filter::{letter_filter, letter_list_filter};
pub(crate) use permit::Permit;
pub(crate) use replay::{ReplayAnswer, ReplayRequest};
pub(crate) use views::{NewName, NewView, ViewChanging};
