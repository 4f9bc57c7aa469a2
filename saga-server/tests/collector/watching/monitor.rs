//! Two collectors, one of which watches over the sagas.

use saga_types::{SagaEvent, SagaStatus, Timestamp, steps};

use crate::support::{Harness, Rest, events::event, eventually, process::ServerProcess};

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

/// A metric of one collector; none when it does not export it.
async fn metric(rest: &Rest, name: &str) -> Option<String> {
    let (_, page) = rest.try_get("/metrics").await?;
    let line = page.as_str()?.lines().find(|line| line.starts_with(name))?;
    Some(line.rsplit(' ').next().unwrap().to_owned())
}

async fn watches(rest: &Rest) -> bool {
    metric(rest, "saga_tracker_watcher ").await.as_deref() == Some("1")
}

async fn reads(rest: &Rest, name: &str, value: &str) -> bool {
    metric(rest, name).await.as_deref() == Some(value)
}

/// How often a collector's log reports each of the sagas that are late before the watcher is killed.
fn reports(server: &ServerProcess) -> [usize; 2] {
    ["\"before\"", "\"unpaid\""].map(|saga_id| server.log_lines(saga_id).len())
}

/// A report is logged first and marked in the database then, so that one is repeated when the watcher is killed in
/// between, and none is missed. Once marked, it is not repeated.
async fn marked_as_reported(harness: &Harness, sagas: i64) {
    eventually("reports are marked in the database", async || {
        harness.sql_count("SELECT count(*) FROM reported_late").await == sagas
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_watcher_is_killed_another_one_takes_over_and_repeats_no_report_that_was_marked() {
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

    // One of them watches, and only that one exports what is late.
    marked_as_reported(&harness, 2).await;
    eventually(
        "one of them exports what is late, the other one nothing",
        async || {
            if watches(&servers[1].rest).await {
                servers.swap(0, 1);
            }
            let [watcher, other] = &servers;
            reads(&watcher.rest, STUCK, "1").await
                && reads(&watcher.rest, OVERDUE, "1").await
                && !watches(&other.rest).await
                && metric(&other.rest, STUCK).await.is_none()
        },
    )
    .await;
    let [watcher, other] = &mut servers;
    let (by_watcher, by_other) = (reports(watcher), reports(other));
    for (by_watcher, by_other) in by_watcher.into_iter().zip(by_other) {
        assert!(by_watcher + by_other >= 1, "what was marked is in a log");
    }

    watcher.kill();
    producer.send(&stuck("after"));
    producer.flush();
    marked_as_reported(&harness, 3).await;
    eventually("the other one exports what is late", async || {
        reads(&other.rest, STUCK, "2").await && reads(&other.rest, OVERDUE, "1").await
    })
    .await;
    assert!(watches(&other.rest).await);

    // A round after that reports what is new, and repeats nothing.
    producer.send(&stuck("later"));
    producer.flush();
    marked_as_reported(&harness, 4).await;
    assert_eq!(reports(other), by_other);
    for saga_id in ["\"after\"", "\"later\""] {
        assert_eq!(other.log_lines(saga_id).len(), 1, "{saga_id}");
    }
}
