//! One service: how much it records, and which steps.

use std::collections::BTreeMap;

use saga_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    ProducerInstance, ServiceCounts, ServiceVersion,
    pace::Pace,
    versions::{self, Versions},
};
use crate::{Corrupt, StoreError};

/// How many steps are counted apart; the others count together as [`OTHER_STEPS`].
const MAX_STEPS: usize = 100;

/// Stands for steps that are not counted apart.
pub(super) const OTHER_STEPS: &str = "OTHER";

/// What is shown of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct ProducerService {
    /// Its name.
    pub service: String,
    /// When its first event came, as far as is known.
    pub first_seen: Timestamp,
    /// When its last event came, as far as is known.
    pub last_seen: Timestamp,
    /// How many of its events were stored.
    pub events: u64,
    /// How many a second recently.
    pub per_second: f64,
    /// How many of its records became dead letters.
    pub dead_letters: u64,
    /// How many events of each step were stored.
    pub steps: BTreeMap<String, u64>,
    /// Its versions, the newest first.
    pub versions: Vec<ServiceVersion>,
    /// How many events of its instances are missing.
    pub possibly_lost: u64,
    /// How many instances are known.
    pub instance_count: u64,
    /// Some of them.
    pub instances: Vec<ProducerInstance>,
}

/// A service as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Service {
    pub(crate) service: String,
    detail: Detail,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    first_seen: Timestamp,
    last_seen: Timestamp,
    events: u64,
    dead_letters: u64,
    steps: BTreeMap<String, u64>,
    /// Not there before versions were known.
    #[serde(default)]
    versions: Versions,
    pace: Pace,
}

impl Service {
    /// Before its first event, which came at a moment as far as is known.
    pub(super) fn new(service: &str, seen: Timestamp, now: Timestamp) -> Self {
        Self {
            service: service.to_owned(),
            detail: Detail {
                first_seen: seen,
                last_seen: seen,
                events: 0,
                dead_letters: 0,
                steps: BTreeMap::new(),
                versions: Versions::new(),
                pace: Pace::begin(now),
            },
        }
    }

    /// From the columns of its row.
    pub(crate) fn read(service: String, detail: &str) -> Result<Self, StoreError> {
        match serde_json::from_str(detail) {
            Ok(detail) => Ok(Self { service, detail }),
            Err(error) => Err(Corrupt::new("producer_service", "detail", service, error).into()),
        }
    }

    pub(crate) fn detail(&self) -> Result<String, sqlx::Error> {
        super::text(&self.detail)
    }

    pub(super) fn see(&mut self, first: Timestamp, last: Timestamp) {
        self.detail.first_seen = self.detail.first_seen.min(first);
        self.detail.last_seen = self.detail.last_seen.max(last);
    }

    /// Takes in what was stored of it.
    pub(super) fn count(&mut self, counted: &ServiceCounts, now: Timestamp) {
        let detail = &mut self.detail;
        detail.dead_letters += counted.dead_letters;
        versions::unite(&mut detail.versions, counted.versions.clone());
        versions::bound(&mut detail.versions);
        for (step, events) in &counted.steps {
            detail.events += events;
            let has_room = detail.steps.len() < MAX_STEPS || detail.steps.contains_key(step);
            let step = if has_room { step } else { OTHER_STEPS };
            *detail.steps.entry(step.to_owned()).or_default() += events;
        }
        detail.pace.measure(now, detail.events);
    }

    pub(super) fn view(
        self,
        instance_count: u64,
        possibly_lost: u64,
        instances: Vec<ProducerInstance>,
        now: Timestamp,
    ) -> ProducerService {
        let detail = self.detail;
        ProducerService {
            service: self.service,
            first_seen: detail.first_seen,
            last_seen: detail.last_seen,
            events: detail.events,
            per_second: detail.pace.per_second(now, detail.events),
            dead_letters: detail.dead_letters,
            steps: detail.steps,
            versions: versions::view(detail.versions),
            possibly_lost,
            instance_count,
            instances,
        }
    }
}
