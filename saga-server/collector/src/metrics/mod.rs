//! What the collector counts, by the names that dashboards and alerts use.
//!
//! | part | metrics of |
//! | --- | --- |
//! | `sagas` | sagas and their events; `overdue` and `lost` are those that the database alone knows |
//! | `ingest` | the topic, and how it is stored |
//! | `dead_letters` | dead letters and their replay |
//! | `jobs` | jobs and their items |
//! | `webhooks` | requests to webhooks, and what waits for them |
//! | `retention` | retention and archive |
//! | `gateway` | events that come over HTTP |
//! | `sources` | topics that exist already; `lag` is that of any topic |
//! | `requests` | answers, streams and queries |
//! | `process` | tasks, definitions, other collectors |
//! | `stored` | what a stored batch means for all of them |
//!
//! `declare` registers each where it is declared.
//!
//! Rule of thumb: every label's values come from a small set. Names that producers choose freely (steps) are reduced to
//! the known ones and `OTHER`.

mod dead_letters;
mod declare;
mod gateway;
mod ingest;
mod jobs;
mod lag;
mod lost;
mod overdue;
mod process;
mod requests;
mod retention;
mod sagas;
mod sources;
mod stored;
mod webhooks;

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    registry::Registry,
};
use saga_types::Step;

use declare::Declare;

pub use dead_letters::DeadLetterMetrics;
pub(crate) use declare::seconds;
pub use gateway::GatewayMetrics;
pub use ingest::IngestMetrics;
pub use jobs::JobMetrics;
pub(crate) use lag::LagGauges;
pub use lost::LostCounters;
pub(crate) use overdue::Reading;
pub use overdue::WatchGauges;
pub use process::ProcessMetrics;
pub use requests::{EndpointLabels, RequestMetrics};
pub use retention::RetentionMetrics;
pub use sagas::SagaMetrics;
pub(crate) use sources::RecordOutcome;
pub use sources::SourceMetrics;
pub use stored::count_stored;
pub(crate) use stored::{append_took, appended};
pub use webhooks::WebhookMetrics;

/// Label `reason`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    /// The kind of error, such as `INVALID_NAME`.
    reason: &'static str,
}

/// All metrics of one collector.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Of sagas and their events.
    pub sagas: SagaMetrics,
    /// Of the topic, and how it is stored.
    pub ingest: IngestMetrics,
    /// Of dead letters.
    pub dead_letters: DeadLetterMetrics,
    /// Of jobs.
    pub jobs: JobMetrics,
    /// Of webhooks.
    pub webhooks: WebhookMetrics,
    /// Of retention.
    pub retention: RetentionMetrics,
    /// Of answers to requests.
    pub requests: RequestMetrics,
    /// Of events that come over HTTP.
    pub gateway: GatewayMetrics,
    /// Of topics that exist already.
    pub sources: SourceMetrics,
    /// Of tasks, definitions and other collectors.
    pub process: ProcessMetrics,
}

impl Metrics {
    /// Makes all metrics; steps named by a definition get a label of their own.
    #[must_use]
    pub fn new(known_steps: impl IntoIterator<Item = Step>) -> Self {
        let mut declare = Declare::default();
        let metrics = Self {
            sagas: SagaMetrics::declare(&mut declare),
            ingest: IngestMetrics::declare(&mut declare),
            dead_letters: DeadLetterMetrics::declare(&mut declare),
            jobs: JobMetrics::declare(&mut declare),
            webhooks: WebhookMetrics::declare(&mut declare),
            retention: RetentionMetrics::declare(&mut declare),
            requests: RequestMetrics::declare(&mut declare),
            gateway: GatewayMetrics::declare(&mut declare),
            sources: SourceMetrics::declare(&mut declare),
            process: ProcessMetrics::declare(&mut declare),
            registry: declare.0,
        };
        metrics.sagas.know_steps(known_steps);
        metrics
    }

    /// Everything in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut page = String::new();
        // Writing to a String cannot fail.
        let _ = text::encode(&mut page, &self.registry);
        page
    }
}
