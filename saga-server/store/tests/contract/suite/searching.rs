//! Searches of sagas: every filter finds what `search_model` does.

use std::sync::Arc;

use saga_store::{Rebuild, SagaQuery, SortOrder, Store, Total};
use saga_types::{
    SagaEvent, SagaStatus, SagaType,
    definition::{Definitions, SagaDefinition},
    fold::{Anomaly, SagaState},
};

use super::{
    Database,
    events::{Random, at, created, event, random_events, with},
    search_model::{everything, matches, sagas},
};

async fn assert_finds(
    store: &Arc<dyn Store>,
    sagas: &[(SagaState, Vec<SagaEvent>)],
    query: &SagaQuery,
) -> usize {
    let mut expected: Vec<SagaState> = sagas
        .iter()
        .filter(|(state, events)| matches(query, state, events))
        .map(|(state, _)| state.clone())
        .collect();
    expected.sort_by(|left, right| (right.started_at, &right.saga_id).cmp(&(left.started_at, &left.saga_id)));
    let page = store.search(query).await.unwrap();
    assert_eq!(
        page.total,
        Total {
            count: expected.len() as u64,
            is_exact: true
        },
        "{query:?}"
    );
    assert_eq!(page.has_more, expected.len() > query.size as usize);
    expected.truncate(query.size as usize);
    let found: Vec<SagaState> = page.sagas.into_iter().map(|saga| saga.state).collect();
    assert_eq!(found, expected, "{query:?}");
    expected.len()
}

type Filter = Box<dyn Fn(&mut SagaQuery)>;

fn filters() -> Vec<Filter> {
    let text = |text: &str| Some(text.to_owned());
    let mut filters: Vec<Filter> = vec![
        Box::new(|_| {}),
        Box::new(move |query| query.order_id = text("order-of-saga-7")),
        Box::new(move |query| query.order_id = text("other-order-3")),
        Box::new(|query| query.saga_type = Some(SagaType::ORDER_CREATION)),
        Box::new(|query| query.saga_type = Some(SagaType::new("OWN").unwrap())),
        Box::new(|query| query.started_from = Some(at(500))),
        Box::new(|query| query.started_to = Some(at(505))),
        Box::new(move |query| query.step = text("STOCK_RESERVED")),
        Box::new(move |query| query.producer_service = text("payment-service")),
        Box::new(move |query| query.trace_id = text("t2")),
        Box::new(move |query| query.failure_reason = text("out of stock")),
        Box::new(move |query| query.failure_group = text("PAYMENT_FAILED: declined")),
        Box::new(move |query| query.failure_group = text("no failing step")),
        Box::new(|query| query.stuck = Some((true, at(600_500)))),
        Box::new(|query| query.stuck = Some((false, at(600_500)))),
        Box::new(move |query| query.failed_step = text("PAYMENT_FAILED")),
        Box::new(|query| query.ended = Some(true)),
        Box::new(|query| query.ended = Some(false)),
        Box::new(|query| query.owing = Some(true)),
        Box::new(|query| query.owing = Some(false)),
        Box::new(move |query| query.awaits = text("STOCK_RELEASED")),
        Box::new(move |query| query.awaits = text("PAYMENT_INITIALIZATION")),
        Box::new(move |query| query.owner = text("product-service")),
        Box::new(move |query| query.owes = text("STOCK_RESERVED")),
    ];
    for (key, value) in [
        ("customerId", "c-1"),
        ("orderAmount", "100"),
        ("express", "true"),
        ("producerService", "order-service"),
    ] {
        filters.push(Box::new(move |query| {
            query.metadata.insert(key.to_owned(), value.to_owned());
        }));
    }
    for status in SagaStatus::ALL {
        filters.push(Box::new(move |query| query.status = Some(status)));
    }
    for anomaly in Anomaly::ALL {
        filters.push(Box::new(move |query| query.anomaly = Some(anomaly)));
    }
    filters
}

/// Reserving and checking at once, by two services; then either payment.
const FORKED: &str = "
sagaType: FORKED
startsWith: [ORDERED]
forward:
  - { step: ORDERED }
  - { step: RESERVED, service: stock, after: [ORDERED] }
  - { step: CHECKED, service: fraud, after: [ORDERED] }
  - { step: PAID_BY_CARD, service: card, choice: payment, after: [RESERVED, CHECKED] }
  - { step: PAID_BY_INVOICE, service: invoice, choice: payment }
