//! Groups of failures: found in a bounded number of failed sagas, counted by the index of groups.

use std::{collections::BTreeMap, ops::Range};

use async_trait::async_trait;
use saga_types::{SagaStatus, Timestamp, fold::failure_group};
use sqlx::QueryBuilder;

use super::{Adapter, Db, Pool, dialect, error, scope::push_scope, statistics};
use crate::{
    FailureGroups, FailureGroupsQuery, FailureStore, FailureTotals, GroupedFailures, StoreError,
    columns::{Bound, Moment},
    failures::Counting,
    layout::Layout,
};

const FAILED: [SagaStatus; 2] = [SagaStatus::Failed, SagaStatus::Compensated];

#[async_trait]
impl FailureStore for Adapter {
    async fn failure_groups(&self, query: &FailureGroupsQuery) -> Result<FailureGroups, StoreError> {
        let pool = &self.readers;
        let (before, now) = tokio::try_join!(
            outcomes(pool, query, query.before()),
            outcomes(pool, query, query.period())
        )?;
        let names = names(pool, query).await?;
        let mut counting = Counting::new(query);
        for (name, part, sagas) in counts(pool, query, &names).await? {
            counting.add(name, part, sagas);
        }
        let seen = seen(self.reading().await?, query, &names).await?;
        Ok(counting.finish(seen, [before, now]))
    }

    async fn group_failures(
        &self,
        after: Option<&(Timestamp, String)>,
        limit: u32,
    ) -> Result<Option<GroupedFailures>, StoreError> {
        let rows = failed(&self.readers, after, limit).await?;
        let Some(last) = rows.last() else {
            return Ok(None);
        };
        let last = (last.started_at.0, last.saga_id.clone());
        let mut grouped = 0;
        for row in rows.iter().filter(|row| row.failure_group.is_none()) {
            grouped += group(&self.writers, row).await?;
        }
        Ok(Some(GroupedFailures { last, grouped }))
    }
}

async fn outcomes(
    pool: &Pool,
    query: &FailureGroupsQuery,
    range: Range<i64>,
) -> Result<FailureTotals, StoreError> {
    let Some(query) = query.statistics(&range) else {
        return Ok(FailureTotals::default());
    };
    let found = statistics::statistics(pool, &query).await?;
    let failed = FAILED.map(|status| found.by_status.get(&status).copied().unwrap_or_default());
    Ok(FailureTotals {
        started: found.total,
        failed: failed.iter().sum(),
    })
}

/// The groups of some failed sagas of both periods, those with the most sagas.
async fn names(pool: &Pool, query: &FailureGroupsQuery) -> Result<Vec<String>, StoreError> {
    let mut sql: QueryBuilder<Db> = QueryBuilder::new("SELECT failure_group FROM (");
    let pieces = query.pieces();
    let ranges = pieces
        .iter()
        .flat_map(|piece| FAILED.map(|status| (piece, status)));
    for (place, (piece, status)) in ranges.enumerate() {
        sql.push(if place == 0 { "" } else { " UNION ALL " })
            .push("SELECT * FROM (SELECT failure_group FROM saga_instance WHERE current_status = ")
            .push_bind(status.as_str());
        push_range(&mut sql, piece);
        push_type(&mut sql, query);
        sql.push(" ORDER BY started_at DESC, saga_id DESC LIMIT ")
            .push_bind(FailureGroupsQuery::OF_EACH)
            .push(") AS piece");
    }
    sql.push(") AS failed WHERE failure_group IS NOT NULL GROUP BY failure_group ORDER BY count(*) DESC, failure_group LIMIT ");
    sql.push(FailureGroupsQuery::MAX_GROUPS);
    sql.build_query_scalar()
        .fetch_all(pool)
        .await
        .map_err(error::store)
}

/// How many sagas each group has in each part of the period, and before it (-1).
async fn counts(
    pool: &Pool,
    query: &FailureGroupsQuery,
    names: &[String],
) -> Result<Vec<(String, i64, i64)>, StoreError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let (before, period) = (query.before(), query.period());
    let mut sql: QueryBuilder<Db> = QueryBuilder::new(
        "SELECT failure_group, part, count(*) FROM (SELECT * FROM (SELECT failure_group, CAST(-1 AS bigint) AS part",
    );
    push_groups(&mut sql, query, names, &before);
    sql.push(" UNION ALL SELECT * FROM (SELECT failure_group, ");
    dialect::push_millis_since(&mut sql, Bound(period.start));
    sql.push(" / ").push_bind(query.part_ms()).push(" AS part");
    push_groups(&mut sql, query, names, &period);
    sql.push(") AS failed GROUP BY failure_group, part");
    sql.build_query_as().fetch_all(pool).await.map_err(error::store)
}

/// Of the sagas of the groups that started within a range, a bounded number.
fn push_groups(sql: &mut QueryBuilder<Db>, query: &FailureGroupsQuery, names: &[String], range: &Range<i64>) {
    sql.push(" FROM saga_instance WHERE failure_group IS NOT NULL AND failure_group ");
    dialect::push_any(sql, names);
    push_range(sql, range);
    push_type(sql, query);
    sql.push(" LIMIT ")
        .push_bind(FailureGroupsQuery::COUNTED)
        .push(") AS of_range");
}

