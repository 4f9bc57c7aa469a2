//! The short form of every run, on real parts that it starts for itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError, TryLockError},
};

/// A run has a whole stack of its own, waits for much of its time, and needs a processor for the rest: two at a time.
static PLACES: [Mutex<()>; 2] = [Mutex::new(()), Mutex::new(())];

type Place = MutexGuard<'static, ()>;

fn take(place: &'static Mutex<()>) -> Place {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

fn any_place() -> Place {
    match PLACES[0].try_lock() {
        Ok(place) => place,
        Err(TryLockError::Poisoned(place)) => place.into_inner(),
        Err(TryLockError::WouldBlock) => take(&PLACES[1]),
    }
}

fn keeps_its_promises(run: &str) {
    let _place = any_place();
    ends_well(run);
}

/// For a run that promises how long something takes at most.
fn keeps_its_promises_alone(run: &str) {
    let _places = PLACES.each_ref().map(take);
    ends_well(run);
}

fn ends_well(run: &str) {
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
    keeps_its_promises_alone("sdk-outage");
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
