//! Everything that an alert or the dashboard asks for is there.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    deployed::{alert_expressions, dashboard_queries},
    prometheus::Prometheus,
};
use crate::support::{dev::Dev, events::compensated, events::saga, eventually};

/// What an alert compares with its limit: without the limit, there should be something to compare.
fn compared(expression: &str) -> &str {
    let expression = expression
        .strip_prefix("absent(")
        .and_then(|inner| inner.strip_suffix(')'))
        .unwrap_or(expression);
    let (left, limit) = expression
        .rsplit_once(" > ")
        .or_else(|| expression.rsplit_once(" == "))
        .unwrap_or_else(|| panic!("no limit in {expression}"));
    assert!(limit.parse::<f64>().is_ok(), "{expression}");
    left
}

/// With what the demo lacks: an event that comes again, and one that is none.
fn disturb(dev: &Dev) {
    let producer = dev.producer();
    for event in saga("again", &compensated()) {
        producer.send(&event);
        producer.send(&event);
    }
    producer.send_raw(Some(b"saga-1"), b"no event");
    producer.flush();
}

/// What `dev` here does not have: without a webhook there are no figures of them, which `webhooks` tests, and a gateway alone is
/// another process.
const OF_OTHERS: [&str; 2] = ["saga_tracker_webhook_", "saga-tracker-gateway"];

/// A configuration with a source, which has figures of its own.
fn with_source(folder: &Path) -> PathBuf {
    let rule = "rules: [{when: event.no == 'thing', step: ORDER_CREATED, status: STARTED, sagaId: event.id, orderId: event.id, \
                sagaType: ORDER_CREATION}]\n";
    let mappings = folder.join("mappings");
    std::fs::create_dir(&mappings).unwrap();
    std::fs::write(mappings.join("orders.yml"), rule).unwrap();
    let file = folder.join("saga-server.yml");
    let text = format!(
        "gateway: {{mappingsDir: '{}'}}\nsources: {{orders: {{topic: shop.orders, format: json}}}}\n",
        mappings.display()
    );
    std::fs::write(&file, text).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_alerts_and_dashboard_finds_data_of_a_tracker_at_work() {
    let folder = tempfile::tempdir().unwrap();
    let configured = tempfile::tempdir().unwrap();
    let file = with_source(configured.path());
    let dev = Dev::start(folder.path(), &["--demo", "--config", file.to_str().unwrap()]);
    let prometheus = Prometheus::start(dev.text("url"), None).await;
    // A counter of one reason begins at its first letter, and a rate needs two scrapes.
    disturb(&dev);
    let mut unanswered: BTreeSet<(String, String)> = dashboard_queries()
        .into_iter()
        .map(|(panel, query)| (panel, query.replace("$__rate_interval", "1m")))
        .collect();
    assert!(unanswered.len() > 30, "{unanswered:?}");
    let of_dev = |expression: &str| !OF_OTHERS.iter().any(|other| expression.contains(other));
    unanswered.retain(|(_, query)| of_dev(query));
    for expression in alert_expressions()
        .into_iter()
        .filter(|expression| of_dev(expression))
    {
        unanswered.insert(("an alert".to_owned(), compared(&expression).to_owned()));
    }
    let rest = dev.rest();
    eventually("data for every query", async || {
        assert_eq!(rest.get("/api/v1/sagas?size=1").await.0, 200);
        let mut answered = BTreeSet::new();
        for asked in &unanswered {
            let values = prometheus.values(&asked.1).await;
            // A quantile of nothing is no number.
            if values.iter().any(|value| value.is_finite()) {
                answered.insert(asked.clone());
            }
        }
        unanswered.retain(|asked| !answered.contains(asked));
        eprintln!("without data so far: {unanswered:?}");
        unanswered.is_empty()
    })
    .await;
    dev.interrupt();
}
