//! Who records events: services, their running instances, and which of their events never came.
//!
//! What is read of an instance is a set of numbers, and sets can be united again and again. So an observation need not share the
//! transaction of the events: it is noted before the offsets are committed, and noting it twice changes nothing. It does share it
//! to save one of its own, unless the database refuses the two together. Counts of stored events cannot be united; they are
//! always noted in the transaction that stores them.
//!
//! | part | what |
//! | --- | --- |
//! | `counts`, `sequences` | what a transaction adds to the counts of services, and the numbers of events as a set |
//! | `reconcile` | merges what was noted, in one transaction |
//! | `instance`, `service`, `versions` | what is kept of each |
//! | `pace` | the recent rate of events |
//! | `rows` | rows of the tables |
//!
//! Rule of thumb: those who store only add rows to `producer_change`; one collector merges them ([`reconcile`]), and evaluates
//! what is missing once it is too old to be on its way ([`instance`]).

mod counts;
mod instance;
mod pace;
mod reconcile;
mod rows;
mod sequences;
mod service;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use saga_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AppendError, StoreError};

pub(super) use counts::{of_events, of_letters};
pub(super) use instance::Instance;
pub(super) use reconcile::{Tables, reconcile};
pub(super) use rows::{DetailRow, InstanceRow, LostRow, ServiceRow, SumRow, WholeSinceRow};
pub(super) use service::Service;
use versions::Recorded;

pub use instance::{Gap, ProducerInstance};
pub use sequences::Sequences;
pub use service::ProducerService;
pub use versions::ServiceVersion;

/// The longest name of a service or an instance, in characters.
const MAX_NAME_CHARS: usize = 100;

/// A name that can be shown and kept; none when it is empty, too long or holds control characters.
#[must_use]
pub fn producer_name(text: &str) -> Option<&str> {
    // A character takes four bytes at most, so that a name of a megabyte is not counted through.
    let is_short = text.len() <= 4 * MAX_NAME_CHARS && text.chars().count() <= MAX_NAME_CHARS;
    let is_fine = is_short && !text.is_empty() && !text.contains(char::is_control);
    is_fine.then_some(text)
}

/// What a batch showed of one instance of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProducerObservation {
    /// The service.
    pub service: String,
    /// Its instance; none when the events name none.
    pub instance: Option<String>,
    /// The version of its SDK.
    pub sdk_version: Option<String>,
    /// How it writes events.
    pub wire: Option<Wire>,
    /// When the first of the events came into the topic.
    pub first: Timestamp,
    /// When the last of them did.
    pub last: Timestamp,
    /// The numbers of the events.
    pub sequences: Sequences,
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wire {
    /// The published version of the schema; none when it is another one that resolves to it.
    pub schema_version: Option<u8>,
    /// The schema's id in the registry; none in Avro's single-object encoding.
    pub schema_id: Option<u32>,
}

/// What is to be done about producers at one time.
#[derive(Debug, Clone)]
pub struct ReconcileRequest {
    /// The time.
    pub now: Timestamp,
    /// What was missing at this moment is possibly lost; none while that is not known.
    pub evaluate_before: Option<Timestamp>,
    /// Services that are counted by name; the others together.
    pub named: BTreeSet<String>,
}

/// What was done about producers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReconcileOutcome {
    /// There is more to be done at once.
    pub has_more: bool,
    /// What was found to be missing.
    pub lost: Vec<NewlyLost>,
    /// How many observations were left out because there are too many services or instances.
    pub refused: u64,
}

/// Events that are missing, and were not known to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewlyLost {
    /// The service.
    pub service: String,
    /// Its instance.
    pub instance: String,
    /// How many.
    pub events: u64,
    /// The last gap of them.
    pub last_gap: Option<Gap>,
}

/// Which services to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerQuery {
    /// Only this one.
    pub service: Option<String>,
    /// Only those that come after this one.
    pub after: Option<String>,
    /// How many services at most.
    pub size: u32,
    /// How many instances of each at most: those that miss events first, then those that were seen last.
    pub instances: u32,
}

/// A page of services, ordered by name.
#[derive(Debug, Clone, PartialEq)]
pub struct ProducerPage {
    /// The services.
    pub services: Vec<ProducerService>,
    /// The last of them, when there are more.
    pub next: Option<String>,
}

/// Stands for services that are not counted by name.
pub const OTHER_SERVICES: &str = "OTHER";

/// The part of a store that knows who records events.
#[async_trait]
pub trait ProducerStore {
    /// Notes what a batch showed of producers. The same observation again changes nothing.
    ///
    /// # Errors
    ///
    /// As [`Store::append`](super::Store::append).
    async fn observe_producers(&self, observations: &[ProducerObservation]) -> Result<(), AppendError>;

    /// Merges what was noted, evaluates what is missing, and forgets who was not seen for long. One collector at a time
    /// does it; with others at work it does nothing.
    async fn reconcile_producers(&self, request: &ReconcileRequest) -> Result<ReconcileOutcome, StoreError>;

    /// A page of services.
    async fn producers(&self, query: &ProducerQuery) -> Result<ProducerPage, StoreError>;

    /// How many events were found missing, ever, by the services' names and [`OTHER_SERVICES`].
    async fn events_lost(&self) -> Result<BTreeMap<String, u64>, StoreError>;
}

/// A row of `producer_change`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Change {
    #[serde(rename = "sighted")]
    Observed(Vec<ProducerObservation>),
    Counted(Vec<ServiceCounts>),
}

/// What was stored of a service in one transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServiceCounts {
    service: String,
    #[serde(default)]
    steps: BTreeMap<String, u64>,
    #[serde(default)]
    dead_letters: u64,
    /// Versions of the service, and when the steps with them were recorded.
    #[serde(default)]
    versions: BTreeMap<String, Recorded>,
}

/// The rows that note observations, each of a bearable size.
pub(super) fn observation_rows(observations: &[ProducerObservation]) -> Result<Vec<String>, sqlx::Error> {
    const OF_A_ROW: usize = 64;
    let rows = observations.chunks(OF_A_ROW);
    rows.map(|observations| text(&Change::Observed(observations.to_vec())))
        .collect()
}

/// As a column holds it.
fn text(part: &impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(part).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// A page, from what both databases give.
pub(super) fn page(
    query: &ProducerQuery,
    mut services: Vec<ServiceRow>,
    sums: Vec<SumRow>,
    instances: Vec<DetailRow>,
) -> Result<ProducerPage, StoreError> {
    let now = Timestamp::now();
    let has_more = services.len() > query.size as usize;
    services.truncate(query.size as usize);
    let last = services.last().filter(|_| has_more);
    let next = last.map(|last| last.service.clone());
    let sums: BTreeMap<String, SumRow> = sums.into_iter().map(|sum| (sum.service.clone(), sum)).collect();
    let mut shown: BTreeMap<String, Vec<ProducerInstance>> = BTreeMap::new();
    for row in instances {
        let instances = shown.entry(row.service.clone()).or_default();
        instances.push(Instance::try_from(row)?.view(now));
    }
    let services = services.into_iter().map(|row| {
        let service = Service::try_from(row)?;
        // A service without instances has neither sums nor instances to show.
        let sums = sums.get(&service.service);
        let (count, lost) = sums.map_or((0, 0), |sum| (sum.instances, sum.lost));
        let instances = shown.remove(&service.service).unwrap_or_default();
        Ok(service.view(count.cast_unsigned(), lost.cast_unsigned(), instances, now))
    });
    Ok(ProducerPage {
        services: services.collect::<Result<_, StoreError>>()?,
        next,
    })
}
