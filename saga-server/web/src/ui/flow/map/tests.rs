//! What is drawn, and what is left out.

use std::collections::BTreeMap;

use saga_store::{Outcome, Sample, StepRow, Times, Transition};
use saga_types::{SagaType, Step, Timestamp, definition::Definitions, steps};

use super::*;
use crate::{
    http::query_string::{Length, Params},
    ui::{flow::address::Shown, period::Period},
};

fn flow(transitions: &[(Option<Step>, Step, Outcome)]) -> Flow {
    let mut flow = Flow {
        sample: Sample::new(10, 10),
        ..Flow::default()
    };
    for (from, to, outcome) in transitions {
        let times = Times {
            p50_ms: 1_200,
            p95_ms: 3_000,
            ..Times::default()
        };
        flow.transitions.push(TransitionRow {
            transition: Transition {
                from: from.clone(),
                to: to.clone(),
            },
            sagas: 5,
            outcome: *outcome,
            leaves_path: false,
            times: from.is_some().then_some(times),
        });
        for step in from.iter().chain([to]) {
            if flow.step(step).is_none() {
                flow.steps.push(StepRow {
                    step: step.clone(),
                    service: None,
                    is_on_path: true,
                    outcome: *outcome,
                    sagas: 5,
                    retried: 1,
                    retries: 1,
                    echoes: Vec::new(),
                    last: 1,
                    wait: None,
                    versions: BTreeMap::new(),
                });
            }
        }
    }
    flow
}

fn draw(flow: &Flow, query: &str) -> Option<Map> {
    let definitions = Definitions::built_in();
    let definition = definitions.get(&SagaType::ORDER_CREATION).unwrap();
    let address = FlowAddress {
        saga_type: SagaType::ORDER_CREATION,
        period: Period::last(Length::hours(1), Timestamp::MAX),
        shown: Shown::take(&mut Params::of(query)),
    };
    drawn(flow, Some(definition), &address)
}

#[test]
fn transitions_may_go_in_circles() {
    let unheard = Step::from_wire("<UNHEARD> & 주문").unwrap();
    let flow = flow(&[
        (None, steps::ORDER_CREATED, Outcome::Continues),
        (
            Some(steps::ORDER_CREATED),
            steps::STOCK_RESERVED,
            Outcome::Continues,
        ),
        (
            Some(steps::STOCK_RESERVED),
            steps::ORDER_CREATED,
            Outcome::Continues,
        ),
        (Some(steps::STOCK_RESERVED), steps::PAYMENT_FAILED, Outcome::Fails),
        (
            Some(steps::PAYMENT_FAILED),
            steps::STOCK_RELEASED,
            Outcome::Compensates,
        ),
        (Some(steps::ORDER_CREATED), unheard, Outcome::Continues),
    ]);
    let drawn = draw(&flow, "").unwrap();
    for part in [
        "edge failing",
        "edge compensating",
        "step-box unexpected",
        "&lt;UNHEARD&gt; &amp; 주문",
        "median 1.2 s, p95 3 s",
        "↻ ×1.2",
    ] {
        assert!(drawn.svg.contains(part), "{part} in {}", drawn.svg);
    }
    assert_eq!(drawn.svg.matches("class=\"edge").count(), 6);
    assert!(
        !drawn.svg.contains("NaN") && !drawn.svg.contains("style="),
        "{}",
        drawn.svg
    );
}

#[test]
fn rare_transitions_are_left_out_of_the_map() {
    let step = |number: usize| Step::from_wire(format!("STEP_{number}")).unwrap();
    let mut many = flow(
        &(0..130)
            .map(|number| (Some(step(number)), step(number + 1), Outcome::Continues))
            .collect::<Vec<_>>(),
    );
    assert_eq!(draw(&many, "").unwrap().left_out, 10);
    many.transitions[3].sagas = 0;
    assert_eq!(draw(&many, "least=50").unwrap().left_out, 10);
    assert!(draw(&Flow::default(), "").is_none());
}

#[test]
fn a_zoom_is_a_size_and_without_one_the_map_is_fitted() {
    let flow = flow(&[(None, steps::ORDER_CREATED, Outcome::Continues)]);
    let fitted = draw(&flow, "").unwrap();
    assert!(fitted.svg.contains("class=\"fitted\""), "{}", fitted.svg);
    let width = |query| {
        let svg = draw(&flow, query).unwrap().svg;
        let width = svg.split(" width=\"").nth(1).unwrap().split('"').next().unwrap();
        width.parse::<u32>().unwrap()
    };
    assert!(width("zoom=150") > width("zoom=100") && width("") > fitted.least_width);
}
