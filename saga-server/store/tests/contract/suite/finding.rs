//! Sagas are found by ids and values of metadata, and lists are read to their end.

use saga_store::{
    FindPlace, FindQuery, Found, Late, PageStart, SagaQuery, SagaSort, Scope, SortBy, SortOrder, Store,
};
use saga_types::{SagaEvent, SagaStatus, SagaType, Step, steps};

use super::{
    Database,
    events::{created, event, with},
    paging::{failure, with_same_times},
};

async fn find(store: &dyn Store, place: FindPlace, text: &str, is_beginning: bool) -> Vec<(String, String)> {
    let found = ask(store, Scope::All, place, text, is_beginning).await;
    assert!(found.is_all, "{text}");
    let sagas = found.sagas.into_iter();
    sagas.map(|saga| (saga.saga_id, saga.matched)).collect()
}

async fn ask(store: &dyn Store, scope: Scope, place: FindPlace, text: &str, is_beginning: bool) -> Found {
    let query = FindQuery {
        scope,
        place,
        texts: vec![text.to_owned()],
        is_beginning,
        size: 20,
    };
    store.find(&query).await.unwrap()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let expected = expected.iter();
    expected
        .map(|(saga, matched)| ((*saga).to_owned(), (*matched).to_owned()))
        .collect()
}

