//! Forward: taking the money.

use saga_sdk::{keys, steps};
use shop::{What, Work, not_recorded};

use crate::{Payment, Payments, Status};

impl Payments {
    /// Asks for the money. A card answers at once; a transfer is settled later.
    pub(crate) async fn pay(&self, work: &mut Work, mut payment: Payment) -> Result<(), sqlx::Error> {
        let saga = self.saga(&payment);
        saga.progress(steps::PAYMENT_INITIALIZATION)
            .with(keys::PAYMENT_METHOD, &payment.method)
            .with(keys::ORDER_AMOUNT, payment.amount)
            .record()
            .await
            .unwrap_or_else(not_recorded);
        payment.insert(work.sql()).await?;
        saga.progress(steps::PAYMENT_INITIALIZED)
            .record()
            .await
            .unwrap_or_else(not_recorded);

        match self.refusal(&payment) {
            Some(reason) => self.fail(work, &mut payment, reason).await,
            None if payment.method == "transfer" => Ok(()),
            None => self.complete(work, &mut payment).await,
        }
    }

    /// Stands for the payment provider.
    fn refusal(&self, payment: &Payment) -> Option<String> {
        if payment.amount > self.settings.limit {
            Some(format!(
                "{} won is over the limit of {}",
                payment.amount, self.settings.limit
            ))
        } else if payment.method == "declined" {
            Some("card declined".to_owned())
        } else {
            None
        }
    }

    async fn fail(&self, work: &mut Work, payment: &mut Payment, reason: String) -> Result<(), sqlx::Error> {
        payment.update(work.sql(), Status::Failed, Some(&reason)).await?;
        let saga = self.saga(payment);
        saga.failed(steps::PAYMENT_FAILED, &reason)
            .record()
            .await
            .unwrap_or_else(not_recorded);
        work.publish(&payment.event(What::PaymentFailed { reason })).await
    }

    pub(crate) async fn complete(&self, work: &mut Work, payment: &mut Payment) -> Result<(), sqlx::Error> {
        payment.update(work.sql(), Status::Completed, None).await?;
        let saga = self.saga(payment);
        saga.complete(steps::PAYMENT_COMPLETED)
            .record()
            .await
            .unwrap_or_else(not_recorded);
        work.publish(&payment.event(What::PaymentCompleted)).await
    }
}
