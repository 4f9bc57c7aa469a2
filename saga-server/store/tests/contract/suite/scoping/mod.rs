//! Readers whose rights are bound to saga types: each question of a database with sagas of several types answers as one does
//! that never had sagas of the other types.

mod letters;

use std::sync::Arc;

use saga_store::{
    Actor, Conclusion, FlowQuery, Late, Operation, OperationFilter, OperationKind, OperationQuery, PageStart,
    SagaQuery, SagaSort, Scope, SortBy, SortOrder, Span, StatisticsQuery, Store, Transition, Way, Width,
};
use saga_types::{SagaEvent, SagaStatus, SagaType, Timestamp, steps};

use super::{
    Database,
    events::{at, created, event, with},
    search_model::everything,
};

pub(crate) use self::letters::{
    a_removed_saga_keeps_its_type, letters_are_seen_by_the_type_of_their_event_and_of_their_saga,
};

const MINUTE: i64 = 60_000;

fn refunds() -> Scope {
    Scope::of([SagaType::REFUND])
}

/// Neither of these two has a saga of the third.
fn refunds_and_payments() -> Scope {
    Scope::of([SagaType::REFUND, SagaType::PAYMENT_COMPLETION])
}

fn nothing() -> Scope {
    Scope::of([])
}

fn of_type(events: Vec<SagaEvent>, saga_type: &SagaType) -> Vec<SagaEvent> {
    let retyped = events.into_iter().map(|mut event| {
        event.saga_type = saga_type.clone();
        event
    });
    retyped.collect()
}

/// Sagas of one type: one under way, one that failed and owes something, one that completed, all of one order, step and service.
fn sagas(saga_type: &SagaType, begin: i64) -> Vec<SagaEvent> {
    let name = |what: &str| format!("{what}-{}", saga_type.as_str().to_lowercase());
    let metadata =
        r#"{"producerService":"shop","traceId":"trace","customerId":"C-17","failureReason":"declined"}"#;
    let mut events = vec![
        created(&name("begun"), "1", begin),
        created(&name("failed"), "1", begin + MINUTE),
        event(
            &name("failed"),
            "2",
            steps::STOCK_RESERVED,
            SagaStatus::Completed,
            begin + MINUTE + 1,
        ),
        event(
            &name("failed"),
            "3",
            steps::PAYMENT_FAILED,
            SagaStatus::Failed,
            begin + MINUTE + 2,
        ),
        created(&name("done"), "1", begin + 2 * MINUTE),
        event(
            &name("done"),
            "2",
            steps::ORDER_CONFIRMED,
            SagaStatus::Completed,
            begin + 2 * MINUTE + 7,
        ),
    ];
    for event in &mut events {
        event.order_id = "the-order".parse().unwrap();
        *event = with(event.clone(), metadata);
    }
    of_type(events, saga_type)
}

/// A store with sagas of three types, as far as they are of the scope.
async fn filled(database: &impl Database, scope: &Scope) -> Arc<dyn Store> {
    let store = database.store().await;
    let types = [
        SagaType::ORDER_CREATION,
        SagaType::PAYMENT_COMPLETION,
        SagaType::REFUND,
    ];
    for (place, saga_type) in (0..).zip(&types) {
        if scope.has(saga_type) {
            store
                .append(sagas(saga_type, place * 10_000).into())
                .await
                .unwrap();
        }
    }
    store
}

async fn found(store: &Arc<dyn Store>, query: &SagaQuery) -> (Vec<String>, u64, bool, bool) {
    let page = store.search(query).await.unwrap();
    let ids = page.sagas.iter().map(|saga| saga.saga_id.as_str().to_owned());
    (
        ids.collect(),
        page.total.count,
        page.total.is_exact,
        page.has_more,
    )
}

