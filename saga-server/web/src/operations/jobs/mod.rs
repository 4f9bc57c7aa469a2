//! One operation on many sagas or dead letters: previewed, made a job, stopped and reverted.
//!
//! Rule of thumb: what is selected is found again when the job is created, and must be what the preview showed; from then on it is
//! stored. The runner of the collector does the rest.
//!
//! | part | what |
//! | --- | --- |
//! | `order` | what an operator wants, by a body or by a form |
//! | `selection` | which sagas or letters that are |
//! | `preview` | what would become of them, and the token that names it |
//! | `create` | the job, its stop and what takes it back |

mod create;
mod order;
mod preview;
mod selection;

pub(crate) use create::{create, no_job, revert, stop};
pub(crate) use order::{JobOrder, JobRequest, RevertOrder, RevertRequest, request_key};
pub(crate) use preview::{JobPreview, preview};
