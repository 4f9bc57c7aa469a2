//! Jobs whose runners are killed: each saga is changed once, the log is complete, and all of it is reverted.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use saga_collector::{dead_letters::DeadLetters, jobs::JobRunner, metrics::Metrics, redaction::Redaction};
use saga_store::{
    Actor, Creation, ItemResult, Job, JobAction, JobItemQuery, JobState, NewItem, NewJob, OperationFilter,
    OperationKind, OperationQuery, RequestKeys, Reversion, Scope, Store, Way,
};
use saga_types::{SagaEvent, Timestamp};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use tokio_util::sync::CancellationToken;

use crate::{
    retention::on_postgres,
    support::{
        Harness, Rest,
        events::{out_of_stock, saga},
        eventually, open,
        process::ServerProcess,
    },
};

const SAGAS: usize = 3_000;

async fn record(store: &dyn Store, sagas: usize) {
    let ids: Vec<usize> = (0..sagas).collect();
    for some in ids.chunks(500) {
        let events = some
            .iter()
            .flat_map(|id| saga(&format!("saga-{id:05}"), &out_of_stock()));
        let events: Vec<SagaEvent> = events.collect();
        store.append(events.into()).await.unwrap();
    }
}

fn dana() -> Actor {
    Actor {
        name: "dana".to_owned(),
        role: Some("operator".to_owned()),
        way: Way::Rest,
        address: None,
    }
}

fn new_job(items: Vec<NewItem>) -> NewJob {
    NewJob {
        action: JobAction::Correct,
        target: Some("COMPENSATED".to_owned()),
        actor: dana(),
        scope: Scope::All,
        note: Some("refunded by hand".to_owned()),
        care: None,
        selection: "{}".to_owned(),
        keys: RequestKeys::default(),
        request: String::new(),
        at: Timestamp::now(),
        items,
    }
}

/// A runner of a collector of its own.
fn runner(store: &Arc<dyn Store>) -> JobRunner {
    let metrics = Arc::new(Metrics::new([]));
    let redaction = Arc::new(Redaction::default());
    let letters = DeadLetters::new(store.clone(), None, metrics.clone(), redaction);
    JobRunner::new(store.clone(), Arc::new(letters), metrics)
        .with_times(Duration::from_secs(1), Duration::from_millis(20))
}

async fn job(store: &dyn Store, id: i64) -> Job {
    store.job(id, &Scope::All).await.unwrap().unwrap()
}

/// Runs a job, and kills the runner twice when a part is done.
async fn run_killed_twice(store: &Arc<dyn Store>, id: i64) {
    for part in [SAGAS as u64 / 10, SAGAS as u64 / 2] {
        let running = tokio::spawn(runner(store).run(CancellationToken::new()));
        eventually("a part is done", async || job(&**store, id).await.done() >= part).await;
        // Its lease stays, as that of a killed process does.
        running.abort();
    }
    let stop = CancellationToken::new();
    let running = tokio::spawn(runner(store).run(stop.clone()));
    eventually("the job ends", async || job(&**store, id).await.state.has_ended()).await;
    stop.cancel();
    running.await.unwrap();
}

