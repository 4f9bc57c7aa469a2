//! What is late, who watches over it, and what was reported.

use std::time::Duration;

use saga_store::{Late, LateCount, LateGroup, LateSagas, Scope, Store};
use saga_types::{
    SagaEvent, SagaStatus, SagaType, Step, Timestamp,
    definition::{Definitions, SagaDefinition},
    steps,
};

use super::{
    Database,
    events::{at, created, event},
};

const MINUTE: i64 = 60_000;

/// The payment failed after so many milliseconds, and the stock is reserved.
fn owing(saga_id: &str, failed_after: i64) -> Vec<SagaEvent> {
    vec![
        created(saga_id, "1", 0),
        event(saga_id, "2", steps::STOCK_RESERVED, SagaStatus::Completed, 1),
        event(
            saga_id,
            "3",
            steps::PAYMENT_FAILED,
            SagaStatus::Failed,
            failed_after,
        ),
    ]
}

fn released(saga_id: &str) -> SagaEvent {
    event(
        saga_id,
        "4",
        steps::STOCK_RELEASED,
        SagaStatus::Compensated,
        10 * MINUTE,
    )
}

fn count(step: Step, sagas: u64) -> LateCount {
    LateCount {
        saga_type: SagaType::ORDER_CREATION,
        step,
        sagas,
    }
}

fn group(step: Step, sagas: u64, due: i64) -> LateGroup {
    LateGroup {
        count: count(step, sagas),
        due: at(due),
    }
}

fn ids(found: &LateSagas) -> Vec<&str> {
    found.sagas.iter().map(|saga| saga.saga_id.as_str()).collect()
}

async fn unreported(store: &dyn Store, late: Late, before: Timestamp) -> Vec<String> {
    let found = store.unreported(late, before, 10).await.unwrap();
    found.iter().map(|saga| saga.saga_id.to_string()).collect()
}

pub(crate) async fn sagas_past_their_limits_are_counted_by_the_step_they_await(database: &impl Database) {
    let store = database.store().await;
    let first = vec![created("a", "1", 0), created("b", "1", MINUTE)];
    store.append(first.into()).await.unwrap();
    let reserved = event("c", "1", steps::STOCK_RESERVED, SagaStatus::Completed, 0);
    store.append(vec![reserved].into()).await.unwrap();

    // The stock must be reserved within three minutes, everything be done within ten.
    let late = store.count_late(Late::Stuck, at(3 * MINUTE)).await.unwrap();
    assert_eq!(late, []);
    let late = store.count_late(Late::Stuck, at(3 * MINUTE + 1)).await.unwrap();
    assert_eq!(late, [count(steps::STOCK_RESERVATION, 1)]);
    let mut late = store.count_late(Late::Stuck, at(11 * MINUTE)).await.unwrap();
    late.sort_by_key(|late| late.sagas);
    assert_eq!(
        late,
        [
            count(steps::PAYMENT_INITIALIZATION, 1),
            count(steps::STOCK_RESERVATION, 2)
        ]
    );
    let found = store
        .late_sagas(Late::Stuck, at(11 * MINUTE), 2, &Scope::All, None)
        .await
        .unwrap();
    assert_eq!((ids(&found), found.total.count), (vec!["a", "b"], 3));
    let groups = store
        .late_groups(Late::Stuck, at(11 * MINUTE), &Scope::All, None)
        .await
        .unwrap();
    assert_eq!(
        groups,
        [
            group(steps::STOCK_RESERVATION, 2, 3 * MINUTE),
            group(steps::PAYMENT_INITIALIZATION, 1, 10 * MINUTE)
        ]
    );
}

