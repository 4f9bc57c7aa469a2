//! An order and its row.

use saga_sdk::Saga;
use serde::{Deserialize, Serialize};
use shop::{DomainEvent, What};
use sqlx::SqliteConnection;

/// What a customer asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewOrder {
    /// Who orders.
    pub customer_id: String,
    /// The article.
    pub sku: String,
    /// How many of it.
    pub quantity: i64,
    /// What it costs in all, in won.
    pub amount: i64,
    /// How it is to be paid, such as `card`.
    pub payment_method: String,
}

/// Where an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "UPPERCASE")]
#[sqlx(rename_all = "UPPERCASE")]
pub enum Status {
    /// Taken.
    Placed,
    /// The articles are put aside.
    Reserved,
    /// Paid; done.
    Confirmed,
    /// Given up.
    Cancelled,
}

impl Status {
    /// Whether it is still to be decided.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Placed | Self::Reserved)
    }
}

/// An order.
#[derive(Debug, Clone, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The order.
    pub order_id: String,
    /// The saga that the tracker knows it by.
    pub saga_id: String,
    /// Who ordered.
    pub customer_id: String,
    /// The article.
    pub sku: String,
    /// How many of it.
    pub quantity: i64,
    /// What it costs, in won.
    pub amount: i64,
    /// How it is to be paid.
    pub payment_method: String,
    /// Where it is.
    pub status: Status,
    /// Why it was given up.
    pub reason: Option<String>,
    /// When it was taken, in milliseconds since 1970.
    pub placed_at_ms: i64,
}

impl Order {
    pub(crate) async fn find(
        sql: &mut SqliteConnection,
        order_id: &str,
    ) -> Result<Option<Self>, sqlx::Error> {
        sqlx::query_as("SELECT * FROM orders WHERE order_id = ?")
            .bind(order_id)
            .fetch_optional(sql)
            .await
    }

    pub(crate) async fn insert(&self, sql: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let insert = sqlx::query("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        let insert = insert
            .bind(&self.order_id)
            .bind(&self.saga_id)
            .bind(&self.customer_id)
            .bind(&self.sku);
        let insert = insert
            .bind(self.quantity)
            .bind(self.amount)
            .bind(&self.payment_method)
            .bind(self.status);
        insert
            .bind(&self.reason)
            .bind(self.placed_at_ms)
            .execute(sql)
            .await?;
        Ok(())
    }

    pub(crate) async fn update(
        &mut self,
        sql: &mut SqliteConnection,
        status: Status,
        reason: Option<&str>,
    ) -> Result<(), sqlx::Error> {
        (self.status, self.reason) = (status, reason.map(str::to_owned));
        let update = sqlx::query("UPDATE orders SET status = ?, reason = ? WHERE order_id = ?");
        update
            .bind(status)
            .bind(reason)
            .bind(&self.order_id)
            .execute(sql)
            .await?;
        Ok(())
    }

    /// What is published to the other services about it, with the saga that it belongs to.
    pub(crate) fn event(&self, what: What, saga: &Saga) -> DomainEvent {
        DomainEvent::new(&self.order_id, what, saga.headers())
    }
}
