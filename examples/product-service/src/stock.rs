//! What lies in the warehouse, and what is put aside.

use std::sync::Arc;

use async_trait::async_trait;
use saga_sdk::{
    Saga, SagaTrackerClient, StepBuilder,
    outbox::{self, Outbox, OutboxError},
};
use serde::Serialize;
use shop::{Database, DomainEvent, Handler, What, Work, untracked};
use sqlx::SqliteConnection;

use crate::Settings;

/// The warehouse. Clones are the same one.
#[derive(Clone)]
pub struct Stock {
    database: Database,
    tracker: Arc<dyn SagaTrackerClient>,
    outbox: Outbox,
    unreturnable: Arc<[String]>,
}

/// What became of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "UPPERCASE")]
#[sqlx(rename_all = "UPPERCASE")]
pub enum Status {
    /// The articles are put aside.
    Reserved,
    /// There were not enough.
    Rejected,
    /// They are back.
    Released,
    /// They should be back and are not; an operator has to act.
    Stuck,
}

/// Articles put aside for an order.
#[derive(Debug, Clone, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Reservation {
    /// The order.
    pub order_id: String,
    /// The article.
    pub sku: String,
    /// How many of it.
    pub quantity: i64,
    /// What became of it.
    pub status: Status,
}

impl Stock {
    /// The warehouse in this database, recorded by this tracker. Articles that the database does not know yet are put
    /// into it as the settings say.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn new(
        database: Database,
        tracker: Arc<dyn SagaTrackerClient>,
        settings: Settings,
    ) -> Result<Self, sqlx::Error> {
        outbox::OutboxPool::migrate(database.pool()).await?;
        for (sku, quantity) in settings.stock {
            let insert =
                sqlx::query("INSERT INTO stock (sku, available) VALUES (?, ?) ON CONFLICT DO NOTHING");
            insert.bind(sku).bind(quantity).execute(database.pool()).await?;
        }
        Ok(Self {
            database,
            tracker,
            outbox: Outbox::new("product-service"),
            unreturnable: settings.unreturnable.into(),
        })
    }

    /// How many of an article can be had; none when it is not known.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn available(&self, sku: &str) -> Result<Option<i64>, sqlx::Error> {
        let select = sqlx::query_scalar("SELECT available FROM stock WHERE sku = ?");
        select.bind(sku).fetch_optional(self.database.pool()).await
    }

    /// What is put aside for an order.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn reservation(&self, order_id: &str) -> Result<Option<Reservation>, sqlx::Error> {
        Reservation::find(&mut *self.database.pool().acquire().await?, order_id).await
    }

    pub(crate) fn can_be_returned(&self, sku: &str) -> bool {
        !self.unreturnable.iter().any(|unreturnable| unreturnable == sku)
    }

    /// Writes a step beside what it tells of, in the same transaction. One that is refused does not stop the order.
    pub(crate) async fn record(&self, work: &mut Work, step: StepBuilder<'_>) -> Result<(), sqlx::Error> {
        match self.outbox.record(work.sql(), step).await {
            Ok(()) => Ok(()),
            Err(OutboxError::Database(error)) => Err(error),
            Err(error) => {
                tracing::warn!(%error, "a step was not recorded");
                Ok(())
            }
        }
    }

    /// The saga that came with the event.
    pub(crate) fn saga(&self, event: &DomainEvent) -> Saga {
        self.tracker.resume(&event.headers).unwrap_or_else(untracked)
    }
}

#[async_trait]
impl Handler for Stock {
    async fn handle(&self, work: &mut Work, event: &DomainEvent) -> Result<(), sqlx::Error> {
        match &event.what {
            What::OrderPlaced {
                sku,
                quantity,
                amount,
                payment_method,
            } => {
                let reserved = What::StockReserved {
                    amount: *amount,
                    payment_method: payment_method.clone(),
                };
                self.reserve(work, event, sku, *quantity, reserved).await
            }
            What::OrderCancelled { .. } => self.release(work, event).await,
            _ => Ok(()),
        }
    }
}

impl Reservation {
    pub(crate) async fn find(
        sql: &mut SqliteConnection,
        order_id: &str,
    ) -> Result<Option<Self>, sqlx::Error> {
        let select = sqlx::query_as("SELECT * FROM reservations WHERE order_id = ?");
        select.bind(order_id).fetch_optional(sql).await
    }

    pub(crate) async fn insert(&self, sql: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let insert = sqlx::query("INSERT INTO reservations VALUES (?, ?, ?, ?)");
        let insert = insert
            .bind(&self.order_id)
            .bind(&self.sku)
            .bind(self.quantity)
            .bind(self.status);
        insert.execute(sql).await?;
        Ok(())
    }

    pub(crate) async fn update(&self, sql: &mut SqliteConnection, status: Status) -> Result<(), sqlx::Error> {
        let update = sqlx::query("UPDATE reservations SET status = ? WHERE order_id = ?");
        update.bind(status).bind(&self.order_id).execute(sql).await?;
        Ok(())
    }
}
