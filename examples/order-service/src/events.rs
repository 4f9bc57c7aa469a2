//! The events of the other services about an order.
//!
//! An event that an order does not wait for any more is left alone. Its sender gets the event of the
//! cancellation and undoes what it did.

use async_trait::async_trait;
use saga_sdk::steps;
use shop::{DomainEvent, Handler, What, Work, not_recorded};

use crate::{Order, Orders, Status};

#[async_trait]
impl Handler for Orders {
    async fn handle(&self, work: &mut Work, event: &DomainEvent) -> Result<(), sqlx::Error> {
        let Some(mut order) = Order::find(work.sql(), &event.order_id).await? else {
            tracing::warn!(order = event.order_id, "heard of an order that is not ours");
            return Ok(());
        };
        if !order.status.is_open() {
            return Ok(());
        }
        match &event.what {
            What::StockReserved { .. } => self.reserved(work, &mut order).await,
            What::StockRejected { reason } => self.refused(work, &mut order, reason).await,
            What::PaymentCompleted => {
                self.reserved(work, &mut order).await?;
                self.paid(work, &mut order).await
            }
            What::PaymentFailed { reason } => {
                self.reserved(work, &mut order).await?;
                self.refused(work, &mut order, reason).await
            }
            _ => Ok(()),
        }
    }
}

impl Orders {
    /// Payment comes on another topic than stock, and so perhaps earlier; it implies that the stock is reserved.
    async fn reserved(&self, work: &mut Work, order: &mut Order) -> Result<(), sqlx::Error> {
        if order.status == Status::Placed {
            order.update(work.sql(), Status::Reserved, None).await?;
            self.saga(order)
                .progress(steps::STOCK_RESERVED)
                .record()
                .await
                .unwrap_or_else(not_recorded);
        }
        Ok(())
    }

    async fn paid(&self, work: &mut Work, order: &mut Order) -> Result<(), sqlx::Error> {
        order.update(work.sql(), Status::Confirmed, None).await?;
        let saga = self.saga(order);
        saga.progress(steps::PAYMENT_COMPLETED)
            .record()
            .await
            .unwrap_or_else(not_recorded);
        saga.complete(steps::ORDER_CONFIRMED)
            .record()
            .await
            .unwrap_or_else(not_recorded);
        Ok(())
    }

    async fn refused(&self, work: &mut Work, order: &mut Order, reason: &str) -> Result<(), sqlx::Error> {
        self.give_up(work, order, steps::ORDER_CANCELLED, reason).await
    }
}
