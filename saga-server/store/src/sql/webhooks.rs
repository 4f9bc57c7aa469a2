//! What webhooks are sent: subscriptions, late sagas without a delivery, and deliveries.

use std::{sync::LazyLock, time::Duration};

use async_trait::async_trait;
use saga_types::{Timestamp, fold::SagaState};
use sqlx::QueryBuilder;

use super::{
    Adapter, Connection, Db, dialect,
    dialect::{any, now, now_plus},
    error, old_rows, read,
    rows::decode_all,
    scope::push_scope,
    webhook_rows::{DELIVERY, DeliveryRow, DueRow, FailureRow, PendingRow, SubscriptionRow},
};
use crate::{
    Delivery, DeliveryOutcome, LateQuery, NewDelivery, NotedFailure, NoticeKind, PendingDeliveries,
    StoreError, StoredSaga, WebhookStore,
    columns::{Moment, millis},
    deadline::in_time,
    detached::run_detached,
    layout::Layout,
    rows::StateRow,
};

/// So many rows are written by one statement, which takes a bounded number of parameters.
const AT_ONCE: usize = 500;

const SUBSCRIBE: &str =
    "INSERT INTO webhook_subscription (webhook, kind, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

const NOTED: &str = "SELECT id, saga_id, failed_at, noted_at FROM noted_failure ORDER BY id LIMIT $1";

const TAKE: &str = concat!("DELETE FROM noted_failure WHERE id ", any!("1"));

static CLAIM: LazyLock<String> = LazyLock::new(|| {
    let (now, claimed_until, lock) = (now!(), now_plus!("$3"), dialect::FOR_UPDATE);
    format!(
        "WITH due AS MATERIALIZED (SELECT id FROM webhook_delivery WHERE state = 'PENDING' AND webhook = $1 \
             AND next_at <= {now} ORDER BY next_at, id LIMIT $2 {lock}) \
         UPDATE webhook_delivery SET attempts = attempts + 1, next_at = {claimed_until} \
         WHERE id IN (SELECT id FROM due) AND state = 'PENDING' RETURNING {DELIVERY}"
    )
});

const RECEIVED: &str = concat!(
    "UPDATE webhook_delivery SET state = 'DELIVERED', last_error = NULL, done_at = ",
    now!(),
    " WHERE id = $1 AND state <> 'DELIVERED'"
);

const FAILED: &str = concat!(
    "UPDATE webhook_delivery SET last_error = $3, next_at = ",
    now_plus!("$4"),
    " WHERE id = $1 AND state = 'PENDING' AND attempts = $2"
);

const GIVE_UP: &str = concat!(
    "UPDATE webhook_delivery SET state = 'GIVEN_UP', done_at = ",
    now!(),
    " WHERE id IN (SELECT id FROM webhook_delivery WHERE state = 'PENDING' AND created_at < $1 LIMIT $2) \
     AND state = 'PENDING' RETURNING webhook"
);

const PENDING: &str = "SELECT webhook, count(*) AS count, min(created_at) AS since FROM webhook_delivery \
     WHERE state = 'PENDING' GROUP BY webhook ORDER BY webhook";

const REMOVE: &str = "DELETE FROM webhook_delivery WHERE id IN ( \
         SELECT id FROM webhook_delivery WHERE done_at < $1 ORDER BY done_at LIMIT $2)";

const FORGET: &str = "DELETE FROM noted_failure WHERE id IN ( \
         SELECT id FROM noted_failure ORDER BY id LIMIT $2) AND noted_at < $1";

/// Notes sagas that failed, within the transaction of the batch that made them fail.
pub(super) async fn note(
    connection: &mut Connection,
    failures: &[(&str, Timestamp)],
) -> Result<(), sqlx::Error> {
    let now = Timestamp::now();
    for failures in failures.chunks(AT_ONCE) {
        let mut sql: QueryBuilder<Db> =
            QueryBuilder::new("INSERT INTO noted_failure (saga_id, failed_at, noted_at) ");
        sql.push_values(failures, |mut row, (saga_id, failed_at)| {
            row.push_bind((*saga_id).to_owned())
                .push_bind(Moment(*failed_at))
                .push_bind(Moment(now));
        });
        sql.build().execute(&mut *connection).await?;
    }
    Ok(())
}

#[async_trait]
impl WebhookStore for Adapter {
    fn note_failures(&self, wanted: bool) {
        self.notes_failures.set(wanted);
    }

