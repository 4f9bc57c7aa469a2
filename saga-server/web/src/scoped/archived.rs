//! Archived sagas, answered from the archive as if they were still in the database.
//!
//! Rule of thumb: a query of one saga goes to the database first, then here; so all answers about an archived saga agree.
//! What needs the database, above all a change, is refused with the command that restores the saga.

use saga_collector::{
    archive::{ArchiveError, Lookup},
    freshness::Freshness,
    health::Concern,
};
use saga_store::{Position, StepPage};
use saga_types::{SagaId, Timestamp, fold::SagaState};

use super::{InArchive, NoSaga, Reader, Shown};

impl Reader {
    /// One saga wherever it is, as it is now.
    pub(crate) async fn look_up(&self, saga_id: &SagaId) -> Result<Shown, NoSaga> {
        // Asked first: what comes in between makes the answer fresher than it says.
        let freshness = self.freshness();
        if let Some(saga) = self.saga_if_there(saga_id).await? {
            return Ok(Shown { saga, archived: None });
        }
        let archived = self.archived(saga_id, freshness).await?;
        Ok(Shown {
            saga: archived.state().clone().into(),
            archived: Some(archived),
        })
    }

    /// One saga wherever it is, as the events recorded up to a moment (inclusive) give it; and where it is. No state when there
    /// was no event until then.
    pub(crate) async fn look_up_as_of(
        &self,
        saga_id: &SagaId,
        moment: Timestamp,
    ) -> Result<(Option<SagaState>, Option<InArchive>), NoSaga> {
        let freshness = self.freshness();
        if let Some(state) = self.saga_as_of(saga_id, moment).await? {
            return Ok((Some(state), None));
        }
        if self.saga_if_there(saga_id).await?.is_some() {
            return Ok((None, None));
        }
        let archived = self.archived(saga_id, freshness).await?;
        let asking = async {
            let lookup = self.archive_of(saga_id)?;
            let asking = lookup.as_of(&archived.saga, moment, self.definitions());
            self.answered(saga_id, self.ask("archived_as_of", asking).await)
        };
        Ok((asking.await?, Some(archived)))
    }

    /// A page of the steps of a saga wherever it is.
    pub(crate) async fn steps(
        &self,
        saga_id: &SagaId,
        after: Option<&Position>,
        limit: u32,
    ) -> Result<StepPage, NoSaga> {
        let freshness = self.freshness();
        if let Some(page) = self.stored_steps(saga_id, after, limit).await? {
            return Ok(page);
        }
        let archived = self.archived(saga_id, freshness).await?;
        self.archived_steps(saga_id, &archived, after, limit).await
    }

    /// The same of a saga that was looked up.
    pub(crate) async fn steps_of(
        &self,
        shown: &Shown,
        after: Option<&Position>,
        limit: u32,
    ) -> Result<StepPage, NoSaga> {
        let saga_id = &shown.saga.saga_id;
        let Some(archived) = &shown.archived else {
            return self.steps(saga_id, after, limit).await;
        };
        self.archived_steps(saga_id, archived, after, limit).await
    }

    async fn archived_steps(
        &self,
        saga_id: &SagaId,
        archived: &InArchive,
        after: Option<&Position>,
        limit: u32,
    ) -> Result<StepPage, NoSaga> {
        let lookup = self.archive_of(saga_id)?;
        let asking = lookup.steps(&archived.saga, after, limit);
        self.answered(saga_id, self.ask("archived_steps", asking).await)
    }

    /// When a person's data was erased from a saga's metadata last, wherever the saga is.
    pub(crate) async fn erased_at(&self, shown: &Shown) -> Result<Option<Timestamp>, NoSaga> {
        match &shown.archived {
            Some(archived) => Ok(archived.erased_at),
            None => Ok(self.stored_erased_at(&shown.saga.saga_id).await?),
        }
    }

    /// So many archived sagas of an order at most that the caller may see and that are wanted, and whether there are no others;
    /// none without an archive.
    pub(crate) async fn archived_of_order(
        &self,
        order_id: &str,
        most: usize,
        is_wanted: impl Fn(&SagaState) -> bool + Send,
    ) -> Result<Option<(Vec<SagaState>, bool)>, ArchiveError> {
        let Some(lookup) = &self.sources.lookup else {
            return Ok(None);
        };
        // Judged of what the caller may see alone: otherwise the answer would say something about the rest.
        let is_visible = move |saga: &SagaState| self.scope().has(&saga.saga_type) && is_wanted(saga);
        let asking = lookup.of_order(order_id, most, is_visible);
        let answer = self.ask("archived_order", asking).await;
        self.note_archive(answer.as_ref().err());
        let (sagas, is_all) = answer?;
        Ok(Some((sagas.into_iter().map(|saga| saga.state).collect(), is_all)))
    }

    /// Whether sagas leave the database for an archive that answers for them.
    pub(crate) fn has_archive(&self) -> bool {
        self.sources.lookup.is_some()
    }

    /// What the archive has of a saga that is not in the database; when it has nothing, why.
    pub(super) async fn archived(&self, saga_id: &SagaId, freshness: Freshness) -> Result<InArchive, NoSaga> {
        let removal = self
            .ask("removal", self.sources.store.removal(saga_id.as_str()))
            .await?;
        if let Some(removal) = &removal
            && !self.scope().has_known(removal.saga_type.as_ref())
        {
            // As of one that never was, also while the archive does not answer.
            if let Some(lookup) = &self.sources.lookup {
                self.answered(saga_id, self.ask("archived_saga", lookup.answers()).await)?;
            }
            return Err(NoSaga::Unknown(saga_id.clone(), Box::new(freshness)));
        }
        let missing = |removal| match removal {
            Some(removal) => NoSaga::Removed(saga_id.clone(), removal),
            None => NoSaga::Unknown(saga_id.clone(), Box::new(freshness)),
        };
        let was_not_archived = removal.as_ref().is_some_and(|removal| removal.archive.is_none());
        let lookup = self.sources.lookup.as_ref().filter(|_| !was_not_archived);
        let Some(lookup) = lookup else {
            return Err(missing(removal));
        };
        let folder = removal.as_ref().and_then(|removal| removal.archive.as_deref());
        let asking = lookup.saga(saga_id.as_str(), folder);
        let found = self.answered(saga_id, self.ask("archived_saga", asking).await)?;
        match found.filter(|found| self.scope().has(&found.state.saga_type)) {
            Some(saga) => Ok(InArchive {
                left_at: removal.as_ref().map(|removal| removal.removed_at),
                erased_at: removal.as_ref().and_then(|removal| removal.erased_at),
                folder: saga.folder.clone(),
                saga,
            }),
            None => Err(missing(removal)),
        }
    }

    fn archive_of(&self, saga_id: &SagaId) -> Result<&Lookup, NoSaga> {
        let lookup = self.sources.lookup.as_ref();
        lookup.ok_or_else(|| NoSaga::Unknown(saga_id.clone(), Box::new(self.freshness())))
    }

    fn answered<T>(&self, saga_id: &SagaId, answer: Result<T, ArchiveError>) -> Result<T, NoSaga> {
        self.note_archive(answer.as_ref().err());
        answer.map_err(|error| NoSaga::Archive(saga_id.clone(), Box::new(error)))
    }

    /// Health says whether the archive answered last.
    fn note_archive(&self, error: Option<&ArchiveError>) {
        if let Some(error) = error {
            tracing::warn!(%error, "archive did not answer");
        }
        let reason = error.map(|error| format!("archived sagas cannot be shown: {error}"));
        self.health.warn(Concern::Archive, reason);
    }
}
