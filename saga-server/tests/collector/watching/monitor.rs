//! Two collectors, one of which watches over the sagas.

use std::time::{Duration, Instant};

use saga_types::{SagaEvent, SagaStatus, Timestamp, steps};

use crate::support::{Harness, Rest, events::event, eventually, process::ServerProcess};

/// What may pass until something late is reported, whatever happens to the collector that watches.
const WITHIN: Duration = Duration::from_secs(60);

const STUCK: &str = r#"saga_tracker_stuck_sagas{saga_type="ORDER_CREATION",awaited_step="STOCK_RESERVATION",service="product-service"} "#;

const OVERDUE: &str = r#"saga_tracker_compensations_overdue{saga_type="ORDER_CREATION",step="STOCK_RESERVED",service="product-service"} "#;

/// An event that happened so many seconds ago.
fn ago(mut event: SagaEvent, seconds: i64) -> SagaEvent {
    event.recorded_at = Timestamp::from_millis(Timestamp::now().as_millis() - seconds * 1000).unwrap();
    event
}

fn stuck(saga_id: &str) -> SagaEvent {
    ago(event(saga_id, 0, steps::ORDER_CREATED, SagaStatus::Started), 3600)
}

fn owing(saga_id: &str) -> [SagaEvent; 2] {
    [
        ago(
            event(saga_id, 0, steps::STOCK_RESERVED, SagaStatus::Completed),
            3600,
        ),
        ago(event(saga_id, 1, steps::PAYMENT_FAILED, SagaStatus::Failed), 3000),
    ]
}

/// A metric of one collector; none when it does not speak of it.
async fn metric(rest: &Rest, name: &str) -> Option<String> {
    let (_, page) = rest.try_get("/metrics").await?;
    let line = page.as_str()?.lines().find(|line| line.starts_with(name))?;
    Some(line.rsplit(' ').next().unwrap().to_owned())
}

async fn watches(rest: &Rest) -> bool {
    metric(rest, "saga_tracker_watcher ").await.as_deref() == Some("1")
}

async fn says(rest: &Rest, name: &str, value: &str) -> bool {
    metric(rest, name).await.as_deref() == Some(value)
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_watcher_is_killed_another_one_reports_within_a_minute_and_once() {
    let harness = Harness::new().await;
    let mut servers = [
        ServerProcess::serve_logging(&harness),
        ServerProcess::serve_logging(&harness),
    ];
    for server in &servers {
        server.rest.wait_until_ready().await;
    }
    let producer = harness.producer();
    producer.send(&stuck("before"));
    owing("unpaid").iter().for_each(|event| producer.send(event));
    producer.flush();

    // One of them watches, and only that one speaks of what is late.
    eventually("one of them says what is late", async || {
        let mut speaking = 0;
        for server in &servers {
            speaking += u32::from(says(&server.rest, STUCK, "1").await);
        }
        speaking == 1
    })
    .await;
    if watches(&servers[1].rest).await {
        servers.swap(0, 1);
    }
    let [watcher, other] = &mut servers;
    assert!(says(&watcher.rest, OVERDUE, "1").await);
    assert!(!watches(&other.rest).await);
    assert_eq!(metric(&other.rest, STUCK).await, None);
    eventually("both are in its log", async || {
        watcher.log_lines("\"before\"").len() == 1 && watcher.log_lines("\"unpaid\"").len() == 1
    })
    .await;

    watcher.kill();
    let killed = Instant::now();
    producer.send(&stuck("after"));
    producer.flush();
    eventually("the other one says what is late", async || {
        says(&other.rest, STUCK, "2").await && other.log_lines("\"after\"").len() == 1
    })
    .await;
    assert!(killed.elapsed() < WITHIN, "{:?}", killed.elapsed());
    assert!(watches(&other.rest).await);

    // What the first one had reported is not reported again; both metrics are right.
    assert!(says(&other.rest, OVERDUE, "1").await);
    tokio::time::sleep(Duration::from_secs(12)).await;
    for (saga_id, times) in [("\"before\"", 0), ("\"unpaid\"", 0), ("\"after\"", 1)] {
        assert_eq!(other.log_lines(saga_id).len(), times, "{saga_id}");
    }
}
