//! P10: from Kafka to SQLite with everything on, beside batches of the same steps by `json_each` into the same indexed table.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use saga_types::SagaEvent;
use serde_json::{Value, json};
use sqlx::{
    Connection as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{Sizes, bench_env::BenchEnv, drain::drain};
use crate::{
    progress::Progress,
    report::Report,
    runs::rates::{self, Rates, Targets},
};

/// As many as `ingest.batchSize` is.
const BATCH: usize = 10_000;

const STEPS: &str = "INSERT INTO saga_steps (saga_id, event_id, saga_type, order_id, step, status, producer_service, \
                     trace_id, metadata, recorded_at, event_timestamp) \
                     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, \
                     value ->> 7, value ->> 8, value ->> 9, value ->> 10 FROM json_each($1)";

pub(super) async fn measure(
    bench_env: &mut BenchEnv,
    sizes: &Sizes,
    report: &mut Report,
    progress: &Progress,
) -> Result<()> {
    let (mut drained, mut batches) = (Rates::default(), Rates::default());
    let (mut micros, mut bytes) = (Rates::default(), Rates::default());
    for round in 1..=sizes.rounds {
        let folder = tempfile::tempdir()?;
        let plan = bench_env.plan(sizes.events, sizes);
        let file = folder.path().join("collector.db");
        let harness = bench_env.harness.on_sqlite(&file);
        harness.migrate().await?;
        let took = drain(bench_env, &harness, None, &plan, progress).await?;
        drained.push(took.events_per_second);
        micros.extend(took.server_micros);
        let stored = count(&file).await?;
        ensure!(
            stored == plan.events(),
            "{stored} steps are stored of {}",
            plan.events()
        );
        bytes.push(std::fs::metadata(&file)?.len() as f64 / stored as f64);

        let file = folder.path().join("batches.db");
        let harness = bench_env.harness.on_sqlite(&file);
        harness.migrate().await?;
        batches.push(in_batches(&file, &plan.in_order()?).await?);
        progress.show(format!(
            "P10, round {round} of {}: {:.0} events/s; json_each {:.0}",
            sizes.rounds,
            drained.last(),
            batches.last()
        ));
    }
    report.table(rates::table(
        &format!("P10: {} events, stored into an empty file", sizes.events),
        "events/s",
        &[
            ("Kafka to SQLite, everything on", &drained),
            (
                "json_each batches of the same steps into the same table",
                &batches,
            ),
        ],
    ));
    report.table(rates::table(
        "P10: what an event takes",
        "µs and bytes",
        &[
            ("processor time of saga-server, µs", &micros),
            ("the file, bytes", &bytes),
        ],
    ));
    let mut targets = Targets::new("P10: the ratio, of the rounds' median");
    targets.at_least("to json_each batches", drained.ratio_to(&batches).median(), 0.75);
    report.table(targets.finish());
    Ok(())
}

/// With the collector's settings: each commit is synced.
async fn connect(file: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-65536")
        .pragma("wal_autocheckpoint", "8000");
    Ok(SqliteConnection::connect_with(&options).await?)
}

async fn count(file: &Path) -> Result<usize> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM saga_steps")
        .fetch_one(&mut connect(file).await?)
        .await?;
    Ok(usize::try_from(count)?)
}

/// Events a second. The batches are JSON before: nothing is decoded, recognized or folded.
async fn in_batches(file: &Path, events: &[SagaEvent]) -> Result<f64> {
    let batches: Vec<String> = events
        .chunks(BATCH)
        .map(|batch| Value::Array(batch.iter().map(row).collect()).to_string())
        .collect();
    let mut connection = connect(file).await?;
    let mut took = Duration::ZERO;
    for batch in &batches {
        let begun = Instant::now();
        let mut transaction = connection.begin().await?;
        sqlx::query(STEPS).bind(batch).execute(&mut *transaction).await?;
        transaction.commit().await?;
        took += begun.elapsed();
    }
    ensure!(
        count(file).await? == events.len(),
        "batches were not stored whole"
    );
    Ok(events.len() as f64 / took.as_secs_f64())
}

fn row(event: &SagaEvent) -> Value {
    let metadata = event.metadata.as_ref();
    json!([
        event.saga_id.as_str(),
        event.event_id.as_str(),
        event.saga_type.as_str(),
        event.order_id.as_str(),
        event.step.as_str(),
        event.status.as_str(),
        metadata.and_then(saga_types::Metadata::producer_service),
        metadata.and_then(saga_types::Metadata::trace_id),
        metadata.map(saga_types::Metadata::as_str),
        event.recorded_at.as_millis(),
        event.event_timestamp.as_millis(),
    ])
}
