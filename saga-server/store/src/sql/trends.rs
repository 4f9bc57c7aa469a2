//! How things went along a period: from the roll-ups, and from a bounded number of sagas.

use async_trait::async_trait;

use super::{Adapter, dialect, error, samples, statistics};
use crate::{
    FailureCount, Failures, Flow, FlowQuery, Sample, Scope, Span, StoreError, TrendStore, Trends,
    flow::Gathering, period::drawn_below, rollup::CountsByType,
};

#[async_trait]
impl TrendStore for Adapter {
    async fn trends(&self, span: &Span, scope: &Scope) -> Result<Trends, StoreError> {
        // One snapshot, so that slots and types add up to the same.
        let begun = self.readers.begin_with(dialect::BEGIN_SNAPSHOT).await;
        let mut snapshot = begun.map_err(error::store)?;
        let slots = statistics::slots(&mut snapshot, span, scope).await?;
        let counted = statistics::counted(&mut snapshot, &span.statistics(scope)).await?;
        snapshot.commit().await.map_err(error::store)?;
        let mut trends = Trends::of_nothing(span);
        trends.fill(span, slots)?;
        let mut counts = CountsByType::default();
        for row in counted {
            counts.add(row)?;
        }
        trends.by_type = counts.finish()?;
        Ok(trends)
    }

    async fn failures(&self, span: &Span, most: u32, scope: &Scope) -> Result<Failures, StoreError> {
        let counted = statistics::statistics(&self.readers, &span.statistics(scope)).await?;
        let statuses = FailureCount::STATUSES.iter();
        let total = statuses.filter_map(|status| counted.by_status.get(status)).sum();
        let below = drawn_below(most, total);
        let counts = samples::failures(&self.readers, span, below, scope).await?;
        let sagas = counts.iter().map(|count| count.sagas).sum();
        Ok(Failures {
            sample: Sample::new(sagas, total),
            counts,
        })
    }

    async fn flow(&self, query: &FlowQuery) -> Result<Flow, StoreError> {
        if !query.scope.has(&query.saga_type) {
            return Ok(Flow::default());
        }
        let mut counting = query.span.statistics(&Scope::All);
        counting.saga_type = Some(query.saga_type.clone());
        // How many sagas of the type started within the period.
        let total = statistics::statistics(&self.readers, &counting).await?.total;
        let saga_ids = samples::sagas(
            &self.readers,
            &query.saga_type,
            &query.span,
            drawn_below(query.most, total),
        )
        .await?;
        let drawn = Sample::new(saga_ids.len() as u64, total);
        let mut gathering = Gathering::new(query);
        for some in saga_ids.chunks(FlowQuery::CHUNK) {
            let with_version = match &query.service_version {
                Some(version) => &samples::with_version(&self.readers, some, version).await?,
                None => some,
            };
            gathering.add(&samples::steps(&self.readers, with_version).await?)?;
        }
        let definitions = self.definitions.get();
        let definition = definitions.get(&query.saga_type).map(|definition| &**definition);
        Ok(gathering.finish(drawn, definition))
    }
}
