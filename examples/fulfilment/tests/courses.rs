//! Every course of an order, as three services record it, joined and folded by the definitions.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use fulfilment::{Course, DEFINITIONS, Fulfilment, SERVICES};
use saga_sdk_testkit::{Recorded, Recorder};
use saga_types::{
    SagaStatus::{Compensated, Completed, Failed, InProgress},
    definition::{Definitions, SagaDefinition},
    fold::SagaState,
};

fn definitions() -> Definitions {
    let mut definitions = Definitions::none();
    for (name, text) in DEFINITIONS {
        let report = SagaDefinition::check_yaml(text);
        assert!(report.warnings.is_empty(), "{name}: {:?}", report.warnings);
        definitions.insert(report.result.unwrap());
    }
    definitions
}

/// What three services recorded, and the id of the order's saga.
async fn recorded(course: Course) -> (Recorded, String) {
    let recorders = SERVICES.map(|service| Recorder::with_definitions(service, definitions()));
    let clients = recorders.each_ref().map(Recorder::client);
    let fulfilment = Fulfilment::with(clients, Duration::from_millis(2));
    let saga_id = fulfilment.fulfil("order-1", course).await.unwrap();
    (
        Recorded::join(recorders.map(|recorder| recorder.recorded())),
        saga_id,
    )
}

fn children(recorded: &Recorded, parent: &str) -> Vec<SagaState> {
    let mut ids: Vec<&str> = recorded
        .events()
        .iter()
        .map(|event| event.saga_id.as_str())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let states = ids.into_iter().map(|id| recorded.state_of(id));
    states
        .filter(|state| state.parent_saga_id.as_ref().is_some_and(|id| id == parent))
        .collect()
}

#[tokio::test]
async fn orders_and_their_parcels_end_as_their_course_says() {
    let expected = [
        (Course::Delivered, Completed, vec![Completed; 2]),
        (Course::Gift, Completed, vec![Completed; 3]),
        (Course::ByPost, Completed, vec![Completed; 2]),
        (Course::CarrierRefuses, Compensated, vec![]),
        (Course::CarrierSilent, InProgress, vec![]),
        (Course::ParcelLost, InProgress, vec![Completed, Completed, Failed]),
    ];
    for (course, status, parcels) in expected {
        let (recorded, saga_id) = recorded(course).await;
        recorded.assert_follows_definition(&saga_id);
        assert_eq!(recorded.state_of(&saga_id).current_status, status, "{course:?}");
        let children = children(&recorded, &saga_id);
        for child in &children {
            recorded.assert_follows_definition(child.saga_id.as_str());
        }
        let mut seen: Vec<_> = children.iter().map(|child| child.current_status).collect();
        seen.sort_unstable();
        assert_eq!(seen, parcels, "{course:?}");
    }
}

#[tokio::test]
async fn a_silent_carrier_holds_up_one_branch_alone() {
    let (recorded, saga_id) = recorded(Course::CarrierSilent).await;
    let state = recorded.state_of(&saga_id);
    let awaited: Vec<_> = state
        .awaiting
        .iter()
        .map(|entry| (entry.step.as_str(), entry.choice.as_deref()))
        .collect();
    assert_eq!(
        awaited,
        [
            ("COURIER_BOOKED", Some("carrier")),
            ("POST_BOOKED", Some("carrier"))
        ]
    );
}