fn queries() -> Vec<SagaQuery> {
    let text = |text: &str| Some(text.to_owned());
    let one = |change: &dyn Fn(&mut SagaQuery)| {
        let mut query = everything();
        change(&mut query);
        query
    };
    let mut queries = vec![
        one(&|_| ()),
        one(&|query| query.saga_type = Some(SagaType::ORDER_CREATION)),
        one(&|query| query.saga_type = Some(SagaType::REFUND)),
        one(&|query| query.order_id = text("the-order")),
        one(&|query| query.step = text("ORDER_CREATED")),
        one(&|query| query.producer_service = text("shop")),
        one(&|query| query.trace_id = text("trace")),
        one(&|query| query.metadata = [("customerId".to_owned(), "C-17".to_owned())].into()),
        one(&|query| query.failed_step = text("PAYMENT_FAILED")),
        one(&|query| query.failure_reason = text("declined")),
        one(&|query| query.status = Some(SagaStatus::Failed)),
        one(&|query| query.ended = Some(true)),
        one(&|query| query.owing = Some(true)),
        one(&|query| query.owes = text("STOCK_RESERVED")),
        one(&|query| query.awaits = text("STOCK_RESERVED")),
        one(&|query| query.stuck = Some((true, Timestamp::MAX))),
        one(&|query| query.started_from = Some(at(MINUTE))),
        one(&|query| query.min_duration_ms = Some(1)),
    ];
    for by in [SortBy::UpdatedAt, SortBy::Due(Late::Stuck), SortBy::Duration] {
        for order in [SortOrder::Ascending, SortOrder::Descending] {
            queries.push(one(&|query| query.sort = SagaSort { by, order }));
        }
    }
    for size in [1, 2] {
        for offset in [0, 1] {
            let mut query = everything();
            (query.size, query.start) = (size, PageStart::Offset(offset));
            queries.push(query.clone());
            query.step = text("ORDER_CREATED");
            queries.push(query);
        }
    }
    queries
}

pub(crate) async fn a_search_finds_sagas_of_the_scope_and_counts_no_others<D: Database>(database: &D) {
    let all = filled(database, &Scope::All).await;
    for scope in [refunds(), refunds_and_payments(), nothing(), Scope::All] {
        let alone = D::new().await;
        let some = filled(&alone, &scope).await;
        for query in queries() {
            let scoped = SagaQuery {
                scope: scope.clone(),
                ..query.clone()
            };
            let expected = found(&some, &query).await;
            assert_eq!(found(&all, &scoped).await, expected, "{scoped:?}");
        }
    }
}

pub(crate) async fn counts_along_a_period_are_those_of_the_scope<D: Database>(database: &D) {
    let all = filled(database, &Scope::All).await;
    for scope in [refunds(), refunds_and_payments(), nothing()] {
        let alone = D::new().await;
        let some = filled(&alone, &scope).await;
        for width in [Width::Minute, Width::Hour, Width::Day] {
            let span = Span::ending_at(at(9 * MINUTE), width, 10);
            assert_eq!(
                all.trends(&span, &scope).await.unwrap(),
                some.trends(&span, &Scope::All).await.unwrap()
            );
        }
        for saga_type in [None, Some(SagaType::REFUND), Some(SagaType::ORDER_CREATION)] {
            for from in [None, Some(at(MINUTE)), Some(at(MINUTE + 1))] {
                let query = StatisticsQuery {
                    saga_type: saga_type.clone(),
                    from,
                    ..StatisticsQuery::default()
                };
                let scoped = StatisticsQuery {
                    scope: scope.clone(),
                    ..query.clone()
                };
                assert_eq!(
                    all.statistics(&scoped).await.unwrap(),
                    some.statistics(&query).await.unwrap(),
                    "{scoped:?}"
                );
            }
        }
    }
}

pub(crate) async fn the_flow_of_a_type_that_may_not_be_seen_is_empty<D: Database>(database: &D) {
    let all = filled(database, &Scope::All).await;
    let alone = D::new().await;
    let some = filled(&alone, &refunds()).await;
    for saga_type in [SagaType::REFUND, SagaType::ORDER_CREATION] {
        let query = |scope| FlowQuery {
            scope,
            saga_type: saga_type.clone(),
            span: Span::ending_at(at(9 * MINUTE), Width::Hour, 2),
            service_version: None,
            most: 10,
            of: Some(Transition {
                from: None,
                to: steps::ORDER_CREATED,
            }),
        };
        let flow = all.flow(&query(refunds())).await.unwrap();
        assert_eq!(flow, some.flow(&query(Scope::All)).await.unwrap());
        assert_eq!(flow.sample.sagas > 0, saga_type == SagaType::REFUND);
    }
}

