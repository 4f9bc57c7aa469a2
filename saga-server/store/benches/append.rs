//! How fast batches are stored in PostgreSQL, as a ratio of raw COPY of the same steps into the same indexed table.
//!
//! `scripts/parts run postgres -- cargo bench -p saga-store --bench append`; `BENCH_STEPS` (200000), `BENCH_BATCH` (2000),
//! `BENCH_WRITERS` (2) and `BENCH_ROUNDS` (5) change what is measured; with `BENCH_DISTRIBUTED` the tables of sagas are distributed
//! first, by Citus. Both ways take turns, each on empty tables; the
//! medians are compared. COPY writes the steps only, and neither recognizes a repeated event nor folds.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use saga_store::{Store, StoreOptions};
use saga_types::{
    Metadata, SagaEvent, SagaStatus, SagaType, Step, Timestamp, definition::Definitions, steps,
};
use sqlx::{Connection, Executor, PgConnection};

struct Setting {
    url: String,
    steps: usize,
    batch: usize,
    writers: usize,
    rounds: usize,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let number = |name: &str, default: usize| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let setting = Setting {
        url: schema(&std::env::var("DATABASE_URL").expect("DATABASE_URL names a PostgreSQL database")).await,
        steps: number("BENCH_STEPS", 200_000),
        batch: number("BENCH_BATCH", 2_000),
        writers: number("BENCH_WRITERS", 2),
        rounds: number("BENCH_ROUNDS", 5),
    };
    let options = StoreOptions {
        definitions: Arc::new(Definitions::built_in()),
        max_connections: 8,
    };
    let store = saga_store::connect(&setting.url, options).await.unwrap();
    match std::env::var_os("BENCH_DISTRIBUTED") {
        Some(_) => drop(store.distribute().await.unwrap()),
        None => store.migrate().await.unwrap(),
    }
    let shares = shares(&setting);
    let (mut copied, mut appended) = (Vec::new(), Vec::new());
    for round in 0..=setting.rounds {
        let copy = rate(&setting, copy(&setting, &shares)).await;
        let append = rate(&setting, append(&setting, &store, &shares)).await;
        // The first round warms up.
        if round > 0 {
            println!("round {round}: COPY {copy:>7.0} steps/s, append {append:>7.0} steps/s");
            copied.push(copy);
            appended.push(append);
        }
    }
    let (copy, append) = (median(copied), median(appended));
    println!(
        "\n| {} steps, {} writers, batches of {} | steps/s | of COPY |",
        setting.steps, setting.writers, setting.batch
    );
    println!("| --- | ---: | ---: |");
    println!("| raw COPY of the steps, same indexes | {copy:.0} | 1.00 |");
    println!(
        "| append: de-duplicate, fold, both tables | {append:.0} | {:.2} |",
        append / copy
    );
}

/// A schema of its own, made anew.
async fn schema(url: &str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let anew = "DROP SCHEMA IF EXISTS bench_append CASCADE; CREATE SCHEMA bench_append";
    connection.execute(anew).await.unwrap();
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options=-c%20search_path%3Dbench_append")
}

