//! The tables, field by field, and each saga's state against the fold of its stored steps.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use saga_types::{
    Metadata, SagaEvent, SagaType, Step, Timestamp,
    definition::Definitions,
    fold::{self, SagaFold},
};
use sqlx::{
    FromRow, PgPool,
    types::chrono::{DateTime, Utc},
};

use super::Examples;
use crate::{
    accounting::Accounting,
    events::Plan,
    progress::Progress,
    report::{Report, Table},
};

/// How many sagas are compared at a time.
const SAGAS: usize = 500;

const STEPS: &str = "SELECT saga_id, event_id, saga_type, order_id, step, status, producer_service, trace_id, \
    metadata::text, recorded_at, event_timestamp FROM saga_steps WHERE saga_id = ANY($1)";

const INSTANCES: &str =
    "SELECT saga_id, current_status, event_count, fold FROM saga_instance WHERE saga_id = ANY($1)";

#[derive(FromRow)]
struct StepRow {
    saga_id: String,
    event_id: String,
    saga_type: String,
    order_id: String,
    step: String,
    status: String,
    producer_service: Option<String>,
    trace_id: Option<String>,
    metadata: Option<String>,
    recorded_at: DateTime<Utc>,
    event_timestamp: DateTime<Utc>,
}

#[derive(FromRow)]
struct InstanceRow {
    saga_id: String,
    current_status: String,
    event_count: i64,
    fold: String,
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    rows: i64,
    instances: i64,
    /// Rows that are acknowledged events of the plan.
    stored: usize,
    lost: Examples,
    differing: Examples,
    /// Counted more often than stored.
    double: Examples,
    wrong_state: Examples,
}

pub(super) async fn audit(
    pool: &PgPool,
    plan: &Plan,
    accounting: &Accounting,
    progress: &Progress,
) -> Result<Found> {
    let mut found = Found {
        rows: sqlx::query_scalar("SELECT count(*) FROM saga_steps")
            .fetch_one(pool)
            .await?,
        instances: sqlx::query_scalar("SELECT count(*) FROM saga_instance")
            .fetch_one(pool)
            .await?,
        ..Found::default()
    };
    let definitions = Definitions::built_in();
    for first in (0..plan.sagas()).step_by(SAGAS) {
        progress.update(format!(
            "compared {first} of {} sagas with the store",
            plan.sagas()
        ));
        let sagas = first..plan.sagas().min(first + SAGAS);
        let planned: Vec<_> = sagas.clone().map(|saga| plan.saga(saga)).collect::<Result<_>>()?;
        let ids: Vec<_> = planned
            .iter()
            .map(|events| events[0].saga_id.to_string())
            .collect();
        let mut steps = steps(pool, &ids).await?;
        let mut instances = instances(pool, &ids).await?;
        for ((saga, id), events) in sagas.zip(&ids).zip(&planned) {
            let acknowledged = plan.numbers(saga).zip(events);
            let acknowledged = acknowledged.filter(|(number, _)| accounting.events.has(*number));
            let stored = steps.remove(id).unwrap_or_default();
            found.compare(acknowledged.map(|(_, event)| event), &stored);
            found.compare_state(instances.remove(id).as_ref(), &stored, &definitions)?;
        }
    }
    Ok(found)
}

async fn steps(pool: &PgPool, ids: &[String]) -> Result<HashMap<String, Vec<SagaEvent>>> {
    let rows: Vec<StepRow> = sqlx::query_as(STEPS).bind(ids).fetch_all(pool).await?;
    let mut steps: HashMap<String, Vec<SagaEvent>> = HashMap::new();
    for row in rows {
        steps
            .entry(row.saga_id.clone())
            .or_default()
            .push(row.into_event()?);
    }
    Ok(steps)
}

