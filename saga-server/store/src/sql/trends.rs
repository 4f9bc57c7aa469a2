//! How things went along a period: from the roll-ups, and from a bounded number of sagas.

use async_trait::async_trait;

use super::{Adapter, Pool, dialect, error, samples, statistics};
use crate::{
    FailureCount, Flow, FlowQuery, Scope, Span, StoreError, TrendStore, Trends,
    columns::Bound,
    flow::Gathering,
    rollup::{self, CountsByType},
};

#[async_trait]
impl TrendStore for Adapter {
    async fn trends(&self, span: &Span, scope: &Scope) -> Result<Trends, StoreError> {
        let query = span.statistics(scope);
        let (slots, counted) = tokio::try_join!(
            slots(&self.readers, span, scope),
            statistics::counted(&self.readers, &query)
        )?;
        let mut trends = Trends::of_nothing(span);
        for (bucket, status, sagas) in slots {
            trends.add(span, bucket.0, rollup::read_status("*", &status)?, sagas);
        }
        let mut counts = CountsByType::default();
        for row in counted {
            counts.add(row)?;
        }
        trends.by_type = counts.finish()?;
        Ok(trends)
    }

    async fn failures(&self, span: &Span, most: u32, scope: &Scope) -> Result<Vec<FailureCount>, StoreError> {
        samples::failures(&self.readers, span, most, scope).await
    }

    async fn flow(&self, query: &FlowQuery) -> Result<Flow, StoreError> {
        if !query.scope.has(&query.saga_type) {
            return Ok(Flow::default());
        }
        let mut counting = query.span.statistics(&Scope::All);
        counting.saga_type = Some(query.saga_type.clone());
        // How many sagas of the type started within the period.
        let total = statistics::statistics(&self.readers, &counting).await?.total;
        let saga_ids = samples::sagas(&self.readers, query, query.drawn_below(total)).await?;
        let mut gathering = Gathering::new(query, total);
        for some in saga_ids.chunks(FlowQuery::CHUNK) {
            gathering.add(&samples::steps(&self.readers, some).await?)?;
        }
        Ok(gathering.finish())
    }
}

async fn slots(pool: &Pool, span: &Span, scope: &Scope) -> Result<Vec<(Bound, String, i64)>, StoreError> {
    let range = span.range();
    let types = scope.names();
    sqlx::query_as(dialect::SLOTS)
        .bind(span.width().seconds())
        .bind(Bound(range.start))
        .bind(Bound(range.end))
        .bind(types.map(|types| dialect::list(&types)))
        .fetch_all(pool)
        .await
        .map_err(error::store)
}
