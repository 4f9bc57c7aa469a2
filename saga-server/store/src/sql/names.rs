//! Types and steps, as tables of what is usual name them.

use saga_types::{SagaType, Step};

use crate::Corrupt;

pub(super) fn read_type(table: &'static str, row: &str, saga_type: String) -> Result<SagaType, Corrupt> {
    SagaType::try_from(saga_type).map_err(|error| Corrupt::new(table, "saga_type", row, error))
}

pub(super) fn read_step(table: &'static str, row: &str, step: String) -> Result<Step, Corrupt> {
    Step::from_wire(step).map_err(|error| Corrupt::new(table, "step", row, error))
}
