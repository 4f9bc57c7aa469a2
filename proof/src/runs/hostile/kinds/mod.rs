//! The kinds of hostility, each played on a stage of its own while a stream of good events runs.

mod broker;
mod codecs;
mod connections;
mod deep_schemas;
mod dying_sessions;
mod extremes;
mod framing;
mod headers;
mod large_records;
mod letter_topic;
mod refused_rows;
mod registries;
mod schemas;
mod skipped;
mod topics;
mod transactions;

use anyhow::Result;
use clap::ValueEnum;

use super::stage::Stage;
use crate::parts::Parts;

/// What is done to the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Every codec of Kafka, by producers and by the topic, on both topics
    Codecs,
    /// Header names and values of any bytes, doubled, empty, thousands
    Headers,
    /// Commits and aborts of transactions, mixed with plain records
    Transactions,
    /// A transaction that stays open
    HangingTransaction,
    /// Values and keys that are larger than a dead letter may be, also only after unpacking
    LargeRecords,
    /// A dead letter topic that takes no record, for one reason after the other
    LetterTopic,
    /// A dead letter topic that is deleted and made again
    LetterTopicGone,
    /// Events that the database refuses, with any SQLSTATE
    RefusedRows,
    /// An event whose statement always runs into its timeout (minutes)
    SlowRow,
    /// Several events that the database refuses in one batch, while it goes away
    PoisonInOutage,
    /// Events of which the database's session dies or its process is killed, while it goes away
    DyingSessions,
    /// A batch that was damaged on the broker's disk, with the setting that skips it
    Skipped,
    /// Connections to the database that deliver nothing any more
    Swallowed,
    /// The same with new ones, for some time
    Unreachable,
    /// Everything to and from the database comes late
    Delayed,
    /// Connections to the database are cut, and new ones refused
    Cut,
    /// The database is read-only, then restarted
    FailOver,
    /// What is no registry at the registry's address
    RegistryAway,
    /// Writers' schemas of many forms in a real registry, also with references
    Schemas,
    /// Schemas that are too deep, too wide or unbounded, of events and of a source
    DeepSchemas,
    /// Thousands of schema ids that no registry knows
    UnknownIds,
    /// The topic is deleted and made again, then gets more partitions
    Topics,
    /// The broker is killed and restarted while dead letters are written
    BrokerRestart,
    /// Random bytes, mutated events, frames that are cut
    Bytes,
    /// Far times, huge numbers, long names, deep metadata
    Extremes,
}

impl Kind {
    /// Whether it does something to a part that others use, too.
    pub(super) const fn is_alone(self) -> bool {
        matches!(self, Self::DyingSessions | Self::FailOver | Self::BrokerRestart)
    }

    /// Whether it takes longer than a short form may. Sessions that die are among the tests of saga-server, too.
    pub(super) const fn is_long(self) -> bool {
        matches!(self, Self::DyingSessions | Self::SlowRow)
    }

    /// Whether it begins with the first, since it takes long even in its short form.
    pub(super) const fn is_slow(self) -> bool {
        matches!(
            self,
            Self::SlowRow
                | Self::Swallowed
                | Self::HangingTransaction
                | Self::RegistryAway
                | Self::RefusedRows
                | Self::Skipped
        )
    }

    /// What its server is set to beside what all are.
    pub(super) fn settings(self, parts: &Parts) -> Result<Vec<(&'static str, String)>> {
        Ok(match self {
            Self::Schemas => vec![("SCHEMA_REGISTRY_URL", parts.registry_url.clone())],
            Self::Skipped => vec![("SAGA_SERVER_INGEST_SKIP_UNREADABLE_AFTER", "2s".to_owned())],
            Self::DeepSchemas => deep_schemas::settings(parts.folder())?,
            _ => Vec::new(),
        })
    }

    /// Does it; gives what was done.
    pub(super) async fn play(self, stage: &mut Stage) -> Result<String> {
        match self {
            Self::Codecs => codecs::play(stage).await,
            Self::Headers => headers::play(stage).await,
            Self::Transactions => transactions::play(stage).await,
            Self::HangingTransaction => transactions::hang(stage).await,
            Self::LargeRecords => large_records::play(stage).await,
            Self::LetterTopic => letter_topic::refuse(stage).await,
            Self::LetterTopicGone => letter_topic::delete(stage).await,
            Self::RefusedRows => refused_rows::play(stage).await,
            Self::SlowRow => refused_rows::slow(stage).await,
            Self::PoisonInOutage => refused_rows::in_outage(stage).await,
            Self::DyingSessions => dying_sessions::play(stage).await,
            Self::Skipped => skipped::play(stage).await,
            Self::Swallowed => connections::swallow_present(stage).await,
            Self::Unreachable => connections::swallow_all(stage).await,
            Self::Delayed => connections::delay(stage).await,
            Self::Cut => connections::cut(stage).await,
            Self::FailOver => connections::fail_over(stage).await,
            Self::RegistryAway => registries::away(stage).await,
            Self::Schemas => schemas::play(stage).await,
            Self::DeepSchemas => deep_schemas::play(stage).await,
            Self::UnknownIds => registries::unknown_ids(stage).await,
            Self::Topics => topics::play(stage).await,
            Self::BrokerRestart => broker::play(stage).await,
            Self::Bytes => framing::play(stage).await,
            Self::Extremes => extremes::play(stage).await,
        }
    }
}
