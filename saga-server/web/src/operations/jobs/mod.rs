//! One operation on many sagas or dead letters: previewed, made a job, stopped and reverted.
//!
//! Rule of thumb: what is selected is found again when the job is created, and must be what the preview showed; from then on it is
//! stored. The runner of the collector does the rest.
//!
//! | part | what |
//! | --- | --- |
//! | `request` | reads an order, from a JSON body or from a form |
//! | `order` | the checked order |
//! | `selection` | which sagas or letters that are |
//! | `preview` | what would become of them, and the token that names it |
//! | `create` | the job, its stop and what takes it back |

mod create;
mod order;
mod preview;
mod request;
mod selection;

pub(crate) use create::{create, no_job, revert, stop};
pub(crate) use order::{JobOrder, RevertOrder};
pub(crate) use preview::{JobPreview, preview};
pub(crate) use request::{JobRequest, RevertRequest, request_key};
