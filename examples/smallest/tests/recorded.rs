//! What the README promises: the program, as a process of its own, records into a tracker, which answers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{process::Command, time::Duration};

use saga_sdk::SagaStatus;
use saga_server::EmbeddedTracker;

fn record(ending: &str, bootstrap_servers: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_smallest"))
        .arg(ending)
        .env("PLATFORM_SAGA_ENABLED", "true")
        .env("PLATFORM_SAGA_BOOTSTRAP_SERVERS", bootstrap_servers)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_ending_is_answered_by_the_tracker() {
    let tracker = EmbeddedTracker::start().await.unwrap();
    for (ending, status, steps) in [
        ("success", SagaStatus::Completed, 6),
        ("out-of-stock", SagaStatus::Failed, 4),
        ("compensated", SagaStatus::Compensated, 7),
    ] {
        let bootstrap_servers = tracker.bootstrap_servers().to_owned();
        let saga_id = tokio::task::spawn_blocking(move || record(ending, &bootstrap_servers))
            .await
            .unwrap();
        let state = tracker
            .eventually(&saga_id, Duration::from_secs(30), |state| {
                state.step_count == steps
            })
            .await;
        assert_eq!(state.current_status, status, "{state:?}");
    }
    tracker.stop().await.unwrap();
}

#[test]
fn without_being_told_to_it_records_nothing_and_says_so() {
    let output = Command::new(env!("CARGO_BIN_EXE_smallest")).output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("PLATFORM_SAGA_ENABLED=true"));
}
