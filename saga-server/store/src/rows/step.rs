//! Rows of `saga_steps`.

use saga_types::{
    EventId, Metadata, OrderId, SagaEvent, SagaId, Step,
    fold::{FoldEvent, Position},
    is_name,
};

use crate::{
    StoreError, StoredStep,
    batch::KnownEvent,
    columns::{JsonText, Moment},
    metadata,
    rows::read_type,
    table::{Keyed, Table, table},
};

table! {
    /// A step as it was recorded.
    struct StepRow<'a> of saga_steps (saga_id, event_id) {
        saga_id: &'a str,
        event_id: &'a str,
        saga_type: &'a str,
        order_id: &'a str,
        step: &'a str,
        status: &'a str,
        producer_service: Option<&'a str>,
        trace_id: Option<&'a str>,
        metadata: Option<JsonText<'a>>,
        recorded_at: Moment,
        event_timestamp: Moment,
    }
}

table! {
    /// What the fold looks at in a step, but for what stands in its metadata.
    struct HistoryRow<'a> of saga_steps (saga_id, event_id) {
        saga_id: &'a str,
        event_id: &'a str,
        saga_type: &'a str,
        order_id: &'a str,
        step: &'a str,
        status: &'a str,
        producer_service: Option<&'a str>,
        trace_id: Option<&'a str>,
        recorded_at: Moment,
    }
}

impl<'a> StepRow<'a> {
    pub(crate) fn of(event: &'a SagaEvent) -> Self {
        let metadata = event.metadata.as_ref();
        Self {
            saga_id: event.saga_id.as_str(),
            event_id: event.event_id.as_str(),
            saga_type: event.saga_type.as_str(),
            order_id: event.order_id.as_str(),
            step: event.step.as_str(),
            status: event.status.as_str(),
            producer_service: metadata.and_then(Metadata::producer_service),
            trace_id: metadata.and_then(Metadata::trace_id),
            metadata: metadata.map(|metadata| JsonText(metadata.as_str())),
            recorded_at: Moment(event.recorded_at),
            event_timestamp: Moment(event.event_timestamp),
        }
    }
}

/// A step that a batch holds once more.
#[derive(sqlx::FromRow)]
pub(crate) struct KnownStepRow<'a> {
    erased_at: Option<Moment>,
    #[sqlx(flatten)]
    step: StepRow<'a>,
}

impl Keyed for KnownStepRow<'_> {
    const NAME: &'static str = StepRow::NAME;
    const KEY: &'static [&'static str] = StepRow::KEY;
}

impl TryFrom<KnownStepRow<'_>> for KnownEvent {
    type Error = StoreError;

    fn try_from(row: KnownStepRow<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            is_erased: row.erased_at.is_some(),
            event: row.step.try_into()?,
        })
    }
}

/// What a person's data is erased from.
#[derive(sqlx::FromRow)]
pub(crate) struct ErasableStepRow<'a> {
    pub(crate) saga_id: &'a str,
    pub(crate) event_id: &'a str,
    pub(crate) step: &'a str,
    pub(crate) metadata: JsonText<'a>,
}

impl Keyed for ErasableStepRow<'_> {
    const NAME: &'static str = StepRow::NAME;
    const KEY: &'static [&'static str] = StepRow::KEY;
}

/// A step with what the database adds to it.
#[derive(sqlx::FromRow)]
pub(crate) struct StoredStepRow<'a> {
    id: i64,
    created_at: Moment,
    erased_at: Option<Moment>,
    #[sqlx(flatten)]
    step: StepRow<'a>,
}

impl Keyed for StoredStepRow<'_> {
    const NAME: &'static str = StepRow::NAME;
    const KEY: &'static [&'static str] = StepRow::KEY;
}

impl TryFrom<StoredStepRow<'_>> for StoredStep {
    type Error = StoreError;

    fn try_from(row: StoredStepRow<'_>) -> Result<Self, StoreError> {
        let StoredStepRow {
            id,
            created_at,
            erased_at,
            step,
        } = row;
        let (producer_service, trace_id) = (step.producer_service, step.trace_id);
        let event = SagaEvent::try_from(step)?;
        Ok(Self {
            id,
            event_id: event.event_id,
            step: event.step,
            status: event.status,
            producer_service: producer_service.map(str::to_owned),
            trace_id: trace_id.map(str::to_owned),
            metadata: event.metadata,
            saga_type: event.saga_type,
            order_id: event.order_id,
            recorded_at: event.recorded_at,
            stored_at: created_at.0,
            erased_at: erased_at.map(|moment| moment.0),
        })
    }
}

impl TryFrom<StepRow<'_>> for SagaEvent {
    type Error = StoreError;

    fn try_from(row: StepRow<'_>) -> Result<Self, StoreError> {
        let metadata = row.metadata.map(|json| metadata::read_back(json.0.to_owned()));
        let mut event = Self::new(
            EventId::new(row.event_id).map_err(|error| row.corrupt("event_id", error))?,
            SagaId::new(row.saga_id).map_err(|error| row.corrupt("saga_id", error))?,
            OrderId::new(row.order_id).map_err(|error| row.corrupt("order_id", error))?,
            read_type(&row, row.saga_type)?,
            Step::from_wire(row.step).map_err(|error| row.corrupt("step", error))?,
            row.status.parse().map_err(|error| row.corrupt("status", error))?,
            row.recorded_at.0,
        );
        event.event_timestamp = row.event_timestamp.0;
        event.metadata = metadata
            .transpose()
            .map_err(|error| row.corrupt("metadata", error))?;
        Ok(event)
    }
}

impl HistoryRow<'_> {
    /// With what the fold looks at in the metadata.
    pub(crate) fn event(
        self,
        failure_reason: Option<String>,
        parent_saga_id: Option<String>,
    ) -> Result<FoldEvent, StoreError> {
        // Steps that were stored before names had rules may hold any text, which the fold does without.
        let name = |text: Option<&str>| text.filter(|text| is_name(text)).map(str::to_owned);
        Ok(FoldEvent {
            saga_id: SagaId::new(self.saga_id).map_err(|error| self.corrupt("saga_id", error))?,
            position: Position {
                recorded_at: self.recorded_at.0,
                event_id: EventId::new(self.event_id).map_err(|error| self.corrupt("event_id", error))?,
            },
            saga_type: read_type(&self, self.saga_type)?,
            order_id: OrderId::new(self.order_id).map_err(|error| self.corrupt("order_id", error))?,
            step: Step::from_wire(self.step).map_err(|error| self.corrupt("step", error))?,
            status: self
                .status
                .parse()
                .map_err(|error| self.corrupt("status", error))?,
            producer_service: name(self.producer_service),
            trace_id: name(self.trace_id),
            failure_reason,
            // Metadata may hold any text under this key; only an id names a parent.
            parent_saga_id: parent_saga_id.and_then(|id| SagaId::new(id).ok()),
        })
    }
}