    async fn subscribe(
        &self,
        webhook: &str,
        kinds: &[NoticeKind],
        at: Timestamp,
    ) -> Result<Vec<(NoticeKind, Timestamp)>, StoreError> {
        in_time(async {
            for kind in kinds {
                let subscribed = sqlx::query(SUBSCRIBE)
                    .bind(webhook)
                    .bind(kind.as_str())
                    .bind(Moment(at))
                    .execute(self.notes());
                subscribed.await.map_err(error::store)?;
            }
            let rows = sqlx::query("SELECT kind, since FROM webhook_subscription WHERE webhook = $1")
                .bind(webhook)
                .fetch_all(self.notes())
                .await
                .map_err(error::store)?;
            let rows = decode_all::<SubscriptionRow>(&rows)?.into_iter();
            let all: Vec<(NoticeKind, Timestamp)> = rows
                .map(SubscriptionRow::read)
                .collect::<Result<_, StoreError>>()?;
            Ok(all.into_iter().filter(|(kind, _)| kinds.contains(kind)).collect())
        })
        .await
    }

    async fn late_without_delivery(
        &self,
        query: &LateQuery<'_>,
    ) -> Result<Vec<(SagaState, Timestamp)>, StoreError> {
        let Some(late) = query.kind.late() else {
            return Ok(Vec::new());
        };
        in_time(async {
            let (columns, due) = (StateRow::COLUMNS, late.column());
            let mut sql: QueryBuilder<Db> = QueryBuilder::new(format!(
                "SELECT {columns}, saga.{due} AS due FROM saga_instance AS saga WHERE {due} >= "
            ));
            sql.push_bind(Moment(query.from))
                .push(format_args!(" AND {due} < "))
                .push_bind(Moment(query.before));
            push_scope(&mut sql, "saga_type", query.scope);
            push_undelivered(&mut sql, query, due, self.layout().await?);
            sql.push(format_args!(" ORDER BY {due} LIMIT {}", query.limit));
            let rows = sql.build().fetch_all(&self.readers).await.map_err(error::store)?;
            let due = decode_all::<DueRow>(&rows)?;
            let sagas = read::stored(&self.readers, &self.definitions.get(), decode_all(&rows)?).await?;
            let due_of = |saga: &StoredSaga| due.iter().find(|row| saga.saga_id.as_str() == row.saga_id);
            let found = sagas.into_iter().filter_map(|saga| {
                let due = due_of(&saga)?.due.0;
                Some((saga.state, due))
            });
            Ok(found.collect())
        })
        .await
    }

    async fn noted_failures(&self, limit: u32) -> Result<Vec<NotedFailure>, StoreError> {
        in_time(async {
            let rows = sqlx::query(NOTED)
                .bind(i64::from(limit))
                .fetch_all(&self.readers)
                .await
                .map_err(error::store)?;
            let rows = decode_all::<FailureRow>(&rows)?;
            Ok(rows.into_iter().map(NotedFailure::from).collect())
        })
        .await
    }

    async fn add_deliveries(&self, new: &[NewDelivery], taken: &[i64]) -> Result<u64, StoreError> {
        if new.is_empty() && taken.is_empty() {
            return Ok(0);
        }
        let (store, new, taken) = (self.clone(), new.to_vec(), taken.to_vec());
        run_detached(async move {
            let begun = store.writers.begin_with(dialect::BEGIN).await;
            let mut transaction = begun.map_err(error::store)?;
            let added = insert(&mut transaction, &new).await.map_err(error::store)?;
            if !taken.is_empty() {
                let take = sqlx::query(TAKE).bind(dialect::list(&taken));
                take.execute(&mut *transaction).await.map_err(error::store)?;
            }
            transaction.commit().await.map_err(error::store)?;
            Ok(added)
        })
        .await
    }

    async fn claim_deliveries(
        &self,
        webhook: &str,
        limit: u32,
        period: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        in_time(async {
            let rows = sqlx::query(CLAIM.as_str())
                .bind(webhook)
                .bind(i64::from(limit))
                .bind(millis(period))
                .fetch_all(self.notes())
                .await
                .map_err(error::store)?;
            let mut claimed = deliveries(&rows)?;
            // A statement that changes rows gives them in no order.
            claimed.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
            Ok(claimed)
        })
        .await
    }

