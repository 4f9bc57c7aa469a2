//! Sagas by the version of a service that took part in them.

use async_trait::async_trait;
use saga_types::SagaType;
use sqlx::QueryBuilder;

use super::{Adapter, Db, dialect, error, scope::push_scope, statistics, trends};
use crate::{
    Flow, Sample, StoreError, VersionSagas, VersionStore, VersionsQuery,
    columns::Moment,
    layout::Layout,
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
        let rows: Vec<VersionRow> = reading(query, self.layout().await?)
            .build_query_as()
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        sorted(query, rows, total)
    }

    async fn flow_of(&self, saga_type: &SagaType, saga_ids: &[String]) -> Result<Flow, StoreError> {
        let (gathering, sagas) = trends::gathered(self, saga_ids, None, None).await?;
        let definitions = self.definitions.get();
        let definition = definitions.get(saga_type).map(|definition| &**definition);
        let read = Sample::new(sagas, saga_ids.len() as u64);
        Ok(gathering.finish(read, definition))
    }
}

/// PostgreSQL takes no U+0000, and so no step has one either.
fn asks_for_nul(query: &VersionsQuery) -> bool {
    [&query.service, &query.baseline, &query.candidate]
        .iter()
        .any(|text| text.contains('\0'))
}

/// The steps of each saga are looked up by its id, which scalar queries make sure of. Citus looks up nothing for rows that it has
/// collected: there the workers are given the ids.
fn reading(query: &VersionsQuery, layout: Layout) -> QueryBuilder<Db> {
    const SAGA: &str = "saga_id, saga_type, started_at, current_status, duration_ms, failure_group";
    const VERSIONS: [(&str, &str); 2] = [("least", "min"), ("greatest", "max")];
    let version = |function| format!("{function}(CAST(step.metadata ->> 'serviceVersion' AS text))");
    let mut sql = QueryBuilder::new("");
    match layout {
        Layout::Single => {
            sql.push(format_args!("SELECT {SAGA}, least, greatest FROM (SELECT {SAGA}"));
            for (name, function) in VERSIONS {
                sql.push(format_args!(
                    ", (SELECT {} FROM saga_steps AS step \
                     WHERE step.saga_id = saga.saga_id AND step.producer_service = ",
                    version(function)
                ))
                .push_bind(query.service.clone())
                .push(format_args!(") AS {name}"));
            }
            sql.push(" FROM (");
            push_sagas(&mut sql, query, SAGA);
            sql.push(") AS saga) AS seen");
        }
        Layout::Distributed => {
            let (before, after) = dialect::ONE_OF_FEW;
            sql.push("WITH saga AS MATERIALIZED (");
            push_sagas(&mut sql, query, SAGA);
            sql.push("), versions AS MATERIALIZED (SELECT saga_id");
            for (name, function) in VERSIONS {
                sql.push(format_args!(", {} AS {name}", version(function)));
            }
            sql.push(" FROM saga_steps AS step WHERE step.producer_service = ")
                .push_bind(query.service.clone())
                .push(format_args!(
                    " AND saga_id {before}SELECT saga_id FROM saga{after} GROUP BY saga_id) \
                     SELECT saga.saga_id, saga_type, started_at, current_status, duration_ms, failure_group, least, greatest \
                     FROM saga JOIN versions ON versions.saga_id = saga.saga_id"
                ));
        }
    }
    sql.push(" WHERE least IN (");
    push_both(&mut sql, query);
    sql.push(") OR greatest IN (");
    push_both(&mut sql, query);
    sql.push(match layout {
        Layout::Single => ") ORDER BY started_at, saga_id",
        Layout::Distributed => ") ORDER BY started_at, saga.saga_id",
    });
    sql
}

/// The first sagas of the period.
fn push_sagas(sql: &mut QueryBuilder<Db>, query: &VersionsQuery, columns: &str) {
    sql.push(format_args!(
        "SELECT {columns} FROM saga_instance WHERE started_at >= "
    ))
    .push_bind(Moment(query.from))
    .push(" AND started_at <= ")
    .push_bind(Moment(query.to));
    push_scope(sql, "saga_type", &query.scope);
    if let Some(saga_type) = &query.saga_type {
        sql.push(" AND saga_type = ")
            .push_bind(saga_type.as_str().to_owned());
    }
    sql.push(" ORDER BY started_at, saga_id LIMIT ")
        .push_bind(i64::from(query.most));
}

fn push_both(sql: &mut QueryBuilder<Db>, query: &VersionsQuery) {
    sql.push_bind(query.baseline.clone())
        .push(", ")
        .push_bind(query.candidate.clone());
}