/// When each group was seen first and last.
async fn seen(
    (pool, layout): (&Pool, Layout),
    query: &FailureGroupsQuery,
    names: &[String],
) -> Result<BTreeMap<String, (Timestamp, Timestamp)>, StoreError> {
    let mut sql = match layout {
        Layout::Single => seen_by_name(query, names),
        Layout::Distributed => seen_of_all(query, names),
    };
    let rows: Vec<(String, Option<Moment>, Option<Moment>)> =
        sql.build_query_as().fetch_all(pool).await.map_err(error::store)?;
    let seen = rows.into_iter();
    Ok(seen
        .filter_map(|(name, first, last)| Some((name, (first?.0, last?.0))))
        .collect())
}

/// Two looks into the index for each.
fn seen_by_name(query: &FailureGroupsQuery, names: &[String]) -> QueryBuilder<Db> {
    let mut sql: QueryBuilder<Db> = QueryBuilder::new("SELECT name, ");
    for (direction, comma) in [("ASC", ", "), ("DESC", "")] {
        sql.push("(SELECT started_at FROM saga_instance WHERE failure_group = name");
        push_type(&mut sql, query);
        sql.push(format_args!(" ORDER BY started_at {direction} LIMIT 1){comma}"));
    }
    sql.push(" FROM (");
    dialect::push_texts(&mut sql, names);
    sql.push(") AS wanted");
    sql
}

/// Citus looks up nothing for the rows of a function: each worker reads the index of its sagas.
fn seen_of_all(query: &FailureGroupsQuery, names: &[String]) -> QueryBuilder<Db> {
    let mut sql: QueryBuilder<Db> = QueryBuilder::new(
        "SELECT failure_group, min(started_at), max(started_at) FROM saga_instance \
         WHERE failure_group IS NOT NULL AND failure_group ",
    );
    dialect::push_any(&mut sql, names);
    push_type(&mut sql, query);
    sql.push(" GROUP BY failure_group");
    sql
}

fn push_range(sql: &mut QueryBuilder<Db>, range: &Range<i64>) {
    sql.push(" AND started_at >= ")
        .push_bind(Bound(range.start))
        .push(" AND started_at < ")
        .push_bind(Bound(range.end));
}

fn push_type(sql: &mut QueryBuilder<Db>, query: &FailureGroupsQuery) {
    push_scope(sql, "saga_type", &query.scope);
    if let Some(saga_type) = &query.saga_type {
        sql.push(" AND saga_type = ")
            .push_bind(saga_type.as_str().to_owned());
    }
}

/// What a failed saga's group is made of.
#[derive(sqlx::FromRow)]
struct FailedRow {
    saga_id: String,
    started_at: Moment,
    failed_step: Option<String>,
    failure_reason: Option<String>,
    failure_group: Option<String>,
}

async fn failed(
    pool: &Pool,
    after: Option<&(Timestamp, String)>,
    limit: u32,
) -> Result<Vec<FailedRow>, StoreError> {
    let mut sql: QueryBuilder<Db> = QueryBuilder::new("SELECT * FROM (");
    for (place, status) in FAILED.into_iter().enumerate() {
        sql.push(if place == 0 { "" } else { " UNION ALL " })
            .push("SELECT * FROM (SELECT saga_id, started_at, failed_step, failure_reason, failure_group ")
            .push("FROM saga_instance WHERE current_status = ")
            .push_bind(status.as_str());
        if let Some((started_at, saga_id)) = after {
            sql.push(" AND (started_at, saga_id) < (")
                .push_bind(Moment(*started_at))
                .push(", ")
                .push_bind(saga_id.as_str())
                .push(")");
        }
        sql.push(" ORDER BY started_at DESC, saga_id DESC LIMIT ")
            .push_bind(i64::from(limit))
            .push(") AS of_status");
    }
    sql.push(") AS failed ORDER BY started_at DESC, saga_id DESC LIMIT ")
        .push_bind(i64::from(limit));
    sql.build_query_as().fetch_all(pool).await.map_err(error::store)
}

/// A statement of its own for each saga, so that no batch waits for more than one row. A saga that a batch changed meanwhile has
/// its group from there.
const GROUP: &str = r"
UPDATE saga_instance SET failure_group = $2 WHERE saga_id = $1 AND failure_group IS NULL
    AND current_status IN ('FAILED', 'COMPENSATED')";

async fn group(pool: &Pool, row: &FailedRow) -> Result<u64, StoreError> {
    let group = failure_group(row.failed_step.as_deref(), row.failure_reason.as_deref());
    let written = sqlx::query(GROUP)
        .bind(row.saga_id.clone())
        .bind(group)
        .execute(pool)
        .await
        .map_err(error::store)?;
    Ok(written.rows_affected())
}
