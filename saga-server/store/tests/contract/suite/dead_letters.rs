//! Dead letters: kept once, listed by every filter, marked; and the rehearsal of a batch.

use std::sync::Arc;

use saga_store::{
    AppendError, Appended, Attempt, Conclusion, Letter, LetterFilter, LetterPlace, LetterQuery, LetterState,
    Named, NewLetter, Origin, Scope, Store, StoredLetter, searched_words,
};
use saga_types::{SagaStatus, steps};

use super::{
    Database,
    events::{at, created, event, folded, state_of},
};

/// The letter of this number; every part of it is set.
pub(crate) fn letter(number: u8) -> NewLetter {
    NewLetter {
        identity: [number; 32],
        letter: Letter {
            topic: "events.dlt".to_owned(),
            partition: 2,
            offset: i64::from(number),
            dead_since: at(i64::from(number)),
            origin: Origin {
                topic: Some("events".to_owned()),
                partition: Some(1),
                offset: Some(i64::MAX),
                time: Some(at(-1)),
                group: Some("some group".to_owned()),
            },
            reason: "INVALID_NAME".to_owned(),
            message: "step is empty, 주문".to_owned(),
            saga_type: Some("ORDER_CREATION".to_owned()),
            saga_id: Some(format!("saga-{number}")),
            event_id: Some(format!("event-{number}")),
            producer: Some("order-service".to_owned()),
            key: Some(vec![0, 0xff, b'k']),
            value: Some(vec![0, 1, 2, 0xff]),
            value_bytes: 5_000_000_000,
            headers: vec![
                ("a\u{0}b".to_owned(), Some(vec![0, 0xfe])),
                ("none".to_owned(), None),
            ],
        },
    }
}

/// A letter of which as little is known as possible.
pub(super) fn bare(number: u8) -> NewLetter {
    let mut bare = letter(number);
    bare.letter.origin = Origin::default();
    bare.letter.reason = "UNKNOWN".to_owned();
    bare.letter.message = String::new();
    (bare.letter.saga_id, bare.letter.event_id, bare.letter.producer) = (None, None, None);
    (bare.letter.key, bare.letter.value, bare.letter.value_bytes) = (None, None, 0);
    bare.letter.headers.clear();
    bare
}

pub(super) fn all(size: u32) -> LetterQuery {
    LetterQuery {
        filter: LetterFilter::default(),
        after: None,
        size,
    }
}

pub(super) async fn matching(store: &dyn Store, filter: LetterFilter) -> Vec<i64> {
    let query = LetterQuery { filter, ..all(100) };
    let page = store.letters(&query).await.unwrap();
    page.letters.iter().map(|stored| stored.letter.offset).collect()
}

pub(super) async fn kept(store: &dyn Store) -> Vec<StoredLetter> {
    store.letters(&all(100)).await.unwrap().letters
}

/// Writes down that a letter was replayed, or was tried.
pub(super) async fn attempted(store: &dyn Store, attempt: Attempt) {
    let conclude = Arc::new(move |_: &Appended| Conclusion {
        attempts: vec![attempt.clone()],
        ..Conclusion::default()
    });
    store.append_by(Arc::new([]), conclude).await.unwrap();
}

pub(crate) async fn a_letter_is_kept_once_and_read_back_whole(database: &impl Database) {
    let store = database.store().await;
    let letters = vec![letter(1), bare(2), letter(1)];
    assert_eq!(store.keep_letters(letters.clone()).await.unwrap(), 2);
    assert_eq!(store.keep_letters(letters.clone()).await.unwrap(), 0);
    let kept = kept(&*store).await;
    let expected = [letters[1].letter.clone(), letters[0].letter.clone()];
    assert_eq!(
        kept.iter()
            .map(|stored| stored.letter.clone())
            .collect::<Vec<_>>(),
        expected
    );
    assert!(kept.iter().all(|stored| stored.state == LetterState::Waiting));
    assert!(
        kept.iter()
            .all(|stored| stored.attempts == 0 && stored.last_attempt.is_none())
    );
    assert_eq!(store.letters_waiting(&Scope::All).await.unwrap(), 2);
}

