//! Payments, one for each order.

use std::sync::Arc;

use async_trait::async_trait;
use saga_sdk::{Saga, SagaTrackerClient, SagaType};
use serde::Serialize;
use shop::{Database, DomainEvent, Handler, What, Work};
use sqlx::SqliteConnection;

use crate::Settings;

/// All payments. Clones are the same ones.
#[derive(Clone)]
pub struct Payments {
    database: Database,
    tracker: Arc<dyn SagaTrackerClient>,
    pub(crate) settings: Settings,
}

/// Where a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "UPPERCASE")]
#[sqlx(rename_all = "UPPERCASE")]
pub enum Status {
    /// The money is awaited.
    Pending,
    /// The money is here.
    Completed,
    /// It will not come.
    Failed,
    /// It is not awaited any more.
    Cancelled,
    /// It was given back.
    Refunded,
}

/// The payment of an order.
#[derive(Debug, Clone, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// The order.
    pub order_id: String,
    /// The saga that the tracker knows the order by.
    pub saga_id: String,
    /// How much, in won.
    pub amount: i64,
    /// How it is paid.
    pub method: String,
    /// Where it is.
    pub status: Status,
    /// Why it failed.
    pub reason: Option<String>,
}

impl Payments {
    /// Payments in this database, recorded by this tracker.
    #[must_use]
    pub fn new(database: Database, tracker: Arc<dyn SagaTrackerClient>, settings: Settings) -> Self {
        Self {
            database,
            tracker,
            settings,
        }
    }

    /// The payment of an order.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn find(&self, order_id: &str) -> Result<Option<Payment>, sqlx::Error> {
        Payment::find(&mut *self.database.pool().acquire().await?, order_id).await
    }

    /// The money of a transfer has come. Gives the payment as it is then; one that is not awaited stays as it is.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn settle(&self, order_id: &str) -> Result<Option<Payment>, sqlx::Error> {
        let mut work = self.database.begin().await?;
        let Some(mut payment) = Payment::find(work.sql(), order_id).await? else {
            return Ok(None);
        };
        if payment.status == Status::Pending {
            self.complete(&mut work, &mut payment).await?;
            work.commit().await?;
        }
        Ok(Some(payment))
    }

    pub(crate) fn saga(&self, payment: &Payment) -> Saga {
        self.tracker
            .saga(SagaType::ORDER_CREATION, &payment.saga_id, &payment.order_id)
    }
}

#[async_trait]
impl Handler for Payments {
    async fn handle(&self, work: &mut Work, event: &DomainEvent) -> Result<(), sqlx::Error> {
        let known = Payment::find(work.sql(), &event.order_id).await?;
        match (&event.what, known) {
            (
                What::StockReserved {
                    amount,
                    payment_method,
                },
                None,
            ) => self.pay(work, Payment::of(event, *amount, payment_method)).await,
            (What::OrderCancelled { .. }, Some(payment)) => self.give_back(work, payment).await,
            // The cancellation overtook the reservation, which is to find that there is nothing to pay any more.
            (What::OrderCancelled { .. }, None) => {
                let payment = Payment {
                    status: Status::Cancelled,
                    ..Payment::of(event, 0, "none")
                };
                payment.insert(work.sql()).await
            }
            _ => Ok(()),
        }
    }
}

impl Payment {
    fn of(event: &DomainEvent, amount: i64, method: &str) -> Self {
        Self {
            order_id: event.order_id.clone(),
            saga_id: event.saga_id.clone(),
            amount,
            method: method.to_owned(),
            status: Status::Pending,
            reason: None,
        }
    }

    /// What the other services are told about it.
    pub(crate) fn event(&self, what: What) -> DomainEvent {
        DomainEvent::new(&self.saga_id, &self.order_id, what)
    }

    async fn find(sql: &mut SqliteConnection, order_id: &str) -> Result<Option<Self>, sqlx::Error> {
        sqlx::query_as("SELECT * FROM payments WHERE order_id = ?")
            .bind(order_id)
            .fetch_optional(sql)
            .await
    }

    pub(crate) async fn insert(&self, sql: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let insert = sqlx::query("INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?)");
        let insert = insert
            .bind(&self.order_id)
            .bind(&self.saga_id)
            .bind(self.amount)
            .bind(&self.method);
        insert.bind(self.status).bind(&self.reason).execute(sql).await?;
        Ok(())
    }

    pub(crate) async fn update(
        &mut self,
        sql: &mut SqliteConnection,
        status: Status,
        reason: Option<&str>,
    ) -> Result<(), sqlx::Error> {
        (self.status, self.reason) = (status, reason.map(str::to_owned));
        let update = sqlx::query("UPDATE payments SET status = ?, reason = ? WHERE order_id = ?");
        update
            .bind(status)
            .bind(reason)
            .bind(&self.order_id)
            .execute(sql)
            .await?;
        Ok(())
    }
}
