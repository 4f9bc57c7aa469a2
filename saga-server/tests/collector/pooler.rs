//! PgBouncer between the collector and PostgreSQL: session mode works, and transaction mode is refused in words.

use std::process::Command;

use crate::support::{
    Harness,
    events::{saga, success},
    eventually, part,
    process::ServerProcess,
};

/// The same database by way of PgBouncer, which knows this role.
fn by_way_of_pgbouncer(harness: &Harness, role: &str) -> String {
    let address = part("SAGA_TEST_PGBOUNCER", "PgBouncer");
    let (_, database) = harness.database_url.rsplit_once('/').unwrap();
    format!("postgres://{role}@{address}/{database}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_session_mode_works() {
    let mut harness = Harness::new().await;
    let (_, place) = harness.database_url.split_once("://").unwrap();
    let (role, _) = place.split_once('@').unwrap();
    let pooled = by_way_of_pgbouncer(&harness, role);
    let direct = std::mem::replace(&mut harness.database_url, pooled);
    let server = ServerProcess::serve_logging(&harness);
    harness.database_url = direct;
    server.rest.wait_until_ready().await;
    let producer = harness.producer();
    for number in 0..100 {
        let events = saga(&format!("saga-{number}"), &success());
        events.iter().for_each(|event| producer.send(event));
    }
    producer.flush();
    eventually("all events are stored", async || {
        harness.sql_count("SELECT count(*) FROM saga_steps").await == 700
    })
    .await;
    assert_eq!(server.log_lines("\"level\":\"ERROR\""), Vec::<String>::new());
    assert_eq!(server.rest.get("/health/readiness").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_transaction_mode_is_refused_at_the_start() {
    let harness = Harness::new().await;
    let role =
        "DO $$ BEGIN CREATE ROLE by_transaction LOGIN SUPERUSER; EXCEPTION WHEN duplicate_object THEN END $$";
    harness.sql(role).await;
    let url = by_way_of_pgbouncer(&harness, "by_transaction");
    for command in ["migrate", "serve"] {
        let refused = Command::new(env!("CARGO_BIN_EXE_saga-server"))
            .args([command, "--database-url", &url])
            .env("KAFKA_BOOTSTRAP_SERVERS", &harness.bootstrap_servers)
            .env("SAGA_SERVER_LISTEN", "127.0.0.1:0")
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{command}: {words}");
        assert!(words.contains("use its session mode"), "{command}: {words}");
    }
}
