//! What clients see of sagas as they change, whichever collector stores them.

use reqwest::Response;
use saga_types::{SagaStatus, steps};

use crate::support::{Harness, Rest, TIMEOUT, events::event, running::Running};

async fn look_on(rest: &Rest) -> Response {
    let response = rest.stream("/api/v1/sagas/stream").await;
    assert_eq!(response.status(), 200);
    response
}

/// Reads until a text has come.
async fn read_until(response: &mut Response, text: &str) {
    let mut read = String::new();
    let reading = async {
        while !read.contains(text) {
            let chunk = response.chunk().await.unwrap().expect("the stream goes on");
            read.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    assert!(
        tokio::time::timeout(TIMEOUT, reading).await.is_ok(),
        "{text} did not come: {read}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_seen_at_every_collector() {
    let harness = Harness::new().await;
    let (first, second) = (Running::on(&harness).await, Running::on(&harness).await);
    let mut clients = [look_on(&first.rest).await, look_on(&second.rest).await];
    let producer = harness.producer();
    // Of many sagas, some are on the partitions of either.
    for saga in 0..30 {
        let saga_id = format!("saga-{saga}");
        producer.send(&event(&saga_id, 0, steps::ORDER_CREATED, SagaStatus::Started));
        producer.flush();
        for client in &mut clients {
            read_until(client, &format!("{saga_id}\"")).await;
        }
    }
    first.stop().await;
    second.stop().await;
}