/// Steps per second of some work on empty tables.
async fn rate(setting: &Setting, work: impl Future<Output = Duration>) -> f64 {
    let mut connection = PgConnection::connect(&setting.url).await.unwrap();
    connection
        .execute("TRUNCATE saga_steps, saga_instance, saga_other_order")
        .await
        .unwrap();
    connection.execute("CHECKPOINT").await.unwrap();
    let rate = setting.steps as f64 / work.await.as_secs_f64();
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM saga_steps")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(stored.cast_unsigned(), setting.steps as u64);
    rate
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// What each writer gets: whole sagas, 1,000 of them running at any time.
fn shares(setting: &Setting) -> Vec<Vec<SagaEvent>> {
    const UNDER_WAY: usize = 1000;
    let path = path();
    let mut shares = vec![Vec::new(); setting.writers];
    let group = UNDER_WAY * path.len();
    for number in 0..setting.steps {
        let (round, within) = (number / group, number % group);
        let saga = round * UNDER_WAY + within % UNDER_WAY;
        let (step, status, service) = &path[within / UNDER_WAY];
        shares[saga % setting.writers].push(step_of(saga, number, step, *status, service));
    }
    shares
}

fn path() -> [(Step, SagaStatus, &'static str); 5] {
    [
        (steps::ORDER_CREATED, SagaStatus::Started, "order-service"),
        (steps::STOCK_RESERVED, SagaStatus::Completed, "product-service"),
        (
            steps::PAYMENT_INITIALIZED,
            SagaStatus::InProgress,
            "payment-service",
        ),
        (steps::PAYMENT_COMPLETED, SagaStatus::Completed, "payment-service"),
        (steps::ORDER_CONFIRMED, SagaStatus::Completed, "order-service"),
    ]
}

fn step_of(saga: usize, number: usize, step: &Step, status: SagaStatus, service: &str) -> SagaEvent {
    let trace = uuid::Uuid::from_u64_pair(
        0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(saga as u64 + 1),
        saga as u64,
    )
    .simple();
    let span = 0xbf58_476d_1ce4_e5b9_u64.wrapping_mul(number as u64 + 1);
    let recorded_at =
        Timestamp::from_millis(1_700_000_000_000 + i64::try_from(number / 10).unwrap()).unwrap();
    let metadata = format!(
        r#"{{"producerService":"{service}","producerTimestamp":"{recorded_at}","traceId":"{trace}","spanId":"{span:016x}","orderAmount":{},"customerId":"customer-{}"}}"#,
        1000 + saga % 977,
        saga % 10_007,
    );
    SagaEvent::new(
        uuid::Uuid::now_v7().to_string().parse().unwrap(),
        format!(
            "order-saga-{:08x}-{saga}",
            saga.wrapping_mul(0x9e37_79b1) & 0xffff_ffff
        )
        .parse()
        .unwrap(),
        format!("ORD-20231114-{saga:08}").parse().unwrap(),
        SagaType::ORDER_CREATION,
        step.clone(),
        status,
        recorded_at,
    )
    .with_metadata(Metadata::parse(metadata).unwrap())
}

async fn copy(setting: &Setting, shares: &[Vec<SagaEvent>]) -> Duration {
    let texts: Vec<String> = shares
        .iter()
        .map(|share| share.iter().map(line).collect())
        .collect();
    let mut connections = Vec::new();
    for _ in &texts {
        connections.push(PgConnection::connect(&setting.url).await.unwrap());
    }
    let begin = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for (text, mut connection) in texts.into_iter().zip(connections) {
        writers.spawn(async move {
            let statement = "COPY saga_steps (saga_id, event_id, saga_type, order_id, step, status, \
                             producer_service, trace_id, metadata, recorded_at, event_timestamp) FROM STDIN";
            let mut copy = connection.copy_in_raw(statement).await.unwrap();
            for part in text.as_bytes().chunks(1 << 18) {
                copy.send(part).await.unwrap();
            }
            copy.finish().await.unwrap();
        });
    }
    while writers.join_next().await.is_some() {}
    begin.elapsed()
}

/// A row in COPY's text format; nothing in it needs escaping.
fn line(event: &SagaEvent) -> String {
    let metadata = event.metadata.as_ref().unwrap();
    let columns = [
        event.saga_id.as_str(),
        event.event_id.as_str(),
        event.saga_type.as_str(),
        event.order_id.as_str(),
        event.step.as_str(),
        event.status.as_str(),
        metadata.producer_service().unwrap(),
        metadata.trace_id().unwrap(),
        metadata.as_str(),
        &event.recorded_at.to_string(),
        &event.event_timestamp.to_string(),
    ];
    format!("{}\n", columns.join("\t"))
}

async fn append(setting: &Setting, store: &Arc<dyn Store>, shares: &[Vec<SagaEvent>]) -> Duration {
    let begin = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for share in shares {
        let (store, share, batch) = (Arc::clone(store), share.clone(), setting.batch);
        writers.spawn(async move {
            for events in share.chunks(batch) {
                store.append(events.to_vec().into()).await.unwrap();
            }
        });
    }
    while writers.join_next().await.is_some() {}
    begin.elapsed()
}
