//! A person's data, erased by a key and value of the metadata: from the sagas of the database, then from the archive, from dead
//! letters, and from what operators wrote.
//!
//! | part | what |
//! | --- | --- |
//! | `archive` | batches of the archive, one at a time, by the one collector with the lease |
//! | `letters` | which dead letters hold the value |
//! | `notes` | which notes, selections of jobs and saved views name it |
//!
//! Rule of thumb: a call does as much as fits into its time and returns where the next one continues; every step is a transaction or
//! is finished by the next call, so that a kill leaves nothing half erased.

mod archive;
mod letters;
mod notes;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use saga_store::{Actor, Erasure, MetadataValue, NotePlace, Store, StoreError};
use saga_types::Timestamp;
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

use crate::{
    archive::{Archive, ArchiveError},
    dead_letters::DeadLetters,
    maintenance::lease::Lease,
};

/// Of several erasures one at a time changes the archive.
const LEASE: &str = "erasure";

/// How long one that was killed keeps the others from the archive; more than a batch takes.
const LEASE_PERIOD: Duration = Duration::from_secs(60);

/// How many sagas are looked for at once.
const SAGAS: u32 = 500;

/// The most events of one transaction, unless a single saga has more.
const MAX_EVENTS: u64 = 20_000;

/// Why nothing more was erased. What was erased until then stays so.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ErasureError {
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The archive cannot be read or changed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// What erases a person's data.
pub struct Erasures {
    store: Arc<dyn Store>,
    archive: Option<Archive>,
    dead_letters: Arc<DeadLetters>,
}

/// What is to be erased, and how.
#[derive(Debug, Clone)]
pub struct ErasureOrder {
    /// The key and value.
    pub value: MetadataValue,
    /// Who asks for it.
    pub by: Actor,
    /// Only count what would be erased.
    pub dry_run: bool,
    /// Where to continue; the beginning if not given.
    pub from: Option<ErasurePlace>,
    /// How long this call may take, about.
    pub within: Duration,
}

/// How far an erasure is: everything before is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErasurePlace {
    /// Sagas in the database, after this id.
    Sagas(String),
    /// Batches of the archive, after this folder.
    Archive(String),
    /// Dead letters, after this one.
    Letters(i64),
    /// What operators wrote, after this place.
    Notes(NotePlace),
}

/// Why the archive could not be searched yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErasureWaits {
    /// Sagas are being archived, or the collector that did it was killed: it may have read them before they were erased. The
    /// next retention run, or `saga-server archive run`, finishes that.
    BatchBeingArchived,
    /// Another erasure changes the archive, or was killed less than a minute ago.
    OtherErasure,
}

/// What one call erased, or would erase.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErasureReport {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Whether everything was searched. Otherwise repeat the call with `nextCursor`.
    pub complete: bool,
    /// Sagas of the database that lost metadata.
    pub sagas: u64,
    /// Their events that lost it; of a dry run, all of their events.
    pub events: u64,
    /// Sagas of the archive that lost metadata.
    pub archived_sagas: u64,
    /// Their events that lost it.
    pub archived_events: u64,
    /// Dead letters that lost their content.
    pub dead_letters: u64,
    /// Jobs and acknowledgements that lost their note, beside those of the erased sagas and dead letters, and saved views that were
    /// removed, because they name the value.
    pub notes: u64,
    /// Whether there is an archive; without `archive.url` none is searched.
    pub archive_configured: bool,
    /// Why this call could not continue.
    pub waits_for: Option<ErasureWaits>,
    /// What keeps the value all the same, in words.
    pub still_kept: Vec<&'static str>,
    /// How far it is, when it is not complete.
    #[serde(skip)]
    pub next: Option<ErasurePlace>,
}

/// What no erasure reaches.
pub const STILL_KEPT: [&str; 4] = [
    "Kafka keeps the records of the topic and of the dead letter topic until their retention ends. An event that comes once more \
     brings nothing back; one that was not stored yet is stored whole: erase once more when the sagas have ended.",
    "Order ids and saga ids name sagas and stay, as do the names of services, traces, versions and parent sagas, and who corrected \
     a status.",
    "The log of operations keeps what operators gave as reasons, notes and filters, and why a replay failed, until the retention of \
     operations ends: nothing changes it.",
    "Backups of the database, free space in its files until it is vacuumed, versions that a bucket keeps of replaced objects, and \
     whatever was exported.",
];

