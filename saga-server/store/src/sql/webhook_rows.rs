//! Rows of deliveries, subscriptions and noted failures.

use saga_types::Timestamp;

use crate::{
    Corrupt, Delivery, NotedFailure, NoticeKind, PendingDeliveries, StoreError, columns::Moment, table::Keyed,
};

pub(super) const DELIVERY: &str =
    "id, webhook, kind, saga_id, occurred_at, content, created_at, attempts, next_at, last_error";

/// A row of `webhook_delivery`.
#[derive(sqlx::FromRow)]
pub(super) struct DeliveryRow {
    id: String,
    webhook: String,
    kind: String,
    saga_id: String,
    occurred_at: Moment,
    content: String,
    created_at: Moment,
    attempts: i64,
    next_at: Moment,
    last_error: Option<String>,
}

impl Keyed for DeliveryRow {
    const NAME: &'static str = "webhook_delivery";
    const KEY: &'static [&'static str] = &["id"];
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self, StoreError> {
        let kind = NoticeKind::read(&row.kind)
            .map_err(|error| Corrupt::new(DeliveryRow::NAME, "kind", row.id.clone(), error))?;
        Ok(Self {
            id: row.id,
            webhook: row.webhook,
            kind,
            saga_id: row.saga_id,
            occurred_at: row.occurred_at.0,
            content: row.content,
            created_at: row.created_at.0,
            attempts: row.attempts.cast_unsigned(),
            next_at: row.next_at.0,
            last_error: row.last_error,
        })
    }
}

/// A row of `webhook_subscription`.
#[derive(sqlx::FromRow)]
pub(super) struct SubscriptionRow {
    kind: String,
    since: Moment,
}

impl Keyed for SubscriptionRow {
    const NAME: &'static str = "webhook_subscription";
    const KEY: &'static [&'static str] = &["kind"];
}

impl SubscriptionRow {
    pub(super) fn read(self) -> Result<(NoticeKind, Timestamp), StoreError> {
        let kind = NoticeKind::read(&self.kind)
            .map_err(|error| Corrupt::new(Self::NAME, "kind", self.kind.clone(), error))?;
        Ok((kind, self.since.0))
    }
}

/// A row of `noted_failure`.
#[derive(sqlx::FromRow)]
pub(super) struct FailureRow {
    id: i64,
    saga_id: String,
    failed_at: Moment,
    noted_at: Moment,
}

impl Keyed for FailureRow {
    const NAME: &'static str = "noted_failure";
    const KEY: &'static [&'static str] = &["id"];
}

impl From<FailureRow> for NotedFailure {
    fn from(row: FailureRow) -> Self {
        Self {
            id: row.id,
            saga_id: row.saga_id,
            failed_at: row.failed_at.0,
            noted_at: row.noted_at.0,
        }
    }
}

/// Since when a saga is late.
#[derive(sqlx::FromRow)]
pub(super) struct DueRow {
    pub(super) saga_id: String,
    pub(super) due: Moment,
}

impl Keyed for DueRow {
    const NAME: &'static str = "saga_instance";
    const KEY: &'static [&'static str] = &["saga_id"];
}

/// Pending deliveries of a webhook.
#[derive(sqlx::FromRow)]
pub(super) struct PendingRow {
    webhook: String,
    count: i64,
    since: Moment,
}

impl Keyed for PendingRow {
    const NAME: &'static str = "webhook_delivery";
    const KEY: &'static [&'static str] = &["webhook"];
}

impl From<PendingRow> for PendingDeliveries {
    fn from(row: PendingRow) -> Self {
        Self {
            webhook: row.webhook,
            count: row.count.cast_unsigned(),
            since: row.since.0,
        }
    }
}