/// Each item changed from one status to another, each saga with so many steps and in the log once.
async fn audit(store: &dyn Store, id: i64, (before, after): (&str, &str), steps: u64) {
    let job = job(store, id).await;
    assert_eq!(job.state, JobState::Done);
    assert_eq!((job.items, job.changed), (SAGAS as u64, SAGAS as u64), "{job:?}");
    let mut number = 0;
    let mut sagas = BTreeSet::new();
    loop {
        let query = JobItemQuery {
            job: id,
            result: None,
            after: number,
            size: 500,
        };
        let items = store.job_items(&query).await.unwrap();
        let Some(last) = items.last() else { break };
        number = last.number;
        for item in items {
            assert_eq!(item.result, Some(ItemResult::Changed), "{item:?}");
            assert_eq!(item.before.as_deref(), Some(before));
            assert_eq!(item.after.as_deref(), Some(after));
            sagas.insert(item.saga_id.unwrap().parse().unwrap());
        }
    }
    assert_eq!(sagas.len(), SAGAS);
    for state in store.sagas(&sagas).await.unwrap() {
        assert_eq!(state.current_status.as_str(), after);
        assert_eq!(state.step_count, steps, "{}", state.saga_id.as_str());
    }
    let mut logged = Vec::new();
    let mut query = OperationQuery {
        filter: OperationFilter {
            kind: Some(OperationKind::Correction),
            job_id: Some(id),
            ..OperationFilter::default()
        },
        after: None,
        size: 1_000,
    };
    loop {
        let page = store.operations(&query).await.unwrap();
        logged.extend(page.operations.into_iter().map(|stored| stored.operation));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(logged.len(), SAGAS, "an entry for each");
    let named: BTreeSet<_> = logged.iter().filter_map(|entry| entry.saga_id.clone()).collect();
    assert_eq!(named.len(), SAGAS);
    assert!(
        logged
            .iter()
            .all(|entry| entry.actor == dana() && entry.result == "CORRECTED")
    );
}

async fn a_job_whose_runners_are_killed_is_done_once_and_reverted(store: Arc<dyn Store>) {
    record(&*store, SAGAS).await;
    let item = |id: usize| NewItem {
        saga_id: Some(format!("saga-{id:05}")),
        saga_type: Some("ORDER_CREATION".to_owned()),
        letter_id: None,
        before: Some("FAILED".to_owned()),
        target: Some("COMPENSATED".to_owned()),
    };
    let new = new_job((0..SAGAS).map(item).collect());
    let Creation::Created(created) = store.create_job(&new).await.unwrap() else {
        panic!("it is new");
    };
    run_killed_twice(&store, created.id).await;
    let steps = out_of_stock().len() as u64;
    audit(&*store, created.id, ("FAILED", "COMPENSATED"), steps + 1).await;

    let order = new_job(Vec::new());
    let Reversion::Created(reverting) = store.revert_job(created.id, &order).await.unwrap() else {
        panic!("it can be reverted");
    };
    assert_eq!(reverting.items, SAGAS as u64);
    run_killed_twice(&store, reverting.id).await;
    audit(&*store, reverting.id, ("COMPENSATED", "FAILED"), steps + 2).await;
    let again = store.revert_job(created.id, &order).await.unwrap();
    assert!(matches!(again, Reversion::NothingLeft), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_on_sqlite_whose_runners_are_killed_is_done_once_and_reverted() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("sagas.db").display());
    a_job_whose_runners_are_killed_is_done_once_and_reverted(open(&database).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_on_postgres_whose_runners_are_killed_is_done_once_and_reverted() {
    a_job_whose_runners_are_killed_is_done_once_and_reverted(on_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_done_however_many_earlier_ones_always_fail() {
    const FAILING: usize = 250;
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("sagas.db").display());
    let store = open(&database).await;
    record(&*store, 1).await;
    let create = async || {
        let item = NewItem {
            saga_id: Some("saga-00000".to_owned()),
            target: Some("COMPENSATED".to_owned()),
            ..NewItem::default()
        };
        match store.create_job(&new_job(vec![item])).await.unwrap() {
            Creation::Created(job) => job.id,
            other => panic!("{other:?}"),
        }
    };
    for _ in 0..FAILING {
        create().await;
    }
    // No text: items of these jobs can never be read.
    let mut connection = SqliteConnection::connect(&database).await.unwrap();
    sqlx::query("UPDATE job_item SET saga_id = X'FF'")
        .execute(&mut connection)
        .await
        .unwrap();
    let good = create().await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(runner(&store).run(stop.clone()));
    eventually("the last job is done", async || {
        job(&*store, good).await.state == JobState::Done
    })
    .await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(job(&*store, good).await.changed, 1);
    let activity = store.job_activity().await.unwrap();
    assert_eq!(activity.active, FAILING as u64, "the others go on failing");
}

/// Waits for a job by REST, killing the process twice on the way; how long each part took.
async fn until_done(harness: &Harness, id: i64, kill_at: &[u64]) -> Vec<Duration> {
    let path = format!("/internal/v1/jobs/{id}");
    let mut times = Vec::new();
    for least in kill_at {
        let mut server = ServerProcess::serve(harness);
        let begun = Instant::now();
        let done = |_: u16, job: &Value| job["done"].as_u64().is_some_and(|done| done >= *least);
        server.rest.wait_for(&path, "a part is done", done).await;
        server.kill();
        times.push(begun.elapsed());
    }
    let server = ServerProcess::serve(harness);
    let begun = Instant::now();
    let is_done = |_: u16, job: &Value| job["state"] == "DONE";
    server.rest.wait_for(&path, "the job is done", is_done).await;
    times.push(begun.elapsed());
    times
}

async fn create(rest: &Rest, path: &str, body: Value) -> Value {
    rest.wait_until_ready().await;
    rest.post(path, &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_sagas_are_changed_once_though_the_process_is_killed_twice() {
    const ALL: u32 = 10_000;
    let harness = Harness::new().await;
    record(&*open(&harness.database_url).await, 10_000).await;
    let mut server = ServerProcess::serve(&harness);
    let asked = json!({
        "action": "CORRECT", "status": "COMPENSATED", "note": "refunded by hand", "filter": {"status": "FAILED"},
    });
    let begun = Instant::now();
    let preview = create(&server.rest, "/internal/v1/jobs/preview", asked.clone()).await;
    let previewed = begun.elapsed();
    assert_eq!(preview["outcomes"][0]["count"], ALL, "{preview}");
    let mut order = asked;
    order["previewToken"] = preview["previewToken"].clone();
    let begun = Instant::now();
    let job = server.rest.post("/internal/v1/jobs", &order).await;
    let created = begun.elapsed();
    let again = server.rest.post("/internal/v1/jobs", &order).await;
    assert_eq!(again["id"], job["id"], "the same preview makes one job");
    server.kill();
    let id = job["id"].as_i64().unwrap();
    let took = until_done(&harness, id, &[2_000, 5_000]).await;

    let mut server = ServerProcess::serve(&harness);
    let revert = create(&server.rest, &format!("/internal/v1/jobs/{id}/revert"), json!({})).await;
    server.kill();
    let reverting = revert["id"].as_i64().unwrap();
    let reverted = until_done(&harness, reverting, &[2_000, 5_000]).await;

    let overrides = "SELECT count(*) FROM saga_steps WHERE step = 'MANUAL_STATUS_OVERRIDE'";
    assert_eq!(harness.sql_count(overrides).await, 2 * 10_000);
    let twice = "SELECT count(*) FROM saga_instance WHERE current_status = 'FAILED' AND event_count = 6";
    assert_eq!(
        harness.sql_count(twice).await,
        10_000,
        "each was changed once and reverted once"
    );
    let logged = "SELECT count(*) FROM (SELECT DISTINCT job_id, saga_id, before, after FROM operation \
                  WHERE kind = 'CORRECTION' AND result = 'CORRECTED' AND job_id IS NOT NULL) AS entries";
    assert_eq!(harness.sql_count(logged).await, 2 * 10_000);
    let entries = "SELECT count(*) FROM operation WHERE kind = 'CORRECTION'";
    assert_eq!(harness.sql_count(entries).await, 2 * 10_000);
    let changed = "SELECT count(*) FROM job_item WHERE result = 'CHANGED'";
    assert_eq!(harness.sql_count(changed).await, 2 * 10_000);
    eprintln!(
        "preview {previewed:?}, creation {created:?}; until the kills and the end: job {took:?}, revert {reverted:?}"
    );
}
