//! What is late, leases and reports.

use std::time::Duration;

use async_trait::async_trait;
use saga_types::{SagaType, Step, Timestamp};
use sqlx::{AssertSqlSafe, QueryBuilder};

use super::{
    Adapter, Db,
    acknowledged::push_acknowledged_sagas,
    dialect::{self, any},
    error, read,
    rows::decode_all,
    scope::push_scope,
};
use crate::{
    Corrupt, Judged, Late, LateCount, LateGroup, LateSagas, Scope, StoreError, StoredSaga, Total, WatchStore,
    columns::{Moment, millis},
    deadline::in_time,
    rows::StateRow,
};

const COUNT_STUCK: &str = r"
SELECT saga_type, awaited_step, count(*) FROM saga_instance WHERE awaited_deadline < $1
GROUP BY saga_type, awaited_step";

/// How many groups are shown at most: a page of them.
const MAX_GROUPS: u32 = 100;

#[async_trait]
impl WatchStore for Adapter {
    async fn hold_lease(&self, name: &str, holder: &str, period: Duration) -> Result<bool, StoreError> {
        in_time(async {
            let held: Option<bool> = sqlx::query_scalar(dialect::HOLD_LEASE)
                .bind(name)
                .bind(holder)
                .bind(millis(period))
                .fetch_optional(self.notes())
                .await
                .map_err(error::store)?;
            Ok(held.is_some())
        })
        .await
    }

