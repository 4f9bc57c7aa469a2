//! Merges what was noted of producers, in one transaction of the collector that holds the lock.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

use async_trait::async_trait;
use saga_types::Timestamp;

use super::{
    Change, Instance, NewlyLost, OTHER_SERVICES, ProducerObservation, ReconcileOutcome, ReconcileRequest,
    ServiceCounts, service::Service, versions,
};
use crate::StoreError;

/// How many rows of changes are taken at once. Each holds what some thousand events showed.
const CHANGES: u32 = 200;

/// How many instances are evaluated at once.
const EVALUATED: u32 = 200;

/// The most services and instances that are kept.
const MAX_SERVICES: u64 = 1_000;
const MAX_INSTANCES: u64 = 5_000;

/// How long a service is kept after its last event, and an instance.
const SERVICE_KEPT: Duration = Duration::from_secs(30 * 86_400);
const INSTANCE_KEPT: Duration = Duration::from_secs(7 * 86_400);

/// When there are too many instances, those without events for so long are evicted.
const IDLE: Duration = Duration::from_secs(3_600);

/// The tables of producers, within one transaction.
#[async_trait]
pub(crate) trait Tables: Send {
    /// Takes some rows of changes away.
    async fn take_changes(&mut self, limit: u32) -> Result<Vec<String>, StoreError>;
    async fn service(&mut self, service: &str) -> Result<Option<Service>, StoreError>;
    async fn keep_service(&mut self, service: &Service, now: Timestamp) -> Result<(), StoreError>;
    async fn instance(&mut self, service: &str, instance: &str) -> Result<Option<Instance>, StoreError>;
    async fn keep_instance(&mut self, instance: &Instance) -> Result<(), StoreError>;
    /// How many services and instances there are.
    async fn sizes(&mut self) -> Result<(u64, u64), StoreError>;
    /// Instances that were marked at this moment or before.
    async fn marked_before(&mut self, moment: Timestamp, limit: u32) -> Result<Vec<Instance>, StoreError>;
    /// Removes instances that were last seen before a moment, and services of which nothing was noted since another one; how
    /// many instances.
    async fn forget(&mut self, instances: Timestamp, services: Timestamp) -> Result<u64, StoreError>;
    /// Adds to what was found missing, ever.
    async fn add_lost(&mut self, service: &str, events: u64) -> Result<(), StoreError>;
    /// Instances that began to count later than this are known from their first event.
    async fn whole_since(&mut self) -> Result<Timestamp, StoreError>;
    async fn set_whole_since(&mut self, moment: Timestamp) -> Result<(), StoreError>;
}

/// Merges, evaluates and forgets.
pub(crate) async fn reconcile(
    tables: &mut dyn Tables,
    request: &ReconcileRequest,
) -> Result<ReconcileOutcome, StoreError> {
    let now = request.now;
    let changes = tables.take_changes(CHANGES).await?;
    let has_more_changes = changes.len() as u64 >= u64::from(CHANGES);
    let gathered = Gathered::of(changes);
    let mut outcome = ReconcileOutcome::default();
    if !gathered.services.is_empty() {
        let mut quota = ProducerQuota::open(tables, now).await?;
        quota.admit(gathered).await?;
        outcome.refused = quota.refused;
    }
    outcome.has_more = has_more_changes;
    // What was noted and not taken yet may be what seems to be missing.
    if let Some(moment) = request.evaluate_before.filter(|_| !has_more_changes) {
        let marked = tables.marked_before(moment, EVALUATED).await?;
        outcome.has_more = marked.len() as u64 >= u64::from(EVALUATED);
        for instance in marked {
            outcome.lost.extend(evaluate(tables, request, instance).await?);
        }
    }
    tables
        .forget(
            now.saturating_sub(INSTANCE_KEPT),
            now.saturating_sub(SERVICE_KEPT),
        )
        .await?;
    Ok(outcome)
}

async fn evaluate(
    tables: &mut dyn Tables,
    request: &ReconcileRequest,
    mut instance: Instance,
) -> Result<Option<NewlyLost>, StoreError> {
    let events = instance.evaluate(request.now);
    tables.keep_instance(&instance).await?;
    if events == 0 {
        return Ok(None);
    }
    let is_named = request.named.contains(&instance.service);
    let name = if is_named {
        &instance.service
    } else {
        OTHER_SERVICES
    };
    tables.add_lost(name, events).await?;
    Ok(Some(NewlyLost {
        events,
        last_gap: instance.last_gap(),
        service: instance.service,
        instance: instance.instance,
    }))
}

/// What rows of changes say together.
#[derive(Default)]
struct Gathered {
    services: BTreeMap<String, OfService>,
}

/// What they say of one service.
#[derive(Default)]
struct OfService {
    counted: Option<ServiceCounts>,
    observations: BTreeMap<Option<String>, ProducerObservation>,
}

impl Gathered {
    fn of(changes: Vec<String>) -> Self {
        let mut gathered = Self::default();
        for change in changes {
            match serde_json::from_str(&change) {
                Ok(Change::Observed(observations)) => {
                    observations.into_iter().for_each(|seen| gathered.see(seen));
                }
                Ok(Change::Counted(counts)) => counts.into_iter().for_each(|counted| gathered.count(counted)),
                // It must not block the others without end.
                Err(error) => {
                    tracing::error!(%error, "change of producers cannot be read, dropped");
                }
            }
        }
        gathered
    }

