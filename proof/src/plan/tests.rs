//! The simulation against what can be calculated.

use super::{
    Sizing,
    cluster::{Cluster, Fault, Times},
    inputs::Inputs,
    simulate,
    simulation::{Rates, STEP, Simulation},
    sizing::PLANS,
};

const INPUTS: Inputs = Inputs {
    collector_micros: 7.3,
    database_micros: 20.2,
    small_batches: 3.0,
    stored_bytes: 1400.0,
    log_bytes: 2100.0,
    archived_bytes: 90.0,
    record_bytes: 350.0,
};

/// Events come evenly, and `database` of them are stored a second.
fn even(arriving: f64, database: f64, times: Times) -> Simulation {
    let size = Sizing::of(PLANS[1], &INPUTS);
    let rates = Rates {
        arriving,
        variation: 0.0,
        collector: 1e9,
        database,
    };
    Simulation::new(rates, Cluster::new(&size, times), size.partitions, 1)
}

#[test]
fn a_constant_outage_is_caught_up_with_in_the_time_that_can_be_calculated() {
    let times = Times {
        failover: 60.0,
        ..Times::default()
    };
    // 60 s of 1,000 events/s wait, and 500 of them are caught up with a second.
    let mut simulation = even(1_000.0, 1_500.0, times);
    simulation.lose(Fault::Worker(0), 600.0);
    while simulation.now < 400.0 {
        simulation.step();
    }
    let episode = &simulation.episodes[0];
    assert!((episode.stopped - 60.0).abs() < 2.0 * STEP, "{episode:?}");
    assert!((episode.longest_wait - 60.0).abs() < 2.0 * STEP, "{episode:?}");
    assert!(episode.most_waiting.abs_diff(60_000) <= 200, "{episode:?}");
    // After t seconds the oldest event waits t - 1.5 (t - 60) s, which is a second, and no lag, at 178.
    let recovered = episode.recovered_after.unwrap();
    assert!((recovered - 178.0).abs() < 3.0 * STEP, "{recovered}");
}

#[test]
fn without_a_standby_a_worker_is_waited_for() {
    let mut simulation = even(1_000.0, 3_000.0, Times::default());
    simulation.lose(Fault::Worker(0), 100.0);
    simulation.lose(Fault::Worker(0), 100.0);
    while simulation.now < 300.0 {
        simulation.step();
    }
    assert!((simulation.episodes[1].stopped - 100.0).abs() < 2.0 * STEP);
}

#[test]
fn two_zones_take_records_and_one_does_not() {
    let mut simulation = even(1_000.0, 3_000.0, Times::default());
    simulation.lose(Fault::Zone(0), 200.0);
    for _ in 0..600 {
        simulation.step();
    }
    assert_eq!(simulation.waiting(), (0, 0));
    simulation.lose(Fault::Zone(1), 200.0);
    for _ in 0..600 {
        simulation.step();
    }
    let (held, waiting) = simulation.waiting();
    assert!(held >= 59_000, "{held}");
    assert_eq!(simulation.recorded, simulation.stored + held + waiting);
}

#[test]
fn every_event_is_somewhere_whatever_is_lost() {
    let size = Sizing::of(PLANS[1], &INPUTS);
    for seed in 1..=3 {
        let simulation = simulate(&size, &INPUTS, seed);
        let (held, waiting) = simulation.waiting();
        assert_eq!(
            simulation.recorded,
            simulation.stored + held + waiting,
            "seed {seed}"
        );
    }
}

#[test]
fn a_seed_always_gives_the_same() {
    let size = Sizing::of(PLANS[1], &INPUTS);
    let [one, same, other] = [7, 7, 8].map(|seed| {
        let simulation = simulate(&size, &INPUTS, seed);
        (simulation.recorded, format!("{:?}", simulation.episodes))
    });
    assert_eq!(one, same);
    assert_ne!(one, other);
}
