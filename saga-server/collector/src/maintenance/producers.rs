//! Reconciles producers: merges what batches showed of them, and finds events that never came.
//!
//! One collector of several does it, as with the monitor, and by the same clock: the moment up to which everything is stored.
//! While ingest lags nothing is evaluated, so that lag never looks like loss.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use saga_types::{Timestamp, definition::Definitions};
use tokio_util::sync::CancellationToken;

use super::lease::{Lease, LeasedWork, Turn};
use crate::{
    freshness::{Progress, SettledWatermark},
    metrics::Metrics,
};
use saga_store::{NewlyLost, ReconcileRequest, Store, StoreError};

/// How often producers are reconciled.
const INTERVAL: Duration = Duration::from_secs(5);

/// How long the lease lasts when its holder does not renew it.
const LEASE: Duration = Duration::from_secs(20);

const LEASE_NAME: &str = "producers";

/// The services that have a counter of their own: those that definitions name.
fn services(definitions: &Definitions) -> BTreeSet<String> {
    let steps = definitions.iter().flat_map(|definition| &definition.forward);
    steps.filter_map(|step| step.service.clone()).collect()
}

/// Merges the observations of producers, in one collector of several.
#[derive(Clone)]
pub struct ProducerReconciler {
    /// Where producers and the lease are.
    pub store: Arc<dyn Store>,
    /// Up to which moment everything is stored.
    pub progress: Arc<Progress>,
    /// Where losses are counted.
    pub metrics: Arc<Metrics>,
    /// How long an event may be missing.
    pub lost_after: Duration,
}

impl ProducerReconciler {
    /// Reconciles, or waits for the lease, until cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let lease = Lease::new(self.store.clone(), LEASE_NAME, LEASE);
        let reconciliation = Reconciliation {
            reconciler: self,
            watermark: SettledWatermark::default(),
        };
        lease.run(INTERVAL, stop, reconciliation).await;
    }

    /// Should the lease end meanwhile, a lock of the database still lets only one at them.
    async fn reconcile(
        &self,
        watermark: &SettledWatermark,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let moment = watermark.moment().filter(|_| !watermark.is_paused());
        while !stop.is_cancelled() {
            let outcome = self
                .store
                .reconcile_producers(&ReconcileRequest {
                    now: Timestamp::now(),
                    evaluate_before: moment.map(|moment| moment.saturating_sub(self.lost_after)),
                    named: services(&self.store.definitions().get()),
                })
                .await?;
            self.metrics.ingest.producers_left_out(outcome.refused);
            outcome.lost.iter().for_each(report);
            if !outcome.has_more {
                break;
            }
        }
        Ok(())
    }
}

/// The reconciler, and the moment as of which it evaluates.
struct Reconciliation {
    reconciler: ProducerReconciler,
    watermark: SettledWatermark,
}

impl LeasedWork for Reconciliation {
    async fn turn(&mut self, turn: Turn, stop: &CancellationToken) {
        let Self {
            reconciler,
            watermark,
        } = self;
        watermark.observe(&reconciler.progress.freshness(Timestamp::now()), Instant::now());
        match turn {
            Turn::Ours(_) => {
                if let Err(error) = reconciler.reconcile(watermark, stop).await {
                    tracing::warn!(%error, "producers not reconciled, retrying");
                }
            }
            Turn::Others => {}
            Turn::Unknown(error) => tracing::debug!(%error, "lease of the producer reconciliation not held"),
        }
        // Every collector reports the same, so that it does not matter which of them ends.
        if let Ok(lost) = reconciler.store.events_lost().await {
            let named = services(&reconciler.store.definitions().get());
            reconciler.metrics.sagas.lost.publish(&named, lost);
        }
    }
}

fn report(lost: &NewlyLost) {
    tracing::warn!(
        service = lost.service,
        instance = lost.instance,
        events = lost.events,
        first = lost.last_gap.map(|gap| gap.first),
        last = lost.last_gap.map(|gap| gap.last),
        "events of a producer are possibly lost: their numbers did not arrive"
    );
}