pub(crate) async fn a_saga_that_awaits_several_steps_is_late_with_the_most_urgent_one(
    database: &impl Database,
) {
    let definition = "
sagaType: ORDER_CREATION
startsWith: [ORDER_CREATED]
forward:
  - { step: ORDER_CREATED }
  - { step: STOCK_RESERVED, service: product-service, after: [ORDER_CREATED] }
  - { step: PAYMENT_COMPLETED, service: payment-service, after: [ORDER_CREATED] }
  - { step: ORDER_CONFIRMED, after: [STOCK_RESERVED, PAYMENT_COMPLETED] }
completesWith: [ORDER_CONFIRMED]
limits:
  whole: 10min
  steps: [{ step: PAYMENT_COMPLETED, within: 2min }]
";
    let mut definitions = Definitions::none();
    definitions.insert(SagaDefinition::from_yaml(definition).unwrap());
    let store = database.open(definitions).await;
    store.append(vec![created("a", "1", 0)].into()).await.unwrap();
    assert_eq!(store.count_late(Late::Stuck, at(2 * MINUTE)).await.unwrap(), []);
    let moment = at(2 * MINUTE + 1);
    let late = store.count_late(Late::Stuck, moment).await.unwrap();
    assert_eq!(late, [count(steps::PAYMENT_COMPLETED, 1)]);
    // Both branches are awaited, and a search for either finds the saga.
    let groups = store
        .late_groups(Late::Stuck, moment, &Scope::All, None)
        .await
        .unwrap();
    let both = [steps::PAYMENT_COMPLETED, steps::STOCK_RESERVED].map(|step| group(step, 1, 2 * MINUTE));
    assert_eq!(groups, both);

    // The urgent branch is done; the other one has until the end of all.
    let paid = event("a", "2", steps::PAYMENT_COMPLETED, SagaStatus::Completed, MINUTE);
    store.append(vec![paid].into()).await.unwrap();
    assert_eq!(store.count_late(Late::Stuck, moment).await.unwrap(), []);
    let late = store.count_late(Late::Stuck, at(10 * MINUTE + 1)).await.unwrap();
    assert_eq!(late, [count(steps::STOCK_RESERVED, 1)]);
}

pub(crate) async fn compensations_are_owed_since_the_failure(database: &impl Database) {
    let store = database.store().await;
    store.append(owing("a", MINUTE).into()).await.unwrap();
    store.append(owing("b", 2 * MINUTE).into()).await.unwrap();
    let moment = at(MINUTE + 1);
    assert_eq!(
        store.count_late(Late::Owing, moment).await.unwrap(),
        [count(steps::STOCK_RESERVED, 1)]
    );
    let found = store
        .late_sagas(Late::Owing, at(MINUTE * 9), 10, &Scope::All, None)
        .await
        .unwrap();
    assert_eq!((ids(&found), found.total.count), (vec!["a", "b"], 2));
    assert_eq!(
        store
            .late_groups(Late::Owing, at(MINUTE * 9), &Scope::All, None)
            .await
            .unwrap(),
        [group(steps::STOCK_RESERVED, 2, MINUTE)]
    );
    store.append(vec![released("a")].into()).await.unwrap();
    assert_eq!(store.count_late(Late::Owing, moment).await.unwrap(), []);
}

pub(crate) async fn what_is_late_is_reported_once_until_it_is_late_again(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    store
        .append(vec![created("a", "1", 0), created("b", "1", MINUTE)].into())
        .await
        .unwrap();
    store.append(owing("c", MINUTE).into()).await.unwrap();
    let moment = at(3 * MINUTE + 1);
    assert_eq!(unreported(store, Late::Stuck, moment).await, ["a"]);
    // What was found and not marked is found again, by the next watcher.
    let found = store.unreported(Late::Stuck, moment, 10).await.unwrap();
    store.mark_reported(Late::Stuck, &found).await.unwrap();
    assert!(unreported(store, Late::Stuck, moment).await.is_empty());
    assert_eq!(unreported(store, Late::Stuck, at(5 * MINUTE)).await, ["b"]);
    assert_eq!(unreported(store, Late::Owing, moment).await, ["c"]);

    // It goes on, and is late with another step.
    let reserved = event("a", "2", steps::STOCK_RESERVED, SagaStatus::Completed, 4 * MINUTE);
    store.append(vec![reserved].into()).await.unwrap();
    assert!(unreported(store, Late::Stuck, moment).await.is_empty());
    assert_eq!(unreported(store, Late::Stuck, at(11 * MINUTE)).await, ["b", "a"]);
}

pub(crate) async fn a_lease_has_one_holder_until_it_ends(database: &impl Database) {
    let (store, other) = (database.store().await, database.store().await);
    let long = Duration::from_secs(600);
    let hold =
        async |store: &dyn Store, holder, period| store.hold_lease("watch", holder, period).await.unwrap();
    assert!(hold(store.as_ref(), "first", long).await);
    assert!(hold(store.as_ref(), "first", long).await);
    assert!(!hold(other.as_ref(), "second", long).await);
    assert!(other.hold_lease("something else", "second", long).await.unwrap());

    // Only the holder can give it back.
    other.release_lease("watch", "second").await.unwrap();
    assert!(!hold(other.as_ref(), "second", long).await);
    store.release_lease("watch", "first").await.unwrap();
    assert!(hold(other.as_ref(), "second", Duration::from_millis(1)).await);

    // A lease that is not renewed expires.
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(hold(store.as_ref(), "first", long).await);
    assert!(!hold(other.as_ref(), "second", long).await);
}
