//! From the topic to REST, on a real Apache Kafka and PostgreSQL.

use std::process::Command;

use crate::support::{
    Harness, Rest,
    events::{self, compensated, event, out_of_stock, saga, success},
    eventually, part,
    process::ServerProcess,
    running::Running,
};
use saga_types::{SagaEvent, SagaStatus, SagaType, Timestamp, definition::Definitions, fold, steps};
use serde_json::json;
use sqlx::{Connection, PgConnection};

#[tokio::test(flavor = "multi_thread")]
async fn three_sagas_are_answered_with_their_states_and_steps() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    let producer = harness.producer();
    for (id, recorded) in [
        ("ok", success()),
        ("empty-shelf", out_of_stock()),
        ("undone", compensated()),
    ] {
        saga(id, &recorded).iter().for_each(|event| producer.send(event));
    }
    producer.flush();

    let ok = server.rest.saga_with_steps("ok", 7).await;
    assert_eq!(ok["currentStatus"], "COMPLETED");
    assert_eq!(ok["durationMs"], 60);
    let failed = server.rest.saga_with_steps("empty-shelf", 4).await;
    assert_eq!(failed["currentStatus"], "FAILED");
    assert_eq!(failed["failedStep"], "STOCK_RESERVATION_FAILED");
    assert_eq!(failed["failureReason"], "NOT_TODAY");
    let undone = server.rest.saga_with_steps("undone", 8).await;
    assert_eq!(undone["currentStatus"], "COMPENSATED");
    assert_eq!(undone["outstandingCompensations"], json!([]));

    let (_, steps) = server.rest.get("/api/v1/sagas/undone/steps").await;
    let names: Vec<&str> = steps["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["step"].as_str().unwrap())
        .collect();
    let expected = compensated();
    assert_eq!(
        names,
        expected
            .iter()
            .map(|(_, step, _)| step.as_str())
            .collect::<Vec<_>>()
    );
    let (_, list) = server.rest.get("/api/v1/sagas?status=FAILED").await;
    assert_eq!(list["page"]["totalElements"], 1);
    let (_, statistics) = server.rest.get("/api/v1/sagas/statistics").await;
    assert_eq!(statistics["byStatus"]["COMPLETED"], 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_event_changes_nothing_and_is_counted() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    let producer = harness.producer();
    let events = saga("twice", &success());
    for _ in 0..3 {
        events.iter().for_each(|event| producer.send(event));
        producer.flush();
        server.rest.saga_with_steps("twice", 7).await;
    }
    server
        .rest
        .wait_for("/metrics", "14 duplicates", |_, text| {
            text.as_str()
                .is_some_and(|text| text.contains("saga_tracker_duplicates_total 14\n"))
        })
        .await;
    assert_eq!(harness.sql_count("SELECT count(*) FROM saga_steps").await, 7);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_writes_both_versions() {
    let python = part("SAGA_TEST_PYTHON", "Python with confluent-kafka and fastavro");
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    let folder = env!("CARGO_MANIFEST_DIR");
    let output = Command::new(python)
        .arg(format!("{folder}/tests/python/produce.py"))
        .args([
            "--bootstrap-servers",
            &harness.bootstrap_servers,
            "--topic",
            &harness.topic,
        ])
        .args(["--schemas", &format!("{folder}/../schemas")])
        .args(["--saga-id-v1", "from-python-1", "--saga-id-v2", "from-python-2"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let v1 = server.rest.saga_with_steps("from-python-1", 1).await;
    assert_eq!(v1["sagaType"], "ORDER_CREATION");
    let v2 = server.rest.saga_with_steps("from-python-2", 1).await;
    assert_eq!(v2["sagaType"], "LOAN_APPROVAL");
    server.stop().await;
}

/// Every stored saga must be what the fold makes of the events that were sent.
async fn assert_folds(rest: &Rest, sagas: &[Vec<SagaEvent>]) {
    for events in sagas {
        let expected = fold::fold(events, &Definitions::built_in()).unwrap();
        let (status, answer) = rest.get(&format!("/api/v1/sagas/{}", expected.saga_id)).await;
        assert_eq!(status, 200);
        let expected = serde_json::to_value(&expected).unwrap();
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&answer[key], value, "{key} of {}", expected["sagaId"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_that_come_and_go_in_mid_batch_count_nothing_twice() {
    const SAGAS: usize = 4_000;
    let harness = Harness::new().await;
    let producer = harness.producer();
    let shapes = [success(), out_of_stock(), compensated()];
    let sagas: Vec<_> = (0..SAGAS)
        .map(|n| saga(&format!("saga-{n}"), &shapes[n % shapes.len()]))
        .collect();
    let total: usize = sagas.iter().map(Vec::len).sum();
    // Step by step over all sagas, so that every saga is open in many batches.
    for position in 0..8 {
        sagas
            .iter()
            .filter_map(|events| events.get(position))
            .for_each(|event| producer.send(event));
    }
    producer.flush();

    let first = Running::on(&harness).await;
    let stored = async || harness.sql_count("SELECT count(*) FROM saga_steps").await;
    eventually("the first instance is under way", async || stored().await > 1_000).await;
    let second = Running::on(&harness).await;
    let third = Running::on(&harness).await;
    first.stop().await;
    eventually("everything is stored", async || {
        stored().await == i64::try_from(total).unwrap()
    })
    .await;
    second.stop().await;
    assert_folds(&third.rest, &sagas[..200]).await;
    let wrong = "SELECT count(*) FROM saga_instance i WHERE i.event_count <> \
                 (SELECT count(*) FROM saga_steps s WHERE s.saga_id = i.saga_id)";
    assert_eq!(harness.sql_count(wrong).await, 0);
    third.stop().await;
    assert!(harness.dead_letters(0).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_without_warning_within_100_000_events_and_started_again_nothing_is_lost_or_doubled() {
    const SAGAS: usize = 12_500;
    let harness = Harness::new().await;
    let producer = harness.producer();
    let shape = compensated();
    let sagas: Vec<_> = (0..SAGAS).map(|n| saga(&format!("saga-{n}"), &shape)).collect();
    assert_eq!(sagas.iter().map(Vec::len).sum::<usize>(), 100_000);
    let (before, after) = sagas.split_at(7_500);
    let send = |sagas: &[Vec<SagaEvent>]| {
        sagas.iter().flatten().for_each(|event| producer.send(event));
        producer.flush();
    };
    send(before);

    let stored = async || harness.sql_count("SELECT count(*) FROM saga_steps").await;
    let mut seen = 0;
    for kill_after in [1, 30_000, 60_000] {
        let mut server = ServerProcess::serve(&harness);
        eventually("events arrive", async || stored().await >= kill_after).await;
        server.kill();
        let now = stored().await;
        assert!(
            now >= seen,
            "acknowledged steps are gone: {seen} before, {now} now"
        );
        seen = now;
    }
    kill_within_a_transaction(&harness, || send(after)).await;
    assert_eq!(stored().await, 60_000, "nothing of an open transaction stays");
    let mut server = ServerProcess::serve(&harness);
    eventually("everything is stored", async || stored().await == 100_000).await;
    server.rest.wait_until_ready().await;
    assert_folds(&server.rest, &sagas[..500]).await;
    let compensated =
        "SELECT count(*) FROM saga_instance WHERE current_status = 'COMPENSATED' AND event_count = 8";
    assert_eq!(
        harness.sql_count(compensated).await,
        i64::try_from(SAGAS).unwrap()
    );
    assert_eq!(server.terminate(), Some(0), "SIGTERM ends it in order");
    assert_eq!(stored().await, 100_000);
    assert!(harness.dead_letters(0).await.is_empty());
}

/// Starts a server, and kills it while its transaction waits for a lock on the steps.
async fn kill_within_a_transaction(harness: &Harness, send: impl FnOnce()) {
    let mut blocker = PgConnection::connect(&harness.database_url).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE saga_steps IN EXCLUSIVE MODE")
        .execute(&mut blocker)
        .await
        .unwrap();
    let mut server = ServerProcess::serve(harness);
    send();
    let waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'saga_steps'::regclass AND NOT granted";
    eventually("a transaction waits", async || {
        harness.sql_count(waiting).await > 0
    })
    .await;
    server.kill();
    sqlx::raw_sql("ROLLBACK").execute(&mut blocker).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_of_100_000_events_is_taken_in_and_answered() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    let producer = harness.producer();
    let wild: Vec<SagaEvent> = (0..100_000)
        .map(|position| {
            event(
                "retry-loop",
                position,
                steps::PAYMENT_INITIALIZATION,
                SagaStatus::InProgress,
            )
        })
        .collect();
    wild.iter().for_each(|event| producer.send(event));
    producer.send(&event("behind-it", 0, steps::ORDER_CREATED, SagaStatus::Started));
    producer.flush();
    server.rest.saga_with_steps("retry-loop", 100_000).await;
    server.rest.saga_with_steps("behind-it", 1).await;
    let (status, page) = server.rest.get("/api/v1/sagas/retry-loop/steps").await;
    assert_eq!((status, page["steps"].as_array().unwrap().len()), (200, 1_000));
    assert!(page["nextCursor"].is_string());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teams_own_type_is_tracked_without_a_definition() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    let producer = harness.producer();
    for (position, status) in [SagaStatus::Started, SagaStatus::Completed]
        .into_iter()
        .enumerate()
    {
        let mut event = events::event("loan", position, steps::ORDER_CREATED, status);
        event.saga_type = SagaType::new("LOAN_APPROVAL").unwrap();
        event.recorded_at = Timestamp::from_millis(i64::try_from(position).unwrap() - 1).unwrap();
        producer.send(&event);
    }
    producer.flush();
    let saga = server.rest.saga_with_steps("loan", 2).await;
    assert_eq!(
        (&saga["sagaType"], &saga["currentStatus"]),
        (&json!("LOAN_APPROVAL"), &json!("COMPLETED"))
    );
    assert_eq!(saga["startedAt"], "1969-12-31T23:59:59.999Z");
    assert_eq!(saga["awaiting"], json!([]));
    server.stop().await;
}
