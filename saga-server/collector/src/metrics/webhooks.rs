//! Metrics of webhooks.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};
use saga_store::PendingDeliveries;
use saga_types::Timestamp;

use super::declare::{Declare, FloatGauge, seconds};

/// Metrics of webhooks.
#[derive(Debug)]
pub struct WebhookMetrics {
    /// `saga_tracker_webhook_attempts_total`.
    attempts: Family<AttemptLabels, Counter>,
    /// `saga_tracker_webhook_given_up_total`.
    given_up: Family<WebhookLabel, Counter>,
    /// `saga_tracker_webhook_pending`.
    pending: Family<WebhookLabel, Gauge>,
    /// `saga_tracker_webhook_oldest_pending_seconds`.
    oldest: Family<WebhookLabel, FloatGauge>,
}

/// Label `webhook`: names of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WebhookLabel {
    webhook: String,
}

/// Labels `webhook` and `result`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    webhook: String,
    /// `received` or `failed`.
    result: &'static str,
}

impl WebhookMetrics {
    pub(super) fn declare(declare: &mut Declare) -> Self {
        Self {
            attempts: declare.empty(
                "saga_tracker_webhook_attempts",
                "Requests to webhooks that this collector has made",
            ),
            given_up: declare.empty(
                "saga_tracker_webhook_given_up",
                "Deliveries to webhooks that this collector has given up",
            ),
            pending: declare.empty(
                "saga_tracker_webhook_pending",
                "Deliveries that a webhook has not received yet",
            ),
            oldest: declare.empty(
                "saga_tracker_webhook_oldest_pending_seconds",
                "Age of the oldest delivery that a webhook has not received; 0 without one",
            ),
        }
    }

    /// A request was made.
    pub(crate) fn attempted(&self, webhook: &str, is_received: bool) {
        let labels = AttemptLabels {
            webhook: webhook.to_owned(),
            result: if is_received { "received" } else { "failed" },
        };
        self.attempts.get_or_create(&labels).inc();
    }

    /// A delivery was given up.
    pub(crate) fn given_up(&self, webhook: &str) {
        self.given_up.get_or_create(&label(webhook)).inc();
    }

    /// What waits for the webhooks that are configured, as the database says.
    pub(crate) fn set_pending<'a>(
        &self,
        webhooks: impl Iterator<Item = &'a str>,
        pending: &[PendingDeliveries],
        now: Timestamp,
    ) {
        for webhook in webhooks {
            let waiting = pending.iter().find(|pending| pending.webhook == webhook);
            let count = waiting.map_or(0, |waiting| waiting.count);
            let age_ms = waiting.map_or(0, |waiting| now.millis_since(waiting.since).max(0));
            let label = label(webhook);
            let gauge = self.pending.get_or_create(&label);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
            self.oldest.get_or_create(&label).set(seconds(age_ms));
        }
    }
}

fn label(webhook: &str) -> WebhookLabel {
    WebhookLabel {
        webhook: webhook.to_owned(),
    }
}
