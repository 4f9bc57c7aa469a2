//! Dead letters of one cause by the ten thousand, beside few of others.

use std::sync::Arc;

use saga_store::{LetterCounts, LetterFilter, LetterGroup, LetterQuery, LetterState, Store};
use sqlx::Executor;

use crate::{asked::Asked, filters::moment};

const COUNTS: u32 = LetterCounts::<LetterGroup>::COUNTED;

/// Of 60,000 letters the 40 oldest are of other causes and a reason of their own, and have a word that no other one has.
const FILL: &str = "
INSERT INTO dead_letter (identity, topic, partition, \"offset\", dead_since, reason, message, value_bytes, headers, cause, attempts, state)
SELECT sha256(n::text::bytea), 'letters', 0, n, '2026-10-01T00:00:00Z'::timestamptz + n * interval '1 second',
       CASE WHEN n <= 40 THEN 'TRUNCATED' ELSE 'INVALID_EVENT' END, 'broken', 0, '[]',
       CASE WHEN n <= 40 THEN 'cause-' || n % 4 ELSE 'cause-9' END, n % 2, CASE WHEN n % 10 = 0 THEN 'REPLAYED' ELSE 'WAITING' END
FROM generate_series(1, 60000) AS n;
INSERT INTO dead_letter_word (word, letter_id) SELECT 'broken', id FROM dead_letter;
INSERT INTO dead_letter_word (word, letter_id) SELECT 'truncated', id FROM dead_letter WHERE reason = 'TRUNCATED'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_are_counted_and_searched_without_reading_all_of_them() {
    let mut asked = Asked::empty().await;
    asked.admin.execute(FILL).await.unwrap();
    for analyze in ["VACUUM ANALYZE dead_letter", "VACUUM ANALYZE dead_letter_word"] {
        asked.admin.execute(analyze).await.unwrap();
    }
    let mut complaints = Vec::new();
    let (all, counted) = (LetterFilter::default(), i64::from(COUNTS));
    let of_state = |state| LetterFilter {
        state: Some(state),
        ..LetterFilter::default()
    };
    let of_time = LetterFilter {
        from: Some(moment("2026-10-01T00:00:30Z")),
        to: Some(moment("2026-10-01T10:00:00Z")),
        ..LetterFilter::default()
    };
    for (what, filter, most) in [
        ("all", &all, 4 * counted),
        ("waiting", &of_state(LetterState::Waiting), 3 * counted),
        ("replayed", &of_state(LetterState::Replayed), 2 * counted),
        ("dismissed", &of_state(LetterState::Dismissed), 200),
        ("of a time", &of_time, 4 * counted),
    ] {
        let groups = async |store: Arc<dyn Store>| store.letter_groups(filter).await.unwrap();
        complaints.extend(asked.complaint(&format!("groups, {what}"), most, groups).await);
        let causes = async |store: Arc<dyn Store>| store.letter_causes(filter).await.unwrap();
        complaints.extend(asked.complaint(&format!("causes, {what}"), most, causes).await);
    }
    let searched = |words: &[&str]| LetterFilter {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        ..LetterFilter::default()
    };
    for (words, found, most) in [
        (&["truncated"][..], 20, 500),
        (&["broken"], 20, 5_000),
        (&["broken", "truncated"], 20, 5_000),
        (&["nothing"], 0, 100),
    ] {
        let query = LetterQuery {
            filter: searched(words),
            after: None,
            size: 20,
        };
        let letters = async |store: Arc<dyn Store>| {
            assert_eq!(store.letters(&query).await.unwrap().letters.len(), found);
        };
        complaints.extend(asked.complaint(&format!("{words:?}"), most, letters).await);
    }
    let store = asked.store().await;
    let found = store.letter_causes(&searched(&["broken"])).await.unwrap();
    assert!(!found.is_exact, "the newest are counted");
    let causes = store.letter_causes(&all).await.unwrap();
    let counts: Vec<_> = causes
        .groups
        .iter()
        .map(|cause| (cause.name.as_deref().unwrap(), cause.waiting, cause.replayed))
        .collect();
    let of_others = [
        ("cause-1", 10, 0),
        ("cause-3", 10, 0),
        ("cause-0", 8, 2),
        ("cause-2", 8, 2),
    ];
    assert_eq!(counts[0], ("cause-9", u64::from(COUNTS), 5_996));
    for other in of_others {
        assert!(counts.contains(&other), "{counts:?}");
    }
    assert!(!causes.is_exact);
    drop(store);
    asked.drop().await;
    assert!(complaints.is_empty(), "{complaints:#?}");
}
