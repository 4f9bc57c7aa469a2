//! Keeps the accounts of producers: brings together what batches showed of them, and finds events that never came.
//!
//! One collector of several does it, as with the monitor, and by the same clock: the moment up to which everything is stored.
//! While ingest lags nothing is judged, so that lag never looks like loss.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter},
};
use saga_types::{Timestamp, definition::Definitions};
use tokio_util::sync::CancellationToken;

use crate::{
    freshness::Progress,
    metrics::Metrics,
    store::{NewlyLost, OTHER_SERVICES, Store, StoreError, Tending},
    watch::Judge,
};

/// How often the accounts are brought up to date.
const INTERVAL: Duration = Duration::from_secs(5);

/// How long the lease lasts when its holder says nothing more.
const LEASE: Duration = Duration::from_secs(20);

const LEASE_NAME: &str = "producers";

/// The services that have a counter of their own: those that definitions name.
pub(crate) fn services(definitions: &Definitions) -> BTreeSet<String> {
    let steps = definitions.iter().flat_map(|definition| &definition.forward);
    steps.filter_map(|step| step.service.clone()).collect()
}

/// One collector's part in it.
pub(crate) struct Tender {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) metrics: Arc<Metrics>,
    /// Services that are counted by name.
    pub(crate) named: BTreeSet<String>,
    /// How long an event may be missing.
    pub(crate) lost_after: Duration,
}

impl Tender {
    /// Keeps the accounts, or waits for its turn, until told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let holder = uuid::Uuid::now_v7().to_string();
        let mut judge = Judge::default();
        while !stop.is_cancelled() {
            judge.hear(&self.progress.freshness(Timestamp::now()), Instant::now());
            self.take_a_turn(&holder, &judge, &stop).await;
            // Every collector tells the same, so that it does not matter which of them ends.
            if let Ok(lost) = self.store.events_lost().await {
                self.metrics.lost.publish(&self.named, lost);
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = stop.cancelled() => {}
            }
        }
        // Otherwise the next one waits until the lease has ended.
        let _ = self.store.release_lease(LEASE_NAME, &holder).await;
    }

    async fn take_a_turn(&self, holder: &str, judge: &Judge, stop: &CancellationToken) {
        match self.store.hold_lease(LEASE_NAME, holder, LEASE).await {
            Ok(true) => {
                if let Err(error) = self.tend(judge, stop).await {
                    tracing::warn!(%error, "the accounts of producers are not brought up to date; trying again");
                }
            }
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "the lease for the accounts of producers"),
        }
    }

    /// Should the lease end meanwhile, a lock of the database still lets only one at them.
    async fn tend(&self, judge: &Judge, stop: &CancellationToken) -> Result<(), StoreError> {
        let moment = judge.moment().filter(|_| !judge.is_paused());
        while !stop.is_cancelled() {
            let tended = self
                .store
                .tend_producers(&Tending {
                    now: Timestamp::now(),
                    judge_before: moment.map(|moment| earlier(moment, self.lost_after)),
                    named: self.named.clone(),
                })
                .await?;
            self.metrics.producers_left_out(tended.left_out);
            tended.lost.iter().for_each(report);
            if !tended.has_more {
                break;
            }
        }
        Ok(())
    }
}

fn earlier(moment: Timestamp, period: Duration) -> Timestamp {
    let millis = i64::try_from(period.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(moment.as_millis().saturating_sub(millis)).unwrap_or(Timestamp::MIN)
}

fn report(lost: &NewlyLost) {
    tracing::warn!(
        service = lost.service,
        instance = lost.instance,
        events = lost.events,
        first = lost.last_gap.map(|gap| gap.first),
        last = lost.last_gap.map(|gap| gap.last),
        "events of a producer are possibly lost: their numbers never came"
    );
}

/// How many events never came, by service. Nothing is told before the database was asked: a count that begins at 0 and jumps to
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
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
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
            "Events that producers recorded and that never came, over all instances, as the database says",
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
    use super::*;

    fn lines(metrics: &Metrics) -> Vec<String> {
        let page = metrics.render();
        let lines = page
            .lines()
            .filter(|line| line.starts_with("saga_tracker_events_possibly_lost"));
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn what_was_lost_is_told_by_service_and_not_before_it_is_known() {
        let metrics = Metrics::new([]);
        assert_eq!(lines(&metrics), Vec::<String>::new());
        let named = services(&Definitions::built_in());
        let lost = [("order-service", 3), ("OTHER", 4), ("once-named-service", 5)];
        let lost = lost.map(|(service, events)| (service.to_owned(), events));
        metrics.lost.publish(&named, lost.into());
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
