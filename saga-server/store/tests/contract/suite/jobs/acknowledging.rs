//! Sagas of a job are acknowledged, each with its result.

use saga_store::{
    Acknowledged, AcknowledgementQuery, ItemResult, JobAcknowledgement, JobAction, JobCare, Judged, NewJob,
    OperationKind, Reversion, Scope, Subjects,
};
use saga_types::{SagaStatus, SagaType, steps};

use super::{dana, done, items, log, make, new_job, orders, seen, step};
use crate::suite::{
    Database,
    events::{at, created, event},
};

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
