//! Sagas by version, and sagas that are drawn, against plain loops.

use std::collections::BTreeSet;

use saga_store::{SagaQuery, Scope, VersionsQuery};
use saga_types::{SagaEvent, SagaStatus, SagaType, steps};

use super::{
    Database,
    events::{at, created, event, with},
};

fn paid(saga: usize, version: &str) -> Vec<SagaEvent> {
    let saga_id = format!("saga-{saga:05}");
    let after = i64::try_from(saga).unwrap() * 10;
    let metadata = format!(
        r#"{{"producerService":"payment-service","serviceVersion":"{version}","place":{}}}"#,
        saga % 4
    );
    let by = |id: &str, step, status, millis| with(event(&saga_id, id, step, status, millis), &metadata);
    vec![
        created(&saga_id, "1", after),
        by("2", steps::PAYMENT_COMPLETED, SagaStatus::Completed, after + 20),
        by("3", steps::ORDER_CONFIRMED, SagaStatus::Completed, after + 70),
    ]
}

pub(crate) async fn sagas_of_two_versions_come_in_the_order_of_their_start(database: &impl Database) {
    let store = database.store().await;
    let mut events = Vec::new();
    for saga in 0..60 {
        events.extend(paid(saga, ["2.7.0", "2.8.0", "2.9.0"][saga % 3]));
    }
    // Both versions in one saga.
    let mut mixed = paid(3, "2.7.0");
    mixed[2] = with(
        event("saga-00003", "4", steps::PAYMENT_FAILED, SagaStatus::Failed, 60),
        r#"{"producerService":"payment-service","serviceVersion":"2.8.0"}"#,
    );
    events.extend(mixed);
    store.append(events.into()).await.unwrap();
    let query = VersionsQuery {
        scope: Scope::All,
        service: "payment-service".to_owned(),
        baseline: "2.7.0".to_owned(),
        candidate: "2.8.0".to_owned(),
        saga_type: None,
        from: at(0),
        to: at(299),
        most: VersionsQuery::LOOKED_AT,
    };
    let found = store.version_sagas(&query).await.unwrap();
    assert_eq!((found.sagas.len(), found.mixed, found.is_whole), (19, 1, true));
    assert!(found.sagas.is_sorted_by_key(|saga| saga.started_at));
    let candidates = found.sagas.iter().filter(|saga| saga.is_candidate);
    assert_eq!(candidates.clone().count(), 10);
    assert!(
        found
            .sagas
            .iter()
            .all(|saga| saga.status == SagaStatus::Completed && saga.duration_ms == Some(70))
    );
    let first = VersionsQuery {
        most: 9,
        ..query.clone()
    };
    let found = store.version_sagas(&first).await.unwrap();
    assert_eq!((found.sagas.len(), found.mixed, found.is_whole), (5, 1, false));
    let others = VersionsQuery {
        scope: Scope::of([SagaType::REFUND]),
        ..query.clone()
    };
    assert!(store.version_sagas(&others).await.unwrap().sagas.is_empty());
    for (service, saga_type) in [
        ("stock-service", None),
        ("payment-service\0", None),
        ("payment-service", Some(SagaType::REFUND)),
    ] {
        let other = VersionsQuery {
            service: service.to_owned(),
            saga_type,
            ..query.clone()
        };
        assert!(
            store.version_sagas(&other).await.unwrap().sagas.is_empty(),
            "{service:?}"
        );
    }
}

pub(crate) async fn the_rest_is_drawn_without_what_another_search_finds(database: &impl Database) {
    let store = database.store().await;
    store
        .append((0..40).flat_map(|saga| paid(saga, "2.7.0")).collect())
        .await
        .unwrap();
    let mut found = SagaQuery::newest(1);
    found.metadata.insert("place".to_owned(), "1".to_owned());
    let all = SagaQuery::newest(1);
    let rest = store.draw_rest(&all, &found, 100).await.unwrap();
    assert_eq!((rest.sagas.len(), rest.of, rest.of_is_exact), (30, 30, true));
    let value = ("place".to_owned(), "1".to_owned());
    assert!(rest.sagas.iter().all(|saga| !saga.values.contains(&value)));
    let some = store.draw_rest(&all, &found, 20).await.unwrap();
    assert!(some.sagas.len() <= 20 && !some.of_is_exact && some.of == some.sagas.len() as u64 * 2);
    found.order_id = Some("nobody\0".to_owned());
    assert_eq!(store.draw_rest(&all, &found, 100).await.unwrap().of, 40);
    assert_eq!(store.draw_rest(&all, &all, 100).await.unwrap().of, 0);
    let hidden = SagaQuery {
        scope: Scope::of([SagaType::REFUND]),
        ..all.clone()
    };
    assert_eq!(store.draw_rest(&hidden, &found, 100).await.unwrap().of, 0);
}

