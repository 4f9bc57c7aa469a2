//! What the collector is compared with: the least that a program could do, and what a simple one would.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use saga_types::{Metadata, SagaEvent};
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;

use super::bench_env::Database;
use crate::memory;

/// As many as the collector has writers.
const COPIERS: usize = 2;
const TRANSACTORS: usize = 8;

/// How much is sent at a time.
const CHUNK: usize = 1 << 18;

const COPY: &str = "COPY saga_steps (saga_id, event_id, saga_type, order_id, step, status, producer_service, trace_id, \
                    metadata, recorded_at, event_timestamp) FROM STDIN";

/// What a way of storing came to.
pub(super) struct Stored {
    pub(super) events_per_second: f64,
    /// Processor time of the sessions for each event, in microseconds, if they run here.
    pub(super) database_micros: Option<f64>,
}

impl Stored {
    fn new(events: usize, took: Duration, processor_time: Option<Duration>) -> Self {
        let events = events as f64;
        Self {
            events_per_second: events / took.as_secs_f64(),
            database_micros: processor_time.map(|time| time.as_secs_f64() * 1e6 / events),
        }
    }
}

/// COPY into the indexed table: nothing is decoded, recognized or folded.
pub(super) async fn copy(database: &Database, events: &[SagaEvent]) -> Result<Stored> {
    let mut copiers = Vec::new();
    for share in shares(events, COPIERS) {
        let text = share.into_iter().map(line).collect::<Result<String>>()?;
        copiers.push((text, PgConnection::connect(&database.url).await?));
    }
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for (text, mut connection) in copiers {
        running.spawn(async move {
            let mut copy = connection.copy_in_raw(COPY).await?;
            for part in text.as_bytes().chunks(CHUNK) {
                copy.send(part).await?;
            }
            copy.finish().await?;
            Ok::<_, sqlx::Error>(connection)
        });
    }
    finish(events.len(), begun, running).await
}

/// A row in COPY's text format. In planned events nothing needs escaping.
fn line(event: &SagaEvent) -> Result<String> {
    let metadata = event.metadata.as_ref().context("a planned event has metadata")?;
    let columns = [
        event.saga_id.as_str(),
        event.event_id.as_str(),
        event.saga_type.as_str(),
        event.order_id.as_str(),
        event.step.as_str(),
        event.status.as_str(),
        metadata.producer_service().unwrap_or("\\N"),
        metadata.trace_id().unwrap_or("\\N"),
        metadata.as_str(),
        &event.recorded_at.to_string(),
        &event.event_timestamp.to_string(),
    ];
    Ok(format!("{}\n", columns.join("\t")))
}

const STEP: &str = "INSERT INTO saga_steps (saga_id, event_id, saga_type, order_id, step, status, producer_service, \
                    trace_id, metadata, recorded_at, event_timestamp) \
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11) ON CONFLICT DO NOTHING";

const SAGA: &str = "INSERT INTO saga_instance AS kept (saga_id, saga_type, order_id, current_status, last_step, \
                    last_trace_id, started_at, updated_at, outstanding, anomalies, event_count, version, fold) \
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $7, '{}', '{}', 1, 1, '') \
                    ON CONFLICT (saga_id) DO UPDATE SET current_status = excluded.current_status, \
                    last_step = excluded.last_step, last_trace_id = excluded.last_trace_id, \
                    updated_at = excluded.updated_at, event_count = kept.event_count + 1, version = kept.version + 1";

/// A transaction for each event: the step, and the saga with the status that the event says. That is less than the
/// collector does; there is no Kafka, nothing is decoded and nothing folded.
pub(super) async fn one_by_one(database: &Database, events: &[SagaEvent]) -> Result<Stored> {
    let mut transactors = Vec::new();
    for share in shares(events, TRANSACTORS) {
        let share: Vec<SagaEvent> = share.into_iter().cloned().collect();
        transactors.push((share, PgConnection::connect(&database.url).await?));
    }
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for (share, mut connection) in transactors {
        running.spawn(async move {
            for event in &share {
                store(&mut connection, event).await?;
            }
            Ok::<_, sqlx::Error>(connection)
        });
    }
    finish(events.len(), begun, running).await
}

/// Waits for all sessions, and asks what each took while it is still there.
async fn finish(
    events: usize,
    begun: Instant,
    mut running: JoinSet<Result<PgConnection, sqlx::Error>>,
) -> Result<Stored> {
    let mut sessions = Vec::new();
    while let Some(ended) = running.join_next().await {
        sessions.push(ended??);
    }
    let took = begun.elapsed();
    let mut times = Vec::new();
    for session in &mut sessions {
        let process: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(session)
            .await?;
        times.push(memory::processor_time(process.cast_unsigned(), Some("postgres")));
    }
    Ok(Stored::new(events, took, times.into_iter().sum()))
}

async fn store(connection: &mut PgConnection, event: &SagaEvent) -> Result<(), sqlx::Error> {
    let metadata = event.metadata.as_ref();
    let mut transaction = connection.begin().await?;
    sqlx::query(STEP)
        .bind(event.saga_id.as_str())
        .bind(event.event_id.as_str())
        .bind(event.saga_type.as_str())
        .bind(event.order_id.as_str())
        .bind(event.step.as_str())
        .bind(event.status.as_str())
        .bind(metadata.and_then(Metadata::producer_service))
        .bind(metadata.and_then(Metadata::trace_id))
        .bind(metadata.map(Metadata::as_str))
        .bind(event.recorded_at.to_datetime())
        .bind(event.event_timestamp.to_datetime())
        .execute(&mut *transaction)
        .await?;
    sqlx::query(SAGA)
        .bind(event.saga_id.as_str())
        .bind(event.saga_type.as_str())
        .bind(event.order_id.as_str())
        .bind(event.status.as_str())
        .bind(event.step.as_str())
        .bind(metadata.and_then(Metadata::trace_id))
        .bind(event.recorded_at.to_datetime())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

/// Whole sagas for each, their events in order.
fn shares(events: &[SagaEvent], count: usize) -> Vec<Vec<&SagaEvent>> {
    let mut shares = vec![Vec::new(); count];
    for event in events {
        let mut hasher = DefaultHasher::new();
        event.saga_id.hash(&mut hasher);
        let share = usize::try_from(hasher.finish() % count as u64).unwrap_or_default();
        shares[share].push(event);
    }
    shares
}
