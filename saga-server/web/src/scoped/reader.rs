//! The questions of a caller.

use std::{collections::BTreeSet, ops::Deref, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use saga_collector::{dead_letters::LetterView, freshness::Freshness};
use saga_store::{
    AcknowledgementPage, AcknowledgementQuery, Drawn, FailureGroupsQuery, Failures as SampledFailures, Flow,
    FlowQuery, Job, JobItem, JobItemQuery, JobQuery, Judged, Late, LateGroup, LateSagas, LetterCause,
    LetterFilter, LetterGroup, LetterPage, LetterQuery, Named, OperationPage, OperationQuery, Page, Position,
    ProducerPage, ProducerQuery, RequestKeys, SagaQuery, Scope, SelectedLetter, SlotDurations, Span,
    Statistics, StatisticsQuery, StepDetail, StepPage, StoreError, StoredLetter, Subjects, Trends, Usual,
    VersionSagas, VersionsQuery,
};
use saga_types::{SagaId, Step, Timestamp, definition::Definitions, fold::SagaState};

use super::NoSaga;
use crate::{
    auth::Caller,
    failure_groups::Failures,
    http::{ApiError, guard::CalledBy},
    state::AppState,
};

/// The state as one caller may see it. Only a request of a known caller has one.
#[derive(Clone)]
pub(crate) struct Reader {
    state: AppState,
    caller: Caller,
    definitions: Arc<Definitions>,
}

impl FromRequestParts<AppState> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let CalledBy(caller) = CalledBy::from_request_parts(parts, state).await?;
        let definitions = state.sources.store.definitions().get();
        Ok(Self {
            state: state.clone(),
            definitions: match &caller.scope {
                Scope::All => definitions,
                scope => Arc::new(definitions.only(|saga_type| scope.has(saga_type))),
            },
            caller,
        })
    }
}

/// Nothing in the state leads to the data.
impl Deref for Reader {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.state
    }
}

impl Reader {
    /// The types that the caller may see.
    pub(crate) fn scope(&self) -> &Scope {
        &self.caller.scope
    }

    /// Who asks.
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What is usual, from memory. It is asked about sagas that the caller was shown, by their type.
    pub(crate) fn usual(&self) -> Arc<Usual> {
        self.sources.store.usual().get()
    }

    /// One saga as it is now, with nothing hidden.
    pub(crate) async fn saga(&self, saga_id: &SagaId) -> Result<SagaState, NoSaga> {
        // Asked first: what comes in between makes the answer fresher than it says.
        let freshness = self.freshness();
        let found = self.saga_if_there(saga_id).await?;
        self.found(saga_id, found, freshness).await
    }

    /// The same where its absence is no error.
    pub(crate) async fn saga_if_there(&self, saga_id: &SagaId) -> Result<Option<SagaState>, StoreError> {
        let found = self
            .ask("saga", self.sources.store.saga(saga_id.as_str()))
            .await?;
        Ok(found.filter(|saga| self.scope().has(&saga.saga_type)))
    }

    /// One saga as the events recorded up to a moment (inclusive) give it.
    pub(crate) async fn saga_as_of(
        &self,
        saga_id: &SagaId,
        moment: Timestamp,
    ) -> Result<Option<SagaState>, StoreError> {
        let asking = self.sources.store.saga_as_of(saga_id.as_str(), moment);
        self.of_visible(saga_id, self.ask("saga_as_of", asking)).await
    }

    /// A page of the steps of a saga.
    pub(crate) async fn steps(
        &self,
        saga_id: &SagaId,
        after: Option<&Position>,
        limit: u32,
    ) -> Result<Option<StepPage>, StoreError> {
        let asking = self.sources.store.steps(saga_id.as_str(), after, limit);
        self.of_visible(saga_id, self.ask("steps", asking)).await
    }

    /// When a person's data was erased from a saga's metadata last.
    pub(crate) async fn erased_at(&self, saga_id: &SagaId) -> Result<Option<Timestamp>, StoreError> {
        let asking = self.sources.store.erased_at(saga_id.as_str());
        self.of_visible(saga_id, self.ask("erased_at", asking)).await
    }