pub(crate) async fn more_letters_than_a_statement_takes_are_kept_in_their_order(database: &impl Database) {
    let store = database.store().await;
    let letters = (0..450_u16).map(|number| {
        let mut new = letter(0);
        new.identity[..2].copy_from_slice(&number.to_be_bytes());
        new.letter.offset = i64::from(number);
        new.letter.message = format!("field{number:03} is unknown");
        new.letter.value = Some(vec![7; usize::from(number)]);
        new.letter.key = (number % 2 == 0).then(|| number.to_be_bytes().to_vec());
        new
    });
    let letters: Vec<NewLetter> = letters.collect();
    // Some come again beside themselves, some much later.
    let mut given = letters.clone();
    given.extend(letters.iter().step_by(7).cloned());
    given.insert(1, letters[0].clone());
    assert_eq!(store.keep_letters(given.clone()).await.unwrap(), 450);
    assert_eq!(store.keep_letters(given).await.unwrap(), 0);
    let mut query = all(100);
    let mut kept = Vec::new();
    loop {
        let page = store.letters(&query).await.unwrap();
        kept.extend(page.letters.into_iter().map(|stored| stored.letter));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    kept.reverse();
    let expected: Vec<Letter> = letters.into_iter().map(|new| new.letter).collect();
    assert_eq!(kept, expected);
    for offset in [0, 7, 199, 200, 449] {
        let filter = LetterFilter {
            words: searched_words(&format!("field{offset:03}")).unwrap(),
            ..LetterFilter::default()
        };
        assert_eq!(matching(&*store, filter).await, [offset]);
    }
}

pub(crate) async fn letters_come_newest_first_page_by_page(database: &impl Database) {
    let store = database.store().await;
    let mut letters: Vec<NewLetter> = (0..7).map(letter).collect();
    // Several may die in the same millisecond.
    for letter in &mut letters[2..5] {
        letter.letter.dead_since = at(3);
    }
    store.keep_letters(letters).await.unwrap();
    let mut query = all(2);
    let mut seen = Vec::new();
    loop {
        let page = store.letters(&query).await.unwrap();
        seen.extend(page.letters.iter().map(|stored| stored.letter.offset));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, [6, 5, 4, 3, 2, 1, 0]);
    let beyond = LetterPlace {
        dead_since: at(-1),
        id: i64::MIN,
    };
    query.after = Some(beyond);
    assert_eq!(store.letters(&query).await.unwrap().letters, []);
}

pub(crate) async fn every_filter_finds_the_letters_it_names(database: &impl Database) {
    let store = database.store().await;
    store
        .keep_letters(vec![letter(1), letter(2), bare(3)])
        .await
        .unwrap();
    let ids: Vec<i64> = kept(&*store).await.iter().map(|stored| stored.id).collect();
    mark(&*store, ids[2], LetterState::Replayed, "REPLAYED").await;
    let none = LetterFilter::default;
    let text = |text: &str| Some(text.to_owned());
    let named = |ids: Vec<i64>, event_ids: Vec<&str>| Named {
        ids,
        event_ids: event_ids.into_iter().map(str::to_owned).collect(),
    };
    let cases = [
        (none(), vec![3, 2, 1]),
        (
            LetterFilter {
                reason: text("UNKNOWN"),
                ..none()
            },
            vec![3],
        ),
        (
            LetterFilter {
                state: Some(LetterState::Waiting),
                ..none()
            },
            vec![3, 2],
        ),
        (
            LetterFilter {
                state: Some(LetterState::Replayed),
                ..none()
            },
            vec![1],
        ),
        (
            LetterFilter {
                saga_id: text("saga-2"),
                ..none()
            },
            vec![2],
        ),
        (
            LetterFilter {
                origin_topic: text("events"),
                ..none()
            },
            vec![2, 1],
        ),
        (
            LetterFilter {
                from: Some(at(2)),
                ..none()
            },
            vec![3, 2],
        ),
        (
            LetterFilter {
                to: Some(at(2)),
                ..none()
            },
            vec![2, 1],
        ),
        (
            LetterFilter {
                named: Some(named(vec![ids[0]], vec!["event-1"])),
                ..none()
            },
            vec![3, 1],
        ),
        (
            LetterFilter {
                named: Some(named(vec![], vec![])),
                ..none()
            },
            vec![],
        ),
        (
            LetterFilter {
                saga_id: text("saga-2"),
                reason: text("UNKNOWN"),
                ..none()
            },
            vec![],
        ),
    ];
    for (filter, expected) in cases {
        assert_eq!(matching(&*store, filter.clone()).await, expected, "{filter:?}");
    }
}

pub(super) async fn mark(store: &dyn Store, id: i64, state: LetterState, result: &str) {
    let attempt = Attempt {
        id,
        state,
        at: at(100),
        by: "dana".to_owned(),
        result: result.to_owned(),
    };
    attempted(store, attempt).await;
}

pub(crate) async fn a_replayed_letter_stays_as_it_is(database: &impl Database) {
    let store = database.store().await;
    store.keep_letters(vec![letter(1)]).await.unwrap();
    let id = kept(&*store).await[0].id;
    mark(&*store, id, LetterState::Waiting, "EMPTY: still").await;
    let failed = kept(&*store).await.remove(0);
    assert_eq!((failed.state, failed.attempts), (LetterState::Waiting, 1));
    mark(&*store, id, LetterState::Replayed, "REPLAYED").await;
    let replayed = kept(&*store).await;
    mark(&*store, id, LetterState::Waiting, "too late").await;
    store.keep_letters(vec![letter(1)]).await.unwrap();
    assert_eq!(kept(&*store).await, replayed);
    let last = replayed[0].last_attempt.clone().unwrap();
    assert_eq!(
        (replayed[0].state, replayed[0].attempts),
        (LetterState::Replayed, 2)
    );
    assert_eq!(
        (last.at, last.by.as_str(), last.result.as_str()),
        (at(100), "dana", "REPLAYED")
    );
    assert_eq!(store.letters_waiting(&Scope::All).await.unwrap(), 0);
}

pub(crate) async fn a_dry_run_stores_nothing(database: &impl Database) {
    let store = database.store().await;
    let first = created("saga-1", "1", 0);
    store.append(vec![first.clone()].into()).await.unwrap();
    let second = event("saga-1", "2", steps::PAYMENT_FAILED, SagaStatus::Failed, 1);
    let mut other = first.clone();
    other.status = SagaStatus::Failed;
    let batch = vec![first.clone(), second.clone(), created("saga-2", "1", 0), other];
    for _ in 0..2 {
        let dry_run = store.append_dry_run(batch.clone().into()).await.unwrap();
        assert_eq!((dry_run.stored(), dry_run.duplicates), (2, 1));
        assert_eq!(dry_run.conflicts, [3]);
        let changes: Vec<_> = dry_run
            .changes
            .iter()
            .map(|change| (change.previous_status, change.state.current_status))
            .collect();
        assert_eq!(
            changes,
            [
                (Some(SagaStatus::Started), SagaStatus::Failed),
                (None, SagaStatus::Started)
            ]
        );
    }
    assert_eq!(state_of(&*store, "saga-1").await, folded(&[first], "saga-1"));
    assert_eq!(store.saga("saga-2").await.unwrap(), None);
    let appended = store.append(batch.into()).await.unwrap();
    assert_eq!((appended.stored(), appended.duplicates), (2, 1));
}

pub(crate) async fn letters_without_their_table_are_an_outage(database: &impl Database) {
    let store = database.store().await;
    database
        .execute("DROP TABLE dead_letter_word; DROP TABLE dead_letter")
        .await;
    let failure = store.keep_letters(vec![letter(1)]).await.unwrap_err();
    assert!(matches!(failure, AppendError::Unavailable(_)), "{failure}");
    store
        .append(vec![created("saga-1", "1", 0)].into())
        .await
        .unwrap();
}

pub(crate) async fn the_oldest_letters_leave_some_at_a_time(database: &impl Database) {
    let store = database.store().await;
    store.keep_letters((0..5).map(letter).collect()).await.unwrap();
    let oldest = kept(&*store).await.last().unwrap().id;
    let replayed = Attempt {
        id: oldest,
        state: LetterState::Replayed,
        at: at(9),
        by: "dana".to_owned(),
        result: "REPLAYED".to_owned(),
    };
    attempted(&*store, replayed).await;
    assert_eq!(store.letters_stored().await.unwrap(), 5);
    assert_eq!(store.letters_waiting(&Scope::All).await.unwrap(), 4);

    assert_eq!(store.remove_letters(at(0), 10).await.unwrap(), 0);
    assert_eq!(store.remove_letters(at(3), 2).await.unwrap(), 2);
    assert_eq!(matching(&*store, LetterFilter::default()).await, [4, 3, 2]);
    assert_eq!(store.remove_letters(at(3), 2).await.unwrap(), 1);
    assert_eq!(matching(&*store, LetterFilter::default()).await, [4, 3]);
    assert_eq!(store.letters_stored().await.unwrap(), 2);
}
