//! How many events never came, as the database says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use parking_lot::{Mutex, MutexGuard};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter},
};
use saga_store::OTHER_SERVICES;

/// How many events never came, by service. Nothing is exported before the database was asked: a count that begins at 0 and jumps to
/// what was known before would look like events that were lost just now.
#[derive(Debug, Default)]
pub struct LostCounters {
    events: Mutex<Option<BTreeMap<String, u64>>>,
}

impl LostCounters {
    /// Says this from now on; of services with a name of their own also when they lost nothing.
    pub(crate) fn publish(&self, named: &BTreeSet<String>, lost: BTreeMap<String, u64>) {
        let mut events: BTreeMap<String, u64> = named.iter().map(|service| (service.clone(), 0)).collect();
        events.insert(OTHER_SERVICES.to_owned(), 0);
        // What a definition once named keeps its name: added to the others it would look like a new loss.
        events.extend(lost);
        *self.lock() = Some(events);
    }

    fn lock(&self) -> MutexGuard<'_, Option<BTreeMap<String, u64>>> {
        self.events.lock()
    }
}

impl Collector for LostCounters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let events = self.lock();
        let Some(events) = events.as_ref() else {
            return Ok(());
        };
        let mut metric = encoder.encode_descriptor(
            "saga_tracker_events_possibly_lost",
            "Events that producers recorded and that did not arrive, over all instances",
            None,
            MetricType::Counter,
        )?;
        for (service, count) in events {
            let labels = [("service", service.as_str())];
            ConstCounter::new(*count).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;

    fn lines(metrics: &Metrics) -> Vec<String> {
        let page = metrics.render();
        let lines = page
            .lines()
            .filter(|line| line.starts_with("saga_tracker_events_possibly_lost"));
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn lost_events_are_reported_by_service_and_not_before_they_are_known() {
        let metrics = Metrics::new([]);
        assert_eq!(lines(&metrics), Vec::<String>::new());
        let named = ["order-service", "payment-service", "product-service"]
            .map(str::to_owned)
            .into();
        let lost = [("order-service", 3), ("OTHER", 4), ("once-named-service", 5)];
        let lost = lost.map(|(service, events)| (service.to_owned(), events));
        metrics.sagas.lost.publish(&named, lost.into());
        assert_eq!(
            lines(&metrics),
            [
                r#"saga_tracker_events_possibly_lost_total{service="OTHER"} 4"#,
                r#"saga_tracker_events_possibly_lost_total{service="once-named-service"} 5"#,
                r#"saga_tracker_events_possibly_lost_total{service="order-service"} 3"#,
                r#"saga_tracker_events_possibly_lost_total{service="payment-service"} 0"#,
                r#"saga_tracker_events_possibly_lost_total{service="product-service"} 0"#,
            ]
        );
    }
}
