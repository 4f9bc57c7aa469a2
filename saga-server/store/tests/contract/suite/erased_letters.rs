//! Dead letters of a person whose data is erased, those kept already and those of events that come later.

use saga_store::{ErasedSaga, LetterFilter, LetterQuery, LetterState, Scope};
use saga_types::Timestamp;

use super::{
    Database,
    dead_letters::letter,
    erasure::{PERSON, erasure, log, of_person, value},
    events::at,
};

pub(crate) async fn an_erased_letter_keeps_its_reason_and_its_place(database: &impl Database) {
    let store = database.store().await;
    let mut letters = vec![letter(1), letter(2)];
    letters[0].letter.value = Some(PERSON.as_bytes().to_vec());
    letters[0].letter.message = PERSON.to_owned();
    store.keep_letters(letters.clone()).await.unwrap();
    let found = store.erasable_letters(&value(), 0, 10).await.unwrap();
    assert_eq!(found.len(), 2);
    assert!(!found.iter().any(|found| found.is_of_saga));
    let id = found[0].stored.id;
    assert_eq!(store.erase_letters(&[id], &erasure()).await.unwrap(), 1);
    assert_eq!(store.erase_letters(&[id], &erasure()).await.unwrap(), 0);
    assert_eq!(store.letters_waiting(&Scope::All).await.unwrap(), 1);
    assert_eq!(
        store.keep_letters(letters).await.unwrap(),
        0,
        "read once more from its topic"
    );

    let query = LetterQuery {
        filter: LetterFilter {
            state: Some(LetterState::Dismissed),
            ..LetterFilter::default()
        },
        after: None,
        size: 10,
    };
    let dismissed = store.letters(&query).await.unwrap().letters;
    let [erased] = &dismissed[..] else {
        panic!("one letter")
    };
    let what = &erased.letter;
    assert_eq!(
        (what.key.as_ref(), what.value.as_ref(), what.headers.len()),
        (None, None, 0)
    );
    assert_eq!(
        (what.message.as_str(), what.reason.as_str()),
        ("", "INVALID_NAME")
    );
    assert_eq!((what.offset, what.saga_id.as_deref()), (1, Some("saga-1")));
    assert_eq!(erased.erased_at, Some(at(9_000)));
    let [entry] = &log(&*store).await[..] else {
        panic!("one entry")
    };
    assert_eq!(
        (entry.letter_id, entry.saga_id.as_deref()),
        (Some(id), Some("saga-1"))
    );
    let rest = store.erasable_letters(&value(), 0, 10).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert!(
        store
            .erasable_letters(&value(), rest[0].stored.id, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

pub(crate) async fn letters_of_a_persons_sagas_are_known(database: &impl Database) {
    let store = database.store().await;
    store.keep_letters(vec![letter(1), letter(2)]).await.unwrap();
    store.append(of_person("saga-1").into()).await.unwrap();
    let known = async || {
        let found = store.erasable_letters(&value(), 0, 10).await.unwrap();
        found.iter().map(|found| found.is_of_saga).collect::<Vec<_>>()
    };
    assert_eq!(known().await, [true, false]);
    let mut later = erasure();
    later.at = Timestamp::now().saturating_add(std::time::Duration::from_secs(60));
    store.erase_sagas(&["saga-1".to_owned()], &later).await.unwrap();
    assert_eq!(
        known().await,
        [true, false],
        "also when the saga was erased already"
    );
}

pub(crate) async fn a_removed_saga_is_noted_once_and_its_late_events_are_kept_without_content(
    database: &impl Database,
) {
    let store = database.store().await;
    store.append(of_person("saga-1").into()).await.unwrap();
    let chosen = store.still_there(&["saga-1".to_owned()]).await.unwrap();
    store.remove(&chosen, None).await.unwrap();
    let erased = ErasedSaga {
        saga_id: "saga-1".to_owned(),
        saga_type: "ORDER_CREATION".to_owned(),
        events: 3,
    };
    let unknown = ErasedSaga {
        saga_id: "saga-2".to_owned(),
        ..erased.clone()
    };
    let note = async || {
        let sagas = [erased.clone(), unknown.clone()];
        store.note_archive_erased(&sagas, &erasure()).await.unwrap()
    };
    assert_eq!((note().await, note().await), (1, 0));
    let removal = store.removal("saga-1").await.unwrap().unwrap();
    assert_eq!(removal.erased_at, Some(at(9_000)));
    let [entry] = &log(&*store).await[..] else {
        panic!("one entry")
    };
    let said = "3 events in the archive, by the metadata key customerId";
    assert_eq!(entry.detail.as_deref(), Some(said));

    store.keep_letters(vec![letter(1), letter(2)]).await.unwrap();
    let query = LetterQuery {
        filter: LetterFilter::default(),
        after: None,
        size: 10,
    };
    let kept = store.letters(&query).await.unwrap().letters;
    let has_value: Vec<bool> = kept.iter().map(|kept| kept.letter.value.is_some()).collect();
    assert_eq!(has_value, [true, false], "that of saga-1 is the older one");
    assert!(kept[1].erased_at.is_some() && kept[1].state == LetterState::Dismissed);
}
