//! Values that no version of the store wrote: each is reported by its table, its column and the key of its row.

use std::{collections::BTreeSet, error::Error, sync::Arc};

use saga_store::{
    AppendError, LetterFilter, LetterQuery, Named, PartitionProgress, ProducerObservation, ProducerQuery,
    ReconcileOutcome, ReconcileRequest, StatisticsQuery, Store, StoreError,
};
use saga_types::{SagaStatus, Timestamp, steps};

use super::{
    Database,
    dead_letters::letter,
    events::{at, created, event},
};

/// A year that no moment of an event has, in the type of either database's columns.
const YEAR_20000: &str = "'20000-01-01 00:00:00+00'";

#[track_caller]
fn assert_names<T>(result: Result<T, StoreError>, expected: &str) {
    let failure = result
        .err()
        .unwrap_or_else(|| panic!("nothing is wrong with {expected}"));
    let text = failure.to_string();
    assert!(matches!(failure, StoreError::Corrupt(_)), "{text}");
    let beginning = format!("stored data cannot be read: {expected}: ");
    assert!(text.starts_with(&beginning), "{text}");
    let corrupt = failure.source().unwrap();
    assert!(corrupt.source().is_some(), "{text}");
}

async fn store_of(database: &impl Database, sagas: &[&str]) -> Arc<dyn Store> {
    let store = database.store().await;
    let events: Vec<_> = sagas.iter().map(|saga_id| created(saga_id, "1", 0)).collect();
    store.append(events.into()).await.unwrap();
    store
}

pub(crate) async fn a_step_that_cannot_be_read_is_named(database: &impl Database) {
    let store = store_of(database, &["saga-1", "saga-2", "saga-3"]).await;
    database
        .execute("UPDATE saga_steps SET status = 'NONSENSE' WHERE saga_id = 'saga-1'")
        .await;
    let recorded = format!("UPDATE saga_steps SET recorded_at = {YEAR_20000} WHERE saga_id = 'saga-2'");
    database.execute(&recorded).await;
    database
        .execute("UPDATE saga_steps SET metadata = '[]' WHERE saga_id = 'saga-3'")
        .await;
    let expected = "saga_steps.status of row saga-1 1";
    assert_names(store.steps("saga-1", None, 10).await, expected);
    assert_names(store.saga_as_of("saga-1", Timestamp::MAX).await, expected);
    assert_names(store.events(&["saga-1".to_owned()], None, 10).await, expected);
    let expected = "saga_steps.recorded_at of row saga-2 1";
    assert_names(store.steps("saga-2", None, 10).await, expected);
    let expected = "saga_steps.metadata of row saga-3 1";
    assert_names(store.steps("saga-3", None, 10).await, expected);
}

pub(crate) async fn a_saga_that_cannot_be_read_is_named(database: &impl Database) {
    let store = store_of(database, &["saga-1", "saga-2"]).await;
    database
        .execute("UPDATE saga_instance SET current_status = 'NONSENSE' WHERE saga_id = 'saga-1'")
        .await;
    let updated = format!("UPDATE saga_instance SET updated_at = {YEAR_20000} WHERE saga_id = 'saga-2'");
    database.execute(&updated).await;
    let next = event("saga-1", "2", steps::STOCK_RESERVED, SagaStatus::Completed, 10);
    let refusal = store.append(vec![next].into()).await.unwrap_err();
    assert!(matches!(refusal, AppendError::Refused(_)), "{refusal}");
    let text = refusal.to_string();
    assert!(
        text.contains("saga_instance.current_status of row saga-1: "),
        "{text}"
    );
    let expected = "saga_instance.updated_at of row saga-2";
    assert_names(store.still_there(&["saga-2".to_owned()]).await, expected);
}

pub(crate) async fn a_removal_that_cannot_be_read_is_named(database: &impl Database) {
    let store = store_of(database, &["saga-1"]).await;
    let sagas = store.still_there(&["saga-1".to_owned()]).await.unwrap();
    store.remove(&sagas, None).await.unwrap();
    let removed = format!("UPDATE saga_removed SET removed_at = {YEAR_20000}");
    database.execute(&removed).await;
    assert_names(
        store.removal("saga-1").await,
        "saga_removed.removed_at of row saga-1",
    );
}

