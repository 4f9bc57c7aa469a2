//! A person's data leaves by a key and value of the metadata, sagas and their states stay, and nothing brings it back.

use std::{collections::BTreeSet, sync::Arc};

use saga_store::{
    Actor, Erased, ErasedEvent, Erasure, MetadataValue, Operation, OperationFilter, OperationKind,
    OperationQuery, Rebuild, Removed, SagaQuery, Store, StoredStep, Way,
};
use saga_types::{SagaEvent, SagaStatus, Timestamp, definition::Definitions, fold, steps};

use super::{
    Database,
    events::{Random, at, created, event, random_events, state_of, with},
};

/// The person whose data is erased.
pub(super) const PERSON: &str = "C-17 주문";

pub(super) fn value() -> MetadataValue {
    MetadataValue::new("customerId", PERSON).unwrap()
}

pub(super) fn erasure() -> Erasure {
    Erasure {
        at: at(9_000),
        actor: Actor {
            name: "dana".to_owned(),
            role: Some("operator".to_owned()),
            way: Way::Rest,
            address: None,
        },
        key: "customerId".to_owned(),
    }
}

/// A failed saga with the person in every event but the first, and in its failure.
pub(super) fn of_person(saga_id: &str) -> Vec<SagaEvent> {
    let first = r#"{"producerService":"order","serviceVersion":"1.2","note":"for the person"}"#;
    let named = format!(
        r#"{{"customerId":"{PERSON}","producerService":"stock","traceId":"t1","parentSagaId":"p1"}}"#
    );
    let reason = format!(
        r#"{{"producerService":"payment","failureReason":"{PERSON} has no money","customerId":"{PERSON}"}}"#
    );
    vec![
        with(created(saga_id, "1", 0), first),
        with(
            event(saga_id, "2", steps::STOCK_RESERVED, SagaStatus::Completed, 10),
            &named,
        ),
        with(
            event(saga_id, "3", steps::PAYMENT_FAILED, SagaStatus::Failed, 20),
            &reason,
        ),
        event(saga_id, "4", steps::STOCK_RELEASED, SagaStatus::Compensated, 30),
    ]
}

/// A saga of somebody else.
pub(super) fn of_another(saga_id: &str) -> Vec<SagaEvent> {
    let other = r#"{"customerId":"C-170","failureReason":"declined","note":"C-17"}"#;
    vec![
        created(saga_id, "1", 0),
        with(
            event(saga_id, "2", steps::PAYMENT_FAILED, SagaStatus::Failed, 20),
            other,
        ),
    ]
}

/// Erases everything, two sagas at a time; how much.
async fn erase(store: &dyn Store) -> Erased {
    let mut all = Erased::default();
    loop {
        let found = store.sagas_with(&value(), "", 2).await.unwrap();
        if found.is_empty() {
            return all;
        }
        let ids: Vec<String> = found.into_iter().map(|saga| saga.saga_id).collect();
        let erased = store.erase_sagas(&ids, &erasure()).await.unwrap();
        all.sagas += erased.sagas;
        all.events += erased.events;
    }
}

async fn steps(store: &dyn Store, saga_id: &str) -> Vec<StoredStep> {
    store.steps(saga_id, None, 1_000).await.unwrap().unwrap().steps
}

pub(super) async fn log(store: &dyn Store) -> Vec<Operation> {
    let query = OperationQuery {
        filter: OperationFilter {
            kind: Some(OperationKind::Erasure),
            ..OperationFilter::default()
        },
        after: None,
        size: 1_000,
    };
    let page = store.operations(&query).await.unwrap();
    page.operations
        .into_iter()
        .map(|stored| stored.operation)
        .collect()
}

async fn assert_rebuilt(store: &dyn Store) {
    let rebuilt = store.rebuild(None, 1_000, Rebuild::DryRun).await.unwrap();
    assert_eq!(rebuilt.differences, []);
    assert_eq!(store.recount(Rebuild::DryRun).await.unwrap(), 0);
}

