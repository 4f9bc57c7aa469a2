//! The log of operations: written with the change or not at all, read by every filter, and never changed.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use saga_store::{
    Actor, AppendError, Conclude, Conclusion, Operation, OperationFilter, OperationKind, OperationPlace,
    OperationQuery, Store, Way,
};
use saga_types::{SagaEvent, SagaStatus, Timestamp, steps};

use super::{
    Database,
    events::{at, created, event},
};

/// Changes an entry, which the database refuses.
pub(crate) const FORGERY: &str = "UPDATE operation SET actor = 'somebody else'";

/// The operation of this number; every part of it is set.
pub(crate) fn operation(number: i64) -> Operation {
    Operation {
        at: at(number),
        actor: Actor {
            name: format!("dana-{}", number % 2),
            role: Some("operator".to_owned()),
            way: Way::Page,
            address: Some("10.0.0.7".to_owned()),
        },
        kind: OperationKind::Correction,
        saga_id: Some(format!("saga-{number}")),
        saga_type: Some("ORDER_CREATION".to_owned()),
        letter_id: Some(i64::MAX),
        before: Some("FAILED".to_owned()),
        after: Some("COMPENSATED".to_owned()),
        result: "CORRECTED".to_owned(),
        detail: Some("refunded by hand, 주문 1".to_owned()),
    }
}

/// An operation of which as little is known as possible.
fn bare(number: i64) -> Operation {
    Operation {
        actor: Actor {
            name: "root".to_owned(),
            role: None,
            way: Way::CommandLine,
            address: None,
        },
        kind: OperationKind::Replay,
        saga_id: None,
        saga_type: None,
        letter_id: None,
        before: None,
        after: None,
        detail: None,
        ..operation(number)
    }
}

fn concluding(operations: Vec<Operation>) -> Conclude {
    Arc::new(move |_| Conclusion {
        operations: operations.clone(),
        ..Conclusion::default()
    })
}

pub(crate) async fn write(store: &dyn Store, operations: Vec<Operation>) {
    let written = store.append_by(Arc::new([]), concluding(operations)).await;
    assert_eq!(written.unwrap().stored(), 0);
}

async fn matching(store: &dyn Store, filter: OperationFilter) -> Vec<Operation> {
    let query = OperationQuery {
        filter,
        after: None,
        size: 100,
    };
    let page = store.operations(&query).await.unwrap();
    page.operations
        .into_iter()
        .map(|stored| stored.operation)
        .collect()
}

/// The entries of a kind.
pub(crate) async fn log(store: &dyn Store, kind: OperationKind) -> Vec<Operation> {
    let filter = OperationFilter {
        kind: Some(kind),
        ..OperationFilter::default()
    };
    matching(store, filter).await
}

pub(crate) async fn an_abandoned_batch_leaves_nothing(database: &impl Database) {
    let store = database.store().await;
    store
        .append(vec![created("saga-1", "1", 0)].into())
        .await
        .unwrap();
    let before = store.saga("saga-1").await.unwrap();
    let conclude: Conclude = Arc::new(|appended| {
        assert_eq!(appended.stored(), 2);
        Conclusion {
            operations: vec![operation(1)],
            is_abandoned: true,
            ..Conclusion::default()
        }
    });
    let events = vec![created("saga-1", "2", 1), created("saga-2", "1", 0)];
    let appended = store.append_by(events.into(), conclude).await.unwrap();
    assert_eq!((appended.stored(), appended.changes.len()), (0, 0));
    assert_eq!(store.saga("saga-1").await.unwrap(), before);
    assert_eq!(store.saga("saga-2").await.unwrap(), None);
    assert_eq!(matching(&*store, OperationFilter::default()).await, []);
}

pub(crate) async fn an_operation_is_written_with_its_change(database: &impl Database) {
    let store = database.store().await;
    store
        .append(vec![created("saga-1", "1", 0)].into())
        .await
        .unwrap();
    let failure = event("saga-1", "2", steps::ORDER_CANCELLED, SagaStatus::Failed, 1);
    let conclude: Conclude = Arc::new(|appended| {
        let change = &appended.changes[0];
        Conclusion {
            operations: vec![Operation {
                before: change.previous_status.map(|status| status.to_string()),
                after: Some(change.state.current_status.to_string()),
                ..operation(1)
            }],
            ..Conclusion::default()
        }
    });
    let appended = store.append_by(vec![failure].into(), conclude).await.unwrap();
    assert_eq!(appended.stored(), 1);
    let expected = Operation {
        before: Some("STARTED".to_owned()),
        after: Some("FAILED".to_owned()),
        ..operation(1)
    };
    assert_eq!(matching(&*store, OperationFilter::default()).await, [expected]);
}

