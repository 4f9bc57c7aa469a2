//! Payments, one for each order.

use std::sync::Arc;

use async_trait::async_trait;
use saga_sdk::{Saga, SagaTrackerClient, steps};
use serde::Serialize;
use shop::{Database, DomainEvent, Handler, Headers, What, Work, not_recorded, untracked};
use sqlx::{SqliteConnection, types::Json};

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
    /// How much, in won.
    pub amount: i64,
    /// How it is paid.
    pub method: String,
    /// Where it is.
    pub status: Status,
    /// Why it failed.
    pub reason: Option<String>,
    /// The headers that it came with. They name the saga, in which this service goes on when the money comes.
    #[serde(skip)]
    pub headers: Json<Headers>,
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
            let saga = self.saga(&payment);
            saga.complete(steps::PAYMENT_COMPLETED)
                .record()
                .await
                .unwrap_or_else(not_recorded);
            self.accept(&mut work, &mut payment).await?;
            work.commit().await?;
        }
        Ok(Some(payment))
    }

    /// The saga that came with the payment.
    pub(crate) fn saga(&self, payment: &Payment) -> Saga {
        self.tracker.resume(&*payment.headers).unwrap_or_else(untracked)
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
            amount,
            method: method.to_owned(),
            status: Status::Pending,
            reason: None,
            headers: Json(event.headers.clone()),
        }
    }

    /// What is published to the other services about it.
    pub(crate) fn event(&self, what: What) -> DomainEvent {
        DomainEvent::new(&self.order_id, what, self.headers.0.clone())
    }

    async fn find(sql: &mut SqliteConnection, order_id: &str) -> Result<Option<Self>, sqlx::Error> {
        sqlx::query_as("SELECT * FROM payments WHERE order_id = ?")
            .bind(order_id)
            .fetch_optional(sql)
            .await
    }

    pub(crate) async fn insert(&self, sql: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let insert = sqlx::query("INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?)");
        let insert = insert.bind(&self.order_id).bind(self.amount).bind(&self.method);
        let insert = insert.bind(self.status).bind(&self.reason).bind(&self.headers);
        insert.execute(sql).await?;
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
