//! Definitions from simulated events are those that the events were made by.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use saga_normal::{
    infer::{self, Recorded, TooFew},
    simulation::{Noise, sagas, same_definition},
};
use saga_types::{
    SagaStatus, SagaType, Step, Timestamp,
    definition::{Definitions, SagaDefinition},
};

/// The types of `dev --demo`.
fn demo() -> Vec<SagaDefinition> {
    let fulfilment = include_str!("../../../examples/fulfilment/definitions/fulfilment.yml");
    let shipment = include_str!("../../../examples/fulfilment/definitions/shipment.yml");
    let built_in = Definitions::built_in();
    let own = [fulfilment, shipment].map(|file| SagaDefinition::from_yaml(file).unwrap());
    built_in.iter().cloned().chain(own).collect()
}

fn inferred(definition: &SagaDefinition, seed: u64, noise: f64, count: usize) -> String {
    let all = demo();
    let others: Vec<&SagaDefinition> = all
        .iter()
        .filter(|other| other.saga_type != definition.saga_type)
        .collect();
    let mut random = fastrand::Rng::with_seed(seed);
    let events = sagas(&mut random, definition, &others, Noise { share: noise }, count);
    infer::definition(&definition.saga_type, &events).unwrap()
}

#[test]
fn ten_thousand_sagas_with_noise_give_the_definition_they_were_made_by() {
    for definition in demo() {
        for seed in 1..=3 {
            let file = inferred(&definition, seed, 0.05, 10_000);
            let read = SagaDefinition::from_yaml(&file).unwrap_or_else(|error| panic!("{error}: {file}"));
            let difference = same_definition(&definition, &read);
            assert_eq!(difference, None, "{} seed {seed}: {file}", definition.saga_type);
        }
    }
}

#[test]
fn a_file_says_how_sure_it_is() {
    let definitions = demo();
    let shipment = definitions.last().unwrap();
    let file = inferred(shipment, 1, 0.0, 1_000);
    for line in [
        "# Inferred from 1000 sagas, of which ",
        "sagaType: SHIPMENT\n",
        "  - { step: PARCEL_HANDED_OVER, service: carrier-service } # in 100.0 %, by this service in 100.0 %, in this order in 100.0 %\n",
        "# The times that 99.9 % of the sagas without failure keep.\n",
        "    - { step: PARCEL_DELIVERED, within: 2s, after: PARCEL_HANDED_OVER } # of ",
    ] {
        assert!(file.contains(line), "{line:?} in {file}");
    }
}

fn event(step: &str, status: SagaStatus, millis: i64) -> Recorded {
    Recorded {
        step: Step::new(step).unwrap(),
        status,
        service: None,
        recorded_at: Timestamp::from_millis(millis).unwrap(),
    }
}

#[test]
fn of_too_few_sagas_there_is_no_definition() {
    let saga_type = SagaType::new("OWN").unwrap();
    assert_eq!(
        infer::definition(&saga_type, &[]),
        Err(TooFew { without_failure: 0 })
    );
    let one = vec![
        event("ASKED", SagaStatus::Started, 0),
        event("DONE", SagaStatus::Completed, 9),
    ];
    let some = vec![one; 19];
    assert_eq!(
        infer::definition(&saga_type, &some),
        Err(TooFew { without_failure: 19 })
    );
}

#[test]
fn types_with_very_many_steps_and_sagas_with_very_many_events_are_bounded() {
    let saga_type = SagaType::new("OWN").unwrap();
    let saga = |number: i64| {
        let mut events = vec![event("ASKED", SagaStatus::Started, 0)];
        // Each saga has steps that no other has.
        events.extend(
            (0..1_000).map(|step| event(&format!("STEP_{number}_{step}"), SagaStatus::InProgress, 1)),
        );
        events.extend((0..10_000).map(|retry| event("TRIED", SagaStatus::InProgress, 10 + retry)));
        events.push(event("DONE", SagaStatus::Completed, 20_000));
        events
    };
    let sagas: Vec<Vec<Recorded>> = (0..25).map(saga).collect();
    let file = infer::definition(&saga_type, &sagas).unwrap();
    assert!(file.len() < 30_000, "{}", file.len());
    SagaDefinition::from_yaml(&file).unwrap();
}

#[test]
fn a_saga_that_records_foreign_steps_again_and_again_hides_no_step_of_the_type() {
    let saga_type = SagaType::new("OWN").unwrap();
    let usual = vec![
        event("ASKED", SagaStatus::Started, 0),
        event("CHECKED", SagaStatus::InProgress, 5),
        event("DONE", SagaStatus::Completed, 9),
    ];
    let mut sagas = vec![usual; 30];
    let endless = (0..100).flat_map(|round| {
        (0..300).map(move |step| {
            event(
                &format!("FOREIGN_{step}"),
                SagaStatus::InProgress,
                round * 1_000 + step,
            )
        })
    });
    sagas.push(endless.collect());
    let file = infer::definition(&saga_type, &sagas).unwrap();
    let read = SagaDefinition::from_yaml(&file).unwrap();
    let forward: Vec<&str> = read.forward.iter().map(|forward| forward.step.as_str()).collect();
    assert_eq!(forward, ["ASKED", "CHECKED", "DONE"], "{file}");
}

/// Each two of the steps are compared, over all sagas.
#[test]
fn very_many_sagas_of_very_many_steps_are_counted_saga_by_saga() {
    let saga_type = SagaType::new("OWN").unwrap();
    let saga = |number: i64| {
        let step = |place: i64| event(&format!("STEP_{place:03}"), SagaStatus::InProgress, 10 * place);
        let mut events = vec![event("ASKED", SagaStatus::Started, 0)];
        events.extend((1..190).filter(|place| (place + number) % 2 == 0).map(step));
        events.push(event("DONE", SagaStatus::Completed, 5_000));
        events
    };
    let sagas: Vec<Vec<Recorded>> = (0..2_000).map(saga).collect();
    let file = infer::definition(&saga_type, &sagas).unwrap();
    let read = SagaDefinition::from_yaml(&file).unwrap();
    assert_eq!(read.forward.len(), 191);
}
