//! Which sagas are archived together, and how a batch of them is archived and removed.

use saga_store::{ArchivePlan, Archived, Expired, ExpiredBefore, Removed, StoreError};
use uuid::Uuid;

use super::{Retention, RetentionError, Summary};
use crate::archive::{self, Archive, ArchiveError, day_of};

/// The most events of a batch. A batch is one transaction and one pair of files.
const MAX_EVENTS: u64 = 20_000;

impl Retention {
    /// As many of some sagas as a batch may have, in an archive all of one day; and whether it has as many as it may.
    pub(super) fn batch_of(&self, page: Vec<Expired>) -> (Vec<Expired>, bool) {
        let found = page.len();
        let mut batch = within_events(page);
        let is_full = batch.len() < found || found >= self.batch as usize;
        let fitting = batch.len();
        if self.archive.is_some()
            && let Some(day) = batch.first().map(|saga| day_of(saga.updated_at))
        {
            batch.retain(|saga| day_of(saga.updated_at) == day);
        }
        let is_cut = batch.len() < fitting;
        (batch, is_full && !is_cut)
    }

    /// Whether more sagas of the same day will be due before long: a collector waits for them, so that there are no files of a
    /// few sagas each.
    pub(super) fn grows(&self, saga: &Expired, before: ExpiredBefore) -> bool {
        let day = day_of(saga.updated_at);
        let days = [before.ended, before.unfinished].map(day_of);
        self.archive.is_some() && self.lease.is_some() && days.contains(&day)
    }

    /// Makes the archive's index say what the archive has, whatever happened to it.
    pub(super) async fn index(&self, archive: &Archive) -> Result<(), ArchiveError> {
        let indexed = archive::index(archive).await?;
        if indexed.added + indexed.dropped > 0 {
            tracing::info!(
                added = indexed.added,
                dropped = indexed.dropped,
                "archive index brought up to date with its batches"
            );
        }
        for reason in indexed.unreadable {
            tracing::warn!(reason, "archive batch cannot be read");
        }
        Ok(())
    }

    pub(super) async fn let_go(&self, sagas: &[Expired]) -> Result<Summary, RetentionError> {
        let Some(archive) = &self.archive else {
            let removed = self.store.remove(sagas, None).await?;
            return Ok(Summary::of(&removed, false));
        };
        let Some(first) = sagas.first() else {
            return Ok(Summary::default());
        };
        let plan = ArchivePlan {
            batch: format!("{}/{}", day_of(first.updated_at), Uuid::now_v7()),
            attempt: Uuid::now_v7().to_string(),
            saga_ids: sagas.iter().map(|saga| saga.saga_id.clone()).collect(),
        };
        if self.store.plan_archive(&plan).await? {
            self.carry_out(archive, &plan).await
        } else {
            // Another collector began a batch just now; the sagas are looked for again in the next run.
            Ok(Summary::default())
        }
    }

    /// What was begun and not finished: by one that was killed, or by another collector that is at work right now, in
    /// which case only one of the two can finish it.
    pub(super) async fn finish_plan(&self, archive: &Archive) -> Result<Summary, RetentionError> {
        let Some(mut plan) = self.store.archive_plan().await? else {
            return Ok(Summary::default());
        };
        plan.attempt = Uuid::now_v7().to_string();
        if self.store.plan_archive(&plan).await? {
            self.carry_out(archive, &plan).await
        } else {
            Ok(Summary::default())
        }
    }

    async fn carry_out(&self, archive: &Archive, plan: &ArchivePlan) -> Result<Summary, RetentionError> {
        let sagas = self.of_its_day(plan).await?;
        let plan = ArchivePlan {
            saga_ids: sagas.iter().map(|saga| saga.saga_id.clone()).collect(),
            ..plan.clone()
        };
        let written = match archive::write(archive, self.store.as_ref(), &plan).await {
            // An event came meanwhile, so the files are of no use. The plan stays, and is tried again.
            Err(ArchiveError::Differs { .. }) if self.of_its_day(&plan).await? != sagas => {
                return Ok(Summary::default());
            }
            other => other?,
        };
        let archived = Archived {
            attempt: plan.attempt.clone(),
            folder: written.map(|manifest| manifest.folder).unwrap_or_default(),
        };
        let removed = self.store.remove(&sagas, Some(&archived)).await?;
        if removed == Removed::Overtaken && !archived.folder.is_empty() {
            archive::withdraw(archive, &archived.folder).await?;
        }
        Ok(Summary::of(&removed, true))
    }

    /// The sagas of a plan that are still there and had no event on another day since. A plan that an older version began names
    /// no day: its sagas are chosen anew.
    async fn of_its_day(&self, plan: &ArchivePlan) -> Result<Vec<Expired>, StoreError> {
        let mut sagas = self.store.still_there(&plan.saga_ids).await?;
        let day = plan.batch.split_once('/').map_or("", |(day, _)| day);
        sagas.retain(|saga| day_of(saga.updated_at) == day);
        Ok(sagas)
    }
}

/// As many sagas as have no more events together than a batch may; one at least.
fn within_events(mut sagas: Vec<Expired>) -> Vec<Expired> {
    let mut events = 0;
    let fitting = sagas.iter().take_while(|saga| {
        events += saga.event_count;
        events <= MAX_EVENTS
    });
    let fitting = fitting.count().max(1);
    sagas.truncate(fitting);
    sagas
}