pub(crate) async fn what_is_late_is_of_the_scope<D: Database>(database: &D) {
    let all = filled(database, &Scope::All).await;
    let alone = D::new().await;
    let some = filled(&alone, &refunds()).await;
    // Orders alone have limits of time among the built-in definitions; compensations are owed by all.
    let orders = Scope::of([SagaType::ORDER_CREATION]);
    for late in Late::ALL {
        let of = async |store: &Arc<dyn Store>, scope: &Scope| {
            let groups = store
                .late_groups(late, Timestamp::MAX, scope, None)
                .await
                .unwrap();
            let sagas = store
                .late_sagas(late, Timestamp::MAX, 10, scope, None)
                .await
                .unwrap();
            (groups, sagas.sagas, sagas.total)
        };
        assert_eq!(of(&all, &refunds()).await, of(&some, &Scope::All).await);
        let (groups, sagas, total) = of(&all, &orders).await;
        assert!(!groups.is_empty() && total.count == sagas.len() as u64);
        assert!(
            sagas
                .iter()
                .all(|saga| saga.saga_type == SagaType::ORDER_CREATION)
        );
        let (groups, sagas, total) = of(&all, &nothing()).await;
        assert_eq!((groups.len(), sagas.len(), total.count), (0, 0, 0));
    }
}

pub(crate) async fn operations_are_seen_by_the_type_of_their_saga(database: &impl Database) {
    let store = database.store().await;
    let operation = |saga_type: Option<&str>| Operation {
        at: at(0),
        actor: Actor {
            name: "dana".to_owned(),
            role: None,
            way: Way::Rest,
            address: None,
        },
        kind: OperationKind::Correction,
        saga_id: Some("saga-1".to_owned()),
        saga_type: saga_type.map(str::to_owned),
        letter_id: None,
        before: None,
        after: None,
        result: "CORRECTED".to_owned(),
        detail: None,
    };
    let operations = [Some("REFUND"), Some("ORDER_CREATION"), None].map(operation);
    let conclude = Arc::new(move |_: &saga_store::Appended| Conclusion {
        operations: operations.to_vec(),
        ..Conclusion::default()
    });
    let batch = vec![created("saga-1", "1", 0)];
    store.append_by(batch.into(), conclude).await.unwrap();
    let seen = async |scope: Scope| {
        let filter = OperationFilter {
            scope,
            ..OperationFilter::default()
        };
        let query = OperationQuery {
            filter,
            after: None,
            size: 10,
        };
        let page = store.operations(&query).await.unwrap();
        let types = page
            .operations
            .into_iter()
            .map(|stored| stored.operation.saga_type);
        types.collect::<Vec<_>>()
    };
    assert_eq!(seen(Scope::All).await.len(), 3);
    assert_eq!(seen(refunds()).await, [Some("REFUND".to_owned())]);
    assert_eq!(seen(nothing()).await.len(), 0);
}

pub(crate) async fn a_first_event_that_comes_late_moves_a_saga_between_scopes(database: &impl Database) {
    let store = database.store().await;
    let later = event("saga-1", "2", steps::STOCK_RESERVED, SagaStatus::InProgress, 5);
    store
        .append(of_type(vec![later], &SagaType::REFUND).into())
        .await
        .unwrap();
    let seen = async |scope: Scope| {
        let query = SagaQuery {
            scope,
            ..everything()
        };
        found(&store, &query).await.0
    };
    let orders = || Scope::of([SagaType::ORDER_CREATION]);
    assert_eq!(seen(refunds()).await, ["saga-1"]);
    assert_eq!(seen(orders()).await, [""; 0]);
    store
        .append(vec![created("saga-1", "1", 0)].into())
        .await
        .unwrap();
    assert_eq!(seen(refunds()).await, [""; 0]);
    assert_eq!(seen(orders()).await, ["saga-1"]);
}

pub(crate) async fn a_total_that_is_cached_for_all_types_is_not_given_to_a_scope(database: &impl Database) {
    let store = database.store().await;
    for from in 0..6_i64 {
        let orders =
            (from * 2_000..(from + 1) * 2_000).map(|saga| created(&format!("order-{saga}"), "1", saga));
        store.append(orders.collect()).await.unwrap();
    }
    for saga_type in [SagaType::REFUND, SagaType::PAYMENT_COMPLETION] {
        store.append(sagas(&saga_type, 0).into()).await.unwrap();
    }
    for step in [None, Some("ORDER_CREATED".to_owned())] {
        let total = async |scope: Scope| {
            let query = SagaQuery {
                scope,
                step: step.clone(),
                size: 1,
                ..everything()
            };
            store.search(&query).await.unwrap().total
        };
        assert!(!total(Scope::All).await.is_exact);
        for scope in [refunds(), refunds_and_payments()] {
            let expected = if scope == refunds() { 3 } else { 6 };
            let total = total(scope).await;
            assert_eq!((total.count, total.is_exact), (expected, true), "{step:?}");
        }
    }
}
