//! Sagas by the version of a service that took part in them.

use async_trait::async_trait;
use saga_types::SagaType;
use sqlx::QueryBuilder;

use super::{Adapter, Db, error, samples, scope::push_scope, statistics};
use crate::{
    Flow, FlowQuery, Sample, StoreError, VersionSagas, VersionStore, VersionsQuery,
    columns::Moment,
    flow::Gathering,
    versions::{VersionRow, sorted},
};

#[async_trait]
impl VersionStore for Adapter {
    async fn version_sagas(&self, query: &VersionsQuery) -> Result<VersionSagas, StoreError> {
        if asks_for_nul(query) {
            return Ok(VersionSagas {
                is_whole: true,
                ..VersionSagas::default()
            });
        }
        let total = statistics::statistics(&self.readers, &query.statistics())
            .await?
            .total;
        let rows: Vec<VersionRow> = reading(query)
            .build_query_as()
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        sorted(query, rows, total)
    }

    async fn flow_of(&self, saga_type: &SagaType, saga_ids: &[String]) -> Result<Flow, StoreError> {
        let mut gathering = Gathering::new(None);
        for some in saga_ids.chunks(FlowQuery::CHUNK) {
            gathering.add(&samples::steps(&self.readers, some).await?)?;
        }
        let definitions = self.definitions.get();
        let definition = definitions.get(saga_type).map(|definition| &**definition);
        let all = saga_ids.len() as u64;
        Ok(gathering.finish(Sample::new(all, all), definition))
    }
}

/// PostgreSQL takes no U+0000, and so no step has one either.
fn asks_for_nul(query: &VersionsQuery) -> bool {
    [&query.service, &query.baseline, &query.candidate]
        .iter()
        .any(|text| text.contains('\0'))
}

/// The steps of each saga are looked up by its id, which scalar queries make sure of.
fn reading(query: &VersionsQuery) -> QueryBuilder<Db> {
    let mut sql = QueryBuilder::new(
        "SELECT saga_id, saga_type, started_at, current_status, duration_ms, failure_group, least, greatest FROM (\
         SELECT saga_type, saga_id, started_at, current_status, duration_ms, failure_group",
    );
    for (name, function) in [("least", "min"), ("greatest", "max")] {
        sql.push(format_args!(
            ", (SELECT {function}(CAST(step.metadata ->> 'serviceVersion' AS text)) FROM saga_steps AS step \
             WHERE step.saga_id = saga.saga_id AND step.producer_service = "
        ))
        .push_bind(query.service.clone())
        .push(format_args!(") AS {name}"));
    }
    sql.push(
        " FROM (SELECT saga_type, saga_id, started_at, current_status, duration_ms, failure_group FROM saga_instance WHERE started_at >= ",
    )
    .push_bind(Moment(query.from))
    .push(" AND started_at <= ")
    .push_bind(Moment(query.to));
    push_scope(&mut sql, "saga_type", &query.scope);
    if let Some(saga_type) = &query.saga_type {
        sql.push(" AND saga_type = ")
            .push_bind(saga_type.as_str().to_owned());
    }
    sql.push(" ORDER BY started_at, saga_id LIMIT ")
        .push_bind(i64::from(VersionsQuery::LOOKED_AT))
        .push(") AS saga) AS seen WHERE least IN (")
        .push_bind(query.baseline.clone())
        .push(", ")
        .push_bind(query.candidate.clone())
        .push(") OR greatest IN (")
        .push_bind(query.baseline.clone())
        .push(", ")
        .push_bind(query.candidate.clone())
        .push(") ORDER BY started_at, saga_id");
    sql
}
