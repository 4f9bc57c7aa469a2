//! Jobs are created once, seen by scope, done item by item, stopped and taken back.

use std::sync::Arc;

use saga_store::{
    Acknowledged, AcknowledgementQuery, Actor, Conclude, Conclusion, Creation, Disposal, DoneItem,
    ItemResult, Job, JobAcknowledgement, JobAction, JobCare, JobDisposal, JobItem, JobItemQuery, JobQuery,
    JobState, JobStep, Judged, LetterFilter, NewItem, NewJob, OperationFilter, OperationKind, OperationQuery,
    RequestKeys, Reversion, Scope, Store, StoredOperation, Subjects, Way,
};
use saga_types::{SagaStatus, SagaType, Timestamp, steps};

use super::{
    Database,
    dead_letters::letter,
    events::{at, created, event},
    operations::operation,
};

fn dana() -> Actor {
    Actor {
        name: "dana".to_owned(),
        role: Some("operator".to_owned()),
        way: Way::Page,
        address: Some("10.0.0.7".to_owned()),
    }
}

fn item(number: i64, saga_type: Option<&str>) -> NewItem {
    NewItem {
        saga_id: Some(format!("saga-{number}")),
        saga_type: saga_type.map(str::to_owned),
        letter_id: None,
        before: Some("STARTED".to_owned()),
        target: Some("FAILED".to_owned()),
    }
}

fn new_job(items: Vec<NewItem>) -> NewJob {
    NewJob {
        action: JobAction::Correct,
        target: Some("FAILED".to_owned()),
        actor: dana(),
        scope: Scope::of([SagaType::ORDER_CREATION]),
        note: Some("by hand, 주문".to_owned()),
        care: None,
        selection: r#"{"filter":{}}"#.to_owned(),
        keys: RequestKeys {
            actor: "dana".to_owned(),
            ..RequestKeys::default()
        },
        request: "a".to_owned(),
        at: at(50),
        items,
    }
}

fn orders(count: i64) -> Vec<NewItem> {
    (1..=count)
        .map(|number| item(number, Some("ORDER_CREATION")))
        .collect()
}

async fn make(store: &dyn Store, job: &NewJob) -> Job {
    match store.create_job(job).await.unwrap() {
        Creation::Created(job) => job,
        other => panic!("{other:?}"),
    }
}

async fn items(store: &dyn Store, job: i64, result: Option<Option<ItemResult>>) -> Vec<JobItem> {
    let query = JobItemQuery {
        job,
        result,
        after: 0,
        size: 5_000,
    };
    store.job_items(&query).await.unwrap()
}

async fn seen(store: &dyn Store, id: i64) -> Job {
    store.job(id, &Scope::All).await.unwrap().unwrap()
}

async fn log(store: &dyn Store, job: i64) -> Vec<StoredOperation> {
    let query = OperationQuery {
        filter: OperationFilter {
            job_id: Some(job),
            ..OperationFilter::default()
        },
        after: None,
        size: 100,
    };
    store.operations(&query).await.unwrap().operations
}

fn done(number: i64, result: ItemResult) -> DoneItem {
    DoneItem {
        number,
        result,
        message: None,
        before: None,
        after: Some("FAILED".to_owned()),
    }
}

fn step(job: i64, done: Vec<DoneItem>) -> JobStep {
    JobStep {
        job,
        at: at(60),
        done,
    }
}

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
    make(&*store, &by_key).await;
    let reused = store.create_job(&with(None, Some("k"), "b")).await.unwrap();
    assert!(matches!(reused, Creation::KeyReused), "{reused:?}");
    let mut of_another = with(None, Some("k"), "b");
    of_another.keys.actor = "kim".to_owned();
    make(&*store, &of_another).await;
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

/// As a runner does it: the event, the entry of the log and the result of the item in one transaction.
async fn correct(store: &dyn Store, job: i64, numbers: &[i64]) -> bool {
    let events = numbers.iter().map(|number| {
        let saga = format!("saga-{number}");
        event(
            &saga,
            &format!("by-{job}-{number}"),
            steps::MANUAL_STATUS_OVERRIDE,
            SagaStatus::Failed,
            100,
        )
    });
    let numbers = numbers.to_vec();
    let conclude: Conclude = Arc::new(move |appended| Conclusion {
        operations: appended.changes.iter().map(|_| operation(1)).collect(),
        job: Some(step(
            job,
            numbers
                .iter()
                .map(|number| done(*number, ItemResult::Changed))
                .collect(),
        )),
        ..Conclusion::default()
    });
    store
        .append_by(events.collect::<Vec<_>>().into(), conclude)
        .await
        .is_ok()
}

