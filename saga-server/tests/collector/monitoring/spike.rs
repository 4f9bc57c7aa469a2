//! A spike of failures, from the events to the notification.

use saga_types::{SagaStatus, steps};

use super::{
    alertmanager::{Alertmanager, Webhook},
    deployed::{impatient_rules, routes_to},
    prometheus::{Alerting, Prometheus},
};
use crate::support::{dev::Dev, events::event, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_spike_of_failures_is_reported_in_slack_and_pages_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Dev::start(folder.path(), &[]);
    let (webhook, url) = Webhook::start().await;
    let alertmanager = Alertmanager::start(&routes_to(&url)).await;
    let alerting = Alerting {
        rules: impatient_rules(),
        alertmanager: alertmanager.address.clone(),
    };
    let prometheus = Prometheus::start(dev.text("url"), Some(alerting)).await;
    // An increase begins somewhere.
    eventually("no failures seen", async || {
        prometheus.values("saga_failed_total").await == [0.0]
    })
    .await;
    assert_eq!(webhook.notified_of("SagaFailureSpike"), []);

    let producer = dev.producer();
    for order in 0..15 {
        let saga_id = format!("failed-{order}");
        producer.send(&event(&saga_id, 0, steps::ORDER_CREATED, SagaStatus::Started));
        producer.send(&event(&saga_id, 1, steps::PAYMENT_FAILED, SagaStatus::Failed));
    }
    producer.flush();

    eventually("the spike is reported", async || {
        !webhook.notified_of("SagaFailureSpike").is_empty()
    })
    .await;
    for (receiver, alert) in webhook.notified_of("SagaFailureSpike") {
        assert_eq!(receiver, "slack");
        assert_eq!(alert["status"], "firing");
        assert_eq!(alert["labels"]["severity"], "warning");
        let summary = alert["annotations"]["summary"].as_str().unwrap();
        assert!(summary.ends_with("sagas failed within 5 minutes"), "{summary}");
    }
    dev.interrupt();
}
