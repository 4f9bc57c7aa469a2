//! Dead letters are dismissed with a note and restored, each time with an entry of the log.

use saga_store::{
    Actor, Disposal, DisposalOrder, Erasure, LetterFilter, LetterQuery, LetterState, Named, OperationKind,
    Scope, Store, StoredLetter, Way,
};
use saga_types::Timestamp;

use super::{Database, dead_letters::letter, events::at, operations::log};

fn order(disposal: Disposal, name: &str) -> DisposalOrder {
    DisposalOrder {
        disposal,
        at: at(50),
        actor: Actor {
            name: name.to_owned(),
            role: Some("operator".to_owned()),
            way: Way::Page,
            address: None,
        },
        note: (disposal == Disposal::Dismiss).then(|| "a test of the shop, 주문".to_owned()),
    }
}

fn of_reason(reason: &str) -> LetterFilter {
    LetterFilter {
        reason: Some(reason.to_owned()),
        ..LetterFilter::default()
    }
}

/// Three letters of one reason, and one of another.
async fn filled(database: &impl Database) -> std::sync::Arc<dyn Store> {
    let store = database.store().await;
    let mut letters: Vec<_> = (1..=4).map(letter).collect();
    letters[3].letter.reason = "TOO_LARGE".to_owned();
    store.keep_letters(letters).await.unwrap();
    store
}

async fn matching(store: &dyn Store, filter: LetterFilter) -> Vec<StoredLetter> {
    let query = LetterQuery {
        filter,
        after: None,
        size: 100,
    };
    store.letters(&query).await.unwrap().letters
}

pub(crate) async fn a_dismissed_letter_leaves_the_counts_and_says_why(database: &impl Database) {
    let store = filled(database).await;
    let filter = of_reason("INVALID_NAME");
    assert_eq!(
        store.count_disposable(&filter, Disposal::Dismiss).await.unwrap(),
        3
    );
    let dismissed = store
        .dispose(&filter, &order(Disposal::Dismiss, "dana"), 2)
        .await
        .unwrap();
    assert_eq!(dismissed.len(), 2, "no more than asked for");
    let rest = store
        .dispose(&filter, &order(Disposal::Dismiss, "dana"), 2)
        .await
        .unwrap();
    assert_eq!(rest.len(), 1);
    let none = store
        .dispose(&filter, &order(Disposal::Dismiss, "kim"), 2)
        .await
        .unwrap();
    assert!(none.is_empty());
    assert_eq!(store.letters_waiting(&Scope::All).await.unwrap(), 1);
    let groups = store
        .letter_groups(&LetterFilter::default())
        .await
        .unwrap()
        .groups;
    assert_eq!(
        (groups[0].waiting, groups[0].dismissed, groups[1].waiting),
        (0, 3, 1)
    );
    let without = LetterFilter {
        without_dismissed: true,
        ..LetterFilter::default()
    };
    assert_eq!(matching(&*store, without).await.len(), 1);
    let of_state = LetterFilter {
        state: Some(LetterState::Dismissed),
        ..LetterFilter::default()
    };
    let found = matching(&*store, of_state).await;
    assert_eq!(found.len(), 3);
    let dismissal = found[0].dismissal.as_ref().unwrap();
    assert_eq!((dismissal.at, dismissal.by.as_str()), (at(50), "dana"));
    assert_eq!(dismissal.note.as_deref(), Some("a test of the shop, 주문"));
    let entries = log(&*store, OperationKind::Dismissal).await;
    assert_eq!(entries.len(), 3);
    assert_eq!(
        (entries[0].result.as_str(), entries[0].letter_id),
        ("DISMISSED", Some(found[0].id))
    );
    assert_eq!(entries[0].detail.as_deref(), Some("a test of the shop, 주문"));
    assert_eq!(
        store.remove_letters(Timestamp::MAX, 10).await.unwrap(),
        4,
        "they leave as others do"
    );
}

pub(crate) async fn a_restored_letter_waits_again(database: &impl Database) {
    let store = filled(database).await;
    let named = LetterFilter {
        named: Some(Named {
            ids: vec![matching(&*store, of_reason("TOO_LARGE")).await[0].id, i64::MAX],
            event_ids: Vec::new(),
        }),
        ..LetterFilter::default()
    };
    let restore = order(Disposal::Restore, "kim");
    assert!(
        store.dispose(&named, &restore, 10).await.unwrap().is_empty(),
        "it waits"
    );
    store
        .dispose(&named, &order(Disposal::Dismiss, "dana"), 10)
        .await
        .unwrap();
    assert_eq!(
        store
            .count_disposable(&LetterFilter::default(), Disposal::Restore)
            .await
            .unwrap(),
        1
    );
    assert_eq!(store.dispose(&named, &restore, 10).await.unwrap().len(), 1);
    assert_eq!(store.letters_waiting(&Scope::All).await.unwrap(), 4);
    assert!(
        matching(&*store, of_reason("TOO_LARGE")).await[0]
            .dismissal
            .is_none()
    );
    let entries = log(&*store, OperationKind::Restoration).await;
    assert_eq!((entries.len(), entries[0].actor.name.as_str()), (1, "kim"));
}

pub(crate) async fn what_was_erased_is_not_restored(database: &impl Database) {
    let store = filled(database).await;
    let id = matching(&*store, of_reason("TOO_LARGE")).await[0].id;
    let erasure = Erasure {
        at: at(60),
        actor: order(Disposal::Dismiss, "dana").actor,
        key: "customerId".to_owned(),
    };
    store.erase_letters(&[id], &erasure).await.unwrap();
    let everything = LetterFilter::default();
    assert_eq!(
        store
            .count_disposable(&everything, Disposal::Restore)
            .await
            .unwrap(),
        0
    );
    let restored = store
        .dispose(&everything, &order(Disposal::Restore, "kim"), 10)
        .await;
    assert!(restored.unwrap().is_empty());
}

pub(crate) async fn of_operators_at_once_one_dismisses_a_letter(database: &impl Database) {
    let store = filled(database).await;
    let everything = LetterFilter::default();
    let dismiss = async |name: &str| {
        let order = order(Disposal::Dismiss, name);
        store.dispose(&everything, &order, 10).await.unwrap().len()
    };
    let (one, two, three) = tokio::join!(dismiss("dana"), dismiss("kim"), dismiss("lee"));
    assert_eq!(one + two + three, 4);
    assert_eq!(log(&*store, OperationKind::Dismissal).await.len(), 4);
}
