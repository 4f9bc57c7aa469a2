//! Many sagas at once, of every kind.

use std::time::Instant;

use futures_util::future::join_all;
use scenarios::{Harness, Placed, Shop, Tracker};

const SAGAS: usize = 200;

/// What is ordered, how it is paid, and what the tracker is to say in the end: the status and the number of steps.
const KINDS: [(&str, i64, &str, &str, usize); 5] = [
    ("book", 30_000, "card", "COMPLETED", 9),
    ("lamp", 30_000, "card", "FAILED", 4),
    ("book", 30_000, "declined", "COMPENSATED", 9),
    ("piano", 2_000_000, "card", "FAILED", 8),
    ("book", 30_000, "cancelled", "COMPENSATED", 12),
];

async fn order(shop: &Shop, kind: usize) -> Placed {
    let (sku, amount, payment_method, _, _) = KINDS[kind];
    let placed = shop.place(sku, amount, payment_method).await;
    if payment_method == "cancelled" {
        shop.order_is(&placed, "CONFIRMED").await;
        shop.cancel(&placed).await;
    }
    placed
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_sagas_at_once_end_as_predicted() {
    let harness = Harness::new().await;
    let (tracker, shop) = (Tracker::start(&harness).await, Shop::start(&harness).await);
    let began = Instant::now();
    let placed = join_all((0..SAGAS).map(|number| order(&shop, number % KINDS.len()))).await;
    for (number, placed) in placed.iter().enumerate() {
        let (_, _, _, status, steps) = KINDS[number % KINDS.len()];
        tracker.saga_of(&placed.saga_id, status, steps).await;
    }
    println!("{SAGAS} sagas in {:?}", began.elapsed());

    let (_, statistics) = tracker.rest().get("/api/v1/sagas/statistics").await;
    let by_status = &statistics["byStatus"];
    for (status, count) in [
        ("COMPLETED", 40),
        ("FAILED", 80),
        ("COMPENSATED", 80),
        ("IN_PROGRESS", 0),
        ("STARTED", 0),
    ] {
        assert_eq!(by_status[status], count, "{statistics}");
    }
    shop.stop().await;
    tracker.stop().await;
}
