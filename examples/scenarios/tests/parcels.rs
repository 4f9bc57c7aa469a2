//! Orders that are shipped: a saga that forks, joins and chooses, with a child saga for each parcel, on a real Kafka and
//! PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use fulfilment::{Course, Fulfilment};
use scenarios::{Harness, TIMEOUT, Tracker};
use serde_json::{Value, json};

/// Fulfils an order, with every step delivered.
async fn fulfil(harness: &Harness, course: Course) -> String {
    let fulfilment = Fulfilment::connect(&harness.saga(), Duration::from_millis(5)).unwrap();
    let saga_id = fulfilment.fulfil("order-1", course).await.unwrap();
    fulfilment.close(TIMEOUT).await;
    saga_id
}

async fn awaited(tracker: &Tracker, saga_id: &str, steps: usize) -> Value {
    let saga = tracker.saga_of(saga_id, "IN_PROGRESS", steps).await;
    let awaiting = saga["awaiting"].as_array().unwrap();
    awaiting
        .iter()
        .map(|entry| json!([entry["step"], entry["choice"]]))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn parcels_are_children_of_the_order_and_it_completes_when_all_arrived() {
    let harness = Harness::new().await;
    let tracker = Tracker::start(&harness).await;
    let order = fulfil(&harness, Course::Gift).await;
    tracker.saga_of(&order, "COMPLETED", 6).await;
    let children = tracker
        .rest()
        .wait_for(
            "/api/v1/sagas?sagaType=SHIPMENT&status=COMPLETED",
            "three parcels arrive",
            |_, page| page["page"]["totalElements"] == 3,
        )
        .await;
    for child in children["content"].as_array().unwrap() {
        assert_eq!(child["parentSagaId"], order, "{child}");
        assert_eq!(child["anomalies"], json!([]), "{child}");
    }
    tracker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_branch_is_awaited_while_the_other_is_done() {
    let harness = Harness::new().await;
    let tracker = Tracker::start(&harness).await;
    let order = fulfil(&harness, Course::CarrierSilent).await;
    let both = json!([["COURIER_BOOKED", "carrier"], ["POST_BOOKED", "carrier"]]);
    assert_eq!(awaited(&tracker, &order, 2).await, both);
    let refused = fulfil(&harness, Course::CarrierRefuses).await;
    let saga = tracker.saga_of(&refused, "COMPENSATED", 4).await;
    assert_eq!(saga["failedStep"], "CARRIER_REFUSED");
    tracker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_waits_when_one_of_its_parcels_is_lost() {
    let harness = Harness::new().await;
    let tracker = Tracker::start(&harness).await;
    let order = fulfil(&harness, Course::ParcelLost).await;
    assert_eq!(
        awaited(&tracker, &order, 4).await,
        json!([["FULFILMENT_COMPLETED", null]])
    );
    tracker
        .rest()
        .wait_for(
            "/api/v1/sagas?sagaType=SHIPMENT&status=FAILED",
            "a parcel is lost",
            |_, page| page["content"][0]["parentSagaId"] == order.as_str(),
        )
        .await;
    tracker.stop().await;
}
