//! Who records events, and which of them never came.

use std::collections::BTreeSet;

use saga_store::{
    Gap, ProducerInstance, ProducerObservation, ProducerPage, ProducerQuery, ProducerService,
    ReconcileOutcome, ReconcileRequest, Sequences, Store, Wire,
};
use saga_types::{SagaStatus, Timestamp, steps};

use super::{
    Database, dead_letters,
    events::{Random, event, with},
};

/// A name as the SDK makes it, of an instance that begins now.
fn new_instance() -> String {
    uuid::Uuid::now_v7().to_string()
}

fn seconds_after(moment: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_millis(moment.as_millis() + seconds * 1000).unwrap()
}

fn observation(
    service: &str,
    instance: Option<&str>,
    numbers: impl IntoIterator<Item = u64>,
) -> ProducerObservation {
    let now = Timestamp::now();
    ProducerObservation {
        service: service.to_owned(),
        instance: instance.map(str::to_owned),
        sdk_version: Some("0.1.0".to_owned()),
        wire: Some(Wire {
            schema_version: Some(2),
            schema_id: None,
        }),
        first: now,
        last: now,
        sequences: numbers.into_iter().collect(),
    }
}

/// Reconciles at a moment; what was missing at the other one is evaluated.
async fn reconcile(
    store: &dyn Store,
    now: Timestamp,
    evaluate_before: Option<Timestamp>,
) -> ReconcileOutcome {
    let request = ReconcileRequest {
        now,
        evaluate_before,
        named: BTreeSet::from(["order-service".to_owned()]),
    };
    let mut all = ReconcileOutcome::default();
    loop {
        let outcome = store.reconcile_producers(&request).await.unwrap();
        all.lost.extend(outcome.lost);
        all.refused += outcome.refused;
        if !outcome.has_more {
            return all;
        }
    }
}

/// Evaluates everything that was seen until now.
async fn evaluate(store: &dyn Store) -> u64 {
    let now = Timestamp::now();
    reconcile(store, now, None).await;
    let mut lost = Vec::new();
    // First up to the mark, then what came after the mark was set.
    for _ in 0..2 {
        lost.extend(reconcile(store, now, Some(seconds_after(now, 1))).await.lost);
    }
    lost.iter().map(|lost| lost.events).sum()
}

async fn page(store: &dyn Store, query: ProducerQuery) -> ProducerPage {
    store.producers(&query).await.unwrap()
}

fn all() -> ProducerQuery {
    ProducerQuery {
        service: None,
        after: None,
        size: 100,
        instances: 100,
    }
}

async fn service(store: &dyn Store, name: &str) -> ProducerService {
    let query = ProducerQuery {
        service: Some(name.to_owned()),
        ..all()
    };
    let mut services = page(store, query).await.services;
    assert_eq!(services.len(), 1, "{services:?}");
    services.remove(0)
}

async fn instance(store: &dyn Store, name: &str) -> ProducerInstance {
    let instances = service(store, "order-service").await.instances;
    let found = instances
        .iter()
        .find(|instance| instance.instance.as_deref() == Some(name));
    found
        .unwrap_or_else(|| panic!("no {name}: {instances:?}"))
        .clone()
}

fn gaps(instance: &ProducerInstance) -> Vec<(u64, u64)> {
    instance
        .gaps
        .iter()
        .map(|gap: &Gap| (gap.first, gap.last))
        .collect()
}

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

