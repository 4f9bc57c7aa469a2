//! Services and their instances: counted once, bounded, listed and forgotten.

use saga_store::{ProducerObservation, ProducerQuery};
use saga_types::{SagaStatus, Timestamp, steps};

use super::{all, evaluate, instance, new_instance, observation, page, reconcile, seconds_after, service};
use crate::suite::{
    Database, dead_letters,
    events::{event, with},
};

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
