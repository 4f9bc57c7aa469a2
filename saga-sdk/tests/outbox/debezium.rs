//! Rows of the outbox as Debezium's outbox event router makes records of them, by the configuration that is in
//! `deploy/debezium`: the router itself, on rows of a real PostgreSQL.

use std::{
    env,
    io::Write as _,
    process::{Command, Stdio},
    sync::Arc,
};

use saga_sdk::{
    SagaTrackerClient, SagaType,
    outbox::{self, Outbox},
    steps,
};
use saga_types::{avro, topic::DEFAULT_TOPIC};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{databases, topic::Topic};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

fn router() -> Command {
    let class_path = env::var("SAGA_TEST_JAVA_CLASS_PATH").unwrap_or_else(|_| {
        panic!(
            "this test needs Debezium: run scripts/parts run kafka postgres jvm -- cargo test -p saga-sdk --features outbox"
        )
    });
    let java = env::var("JAVA_HOME").map_or_else(|_| "java".to_owned(), |home| format!("{home}/bin/java"));
    let mut command = Command::new(java);
    command
        .args(["-Xmx128m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"])
        .args(["-cp", &class_path])
        .arg(format!("{FOLDER}/tests/java/OutboxRouter.java"))
        .arg(format!("{FOLDER}/../deploy/debezium/saga-outbox.json"));
    command
}

/// What the router makes of the table.
fn routed(table: &Value) -> Vec<Value> {
    let mut router = router()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = table.to_string();
    router.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = router.wait_with_output().unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn table(pool: &PgPool) -> Value {
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT column_name::text, data_type::text FROM information_schema.columns \
         WHERE table_schema = current_schema() AND table_name = 'saga_outbox' ORDER BY ordinal_position",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT row_to_json(saga_outbox)::text FROM saga_outbox ORDER BY position")
            .fetch_all(pool)
            .await
            .unwrap();
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| serde_json::from_str(row).unwrap())
        .collect();
    json!({"columns": columns, "rows": rows})
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn debezium_routes_the_rows_as_the_relay_does() {
    let pool = databases::postgres().await;
    outbox::migrate(&pool).await.unwrap();
    let tracker: Arc<dyn SagaTrackerClient> = Arc::new(Topic::default());
    let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "사가-1");
    let outbox = Outbox::new("order-service");
    let mut transaction = pool.begin().await.unwrap();
    let traced = saga.start(steps::ORDER_CREATED).with("customerId", "Zoë").trace(
        "0af7651916cd43dd8448eb211c80319c",
        "b7ad6b7169203331",
        true,
    );
    outbox.record(&mut *transaction, traced).await.unwrap();
    let untraced = saga.complete(steps::ORDER_CONFIRMED);
    outbox.record(&mut *transaction, untraced).await.unwrap();
    transaction.commit().await.unwrap();

    let table = table(&pool).await;
    let records = tokio::task::spawn_blocking(move || routed(&table)).await.unwrap();
    let steps = [steps::ORDER_CREATED, steps::ORDER_CONFIRMED];
    assert_eq!(records.len(), steps.len());
    for (record, step) in records.iter().zip(steps) {
        assert_eq!(record["topic"], DEFAULT_TOPIC);
        assert_eq!(bytes(&record["key"]), "사가-1".as_bytes());
        let event = avro::decode_single_object(&bytes(&record["value"])).unwrap();
        assert_eq!((event.saga_id.as_str(), event.step), ("사가-1", step));
    }
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert_eq!(records[0]["headers"]["traceparent"], traceparent);
    assert_eq!(records[1]["headers"]["traceparent"], Value::Null);
}
