//! The short form of every run, on real parts that it starts for itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    process::Command,
    sync::{Mutex, PoisonError},
};

/// A run has a whole stack of its own, and measures: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn keeps_its_promises(run: &str) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let output = Command::new(env!("CARGO_BIN_EXE_saga-proof"))
        .args([run, "--short"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "saga-proof {run} --short: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_service_does_not_notice_that_kafka_is_unavailable() {
    keeps_its_promises("sdk-outage");
}

#[test]
fn relays_of_the_outbox_that_are_killed_lose_nothing_and_keep_order() {
    keeps_its_promises("outbox-kills");
}

#[test]
fn outages_of_database_and_broker_lose_nothing_and_double_nothing() {
    keeps_its_promises("outages");
}

#[test]
fn whatever_is_killed_under_two_servers_every_acknowledged_event_is_stored_once_or_a_dead_letter() {
    keeps_its_promises("faults");
}

#[test]
fn what_the_gateway_accepts_is_stored_once_whatever_is_killed() {
    keeps_its_promises("gateway");
}

#[test]
fn whatever_the_world_does_good_events_are_stored_bad_ones_are_dead_letters_and_health_is_true() {
    keeps_its_promises("hostile");
}

#[test]
fn without_saga_sdk_spans_domain_events_and_outbox_rows_become_the_same_sagas() {
    keeps_its_promises("without-sdk");
}

#[test]
fn a_service_that_writes_bad_records_all_day_takes_no_more_space_than_its_retention() {
    keeps_its_promises("dead-letters");
}

#[test]
fn a_file_of_all_sagas_has_each_once_and_takes_no_memory_that_grows_with_it() {
    keeps_its_promises("export");
}

#[test]
fn archived_sagas_answer_without_a_restore_and_take_little_space() {
    keeps_its_promises("archive");
}

#[test]
fn the_speed_of_the_collector_can_be_measured() {
    keeps_its_promises("speed");
}