pub(crate) async fn a_persons_metadata_leaves_and_the_saga_stays(database: &impl Database) {
    let store = database.store().await;
    let mut events = of_person("saga-1");
    events.extend(of_another("saga-2"));
    store.append(events.into()).await.unwrap();
    let before = store.saga("saga-1").await.unwrap().unwrap();
    let other = store.saga("saga-2").await.unwrap();
    let found = store.sagas_with(&value(), "", 10).await.unwrap();
    assert_eq!(
        (found.len(), found[0].saga_id.as_str(), found[0].events),
        (1, "saga-1", 4)
    );
    assert_eq!(erase(&*store).await, Erased { sagas: 1, events: 3 });

    let after = store.saga("saga-1").await.unwrap().unwrap();
    assert_eq!(after.state, before.state.clone().with_failure_reason(None));
    assert!(before.summary.contains(PERSON) && !after.summary.contains(PERSON));
    assert_eq!(
        store.saga("saga-2").await.unwrap(),
        other,
        "nobody else lost anything"
    );
    let left = steps(&*store, "saga-1").await;
    let metadata = |step: &StoredStep| step.metadata.as_ref().map(|metadata| metadata.to_object());
    assert_eq!(metadata(&left[3]), None);
    let text = format!("{left:?}");
    assert!(
        !text.contains("C-17") && !text.contains("for the person"),
        "{text}"
    );
    let keys: Vec<String> = metadata(&left[1]).unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        ["metadataErasedAt", "parentSagaId", "producerService", "traceId"]
    );
    assert_eq!(left[1].producer_service.as_deref(), Some("stock"));
    let erased: Vec<Option<Timestamp>> = left.iter().map(|step| step.erased_at).collect();
    assert_eq!(erased, [Some(at(9_000)), Some(at(9_000)), Some(at(9_000)), None]);
    assert_eq!(store.erased_at("saga-1").await.unwrap(), Some(at(9_000)));
    assert_eq!(store.erased_at("saga-2").await.unwrap(), None);

    let query = SagaQuery {
        metadata: [("customerId".to_owned(), PERSON.to_owned())].into(),
        ..SagaQuery::newest(10)
    };
    assert!(store.search(&query).await.unwrap().sagas.is_empty());
    let by_parent = SagaQuery {
        parent_saga_id: Some("p1".to_owned()),
        ..SagaQuery::newest(10)
    };
    assert_eq!(store.search(&by_parent).await.unwrap().sagas.len(), 1);
    assert_rebuilt(&*store).await;
}

pub(crate) async fn an_erasure_is_logged_without_the_value(database: &impl Database) {
    let store = database.store().await;
    store.append(of_person("saga-1").into()).await.unwrap();
    erase(&*store).await;
    let [entry] = &log(&*store).await[..] else {
        panic!("one entry")
    };
    assert_eq!(entry.saga_id.as_deref(), Some("saga-1"));
    assert_eq!(entry.saga_type.as_deref(), Some("ORDER_CREATION"));
    assert_eq!(
        (entry.actor.name.as_str(), entry.result.as_str()),
        ("dana", "ERASED")
    );
    let said = "3 events in the database, by the metadata key customerId";
    assert_eq!(entry.detail.as_deref(), Some(said));
    assert_eq!(erase(&*store).await, Erased::default());
    assert_eq!(
        log(&*store).await.len(),
        1,
        "nothing was erased, so nothing is logged"
    );
}