async fn instances(pool: &PgPool, ids: &[String]) -> Result<HashMap<String, InstanceRow>> {
    let rows: Vec<InstanceRow> = sqlx::query_as(INSTANCES).bind(ids).fetch_all(pool).await?;
    Ok(rows.into_iter().map(|row| (row.saga_id.clone(), row)).collect())
}

impl StepRow {
    fn into_event(self) -> Result<SagaEvent> {
        let mut event = SagaEvent::new(
            self.event_id.parse()?,
            self.saga_id.parse()?,
            self.order_id.parse()?,
            SagaType::try_from(self.saga_type)?,
            Step::from_wire(self.step)?,
            self.status.parse()?,
            Timestamp::try_from(self.recorded_at)?,
        );
        event.event_timestamp = self.event_timestamp.try_into()?;
        event.metadata = self.metadata.map(Metadata::parse).transpose()?;
        let metadata = event.metadata.as_ref();
        anyhow::ensure!(
            self.producer_service.as_deref() == metadata.and_then(Metadata::producer_service)
                && self.trace_id.as_deref() == metadata.and_then(Metadata::trace_id),
            "the columns of event {} do not say what its metadata says",
            event.event_id
        );
        Ok(event)
    }
}

impl Found {
    fn compare<'a>(&mut self, acknowledged: impl Iterator<Item = &'a SagaEvent>, stored: &[SagaEvent]) {
        let stored: HashMap<_, _> = stored.iter().map(|event| (&event.event_id, event)).collect();
        for event in acknowledged {
            match stored.get(&event.event_id) {
                Some(found) if *found == event => self.stored += 1,
                Some(found) => self.differing.add(|| format!("{found:?} instead of {event:?}")),
                None => self.lost.add(|| format!("{event:?}")),
            }
        }
    }

    fn compare_state(
        &mut self,
        kept: Option<&InstanceRow>,
        stored: &[SagaEvent],
        definitions: &Definitions,
    ) -> Result<()> {
        let expected = fold::fold(stored, definitions);
        let state = kept.map(|kept| state(kept, definitions)).transpose()?;
        if state != expected {
            self.wrong_state
                .add(|| format!("{state:?} instead of {expected:?}"));
        }
        if let (Some(kept), Some(expected)) = (kept, &expected) {
            if kept.current_status != expected.current_status.as_str() {
                self.wrong_state
                    .add(|| format!("{} is {}", kept.saga_id, kept.current_status));
            }
            if kept.event_count != i64::try_from(stored.len())? {
                self.double
                    .add(|| format!("{} of {} events", kept.saga_id, kept.event_count));
            }
        }
        Ok(())
    }

    pub(super) fn figures(&self, table: &mut Table) {
        table.figure("events stored as they were sent", self.stored);
        table.figure("events lost", self.lost.count);
        table.figure("events counted twice", self.double.count);
        table.figure("rows of saga_steps", self.rows);
        table.figure("rows of saga_instance", self.instances);
    }

    pub(super) fn promises(&self, report: &mut Report) {
        self.lost
            .promise_none("every acknowledged event is stored", report);
        self.differing
            .promise_none("every stored event is as it was sent, field by field", report);
        let all_known = usize::try_from(self.rows).ok() == Some(self.stored);
        report.promise(
            "nothing else is stored, and nothing twice",
            all_known && self.double.count == 0,
            match self.double.first.join("; ") {
                none if none.is_empty() => format!("{} rows for {} events", self.rows, self.stored),
                twice => format!("{} rows for {} events; {twice}", self.rows, self.stored),
            },
        );
        self.wrong_state
            .promise_none("each saga's state is the fold of its stored steps", report);
    }
}

/// The state that the kept fold gives, which is what REST answers.
fn state(kept: &InstanceRow, definitions: &Definitions) -> Result<saga_types::fold::SagaState> {
    let fold: SagaFold = saga_store::read_fold(&kept.fold).context("the kept fold cannot be read")?;
    fold.try_state(definitions)
        .context("the kept fold follows another definition")
}
