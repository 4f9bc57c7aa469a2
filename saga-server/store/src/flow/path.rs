//! The path of one saga.

use std::error::Error;

use saga_types::{SagaId, SagaStatus, Step, Timestamp};

use crate::{Corrupt, StoreError, columns::Moment, table::Keyed};

/// An event as an adapter reads it.
#[derive(sqlx::FromRow)]
pub(crate) struct FlowStep {
    pub(super) saga_id: String,
    step: String,
    status: String,
    recorded_at: Moment,
    producer_service: Option<String>,
    /// Of events of the service whose versions are asked for.
    service_version: Option<String>,
}

impl Keyed for FlowStep {
    const NAME: &'static str = "saga_steps";
    const KEY: &'static [&'static str] = &["saga_id"];
}

impl FlowStep {
    pub(super) fn saga_id(&self) -> Result<SagaId, StoreError> {
        let parsed = self.saga_id.parse();
        Ok(parsed.map_err(|error| self.corrupt("saga_id", error))?)
    }

    /// The saga that it belongs to, as the table has it.
    pub(crate) fn saga(&self) -> &str {
        &self.saga_id
    }

    pub(super) fn is_of(&self, step: &Step) -> bool {
        *step == *self.step
    }

    fn corrupt(&self, column: &str, cause: impl Error + Send + Sync + 'static) -> Corrupt {
        let row = format!("{} {}", self.saga_id, self.recorded_at.0);
        Corrupt::new(Self::NAME, column, row, cause)
    }
}

/// The first event of a step, and what came after it.
pub(super) struct Visit {
    pub(super) step: Step,
    pub(super) status: SagaStatus,
    pub(super) service: Option<String>,
    /// Of the service, as far as it is asked for.
    pub(super) version: Option<String>,
    pub(super) at: Timestamp,
    /// Later events of the same service.
    pub(super) retries: u64,
    /// Other services that recorded the step, each once.
    pub(super) echoes: Vec<Option<String>>,
}

/// The steps of a saga in the order of their first events, of its events in their order.
pub(super) fn visits(events: &[FlowStep]) -> Result<Vec<Visit>, StoreError> {
    let mut visits: Vec<Visit> = Vec::new();
    for event in events {
        let service = event.producer_service.as_ref();
        match visits.iter_mut().find(|visit| visit.step == *event.step) {
            Some(visit) if visit.service.as_ref() == service => visit.retries += 1,
            Some(visit) => {
                if !visit.echoes.iter().any(|echo| echo.as_ref() == service) {
                    visit.echoes.push(service.cloned());
                }
            }
            None => visits.push(Visit {
                step: Step::from_wire(event.step.as_str()).map_err(|error| event.corrupt("step", error))?,
                status: event
                    .status
                    .parse()
                    .map_err(|error| event.corrupt("status", error))?,
                service: service.cloned(),
                version: event
                    .service_version
                    .clone()
                    .filter(|version| saga_types::is_name(version)),
                at: event.recorded_at.0,
                retries: 0,
                echoes: Vec::new(),
            }),
        }
    }
    Ok(visits)
}
