//! A job is created once, with its items, and seen by scope.

use saga_store::{
    Creation, Job, JobAction, JobQuery, JobState, NewItem, NewJob, OperationKind, RequestKeys, Reversion,
    Scope,
};
use saga_types::{SagaStatus, SagaType, steps};

use super::{dana, item, items, log, make, new_job, orders, seen};
use crate::suite::{
    Database,
    events::{at, event},
};

pub(crate) async fn a_job_is_stored_with_its_items_and_read_back(database: &impl Database) {
    let store = database.store().await;
    let created = make(&*store, &new_job(orders(2_500))).await;
    let expected = Job {
        id: created.id,
        action: JobAction::Correct,
        state: JobState::Waiting,
        target: Some("FAILED".to_owned()),
        note: Some("by hand, 주문".to_owned()),
        care: None,
        selection: r#"{"filter":{}}"#.to_owned(),
        request: "a".to_owned(),
        actor: dana(),
        scope: Scope::of([SagaType::ORDER_CREATION]),
        reverts: None,
        reverted_by: None,
        created_at: at(50),
        started_at: None,
        moved_at: at(50),
        finished_at: None,
        items: 2_500,
        changed: 0,
        unchanged: 0,
        refused: 0,
        failed: 0,
    };
    assert_eq!(created, expected);
    assert_eq!(seen(&*store, created.id).await, expected);
    let all = items(&*store, created.id, Some(None)).await;
    assert_eq!(all.len(), 2_500);
    assert_eq!(
        (all[2_499].number, all[2_499].saga_id.as_deref()),
        (2_500, Some("saga-2500"))
    );
    assert_eq!(all[0].before.as_deref(), Some("STARTED"));
    let entries = log(&*store, created.id).await;
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (
            entries[0].operation.kind,
            entries[0].operation.result.as_str(),
            entries[0].job_id
        ),
        (OperationKind::Job, "CREATED", Some(created.id))
    );
}

pub(crate) async fn a_request_makes_one_job(database: &impl Database) {
    let store = database.store().await;
    let with = |token: Option<&str>, key: Option<&str>, request: &str| NewJob {
        keys: RequestKeys {
            actor: "dana".to_owned(),
            token: token.map(str::to_owned),
            key: key.map(str::to_owned),
        },
        request: request.to_owned(),
        ..new_job(orders(1))
    };
    let by_token = with(Some("t"), None, "a");
    let (one, two, three) = tokio::join!(
        store.create_job(&by_token),
        store.create_job(&by_token),
        store.create_job(&by_token)
    );
    let outcomes = [one.unwrap(), two.unwrap(), three.unwrap()];
    let is_new = |outcome: &&Creation| matches!(outcome, Creation::Created(_));
    assert_eq!(outcomes.iter().filter(is_new).count(), 1);
    let ids: Vec<i64> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Creation::Created(job) | Creation::Known(job) => Some(job.id),
            Creation::KeyReused => None,
        })
        .collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let known = store.job_of_request(&by_token.keys).await.unwrap().unwrap();
    assert_eq!(known.id, ids[0]);

    let by_key = with(None, Some("k"), "a");
    let made = make(&*store, &by_key).await;
    let reused = store.create_job(&with(None, Some("k"), "b")).await.unwrap();
    assert!(matches!(reused, Creation::KeyReused), "{reused:?}");
    let mut of_another = with(None, Some("k"), "b");
    of_another.keys.actor = "kim".to_owned();
    make(&*store, &of_another).await;
    // A caller whose rights were bound since is not shown the job.
    let bound = NewJob {
        scope: Scope::of([SagaType::REFUND]),
        ..by_key
    };
    let hidden = store.create_job(&bound).await.unwrap();
    assert!(matches!(hidden, Creation::KeyReused), "{hidden:?}");
    let hidden = store.revert_job(made.id, &bound).await.unwrap();
    assert!(matches!(hidden, Reversion::NotFound), "{hidden:?}");
    let none = RequestKeys::default();
    assert!(store.job_of_request(&none).await.unwrap().is_none());
}

pub(crate) async fn a_job_is_seen_by_those_who_may_see_all_its_types(database: &impl Database) {
    let store = database.store().await;
    let other = event("saga-7", "1", steps::ORDER_CREATED, SagaStatus::Started, 0);
    store.append(vec![other].into()).await.unwrap();
    let orders_alone = make(&*store, &new_job(orders(2))).await.id;
    let mixed = vec![item(1, Some("ORDER_CREATION")), item(2, Some("REFUND"))];
    let mixed = make(&*store, &new_job(mixed)).await.id;
    let unknown = make(&*store, &new_job(vec![item(3, None)])).await.id;
    // The event names one type, the saga has another one.
    let of_letter = NewItem {
        letter_id: Some(1),
        ..item(7, Some("REFUND"))
    };
    let of_letter = make(&*store, &new_job(vec![of_letter])).await.id;
    let ids = async |scope: Scope| -> Vec<i64> {
        let query = JobQuery {
            scope: scope.clone(),
            size: 100,
            ..JobQuery::default()
        };
        let listed: Vec<i64> = store
            .jobs(&query)
            .await
            .unwrap()
            .iter()
            .map(|job| job.id)
            .collect();
        for id in [orders_alone, mixed, unknown, of_letter] {
            let found = store.job(id, &scope).await.unwrap().is_some();
            assert_eq!(found, listed.contains(&id), "{id}");
            let stopped = store.stop_job(i64::MAX, &scope, &dana(), at(1)).await.unwrap();
            assert!(stopped.is_none());
        }
        listed
    };
    let (order, refund) = (SagaType::ORDER_CREATION, SagaType::REFUND);
    assert_eq!(ids(Scope::All).await, [of_letter, unknown, mixed, orders_alone]);
    assert_eq!(ids(Scope::of([order.clone()])).await, [orders_alone]);
    assert_eq!(ids(Scope::of([refund.clone()])).await, Vec::<i64>::new());
    assert_eq!(
        ids(Scope::of([order, refund.clone()])).await,
        [of_letter, mixed, orders_alone]
    );
    assert_eq!(ids(Scope::of([])).await, Vec::<i64>::new());
    let bound = Scope::of([refund]);
    assert!(
        store
            .stop_job(mixed, &bound, &dana(), at(1))
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(seen(&*store, mixed).await.state, JobState::Waiting);
    let order = NewJob {
        scope: bound,
        ..new_job(Vec::new())
    };
    let reverted = store.revert_job(mixed, &order).await.unwrap();
    assert!(matches!(reverted, Reversion::NotFound), "{reverted:?}");
}
