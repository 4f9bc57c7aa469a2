//! Forward: taking the money.

use std::time::Duration;

use saga_sdk::{Saga, keys, steps};
use shop::{What, Work, not_recorded};

use crate::{Payment, Payments, Status};

/// A method of payment whose provider answers at the third attempt only.
const UNSTEADY: &str = "wallet";

/// How long from one attempt to the next.
const RETRY_AFTER: Duration = Duration::from_millis(150);

/// Records each attempt after the first one as the same step again.
async fn retry(saga: &Saga) {
    for retry in 1..=2 {
        tokio::time::sleep(RETRY_AFTER).await;
        saga.progress(steps::PAYMENT_INITIALIZATION)
            .with(keys::RETRY_COUNT, retry)
            .record()
            .await
            .unwrap_or_else(not_recorded);
    }
}

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
        if payment.method == UNSTEADY {
            retry(&saga).await;
        }
        if payment.method == "transfer" {
            saga.progress(steps::PAYMENT_INITIALIZED)
                .record()
                .await
                .unwrap_or_else(not_recorded);
            return Ok(());
        }
        // Recorded as it goes: under way before, and done or failed after, with the time that it took.
        let charged = saga
            .run(steps::PAYMENT_INITIALIZED)
            .completed_as(steps::PAYMENT_COMPLETED)
            .failed_as(steps::PAYMENT_FAILED)
            .of(self.charge(&payment))
            .await;
        match charged {
            Ok(()) => self.accept(work, &mut payment).await,
            Err(reason) => self.refuse(work, &mut payment, reason).await,
        }
    }

    /// Stands for the payment provider.
    async fn charge(&self, payment: &Payment) -> Result<(), String> {
        tokio::time::sleep(Duration::from_millis(self.settings.provider_ms)).await;
        if payment.amount > self.settings.limit {
            Err(format!(
                "{} won is over the limit of {}",
                payment.amount, self.settings.limit
            ))
        } else if payment.method == "declined" {
            Err("card declined".to_owned())
        } else {
            Ok(())
        }
    }

    async fn refuse(
        &self,
        work: &mut Work,
        payment: &mut Payment,
        reason: String,
    ) -> Result<(), sqlx::Error> {
        payment.update(work.sql(), Status::Failed, Some(&reason)).await?;
        work.publish(&payment.event(What::PaymentFailed { reason })).await
    }

    pub(crate) async fn accept(&self, work: &mut Work, payment: &mut Payment) -> Result<(), sqlx::Error> {
        payment.update(work.sql(), Status::Completed, None).await?;
        work.publish(&payment.event(What::PaymentCompleted)).await
    }
}
