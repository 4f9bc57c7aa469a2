//! How a source is: by offsets that move, as ingest is judged.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use saga_types::Timestamp;
use tokio_util::sync::CancellationToken;

use super::SourceParts;
use crate::{
    freshness::Progress,
    health::{Health, SourceHealth, SourceStatus, State},
    kafka::status::{ConsumerStatus, Verdict},
    metrics::seconds,
};

/// The interval in which offsets are checked.
const INTERVAL: Duration = Duration::from_secs(1);

/// Until it is a member of its group.
const STARTING: &str = "starting";

/// A source that runs, and what its consumer reports to.
pub(super) struct Watched {
    pub(super) parts: SourceParts,
    /// How broker and registry are to this source.
    pub(super) client_health: Arc<Health>,
    pub(super) status: Arc<ConsumerStatus>,
    pub(super) progress: Arc<Progress>,
}

impl Watched {
    /// Reports until cancelled.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut problem = Some(STARTING.to_owned());
        while !stop.is_cancelled() {
            match self.verdict() {
                Verdict::Healthy => problem = None,
                Verdict::Unhealthy(reason) => problem = Some(reason),
                Verdict::Unchanged => {}
            }
            self.report(problem.clone());
            tokio::select! {
                () = self.status.changed() => {}
                () = tokio::time::sleep(INTERVAL) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    fn verdict(&self) -> Verdict {
        let away = self
            .client_health
            .states()
            .into_iter()
            .find_map(|state| match state {
                (_, State::Down { reason }) => Some(reason),
                (_, State::Up) => None,
            });
        let verdict = self
            .status
            .verdict(self.progress.stalled(Timestamp::now()), Instant::now());
        match (verdict, away) {
            (Verdict::Healthy | Verdict::Unchanged, Some(reason)) => Verdict::Unhealthy(reason),
            (verdict, _) => verdict,
        }
    }

    fn report(&self, problem: Option<String>) {
        let now = Timestamp::now();
        let freshness = self.progress.own_freshness(now);
        let behind = freshness.as_of.map(|as_of| seconds(now.millis_since(as_of)));
        self.parts.metrics.sources.set_behind(&self.parts.name, behind);
        let health = SourceHealth {
            topic: self.parts.topic.clone(),
            status: SourceStatus::Up,
            reason: None,
            records_behind: freshness.events_behind,
            as_of: freshness.as_of,
        };
        set(&self.parts, health, problem);
    }
}

/// The source ended, and is started again.
pub(super) fn failed(parts: &SourceParts, reason: &str) {
    let health = SourceHealth {
        topic: parts.topic.clone(),
        status: SourceStatus::Down,
        reason: None,
        records_behind: None,
        as_of: None,
    };
    set(parts, health, Some(reason.to_owned()));
}

fn set(parts: &SourceParts, health: SourceHealth, problem: Option<String>) {
    let source = parts.name.as_str();
    parts.metrics.sources.set_stalled(source, problem.is_some());
    let status = match problem {
        None => SourceStatus::Up,
        Some(_) => SourceStatus::Down,
    };
    let health = SourceHealth {
        status,
        reason: problem.clone(),
        ..health
    };
    match (parts.health.set_source(source, health), problem) {
        (true, None) => tracing::info!(source, topic = parts.topic, "source works"),
        (true, Some(reason)) if reason != STARTING => {
            tracing::warn!(source, topic = parts.topic, reason, "source does not work");
        }
        _ => {}
    }
}
