//! Sagas by the version of a service that took part in them.

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::{Adapter, Db, error, scope::push_scope, statistics};
use crate::{
    StoreError, VersionSagas, VersionStore, VersionsQuery,
    columns::Moment,
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
        "SELECT saga_type, started_at, current_status, duration_ms, least, greatest FROM (\
         SELECT saga_type, saga_id, started_at, current_status, duration_ms",
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
        " FROM (SELECT saga_type, saga_id, started_at, current_status, duration_ms FROM saga_instance WHERE started_at >= ",
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