pub(crate) async fn few_sagas_are_all_drawn_with_what_their_steps_say(database: &impl Database) {
    let store = database.store().await;
    store
        .append((0..40).flat_map(|saga| paid(saga, "2.7.0")).collect())
        .await
        .unwrap();
    let by_place = |place: &str| {
        let mut query = SagaQuery::newest(1);
        query.metadata.insert("place".to_owned(), place.to_owned());
        query
    };
    let drawn = store.draw(&by_place("1"), 100).await.unwrap();
    assert_eq!((drawn.sagas.len(), drawn.of, drawn.of_is_exact), (10, 10, true));
    let expected = [
        ("place", "1"),
        ("producerService", "payment-service"),
        ("serviceVersion", "payment-service 2.7.0"),
    ];
    let expected: BTreeSet<(String, String)> = expected
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    assert!(
        drawn.sagas.iter().all(|saga| saga.values == expected),
        "{drawn:?}"
    );
    let events = store.draw_events(&by_place("1"), 100).await.unwrap();
    assert_eq!(events.len(), 10);
    let steps: Vec<_> = events[0]
        .iter()
        .map(|event| (event.step.as_str(), event.service.as_deref()))
        .collect();
    let by = Some("payment-service");
    assert_eq!(
        steps,
        [
            ("ORDER_CREATED", None),
            ("PAYMENT_COMPLETED", by),
            ("ORDER_CONFIRMED", by)
        ]
    );
    let mut hidden = by_place("1");
    hidden.scope = Scope::of([SagaType::REFUND]);
    assert!(store.draw(&hidden, 100).await.unwrap().sagas.is_empty());
    let some = store.draw(&SagaQuery::newest(1), 15).await.unwrap();
    assert_eq!((some.sagas.len(), some.of), (15, 40));
    assert!(store.draw(&by_place("9"), 100).await.unwrap().sagas.is_empty());
    assert!(store.draw(&by_place("\0"), 100).await.unwrap().sagas.is_empty());
}

/// PostgreSQL keeps such numbers in few bytes, and writes each with three hundred zeros.
pub(crate) async fn metadata_that_is_long_as_a_text_is_not_drawn(database: &impl Database) {
    let store = database.store().await;
    let numbers = vec!["1e300"; 1_500].join(",");
    let metadata = format!(r#"{{"producerService":"order-service","place":"7","numbers":[{numbers}]}}"#);
    let events = vec![with(created("saga-1", "1", 0), &metadata)];
    store.append(events.into()).await.unwrap();
    let drawn = store.draw(&SagaQuery::newest(1), 100).await.unwrap();
    let expected = BTreeSet::from([("producerService".to_owned(), "order-service".to_owned())]);
    assert_eq!(drawn.sagas[0].values, expected);
}

/// More sagas than are counted one by one: a tenth of them failed, in a quiet hour of which a draw by time would hardly see any.
pub(crate) async fn of_very_many_sagas_each_has_the_same_chance_to_be_drawn(database: &impl Database) {
    let store = database.store().await;
    let (all, failed) = (12_000_usize, 1_200_usize);
    for first in (0..all).step_by(3_000) {
        let events = (first..first + 3_000).map(|saga| {
            let (saga_id, after) = (format!("saga-{saga:05}"), i64::try_from(saga).unwrap());
            match saga < failed {
                true => event(
                    &saga_id,
                    "1",
                    steps::PAYMENT_FAILED,
                    SagaStatus::Failed,
                    after * 3_000,
                ),
                false => event(
                    &saga_id,
                    "1",
                    steps::ORDER_CONFIRMED,
                    SagaStatus::Completed,
                    3_600_000 + after,
                ),
            }
        });
        store.append(events.collect()).await.unwrap();
    }
    let mut query = SagaQuery::newest(1);
    query.saga_type = Some(SagaType::ORDER_CREATION);
    query.started_from = Some(at(0));
    let drawn = store.draw(&query, 1_000).await.unwrap();
    assert_eq!((drawn.of, drawn.of_is_exact), (12_000, true));
    assert_eq!(drawn.sagas.len(), 1_000);
    let of_them = drawn
        .sagas
        .iter()
        .filter(|saga| saga.status == SagaStatus::Failed)
        .count();
    // 100 of 1,000, and four standard errors more or less.
    assert!((64..=136).contains(&of_them), "{of_them}");
    // What no roll-up counts is estimated.
    query.step = Some("ORDER_CONFIRMED".to_owned());
    let drawn = store.draw(&query, 1_000).await.unwrap();
    assert!(drawn.sagas.len() >= 500, "{}", drawn.sagas.len());
    assert!(
        drawn
            .sagas
            .iter()
            .all(|saga| saga.status == SagaStatus::Completed)
    );
    assert!((9_500..=12_000).contains(&drawn.of), "{}", drawn.of);
}
