//! Jobs are stopped, reverted and removed.

use saga_store::{ItemResult, JobAction, JobItem, JobState, NewJob, Reversion, Scope};
use saga_types::Timestamp;

use super::{dana, done, items, log, make, new_job, orders, seen, step};
use crate::suite::{Database, events::at};

pub(crate) async fn a_job_is_stopped_and_the_rest_is_left(database: &impl Database) {
    let store = database.store().await;
    let waiting = make(&*store, &new_job(orders(2))).await.id;
    let stopped = store
        .stop_job(waiting, &Scope::All, &dana(), at(55))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (stopped.state, stopped.finished_at),
        (JobState::Stopped, Some(at(55)))
    );
    store.start_job(waiting, at(56)).await.unwrap();
    assert_eq!(seen(&*store, waiting).await.state, JobState::Stopped);

    let running = make(&*store, &new_job(orders(2))).await.id;
    store.start_job(running, at(51)).await.unwrap();
    let results = vec![done(1, ItemResult::Changed)];
    store.record_items(&step(running, results)).await.unwrap();
    for _ in 0..2 {
        let stopping = store
            .stop_job(running, &Scope::All, &dana(), at(61))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(stopping.state, JobState::Stopping);
    }
    let stops = log(&*store, running).await;
    assert_eq!(
        stops
            .iter()
            .filter(|entry| entry.operation.result == "STOPPED")
            .count(),
        1
    );
    assert!(store.end_job(running, at(62)).await.unwrap());
    assert_eq!(seen(&*store, running).await.state, JobState::Stopped);
    assert_eq!(items(&*store, running, Some(None)).await.len(), 1);
}

pub(crate) async fn a_job_is_reverted_once(database: &impl Database) {
    let store = database.store().await;
    let id = make(&*store, &new_job(orders(3))).await.id;
    let order = new_job(Vec::new());
    let early = store.revert_job(id, &order).await.unwrap();
    assert!(matches!(early, Reversion::NotEnded), "{early:?}");
    store.start_job(id, at(51)).await.unwrap();
    let results = vec![
        done(1, ItemResult::Changed),
        done(2, ItemResult::Refused),
        done(3, ItemResult::Changed),
    ];
    store.record_items(&step(id, results)).await.unwrap();
    store.end_job(id, at(61)).await.unwrap();
    let (one, two) = tokio::join!(store.revert_job(id, &order), store.revert_job(id, &order));
    let outcomes = [one.unwrap(), two.unwrap()];
    let new = outcomes.iter().find_map(|outcome| match outcome {
        Reversion::Created(job) => Some(job.clone()),
        _ => None,
    });
    let new = new.unwrap();
    let is_other = |outcome: &&Reversion| matches!(outcome, Reversion::Reverting(other) if *other == new.id);
    assert_eq!(outcomes.iter().filter(is_other).count(), 1, "{outcomes:?}");
    assert_eq!(
        (new.items, new.reverts, new.action),
        (2, Some(id), JobAction::Correct)
    );
    assert_eq!(seen(&*store, id).await.reverted_by, Some(new.id));
    let back = items(&*store, new.id, None).await;
    let change = |item: &JobItem| {
        (
            item.number,
            item.saga_id.clone().unwrap(),
            item.target.clone().unwrap(),
        )
    };
    let changes: Vec<_> = back.iter().map(change).collect();
    let expected =
        [(1, "saga-1"), (2, "saga-3")].map(|(number, saga)| (number, saga.to_owned(), "STARTED".to_owned()));
    assert_eq!(changes, expected);
    assert_eq!(back[0].before.as_deref(), Some("FAILED"));

    // What a reverting job that was stopped has left can be reverted later.
    store.start_job(new.id, at(70)).await.unwrap();
    store
        .record_items(&step(new.id, vec![done(1, ItemResult::Changed)]))
        .await
        .unwrap();
    store
        .stop_job(new.id, &Scope::All, &dana(), at(71))
        .await
        .unwrap();
    store.end_job(new.id, at(72)).await.unwrap();
    let Reversion::Created(rest) = store.revert_job(id, &order).await.unwrap() else {
        panic!("one is left");
    };
    let rest_items = items(&*store, rest.id, None).await;
    assert_eq!(rest_items[0].saga_id.as_deref(), Some("saga-3"));
    store.start_job(rest.id, at(73)).await.unwrap();
    store
        .record_items(&step(rest.id, vec![done(1, ItemResult::Changed)]))
        .await
        .unwrap();
    store.end_job(rest.id, at(74)).await.unwrap();
    let nothing = store.revert_job(id, &order).await.unwrap();
    assert!(matches!(nothing, Reversion::NothingLeft), "{nothing:?}");

    let replay = NewJob {
        action: JobAction::Replay,
        ..new_job(orders(1))
    };
    let replay = make(&*store, &replay).await.id;
    store
        .stop_job(replay, &Scope::All, &dana(), at(80))
        .await
        .unwrap();
    let never = store.revert_job(replay, &order).await.unwrap();
    assert!(matches!(never, Reversion::Irreversible), "{never:?}");
}

pub(crate) async fn jobs_that_ended_leave_with_their_items(database: &impl Database) {
    let store = database.store().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(make(&*store, &new_job(orders(2))).await.id);
    }
    for (id, end) in ids.iter().zip([60, 61]) {
        store.stop_job(*id, &Scope::All, &dana(), at(end)).await.unwrap();
    }
    assert_eq!(store.remove_jobs(at(61), 10).await.unwrap(), 1);
    assert!(store.job(ids[0], &Scope::All).await.unwrap().is_none());
    assert!(items(&*store, ids[0], None).await.is_empty());
    assert_eq!(store.remove_jobs(Timestamp::MAX, 10).await.unwrap(), 1);
    assert_eq!(items(&*store, ids[2], None).await.len(), 2, "it has not ended");
}
