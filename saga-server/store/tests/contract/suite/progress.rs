//! How far each partition is stored.

use saga_store::PartitionProgress;
use saga_types::Timestamp;

use super::Database;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_760_000_000_000 + seconds * 1000).unwrap()
}

fn progress(partition: i32, events_behind: u64, as_of: Option<i64>) -> PartitionProgress {
    PartitionProgress {
        partition,
        events_behind,
        as_of: as_of.map(at),
        observed_at: at(60),
    }
}

pub(crate) async fn what_was_said_last_of_a_partition_counts(database: &impl Database) {
    let store = database.store().await;
    assert_eq!(store.progress("t").await.unwrap(), []);
    let first = [progress(2, 7, None), progress(0, 5, Some(10))];
    store.keep_progress("t", &first).await.unwrap();
    assert_eq!(store.progress("t").await.unwrap(), [first[1], first[0]]);
    let second = [progress(0, 3, None), progress(2, 4, Some(20))];
    store.keep_progress("t", &second).await.unwrap();
    // The next consumer of partition 0 does not know yet what the one before knew.
    let expected = [progress(0, 3, Some(10)), progress(2, 4, Some(20))];
    assert_eq!(store.progress("t").await.unwrap(), expected);
}

pub(crate) async fn topics_do_not_mix(database: &impl Database) {
    let store = database.store().await;
    store.keep_progress("a", &[progress(0, 1, None)]).await.unwrap();
    store.keep_progress("b", &[progress(0, 2, None)]).await.unwrap();
    assert_eq!(store.progress("a").await.unwrap(), [progress(0, 1, None)]);
}