pub(crate) async fn a_count_that_cannot_be_read_is_named(database: &impl Database) {
    let store = store_of(database, &["saga-1"]).await;
    // Merges what the batch changed.
    store.recount(saga_store::Rebuild::Write).await.unwrap();
    database
        .execute("UPDATE saga_rollup SET status = 'NONSENSE'")
        .await;
    let expected = "saga_rollup.status of row ORDER_CREATION NONSENSE";
    assert_names(store.statistics(&StatisticsQuery::default()).await, expected);
}

pub(crate) async fn a_dead_letter_that_cannot_be_read_is_named(database: &impl Database) {
    let store = database.store().await;
    store
        .keep_letters(vec![letter(1), letter(2), letter(3)])
        .await
        .unwrap();
    let mut query = LetterQuery {
        filter: LetterFilter::default(),
        after: None,
        size: 10,
    };
    let letters = store.letters(&query).await.unwrap().letters;
    let columns = [
        ("dead_since", YEAR_20000),
        ("state", "'NONSENSE'"),
        ("headers", "'[1]'"),
    ];
    for ((column, value), letter) in columns.into_iter().zip(letters) {
        let id = letter.id;
        let change = format!("UPDATE dead_letter SET {column} = {value} WHERE id = {id}");
        database.execute(&change).await;
        query.filter.named = Some(Named {
            ids: vec![id],
            event_ids: Vec::new(),
        });
        assert_names(
            store.letters(&query).await,
            &format!("dead_letter.{column} of row {id}"),
        );
    }
}

pub(crate) async fn progress_that_cannot_be_read_is_named(database: &impl Database) {
    let store = database.store().await;
    let progress = PartitionProgress {
        partition: 3,
        events_behind: 1,
        as_of: None,
        observed_at: at(0),
    };
    store.keep_progress("events", &[progress]).await.unwrap();
    let observed = format!("UPDATE ingest_progress SET observed_at = {YEAR_20000}");
    database.execute(&observed).await;
    let expected = "ingest_progress.observed_at of row events 3";
    assert_names(store.progress("events").await, expected);
}

fn observation() -> ProducerObservation {
    ProducerObservation {
        service: "shop".to_owned(),
        instance: Some("till-1".to_owned()),
        sdk_version: None,
        wire: None,
        first: Timestamp::now(),
        last: Timestamp::now(),
        sequences: [1, 2, 5].into_iter().collect(),
    }
}

async fn reconcile(store: &dyn Store) -> Result<ReconcileOutcome, StoreError> {
    let request = ReconcileRequest {
        now: Timestamp::now(),
        evaluate_before: Some(Timestamp::MAX),
        named: BTreeSet::new(),
    };
    store.reconcile_producers(&request).await
}

pub(crate) async fn a_producer_that_cannot_be_read_is_named(database: &impl Database) {
    let store = database.store().await;
    let observations = [observation()];
    store.observe_producers(&observations).await.unwrap();
    reconcile(&*store).await.unwrap();
    // The next change is read before the one before it.
    for (change, expected) in [
        (
            "producer_instance SET open",
            "producer_instance.open of row shop till-1",
        ),
        (
            "producer_instance SET detail",
            "producer_instance.detail of row shop till-1",
        ),
        (
            "producer_service SET detail",
            "producer_service.detail of row shop",
        ),
    ] {
        database.execute(&format!("UPDATE {change} = 'nonsense'")).await;
        store.observe_producers(&observations).await.unwrap();
        assert_names(reconcile(&*store).await, expected);
    }
    let query = ProducerQuery {
        service: None,
        after: None,
        size: 10,
        instances: 10,
    };
    let expected = "producer_instance.detail of row shop till-1";
    assert_names(store.producers(&query).await, expected);
}

pub(crate) async fn a_watch_that_cannot_be_read_is_named(database: &impl Database) {
    let store = database.store().await;
    let whole = format!("UPDATE producer_watch SET whole_since = {YEAR_20000}");
    database.execute(&whole).await;
    // Asked of an instance whose name says that it began just now.
    let young = ProducerObservation {
        instance: Some(uuid::Uuid::now_v7().to_string()),
        ..observation()
    };
    store.observe_producers(&[young]).await.unwrap();
    assert_names(reconcile(&*store).await, "producer_watch.whole_since of row 1");
}
