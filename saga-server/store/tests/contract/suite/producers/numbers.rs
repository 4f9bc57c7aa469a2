//! Numbers of records that never came, found once they are old enough, and nothing else.

use std::sync::Arc;

use saga_store::{ReconcileOutcome, Sequences};
use saga_types::{SagaEvent, SagaStatus, Timestamp, steps};

use super::{evaluate, gaps, instance, new_instance, observation, reconcile, seconds_after, service};
use crate::suite::{
    Database,
    events::{Random, event, with},
};

pub(crate) async fn numbers_that_never_came_are_found_once_they_are_old_enough(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    let name = new_instance();
    let seen = observation("order-service", Some(&name), [1, 2, 3, 6, 7, 9]);
    store.observe_producers(&[seen]).await.unwrap();
    let now = Timestamp::now();
    assert_eq!(reconcile(store, now, None).await, ReconcileOutcome::default());
    assert_eq!(reconcile(store, now, Some(seconds_after(now, -1))).await.lost, []);

    // One of them comes through another partition in the meantime.
    store
        .observe_producers(&[observation("order-service", Some(&name), [8, 10, 12])])
        .await
        .unwrap();
    let lost = reconcile(store, seconds_after(now, 5), Some(now)).await.lost;
    assert_eq!(lost.len(), 1);
    assert_eq!((lost[0].service.as_str(), lost[0].events), ("order-service", 2));
    assert_eq!(lost[0].last_gap.map(|gap| (gap.first, gap.last)), Some((4, 5)));
    let reported = instance(store, &name).await;
    assert_eq!((reported.received, reported.possibly_lost), (9, 2));
    assert_eq!(gaps(&reported), [(4, 5)]);
    assert_eq!(reported.sdk_version.as_deref(), Some("0.1.0"));
    assert_eq!(reported.wire.unwrap().schema_version, Some(2));

    // What came later was marked later.
    assert_eq!(reconcile(store, seconds_after(now, 6), Some(now)).await.lost, []);
    let lost = reconcile(store, seconds_after(now, 9), Some(seconds_after(now, 5)))
        .await
        .lost;
    assert_eq!((lost.len(), lost[0].events), (1, 1));
    assert_eq!(gaps(&instance(store, &name).await), [(4, 5), (11, 11)]);
    assert_eq!(store.events_lost().await.unwrap()["order-service"], 3);
}

pub(crate) async fn what_a_batch_shows_is_noted_with_it(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    let name = new_instance();
    let batch: Arc<[SagaEvent]> = Arc::new([with(
        event("saga-1", "1", steps::ORDER_CREATED, SagaStatus::Started, 0),
        r#"{"producerService":"order-service"}"#,
    )]);
    let seen = |numbers: [u64; 2]| [observation("order-service", Some(&name), numbers)];
    let appended = store.append_observed(batch.clone(), &seen([1, 2])).await.unwrap();
    assert_eq!(appended.new, [0]);
    // It may show more although none of its events is new: some of its records were dead letters.
    let appended = store.append_observed(batch, &seen([2, 3])).await.unwrap();
    assert_eq!((appended.new.len(), appended.duplicates), (0, 1));
    assert_eq!(evaluate(store).await, 0);
    assert_eq!(instance(store, &name).await.received, 3);
    assert_eq!(service(store, "order-service").await.steps["ORDER_CREATED"], 1);
}

pub(crate) async fn what_comes_after_all_is_lost_no_more(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    let name = new_instance();
    let note = async |numbers: &[u64]| {
        let seen = observation("order-service", Some(&name), numbers.iter().copied());
        store.observe_producers(&[seen]).await.unwrap();
    };
    note(&[1, 2, 9, 10]).await;
    assert_eq!(evaluate(store).await, 6);
    note(&[5]).await;
    assert_eq!(evaluate(store).await, 0);
    let reported = instance(store, &name).await;
    assert_eq!((reported.received, reported.possibly_lost), (5, 5));
    assert_eq!(gaps(&reported), [(3, 4), (6, 8)]);

    // Read again, as after a restart.
    note(&[1, 2, 5, 9, 10]).await;
    assert_eq!(evaluate(store).await, 0);
    note(&[3, 4, 6, 7, 8]).await;
    assert_eq!(evaluate(store).await, 0);
    let reported = instance(store, &name).await;
    assert_eq!(
        (reported.received, reported.possibly_lost, reported.gaps),
        (10, 0, vec![])
    );
    // It was counted, and counters do not go back.
    assert_eq!(store.events_lost().await.unwrap()["order-service"], 6);
}

