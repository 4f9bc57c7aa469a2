//! Backward: giving the money back, or not asking for it any more.

use saga_sdk::steps;
use shop::{Work, not_recorded};

use crate::{Payment, Payments, Status};

impl Payments {
    pub(crate) async fn give_back(&self, work: &mut Work, mut payment: Payment) -> Result<(), sqlx::Error> {
        let (status, step) = match payment.status {
            Status::Pending => (Status::Cancelled, steps::PAYMENT_CANCELLED),
            Status::Completed => (Status::Refunded, steps::PAYMENT_REFUNDED),
            // There is no money to give back.
            Status::Failed | Status::Cancelled | Status::Refunded => return Ok(()),
        };
        payment.update(work.sql(), status, None).await?;
        self.saga(&payment)
            .compensated(step)
            .record()
            .await
            .unwrap_or_else(not_recorded);
        Ok(())
    }
}
