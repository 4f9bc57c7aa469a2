//! Archiving that is interrupted after every write, and archiving by two processes at once.

use super::*;

#[tokio::test]
async fn ended_at_every_change_it_loses_nothing_and_doubles_nothing() {
    for changes in 0.. {
        let harness = Harness::of_three_days(2).await;
        harness.archive.faults.after(changes);
        let ended = harness.try_to_archive().await;
        harness.archive.faults.after(usize::MAX);
        if ended.is_ok() {
            assert!(changes > 10, "{changes}");
            return;
        }
        harness.archive_all().await;
        harness.assert_all_found(6).await;
    }
}

/// Each takes over what the other one began, of which only the last attempt counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_collectors_at_once_archive_each_saga_once() {
    let harness = Harness::of_three_days(8).await;
    for _ in 0..6 {
        // What one deletes the other cannot read; it fails, and the next run does it again.
        let (one, other) = tokio::join!(harness.try_to_archive(), harness.try_to_archive());
        drop((one, other));
    }
    harness.archive_all().await;
    harness.assert_all_found(24).await;
}
