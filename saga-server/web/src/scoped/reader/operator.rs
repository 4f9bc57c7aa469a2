//! Dead letters, operations, jobs and acknowledgements.

use saga_collector::dead_letters::LetterView;
use saga_store::{
    AcknowledgementPage, AcknowledgementQuery, Job, JobItem, JobItemQuery, JobQuery, Judged, LetterCause,
    LetterCounts, LetterFilter, LetterGroup, LetterPage, LetterQuery, Named, OperationPage, OperationQuery,
    RequestKeys, SelectedLetter, StoreError, StoredLetter, Subjects,
};
use saga_types::Timestamp;

use super::Reader;

impl Reader {
    /// By when it is judged now what is over, and what is late.
    pub(crate) fn judged(&self) -> Judged {
        let now = Timestamp::now();
        Judged {
            now,
            late_before: self.freshness().judged_at(now),
        }
    }

    /// Who takes care of what, the newest first.
    pub(crate) async fn acknowledgements(
        &self,
        of: Subjects,
        before: Option<i64>,
        size: u32,
    ) -> Result<AcknowledgementPage, StoreError> {
        let query = AcknowledgementQuery {
            scope: self.scope().clone(),
            judged: self.judged(),
            of,
            before,
            size,
        };
        self.ask("acknowledgements", self.sources.store.acknowledgements(&query))
            .await
    }

    /// A page of dead letters.
    pub(crate) async fn letters(&self, query: &LetterQuery) -> Result<LetterPage, StoreError> {
        let query = LetterQuery {
            filter: self.visible_letters(&query.filter),
            ..query.clone()
        };
        self.ask("dead_letters", self.sources.store.letters(&query)).await
    }

    /// Letters as people see them.
    pub(crate) async fn letter_views(&self, letters: Vec<StoredLetter>) -> Vec<LetterView> {
        self.sources.dead_letters.views(letters).await
    }

    /// How many dead letters there are of each reason.
    pub(crate) async fn letter_groups(
        &self,
        filter: &LetterFilter,
    ) -> Result<LetterCounts<LetterGroup>, StoreError> {
        let filter = self.visible_letters(filter);
        self.ask("dead_letter_groups", self.sources.store.letter_groups(&filter))
            .await
    }

    /// How many dead letters there are of each cause.
    pub(crate) async fn letter_causes(
        &self,
        filter: &LetterFilter,
    ) -> Result<LetterCounts<LetterCause>, StoreError> {
        let filter = self.visible_letters(filter);
        self.ask("dead_letter_causes", self.sources.store.letter_causes(&filter))
            .await
    }

    /// Only letters that the caller may see; none at all where messages are searched that may hold what is hidden. By an order only
    /// those that show it, since what is read from broken bytes may be what is hidden.
    pub(in crate::scoped) fn visible_letters(&self, filter: &LetterFilter) -> LetterFilter {
        let mut filter = LetterFilter {
            scope: self.scope().clone(),
            without_partial_orders: !self.redaction.is_off() && filter.order_id.is_some(),
            ..filter.clone()
        };
        if !self.redaction.is_off() && !filter.words.is_empty() {
            filter.named = Some(Named::default());
        }
        filter
    }

    /// How many dead letters wait.
    pub(crate) async fn letters_waiting(&self) -> Result<u64, StoreError> {
        let asking = self.sources.store.letters_waiting(self.scope());
        self.ask("letters_waiting", asking).await
    }

    /// A page of what operators did.
    pub(crate) async fn operations(&self, query: &OperationQuery) -> Result<OperationPage, StoreError> {
        let mut query = query.clone();
        query.filter.scope = self.scope().clone();
        self.ask("operations", self.sources.store.operations(&query))
            .await
    }

    /// Letters as far as a job needs them.
    pub(crate) async fn select_letters(
        &self,
        filter: &LetterFilter,
        limit: u32,
    ) -> Result<Vec<SelectedLetter>, StoreError> {
        let filter = self.visible_letters(filter);
        let asking = self.sources.store.select_letters(&filter, limit);
        self.ask("select_letters", asking).await
    }

    /// The job that a request of this caller made, if the caller may still see it.
    pub(crate) async fn job_of_request(&self, keys: &RequestKeys) -> Result<Option<Job>, StoreError> {
        let asking = self.sources.store.job_of_request(keys);
        match self.ask("job_of_request", asking).await? {
            Some(job) => self.job(job.id).await,
            None => Ok(None),
        }
    }

    /// A job of whose sagas the caller may see every type.
    pub(crate) async fn job(&self, id: i64) -> Result<Option<Job>, StoreError> {
        self.ask("job", self.sources.store.job(id, self.scope())).await
    }

    /// A page of such jobs.
    pub(crate) async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, StoreError> {
        let query = JobQuery {
            scope: self.scope().clone(),
            ..query.clone()
        };
        self.ask("jobs", self.sources.store.jobs(&query)).await
    }

    /// Items of a job, which the caller must have been shown.
    pub(crate) async fn job_items(
        &self,
        job: &Job,
        query: &JobItemQuery,
    ) -> Result<Vec<JobItem>, StoreError> {
        let query = JobItemQuery {
            job: job.id,
            ..query.clone()
        };
        self.ask("job_items", self.sources.store.job_items(&query)).await
    }
}
