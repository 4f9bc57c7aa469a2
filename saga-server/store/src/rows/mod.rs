//! Rows of the tables: from the port's types, and back to them.
//!
//! | part | what |
//! | --- | --- |
//! | `instance`, `step` | rows of `saga_instance` and `saga_steps` |
//! | `removal` | rows of what retention reads and leaves behind |

mod instance;
mod removal;
mod step;

use saga_types::SagaType;

use crate::{StoreError, table::Table};

pub(crate) use instance::{FoldRow, InstanceRow, StateRow};
pub(crate) use removal::{ArchivePlanRow, ExpiredRow, RemovedRow};
pub(crate) use step::{ErasableStepRow, HistoryRow, KnownStepRow, StepRow, StoredStepRow};

/// By the rules of events, which allow more than those of definitions.
fn read_type(row: &impl Table, saga_type: &str) -> Result<SagaType, StoreError> {
    SagaType::try_from(saga_type.to_owned()).map_err(|error| row.corrupt("saga_type", error))
}
