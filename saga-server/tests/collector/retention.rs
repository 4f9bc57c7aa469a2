//! What retention removes beside sagas, from both stores.

use std::{sync::Arc, time::Duration};

use saga_collector::{
    archive::{Archive, ArchiveUrl},
    maintenance::{RetentionPeriods, retention::Retention},
};
use saga_store::{Letter, LetterFilter, LetterQuery, NewLetter, Origin, Store};
use saga_types::Timestamp;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use tokio_util::sync::CancellationToken;

use crate::support::{
    events::{saga, success},
    open, part,
};

const DAY: Duration = Duration::from_secs(86_400);

pub(crate) async fn on_postgres() -> Arc<dyn Store> {
    open(&own_schema().await).await
}

/// The URL of a schema that nobody else has.
pub(crate) async fn own_schema() -> String {
    let url = part("DATABASE_URL", "PostgreSQL");
    let schema = format!("test_{}", uuid::Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let create = AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    connection.execute(create).await.unwrap();
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options=-c%20search_path%3D{schema}")
}

/// A dead letter of a kibibyte that was put on its topic so many days ago.
fn letter(number: u32, days: u32) -> NewLetter {
    let mut identity = [0; 32];
    identity[..4].copy_from_slice(&number.to_be_bytes());
    NewLetter {
        identity,
        letter: Letter {
            topic: "events.dlt".to_owned(),
            partition: 0,
            offset: number.into(),
            dead_since: Timestamp::now().saturating_sub(DAY * days),
            origin: Origin::default(),
            reason: "INVALID_NAME".to_owned(),
            message: "step is empty".to_owned(),
            saga_type: None,
            saga_id: None,
            event_id: None,
            producer: None,
            key: None,
            value: Some(vec![b'x'; 1024]),
            value_bytes: 1024,
            headers: Vec::new(),
        },
    }
}

/// A file took the place of the archive's folder, so that the saga which is due cannot leave.
async fn old_letters_leave_also_while_the_archive_is_unavailable(store: Arc<dyn Store>) {
    let letters = (0..1_300).map(|number| letter(number, if number < 1_200 { 31 } else { 29 }));
    store.keep_letters(letters.collect()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("archive");
    let url: ArchiveUrl = format!("file://{}", place.display()).parse().unwrap();
    let archive = Archive::open(&url).unwrap();
    std::fs::remove_dir(&place).unwrap();
    std::fs::write(&place, "in the way").unwrap();
    let mut ended = saga("old", &success());
    for event in &mut ended {
        event.recorded_at = Timestamp::from_millis(0).unwrap();
    }
    store.append(ended.into()).await.unwrap();
    let run = async |periods| {
        let retention = Retention::new(store.clone(), Some(archive.clone()), periods).alone();
        retention.run(&CancellationToken::new()).await.unwrap_err();
        store.letters_stored().await.unwrap()
    };
    let periods = RetentionPeriods {
        ended: Some(90 * DAY),
        unfinished: Some(365 * DAY),
        ..RetentionPeriods::default()
    };
    assert_eq!(run(periods).await, 1_300, "without a period none is removed");
    let periods = RetentionPeriods {
        dead_letters: Some(30 * DAY),
        ..periods
    };
    assert_eq!(run(periods).await, 100);
    let query = LetterQuery {
        filter: LetterFilter::default(),
        after: None,
        size: 1_000,
    };
    let left = store.letters(&query).await.unwrap().letters;
    assert!(left.iter().all(|stored| stored.letter.offset >= 1_200));
}

#[tokio::test(flavor = "multi_thread")]
async fn old_letters_leave_sqlite_also_while_the_archive_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("sagas.db").display());
    old_letters_leave_also_while_the_archive_is_unavailable(open(&database).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_letters_leave_postgres_also_while_the_archive_is_unavailable() {
    old_letters_leave_also_while_the_archive_is_unavailable(on_postgres().await).await;
}

#[tokio::test]
async fn markers_leave_by_the_collector_with_the_lease_alone_and_not_after_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("sagas.db").display());
    let store = open(&database).await;
    for number in 0..25 {
        let mut events = saga(&format!("old-{number}"), &success());
        for event in &mut events {
            event.recorded_at = Timestamp::from_millis(1_700_000_000_000).unwrap();
        }
        store.append(events.into()).await.unwrap();
    }
    let retention = |ended| {
        let periods = RetentionPeriods {
            ended,
            ..RetentionPeriods::default()
        };
        Retention::new(store.clone(), None, periods).batch(10)
    };
    let (going, stopped) = (CancellationToken::new(), CancellationToken::new());
    stopped.cancel();
    let removed = retention(Some(DAY)).run(&going).await.unwrap().removed;
    assert_eq!(removed, 25);
    let mut connection = SqliteConnection::connect(&database).await.unwrap();
    let long_ago = "UPDATE saga_removed SET removed_at = 0";
    connection.execute(long_ago).await.unwrap();
    let markers = async |connection: &mut SqliteConnection| -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM saga_removed");
        count.fetch_one(connection).await.unwrap()
    };
    retention(None).run(&stopped).await.unwrap();
    assert_eq!(markers(&mut connection).await, 25);
    assert!(store.hold_lease("retention", "another", DAY).await.unwrap());
    retention(None).alone().run(&going).await.unwrap();
    assert_eq!(markers(&mut connection).await, 25);
    retention(None).run(&going).await.unwrap();
    assert_eq!(markers(&mut connection).await, 0);
}