    fn service(&mut self, name: &str) -> &mut OfService {
        self.services.entry(name.to_owned()).or_default()
    }

    fn see(&mut self, observation: ProducerObservation) {
        let observations = &mut self.service(&observation.service).observations;
        match observations.entry(observation.instance.clone()) {
            Entry::Vacant(entry) => _ = entry.insert(observation),
            Entry::Occupied(entry) => entry.into_mut().unite(observation),
        }
    }

    fn count(&mut self, counted: ServiceCounts) {
        match &mut self.service(&counted.service).counted {
            Some(together) => together.add(counted),
            nothing => *nothing = Some(counted),
        }
    }
}

impl OfService {
    fn first_seen(&self, now: Timestamp) -> Timestamp {
        let seen = self.observations.values().map(|observation| observation.first);
        // Counted, and not observed: seen now.
        seen.min().unwrap_or(now)
    }
}

impl ServiceCounts {
    fn add(&mut self, other: Self) {
        self.dead_letters += other.dead_letters;
        for (step, events) in other.steps {
            *self.steps.entry(step).or_default() += events;
        }
        versions::unite(&mut self.versions, other.versions);
    }
}

impl ProducerObservation {
    /// Both as one.
    fn unite(&mut self, other: Self) {
        if other.last >= self.last {
            self.sdk_version = other.sdk_version.or(self.sdk_version.take());
            self.wire = other.wire.or(self.wire);
        }
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.sequences.0 |= other.sequences.0;
    }
}

/// How many services and instances there are, and may be.
struct ProducerQuota<'a> {
    tables: &'a mut dyn Tables,
    now: Timestamp,
    services: u64,
    instances: u64,
    refused: u64,
    /// Idle ones were evicted already.
    has_evicted: bool,
}

impl<'a> ProducerQuota<'a> {
    async fn open(tables: &'a mut dyn Tables, now: Timestamp) -> Result<Self, StoreError> {
        let (services, instances) = tables.sizes().await?;
        Ok(Self {
            tables,
            now,
            services,
            instances,
            refused: 0,
            has_evicted: false,
        })
    }

    async fn admit(&mut self, gathered: Gathered) -> Result<(), StoreError> {
        for (name, gathered) in gathered.services {
            let Some(mut service) = self.service(&name, gathered.first_seen(self.now)).await? else {
                continue;
            };
            if let Some(counted) = &gathered.counted {
                service.count(counted, self.now);
            }
            for observation in gathered.observations.values() {
                service.see(observation.first, observation.last);
                if let Some(mut instance) = self.instance(observation).await? {
                    instance.see(observation, self.now);
                    self.tables.keep_instance(&instance).await?;
                }
            }
            self.tables.keep_service(&service, self.now).await?;
        }
        Ok(())
    }

    async fn service(&mut self, name: &str, seen: Timestamp) -> Result<Option<Service>, StoreError> {
        if let Some(known) = self.tables.service(name).await? {
            return Ok(Some(known));
        }
        if self.services >= MAX_SERVICES {
            self.refused += 1;
            return Ok(None);
        }
        self.services += 1;
        Ok(Some(Service::new(name, seen, self.now)))
    }

    async fn instance(&mut self, observation: &ProducerObservation) -> Result<Option<Instance>, StoreError> {
        // Events without an instance are kept under the empty name.
        let name = observation.instance.as_deref().unwrap_or("");
        if let Some(known) = self.tables.instance(&observation.service, name).await? {
            return Ok(Some(known));
        }
        if observation.last <= self.now.saturating_sub(INSTANCE_KEPT) {
            // It would be forgotten at once.
            return Ok(None);
        }
        if self.instances >= MAX_INSTANCES && !self.evict_idle().await? {
            self.refused += 1;
            return Ok(None);
        }
        self.instances += 1;
        let is_whole = self.is_whole(name).await?;
        Ok(Some(Instance::new(observation, is_whole, self.now)))
    }

    /// Evicts idle ones; whether one more fits then. An instance that is evicted or refused may be seen again in the
    /// middle of its numbers.
    async fn evict_idle(&mut self) -> Result<bool, StoreError> {
        if !self.has_evicted {
            let idle = self.now.saturating_sub(IDLE);
            let forgotten = self.tables.forget(idle, Timestamp::MIN).await?;
            self.instances -= forgotten.min(self.instances);
            self.tables.set_whole_since(self.now).await?;
            self.has_evicted = true;
        }
        Ok(self.instances < MAX_INSTANCES)
    }

    /// Whether an instance that was never seen before begins just now. The names that the SDK makes hold the time when they were made;
    /// one made long ago may have been known and forgotten.
    async fn is_whole(&mut self, instance: &str) -> Result<bool, StoreError> {
        let Some(began) = began(instance) else {
            return Ok(false);
        };
        let is_young = began > self.now.saturating_sub(INSTANCE_KEPT);
        Ok(is_young && began >= self.tables.whole_since().await?)
    }
}

/// None when the name is of another kind.
fn began(instance: &str) -> Option<Timestamp> {
    let (seconds, nanos) = uuid::Uuid::parse_str(instance).ok()?.get_timestamp()?.to_unix();
    let millis = i64::try_from(seconds).ok()?.checked_mul(1_000)? + i64::from(nanos / 1_000_000);
    Timestamp::from_millis(millis).ok()
}
