//! What can happen to a shop and its tracker, on a real Kafka and PostgreSQL, and what the tracker tells then.

use scenarios::{Harness, Shop, Tracker};
use serde_json::json;
use shop::What;

#[tokio::test(flavor = "multi_thread")]
async fn duplicate_events_change_nothing() {
    let harness = Harness::new().await;
    let (tracker, shop) = (Tracker::start(&harness).await, Shop::start(&harness).await);
    let placed = shop.place("book", 30_000, "card").await;
    tracker.saga_of(&placed.saga_id, "COMPLETED", 9).await;

    for known in [3, 6] {
        assert_eq!(harness.send_everything_again().await, known);
    }
    harness.wait_until_handled().await;
    tracker.saga_of(&placed.saga_id, "COMPLETED", 9).await;
    shop.cancel(&placed).await;
    shop.reservation_is(&placed, "RELEASED").await;
    shop.payment_is(&placed, "REFUNDED").await;
    harness.send_everything_again().await;
    harness.wait_until_handled().await;

    // Its whole path is time enough for what was recorded twice to arrive.
    let next = shop.place("book", 30_000, "card").await;
    tracker.saga_of(&next.saga_id, "COMPLETED", 9).await;
    tracker.saga_of(&placed.saga_id, "COMPENSATED", 12).await;
    let (_, stock) = shop.product().get("/stock/book").await;
    assert_eq!(stock["available"], 999);
    shop.stop().await;
    tracker.stop().await;
}

/// The events say the same as earlier ones, but are others.
#[tokio::test(flavor = "multi_thread")]
async fn events_that_say_nothing_new_change_nothing() {
    let harness = Harness::new().await;
    let (tracker, shop) = (Tracker::start(&harness).await, Shop::start(&harness).await);
    let placed = shop.place("book", 30_000, "card").await;
    tracker.saga_of(&placed.saga_id, "COMPLETED", 9).await;

    let payment_method = || "card".to_owned();
    let again = [
        What::StockReserved {
            amount: 30_000,
            payment_method: payment_method(),
        },
        What::OrderPlaced {
            sku: "book".into(),
            quantity: 1,
            amount: 30_000,
            payment_method: payment_method(),
        },
        What::PaymentCompleted,
        What::PaymentFailed {
            reason: "card declined".into(),
        },
    ];
    for what in again {
        harness.send(&placed.event(what)).await;
    }
    harness.wait_until_handled().await;
    let next = shop.place("book", 30_000, "card").await;
    tracker.saga_of(&next.saga_id, "COMPLETED", 9).await;
    tracker.saga_of(&placed.saga_id, "COMPLETED", 9).await;
    shop.stop().await;
    tracker.stop().await;
}

/// The payment and the reservation come when the order is long cancelled.
#[tokio::test(flavor = "multi_thread")]
async fn late_events_do_not_revive_an_order() {
    let harness = Harness::new().await;
    let tracker = Tracker::start(&harness).await;
    let shop = Shop::default()
        .with_order(&harness)
        .await
        .with_payment(&harness)
        .await;
    let placed = shop.place("book", 30_000, "card").await;
    shop.cancel(&placed).await;
    shop.payment_is(&placed, "CANCELLED").await;
    let saga = tracker.saga_of(&placed.saga_id, "FAILED", 2).await;
    assert_eq!(saga["failedStep"], "ORDER_CANCELLED");

    // product-service finds the order and its cancellation when it comes; its own events are late then.
    let shop = shop.with_product(&harness).await;
    let saga = tracker.saga_of(&placed.saga_id, "COMPENSATED", 5).await;
    assert_eq!(saga["failedStep"], "ORDER_CANCELLED");
    harness.send(&placed.event(What::PaymentCompleted)).await;
    harness.wait_until_handled().await;
    let next = shop.place("book", 30_000, "card").await;
    tracker.saga_of(&next.saga_id, "COMPLETED", 9).await;
    tracker.saga_of(&placed.saga_id, "COMPENSATED", 5).await;
    shop.order_is(&placed, "CANCELLED").await;
    shop.payment_is(&placed, "CANCELLED").await;
    shop.stop().await;
    tracker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tracker_that_was_unavailable_for_the_whole_of_a_saga_tells_it_later() {
    let harness = Harness::new().await;
    let shop = Shop::start(&harness).await;
    let placed = shop.place("book", 30_000, "card").await;
    shop.order_is(&placed, "CONFIRMED").await;
    let refused = shop.place("book", 30_000, "declined").await;
    shop.reservation_is(&refused, "RELEASED").await;

    let tracker = Tracker::start(&harness).await;
    tracker.saga_of(&placed.saga_id, "COMPLETED", 9).await;
    tracker.saga_of(&refused.saga_id, "COMPENSATED", 9).await;
    shop.stop().await;
    tracker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_tracked_leaves_a_gap_and_breaks_nothing() {
    let harness = Harness::new().await;
    let tracker = Tracker::start(&harness).await;
    let shop = Shop::default()
        .with_order(&harness)
        .await
        .with_product(&harness)
        .await;
    let shop = shop.with_untracked_payment(&harness).await;
    let placed = shop.place("book", 30_000, "card").await;

    let saga = tracker.saga_of(&placed.saga_id, "COMPLETED", 6).await;
    assert_eq!(saga["services"], json!(["order-service", "product-service"]));
    shop.cancel(&placed).await;
    shop.payment_is(&placed, "REFUNDED").await;
    // The order says that it was paid, and no event records the refund.
    let saga = tracker.saga_of(&placed.saga_id, "FAILED", 8).await;
    assert_eq!(saga["outstandingCompensations"], json!(["PAYMENT_COMPLETED"]));
    shop.stop().await;
    tracker.stop().await;
}

/// It passes on the headers that it does not look at.
#[tokio::test(flavor = "multi_thread")]
async fn behind_a_service_that_is_not_tracked_the_saga_goes_on() {
    let harness = Harness::new().await;
    let tracker = Tracker::start(&harness).await;
    let shop = Shop::default()
        .with_order(&harness)
        .await
        .with_payment(&harness)
        .await;
    let shop = shop.with_untracked_product(&harness).await;
    let placed = shop.place("book", 30_000, "card").await;

    let saga = tracker.saga_of(&placed.saga_id, "COMPLETED", 7).await;
    assert_eq!(saga["services"], json!(["order-service", "payment-service"]));
    shop.stop().await;
    tracker.stop().await;
}
