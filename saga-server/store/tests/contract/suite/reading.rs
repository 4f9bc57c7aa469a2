//! One saga: its state, its steps, and what it was.

use std::time::Duration;

use saga_store::StoreError;
use saga_types::{
    SagaStatus,
    definition::Definitions,
    fold::{self, Position},
    steps,
};

use super::{
    Database, connect,
    events::{Random, at, created, event, folded, random_events, state_of, with},
};

pub(crate) async fn steps_come_in_order_page_by_page(database: &impl Database) {
    let store = database.store().await;
    // Ids that sort otherwise by any language's rules than byte by byte.
    let ids = ["b", "B", "a", "_", "ä", "Z", "10", "9", "주"];
    let mut events: Vec<_> = ids.iter().map(|id| created("saga-1", id, 5)).collect();
    events.push(with(
        created("saga-1", "zz", 1),
        r#"{"producerService":"order-service","traceId":"t1","n":1}"#,
    ));
    events.push(created("saga-1", "00", 9));
    store.append(events.clone().into()).await.unwrap();

    let position = |event: &saga_types::SagaEvent| (event.recorded_at, event.event_id.clone());
    events.sort_by_key(position);
    let expected: Vec<_> = events.iter().map(position).collect();
    for size in [1, 2, 5, 11, 100] {
        let mut seen = Vec::new();
        let mut after: Option<Position> = None;
        loop {
            let page = store
                .steps("saga-1", after.as_ref(), size)
                .await
                .unwrap()
                .unwrap();
            assert!(page.steps.len() <= size as usize);
            seen.extend(
                page.steps
                    .iter()
                    .map(|step| (step.recorded_at, step.event_id.clone())),
            );
            assert_eq!(page.has_more, seen.len() < expected.len());
            let Some(last) = page.steps.last().filter(|_| page.has_more) else {
                break;
            };
            after = Some(Position {
                recorded_at: last.recorded_at,
                event_id: last.event_id.clone(),
            });
        }
        assert_eq!(seen, expected, "pages of {size}");
    }
    let first = store
        .steps("saga-1", None, 1)
        .await
        .unwrap()
        .unwrap()
        .steps
        .remove(0);
    assert_eq!(first.producer_service.as_deref(), Some("order-service"));
    assert_eq!(first.trace_id.as_deref(), Some("t1"));
    assert_eq!(
        (first.step, first.status, first.metadata),
        (
            steps::ORDER_CREATED,
            SagaStatus::Started,
            events[0].metadata.clone()
        )
    );
}

pub(crate) async fn an_unknown_saga_is_none(database: &impl Database) {
    let store = database.store().await;
    store
        .append(vec![created("saga-1", "1", 0)].into())
        .await
        .unwrap();
    for unknown in ["saga", "saga-10", "", "nul\0", "'; DROP TABLE saga_steps; --"] {
        assert_eq!(store.saga(unknown).await.unwrap(), None, "{unknown}");
        assert!(
            store.steps(unknown, None, 10).await.unwrap().is_none(),
            "{unknown}"
        );
        assert_eq!(store.saga_as_of(unknown, at(5)).await.unwrap(), None, "{unknown}");
    }
    let after_all = Position {
        recorded_at: at(9),
        event_id: "9".parse().unwrap(),
    };
    let page = store
        .steps("saga-1", Some(&after_all), 10)
        .await
        .unwrap()
        .unwrap();
    assert!(page.steps.is_empty() && !page.has_more);
}

pub(crate) async fn a_saga_is_answered_as_of_any_moment(database: &impl Database) {
    let store = database.store().await;
    let events = random_events(&mut Random::seeded(5), 6, 15);
    store.append(events.clone().into()).await.unwrap();
    for saga in 0..6 {
        let saga_id = format!("saga-{saga}");
        for millis in 0..130 {
            let until: Vec<_> = events
                .iter()
                .filter(|event| event.recorded_at <= at(millis))
                .cloned()
                .collect();
            let answer = store.saga_as_of(&saga_id, at(millis)).await.unwrap();
            assert_eq!(answer, folded(&until, &saga_id), "{saga_id} at {millis}");
        }
    }
}

pub(crate) async fn a_changed_definition_changes_the_answers(database: &impl Database) {
    let before = database.open(Definitions::none()).await;
    let events = vec![
        created("saga-1", "1", 0),
        event("saga-1", "2", steps::STOCK_RESERVED, SagaStatus::Completed, 10),
    ];
    before.append(events.clone().into()).await.unwrap();
    let state = before.saga("saga-1").await.unwrap().unwrap();
    assert_eq!(state.current_status, SagaStatus::Completed);

    let after = database.store().await;
    let expected = folded(&events, "saga-1").unwrap();
    assert_eq!(expected.current_status, SagaStatus::InProgress);
    assert_eq!(state_of(&*after, "saga-1").await.as_ref(), Some(&expected));
    let page = after.search(&super::search_model::everything()).await.unwrap();
    let states: Vec<_> = page.sagas.into_iter().map(|saga| saga.state).collect();
    assert_eq!(states, [expected]);
    // The next event brings the kept fold under the new definition, with all that came before.
    let next = event("saga-1", "3", steps::ORDER_CONFIRMED, SagaStatus::Completed, 20);
    let appended = after.append(vec![next.clone()].into()).await.unwrap();
    let all = [events, vec![next]].concat();
    assert_eq!(Some(&appended.changes[0].state), folded(&all, "saga-1").as_ref());
    assert_eq!(
        state_of(&*before, "saga-1").await,
        fold::fold(&all, &Definitions::none())
    );
}

pub(crate) async fn a_kept_fold_that_cannot_be_read_is_folded_anew(database: &impl Database) {
    let store = database.store().await;
    let first = created("saga-1", "1", 0);
    store.append(vec![first.clone()].into()).await.unwrap();
    database
        .execute("UPDATE saga_instance SET fold = 'of another version'")
        .await;
    assert_eq!(
        state_of(&*store, "saga-1").await,
        folded(std::slice::from_ref(&first), "saga-1")
    );
    let second = event("saga-1", "2", steps::STOCK_RESERVED, SagaStatus::Completed, 10);
    store.append(vec![second.clone()].into()).await.unwrap();
    assert_eq!(
        state_of(&*store, "saga-1").await,
        folded(&[first, second], "saga-1")
    );
}

pub(crate) async fn migrating_twice_changes_nothing(database: &impl Database) {
    let store = database.store().await;
    store
        .append(vec![created("saga-1", "1", 0)].into())
        .await
        .unwrap();
    let (first, second) = (database.store(), database.store());
    let (first, _) = tokio::join!(first, second);
    first.check().await.unwrap();
    assert!(first.saga("saga-1").await.unwrap().is_some());
}

pub(crate) async fn tables_that_are_not_there_are_an_outage(database: &impl Database) {
    let store = connect(&database.url(), Definitions::built_in()).await;
    let failure = store.check().await.unwrap_err();
    assert!(matches!(failure, StoreError::Unavailable(_)), "{failure}");
    let appending = store.append(vec![created("saga-1", "1", 0)].into());
    let failure = tokio::time::timeout(Duration::from_secs(30), appending)
        .await
        .unwrap()
        .unwrap_err();
    assert!(
        matches!(failure, saga_store::AppendError::Unavailable(_)),
        "{failure}"
    );
    store.migrate().await.unwrap();
    store.check().await.unwrap();
    store
        .append(vec![created("saga-1", "1", 0)].into())
        .await
        .unwrap();
}