    /// What is read of a saga, if the caller may see the saga. Otherwise nothing is read, so that how long it takes says nothing.
    async fn of_visible<T>(
        &self,
        saga_id: &SagaId,
        asking: impl Future<Output = Result<Option<T>, StoreError>>,
    ) -> Result<Option<T>, StoreError> {
        if self.scope().is_all() {
            return asking.await;
        }
        if self.saga_if_there(saga_id).await?.is_none() {
            return Ok(None);
        }
        let found = asking.await?;
        // Meanwhile a first event may have come that gives the saga another type.
        let saga = self.saga_if_there(saga_id).await?;
        Ok(found.filter(|_| saga.is_some()))
    }

    /// What was found of a saga; when nothing was, why. Everything that is asked of one saga goes through here, so that
    /// all of it says the same of a saga that was removed.
    pub(crate) async fn found<T>(
        &self,
        saga_id: &SagaId,
        found: Option<T>,
        freshness: Freshness,
    ) -> Result<T, NoSaga> {
        if let Some(found) = found {
            return Ok(found);
        }
        let removal = self
            .ask("removal", self.sources.store.removal(saga_id.as_str()))
            .await?;
        Err(
            match removal.filter(|removal| self.scope().has_known(removal.saga_type.as_ref())) {
                Some(removal) => NoSaga::Removed(saga_id.clone(), removal),
                None => NoSaga::Unknown(saga_id.clone(), freshness),
            },
        )
    }

    /// These sagas as they are now, in any order.
    pub(crate) async fn sagas(&self, saga_ids: &BTreeSet<SagaId>) -> Result<Vec<SagaState>, StoreError> {
        let mut sagas = self.ask("sagas", self.sources.store.sagas(saga_ids)).await?;
        sagas.retain(|saga| self.scope().has(&saga.saga_type));
        Ok(sagas)
    }

    /// A page of sagas.
    pub(crate) async fn search(&self, query: &SagaQuery) -> Result<Page, StoreError> {
        let query = SagaQuery {
            scope: self.scope().clone(),
            ..query.clone()
        };
        self.ask("search", self.sources.store.search(&query)).await
    }

    /// Counts, rates and durations of a period.
    pub(crate) async fn statistics(&self, query: &StatisticsQuery) -> Result<Statistics, StoreError> {
        let query = StatisticsQuery {
            scope: self.scope().clone(),
            ..query.clone()
        };
        self.ask("statistics", self.sources.store.statistics(&query))
            .await
    }

    /// Whether there is no saga at all.
    pub(crate) async fn is_empty(&self) -> Result<bool, StoreError> {
        let everything = self.statistics(&StatisticsQuery::default()).await?;
        Ok(everything.total == 0)
    }

    /// Counts of the sagas that started within a period.
    pub(crate) async fn trends(&self, span: &Span) -> Result<Trends, StoreError> {
        self.ask("trends", self.sources.store.trends(span, self.scope()))
            .await
    }

    /// How long the sagas took that started within a period, slot by slot.
    pub(crate) async fn durations(&self, span: &Span) -> Result<Vec<SlotDurations>, StoreError> {
        self.ask("durations", self.sources.store.durations(span, self.scope()))
            .await
    }

    /// What failed.
    pub(crate) async fn failures(&self, span: &Span, most: u32) -> Result<SampledFailures, StoreError> {
        let asking = self.sources.store.failures(span, most, self.scope());
        self.ask("failures", asking).await
    }

    /// What failed, in groups.
    pub(crate) async fn failure_groups(&self, query: &FailureGroupsQuery) -> Result<Failures, StoreError> {
        let query = FailureGroupsQuery {
            scope: self.scope().clone(),
            ..query.clone()
        };
        let asking = self.sources.store.failure_groups(&query);
        let found = self.ask("failure_groups", asking).await?;
        Ok(Failures::of(found, query.from, &self.redaction))
    }

    /// Sagas drawn from those that a search finds.
    pub(crate) async fn draw(&self, query: &SagaQuery, most: u32) -> Result<Drawn, StoreError> {
        let query = SagaQuery {
            scope: self.scope().clone(),
            ..query.clone()
        };
        self.ask("draw", self.sources.store.draw(&query, most)).await
    }