pub(crate) async fn an_item_is_done_by_one_transaction_alone(database: &impl Database) {
    let store = database.store().await;
    let begun = (1..=3).map(|number| created(&format!("saga-{number}"), "1", 0));
    store.append(begun.collect::<Vec<_>>().into()).await.unwrap();
    let id = make(&*store, &new_job(orders(3))).await.id;
    store.start_job(id, at(51)).await.unwrap();
    assert!(correct(&*store, id, &[1]).await);
    let other = make(&*store, &new_job(orders(3))).await.id;
    // Another runner, which has not seen that the first item is done: nothing of it is stored, not even of the second item.
    let steps = async |saga: &str| store.saga(saga).await.unwrap().unwrap().step_count;
    let late = async {
        let events = [1, 2].map(|number| {
            let saga = format!("saga-{number}");
            event(
                &saga,
                "late",
                steps::MANUAL_STATUS_OVERRIDE,
                SagaStatus::Completed,
                200,
            )
        });
        let conclude: Conclude = Arc::new(move |_| Conclusion {
            job: Some(step(
                id,
                vec![done(1, ItemResult::Changed), done(2, ItemResult::Changed)],
            )),
            ..Conclusion::default()
        });
        store.append_by(events.to_vec().into(), conclude).await
    };
    assert!(late.await.is_err());
    assert_eq!((steps("saga-1").await, steps("saga-2").await), (2, 1));
    let job = seen(&*store, id).await;
    assert_eq!((job.state, job.changed, job.done()), (JobState::Running, 1, 1));
    assert_eq!((job.started_at, job.moved_at), (Some(at(51)), at(60)));
    assert!(!store.end_job(id, at(70)).await.unwrap(), "items are left");

    let refusal = DoneItem {
        message: Some("it was removed".to_owned()),
        after: None,
        ..done(2, ItemResult::Refused)
    };
    // A result stays, and a result that came first does not hinder the others.
    let results = vec![
        done(1, ItemResult::Failed),
        refusal,
        done(3, ItemResult::Unchanged),
    ];
    store.record_items(&step(id, results.clone())).await.unwrap();
    store.record_items(&step(id, results)).await.unwrap();
    let job = seen(&*store, id).await;
    assert_eq!(
        (job.changed, job.unchanged, job.refused, job.failed),
        (1, 1, 1, 0)
    );
    let refused = items(&*store, id, Some(Some(ItemResult::Refused))).await;
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].message.as_deref(), Some("it was removed"));
    assert_eq!(
        (refused[0].before.as_deref(), refused[0].done_at),
        (Some("STARTED"), Some(at(60)))
    );
    assert!(store.end_job(id, at(70)).await.unwrap());
    let job = seen(&*store, id).await;
    assert_eq!((job.state, job.finished_at), (JobState::Done, Some(at(70))));
    let active: Vec<i64> = store
        .active_jobs()
        .await
        .unwrap()
        .iter()
        .map(|job| job.id)
        .collect();
    assert_eq!(active, [other]);
    assert_eq!(
        log(&*store, id).await.len(),
        2,
        "its creation, and the one change"
    );
}

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

