//! The alerts of deploy/prometheus ask for what a running tracker tells.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, path::Path, time::Duration};

use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer},
};
use saga_server::{EmbeddedTracker, http};

/// The metrics that the expressions of the rules name.
fn named() -> BTreeSet<String> {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/prometheus/saga-tracker.rules.yml");
    let rules = std::fs::read_to_string(rules).unwrap();
    let expressions = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "));
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    expressions
        .flat_map(|expression| expression.split(move |character| !is_part(character)))
        .filter(|word| word.starts_with("saga_") && !["saga_type"].contains(word))
        .map(str::to_owned)
        .collect()
}

/// Whether the page has a series of the metric.
fn tells(page: &str, metric: &str) -> bool {
    page.lines()
        .filter_map(|line| line.strip_prefix(metric))
        .any(|rest| rest.starts_with(['{', ' ']))
}

/// A dead letter's counter is there once there was one.
fn send_garbage(tracker: &EmbeddedTracker) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", tracker.bootstrap_servers())
        .create()
        .unwrap();
    let topic = &tracker.info().topic;
    producer
        .send(BaseRecord::to(topic).key("saga-1").payload("no event"))
        .unwrap();
    producer.flush(Duration::from_secs(30)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_that_an_alert_names_is_told_by_a_running_tracker() {
    let named = named();
    assert!(named.contains("saga_tracker_stuck_sagas"), "{named:?}");
    let tracker = EmbeddedTracker::start().await.unwrap();
    send_garbage(&tracker);
    let url = format!("{}/metrics", tracker.url());
    let mut missing = Vec::new();
    for _ in 0..600 {
        let answer = http::plain_client().get(&url).send().await.unwrap();
        let page = answer.text().await.unwrap();
        missing = named.iter().filter(|metric| !tells(&page, metric)).collect();
        if missing.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(missing.is_empty(), "{missing:?}");
    tracker.stop().await.unwrap();
}
