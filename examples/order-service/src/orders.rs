//! What customers and the clock do to orders.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use saga_sdk::{Saga, SagaTrackerClient, SagaType, Step, keys, steps};
use shop::{CancellationToken, Database, What, Work, not_recorded};
use uuid::Uuid;

use crate::{NewOrder, Order, Status};

/// All orders. Clones are the same orders.
#[derive(Clone)]
pub struct Orders {
    database: Database,
    tracker: Arc<dyn SagaTrackerClient>,
}

impl Orders {
    /// Orders in this database, recorded by this tracker.
    #[must_use]
    pub fn new(database: Database, tracker: Arc<dyn SagaTrackerClient>) -> Self {
        Self { database, tracker }
    }

    /// Takes an order: a saga begins.
    ///
    /// # Errors
    ///
    /// When the database fails; then there is no order.
    pub async fn place(&self, new: NewOrder) -> Result<Order, sqlx::Error> {
        let order = Order {
            order_id: Uuid::now_v7().to_string(),
            saga_id: Uuid::now_v7().to_string(),
            customer_id: new.customer_id,
            sku: new.sku,
            quantity: new.quantity,
            amount: new.amount,
            payment_method: new.payment_method,
            status: Status::Placed,
            reason: None,
            placed_at_ms: now_ms(),
        };
        let mut work = self.database.begin().await?;
        order.insert(work.sql()).await?;
        let saga = self.saga(&order);
        saga.start(steps::ORDER_CREATED)
            .with(keys::CUSTOMER_ID, &order.customer_id)
            .with(keys::ORDER_AMOUNT, order.amount)
            .with(keys::ITEM_COUNT, order.quantity)
            .with(keys::PAYMENT_METHOD, &order.payment_method)
            .record()
            .await
            .unwrap_or_else(not_recorded);
        let placed = What::OrderPlaced {
            sku: order.sku.clone(),
            quantity: order.quantity,
            amount: order.amount,
            payment_method: order.payment_method.clone(),
        };
        work.publish(&order.event(placed, &saga)).await?;
        work.commit().await?;
        Ok(order)
    }

    /// The order, if there is such a one.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn find(&self, order_id: &str) -> Result<Option<Order>, sqlx::Error> {
        Order::find(&mut *self.database.pool().acquire().await?, order_id).await
    }

    /// Cancels an order because the customer wants to, also when it is confirmed. Gives the order as it is then; one
    /// that was given up before stays as it was.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn cancel(&self, order_id: &str) -> Result<Option<Order>, sqlx::Error> {
        let mut work = self.database.begin().await?;
        let Some(mut order) = Order::find(work.sql(), order_id).await? else {
            return Ok(None);
        };
        if order.status != Status::Cancelled {
            self.give_up(
                &mut work,
                &mut order,
                steps::ORDER_CANCELLED,
                "cancelled by the customer",
            )
            .await?;
            work.commit().await?;
        }
        Ok(Some(order))
    }

    /// Gives up the orders that were taken so long ago and are not confirmed. Gives their number.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn expire(&self, timeout: Duration) -> Result<usize, sqlx::Error> {
        let timeout_ms = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        let mut work = self.database.begin().await?;
        let late = "SELECT * FROM orders WHERE status IN ('PLACED', 'RESERVED') AND placed_at_ms <= ? \
                    ORDER BY placed_at_ms";
        let orders: Vec<Order> = sqlx::query_as(late)
            .bind(now_ms().saturating_sub(timeout_ms))
            .fetch_all(work.sql())
            .await?;
        let count = orders.len();
        for mut order in orders {
            let reason = format!("not confirmed within {} s", timeout.as_secs_f32());
            self.give_up(&mut work, &mut order, steps::ORDER_TIMEOUT, &reason)
                .await?;
        }
        work.commit().await?;
        Ok(count)
    }

    pub(crate) async fn expire_until(self, stop: CancellationToken, timeout: Duration) {
        let interval = (timeout / 10).clamp(Duration::from_millis(20), Duration::from_secs(1));
        while stop
            .run_until_cancelled(tokio::time::sleep(interval))
            .await
            .is_some()
        {
            if let Err(error) = self.expire(timeout).await {
                tracing::error!(%error, "cannot look for orders that take too long");
            }
        }
    }

    /// The saga fails here; the other services undo what they did when they hear of it.
    pub(crate) async fn give_up(
        &self,
        work: &mut Work,
        order: &mut Order,
        step: Step,
        reason: &str,
    ) -> Result<(), sqlx::Error> {
        order.update(work.sql(), Status::Cancelled, Some(reason)).await?;
        let saga = self.saga(order);
        saga.failed(step, reason)
            .record()
            .await
            .unwrap_or_else(not_recorded);
        let cancelled = What::OrderCancelled {
            reason: reason.to_owned(),
        };
        work.publish(&order.event(cancelled, &saga)).await
    }

    pub(crate) fn saga(&self, order: &Order) -> Saga {
        self.tracker
            .order(&order.order_id)
            .saga(SagaType::ORDER_CREATION, &order.saga_id)
    }
}

fn now_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}
