//! What the life of a saga type should look like: its steps and what comes before what, who owns them, what undoes what,
//! and how long it may take.
//!
//! Two definitions are built in ([`Definitions::built_in`]); teams add their own, or replace these, in YAML
//! ([`SagaDefinition::from_yaml`], [`Definitions::load_dir`]).
//!
//! | part | what |
//! | --- | --- |
//! | [`SagaDefinition`] | one definition, checked |
//! | [`ExpectedPath`], [`Progress`] | its forward steps as a graph, and how far a saga is on it |
//! | [`Definitions`] | the definitions of all types, and which one is in force for a saga |
//! | [`DefinitionReport`], [`FolderReport`] | all that is wrong or odd in a file or folder, with lines and hints |

mod bits;
mod built_in;
mod check;
mod draw;
mod finding;
mod forward;
mod from_file;
mod load;
mod model;
mod path;
mod set;
mod warnings;
mod yaml;

pub use check::DefinitionReport;
pub use finding::{DefinitionError, DefinitionWarning};
pub use forward::{ForwardStep, Predecessor};
pub use load::{FolderReport, LoadError, LoadErrorKind, LoadWarning};
pub use model::{Compensation, Limits, SagaDefinition, StepLimit};
pub use path::{ExpectedPath, Progress};
pub use set::Definitions;

pub(crate) use set::InForce;
