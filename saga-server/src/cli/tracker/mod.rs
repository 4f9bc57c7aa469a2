//! The running tracker that a command asks: where it is, the token that it takes, and the calls to it.
//!
//! Rule of thumb: a command names a call and what it reads of the answer; how a refusal ends the command is decided here, so that exit
//! codes mean the same everywhere. A token is sent to the address that it was given for, and to no other.
//!
//! | part | what |
//! | --- | --- |
//! | `args` | address, token and context, from flags, environment and file |
//! | `contexts` | the file of contexts |
//! | `client` | calls and their refusals |
//! | `stream` | server-sent events |
//! | `answers` | what is read of the answers |

mod answers;
mod args;
mod client;
mod contexts;
mod stream;

pub(super) use answers::{Awaited, Saga, SagasPage, Step, StepsPage};
pub(super) use args::TrackerArgs;
pub(super) use client::{Parameter, Tracker, encoded};
pub(super) use stream::{Event, Events};