completesWith: [PAID_BY_CARD, PAID_BY_INVOICE]
limits: { steps: [{ step: CHECKED, within: 1min }] }
";

pub(crate) async fn every_step_that_is_awaited_is_found_and_who_owes_it(database: &impl Database) {
    let mut definitions = Definitions::built_in();
    definitions.insert(SagaDefinition::from_yaml(FORKED).unwrap());
    let store = database.open(definitions).await;
    let step = |saga: &str, number: i64, step: &str| {
        let mut event = event(
            saga,
            &number.to_string(),
            step.parse().unwrap(),
            SagaStatus::Completed,
            number,
        );
        event.saga_type = SagaType::new("FORKED").unwrap();
        event
    };
    let ordered = |saga: &str, at: i64| step(saga, at, "ORDERED");
    let paying = ["ORDERED", "RESERVED", "CHECKED"].into_iter().zip(20..);
    let mut events = vec![ordered("both", 1), ordered("one", 2), step("one", 3, "CHECKED")];
    events.extend(paying.map(|(name, at)| step("paying", at, name)));
    store.append(events.into()).await.unwrap();
    let found = async |change: &dyn Fn(&mut SagaQuery)| {
        let mut query = everything();
        change(&mut query);
        let page = store.search(&query).await.unwrap();
        assert_eq!(page.total.count, page.sagas.len() as u64, "{query:?}");
        page.sagas
            .iter()
            .map(|saga| saga.saga_id.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(found(&|query| query.awaits = text("RESERVED")).await, "one both");
    assert_eq!(found(&|query| query.awaits = text("CHECKED")).await, "both");
    assert_eq!(found(&|query| query.owner = text("stock")).await, "one both");
    assert_eq!(found(&|query| query.owner = text("invoice")).await, "paying");
    assert_eq!(
        found(&|query| query.awaits = text("PAID_BY_CARD")).await,
        "paying"
    );
    assert_eq!(found(&|query| query.awaits = text("ORDERED")).await, "");
}

pub(crate) async fn the_parts_of_a_saga_are_found_also_once_it_is_rebuilt(database: &impl Database) {
    let store = database.store().await;
    let part = |saga: &str, at: i64, parent: &str| {
        with(
            created(saga, "1", at),
            &format!(r#"{{"parentSagaId":"{parent}"}}"#),
        )
    };
    let events = vec![
        created("whole", "1", 0),
        part("one", 1, "whole"),
        part("two", 2, "whole"),
        part("other", 3, "one"),
    ];
    store.append(events.into()).await.unwrap();
    let parts = async |parent: &str| {
        let query = SagaQuery {
            parent_saga_id: Some(parent.to_owned()),
            ..everything()
        };
        let page = store.search(&query).await.unwrap();
        page.sagas
            .iter()
            .map(|saga| saga.saga_id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(parts("whole").await, ["two", "one"]);
    assert_eq!(parts("one").await, ["other"]);
    assert_eq!(parts("nobody").await, [""; 0]);
    // As of sagas that were stored before the column was there.
    database
        .execute("UPDATE saga_instance SET parent_saga_id = NULL")
        .await;
    assert_eq!(parts("whole").await, [""; 0]);
    let rebuilt = store.rebuild(None, 100, Rebuild::Write).await.unwrap();
    assert_eq!(rebuilt.differences.len(), 3);
    assert_eq!(parts("whole").await, ["two", "one"]);
}

async fn filled(database: &impl Database) -> (Arc<dyn Store>, Vec<(SagaState, Vec<SagaEvent>)>) {
    let store = database.store().await;
    let mut random = Random::seeded(21);
    let mut events = random_events(&mut random, 90, 10);
    for saga in 90..96 {
        events.push(created(&format!("saga-{saga}"), "1", saga * 20));
    }
    for batch in events.chunks(100) {
        store.append(batch.to_vec().into()).await.unwrap();
    }
    (store, sagas(&events))
}

pub(crate) async fn every_filter_finds_what_it_says(database: &impl Database) {
    let (store, sagas) = filled(database).await;
    for (index, filter) in filters().into_iter().enumerate() {
        let mut query = everything();
        filter(&mut query);
        let found = assert_finds(&store, &sagas, &query).await;
        assert!(
            found > 0,
            "filter {index} finds nothing, so the case proves nothing"
        );
    }
}

pub(crate) async fn filters_add_up(database: &impl Database) {
    let (store, sagas) = filled(database).await;
    let filters = filters();
    let mut random = Random::seeded(2);
    for _ in 0..150 {
        let mut query = everything();
        query.size = 5;
        for _ in 0..2 + random.below(2) {
            random.pick(&filters)(&mut query);
        }
        assert_finds(&store, &sagas, &query).await;
    }
}

async fn found(store: &Arc<dyn Store>, change: impl Fn(&mut SagaQuery)) -> Vec<String> {
    let mut query = everything();
    query.sort.order = SortOrder::Ascending;
    change(&mut query);
    let page = store.search(&query).await.unwrap();
    page.sagas
        .into_iter()
        .map(|saga| saga.saga_id.to_string())
        .collect()
}

pub(crate) async fn numbers_and_booleans_are_found_by_their_text(database: &impl Database) {
    let store = database.store().await;
    let values = [
        "1",
        "1.5",
        "true",
        "\"1\"",
        "\"true\"",
        "12345678901234567890123",
        "-0.25",
        "null",
        "[1]",
        "{\"k\":1}",
    ];
    for (index, value) in values.iter().enumerate() {
        let event = created(&format!("saga-{index}"), "1", i64::try_from(index).unwrap());
        store
            .append(
                vec![with(
                    event,
                    &format!(r#"{{"key":{value},"nested":{{"key":"deep"}}}}"#),
                )]
                .into(),
            )
            .await
            .unwrap();
    }
    for (text, expected) in [
        ("1", vec!["saga-0", "saga-3"]),
        ("1.5", vec!["saga-1"]),
        ("1.50", vec!["saga-1"]),
        ("true", vec!["saga-2", "saga-4"]),
        ("12345678901234567890123", vec!["saga-5"]),
        ("12345678901234567890124", vec![]),
        ("1.2345678901234567890123e22", vec!["saga-5"]),
        ("1.50000000000000000001", vec![]),
        ("-0.25", vec!["saga-6"]),
        ("deep", vec![]),
        ("null", vec![]),
        ("1e-20000", vec![]),
    ] {
        let found = found(&store, |query| {
            query.metadata.insert("key".to_owned(), text.to_owned());
        });
        assert_eq!(found.await, expected, "{text}");
    }
}

pub(crate) async fn every_order_that_was_named_finds_the_saga(database: &impl Database) {
    let store = database.store().await;
    let naming = |id: &str, order: &str, millis: i64| {
        let mut event = created("saga-1", id, millis);
        event.order_id = order.parse().unwrap();
        event
    };
    // Each earlier than the one before, so that the saga's own order changes with each.
    for (id, order, millis) in [
        ("1", "A", 50),
        ("2", "B", 40),
        ("3", "C", 30),
        ("4", "D", 60),
        ("5", "B", 20),
    ] {
        store
            .append(vec![naming(id, order, millis)].into())
            .await
            .unwrap();
    }
    for order in ["A", "B", "C", "D"] {
        let found = found(&store, |query| query.order_id = Some(order.to_owned()));
        assert_eq!(found.await, ["saga-1"], "{order}");
    }
    assert!(
        found(&store, |query| query.order_id = Some("E".to_owned()))
            .await
            .is_empty()
    );
}

pub(crate) async fn strange_values_find_nothing(database: &impl Database) {
    let store = database.store().await;
    store
        .append(vec![with(created("saga-1", "1", 0), r#"{"a":"b"}"#)].into())
        .await
        .unwrap();
    for strange in [
        "",
        "\0",
        "nul\0",
        "'",
        "\"",
        "\\",
        "%",
        "{}",
        "$1",
        "\u{1f}",
        &"x".repeat(30_000),
    ] {
        let text = || Some(strange.to_owned());
        assert!(found(&store, |query| query.order_id = text()).await.is_empty());
        assert!(found(&store, |query| query.step = text()).await.is_empty());
        assert!(
            found(&store, |query| query.producer_service = text())
                .await
                .is_empty()
        );
        assert!(found(&store, |query| query.trace_id = text()).await.is_empty());
        assert!(
            found(&store, |query| query.failure_reason = text())
                .await
                .is_empty()
        );
        assert!(
            found(&store, |query| query.failure_group = text())
                .await
                .is_empty()
        );
        let by_value =
            |query: &mut SagaQuery| drop(query.metadata.insert("a".to_owned(), strange.to_owned()));
        assert!(found(&store, by_value).await.is_empty());
        let by_key = |query: &mut SagaQuery| drop(query.metadata.insert(strange.to_owned(), "b".to_owned()));
        assert!(found(&store, by_key).await.is_empty());
    }
}
