//! Dead letters: counted by reason and by cause, and found by words and by what their bytes name.

use saga_store::{LetterFilter, LetterGroup, LetterState, NewLetter, Store, searched_words};
use saga_types::avro::{Framing, SchemaVersion, encode};

use super::{
    Database,
    dead_letters::{bare, kept, letter, mark, matching},
    events::{at, created},
};

pub(crate) async fn letters_are_counted_by_their_reason(database: &impl Database) {
    let store = database.store().await;
    let groups = async |filter: &LetterFilter| {
        let counts = store.letter_groups(filter).await.unwrap();
        assert!(counts.is_exact);
        counts.groups
    };
    assert_eq!(groups(&LetterFilter::default()).await, []);
    store
        .keep_letters(vec![letter(1), bare(2), letter(5)])
        .await
        .unwrap();
    let newest = kept(&*store).await[0].id;
    mark(&*store, newest, LetterState::Replayed, "REPLAYED").await;
    let group = |reason: &str, waiting, replayed, first, last| LetterGroup {
        reason: reason.to_owned(),
        waiting,
        replayed,
        dismissed: 0,
        first: at(first),
        last: at(last),
    };
    let names = group("INVALID_NAME", 1, 1, 1, 5);
    let all = [names, group("UNKNOWN", 1, 0, 2, 2)];
    assert_eq!(groups(&LetterFilter::default()).await, all);
    // By a search of all of them, which counts in another way.
    let searched = LetterFilter {
        acknowledged: Some((false, at(200))),
        ..LetterFilter::default()
    };
    assert_eq!(groups(&searched).await, all);
    for (state, from, first) in [
        (LetterState::Replayed, None, 5),
        (LetterState::Waiting, None, 1),
        (LetterState::Waiting, Some(1), 1),
    ] {
        let filter = LetterFilter {
            state: Some(state),
            from: from.map(at),
            ..LetterFilter::default()
        };
        let found = &groups(&filter).await[0];
        assert_eq!(
            (found.reason.as_str(), found.first),
            ("INVALID_NAME", at(first)),
            "{state:?}"
        );
        assert_eq!(found.waiting + found.replayed, 1, "{state:?}");
    }
    let waiting = LetterFilter {
        state: Some(LetterState::Waiting),
        from: Some(at(2)),
        ..LetterFilter::default()
    };
    assert_eq!(groups(&waiting).await, [group("UNKNOWN", 1, 0, 2, 2)]);
}

/// A letter that a service wrote, with bytes that are no event but name a saga and an order.
fn broken(number: u8, message: &str) -> NewLetter {
    let event = created(&format!("saga-{number}"), "1", 0);
    let mut value = encode(&event, SchemaVersion::V2, Framing::SingleObject).unwrap();
    value.truncate(value.len() - 3);
    let mut broken = letter(number);
    broken.letter.message = message.to_owned();
    broken.letter.event_id = None;
    broken.letter.value = Some(value);
    broken
}

async fn causes(store: &dyn Store) -> Vec<(String, String, u64)> {
    let causes = store.letter_causes(&LetterFilter::default()).await.unwrap();
    let shown = causes.groups.into_iter();
    shown
        .map(|cause| (cause.name.unwrap(), cause.reason, cause.waiting))
        .collect()
}

pub(crate) async fn letters_are_counted_by_their_cause_which_finds_them(database: &impl Database) {
    let store = database.store().await;
    let mut letters: Vec<NewLetter> = (1..4)
        .map(|number| broken(number, &format!("step has {number} characters too many")))
        .collect();
    letters.push(broken(4, "step is empty"));
    letters.push(bare(5));
    let mut of_another = broken(6, "step is empty");
    of_another.letter.producer = None;
    letters.push(of_another);
    store.keep_letters(letters).await.unwrap();
    let found = causes(&*store).await;
    let counts: Vec<u64> = found.iter().map(|(.., waiting)| *waiting).collect();
    assert_eq!(counts, [3, 1, 1, 1], "{found:?}");
    for (name, _, waiting) in &found {
        let filter = LetterFilter {
            cause: Some(name.clone()),
            ..LetterFilter::default()
        };
        assert_eq!(matching(&*store, filter).await.len() as u64, *waiting);
    }
    let first = async |filter: LetterFilter| store.letter_causes(&filter).await.unwrap().groups.remove(0);
    let cause = first(LetterFilter::default()).await;
    assert_eq!((cause.first, cause.last), (at(1), at(3)));
    assert_eq!(cause.producer.as_deref(), Some("order-service"));
    let ids: Vec<i64> = kept(&*store).await.iter().map(|stored| stored.id).collect();
    mark(&*store, *ids.last().unwrap(), LetterState::Waiting, "it failed").await;
    for filter in [
        LetterFilter::default(),
        // Which counts in another way.
        LetterFilter {
            reason: Some(cause.reason.clone()),
            ..LetterFilter::default()
        },
    ] {
        let cause = first(filter).await;
        assert_eq!((cause.waiting, cause.failed_again), (3, 1));
    }
}

pub(crate) async fn letters_are_found_by_words_and_by_what_their_bytes_name(database: &impl Database) {
    let store = database.store().await;
    let letters = vec![
        broken(1, "Card 'declined' by acquirer-7"),
        broken(2, "card expired"),
        bare(3),
    ];
    store.keep_letters(letters).await.unwrap();
    let search = async |text: &str| {
        let filter = LetterFilter {
            words: searched_words(text).unwrap(),
            ..LetterFilter::default()
        };
        matching(&*store, filter).await
    };
    let check = async || {
        for (text, found) in [
            ("CARD", vec![2, 1]),
            ("card decl", vec![1]),
            ("acquirer", vec![1]),
            ("saga-2", vec![2]),
            ("saga", vec![2, 1]),
            ("invalid_name card", vec![2, 1]),
            ("ecl", vec![]),
            ("card declined expired", vec![]),
            ("100%", vec![]),
        ] {
            assert_eq!(search(text).await, found, "{text}");
        }
        let order = created("saga-2", "1", 0).order_id;
        let filter = LetterFilter {
            order_id: Some(order.to_string()),
            ..LetterFilter::default()
        };
        let found = matching(&*store, filter).await;
        assert!(found.contains(&2) && !found.contains(&3), "{found:?}");
    };
    check().await;
    // As an earlier version kept them.
    let before = causes(&*store).await;
    database.execute("DELETE FROM dead_letter_word").await;
    database
        .execute("UPDATE dead_letter SET cause = NULL, order_id = NULL")
        .await;
    assert_eq!(search("card").await, [0_i64; 0]);
    let unnamed = store
        .letter_causes(&LetterFilter::default())
        .await
        .unwrap()
        .groups;
    assert_eq!((unnamed.len(), &unnamed[0].name), (1, &None));
    assert_eq!(store.index_letters(2).await.unwrap(), 2);
    assert_eq!(store.index_letters(2).await.unwrap(), 1);
    assert_eq!(store.index_letters(2).await.unwrap(), 0);
    check().await;
    assert_eq!(causes(&*store).await, before);
    // Words leave with their letter.
    let removed = store.remove_letters(at(100), 10).await.unwrap();
    assert_eq!(removed, 3);
    assert_eq!(search("card").await, [0_i64; 0]);
}
