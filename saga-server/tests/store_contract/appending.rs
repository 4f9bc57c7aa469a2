//! What becomes of batches.

use saga_types::{SagaStatus, fold, definition::Definitions, steps};

use super::{Database, events::{created, event}};

pub(crate) async fn a_new_step_makes_a_saga(database: &impl Database) {
    let store = database.store().await;
    let events = vec![
        created("saga-1", "1", 0),
        event("saga-1", "2", steps::STOCK_RESERVED, SagaStatus::Completed, 10),
    ];
    let appended = store.append(events.clone()).await.unwrap();
    assert_eq!((appended.stored, appended.duplicates), (2, 0));
    assert!(appended.conflicts.is_empty());
    let expected = fold::fold(&events, &Definitions::built_in());
    assert_eq!(store.saga("saga-1").await.unwrap(), expected);
    assert_eq!(appended.changes.len(), 1);
    assert_eq!(appended.changes[0].previous_status, None);
    assert_eq!(Some(&appended.changes[0].state), expected.as_ref());
    assert_eq!(store.count_by_status().await.unwrap()[1], (SagaStatus::InProgress, 1));
    assert_eq!(store.saga("saga-2").await.unwrap(), None);
}

pub(crate) async fn a_repeated_event_changes_nothing(database: &impl Database) {
    let store = database.store().await;
    let events = vec![created("saga-1", "1", 0), created("saga-1", "1", 0)];
    let appended = store.append(events.clone()).await.unwrap();
    assert_eq!((appended.stored, appended.duplicates), (1, 1));
    let before = store.saga("saga-1").await.unwrap();
    let appended = store.append(events).await.unwrap();
    assert_eq!((appended.stored, appended.duplicates), (0, 2));
    assert!(appended.changes.is_empty());
    assert_eq!(store.saga("saga-1").await.unwrap(), before);
}
