//! Lists, counts, samples and what is late.

use std::collections::BTreeMap;

use saga_store::{
    Drawn, FailureGroupsQuery, Flow, FlowQuery, FlowsQuery, Judged, Late, LateGroup, LateSagas, Page,
    SagaQuery, SlotDurations, Span, Standstill, Statistics, StatisticsQuery, StepDetail, StoreError, Trends,
    VersionSagas, VersionsQuery,
};
use saga_types::{SagaType, Step, Timestamp, keys};

use super::Reader;
use crate::failure_groups::Failures;

impl Reader {
    /// A page of sagas.
    pub(crate) async fn search(&self, query: &SagaQuery) -> Result<Page, StoreError> {
        let query = SagaQuery {
            scope: self.scope().clone(),
            ..query.clone()
        };
        self.ask("search", self.sources.store.search(&query)).await
    }

    /// Counts, rates and durations of a period, of what was archived, too.
    pub(crate) async fn statistics(&self, query: &StatisticsQuery) -> Result<Statistics, StoreError> {
        let query = StatisticsQuery {
            scope: self.scope().clone(),
            archived: true,
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

    /// The flow of sagas of a type.
    pub(crate) async fn flow_of(
        &self,
        saga_type: &SagaType,
        saga_ids: &[String],
    ) -> Result<Flow, StoreError> {
        if !self.scope().has(saga_type) {
            return Ok(Flow::default());
        }
        let asking = self.sources.store.flow_of(saga_type, saga_ids);
        self.ask("flow_of", asking).await
    }

    /// The ways that sagas really took.
    pub(crate) async fn flow(&self, query: &FlowQuery) -> Result<Flow, StoreError> {
        let query = FlowQuery {
            scope: self.scope().clone(),
            ..query.clone()
        };
        self.ask("flow", self.sources.store.flow(&query)).await
    }

    /// The same of each of several types that has sagas in the period.
    pub(crate) async fn flows(&self, query: &FlowsQuery) -> Result<BTreeMap<SagaType, Flow>, StoreError> {
        let query = FlowsQuery {
            scope: self.scope().clone(),
            ..query.clone()
        };
        let found = self.ask("flows", self.sources.store.flows(&query)).await?;
        let mut flows: BTreeMap<SagaType, Flow> = found.into_iter().collect();
        if self.redaction.hides(keys::SERVICE_VERSION) {
            let steps = flows.values_mut().flat_map(|flow| &mut flow.steps);
            steps.for_each(|row| row.versions.clear());
        }
        Ok(flows)
    }

    /// One step of the flow in detail.
    pub(crate) async fn step_detail(&self, query: &FlowQuery, step: &Step) -> Result<StepDetail, StoreError> {
        let query = FlowQuery {
            scope: self.scope().clone(),
            ..query.clone()
        };
        let asking = self.sources.store.step_detail(&query, step);
        let mut detail = self.ask("step_detail", asking).await?;
        if self.redaction.hides(keys::SERVICE_VERSION) {
            detail.versions.clear();
        }
        Ok(detail)
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

    /// Sagas that wait longer than any before while others make no progress either.
    pub(crate) async fn standstills(&self) -> Result<Vec<Standstill>, StoreError> {
        let mut found = self.ask("standstills", self.sources.store.standstills()).await?;
        found.retain(|standstill| self.scope().has(&standstill.saga_type));
        Ok(found)
    }

    fn when(&self, acknowledged: Option<bool>) -> Option<(bool, Judged)> {
        acknowledged.map(|acknowledged| (acknowledged, self.judged()))
    }
}
