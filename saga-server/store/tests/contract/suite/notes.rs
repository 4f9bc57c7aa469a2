//! What operators and replays said of erased sagas and dead letters leaves with them, and notes, selections and views can be erased.

use saga_store::{
    Acknowledgement, DoneItem, ItemResult, JobStep, NewItem, Note, NotePlace, Operation, Store, Subject,
};

use super::{
    Database,
    acknowledging::{acknowledge, in_force, saga},
    dead_letters::letter,
    erasure::{PERSON, erasure, log as erasures, of_another, of_person},
    events::at,
    jobs::{items, make, new_job, seen},
    views::{names, save},
};

fn of_saga(saga_id: &str) -> NewItem {
    NewItem {
        saga_id: Some(saga_id.to_owned()),
        saga_type: Some("ORDER_CREATION".to_owned()),
        ..NewItem::default()
    }
}

fn of_letter(id: i64) -> NewItem {
    NewItem {
        letter_id: Some(id),
        ..NewItem::default()
    }
}

/// A job with a message for each item.
async fn job_of(store: &dyn Store, of: Vec<NewItem>) -> i64 {
    let numbers = 1..=i64::try_from(of.len()).unwrap();
    let job = make(store, &new_job(of)).await.id;
    let done = numbers.map(|number| DoneItem {
        number,
        result: ItemResult::Failed,
        message: Some(format!("{PERSON} is unknown")),
        before: None,
        after: None,
    });
    let done = done.collect();
    let step = JobStep {
        job,
        at: at(60),
        done,
    };
    store.start_job(job, at(55)).await.unwrap();
    store.record_items(&step).await.unwrap();
    job
}

async fn have_message(store: &dyn Store, job: i64) -> Vec<bool> {
    let items = items(store, job, None).await.into_iter();
    items.map(|item| item.message.is_some()).collect()
}

async fn acknowledged_note(store: &dyn Store, subject: &Subject) -> String {
    let all: Vec<Acknowledgement> = in_force(store).await;
    all.into_iter()
        .find(|found| found.subject == *subject)
        .unwrap()
        .note
}

pub(crate) async fn what_was_said_of_an_erased_saga_leaves_with_it(database: &impl Database) {
    let store = database.store().await;
    let mut events = of_person("saga-1");
    // Without its compensation it is still to be taken care of.
    events.truncate(3);
    events.extend(of_another("saga-2"));
    store.append(events.into()).await.unwrap();
    let both = job_of(&*store, vec![of_saga("saga-1"), of_saga("saga-2")]).await;
    let alone = job_of(&*store, vec![of_saga("saga-1")]).await;
    let other = job_of(&*store, vec![of_saga("saga-2")]).await;
    for saga_id in ["saga-1", "saga-2"] {
        acknowledge(&*store, saga(saga_id)).await;
    }
    store
        .erase_sagas(&["saga-1".to_owned()], &erasure())
        .await
        .unwrap();
    assert_eq!(have_message(&*store, both).await, [false, true]);
    assert_eq!(have_message(&*store, alone).await, [false]);
    assert_eq!(have_message(&*store, other).await, [true]);
    let mut notes = Vec::new();
    for job in [both, alone, other] {
        notes.push(seen(&*store, job).await.note.is_some());
    }
    assert_eq!(notes, [true, false, true]);
    assert_eq!(acknowledged_note(&*store, &saga("saga-1")).await, "");
    assert_ne!(acknowledged_note(&*store, &saga("saga-2")).await, "");
}

pub(crate) async fn what_was_said_of_an_erased_letter_leaves_with_it(database: &impl Database) {
    let store = database.store().await;
    store.keep_letters(vec![letter(1), letter(2)]).await.unwrap();
    let value = super::erasure::value();
    let letters = store.erasable_letters(&value, 0, 10).await.unwrap();
    let ids: Vec<i64> = letters.iter().map(|letter| letter.stored.id).collect();
    let both = job_of(&*store, vec![of_letter(ids[0]), of_letter(ids[1])]).await;
    acknowledge(&*store, Subject::Letter(ids[1])).await;
    store.erase_letters(&ids[..1], &erasure()).await.unwrap();
    assert_eq!(have_message(&*store, both).await, [false, true]);
    let kept = acknowledged_note(&*store, &Subject::Letter(ids[1])).await;
    assert_ne!(kept, "");
}

pub(crate) async fn notes_are_read_one_after_the_other_and_erased_with_an_entry_each(
    database: &impl Database,
) {
    let store = database.store().await;
    let mut events = of_person("saga-1");
    events.truncate(3);
    store.append(events.into()).await.unwrap();
    let jobs = [
        make(&*store, &new_job(vec![of_saga("saga-1"), of_saga("saga-2")]))
            .await
            .id,
        {
            let mut other = new_job(vec![of_saga("saga-2")]);
            other.note = None;
            other.request = "b".to_owned();
            make(&*store, &other).await.id
        },
    ];
    let care = acknowledge(&*store, saga("saga-1")).await.id;
    for name in ["a", "환불"] {
        store.change_view(&save(name, None)).await.unwrap();
    }
    let mut read: Vec<Note> = Vec::new();
    let mut after = NotePlace::FIRST;
    loop {
        let page = store.notes(&after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.place.clone();
        read.extend(page);
    }
    let places = [
        NotePlace::Job(jobs[0]),
        NotePlace::Job(jobs[1]),
        NotePlace::Acknowledgement(care),
        NotePlace::View("a".to_owned()),
        NotePlace::View("환불".to_owned()),
    ];
    let found: Vec<&NotePlace> = read.iter().map(|note| &note.place).collect();
    assert_eq!(found, places.iter().collect::<Vec<_>>());
    let texts: Vec<(&str, &str)> = read
        .iter()
        .map(|note| (note.text.as_str(), note.query.as_str()))
        .collect();
    let expected = [
        ("by hand, 주문", r#"{"filter":{}}"#),
        ("", r#"{"filter":{}}"#),
        ("asked the shop, 주문", ""),
        ("a", "status=FAILED"),
        ("환불", "status=FAILED"),
    ];
    assert_eq!(texts, expected);

    let erased = [places[0].clone(), places[2].clone(), places[4].clone()];
    assert_eq!(store.erase_notes(&erased, &erasure()).await.unwrap(), 3);
    let job = seen(&*store, jobs[0]).await;
    assert_eq!((job.note, job.selection.as_str()), (None, r#"{"erased":true}"#));
    assert_eq!(seen(&*store, jobs[1]).await.selection, r#"{"filter":{}}"#);
    assert_eq!(acknowledged_note(&*store, &saga("saga-1")).await, "");
    assert_eq!(names(&*store, &saga_store::Scope::All).await, ["a"]);
    let mut said: Vec<(Option<String>, Option<String>)> = erasures(&*store)
        .await
        .into_iter()
        .map(|entry: Operation| (entry.saga_id, entry.detail))
        .collect();
    said.sort();
    let by = "by the metadata key customerId";
    let expected = [
        (None, Some(format!("note and selection of job {}, {by}", jobs[0]))),
        (None, Some(format!("saved view, {by}"))),
        (
            Some("saga-1".to_owned()),
            Some(format!("note of an acknowledgement, {by}")),
        ),
    ];
    assert_eq!(said, expected);
}