    /// The same without those that another search finds.
    pub(crate) async fn draw_rest(
        &self,
        query: &SagaQuery,
        without: &SagaQuery,
        most: u32,
    ) -> Result<Drawn, StoreError> {
        let scoped = |query: &SagaQuery| SagaQuery {
            scope: self.scope().clone(),
            ..query.clone()
        };
        let (query, without) = (scoped(query), scoped(without));
        let asking = self.sources.store.draw_rest(&query, &without, most);
        self.ask("draw_rest", asking).await
    }
    /// Sagas by the version of a service that took part in them.
    pub(crate) async fn version_sagas(&self, query: &VersionsQuery) -> Result<VersionSagas, StoreError> {
        let query = VersionsQuery {
            scope: self.scope().clone(),
            ..query.clone()
        };
        let asking = self.sources.store.version_sagas(&query);
        self.ask("version_sagas", asking).await
    }

    /// The ways that sagas really took.
    pub(crate) async fn flow(&self, query: &FlowQuery) -> Result<Flow, StoreError> {
        let query = FlowQuery {
            scope: self.scope().clone(),
            ..query.clone()
        };
        self.ask("flow", self.sources.store.flow(&query)).await
    }

    /// One step of the flow in detail.
    pub(crate) async fn step_detail(&self, query: &FlowQuery, step: &Step) -> Result<StepDetail, StoreError> {
        let query = FlowQuery {
            scope: self.scope().clone(),
            ..query.clone()
        };
        let asking = self.sources.store.step_detail(&query, step);
        self.ask("step_detail", asking).await
    }

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

    /// What is late, in groups; with `acknowledged` only what is, or is not.
    pub(crate) async fn late_groups(
        &self,
        late: Late,
        before: Timestamp,
        acknowledged: Option<bool>,
    ) -> Result<Vec<LateGroup>, StoreError> {
        let asking = self
            .sources
            .store
            .late_groups(late, before, self.scope(), self.when(acknowledged));
        self.ask("late_groups", asking).await
    }

    /// The sagas that are late.
    pub(crate) async fn late_sagas(
        &self,
        late: Late,
        before: Timestamp,
        size: u32,
        acknowledged: Option<bool>,
    ) -> Result<LateSagas, StoreError> {
        let name = match late {
            Late::Stuck => "stuck",
            Late::Owing => "owing",
        };
        let (store, acknowledged) = (&self.sources.store, self.when(acknowledged));
        let asking = store.late_sagas(late, before, size, self.scope(), acknowledged);
        self.ask(name, asking).await
    }

    fn when(&self, acknowledged: Option<bool>) -> Option<(bool, Judged)> {
        acknowledged.map(|acknowledged| (acknowledged, self.judged()))
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
    pub(crate) async fn letter_groups(&self, filter: &LetterFilter) -> Result<Vec<LetterGroup>, StoreError> {
        let filter = self.visible_letters(filter);
        self.ask("dead_letter_groups", self.sources.store.letter_groups(&filter))
            .await
    }

    /// How many dead letters there are of each cause.
    pub(crate) async fn letter_causes(&self, filter: &LetterFilter) -> Result<Vec<LetterCause>, StoreError> {
        let filter = self.visible_letters(filter);
        self.ask("dead_letter_causes", self.sources.store.letter_causes(&filter))
            .await
    }

    /// Only letters that the caller may see; none at all where messages are searched that may hold what is hidden.
    pub(super) fn visible_letters(&self, filter: &LetterFilter) -> LetterFilter {
        let mut filter = LetterFilter {
            scope: self.scope().clone(),
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
        let filter = LetterFilter {
            scope: self.scope().clone(),
            ..filter.clone()
        };
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

    /// Who records events. Services record events of any type, and what is known of them has none.
    pub(crate) async fn producers(&self, query: &ProducerQuery) -> Result<ProducerPage, ApiError> {
        if !self.scope().is_all() {
            return Err(ApiError::needs_all_types(&self.caller.name));
        }
        Ok(self.ask("producers", self.sources.store.producers(query)).await?)
    }

    /// The definitions that were in force when the request came.
    pub(crate) fn definitions(&self) -> &Definitions {
        &self.definitions
    }
}