    async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        in_time(async {
            sqlx::query("DELETE FROM lease WHERE name = $1 AND holder = $2")
                .bind(name)
                .bind(holder)
                .execute(self.notes())
                .await
                .map_err(error::store)?;
            Ok(())
        })
        .await
    }

    async fn count_late(&self, late: Late, before: Timestamp) -> Result<Vec<LateCount>, StoreError> {
        in_time(async {
            let sql = match late {
                Late::Stuck => COUNT_STUCK,
                Late::Owing => dialect::COUNT_OWING,
            };
            let rows: Vec<(String, String, i64)> = sqlx::query_as(sql)
                .bind(Moment(before))
                .fetch_all(&self.readers)
                .await
                .map_err(error::store)?;
            rows.into_iter()
                .map(|(saga_type, step, sagas)| late_count(late, saga_type, step, sagas))
                .collect()
        })
        .await
    }

    async fn late_groups(
        &self,
        late: Late,
        before: Timestamp,
        scope: &Scope,
        acknowledged: Option<(bool, Judged)>,
    ) -> Result<Vec<LateGroup>, StoreError> {
        in_time(async {
            let due = late.column();
            let mut groups = QueryBuilder::new(format!(
                "SELECT saga_type, each.value, count(*), min(due) FROM (SELECT saga_type, {} AS steps, {due} AS due \
                 FROM saga_instance WHERE ",
                late.steps_column()
            ));
            push_late(&mut groups, late, before, scope, acknowledged);
            groups.push(format_args!(
                " ORDER BY {due} LIMIT {}) AS late, {} GROUP BY saga_type, each.value \
                 ORDER BY count(*) DESC, min(due), saga_type, each.value LIMIT {MAX_GROUPS}",
                Total::CAP,
                dialect::EACH_STEP
            ));
            let rows: Vec<(String, String, i64, Moment)> = groups
                .build_query_as()
                .fetch_all(&self.readers)
                .await
                .map_err(error::store)?;
            let group = |(saga_type, step, sagas, Moment(due))| {
                let count = late_count(late, saga_type, step, sagas)?;
                Ok(LateGroup { count, due })
            };
            rows.into_iter().map(group).collect()
        })
        .await
    }

    async fn late_sagas(
        &self,
        late: Late,
        before: Timestamp,
        size: u32,
        scope: &Scope,
        acknowledged: Option<(bool, Judged)>,
    ) -> Result<LateSagas, StoreError> {
        in_time(async {
            let mut page = QueryBuilder::new(format!(
                "SELECT {} FROM saga_instance AS saga WHERE ",
                StateRow::COLUMNS
            ));
            push_late(&mut page, late, before, scope, acknowledged);
            page.push(format_args!(" ORDER BY {} LIMIT {size}", late.column()));
            let mut count = QueryBuilder::new("SELECT count(*) FROM (SELECT 1 FROM saga_instance WHERE ");
            push_late(&mut count, late, before, scope, acknowledged);
            count.push(format_args!(" LIMIT {}) AS late", Total::CAP + 1));
            let rows = page
                .build()
                .fetch_all(&self.readers)
                .await
                .map_err(error::store)?;
            let count: i64 = count
                .build_query_scalar()
                .fetch_one(&self.readers)
                .await
                .map_err(error::store)?;
            Ok(LateSagas {
                sagas: read::stored(&self.readers, &self.definitions.get(), decode_all(&rows)?).await?,
                total: Total::capped(count.cast_unsigned()),
            })
        })
        .await
    }

    async fn unreported(
        &self,
        late: Late,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredSaga>, StoreError> {
        in_time(async {
        let due = late.column();
        let forget = format!(
            "DELETE FROM reported_late AS reported WHERE kind = $1 AND NOT EXISTS (SELECT 1 FROM saga_instance AS saga \
             WHERE saga.saga_id = reported.saga_id AND saga.{due} = reported.due)"
        );
        sqlx::query(AssertSqlSafe(forget))
            .bind(late.as_str())
            .execute(self.notes())
            .await
            .map_err(error::store)?;
        let find = format!(
            "SELECT {} FROM saga_instance AS saga WHERE {due} < $1 AND NOT EXISTS (SELECT 1 FROM \
             reported_late AS reported WHERE kind = $2 AND reported.saga_id = saga.saga_id) ORDER BY {due} LIMIT {limit}",
            StateRow::COLUMNS
        );
        let rows = sqlx::query(AssertSqlSafe(find))
            .bind(Moment(before))
            .bind(late.as_str())
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        read::stored(&self.readers, &self.definitions.get(), decode_all(&rows)?).await
        })
        .await
    }

    async fn mark_reported(&self, late: Late, sagas: &[StoredSaga]) -> Result<(), StoreError> {
        in_time(async {
        let due = late.column();
        let saga_ids: Vec<&str> = sagas.iter().map(|saga| saga.saga_id.as_str()).collect();
        // Taken from the row and not from the state: when a definition was changed, they differ until the next event.
        let mark = format!(
            "INSERT INTO reported_late (kind, saga_id, due) SELECT $1, saga_id, {due} FROM saga_instance \
             WHERE saga_id {} AND {due} IS NOT NULL ON CONFLICT (kind, saga_id) DO UPDATE SET due = excluded.due",
            any!("2")
        );
        sqlx::query(AssertSqlSafe(mark))
            .bind(late.as_str())
            .bind(dialect::list(&saga_ids))
            .execute(self.notes())
            .await
            .map_err(error::store)?;
        Ok(())
        })
        .await
    }
}

/// Sagas of these types that were due before a moment.
fn push_late(
    sql: &mut QueryBuilder<Db>,
    late: Late,
    before: Timestamp,
    scope: &Scope,
    acknowledged: Option<(bool, Judged)>,
) {
    sql.push(format_args!("{} < ", late.column()))
        .push_bind(Moment(before));
    push_scope(sql, "saga_type", scope);
    if let Some((is_acknowledged, judged)) = acknowledged {
        push_acknowledged_sagas(sql, is_acknowledged, judged);
    }
}

/// Names a row that cannot be read by its type and step, since it counts many sagas.
fn late_count(late: Late, saga_type: String, step: String, sagas: i64) -> Result<LateCount, StoreError> {
    let row = format!("{saga_type} {step}");
    Ok(LateCount {
        saga_type: SagaType::try_from(saga_type)
            .map_err(|error| Corrupt::new("saga_instance", "saga_type", &row, error))?,
        step: Step::from_wire(step)
            .map_err(|error| Corrupt::new("saga_instance", late.step_column(), &row, error))?,
        sagas: sagas.cast_unsigned(),
    })
}
