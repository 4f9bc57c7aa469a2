//! A process that forks, or exits without closing its client.
#![expect(unsafe_code, reason = "fork is only in the C library")]

use std::{
    env,
    process::Command,
    sync::{Arc, OnceLock},
    time::Duration,
};

use saga_sdk::{DropReason, PublishMode, RecordError, SagaConfig, SagaTrackerClient, SagaType, steps};

use crate::{
    harness::{Harness, record},
    support::wait_until,
};

/// What a forked child does with its parent's client; an exit code for each check that fails.
fn in_child(tracker: Arc<dyn SagaTrackerClient>) -> i32 {
    let saga = tracker.order(1).saga(SagaType::ORDER_CREATION, "saga-1");
    let not_sent = saga.start(steps::ORDER_CREATED).record().wait();
    let is_refused = matches!(
        not_sent,
        Err(RecordError::NotSent {
            reason: DropReason::Closed,
            ..
        })
    );
    let stats = tracker.stats();
    let is_flushed = tracker.close_blocking(Duration::from_secs(60)).is_complete();
    drop(saga);
    drop(tracker);
    match () {
        () if !is_refused => 1,
        () if stats.pending != 0 || stats.recorded != stats.acknowledged + stats.dropped() => 2,
        () if !is_flushed => 3,
        () => 0,
    }
}

#[test]
fn a_forked_child_is_refused_at_once_and_its_parent_goes_on() {
    let mut harness = Harness::new("forked");
    harness.config = harness.config.mode(PublishMode::Synchronous);
    let tracker = harness.connect();
    record(&tracker, 10);
    wait_until(&tracker, |stats| stats.acknowledged == 10);
    // SAFETY: the child uses the client only, which takes no lock in it, and ends without running anything else.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let code = in_child(tracker);
        // SAFETY: ends the child.
        unsafe { libc::_exit(code) };
    }
    let mut status = -1;
    // SAFETY: the child is this process's own, and the status is a local variable.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(libc::WEXITSTATUS(status), 0, "{status:x}");
    assert!(libc::WIFEXITED(status), "{status:x}");

    record(&tracker, 10);
    wait_until(&tracker, |stats| stats.acknowledged == 20);
}

const SERVERS: &str = "SAGA_SDK_TEST_SERVERS";

/// Not a test of its own: the process that `events_are_delivered_at_an_exit` starts.
#[test]
fn exits_with_a_client_that_is_not_closed() {
    static TRACKER: OnceLock<Arc<dyn SagaTrackerClient>> = OnceLock::new();
    let Ok(servers) = env::var(SERVERS) else { return };
    let config = SagaConfig::default()
        .enabled(true)
        .bootstrap_servers(servers)
        .service_name("order-service")
        .topic("exit");
    let tracker = saga_sdk::connect(&config).unwrap();
    record(TRACKER.get_or_init(|| tracker), 100);
    std::process::exit(0);
}

#[test]
fn events_are_delivered_at_an_exit() {
    let harness = Harness::new("exit");
    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", "process::exits_with_a_client_that_is_not_closed"])
        .env(SERVERS, harness.cluster.bootstrap_servers())
        .status();
    assert!(status.unwrap().success());
    harness.wait_stored(100);
}