pub(crate) async fn letters_of_a_job_are_dismissed_with_its_results(database: &impl Database) {
    let store = database.store().await;
    store.keep_letters((1..=3).map(letter).collect()).await.unwrap();
    let letters = store.select_letters(&LetterFilter::default(), 10).await.unwrap();
    assert_eq!(letters.len(), 3);
    assert_eq!(
        store
            .select_letters(&LetterFilter::default(), 2)
            .await
            .unwrap()
            .len(),
        2
    );
    let of_letter = |letter: &saga_store::SelectedLetter| NewItem {
        letter_id: Some(letter.id),
        before: Some("WAITING".to_owned()),
        target: Some("DISMISSED".to_owned()),
        ..NewItem::default()
    };
    let new = NewJob {
        action: JobAction::Dismiss,
        target: None,
        ..new_job(letters.iter().map(of_letter).collect())
    };
    let id = make(&*store, &new).await.id;
    store.start_job(id, at(51)).await.unwrap();
    let order = JobDisposal {
        job: id,
        items: (1..)
            .zip(letters.iter().map(|letter| letter.id))
            .take(2)
            .collect(),
        scope: Scope::All,
        disposal: Disposal::Dismiss,
        at: at(60),
        actor: dana(),
        note: Some("a test".to_owned()),
    };
    assert_eq!(store.dispose_items(&order).await.unwrap(), [1, 2]);
    assert!(
        store.dispose_items(&order).await.unwrap().is_empty(),
        "they are dismissed"
    );
    let all = JobDisposal {
        items: (1..).zip(letters.iter().map(|letter| letter.id)).collect(),
        ..order
    };
    assert_eq!(store.dispose_items(&all).await.unwrap(), [3]);
    let job = seen(&*store, id).await;
    assert_eq!((job.changed, job.done()), (3, 3));
    let changed = items(&*store, id, Some(Some(ItemResult::Changed))).await;
    assert_eq!(
        (changed[0].before.as_deref(), changed[0].after.as_deref()),
        (Some("WAITING"), Some("DISMISSED"))
    );
    assert_eq!(store.letters_waiting(&Scope::All).await.unwrap(), 0);
    let entries = log(&*store, id).await;
    let dismissals = entries
        .iter()
        .filter(|entry| entry.operation.kind == OperationKind::Dismissal);
    assert_eq!(dismissals.count(), 3);
    store.end_job(id, at(70)).await.unwrap();
    let order = NewJob {
        scope: Scope::All,
        ..new_job(Vec::new())
    };
    let Reversion::Created(back) = store.revert_job(id, &order).await.unwrap() else {
        panic!("dismissals can be reverted");
    };
    assert_eq!((back.action, back.items), (JobAction::Restore, 3));
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

pub(crate) async fn sagas_of_a_job_are_acknowledged_with_its_results(database: &impl Database) {
    let store = database.store().await;
    let done_saga = event("saga-3", "1", steps::ORDER_CONFIRMED, SagaStatus::Completed, 0);
    let begun = (1..=2).map(|number| created(&format!("saga-{number}"), "1", 0));
    let events: Vec<_> = begun.chain([done_saga]).collect();
    store.append(events.into()).await.unwrap();
    let care = JobCare {
        assignee: "anna".to_owned(),
        until: at(5_000),
        late_before: at(40),
    };
    let new = NewJob {
        action: JobAction::Acknowledge,
        target: None,
        care: Some(care.clone()),
        ..new_job(orders(4))
    };
    let job = make(&*store, &new).await;
    assert_eq!(seen(&*store, job.id).await.care, Some(care.clone()));
    store.start_job(job.id, at(51)).await.unwrap();
    let judged = Judged {
        now: at(60),
        late_before: care.late_before,
    };
    let order = |numbers: &[i64]| JobAcknowledgement {
        job: job.id,
        items: numbers
            .iter()
            .map(|number| (*number, format!("saga-{number}").parse().unwrap()))
            .collect(),
        scope: Scope::All,
        judged,
        care: care.clone(),
        note: "looks at it".to_owned(),
        actor: dana(),
    };
    let outcomes = store.acknowledge_items(&order(&[1])).await.unwrap();
    assert!(
        matches!(outcomes[..], [(1, Acknowledged::Done(_))]),
        "{outcomes:?}"
    );
    let outcomes = store.acknowledge_items(&order(&[1, 2, 3, 4])).await.unwrap();
    assert!(
        matches!(
            outcomes[..],
            [
                (1, Acknowledged::Taken(Some(_))),
                (2, Acknowledged::Done(_)),
                (3, Acknowledged::Over),
                (4, Acknowledged::Missing),
            ]
        ),
        "{outcomes:?}"
    );
    let refunds = JobAcknowledgement {
        scope: Scope::of([SagaType::REFUND]),
        ..order(&[2])
    };
    let outcomes = store.acknowledge_items(&refunds).await.unwrap();
    assert!(
        matches!(outcomes[..], [(2, Acknowledged::Missing)]),
        "{outcomes:?}"
    );

    let changed = items(&*store, job.id, Some(Some(ItemResult::Changed))).await;
    let numbers: Vec<i64> = changed.iter().map(|item| item.number).collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(changed[0].after.as_deref(), Some("ACKNOWLEDGED"));
    let query = AcknowledgementQuery {
        scope: Scope::All,
        judged,
        of: Subjects::All,
        before: None,
        size: 10,
    };
    let there = store.acknowledgements(&query).await.unwrap().acknowledgements;
    assert_eq!(there.len(), 2);
    assert!(
        there
            .iter()
            .all(|one| one.assignee == "anna" && one.by == "dana" && one.until == at(5_000))
    );
    let logged = log(&*store, job.id).await;
    let logged = logged
        .iter()
        .filter(|entry| entry.operation.kind == OperationKind::Acknowledgement);
    assert_eq!(logged.count(), 2);
    store
        .record_items(&step(
            job.id,
            vec![done(3, ItemResult::Refused), done(4, ItemResult::Refused)],
        ))
        .await
        .unwrap();
    store.end_job(job.id, at(70)).await.unwrap();
    let reverted = store.revert_job(job.id, &new_job(Vec::new())).await.unwrap();
    assert!(matches!(reverted, Reversion::Irreversible), "{reverted:?}");
}
