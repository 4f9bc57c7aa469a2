//! The two tables of a batch: what stands in which column.

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use saga_types::{Metadata, SagaEvent, Step, Timestamp, fold::SagaState};

use super::parquet_io::{Column, Row, Table, rows};

/// Producer and trace stand in the metadata too; here they can be asked for without reading JSON.
const STEPS: &str = "message step {
    required binary saga_id (STRING);
    required binary event_id (STRING);
    required binary saga_type (STRING);
    required binary order_id (STRING);
    required binary step (STRING);
    required binary status (STRING);
    required int64 recorded_at (TIMESTAMP(MILLIS, true));
    required int64 event_timestamp (TIMESTAMP(MILLIS, true));
    optional binary metadata (JSON);
    optional binary producer_service (STRING);
    optional binary trace_id (STRING);
}";

/// The state is the JSON that REST gave.
const SAGAS: &str = "message saga {
    required binary saga_id (STRING);
    required binary saga_type (STRING);
    required binary order_id (STRING);
    required binary status (STRING);
    required int64 started_at (TIMESTAMP(MILLIS, true));
    required int64 updated_at (TIMESTAMP(MILLIS, true));
    required int64 step_count;
    required binary state (JSON);
}";

/// The file of events.
pub(super) struct StepsTable(Table);

impl StepsTable {
    pub(super) fn new() -> Result<Self> {
        Table::new(STEPS).map(Self)
    }

    pub(super) fn add(&mut self, events: &[SagaEvent]) -> Result<()> {
        let text = |of: fn(&SagaEvent) -> &str| Column::Text(events.iter().map(of).collect());
        let moment = |of: fn(&SagaEvent) -> Timestamp| {
            Column::Number(events.iter().map(|event| of(event).as_millis()).collect())
        };
        let from_metadata = |of: fn(&Metadata) -> Option<&str>| {
            Column::MaybeText(events.iter().map(|event| of(event.metadata.as_ref()?)).collect())
        };
        let columns = vec![
            text(|event| event.saga_id.as_str()),
            text(|event| event.event_id.as_str()),
            text(|event| event.saga_type.as_str()),
            text(|event| event.order_id.as_str()),
            text(|event| event.step.as_str()),
            text(|event| event.status.as_str()),
            moment(|event| event.recorded_at),
            moment(|event| event.event_timestamp),
            from_metadata(|metadata| Some(metadata.as_str())),
            from_metadata(Metadata::producer_service),
            from_metadata(Metadata::trace_id),
        ];
        self.0.add(events.len(), columns)
    }

    pub(super) fn finish(self) -> Result<(Vec<u8>, u64)> {
        self.0.finish()
    }
}

/// The events of a file.
pub(super) fn read_steps(file: Bytes) -> Result<impl Iterator<Item = Result<SagaEvent>>> {
    Ok(rows(file)?.map(|row| event(row?)))
}

fn event(mut row: Row) -> Result<SagaEvent> {
    let saga_id = row.text()?.try_into().map_err(invalid)?;
    let event_id = row.text()?.try_into().map_err(invalid)?;
    let saga_type = row.text()?.try_into().map_err(invalid)?;
    let order_id = row.text()?.try_into().map_err(invalid)?;
    let step = Step::from_wire(row.text()?).map_err(invalid)?;
    let status = row.text()?.parse().map_err(invalid)?;
    let recorded_at = Timestamp::from_millis(row.number()?).map_err(invalid)?;
    let mut event = SagaEvent::new(event_id, saga_id, order_id, saga_type, step, status, recorded_at);
    event.event_timestamp = Timestamp::from_millis(row.number()?).map_err(invalid)?;
    event.metadata = row
        .maybe_text()?
        .map(Metadata::parse)
        .transpose()
        .map_err(invalid)?;
    Ok(event)
}

/// The file of final states.
pub(super) fn sagas_table(states: &[SagaState]) -> Result<(Vec<u8>, u64)> {
    let json: Vec<String> = states.iter().map(state_json).collect::<Result<_>>()?;
    sagas_table_of(states, &json)
}

/// The file of final states that are written already.
pub(super) fn sagas_table_of(states: &[SagaState], json: &[String]) -> Result<(Vec<u8>, u64)> {
    let text = |of: fn(&SagaState) -> &str| Column::Text(states.iter().map(of).collect());
    let moment = |of: fn(&SagaState) -> Timestamp| {
        Column::Number(states.iter().map(|state| of(state).as_millis()).collect())
    };
    let counts = states.iter().map(|state| state.step_count.cast_signed());
    let columns = vec![
        text(|state| state.saga_id.as_str()),
        text(|state| state.saga_type.as_str()),
        text(|state| state.order_id.as_str()),
        text(|state| state.current_status.as_str()),
        moment(|state| state.started_at),
        moment(|state| state.updated_at),
        Column::Number(counts.collect()),
        Column::Text(json.iter().map(String::as_str).collect()),
    ];
    let mut table = Table::new(SAGAS)?;
    table.add(states.len(), columns)?;
    table.finish()
}

/// A state as it stands in the archive.
pub(super) fn state_json(state: &SagaState) -> Result<String> {
    serde_json::to_string(state).map_err(invalid)
}

/// The final states of a file, as JSON.
pub(super) fn read_sagas(file: Bytes) -> Result<impl Iterator<Item = Result<String>>> {
    Ok(rows(file)?.map(|row| row?.last_text()))
}

fn invalid(error: impl std::fmt::Display) -> ParquetError {
    ParquetError::General(error.to_string())
}
