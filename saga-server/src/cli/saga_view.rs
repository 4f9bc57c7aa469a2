//! One saga for people: its fields, what is awaited and owed, and its steps.

use serde_json::value::RawValue;

use super::{
    sagas::{awaited_since, duration},
    show::ShowArgs,
    table::{Cell, Columns, table},
    tracker::{Saga, Step},
};

const STEPS: [&str; 7] = [
    "RECORDED", "STATUS", "STEP", "SERVICE", "TRACE", "EVENT", "METADATA",
];

/// How many of them are not only for those who want all.
const NARROW: usize = 4;

pub(super) fn view(saga: &Saga, steps: &[Step], show: &ShowArgs) -> String {
    let names = if show.is_wide() {
        &STEPS[..]
    } else {
        &STEPS[..NARROW]
    };
    let rows: Vec<Vec<Cell>> = steps.iter().map(|step| row(step, names.len())).collect();
    let steps = table(names, &rows, show.with_colours());
    fields(saga, show.with_colours()) + "\n" + &steps
}

/// A line for each field that there is; of several values one for each.
fn fields(saga: &Saga, with_colours: bool) -> String {
    let one = |name: &'static str, value: &str| vec![Cell::text(name), Cell::text(value)];
    let some = |name, value: &Option<String>| value.as_deref().map(|value| one(name, value));
    let all = |name, values: &[String]| values.iter().map(|value| one(name, value)).collect::<Vec<_>>();
    let awaited: Vec<String> = saga.awaiting.iter().map(awaited_since).collect();
    let behind = saga.freshness.as_ref().filter(|freshness| !freshness.up_to_date);
    let mut rows = vec![
        one("saga", &saga.saga_id),
        one("type", &saga.saga_type),
        one("order", &saga.order_id),
        vec![Cell::text("status"), Cell::status(&saga.current_status)],
        one("last step", &saga.last_step),
        one("started", &saga.started_at),
        one("updated", &saga.updated_at),
    ];
    rows.extend(some("ended", &saga.ended_at));
    rows.extend(some("duration", &saga.duration_ms.map(duration)));
    rows.extend(some("parent", &saga.parent_saga_id));
    rows.extend(some("trace", &saga.last_trace_id));
    rows.extend(some("failed at", &saga.failed_step));
    rows.extend(some("reason", &saga.failure_reason));
    rows.extend(all("awaits", &awaited));
    rows.extend(all("owes", &saga.outstanding_compensations));
    rows.extend(all("service", &saga.services));
    rows.extend(all("anomaly", &saga.anomalies));
    rows.push(one("summary", &saga.summary));
    rows.extend(behind.map(|freshness| one("behind", &freshness.summary)));
    let mut columns = Columns::new(&["", ""], with_colours);
    rows.iter().for_each(|row| columns.fit(row));
    rows.iter().map(|row| columns.line(row)).collect()
}

fn row(step: &Step, columns: usize) -> Vec<Cell> {
    let mut row = vec![
        Cell::text(&step.recorded_at),
        Cell::status(&step.status),
        Cell::text(&step.step),
        Cell::optional(step.producer_service.as_deref()),
        Cell::optional(step.trace_id.as_deref()),
        Cell::text(&step.event_id),
        Cell::optional(step.metadata.as_deref().map(RawValue::get)),
    ];
    row.truncate(columns);
    row
}