pub(crate) async fn stored_events_are_counted_once_by_service_and_step(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    let of = |service: &str, id: &str, step| {
        let event = event("saga-1", id, step, SagaStatus::InProgress, 0);
        with(event, &format!(r#"{{"producerService":"{service}"}}"#))
    };
    let batch = vec![
        of("order-service", "1", steps::ORDER_CREATED),
        of("order-service", "2", steps::ORDER_CREATED),
        of("order-service", "3", steps::ORDER_CONFIRMED),
        of("legacy-service", "4", steps::STOCK_RESERVED),
        event("saga-1", "5", steps::STOCK_RELEASED, SagaStatus::InProgress, 0),
    ];
    store.append(batch.clone().into()).await.unwrap();
    let mut more = batch;
    more.push(of("order-service", "6", steps::ORDER_CONFIRMED));
    store.append(more.clone().into()).await.unwrap();
    store
        .append_dry_run(vec![of("order-service", "7", steps::ORDER_CONFIRMED)].into())
        .await
        .unwrap();
    reconcile(store, Timestamp::now(), None).await;
    store.append(more.into()).await.unwrap();
    reconcile(store, Timestamp::now(), None).await;

    let orders = service(store, "order-service").await;
    assert_eq!((orders.events, orders.possibly_lost), (4, 0));
    let counted: Vec<(&str, u64)> = orders
        .steps
        .iter()
        .map(|(step, events)| (step.as_str(), *events))
        .collect();
    assert_eq!(counted, [("ORDER_CONFIRMED", 2), ("ORDER_CREATED", 2)]);
    assert!(orders.instances.is_empty());
    assert_eq!(service(store, "legacy-service").await.events, 1);
    assert_eq!(page(store, all()).await.services.len(), 2);
}

pub(crate) async fn steps_and_services_without_number_are_bounded(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    let events = (0..400).map(|number| {
        let step = format!("STEP_{number}").parse().unwrap();
        let event = event("saga-1", &number.to_string(), step, SagaStatus::InProgress, 0);
        with(event, r#"{"producerService":"order-service"}"#)
    });
    for batch in events.collect::<Vec<_>>().chunks(50) {
        store.append(batch.to_vec().into()).await.unwrap();
    }
    let oversized = format!(r#"{{"producerService":"{}"}}"#, "x".repeat(30_000));
    let oversized = with(
        event("saga-2", "1", steps::ORDER_CREATED, SagaStatus::Started, 0),
        &oversized,
    );
    store.append(vec![oversized].into()).await.unwrap();
    reconcile(store, Timestamp::now(), None).await;
    let orders = service(store, "order-service").await;
    assert_eq!((orders.events, orders.steps.len()), (400, 101));
    assert_eq!(orders.steps["OTHER"], 300);
    assert_eq!(page(store, all()).await.services.len(), 1);
}

pub(crate) async fn dead_letters_are_counted_once(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    let of = |number: u8, producer: Option<&str>| {
        let mut letter = dead_letters::letter(number);
        letter.letter.producer = producer.map(str::to_owned);
        letter
    };
    let letters = vec![
        of(1, Some("order-service")),
        of(2, Some("order-service")),
        of(3, None),
    ];
    store.keep_letters(letters.clone()).await.unwrap();
    store.keep_letters(letters).await.unwrap();
    reconcile(store, Timestamp::now(), None).await;
    assert_eq!(service(store, "order-service").await.dead_letters, 2);
}

pub(crate) async fn instances_beyond_a_bound_are_left_out_until_others_are_quiet(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    let flood: Vec<ProducerObservation> = (0..5_050)
        .map(|number| observation("hostile-service", Some(&format!("i-{number}")), [number + 1]))
        .collect();
    store.observe_producers(&flood).await.unwrap();
    let outcome = reconcile(store, Timestamp::now(), None).await;
    assert_eq!(outcome.refused, 50);
    assert_eq!(service(store, "hostile-service").await.instance_count, 5_000);

    // Two hours later they were idle for long enough. It ran all the time, and what it lost meanwhile is unknown.
    let name = new_instance();
    let later = seconds_after(Timestamp::now(), 7200);
    let mut seen = observation("order-service", Some(&name), [7, 9]);
    (seen.first, seen.last) = (later, later);
    store.observe_producers(&[seen]).await.unwrap();
    assert_eq!(reconcile(store, later, None).await.refused, 0);
    let outcome = reconcile(store, later, Some(seconds_after(later, 1))).await;
    assert_eq!(outcome.lost, []);
    assert_eq!(instance(store, &name).await.received, 2);
}

pub(crate) async fn who_was_not_seen_for_long_is_forgotten(database: &impl Database) {
    const DAY: i64 = 86_400;
    let store = database.store().await;
    let store = store.as_ref();
    let name = new_instance();
    store
        .observe_producers(&[
            observation("order-service", Some(&name), [1, 3]),
            observation("order-service", None, []),
        ])
        .await
        .unwrap();
    assert_eq!(evaluate(store).await, 1);
    let now = Timestamp::now();
    reconcile(store, seconds_after(now, 6 * DAY), None).await;
    assert_eq!(service(store, "order-service").await.instance_count, 1);
    reconcile(store, seconds_after(now, 8 * DAY), None).await;
    let orders = service(store, "order-service").await;
    assert_eq!((orders.instance_count, orders.instances), (0, vec![]));
    reconcile(store, seconds_after(now, 31 * DAY), None).await;
    assert_eq!(page(store, all()).await.services, []);
    assert_eq!(store.events_lost().await.unwrap()["order-service"], 1);
}

pub(crate) async fn services_come_by_name_page_by_page(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    let names = ["a", "a-service", "b-service", "ㄱ-service"];
    for name in names {
        let seen = ["i-1", "i-2", "i-3"].map(|instance| observation(name, Some(instance), [1]));
        store.observe_producers(&seen).await.unwrap();
    }
    reconcile(store, Timestamp::now(), None).await;
    let mut query = ProducerQuery {
        size: 3,
        instances: 2,
        ..all()
    };
    let first = page(store, query.clone()).await;
    assert_eq!(first.next.as_deref(), Some("b-service"));
    assert_eq!(
        (
            first.services[0].instances.len(),
            first.services[0].instance_count
        ),
        (2, 3)
    );
    query.after = first.next;
    let second = page(store, query).await;
    assert_eq!(second.next, None);
    let reported = first.services.iter().chain(&second.services);
    assert_eq!(
        reported
            .map(|reported| reported.service.as_str())
            .collect::<Vec<_>>(),
        names
    );
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
