//! An end that is cancelled, repeated, shared, or left out.

use std::{fs, time::Duration};

use saga_sdk::{DropReason, PublishMode};
use tokio::time::timeout;

use crate::{
    harness::{Harness, eventually, record},
    support::wait_until,
};

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_close_that_was_cancelled_is_finished_by_the_next_one() {
    let harness = Harness::new("cancelled-close");
    harness.cluster.broker_down(1).unwrap();
    let tracker = harness.connect();
    record(&tracker, 5);
    let cancelled = timeout(Duration::from_millis(50), tracker.close(LONG)).await;
    assert!(cancelled.is_err());

    assert_eq!(tracker.close(Duration::from_millis(50)).await.left, 5);
    let stats = tracker.stats();
    assert_eq!((stats.pending, stats.dropped_for(DropReason::Closed)), (0, 5));
}

#[tokio::test]
async fn all_who_close_at_once_get_the_same_report() {
    let harness = Harness::new("closed-by-two");
    let tracker = harness.connect();
    record(&tracker, 500);
    let (one, other) = tokio::join!(tracker.close(LONG), tracker.close(LONG));
    assert_eq!((one.left, other.left), (0, 0));
    assert_eq!(tracker.stats().acknowledged, 500);
}

#[test]
fn flush_and_close_end_in_a_runtime_of_one_thread_in_both_modes() {
    for mode in [PublishMode::Asynchronous, PublishMode::Synchronous] {
        let harness = Harness::new(&format!("one-thread-{mode:?}").to_lowercase());
        let config = harness.config.clone().mode(mode);
        let tracker = saga_sdk::connect(&config).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            record(&tracker, 200);
            assert_eq!(tracker.flush(LONG).await.left, 0);
            record(&tracker, 200);
        });
        drop(runtime);
        assert_eq!(tracker.close_blocking(LONG).left, 0);
        assert_eq!(tracker.stats().acknowledged, 400);
    }
}

#[tokio::test]
async fn a_wait_may_be_longer_than_any_clock_counts() {
    let harness = Harness::new("longest-wait");
    let tracker = harness.connect();
    record(&tracker, 5);
    assert_eq!(tracker.flush(Duration::MAX).await.left, 0);
    record(&tracker, 5);
    assert_eq!(tracker.close(Duration::MAX).await.left, 0);
    assert_eq!(tracker.stats().acknowledged, 10);
}

fn threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("saga-")).count()
}

#[tokio::test]
async fn clients_whose_close_was_cancelled_leave_no_threads() {
    let harness = Harness::new("no-threads-left");
    harness.cluster.broker_down(1).unwrap();
    for _ in 0..10 {
        let tracker = harness.connect();
        record(&tracker, 5);
        let _ = timeout(Duration::from_millis(1), tracker.close(LONG)).await;
        let _ = timeout(Duration::from_millis(1), tracker.flush(LONG)).await;
    }
    // Other tests of this process have a few.
    eventually(|| threads() < 10);
}

#[tokio::test]
async fn a_client_that_is_dropped_delivers_in_the_background() {
    let harness = Harness::new("dropped");
    harness.cluster.broker_down(1).unwrap();
    let tracker = harness.connect();
    record(&tracker, 5);
    drop(tracker);
    // A drop that waits for them would have given them up by now.
    harness.cluster.broker_up(1).unwrap();
    harness.wait_stored(5);
}

#[test]
fn a_guard_delivers_what_is_pending_at_the_end_of_its_scope() {
    let harness = Harness::new("guarded");
    let tracker = harness.connect();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _guard = tracker.close_on_drop(LONG);
        record(&tracker, 100);
        panic!("the service fails");
    }));
    assert!(panicked.is_err());
    assert_eq!(tracker.stats().acknowledged, 100);
}

#[tokio::test]
async fn a_flush_leaves_the_client_open() {
    let harness = Harness::new("flushed");
    let tracker = harness.connect();
    record(&tracker, 10);
    assert!(tracker.flush(LONG).await.is_complete());
    record(&tracker, 10);
    wait_until(&tracker, |stats| stats.acknowledged == 20);
    assert!(tracker.close_blocking(LONG).is_complete());
}
