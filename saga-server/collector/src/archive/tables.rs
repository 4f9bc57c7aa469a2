//! The two tables of a batch: what stands in which column.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use parquet::{
    basic::Type,
    errors::{ParquetError, Result},
};
use saga_types::{Metadata, SagaEvent, Step, Timestamp, fold::SagaState};

use super::{
    parquet_read::{Row, Wanted, rows},
    parquet_write::{Column, Layout, Table},
};

/// Producer and trace stand in the metadata too; here they can be asked for without reading JSON.
const STEPS: Layout = Layout {
    schema: "message step {
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
    }",
    names: &["saga_id", "event_id", "order_id", "trace_id"],
    numbers: &["recorded_at", "event_timestamp"],
    looked_up: &["saga_id", "order_id"],
    group: STEPS_OF_A_GROUP,
};

/// The state is the JSON that REST gave. The other orders are those that events named beside the saga's own.
const SAGAS: Layout = Layout {
    schema: "message saga {
        required binary saga_id (STRING);
        required binary saga_type (STRING);
        required binary order_id (STRING);
        required binary status (STRING);
        required int64 started_at (TIMESTAMP(MILLIS, true));
        required int64 updated_at (TIMESTAMP(MILLIS, true));
        required int64 step_count;
        required binary state (JSON);
        optional binary other_order_ids (JSON);
    }",
    names: &["saga_id", "order_id"],
    numbers: &["started_at", "updated_at", "step_count"],
    looked_up: &["saga_id", "order_id"],
    group: SAGAS_OF_A_GROUP,
};

/// The most events of a row group.
pub(super) const STEPS_OF_A_GROUP: usize = 2_000;

/// The most sagas of a row group.
const SAGAS_OF_A_GROUP: usize = 250;

/// The columns of events that are read, in this order.
pub(super) const STEP_COLUMNS: [Wanted; 9] = [
    text("saga_id"),
    text("event_id"),
    text("saga_type"),
    text("order_id"),
    text("step"),
    text("status"),
    number("recorded_at"),
    number("event_timestamp"),
    text("metadata"),
];

/// The columns of sagas that are read, in this order.
pub(super) const SAGA_COLUMNS: [Wanted; 4] = [
    text("saga_id"),
    text("order_id"),
    text("state"),
    Wanted {
        may_be_missing: true,
        ..text("other_order_ids")
    },
];

/// Where a saga's id is in both.
pub(super) const SAGA_ID: usize = 0;
/// Where this is among the columns of events.
pub(super) const RECORDED_AT: usize = 6;
/// Where these are among the columns of sagas.
pub(super) const ORDER_ID: usize = 1;
pub(super) const OTHER_ORDER_IDS: usize = 3;

const fn text(name: &'static str) -> Wanted {
    Wanted {
        name,
        of: Type::BYTE_ARRAY,
        may_be_missing: false,
    }
}

const fn number(name: &'static str) -> Wanted {
    Wanted {
        of: Type::INT64,
        ..text(name)
    }
}

/// A saga as it stands in the archive.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SagaRow {
    pub(super) state: SagaState,
    /// The state as it was written, perhaps by another version.
    pub(super) json: String,
    /// What its events name beside its own order.
    pub(super) other_orders: BTreeSet<String>,
}

impl SagaRow {
    /// Each with those of the orders that its events name.
    pub(super) fn all(
        states: Vec<SagaState>,
        mut orders: BTreeMap<String, BTreeSet<String>>,
    ) -> Result<Vec<Self>> {
        let row = |state: SagaState| {
            let mut other_orders = orders.remove(state.saga_id.as_str()).unwrap_or_default();
            other_orders.remove(state.order_id.as_str());
            Ok(Self {
                json: state_json(&state)?,
                state,
                other_orders,
            })
        };
        states.into_iter().map(row).collect()
    }

    /// All orders that it is found by.
    pub(super) fn orders(&self) -> impl Iterator<Item = &str> {
        let own = std::iter::once(self.state.order_id.as_str());
        own.chain(self.other_orders.iter().map(String::as_str))
    }
}

/// The file of events.
pub(super) struct StepsTable(Table);

impl StepsTable {
    pub(super) fn new() -> Result<Self> {
        Table::new(&STEPS).map(Self)
    }

    /// Adds a row group.
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
    Ok(rows(file, &STEP_COLUMNS)?.map(|row| event(row?)))
}

pub(super) fn event(mut row: Row) -> Result<SagaEvent> {
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

/// The file of final states, which are ordered by their ids.
pub(super) fn sagas_table(sagas: &[SagaRow]) -> Result<(Vec<u8>, u64)> {
    let mut table = Table::new(&SAGAS)?;
    for group in sagas.chunks(SAGAS_OF_A_GROUP) {
        add_sagas(&mut table, group)?;
    }
    table.finish()
}

fn add_sagas(table: &mut Table, sagas: &[SagaRow]) -> Result<()> {
    let other_orders: Vec<Option<String>> = sagas
        .iter()
        .map(|saga| match saga.other_orders.is_empty() {
            true => Ok(None),
            false => serde_json::to_string(&saga.other_orders)
                .map(Some)
                .map_err(invalid),
        })
        .collect::<Result<_>>()?;
    let text = |of: fn(&SagaState) -> &str| Column::Text(sagas.iter().map(|saga| of(&saga.state)).collect());
    let moment = |of: fn(&SagaState) -> Timestamp| {
        Column::Number(sagas.iter().map(|saga| of(&saga.state).as_millis()).collect())
    };
    let counts = sagas.iter().map(|saga| saga.state.step_count.cast_signed());
    let columns = vec![
        text(|state| state.saga_id.as_str()),
        text(|state| state.saga_type.as_str()),
        text(|state| state.order_id.as_str()),
        text(|state| state.current_status.as_str()),
        moment(|state| state.started_at),
        moment(|state| state.updated_at),
        Column::Number(counts.collect()),
        Column::Text(sagas.iter().map(|saga| saga.json.as_str()).collect()),
        Column::MaybeText(other_orders.iter().map(Option::as_deref).collect()),
    ];
    table.add(sagas.len(), columns)
}

/// The sagas of a file.
pub(super) fn read_sagas(file: Bytes) -> Result<impl Iterator<Item = Result<SagaRow>>> {
    Ok(rows(file, &SAGA_COLUMNS)?.map(|row| saga(row?)))
}

pub(super) fn saga(mut row: Row) -> Result<SagaRow> {
    let (saga_id, order_id) = (row.text()?, row.text()?);
    let json = row.text()?;
    let state: SagaState = serde_json::from_str(&json).map_err(invalid)?;
    if state.saga_id.as_str() != saga_id || state.order_id.as_str() != order_id {
        return Err(invalid(format_args!(
            "the state of saga {saga_id:?} is another saga's"
        )));
    }
    let other_orders = row.maybe_text()?;
    Ok(SagaRow {
        state,
        json,
        other_orders: match other_orders {
            Some(json) => serde_json::from_str(&json).map_err(invalid)?,
            None => BTreeSet::new(),
        },
    })
}

/// A state as it stands in the archive.
pub(super) fn state_json(state: &SagaState) -> Result<String> {
    serde_json::to_string(state).map_err(invalid)
}

fn invalid(error: impl std::fmt::Display) -> ParquetError {
    ParquetError::General(error.to_string())
}
