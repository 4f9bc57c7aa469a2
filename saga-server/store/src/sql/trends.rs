//! Counts along a period: from the roll-ups, and from a bounded number of sagas.

use async_trait::async_trait;
use saga_types::{SagaType, Step};

use super::{
    Adapter, Pool,
    dialect::{self, any},
    error, flows,
    rows::decode,
    samples, statistics,
};
use crate::{
    Flow, FlowQuery, FlowsQuery, Sample, Scope, SlotDurations, Span, StatisticsQuery, StepDetail, StoreError,
    Transition, TrendStore, Trends,
    flow::{DetailGathering, FirstEvent, FlowStep, Gathering, StepMetadata},
    period::drawn_below,
    rollup::CountsByType,
    trends,
};

/// The first event of a step in each of some sagas.
const METADATA: &str = concat!(
    "SELECT saga_id, status, CAST(metadata AS text) AS metadata FROM ( \
     SELECT saga_id, status, metadata, row_number() OVER (PARTITION BY saga_id ORDER BY recorded_at, event_id) AS place \
     FROM saga_steps WHERE saga_id ",
    any!("1"),
    " AND step = $2) AS step WHERE place = 1 ORDER BY saga_id"
);

#[async_trait]
impl TrendStore for Adapter {
    async fn trends(&self, span: &Span, scope: &Scope) -> Result<Trends, StoreError> {
        // One snapshot, so that slots and types add up to the same.
        let begun = self.readers.begin_with(dialect::BEGIN_SNAPSHOT).await;
        let mut snapshot = begun.map_err(error::store)?;
        let slots = statistics::slots(&mut snapshot, span, scope).await?;
        let with_archived = StatisticsQuery {
            archived: true,
            ..span.statistics(scope)
        };
        let counted = statistics::counted(&mut snapshot, &with_archived).await?;
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

    async fn durations(&self, span: &Span, scope: &Scope) -> Result<Vec<SlotDurations>, StoreError> {
        let mut connection = self.readers.acquire().await.map_err(error::store)?;
        let counted = statistics::durations(&mut connection, span, scope).await?;
        Ok(trends::durations(span, counted))
    }

    async fn flow(&self, query: &FlowQuery) -> Result<Flow, StoreError> {
        if !query.scope.has(&query.saga_type) {
            return Ok(Flow::default());
        }
        let (saga_ids, total) = drawn(&self.readers, query).await?;
        let version = query.service_version.as_deref();
        let (gathering, sagas) = gathered(self, &saga_ids, version, query.of.as_ref()).await?;
        let read = Sample::new(sagas, total);
        let definitions = self.definitions.get();
        let definition = definitions.get(&query.saga_type).map(|definition| &**definition);
        Ok(gathering.finish(read, definition))
    }

    async fn flows(&self, query: &FlowsQuery) -> Result<Vec<(SagaType, Flow)>, StoreError> {
        flows::flows(self, query).await
    }

    async fn step_detail(&self, query: &FlowQuery, step: &Step) -> Result<StepDetail, StoreError> {
        let mut gathering = DetailGathering::new(step);
        if !query.scope.has(&query.saga_type) {
            return gathering.finish();
        }
        let (saga_ids, _) = drawn(&self.readers, query).await?;
        for some in saga_ids.chunks(FlowQuery::CHUNK) {
            let version = query.service_version.as_deref();
            let reached = gathering.add(&steps(self, version, some).await?)?;
            gathering.add_metadata(metadata(&self.readers, &reached, step).await?);
        }
        gathering.finish()
    }
}

/// The paths of sagas that have a version of a service, if one is asked for. They come in the order of their start: where they
/// have too many different steps every second one is left out, and again, so that each had the same chance. Also gives how many
/// were read.
pub(super) async fn gathered<'a>(
    store: &Adapter,
    saga_ids: &[String],
    version: Option<&str>,
    of: Option<&'a Transition>,
) -> Result<(Gathering<'a>, u64), StoreError> {
    let mut every = 1;
    loop {
        let of_these: Vec<String> = saga_ids.iter().step_by(every).cloned().collect();
        let mut gathering = Gathering::new(of);
        let mut chunks = of_these.chunks(FlowQuery::CHUNK);
        while let Some(some) = chunks.next().filter(|_| !gathering.is_full()) {
            gathering.add(&steps(store, version, some).await?)?;
        }
        if !gathering.is_full() {
            return Ok((gathering, of_these.len() as u64));
        }
        every *= 2;
    }
}

/// The sagas of a flow, and how many there are.
async fn drawn(pool: &Pool, query: &FlowQuery) -> Result<(Vec<String>, u64), StoreError> {
    let mut counting = query.span.statistics(&Scope::All);
    counting.saga_type = Some(query.saga_type.clone());
    // How many sagas of the type started within the period.
    let total = statistics::statistics(pool, &counting).await?.total;
    let below = drawn_below(query.most, total);
    let saga_ids = flows::sagas(pool, &query.saga_type, &query.span, below).await?;
    Ok((saga_ids, total))
}

/// The events of those of some sagas that have the version of a service that is asked for.
async fn steps(store: &Adapter, version: Option<&str>, some: &[String]) -> Result<Vec<FlowStep>, StoreError> {
    let pool = store.reading().await?;
    match version {
        Some(version) => {
            let with_version = samples::with_version(pool, some, version).await?;
            samples::steps(pool, &with_version, None).await
        }
        None => samples::steps(pool, some, None).await,
    }
}

/// What the first events of a step say, saga by saga.
async fn metadata(pool: &Pool, saga_ids: &[String], step: &Step) -> Result<Vec<FirstEvent>, StoreError> {
    let rows = sqlx::query(METADATA)
        .bind(dialect::list(saga_ids))
        .bind(step.as_str())
        .map(|row| first_event(&row))
        .fetch_all(pool)
        .await
        .map_err(error::store)?;
    rows.into_iter().collect()
}

fn first_event(row: &super::Row) -> Result<FirstEvent, StoreError> {
    decode::<StepMetadata>(row)?.try_into()
}
