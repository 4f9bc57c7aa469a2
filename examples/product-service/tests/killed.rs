//! product-service as a process of its own, killed between the reservation and the event that tells of it, on a real
//! Kafka and PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    net::TcpListener,
    process::{Child, Command},
};

use scenarios::{Harness, Rest, Shop, Tracker};
use serde_json::json;

const NEVER_MS: u64 = 3_600_000;

struct Process {
    child: Child,
    rest: Rest,
}

impl Process {
    /// Starts the program; it polls its outbox that often.
    fn start(harness: &Harness, relay_interval_ms: u64) -> Self {
        let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let settings = json!({ "stock": { "book": 10 } });
        let folder = harness.service_folder(
            "product-service",
            &listen.to_string(),
            relay_interval_ms,
            settings,
        );
        let child = Command::new(env!("CARGO_BIN_EXE_product-service"))
            .arg(folder)
            .spawn()
            .unwrap();
        Self {
            child,
            rest: Rest::at(listen),
        }
    }
}

/// SIGKILL: no goodbye of any kind.
impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_reservation_and_event_it_recovers_and_the_saga_completes() {
    let harness = Harness::new().await;
    let tracker = Tracker::start(&harness).await;
    let shop = Shop::default()
        .with_order(&harness)
        .await
        .with_payment(&harness)
        .await;

    let speechless = Process::start(&harness, NEVER_MS);
    speechless
        .rest
        .wait_for("/health", "up", |status, _| status == 200)
        .await;
    let placed = shop.place("book", 30_000, "card").await;
    let reservation = format!("/reservations/{}", placed.order_id);
    speechless
        .rest
        .wait_for(&reservation, "reserved", |_, it| it["status"] == "RESERVED")
        .await;
    drop(speechless);
    let (_, order) = shop.order().get(&format!("/orders/{}", placed.order_id)).await;
    assert_eq!(
        order["status"], "PLACED",
        "no event of the reservation was published"
    );
    // The steps wait in the outbox of the SDK, as the event does in that of the service.
    tracker.saga_of(&placed.saga_id, "STARTED", 1).await;

    let back = Process::start(&harness, 20);
    tracker.saga_of(&placed.saga_id, "COMPLETED", 9).await;
    let (_, stock) = back.rest.get("/stock/book").await;
    assert_eq!(stock["available"], 9, "reserved once");
    shop.stop().await;
    tracker.stop().await;
}
