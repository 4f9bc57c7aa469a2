//! Dead letters, which are seen by the type of their event and of their saga, also once that was removed.

use std::sync::Arc;

use saga_store::{ExpiredBefore, LetterFilter, LetterQuery, NewLetter, Removed, Scope, Store};
use saga_types::{SagaType, Timestamp};

use super::{nothing, of_type, refunds, sagas};
use crate::suite::{Database, dead_letters::letter, events::created};

/// A letter of a saga, with the type that its event names.
fn typed(number: u8, saga_id: &str, saga_type: Option<&str>) -> NewLetter {
    let mut typed = letter(number);
    typed.letter.saga_id = Some(saga_id.to_owned());
    typed.letter.saga_type = saga_type.map(str::to_owned);
    typed.letter.reason = format!("REASON_{number}");
    typed
}

/// What is found: the offsets of letters, the reasons of groups, and how many wait.
async fn letters(store: &Arc<dyn Store>, scope: &Scope) -> (Vec<i64>, usize, u64) {
    let filter = LetterFilter {
        scope: scope.clone(),
        ..LetterFilter::default()
    };
    let groups = store.letter_groups(&filter).await.unwrap().groups;
    let query = LetterQuery {
        filter,
        after: None,
        size: 100,
    };
    let page = store.letters(&query).await.unwrap();
    let offsets = page.letters.iter().map(|stored| stored.letter.offset);
    let waiting = store.letters_waiting(scope).await.unwrap();
    (offsets.collect(), groups.len(), waiting)
}

pub(crate) async fn letters_are_seen_by_the_type_of_their_event_and_of_their_saga(database: &impl Database) {
    let store = database.store().await;
    let order = created("order", "1", 0);
    let refund = of_type(vec![created("refund", "1", 0)], &SagaType::REFUND);
    store.append([vec![order], refund].concat().into()).await.unwrap();
    let kept = vec![
        typed(1, "new", Some("REFUND")),
        typed(2, "refund", Some("REFUND")),
        // Replaying it would change a saga of another type.
        typed(3, "order", Some("REFUND")),
        typed(4, "refund", Some("ORDER_CREATION")),
        typed(5, "refund", None),
    ];
    store.keep_letters(kept).await.unwrap();
    assert_eq!(letters(&store, &Scope::All).await, (vec![5, 4, 3, 2, 1], 5, 5));
    assert_eq!(letters(&store, &refunds()).await, (vec![2, 1], 2, 2));
    let both = Scope::of([SagaType::REFUND, SagaType::ORDER_CREATION]);
    assert_eq!(letters(&store, &both).await, (vec![4, 3, 2, 1], 4, 4));
    assert_eq!(letters(&store, &nothing()).await, (vec![], 0, 0));
}

pub(crate) async fn a_removed_saga_keeps_its_type(database: &impl Database) {
    let store = database.store().await;
    let events = [sagas(&SagaType::REFUND, 0), sagas(&SagaType::ORDER_CREATION, 0)];
    store.append(events.concat().into()).await.unwrap();
    let before = ExpiredBefore {
        ended: Timestamp::MAX,
        unfinished: Timestamp::MAX,
    };
    let expired = store.expired(before, None, 100).await.unwrap();
    let removed = store.remove(&expired, None).await.unwrap();
    assert!(matches!(removed, Removed::Sagas(ids) if ids.len() == 6));
    for (saga_id, saga_type) in [
        ("done-refund", SagaType::REFUND),
        ("done-order_creation", SagaType::ORDER_CREATION),
    ] {
        let removal = store.removal(saga_id).await.unwrap().unwrap();
        assert_eq!(removal.saga_type, Some(saga_type));
    }
    // A letter of a saga that was removed is seen by those who may have seen the saga.
    store
        .keep_letters(vec![
            typed(1, "done-refund", Some("REFUND")),
            typed(2, "done-order_creation", Some("REFUND")),
        ])
        .await
        .unwrap();
    assert_eq!(letters(&store, &refunds()).await.0, [1]);
    database.execute("UPDATE saga_removed SET saga_type = NULL").await;
    assert_eq!(
        store.removal("done-refund").await.unwrap().unwrap().saga_type,
        None
    );
    assert_eq!(
        letters(&store, &refunds()).await.0,
        [0_i64; 0],
        "nobody knows what it was"
    );
}