pub(crate) async fn an_erased_event_that_comes_again_is_a_duplicate_and_brings_nothing_back(
    database: &impl Database,
) {
    let store = database.store().await;
    let events = of_person("saga-1");
    store.append(events.clone().into()).await.unwrap();
    erase(&*store).await;
    let appended = store.append(events.clone().into()).await.unwrap();
    assert_eq!((appended.stored(), appended.duplicates), (0, 4));
    assert!(appended.conflicts.is_empty());
    assert!(!format!("{:?}", steps(&*store, "saga-1").await).contains("C-17"));

    let mut forged = events;
    forged[1].order_id = "another-order".parse().unwrap();
    forged[3] = with(forged[3].clone(), r#"{"note":"this one had no metadata"}"#);
    let appended = store.append(forged.into()).await.unwrap();
    assert_eq!(appended.conflicts, [1, 3], "only what was erased is not compared");
}

pub(crate) async fn events_that_come_later_are_stored_whole_and_found_again(database: &impl Database) {
    let store = database.store().await;
    let events = of_person("saga-1");
    store.append(events[..2].to_vec().into()).await.unwrap();
    assert_eq!(erase(&*store).await, Erased { sagas: 1, events: 2 });
    store.append(events[2..].to_vec().into()).await.unwrap();
    let saga = store.saga("saga-1").await.unwrap().unwrap();
    assert!(saga.failure_reason.is_some());
    assert_eq!(erase(&*store).await, Erased { sagas: 1, events: 1 });
    assert_eq!(store.saga("saga-1").await.unwrap().unwrap().failure_reason, None);
    assert_rebuilt(&*store).await;
}

pub(crate) async fn a_saga_of_many_events_is_erased_whole(database: &impl Database) {
    let store = database.store().await;
    let mut events = vec![with(
        created("saga-1", "a", 0),
        &format!(r#"{{"customerId":"{PERSON}"}}"#),
    )];
    events.extend((0..1_203).map(|number| {
        let step = event(
            "saga-1",
            &format!("{number:04}"),
            steps::STOCK_RESERVATION,
            SagaStatus::InProgress,
            number,
        );
        with(step, r#"{"recipient":"Kim"}"#)
    }));
    store.append(events.into()).await.unwrap();
    assert_eq!(
        erase(&*store).await,
        Erased {
            sagas: 1,
            events: 1_204
        }
    );
    let mut after = None;
    loop {
        let page = store
            .steps("saga-1", after.as_ref(), 1_000)
            .await
            .unwrap()
            .unwrap();
        assert!(page.steps.iter().all(|step| step.erased_at.is_some()));
        assert!(!format!("{:?}", page.steps).contains("Kim"));
        let last = page.steps.last().unwrap();
        after = Some(fold::Position {
            recorded_at: last.recorded_at,
            event_id: last.event_id.clone(),
        });
        if !page.has_more {
            return;
        }
    }
}

pub(crate) async fn metadata_that_cannot_be_read_leaves_as_a_whole(database: &impl Database) {
    let store = database.store().await;
    store.append(of_person("saga-1").into()).await.unwrap();
    database
        .execute("UPDATE saga_steps SET metadata = '[\"C-17\"]' WHERE event_id = '1'")
        .await;
    assert_eq!(erase(&*store).await, Erased { sagas: 1, events: 3 });
    assert_eq!(
        steps(&*store, "saga-1").await[0]
            .metadata
            .as_ref()
            .unwrap()
            .as_str(),
        "{}"
    );
}

pub(crate) async fn writers_and_erasures_at_once_leave_the_fold_of_what_is_stored(database: &impl Database) {
    let store = database.store().await;
    let mut events: Vec<SagaEvent> = (0..12)
        .flat_map(|number| of_person(&format!("person-{number}")))
        .collect();
    events.extend(random_events(&mut Random::seeded(11), 20, 10));
    let mut random = Random::seeded(3);
    random.shuffle(&mut events);
    let write = async |store: Arc<dyn Store>, events: Vec<SagaEvent>| {
        for batch in events.chunks(7) {
            let appended = store.append(batch.to_vec().into()).await.unwrap();
            assert!(appended.conflicts.is_empty());
        }
    };
    let again = async |store: Arc<dyn Store>| {
        for _ in 0..20 {
            erase(&*store).await;
        }
    };
    let (one, two) = (events.clone(), events.iter().rev().cloned().collect());
    tokio::join!(
        write(store.clone(), one),
        write(store.clone(), two),
        again(store.clone()),
        again(store.clone()),
    );
    // What came behind the last erasure.
    erase(&*store).await;
    for number in 0..12 {
        let steps = steps(&*store, &format!("person-{number}")).await;
        assert_eq!(steps.len(), 4);
        assert!(!steps.iter().any(|step| {
            step.metadata
                .as_ref()
                .is_some_and(|metadata| value().is_in(metadata))
        }));
    }
    assert_rebuilt(&*store).await;
    let ids: BTreeSet<String> = events
        .iter()
        .map(|event| event.saga_id.as_str().to_owned())
        .collect();
    for saga_id in ids {
        let stored = store
            .events(std::slice::from_ref(&saga_id), None, 1_000)
            .await
            .unwrap();
        assert_eq!(
            state_of(&*store, &saga_id).await,
            fold::fold(&stored, &Definitions::built_in())
        );
    }
}

pub(crate) async fn a_saga_that_was_erased_is_not_removed_as_it_was_before(database: &impl Database) {
    let store = database.store().await;
    let mut events = of_person("saga-1");
    events.truncate(2);
    store.append(events.into()).await.unwrap();
    // What of it is in the archive's files now holds what is erased next.
    let chosen = store.still_there(&["saga-1".to_owned()]).await.unwrap();
    erase(&*store).await;
    assert_eq!(
        store.remove(&chosen, None).await.unwrap(),
        Removed::Sagas(Vec::new())
    );
    let chosen = store.still_there(&["saga-1".to_owned()]).await.unwrap();
    store.remove(&chosen, None).await.unwrap();
    let removal = store.removal("saga-1").await.unwrap().unwrap();
    assert_eq!(removal.erased_at, Some(at(9_000)), "its marker says it, too");
}

pub(crate) async fn a_saga_that_is_made_anew_was_erased_all_the_same(database: &impl Database) {
    let store = database.store().await;
    store.append(of_person("saga-1").into()).await.unwrap();
    erase(&*store).await;
    database.execute("DELETE FROM saga_instance").await;
    store.rebuild(None, 10, Rebuild::Write).await.unwrap();
    assert_eq!(store.erased_at("saga-1").await.unwrap(), Some(at(9_000)));
}

pub(crate) async fn what_was_erased_elsewhere_is_marked(database: &impl Database) {
    let store = database.store().await;
    store.append(of_person("saga-1").into()).await.unwrap();
    let marked = ErasedEvent {
        saga_id: "saga-1".to_owned(),
        event_id: "2".to_owned(),
        at: at(77),
    };
    store.mark_erased(&[marked]).await.unwrap();
    assert_eq!(store.erased_at("saga-1").await.unwrap(), Some(at(77)));
    assert_eq!(steps(&*store, "saga-1").await[1].erased_at, Some(at(77)));
}