async fn filled(database: &impl Database) -> std::sync::Arc<dyn Store> {
    let store = database.store().await;
    let mut other_order = event(
        "saga-2",
        "event-2b",
        steps::STOCK_RESERVED,
        SagaStatus::Completed,
        30,
    );
    other_order.order_id = "order-of-saga-1".parse().unwrap();
    let mut refund = created("refund-1", "event-3a", 40);
    refund.saga_type = SagaType::REFUND;
    let by_hand = Step::new("MANUAL_STATUS_OVERRIDE").unwrap();
    let events = vec![
        with(
            created("saga-1", "event-1a", 0),
            r#"{"traceId":"trace-1","customerId":"C-17","orderAmount":125.50,"express":true}"#,
        ),
        event("saga-1", "override-1", by_hand, SagaStatus::Completed, 10),
        with(
            created("saga-2", "event-2a", 20),
            r#"{"traceId":"trace-2","customerId":"C-18"}"#,
        ),
        other_order,
        with(refund, r#"{"customerId":"C-17","card":"125.50"}"#),
        created("주문-1", "주문-event", 50),
    ];
    store.append(events.into()).await.unwrap();
    store
}

pub(crate) async fn a_saga_is_found_by_every_id_that_names_it(database: &impl Database) {
    let store = filled(database).await;
    let store = &*store;
    for (place, text, expected) in [
        (FindPlace::SagaId, "saga-1", pairs(&[("saga-1", "saga-1")])),
        (FindPlace::SagaId, "주문-1", pairs(&[("주문-1", "주문-1")])),
        (
            FindPlace::OrderId,
            "order-of-saga-1",
            pairs(&[("saga-2", "order-of-saga-1"), ("saga-1", "order-of-saga-1")]),
        ),
        (FindPlace::TraceId, "trace-2", pairs(&[("saga-2", "trace-2")])),
        (FindPlace::EventId, "event-2b", pairs(&[("saga-2", "event-2b")])),
        (
            FindPlace::EventId,
            "override-1",
            pairs(&[("saga-1", "override-1")]),
        ),
        (FindPlace::EventId, "EVENT-2B", Vec::new()),
        (FindPlace::SagaId, "saga", Vec::new()),
        (FindPlace::SagaId, "no\0saga", Vec::new()),
    ] {
        assert_eq!(find(store, place, text, false).await, expected, "{text}");
    }
}

pub(crate) async fn a_beginning_finds_what_goes_on_behind_it(database: &impl Database) {
    let store = filled(database).await;
    let store = &*store;
    for (place, text, expected) in [
        (
            FindPlace::SagaId,
            "saga-",
            pairs(&[("saga-2", "saga-2"), ("saga-1", "saga-1")]),
        ),
        (FindPlace::SagaId, "saga-1", pairs(&[("saga-1", "saga-1")])),
        (FindPlace::SagaId, "주", pairs(&[("주문-1", "주문-1")])),
        (FindPlace::SagaId, "saga%", Vec::new()),
        // Of several events of a saga the first.
        (
            FindPlace::EventId,
            "event-",
            pairs(&[
                ("refund-1", "event-3a"),
                ("saga-2", "event-2a"),
                ("saga-1", "event-1a"),
            ]),
        ),
        (
            FindPlace::OrderId,
            "order-of-saga-1",
            pairs(&[("saga-2", "order-of-saga-1"), ("saga-1", "order-of-saga-1")]),
        ),
    ] {
        assert_eq!(find(store, place, text, true).await, expected, "{text}");
    }
    let two = FindQuery {
        scope: Scope::All,
        place: FindPlace::EventId,
        texts: vec!["event-".to_owned(), "override".to_owned()],
        is_beginning: true,
        size: 2,
    };
    let found = store.find(&two).await.unwrap();
    assert_eq!((found.sagas.len(), found.is_all), (2, false));
}

pub(crate) async fn metadata_is_found_by_its_value_at_the_keys_that_are_named(database: &impl Database) {
    let store = filled(database).await;
    let store = &*store;
    let keys = |keys: &[&str]| FindPlace::Metadata(keys.iter().map(|key| (*key).to_owned()).collect());
    for (place, text, expected) in [
        (
            keys(&["orderAmount", "customerId"]),
            "C-17",
            pairs(&[("refund-1", "customerId"), ("saga-1", "customerId")]),
        ),
        (
            keys(&["card", "orderAmount"]),
            "125.50",
            pairs(&[("refund-1", "card"), ("saga-1", "orderAmount")]),
        ),
        (keys(&["express"]), "true", pairs(&[("saga-1", "express")])),
        (keys(&["orderAmount"]), "C-17", Vec::new()),
        (keys(&[]), "C-17", Vec::new()),
    ] {
        assert_eq!(find(store, place, text, false).await, expected, "{text}");
    }
}

pub(crate) async fn only_sagas_of_the_scope_are_found(database: &impl Database) {
    let store = filled(database).await;
    let keys = || FindPlace::Metadata(vec!["customerId".to_owned()]);
    for (scope, expected) in [
        (Scope::of([SagaType::REFUND]), vec!["refund-1"]),
        (Scope::of([SagaType::ORDER_CREATION]), vec!["saga-1"]),
        (Scope::of([]), vec![]),
    ] {
        let found = ask(&*store, scope, keys(), "C-17", false).await;
        let found: Vec<&str> = found.sagas.iter().map(|saga| saga.saga_id.as_str()).collect();
        assert_eq!(found, expected);
    }
}

pub(crate) async fn more_entries_than_are_looked_at_are_not_all(database: &impl Database) {
    let store = database.store().await;
    let events = (0..i64::from(Found::LOOKED_AT))
        .map(|number| created("saga-1", &format!("many-{number:04}"), number));
    store.append(events.collect::<Vec<_>>().into()).await.unwrap();
    let find = async || ask(&*store, Scope::All, FindPlace::EventId, "many-", true).await;
    let all = find().await;
    assert_eq!((all.sagas.len(), all.is_all), (1, true));
    let beyond = created("saga-2", "many-x", 0);
    store.append([beyond].into()).await.unwrap();
    let some = find().await;
    assert_eq!((some.sagas.len(), some.is_all), (2, false));
}

pub(crate) async fn a_list_is_read_to_its_end_as_pages_show_it(database: &impl Database) {
    let store = database.store().await;
    let mut events = with_same_times();
    events.extend((0..57).step_by(2).map(failure));
    store.append(events.into()).await.unwrap();
    for by in [
        SortBy::StartedAt,
        SortBy::UpdatedAt,
        SortBy::Due(Late::Stuck),
        SortBy::Due(Late::Owing),
        SortBy::Duration,
    ] {
        for order in [SortOrder::Ascending, SortOrder::Descending] {
            let mut query = SagaQuery::newest(100);
            query.sort = SagaSort { by, order };
            let page = store.search(&query).await.unwrap();
            let expected: Vec<_> = page.sagas.iter().map(|saga| saga.saga_id.clone()).collect();
            assert!(!expected.is_empty());
            query.size = 10;
            let mut read = Vec::new();
            loop {
                let stretch = store.list(&query).await.unwrap();
                read.extend(stretch.sagas.into_iter().map(|saga| saga.saga_id.clone()));
                let Some(next) = stretch.next else {
                    break;
                };
                query.start = next;
            }
            assert_eq!(read, expected, "{by:?} {order:?}");
        }
    }
    let nobody = SagaQuery {
        scope: Scope::of([]),
        ..SagaQuery::newest(10)
    };
    let stretch = store.list(&nobody).await.unwrap();
    assert!(stretch.sagas.is_empty() && stretch.next.is_none());
}

pub(crate) async fn what_failed_is_found_whether_or_not_it_was_compensated(database: &impl Database) {
    let store = database.store().await;
    let mut events: Vec<SagaEvent> = (1..=4)
        .map(|saga| created(&format!("saga-{saga}"), "1", saga))
        .collect();
    let fail = |saga: &str| event(saga, "2", steps::PAYMENT_FAILED, SagaStatus::Failed, 10);
    events.extend([
        event("saga-1", "2", steps::STOCK_RESERVED, SagaStatus::Completed, 9),
        event("saga-1", "3", steps::PAYMENT_FAILED, SagaStatus::Failed, 10),
        fail("saga-2"),
        event("saga-2", "4", steps::ORDER_CANCELLED, SagaStatus::Compensated, 11),
        event("saga-3", "5", steps::ORDER_CONFIRMED, SagaStatus::Completed, 12),
    ]);
    store.append(events.into()).await.unwrap();
    for (failed, ended, status, expected) in [
        (Some(true), None, None, vec!["saga-2", "saga-1"]),
        (Some(false), None, None, vec!["saga-4", "saga-3"]),
        (Some(false), Some(true), None, vec!["saga-3"]),
        (Some(true), Some(false), None, vec![]),
        (Some(true), None, Some(SagaStatus::Failed), vec!["saga-1"]),
        (Some(true), None, Some(SagaStatus::Completed), vec![]),
    ] {
        let query = SagaQuery {
            failed,
            ended,
            status,
            ..SagaQuery::newest(10)
        };
        let page = store.search(&query).await.unwrap();
        let found: Vec<&str> = page.sagas.iter().map(|saga| saga.saga_id.as_str()).collect();
        assert_eq!(found, expected, "{failed:?} {ended:?} {status:?}");
        assert_eq!(page.total.count, expected.len() as u64);
        assert!(matches!(query.start, PageStart::Offset(0)));
        let drawn = store.draw(&query, 10).await.unwrap();
        assert_eq!(
            drawn.sagas.len(),
            expected.len(),
            "{failed:?} {ended:?} {status:?}"
        );
    }
}
