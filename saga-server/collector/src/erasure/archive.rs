//! Batches of the archive, one at a time.
//!
//! Rule of thumb: only who holds the lease changes a batch, and only while no sagas are being archived that were read before
//! they were erased in the database.

use saga_store::ErasedSaga;

use super::{ErasureError, ErasurePlace, ErasureWaits, Next, Run};
use crate::{
    archive::{
        Archive, ErasedBatch, Manifest,
        erase::{self},
    },
    maintenance::lease::Turn,
};

impl Run<'_> {
    /// The next batch after a folder.
    pub(super) async fn batch(&mut self, after: String) -> Result<Next, ErasureError> {
        let Some(archive) = &self.erasures.archive else {
            return Ok(Next::GoOn(ErasurePlace::Letters(0)));
        };
        if let Some(reason) = self.must_wait(&after).await? {
            return Ok(Next::Wait(ErasurePlace::Archive(after), reason));
        }
        let is_next = |folder: &&String| **folder > after;
        let known = self
            .folders
            .as_ref()
            .and_then(|folders| folders.iter().find(is_next));
        let next = match known {
            Some(folder) => Some(folder.clone()),
            None => {
                let folders = erase::folders_after(archive, &after).await?;
                self.folders.insert(folders).first().cloned()
            }
        };
        let Some(folder) = next else {
            return Ok(Next::GoOn(ErasurePlace::Letters(0)));
        };
        let (manifest, is_staged) = erase::manifest(archive, &folder).await?;
        if is_staged && !self.order.dry_run {
            self.finish(archive, &manifest).await?;
        }
        let found = erase::find(archive, &manifest, &self.order.value).await?;
        self.report.archived_sagas += found.len() as u64;
        self.report.archived_events += found.iter().map(|saga| saga.events).sum::<u64>();
        if self.order.dry_run {
            self.archived.extend(found.into_iter().map(|saga| saga.saga_id));
        } else if !found.is_empty() {
            let staged = erase::stage(archive, &manifest, found, self.erasure.at).await?;
            self.finish(archive, &staged).await?;
        }
        Ok(Next::GoOn(ErasurePlace::Archive(folder)))
    }

    async fn must_wait(&self, after: &str) -> Result<Option<ErasureWaits>, ErasureError> {
        if self.order.dry_run {
            return Ok(None);
        }
        // Batches that begin later are read from what is erased already.
        if after.is_empty() && self.erasures.store.archive_plan().await?.is_some() {
            return Ok(Some(ErasureWaits::BatchBeingArchived));
        }
        match self.lease.hold().await {
            Turn::Ours(_) => Ok(None),
            Turn::Others => Ok(Some(ErasureWaits::OtherErasure)),
            Turn::Unknown(error) => Err(error.into()),
        }
    }

    /// Finishes a staged batch, also one of an erasure that was killed: that is then logged as done by who finishes it.
    async fn finish(&self, archive: &Archive, staged: &Manifest) -> Result<(), ErasureError> {
        erase::replace_files(archive, staged).await?;
        if let Some(ErasedBatch { at, sagas }) = &staged.erased {
            let sagas = sagas.iter().map(|saga| ErasedSaga {
                saga_id: saga.saga_id.clone(),
                saga_type: saga.saga_type.clone(),
                events: saga.events,
            });
            let sagas: Vec<ErasedSaga> = sagas.collect();
            let erasure = saga_store::Erasure {
                at: *at,
                ..self.erasure.clone()
            };
            self.erasures.store.note_archive_erased(&sagas, &erasure).await?;
        }
        Ok(erase::replace_manifest(archive, staged).await?)
    }
}