/// One call, under way.
struct Run<'a> {
    erasures: &'a Erasures,
    order: &'a ErasureOrder,
    erasure: Erasure,
    lease: Lease,
    deadline: Instant,
    report: ErasureReport,
    /// Folders of the day of the archive that is in hand, once it is known: a call does not list years of which it does a part.
    folders: Option<Vec<String>>,
    /// Sagas of the archive that a dry run found.
    archived: BTreeSet<String>,
}

/// What follows a piece of work.
enum Next {
    GoOn(ErasurePlace),
    /// The same place, later.
    Wait(ErasurePlace, ErasureWaits),
    Done,
}

impl Erasures {
    /// On a store, and on its archive, if there is one.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, archive: Option<Archive>, dead_letters: Arc<DeadLetters>) -> Self {
        Self {
            store,
            archive,
            dead_letters,
        }
    }

    /// Erases what an order asks for, as far as its time allows; REST and the command line both call this. A dry run changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`ErasureError`] when database or archive fail. What was erased until then stays so; the same order does the rest.
    pub async fn erase(&self, order: &ErasureOrder) -> Result<ErasureReport, ErasureError> {
        let mut run = Run {
            erasures: self,
            order,
            erasure: Erasure {
                at: Timestamp::now(),
                actor: order.by.clone(),
                key: order.value.key().to_owned(),
            },
            lease: Lease::new(self.store.clone(), LEASE, LEASE_PERIOD),
            deadline: Instant::now() + order.within,
            report: ErasureReport {
                dry_run: order.dry_run,
                archive_configured: self.archive.is_some(),
                still_kept: STILL_KEPT.to_vec(),
                ..ErasureReport::default()
            },
            folders: None,
            archived: BTreeSet::new(),
        };
        let done = run.all().await;
        // Also after an error, so that the next call need not wait.
        if run.folders.is_some() && !order.dry_run {
            run.lease.release().await;
        }
        done?;
        Ok(run.report)
    }
}

impl Run<'_> {
    async fn all(&mut self) -> Result<(), ErasureError> {
        let mut place = self
            .order
            .from
            .clone()
            .unwrap_or(ErasurePlace::Sagas(String::new()));
        loop {
            let next = match place {
                ErasurePlace::Sagas(after) => self.sagas(after).await?,
                ErasurePlace::Archive(after) => self.batch(after).await?,
                ErasurePlace::Letters(after) => self.letters(after).await?,
                ErasurePlace::Notes(after) => self.notes(after).await?,
            };
            place = match next {
                Next::GoOn(place) if Instant::now() < self.deadline => place,
                Next::GoOn(place) => {
                    self.report.next = Some(place);
                    return Ok(());
                }
                Next::Wait(place, reason) => {
                    self.report.waits_for = Some(reason);
                    self.report.next = Some(place);
                    return Ok(());
                }
                Next::Done => {
                    self.report.complete = true;
                    return Ok(());
                }
            };
        }
    }

    /// Some sagas of the database, in one transaction.
    async fn sagas(&mut self, after: String) -> Result<Next, ErasureError> {
        let store = &self.erasures.store;
        let found = store.sagas_with(&self.order.value, &after, SAGAS).await?;
        let mut events = 0;
        let fitting = found.iter().take_while(|saga| {
            events += saga.events;
            events <= MAX_EVENTS
        });
        let fitting = fitting.count().max(1);
        let some = &found[..fitting.min(found.len())];
        let Some(last) = some.last() else {
            return Ok(Next::GoOn(ErasurePlace::Archive(String::new())));
        };
        if self.order.dry_run {
            self.report.sagas += some.len() as u64;
            self.report.events += some.iter().map(|saga| saga.events).sum::<u64>();
        } else {
            let ids: Vec<String> = some.iter().map(|saga| saga.saga_id.clone()).collect();
            let erased = store.erase_sagas(&ids, &self.erasure).await?;
            self.report.sagas += erased.sagas;
            self.report.events += erased.events;
        }
        Ok(Next::GoOn(ErasurePlace::Sagas(last.saga_id.clone())))
    }
}
