//! Each item of a job is done by the transaction that stores its result.

use std::sync::Arc;

use saga_store::{
    Conclude, Conclusion, Disposal, DoneItem, ItemResult, JobAction, JobActivity, JobDisposal, JobState,
    LetterFilter, NewItem, NewJob, OperationKind, Reversion, Scope, Store,
};
use saga_types::{SagaStatus, steps};

use super::{dana, done, items, log, make, new_job, orders, seen, step};
use crate::suite::{
    Database,
    dead_letters::letter,
    events::{at, created, event},
    operations::operation,
};

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
    let last = make(&*store, &new_job(orders(1))).await.id;
    let active = async |after, limit| -> Vec<i64> {
        let jobs = store.active_jobs(after, limit).await.unwrap();
        jobs.iter().map(|job| job.id).collect()
    };
    assert_eq!(active(0, 100).await, [other, last]);
    assert_eq!(active(0, 1).await, [other]);
    assert_eq!(active(other, 100).await, [last]);
    assert_eq!(active(last, 100).await, Vec::<i64>::new());
    let since = |active, idlest| JobActivity { active, idlest };
    assert_eq!(
        store.job_activity().await.unwrap(),
        since(2, Some((other, at(50))))
    );
    store
        .record_items(&step(other, vec![done(1, ItemResult::Unchanged)]))
        .await
        .unwrap();
    assert_eq!(
        store.job_activity().await.unwrap(),
        since(2, Some((last, at(50))))
    );
    assert_eq!(
        log(&*store, id).await.len(),
        2,
        "its creation, and the one change"
    );
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

/// As after a version that knows more actions was taken back.
pub(crate) async fn a_job_of_a_newer_version_holds_up_no_other(database: &impl Database) {
    let store = database.store().await;
    let newer = make(&*store, &new_job(orders(1))).await;
    let other = make(&*store, &new_job(orders(1))).await;
    let change = format!("UPDATE job SET action = 'FORETELL' WHERE id = {}", newer.id);
    database.execute(&change).await;
    let active = store.active_jobs(0, 10).await.unwrap();
    assert_eq!(active.iter().map(|job| job.id).collect::<Vec<_>>(), [other.id]);
    let activity = store.job_activity().await.unwrap();
    assert_eq!(
        (activity.active, activity.idlest.unwrap().0),
        (2, newer.id),
        "an alert tells of it"
    );
}