pub(crate) async fn neither_order_nor_repetition_changes_what_is_missing(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    for seed in 0..8 {
        let mut random = Random::seeded(seed);
        let name = new_instance();
        let highest = 200 + random.below(3000) as u64;
        let mut came: Vec<u64> = (1..=highest)
            .filter(|number| *number == highest || random.below(20) > 0)
            .collect();
        let missing = highest - came.len() as u64;
        let distinct = came.len() as u64;
        random.shuffle(&mut came);
        let again = came[..came.len() / 3].to_vec();
        came.extend(again);
        for batch in came.chunks(97) {
            let seen = observation("order-service", Some(&name), batch.iter().copied());
            store.observe_producers(&[seen]).await.unwrap();
            if random.below(5) == 0 {
                reconcile(store, Timestamp::now(), None).await;
            }
        }
        assert_eq!(evaluate(store).await, missing, "seed {seed}");
        let reported = instance(store, &name).await;
        assert_eq!(
            (reported.received, reported.possibly_lost),
            (distinct, missing),
            "seed {seed}"
        );
    }
}

pub(crate) async fn an_instance_that_ran_before_is_counted_from_where_it_was_found(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    // Names of other languages hold no time; an old one of the SDK began before it was first seen.
    let old = "01890a5d-ac96-774b-bcce-b302099a8057";
    for name in ["pod-7", old] {
        let note = async |numbers: &[u64]| {
            let seen = observation("order-service", Some(name), numbers.iter().copied());
            store.observe_producers(&[seen]).await.unwrap();
        };
        note(&[1000, 1001, 1005]).await;
        assert_eq!(evaluate(store).await, 0);
        note(&[1003, 990]).await;
        assert_eq!(evaluate(store).await, 0);
        note(&[1006, 1008]).await;
        assert_eq!(evaluate(store).await, 1);
        assert_eq!(gaps(&instance(store, name).await), [(1007, 1007)]);
    }
}

pub(crate) async fn numbers_that_nobody_can_believe_are_no_loss(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    let name = new_instance();
    let seen = observation("order-service", Some(&name), [1, Sequences::MAX - 2]);
    store.observe_producers(&[seen]).await.unwrap();
    assert_eq!(evaluate(store).await, 0);
    let seen = observation("order-service", Some(&name), [Sequences::MAX]);
    store.observe_producers(&[seen]).await.unwrap();
    assert_eq!(evaluate(store).await, 1);
    let reported = instance(store, &name).await;
    assert_eq!((reported.received, reported.possibly_lost), (3, 1));
}

pub(crate) async fn partitions_that_are_far_apart_take_a_bounded_room(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    let name = new_instance();
    // Three million numbers of one partition of two, in no regular order; the other one's have yet to come.
    let mut random = Random::seeded(1);
    for part in 0..3 {
        let numbers = (part * 2_000_000..(part + 1) * 2_000_000).filter(|number| *number > 0);
        let numbers: Vec<u64> = numbers.filter(|_| random.below(2) == 0).collect();
        let seen = observation("order-service", Some(&name), numbers);
        store.observe_producers(&[seen]).await.unwrap();
        reconcile(store, Timestamp::now(), None).await;
    }
    assert_eq!(evaluate(store).await, 0);
    assert_eq!(instance(store, &name).await.possibly_lost, 0);
    // From then on it is counted again.
    let seen = observation("order-service", Some(&name), [6_000_000, 6_000_002]);
    store.observe_producers(&[seen]).await.unwrap();
    evaluate(store).await;
    let seen = observation("order-service", Some(&name), [6_000_003, 6_000_005]);
    store.observe_producers(&[seen]).await.unwrap();
    assert_eq!(evaluate(store).await, 1);
}

pub(crate) async fn collectors_at_once_count_nothing_twice(database: &impl Database) {
    let (store, other) = (database.store().await, database.store().await);
    let name = new_instance();
    for number in 0..300_u64 {
        let event = event(
            "saga-1",
            &number.to_string(),
            steps::ORDER_CREATED,
            SagaStatus::Started,
            0,
        );
        let event = with(event, r#"{"producerService":"order-service"}"#);
        store.append(vec![event].into()).await.unwrap();
        let seen = observation("order-service", Some(&name), [number * 2 + 1]);
        store.observe_producers(&[seen]).await.unwrap();
        if number % 50 == 0 {
            let now = Timestamp::now();
            tokio::join!(
                reconcile(store.as_ref(), now, None),
                reconcile(other.as_ref(), now, None)
            );
        }
    }
    let now = Timestamp::now();
    tokio::join!(
        reconcile(store.as_ref(), now, None),
        reconcile(other.as_ref(), now, None)
    );
    let soon = Some(seconds_after(now, 60));
    tokio::join!(
        reconcile(store.as_ref(), now, soon),
        reconcile(other.as_ref(), now, soon)
    );
    // The one that found the other at work had nothing to do.
    reconcile(store.as_ref(), seconds_after(now, 1), soon).await;
    assert_eq!(service(store.as_ref(), "order-service").await.events, 300);
    let reported = instance(store.as_ref(), &name).await;
    assert_eq!((reported.received, reported.possibly_lost), (300, 299));
    assert_eq!(store.events_lost().await.unwrap()["order-service"], 299);
}
