//! Events that never came, found by two collectors of which one is killed.

use std::{sync::Arc, time::Duration};

use saga_sdk::{SagaConfig, SagaTrackerClient, SagaType, Stats, steps};
use serde_json::Value;

use crate::{
    other_languages::{java_program, python_program},
    support::{Harness, Rest, eventually, process::ServerProcess},
};

const PATH: &str = "/internal/v1/producers";

/// A client of a service on the harness, with room for so many events.
fn connect(harness: &Harness, service: &str, max_events: u32) -> Arc<dyn SagaTrackerClient> {
    let mut config = SagaConfig::default()
        .enabled(true)
        .bootstrap_servers(&harness.bootstrap_servers)
        .service_name(service)
        .topic(&harness.topic);
    config.buffer.max_events = max_events;
    saga_sdk::connect(&config).unwrap()
}

/// Records events of sagas of their own, so that they go to all partitions.
fn record(tracker: &Arc<dyn SagaTrackerClient>, events: std::ops::Range<u32>) {
    for number in events {
        let saga = tracker
            .order(number)
            .saga(SagaType::ORDER_CREATION, uuid::Uuid::now_v7().to_string());
        drop(saga.progress(steps::STOCK_RESERVATION).record());
    }
}

/// What was recorded in the end; everything that was not dropped has arrived.
async fn close(tracker: &Arc<dyn SagaTrackerClient>) -> Stats {
    assert!(tracker.close(Duration::from_secs(60)).await.is_complete());
    tracker.stats()
}

fn service<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let mut services = answer["content"].as_array().into_iter().flatten();
    services
        .find(|service| service["service"] == name)
        .unwrap_or(&Value::Null)
}

async fn possibly_lost(rest: &Rest, service: &str) -> Option<u64> {
    let (_, page) = rest.try_get("/metrics").await?;
    let name = format!(r#"saga_tracker_events_possibly_lost_total{{service="{service}"}} "#);
    let mut lines = page.as_str()?.lines();
    lines.find_map(|line| line.strip_prefix(&name)?.parse().ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_events_are_reported_and_nothing_else_although_a_collector_is_killed() {
    let harness = Harness::new().await;
    let lost_after = [("SAGA_SERVER_WATCH_EVENTS_LOST_AFTER", "2s")];
    let serve = || ServerProcess::serve_with(&harness, &lost_after, std::process::Stdio::inherit());
    let mut servers = [serve(), serve()];
    for server in &servers {
        server.rest.wait_until_ready().await;
    }
    let careful = connect(&harness, "order-service", 100_000);
    let hasty = connect(&harness, "payment-service", 100);
    for round in 0..40 {
        record(&careful, round * 100..(round + 1) * 100);
        record(&hasty, round * 10..(round + 1) * 10);
        if round == 10 {
            // More at once than its buffer holds.
            record(&hasty, 0..20_000);
            assert!(hasty.flush(Duration::from_secs(60)).await.is_complete());
        }
        if round == 20 {
            servers[0].kill();
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(hasty.flush(Duration::from_secs(60)).await.is_complete());
    record(&hasty, 0..10);
    let (careful, hasty) = (close(&careful).await, close(&hasty).await);
    assert_eq!((careful.recorded, careful.dropped()), (4_000, 0));
    assert!(hasty.dropped() > 0, "{hasty:?}");

    let rest = &servers[1].rest;
    let answer = rest
        .wait_for(PATH, "all was received and judged", |_, answer| {
            service(answer, "order-service")["events"] == careful.acknowledged
                && service(answer, "payment-service")["events"] == hasty.acknowledged
                && service(answer, "payment-service")["possiblyLost"] == hasty.dropped()
        })
        .await;
    for (name, stats) in [("order-service", &careful), ("payment-service", &hasty)] {
        let reported = service(&answer, name);
        assert_eq!(reported["possiblyLost"], stats.dropped(), "{reported}");
        assert_eq!(
            reported["steps"]["STOCK_RESERVATION"], stats.acknowledged,
            "{reported}"
        );
        assert_eq!(reported["instanceCount"], 1, "{reported}");
        let instance = &reported["instances"][0];
        assert_eq!(instance["received"], stats.acknowledged, "{reported}");
        assert_eq!(instance["sdkVersion"], env!("CARGO_PKG_VERSION"), "{reported}");
        assert_eq!(
            (&instance["wireFormat"], &instance["schemaVersion"]),
            (&"SINGLE_OBJECT".into(), &2.into()),
            "{reported}"
        );
    }
    eventually("the metric has the same value", async || {
        possibly_lost(rest, "payment-service").await == Some(hasty.dropped())
    })
    .await;
    assert_eq!(possibly_lost(rest, "order-service").await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_in_other_languages_lost_is_reported() {
    let harness = Harness::new().await;
    let lost_after = [("SAGA_SERVER_WATCH_EVENTS_LOST_AFTER", "2s")];
    let server = ServerProcess::serve_with(&harness, &lost_after, std::process::Stdio::inherit());
    server.rest.wait_until_ready().await;
    let schema = format!("{}/../schemas/saga-tracker-v2.avsc", env!("CARGO_MANIFEST_DIR"));
    let programs = [
        ("python-service", python_program("python/numbered.py")),
        ("java-service", java_program("java/Numbered.java")),
    ];
    for (service_name, mut program) in programs {
        program.args([&harness.bootstrap_servers, &harness.topic, &schema, "40"]);
        // As from a buffer that was full for a moment, and one more.
        program.args(["7", "8", "9", "31"]);
        let output = tokio::task::spawn_blocking(move || program.output().unwrap());
        let output = output.await.unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let answer = server
            .rest
            .wait_for(PATH, "what is missing is known", |_, answer| {
                service(answer, service_name)["possiblyLost"] == 4
            });
        let answer = answer.await;
        let reported = service(&answer, service_name);
        assert_eq!(reported["events"], 36, "{reported}");
        let gaps = reported["instances"][0]["gaps"].as_array().unwrap();
        let mut stretches: Vec<_> = gaps
            .iter()
            .map(|gap| (gap["first"].as_u64().unwrap(), gap["last"].as_u64().unwrap()))
            .collect();
        stretches.sort_unstable();
        assert_eq!(stretches, [(7, 9), (31, 31)], "{reported}");
    }
}
