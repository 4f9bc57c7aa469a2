//! Every way in which an order can end, on a real Kafka and PostgreSQL, as the tracker tells it.

use scenarios::{Harness, Shop, Tracker};
use serde_json::json;

const FORWARD: [&str; 7] = [
    "order ORDER_CREATED STARTED",
    "product STOCK_RESERVATION IN_PROGRESS",
    "product STOCK_RESERVED COMPLETED",
    "order STOCK_RESERVED IN_PROGRESS",
    "payment PAYMENT_INITIALIZATION IN_PROGRESS",
    "payment PAYMENT_INITIALIZED IN_PROGRESS",
    "payment PAYMENT_COMPLETED COMPLETED",
];
const CONFIRMED: [&str; 2] = [
    "order PAYMENT_COMPLETED IN_PROGRESS",
    "order ORDER_CONFIRMED COMPLETED",
];

#[tokio::test(flavor = "multi_thread")]
async fn success() {
    let harness = Harness::new().await;
    let (tracker, shop) = (Tracker::start(&harness).await, Shop::start(&harness).await);
    let placed = shop.place("book", 30_000, "card").await;

    let saga = tracker.saga_of(&placed.saga_id, "COMPLETED", 9).await;
    assert_eq!(saga["orderId"], placed.order_id);
    assert_eq!(saga["lastStep"], "ORDER_CONFIRMED");
    assert_eq!(
        saga["services"],
        json!(["order-service", "payment-service", "product-service"])
    );
    assert_eq!(saga["awaiting"], json!([]));
    tracker
        .assert_steps(&placed.saga_id, &[&FORWARD[..], &CONFIRMED].concat())
        .await;
    shop.stop().await;
    tracker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_stock() {
    let harness = Harness::new().await;
    let (tracker, shop) = (Tracker::start(&harness).await, Shop::start(&harness).await);
    let placed = shop.place("lamp", 30_000, "card").await;

    let saga = tracker.saga_of(&placed.saga_id, "FAILED", 4).await;
    assert_eq!(saga["failedStep"], "STOCK_RESERVATION_FAILED");
    assert_eq!(saga["failureReason"], "out of stock: lamp");
    assert_eq!(saga["outstandingCompensations"], json!([]));
    let expected = [
        "order ORDER_CREATED STARTED",
        "product STOCK_RESERVATION IN_PROGRESS",
        "product STOCK_RESERVATION_FAILED FAILED",
        "order ORDER_CANCELLED FAILED",
    ];
    assert_eq!(tracker.steps(&placed.saga_id).await, expected);
    shop.stop().await;
    tracker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payment_refused_and_stock_released() {
    let harness = Harness::new().await;
    let (tracker, shop) = (Tracker::start(&harness).await, Shop::start(&harness).await);
    let declined = shop.place("book", 30_000, "declined").await;
    let too_dear = shop.place("book", 1_000_001, "card").await;

    let undone = [
        "payment PAYMENT_FAILED FAILED",
        "order ORDER_CANCELLED FAILED",
        "product STOCK_RELEASED COMPENSATED",
    ];
    for (placed, reason) in [
        (&declined, "card declined"),
        (&too_dear, "1000001 won is over the limit of 1000000"),
    ] {
        let saga = tracker.saga_of(&placed.saga_id, "COMPENSATED", 9).await;
        assert_eq!(saga["failedStep"], "PAYMENT_FAILED");
        assert_eq!(saga["failureReason"], reason);
        assert_eq!(saga["lastStep"], "STOCK_RELEASED");
        tracker
            .assert_steps(&placed.saga_id, &[&FORWARD[..6], &undone].concat())
            .await;
    }
    let (_, stock) = shop.product().get("/stock/book").await;
    assert_eq!(stock["available"], 1_000);
    shop.stop().await;
    tracker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payment_refused_and_the_release_failing() {
    let harness = Harness::new().await;
    let (tracker, shop) = (Tracker::start(&harness).await, Shop::start(&harness).await);
    let placed = shop.place("piano", 30_000, "declined").await;
    shop.reservation_is(&placed, "STUCK").await;

    let saga = tracker.saga_of(&placed.saga_id, "FAILED", 8).await;
    assert_eq!(saga["failedStep"], "PAYMENT_FAILED");
    assert_eq!(saga["outstandingCompensations"], json!(["STOCK_RESERVED"]));
    let awaited = &saga["awaiting"][0];
    assert_eq!(
        (&awaited["step"], &awaited["service"]),
        (&json!("STOCK_RELEASED"), &json!("product-service"))
    );
    shop.stop().await;
    tracker.stop().await;
}

/// The money of a transfer does not come. The patience of order-service ends when it is started again with less of it, so
/// that it ends neither too early nor late.
#[tokio::test(flavor = "multi_thread")]
async fn timeout() {
    let harness = Harness::new().await;
    let tracker = Tracker::start(&harness).await;
    let shop = Shop::default()
        .with_product(&harness)
        .await
        .with_payment(&harness)
        .await;
    let patient = Shop::default().with_order(&harness).await;
    let placed = patient.place("book", 30_000, "transfer").await;
    patient.order_is(&placed, "RESERVED").await;
    shop.payment_is(&placed, "PENDING").await;
    patient.stop().await;
    let shop = shop.with_impatient_order(&harness, 100).await;

    let saga = tracker.saga_of(&placed.saga_id, "COMPENSATED", 9).await;
    assert_eq!(saga["failedStep"], "ORDER_TIMEOUT");
    assert_eq!(saga["failureReason"], "not confirmed within 0.1 s");
    let undone = [
        "order ORDER_TIMEOUT FAILED",
        "product STOCK_RELEASED COMPENSATED",
        "payment PAYMENT_CANCELLED COMPENSATED",
    ];
    tracker
        .assert_steps(&placed.saga_id, &[&FORWARD[..6], &undone].concat())
        .await;
    shop.stop().await;
    tracker.stop().await;
}

/// No service consumes the order's event.
#[tokio::test(flavor = "multi_thread")]
async fn timeout_before_anything_was_done() {
    let harness = Harness::new().await;
    let tracker = Tracker::start(&harness).await;
    let shop = Shop::default().with_impatient_order(&harness, 200).await;
    let placed = shop.place("book", 30_000, "card").await;

    let saga = tracker.saga_of(&placed.saga_id, "FAILED", 2).await;
    assert_eq!(saga["failedStep"], "ORDER_TIMEOUT");
    assert_eq!(saga["outstandingCompensations"], json!([]));
    shop.stop().await;
    tracker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancellation_after_success_with_refund() {
    let harness = Harness::new().await;
    let (tracker, shop) = (Tracker::start(&harness).await, Shop::start(&harness).await);
    let placed = shop.place("book", 30_000, "card").await;
    tracker.saga_of(&placed.saga_id, "COMPLETED", 9).await;
    shop.cancel(&placed).await;

    let saga = tracker.saga_of(&placed.saga_id, "COMPENSATED", 12).await;
    assert_eq!(saga["failedStep"], "ORDER_CANCELLED");
    assert_eq!(saga["failureReason"], "cancelled by the customer");
    let undone = [
        "order ORDER_CANCELLED FAILED",
        "product STOCK_RELEASED COMPENSATED",
        "payment PAYMENT_REFUNDED COMPENSATED",
    ];
    tracker
        .assert_steps(&placed.saga_id, &[&FORWARD[..], &CONFIRMED, &undone].concat())
        .await;
    shop.payment_is(&placed, "REFUNDED").await;
    shop.stop().await;
    tracker.stop().await;
}
