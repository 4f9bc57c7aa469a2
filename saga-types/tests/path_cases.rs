//! The worked cases of the expected path.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use saga_types::{
    SagaEvent, Timestamp,
    definition::{Definitions, SagaDefinition},
    fold::{self, SagaState},
};
use serde_json::Value;

#[derive(serde::Deserialize)]
struct File {
    definition: String,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    events: Vec<SagaEvent>,
    expect: Expected,
}

#[derive(serde::Deserialize)]
struct Expected {
    status: Value,
    awaiting: Vec<Value>,
}

impl File {
    fn read() -> Self {
        let file: Self = serde_json::from_str(include_str!("data/path-cases.json")).unwrap();
        assert_eq!(file.cases.len(), 14, "all cases of the contract");
        file
    }

    fn definitions(&self) -> Definitions {
        let mut definitions = Definitions::none();
        definitions.insert(SagaDefinition::from_yaml(&self.definition).unwrap());
        definitions
    }

    fn state_of(&self, case: &str) -> SagaState {
        let case = self
            .cases
            .iter()
            .find(|candidate| candidate.name == case)
            .unwrap();
        fold::fold(&case.events, &self.definitions()).unwrap()
    }
}

/// The cases give times in milliseconds.
fn with_millis(mut awaiting: Value) -> Value {
    for key in ["since", "deadline"] {
        if let Some(time) = awaiting[key].as_str() {
            awaiting[key] = time.parse::<Timestamp>().unwrap().as_millis().into();
        }
    }
    awaiting
}

#[test]
fn every_worked_case_awaits_what_is_expected() {
    let file = File::read();
    for case in &file.cases {
        let state = fold::fold(&case.events, &file.definitions()).unwrap();
        let state = serde_json::to_value(state).unwrap();
        let awaiting = state["awaiting"].as_array().unwrap().iter().cloned();
        let awaiting: Vec<Value> = awaiting.map(with_millis).collect();
        assert_eq!(awaiting, case.expect.awaiting, "{}", case.name);
        assert_eq!(state["currentStatus"], case.expect.status, "{}", case.name);
    }
}

#[test]
fn two_branches_read_as_one_sentence() {
    assert_eq!(
        File::read().state_of("both branches are awaited").summary,
        "At ORDER_CREATED since 2023-11-14T22:13:20.000Z. Waiting for STOCK_RESERVED from product-service since \
         2023-11-14T22:13:20.000Z, due by 2023-11-14T23:13:20.000Z, and FRAUD_CHECKED from fraud-service since \
         2023-11-14T22:13:20.000Z, due by 2023-11-14T22:13:50.000Z."
    );
}

#[test]
fn a_choice_reads_as_either_or() {
    let state = File::read().state_of("the join: each way to pay is awaited, the gift is not");
    assert_eq!(
        state.summary,
        "At FRAUD_CHECKED since 2023-11-14T22:13:20.090Z. Waiting for either PAID_BY_CARD from payment-service or \
         PAID_BY_INVOICE from billing-service since 2023-11-14T22:13:20.090Z, due by 2023-11-14T22:23:20.050Z."
    );
}

#[test]
fn the_most_urgent_step_is_the_one_with_the_earliest_deadline() {
    let state = File::read().state_of("both branches are awaited");
    assert_eq!(state.most_urgent().unwrap().step.as_str(), "FRAUD_CHECKED");
}

#[test]
fn the_path_is_drawn_with_its_branches_and_choices() {
    let definition = SagaDefinition::from_yaml(&File::read().definition).unwrap();
    let text = definition.to_text();
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    assert_eq!(
        lines[3..7],
        [
            "GIFT_WRAPPED (gift-service), after STOCK_RESERVED, optional",
            "PAID_BY_CARD (payment-service), after STOCK_RESERVED and FRAUD_CHECKED, choice payment",
            "PAID_BY_INVOICE (billing-service), after STOCK_RESERVED and FRAUD_CHECKED, choice payment",
            "PARCEL_SENT (shipping-service), after payment and GIFT_WRAPPED",
        ]
    );
    let chart = definition.to_mermaid();
    for line in [
        "  s1 -.-> s3\n",
        "  s4{\"PAID_BY_CARD<br>payment-service\"}\n",
        "  s5 --> s6\n",
    ] {
        assert!(chart.contains(line), "{chart}");
    }
}