/// Of a batch that is refused neither the events are there nor the entry.
pub(crate) async fn an_operation_without_its_change_is_not_written(database: &impl Database) {
    let store = database.store().await;
    database
        .execute("CREATE UNIQUE INDEX one_detail ON operation (detail)")
        .await;
    write(&*store, vec![operation(0)]).await;
    let batch: Arc<[SagaEvent]> = vec![created("saga-1", "1", 0)].into();
    let refused = store.append_by(batch, concluding(vec![operation(1)])).await;
    assert!(matches!(refused, Err(AppendError::Refused(_))), "{refused:?}");
    assert_eq!(store.saga("saga-1").await.unwrap(), None);
    assert_eq!(
        matching(&*store, OperationFilter::default()).await,
        [operation(0)]
    );
}

/// Another writer takes the same event first: the outcome that is written down is that of the transaction that was committed.
pub(crate) async fn an_operation_tells_the_outcome_that_was_committed(database: &impl Database) {
    let store = database.store().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let conclude: Conclude = Arc::new({
        let calls = calls.clone();
        move |appended| {
            calls.fetch_add(1, Ordering::Relaxed);
            Conclusion {
                operations: vec![Operation {
                    result: format!(
                        "{} {} {}",
                        appended.stored(),
                        appended.duplicates,
                        appended.removed.len()
                    ),
                    ..operation(1)
                }],
                ..Conclusion::default()
            }
        }
    });
    store
        .append(vec![created("known", "1", 0), created("gone", "1", 0)].into())
        .await
        .unwrap();
    let gone = store.still_there(&["gone".to_owned()]).await.unwrap();
    store.remove(&gone, None).await.unwrap();
    let batch = vec![
        created("known", "1", 0),
        created("gone", "2", 0),
        created("new", "1", 0),
    ];
    store.append_by(batch.into(), conclude).await.unwrap();
    let results: Vec<String> = matching(&*store, OperationFilter::default())
        .await
        .into_iter()
        .map(|operation| operation.result)
        .collect();
    assert_eq!(results, ["1 1 1"]);
    assert!(calls.load(Ordering::Relaxed) >= 1);
}

pub(crate) async fn operations_come_newest_first_page_by_page(database: &impl Database) {
    let store = database.store().await;
    let mut operations: Vec<Operation> = (0..7).map(operation).collect();
    operations[3].at = at(4);
    operations[6] = bare(6);
    write(&*store, operations.clone()).await;
    let mut query = OperationQuery {
        filter: OperationFilter::default(),
        after: None,
        size: 2,
    };
    let mut seen = Vec::new();
    loop {
        let page = store.operations(&query).await.unwrap();
        seen.extend(page.operations.into_iter().map(|stored| stored.operation));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    let order = [6, 5, 4, 3, 2, 1, 0].map(|number: usize| operations[number].clone());
    assert_eq!(seen, order);
    query.after = Some(OperationPlace {
        at: at(-1),
        id: i64::MIN,
    });
    assert_eq!(store.operations(&query).await.unwrap().operations, []);
}

pub(crate) async fn every_filter_finds_the_operations_it_names(database: &impl Database) {
    let store = database.store().await;
    write(&*store, vec![operation(1), operation(2), bare(3)]).await;
    let one = |filter| matching(&*store, filter);
    let all = OperationFilter::default;
    let filters = [
        (
            OperationFilter {
                actor: Some("dana-1".to_owned()),
                ..all()
            },
            vec![operation(1)],
        ),
        (
            OperationFilter {
                kind: Some(OperationKind::Replay),
                ..all()
            },
            vec![bare(3)],
        ),
        (
            OperationFilter {
                saga_id: Some("saga-2".to_owned()),
                ..all()
            },
            vec![operation(2)],
        ),
        (
            OperationFilter {
                from: Some(at(2)),
                ..all()
            },
            vec![bare(3), operation(2)],
        ),
        (
            OperationFilter {
                to: Some(at(1)),
                ..all()
            },
            vec![operation(1)],
        ),
        (
            OperationFilter {
                actor: Some("root".to_owned()),
                to: Some(at(2)),
                ..all()
            },
            Vec::new(),
        ),
    ];
    for (filter, expected) in filters {
        assert_eq!(one(filter.clone()).await, expected, "{filter:?}");
    }
}

pub(crate) async fn the_oldest_operations_leave_some_at_a_time(database: &impl Database) {
    let store = database.store().await;
    write(&*store, (0..1_200).map(operation).collect()).await;
    assert_eq!(store.remove_operations(at(0), 10).await.unwrap(), 0);
    assert_eq!(store.remove_operations(at(1_199), 700).await.unwrap(), 700);
    assert_eq!(store.remove_operations(at(1_199), 700).await.unwrap(), 499);
    let left = matching(&*store, OperationFilter::default()).await;
    assert_eq!(left, [operation(1_199)]);
    assert_eq!(store.remove_operations(Timestamp::MAX, 10).await.unwrap(), 1);
}
