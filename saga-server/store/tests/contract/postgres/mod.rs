//! The store on PostgreSQL, and what only PostgreSQL can do to it.

mod refusals;

use std::{
    future::poll_fn,
    task::Poll,
    time::{Duration, Instant},
};

use crate::suite::{
    Database, connect, contract_tests,
    events::{created, event, folded, state_of},
    operations,
};
use saga_store::{AppendError, Scope, Span, StoreError, Width};
use saga_types::{SagaStatus, Timestamp, definition::Definitions, steps};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::task::JoinHandle;

contract_tests!(Postgres);

/// A schema of its own in the database of the environment.
pub(crate) struct Postgres {
    url: String,
    schema: String,
}

impl Database for Postgres {
    async fn new() -> Self {
        let url = std::env::var("DATABASE_URL")
            .expect("DATABASE_URL is not set; run `scripts/parts run postgres -- cargo test -p saga-store`");
        let schema = format!("test_{}", uuid::Uuid::now_v7().simple());
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let create = AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
        connection.execute(create).await.unwrap();
        let separator = if url.contains('?') { '&' } else { '?' };
        Self {
            url: format!("{url}{separator}options=-c%20search_path%3D{schema}&application_name={schema}"),
            schema,
        }
    }

    fn url(&self) -> String {
        self.url.clone()
    }

    async fn execute(&self, sql: &str) {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    }
}

