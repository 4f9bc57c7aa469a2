//! The monitor: finds sagas that are late, says so in the metrics, and reports each once.
//!
//! One collector of several does it, the one that holds the lease; when it dies, another one takes over as soon as the lease
//! has ended. Only that one's metrics speak of what is late, so that an alert fires once.
//!
//! Rule of thumb: a saga is late as of the moment up to which everything is stored, and never as of now. While ingest lags
//! the monitor stands still, and says that it does.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use saga_types::{SagaType, Step, Timestamp};
use tokio_util::sync::CancellationToken;

use super::lease::{Lease, LeasedWork, Turn};
use crate::{
    freshness::{Progress, SettledWatermark},
    metrics::{Metrics, Reading},
};
use saga_store::{Late, Standstill, Store, StoreError, StoredSaga};

/// How often the monitor looks.
const INTERVAL: Duration = Duration::from_secs(5);

/// How long the lease lasts when its holder does not renew it.
const LEASE: Duration = Duration::from_secs(20);

const LEASE_NAME: &str = "watch";

/// How many sagas are reported at one look; the others at the next ones.
const REPORTS: u32 = 200;

/// One collector's monitor.
#[derive(Clone)]
pub struct Monitor {
    /// Where sagas and the lease are.
    pub store: Arc<dyn Store>,
    /// Up to which moment everything is stored.
    pub progress: Arc<Progress>,
    /// Where late sagas are published.
    pub metrics: Arc<Metrics>,
    /// How long a compensation may be owed.
    pub compensation_overdue_after: Duration,
}

impl Monitor {
    /// Watches, or waits for the lease, until cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let metrics = self.metrics.clone();
        let lease = Lease::new(self.store.clone(), LEASE_NAME, LEASE);
        let watch = Watch {
            monitor: self,
            watermark: SettledWatermark::default(),
            standstills: BTreeSet::new(),
        };
        lease.run(INTERVAL, stop, watch).await;
        metrics.sagas.watch.leave();
    }

    /// Counts what is late, and reports what is newly so. The lease is ours until then.
    async fn look(
        &self,
        watermark: &SettledWatermark,
        standstills: &mut BTreeSet<(SagaType, Step)>,
        until: Instant,
    ) -> Result<(), StoreError> {
        let mut reading = Reading::of_nothing(until, watermark.is_paused());
        if let Some(moment) = watermark.moment() {
            let store = &self.store;
            let definitions = store.definitions().get();
            if !watermark.is_paused()
                && let Some(found) = self.mark(moment).await
            {
                reading.count_standstills(&found, &definitions);
                report_new(&found, standstills);
            }
            let stuck = store.count_late(Late::Stuck, self.due(Late::Stuck, moment));
            reading.count(Late::Stuck, stuck.await?, &definitions);
            let overdue = store.count_late(Late::Owing, self.due(Late::Owing, moment));
            reading.count(Late::Owing, overdue.await?, &definitions);
            reading.owing = store.attention(moment).await?.owing;
        }
        if self.metrics.sagas.watch.publish(reading) {
            tracing::info!("lease of the monitor held: this collector watches for late sagas");
        }
        match watermark.moment() {
            Some(moment) if !watermark.is_paused() => self.report(moment, until).await,
            _ => Ok(()),
        }
    }

    /// What has a limit is counted and reported all the same when this fails.
    async fn mark(&self, moment: Timestamp) -> Option<Vec<Standstill>> {
        match self.store.mark_unusual(moment).await {
            Ok(marked) => Some(marked.standstills),
            Err(error) => {
                tracing::warn!(%error, "sagas without a limit not compared with what is usual, retrying");
                None
            }
        }
    }

    fn due(&self, late: Late, moment: Timestamp) -> Timestamp {
        due(late, moment, self.compensation_overdue_after)
    }

    /// Reports first and stores that then: a collector that is killed in between leaves it to be reported twice, and not never.
    async fn report(&self, moment: Timestamp, until: Instant) -> Result<(), StoreError> {
        for late in Late::ALL {
            let sagas = self
                .store
                .unreported(late, self.due(late, moment), REPORTS)
                .await?;
            if sagas.is_empty() {
                continue;
            }
            if Instant::now() >= until {
                // It took so long that another one may have taken over.
                return Ok(());
            }
            for saga in &sagas {
                report(late, saga, moment);
            }
            self.store.mark_reported(late, &sagas).await?;
        }
        Ok(())
    }
}

/// The monitor, and the moment as of which it evaluates.
struct Watch {
    monitor: Monitor,
    watermark: SettledWatermark,
    /// The standstills that were reported and go on.
    standstills: BTreeSet<(SagaType, Step)>,
}

impl LeasedWork for Watch {
    async fn turn(&mut self, turn: Turn, _: &CancellationToken) {
        let freshness = self.monitor.progress.freshness(Timestamp::now());
        self.watermark.observe(&freshness, Instant::now());
        match turn {
            Turn::Ours(until) => {
                if let Err(error) = self
                    .monitor
                    .look(&self.watermark, &mut self.standstills, until)
                    .await
                {
                    tracing::warn!(%error, "late sagas not counted, retrying");
                }
            }
            Turn::Others => self.monitor.metrics.sagas.watch.leave(),
            // Whether it is still ours is unknown; what the metrics say ends with it.
            Turn::Unknown(error) => tracing::debug!(%error, "lease of the monitor not held"),
        }
    }
}

/// What was due before this is late at the moment.
pub fn due(late: Late, moment: Timestamp, compensation_overdue_after: Duration) -> Timestamp {
    let allowed = match late {
        Late::Stuck => Duration::ZERO,
        Late::Owing => compensation_overdue_after,
    };
    moment.saturating_sub(allowed)
}

/// Reports each standstill once, from when it begins until it is over.
fn report_new(found: &[Standstill], known: &mut BTreeSet<(SagaType, Step)>) {
    let mut now = BTreeSet::new();
    for standstill in found {
        let key = (standstill.saga_type.clone(), standstill.step.clone());
        if !known.contains(&key) && !now.contains(&key) {
            tracing::warn!(
                saga_type = standstill.saga_type.as_str(),
                step = standstill.step.as_str(),
                sagas = standstill.sagas,
                usual_p50_ms = standstill.usual_p50_ms,
                others_p50_ms = standstill.others_p50_ms,
                "standstill: sagas wait longer than any before, and others make no progress either"
            );
        }
        now.insert(key);
    }
    *known = now;
}

/// Without the failure's reason, which may have to be hidden.
fn report(late: Late, saga: &StoredSaga, moment: Timestamp) {
    let awaited = saga.most_urgent();
    let step = awaited.map(|awaited| awaited.step.as_str());
    let service = awaited.and_then(|awaited| awaited.service.as_deref());
    let saga_id = saga.saga_id.as_str();
    let saga_type = saga.saga_type.as_str();
    let order_id = saga.order_id.as_str();
    match late {
        Late::Stuck => {
            let late_s = late.late_ms(saga, moment).map(|late| late / 1000);
            let by = saga.unusual_since.map_or("limit", |_| "usual");
            tracing::warn!(
                saga_id,
                saga_type,
                order_id,
                step,
                service,
                by,
                late_s,
                "saga stuck"
            );
        }
        Late::Owing => {
            let owed_s = late.late_ms(saga, moment).map(|owed| owed / 1000);
            tracing::warn!(
                saga_id,
                saga_type,
                order_id,
                step,
                service,
                owed_s,
                "compensation overdue"
            );
        }
    }
}