    async fn record_attempt(&self, delivery: &Delivery, outcome: &DeliveryOutcome) -> Result<(), StoreError> {
        in_time(async {
            let statement = match outcome {
                DeliveryOutcome::Received => sqlx::query(RECEIVED).bind(&delivery.id),
                DeliveryOutcome::Failed { error, retry_after } => sqlx::query(FAILED)
                    .bind(&delivery.id)
                    .bind(delivery.attempts.cast_signed())
                    .bind(error)
                    .bind(millis(*retry_after)),
            };
            statement.execute(self.notes()).await.map_err(error::store)?;
            Ok(())
        })
        .await
    }

    async fn give_up_deliveries(&self, before: Timestamp, limit: u32) -> Result<Vec<String>, StoreError> {
        in_time(async {
            sqlx::query_scalar(GIVE_UP)
                .bind(Moment(before))
                .bind(i64::from(limit))
                .fetch_all(self.notes())
                .await
                .map_err(error::store)
        })
        .await
    }

    async fn pending_deliveries(
        &self,
        webhook: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        in_time(async {
            let mut sql: QueryBuilder<Db> = QueryBuilder::new(format!(
                "SELECT {DELIVERY} FROM webhook_delivery WHERE state = 'PENDING'"
            ));
            if let Some(webhook) = webhook {
                sql.push(" AND webhook = ").push_bind(webhook);
            }
            sql.push(" ORDER BY next_at, id LIMIT ")
                .push_bind(i64::from(limit));
            let rows = sql.build().fetch_all(&self.readers).await.map_err(error::store)?;
            deliveries(&rows)
        })
        .await
    }

    async fn count_pending_deliveries(&self) -> Result<Vec<PendingDeliveries>, StoreError> {
        in_time(async {
            let rows = sqlx::query(PENDING)
                .fetch_all(&self.readers)
                .await
                .map_err(error::store)?;
            let rows = decode_all::<PendingRow>(&rows)?;
            Ok(rows.into_iter().map(PendingDeliveries::from).collect())
        })
        .await
    }

    async fn remove_deliveries(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut removed = 0;
        for statement in [REMOVE, FORGET] {
            removed += old_rows::remove(self.notes(), statement, before, limit).await?;
        }
        Ok(removed)
    }
}

/// Citus compares no row on a worker with a table of the coordinator: there the deliveries of the period are sent along.
fn push_undelivered(sql: &mut QueryBuilder<Db>, query: &LateQuery<'_>, due: &str, layout: Layout) {
    match layout {
        Layout::Single => sql
            .push(" AND NOT EXISTS (SELECT 1 FROM webhook_delivery AS known WHERE known.saga_id = saga.saga_id AND known.occurred_at = ")
            .push(format_args!("saga.{due}")),
        Layout::Distributed => sql
            .push(format_args!(
                " AND (saga.saga_id, saga.{due}) NOT IN (SELECT saga_id, occurred_at FROM webhook_delivery AS known \
                 WHERE known.occurred_at >= "
            ))
            .push_bind(Moment(query.from))
            .push(" AND known.occurred_at < ")
            .push_bind(Moment(query.before)),
    };
    sql.push(" AND known.webhook = ")
        .push_bind(query.webhook.to_owned())
        .push(" AND known.kind = ")
        .push_bind(query.kind.as_str())
        .push(")");
}

async fn insert(connection: &mut Connection, new: &[NewDelivery]) -> Result<u64, sqlx::Error> {
    let mut added = 0;
    for new in new.chunks(AT_ONCE) {
        let mut sql: QueryBuilder<Db> = QueryBuilder::new(
            "INSERT INTO webhook_delivery (id, webhook, kind, saga_id, occurred_at, content, created_at, next_at) ",
        );
        sql.push_values(new, |mut row, delivery| {
            row.push_bind(&delivery.id)
                .push_bind(&delivery.webhook)
                .push_bind(delivery.kind.as_str())
                .push_bind(&delivery.saga_id)
                .push_bind(Moment(delivery.occurred_at))
                .push_bind(&delivery.content)
                .push_bind(Moment(delivery.at))
                .push_unseparated(concat!(", ", now!()));
        });
        sql.push(" ON CONFLICT DO NOTHING");
        added += sql.build().execute(&mut *connection).await?.rows_affected();
    }
    Ok(added)
}

fn deliveries(rows: &[super::Row]) -> Result<Vec<Delivery>, StoreError> {
    let rows = decode_all::<DeliveryRow>(rows)?.into_iter();
    rows.map(Delivery::try_from).collect()
}
