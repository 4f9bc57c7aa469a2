//! Tables are distributed and moved back; what is in between is refused.

use std::{sync::Arc, time::Duration};

use saga_store::{AppendError, CollectorSettings, Store, StoreError};
use saga_types::definition::Definitions;
use sqlx::{Connection, PgConnection};

use crate::{
    postgres::Postgres,
    sqlite::Sqlite,
    suite::{Database, connect, events::created},
};

const ALL: [&str; 6] = [
    "saga_duration",
    "saga_instance",
    "saga_steps",
    "saga_other_order",
    "saga_removed",
    "reported_late",
];

/// A database that has what the adapter asks of Citus.
async fn alike() -> Postgres {
    let database = Postgres::new().await;
    database.execute(include_str!("citus.sql")).await;
    database
}

async fn store(database: &impl Database) -> Arc<dyn Store> {
    connect(&database.url(), Definitions::built_in()).await
}

fn reason<T: std::fmt::Debug>(refused: Result<T, StoreError>) -> String {
    match refused {
        Err(refusal @ StoreError::Configuration(_)) => refusal.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

/// With one event, whose saga is read back.
async fn is_usable(store: &dyn Store, saga_id: &str) {
    store.check().await.unwrap();
    store.append(vec![created(saga_id, "1", 0)].into()).await.unwrap();
    assert!(store.saga(saga_id).await.unwrap().is_some());
}

#[tokio::test]
async fn every_table_is_listed_once_and_none_that_is_not_there() {
    let database = Postgres::new().await;
    database.store().await;
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    let mut there: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    // A partitioned table is none of its own.
    there.push("saga_rollup".to_owned());
    let listed: serde_json::Value =
        serde_json::from_str(include_str!("../../src/postgres/distribution/tables.json")).unwrap();
    let lists = listed.as_object().unwrap().values();
    let mut listed: Vec<String> = lists
        .flat_map(|list| list.as_array().unwrap())
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    there.sort();
    there.dedup();
    listed.sort();
    assert_eq!(listed, there);
}

#[tokio::test]
async fn without_citus_the_refusal_says_what_to_install() {
    let database = Postgres::new().await;
    let store = store(&database).await;
    for refused in [store.distribute().await, store.undistribute().await] {
        let reason = reason(refused);
        assert!(reason.contains("CREATE EXTENSION citus"), "{reason}");
        assert!(reason.contains("shared_preload_libraries"), "{reason}");
    }
    // The tables are at the newest version all the same.
    is_usable(&*store, "saga-1").await;
}

#[tokio::test]
async fn an_old_citus_and_one_without_workers_are_refused() {
    let database = alike().await;
    let store = store(&database).await;
    database
        .execute("DELETE FROM pg_dist_node WHERE shouldhaveshards")
        .await;
    let refusal = reason(store.distribute().await);
    assert!(refusal.contains("citus_add_node"), "{refusal}");
    database
        .execute(
            "CREATE OR REPLACE FUNCTION citus_version() RETURNS text LANGUAGE sql AS $$ SELECT 'Citus 12.1.5 on x86_64' $$",
        )
        .await;
    let refusal = reason(store.distribute().await);
    assert!(refusal.contains("12.1.5") && refusal.contains("13"), "{refusal}");
}

#[tokio::test]
async fn tables_are_distributed_once_and_moved_back() {
    let database = alike().await;
    let first = store(&database).await;
    assert_eq!(first.distribute().await.unwrap(), ALL);
    assert_eq!(first.distribute().await.unwrap(), [""; 0]);
    let colocated = "SELECT count(*) FROM pg_dist_partition WHERE colocated = 'saga_instance' AND $1 <> ''";
    assert_eq!(database.count(colocated).await, 4);
    is_usable(&*first, "saga-1").await;
    drop(first);
    let second = store(&database).await;
    assert_eq!(second.undistribute().await.unwrap(), ALL);
    assert_eq!(second.undistribute().await.unwrap(), [""; 0]);
    is_usable(&*second, "saga-2").await;
}

#[tokio::test]
async fn a_run_that_was_interrupted_is_refused_by_collectors_and_finished_by_the_next() {
    let database = alike().await;
    let interrupted = store(&database).await;
    database
        .execute("INSERT INTO refused VALUES ('saga_removed')")
        .await;
    let failure = interrupted.distribute().await.unwrap_err();
    assert!(
        failure.to_string().contains("a worker is unavailable"),
        "{failure}"
    );

    let half = store(&database).await;
    let refusal = reason(half.check().await);
    for part in [
        "saga_removed, reported_late not",
        "--distributed",
        "--undistributed",
    ] {
        assert!(refusal.contains(part), "{refusal}");
    }
    let failure = half
        .append(vec![created("saga-1", "1", 0)].into())
        .await
        .unwrap_err();
    assert!(matches!(failure, AppendError::Unavailable(_)), "{failure}");

    database.execute("DELETE FROM refused").await;
    let next = store(&database).await;
    assert_eq!(next.distribute().await.unwrap(), &ALL[4..]);
    is_usable(&*next, "saga-1").await;
}

/// As a later version may have one.
#[tokio::test]
async fn a_table_that_a_migration_adds_is_distributed_where_the_others_are() {
    let database = alike().await;
    store(&database).await.distribute().await.unwrap();
    database
        .execute(
            "DROP TABLE reported_late, ingest_progress, lease; DELETE FROM _sqlx_migrations WHERE version = 12",
        )
        .await;
    let migrated = store(&database).await;
    migrated.migrate().await.unwrap();
    is_usable(&*migrated, "saga-1").await;
    assert_eq!(migrated.distribute().await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn while_collectors_run_nothing_is_moved() {
    let database = alike().await;
    let store = store(&database).await;
    store.migrate().await.unwrap();
    let settings = CollectorSettings {
        definitions: "a".to_owned(),
        redaction: "b".to_owned(),
        tables: store.tables(),
    };
    let period = Duration::from_secs(30);
    store.announce_collector("one", &settings, period).await.unwrap();
    let refusal = reason(store.distribute().await);
    assert!(refusal.contains("1 collectors run"), "{refusal}");
    store.withdraw_collector("one").await.unwrap();
    assert_eq!(store.distribute().await.unwrap(), ALL);
    // What is done already is no reason to stop them.
    store.announce_collector("one", &settings, period).await.unwrap();
    assert_eq!(store.distribute().await.unwrap(), [""; 0]);
    reason(store.undistribute().await);
}

#[tokio::test]
async fn a_worker_is_refused_and_named() {
    let database = alike().await;
    let coordinator = store(&database).await;
    coordinator.distribute().await.unwrap();
    database
        .execute("UPDATE pg_dist_local_group SET groupid = 2")
        .await;
    let refusal = reason(store(&database).await.check().await);
    assert!(refusal.contains("coordinator"), "{refusal}");
    // A worker with tables of its own could not be given its part of the others'.
    let empty = alike().await;
    empty.execute("UPDATE pg_dist_local_group SET groupid = 2").await;
    let worker = store(&empty).await;
    for refused in [
        worker.migrate().await,
        worker.distribute().await.map(drop),
        worker.undistribute().await.map(drop),
    ] {
        let refusal = reason(refused);
        assert!(refusal.contains("coordinator"), "{refusal}");
    }
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = $1 AND tablename = 'saga_steps'";
    assert_eq!(empty.count(tables).await, 0);
}

/// A process whose statements are those of another layout must not go on.
#[tokio::test]
async fn a_process_notices_that_the_tables_were_moved() {
    let database = alike().await;
    let before = store(&database).await;
    before.migrate().await.unwrap();
    is_usable(&*before, "saga-1").await;
    store(&database).await.distribute().await.unwrap();
    // Its connections end, as they do when a server restarts.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE application_name = current_setting('application_name') AND pid <> pg_backend_pid()";
    database.execute(end).await;
    let mut refusal = String::new();
    // A connection that was ended is noticed when it is used.
    for _ in 0..20 {
        if let Err(failure) = before.check().await {
            refusal = failure.to_string();
            if refusal.contains("restart it") {
                return;
            }
        }
    }
    panic!("goes on: {refusal}");
}

#[tokio::test]
async fn a_file_of_sqlite_is_not_distributed() {
    let store = Sqlite::new().await.store().await;
    for refused in [store.distribute().await, store.undistribute().await] {
        let refusal = reason(refused);
        assert!(refusal.contains("PostgreSQL"), "{refusal}");
    }
}