impl Postgres {
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        sqlx::query_scalar(sql)
            .bind(&self.schema)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    }

    /// Until it waits for a lock that somebody has.
    async fn begin_to_migrate(&self) -> JoinHandle<Result<(), StoreError>> {
        const WAITING: &str =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'";
        let store = connect(&self.url, Definitions::built_in()).await;
        let migrating = tokio::spawn(async move { store.migrate().await });
        while self.count(WAITING).await == 0 {
            assert!(!migrating.is_finished());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        migrating
    }

    /// Waits until sessions are in no transaction that nobody goes on with.
    async fn has_no_open_transaction(&self) {
        const OPEN: &str = "SELECT count(*) FROM pg_stat_activity \
                            WHERE application_name = $1 AND state LIKE 'idle in transaction%'";
        let mut waited = 0;
        while self.count(OPEN).await > 0 {
            waited += 1;
            assert!(waited < 100, "a transaction stays open");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// What pg_dump and reports do for hours: a migration that stood before the table would stop ingest for as long.
#[tokio::test]
async fn while_a_migration_cannot_have_a_table_events_are_stored() {
    let database = Postgres::new().await;
    let store = database.store().await;
    database
        .execute(
            "CREATE INDEX saga_steps_in_order ON saga_steps (saga_id, recorded_at, event_id); \
             DELETE FROM _sqlx_migrations WHERE version = 64",
        )
        .await;
    let mut dump = PgConnection::connect(&database.url()).await.unwrap();
    dump.execute("BEGIN; LOCK TABLE saga_steps IN ACCESS SHARE MODE")
        .await
        .unwrap();
    let migrating = database.begin_to_migrate().await;
    for number in ["1", "2", "3"] {
        let batch = vec![created("saga-1", number, 0)];
        store.append(batch.into()).await.unwrap();
    }
    assert!(!migrating.is_finished());
    dump.execute("COMMIT").await.unwrap();
    migrating.await.unwrap().unwrap();
    let index = "SELECT count(*) FROM pg_indexes WHERE schemaname = $1 AND indexname = 'saga_steps_in_order'";
    assert_eq!(database.count(index).await, 0);
}

#[tokio::test]
async fn a_read_only_database_is_an_outage() {
    let database = Postgres::new().await;
    let writable = database.store().await;
    let url = database
        .url
        .replace("options=", "options=-c%20default_transaction_read_only%3Don%20");
    let standby = connect(&url, Definitions::built_in()).await;
    let failure = standby
        .append(vec![created("saga-1", "1", 0)].into())
        .await
        .unwrap_err();
    assert!(matches!(failure, AppendError::Unavailable(_)), "{failure}");
    let failure = standby.check().await.unwrap_err();
    assert!(matches!(failure, StoreError::Unavailable(_)), "{failure}");
    writable
        .append(vec![created("saga-1", "1", 0)].into())
        .await
        .unwrap();
    assert!(standby.saga("saga-1").await.unwrap().is_some());
}

#[tokio::test]
async fn a_server_that_is_unavailable_is_noticed_within_seconds() {
    // Nothing listens on port 1.
    let store = connect(
        "postgres://saga:secret@127.0.0.1:1/nowhere",
        Definitions::built_in(),
    )
    .await;
    let begin = Instant::now();
    let failure = store
        .append(vec![created("saga-1", "1", 0)].into())
        .await
        .unwrap_err();
    assert!(matches!(failure, AppendError::Unavailable(_)), "{failure}");
    assert!(!failure.to_string().contains("secret"), "{failure}");
    let failure = store.check().await.unwrap_err();
    assert!(!failure.to_string().contains("secret"), "{failure}");
    assert!(begin.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_malformed_url_is_refused_without_its_password() {
    for url in [
        "postgres://saga:secret@host:port/x",
        "postgres://saga:secret@[/x",
        "mysql://saga:secret@host/x",
    ] {
        let options = saga_store::StoreOptions {
            definitions: Definitions::built_in().into(),
            max_connections: 2,
        };
        let refusal = saga_store::connect(url, options).await.err().unwrap();
        assert!(matches!(refusal, StoreError::Configuration(_)), "{refusal}");
        assert!(!format!("{refusal:?}").contains("secret"), "{refusal:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_stops_waiting_leaves_no_open_transaction() {
    let database = Postgres::new().await;
    let store = database.store().await;
    for round in 0..100_u64 {
        let events = (0..50).map(|id| created(&format!("saga-{id}"), &format!("{round}"), 0));
        let append = store.append(events.collect());
        let _ = tokio::time::timeout(Duration::from_micros(round * 100), append).await;
    }
    database.has_no_open_transaction().await;
    store
        .append(vec![created("saga-1", "last", 0)].into())
        .await
        .unwrap();
}

/// A page is left, or one of its other questions fails, while this one begins its transaction: the connection would answer
/// from an old snapshot ever after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stops_waiting_leaves_no_open_transaction() {
    let database = Postgres::new().await;
    let store = database.store().await;
    let span = Span::ending_at(Timestamp::now(), Width::Minute, 60);
    for polls in 1..12 {
        let mut trends = store.trends(&span, &Scope::All);
        for _ in 0..polls {
            let polled = poll_fn(|context| Poll::Ready(trends.as_mut().poll(context)));
            if polled.await.is_ready() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(trends);
        database.has_no_open_transaction().await;
    }
}

/// Steps are read again only when they must be: a saga that goes on reads none of its past.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_saga_is_not_read_again_with_each_batch() {
    let database = Postgres::new().await;
    let store = database.store().await;
    for batch in 0..20_i64 {
        let numbers = batch * 500..(batch + 1) * 500;
        let events = numbers.map(|number| {
            let step = steps::PAYMENT_INITIALIZATION;
            event(
                "saga-1",
                &format!("{number:06}"),
                step,
                SagaStatus::InProgress,
                number,
            )
        });
        // Many sagas in a batch are where a plan for small tables would read them whole.
        let others = (0..300).map(|saga| created(&format!("other-{saga}"), &format!("{batch}"), batch));
        store.append(events.chain(others).collect()).await.unwrap();
    }
    // What a session has read is published at the latest when it ends.
    drop(store);
    let read = "SELECT COALESCE(sum(idx_tup_fetch + seq_tup_read), 0)::bigint FROM pg_stat_user_tables \
                WHERE relname = 'saga_steps' AND schemaname = $1";
    let written = "SELECT COALESCE(sum(n_tup_ins), 0)::bigint FROM pg_stat_user_tables \
                   WHERE relname = 'saga_steps' AND schemaname = $1";
    let mut waited = 0;
    while database.count(written).await < 16_000 {
        waited += 1;
        assert!(waited < 100, "the statistics are not published");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(database.count(read).await, 0);
    // Not even a plan that was made while there was nothing reads a table whole.
    let whole = "SELECT COALESCE(sum(seq_tup_read), 0)::bigint FROM pg_stat_user_tables WHERE schemaname = $1 \
                 AND relname IN ('saga_steps', 'saga_instance')";
    assert_eq!(database.count(whole).await, 0);
}

#[tokio::test]
async fn a_migration_counts_the_sagas_that_are_there() {
    let undo = "DROP VIEW saga_counted; DROP TABLE saga_rollup, saga_rollup_change, saga_duration; \
                DELETE FROM _sqlx_migrations WHERE version IN (10, 20, 21); \
                ALTER TABLE saga_instance DROP COLUMN ended_by_override";
    crate::suite::statistics::sagas_of_before_are_counted(&Postgres::new().await, undo).await;
}

/// Two processes that meet the same new saga at once: one of them loses, and starts over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_was_overtaken_starts_over() {
    let database = Postgres::new().await;
    let store = database.store().await;
    let mut other = PgConnection::connect(&database.url).await.unwrap();
    let mut transaction = other.begin().await.unwrap();
    // The other process has made the saga, and has not committed yet.
    let first = created("saga-1", "1", 0);
    let state = serde_json::json!(saga_types::fold::SagaFold::of(
        vec![(&first).into()],
        &Definitions::built_in()
    ));
    let steps = "INSERT INTO saga_steps (saga_id, event_id, saga_type, order_id, step, status, recorded_at, event_timestamp) \
                 VALUES ('saga-1', '1', 'ORDER_CREATION', $1, 'ORDER_CREATED', 'STARTED', $2, $2)";
    sqlx::query(steps)
        .bind(first.order_id.as_str())
        .bind(first.recorded_at.to_datetime())
        .execute(&mut *transaction)
        .await
        .unwrap();
    let instance = "INSERT INTO saga_instance (saga_id, saga_type, order_id, current_status, last_step, started_at, \
                    updated_at, outstanding, anomalies, event_count, version, fold) \
                    VALUES ('saga-1', 'ORDER_CREATION', $1, 'STARTED', 'ORDER_CREATED', $2, $2, '{}', '{}', 1, 1, $3)";
    sqlx::query(instance)
        .bind(first.order_id.as_str())
        .bind(first.recorded_at.to_datetime())
        .bind(state.to_string())
        .execute(&mut *transaction)
        .await
        .unwrap();

    let second = event("saga-1", "2", steps::STOCK_RESERVED, SagaStatus::Completed, 10);
    // Nothing in it is known to the other, so only the saga itself makes them meet.
    let batch = vec![second.clone()];
    let overtaken = tokio::spawn({
        let store = std::sync::Arc::clone(&store);
        async move { store.append(batch.into()).await.unwrap() }
    });
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'";
    while database.count(waiting).await == 0 {
        assert!(
            !overtaken.is_finished(),
            "the second writer does not wait for the first"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    transaction.commit().await.unwrap();
    let appended = overtaken.await.unwrap();
    assert_eq!((appended.stored(), appended.duplicates), (1, 0));
    assert_eq!(
        state_of(&*store, "saga-1").await,
        folded(&[first, second], "saga-1")
    );
}

#[tokio::test]
async fn a_database_of_another_encoding_is_refused_in_words() {
    let name = format!("ascii_{}", uuid::Uuid::now_v7().simple());
    let url = std::env::var("DATABASE_URL").unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let create =
        format!("CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    connection.execute(AssertSqlSafe(create)).await.unwrap();
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let database = options.get_database().unwrap();
    let place = url.rfind(&format!("/{database}")).unwrap();
    let other = format!("{}/{name}{}", &url[..place], &url[place + 1 + database.len()..]);
    let refusal = connect(&other, Definitions::built_in())
        .await
        .migrate()
        .await
        .unwrap_err();
    let drop = format!("DROP DATABASE {name} WITH (FORCE)");
    connection.execute(AssertSqlSafe(drop)).await.unwrap();
    assert!(matches!(refusal, StoreError::Configuration(_)), "{refusal}");
    assert!(refusal.to_string().contains("SQL_ASCII"), "{refusal}");
}

#[tokio::test]
async fn an_operation_cannot_be_changed() {
    let database = Postgres::new().await;
    let store = database.store().await;
    operations::write(&*store, vec![operations::operation(1)]).await;
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    let refused = connection.execute(operations::FORGERY).await.unwrap_err();
    assert!(
        refused.to_string().contains("an operation cannot be changed"),
        "{refused}"
    );
}
