//! Backward: putting articles back.

use saga_sdk::steps;
use shop::{DomainEvent, Work};

use crate::{Reservation, Status, Stock};

impl Stock {
    /// Undoes the reservation of an order, if there is one.
    ///
    /// One that cannot be undone is kept as stuck. Nothing is recorded then: `STOCK_RESERVED` without `STOCK_RELEASED` is
    /// what the tracker shows as outstanding.
    pub(crate) async fn release(&self, work: &mut Work, event: &DomainEvent) -> Result<(), sqlx::Error> {
        let Some(reservation) = Reservation::find(work.sql(), &event.order_id).await? else {
            return Ok(());
        };
        if reservation.status != Status::Reserved {
            return Ok(());
        }
        if !self.can_be_returned(&reservation.sku) {
            tracing::error!(
                order = event.order_id,
                sku = reservation.sku,
                "cannot put the articles back"
            );
            return reservation.update(work.sql(), Status::Stuck).await;
        }
        let put_back = sqlx::query("UPDATE stock SET available = available + ? WHERE sku = ?");
        put_back
            .bind(reservation.quantity)
            .bind(&reservation.sku)
            .execute(work.sql())
            .await?;
        reservation.update(work.sql(), Status::Released).await?;
        self.record(work, self.saga(event).compensated(steps::STOCK_RELEASED))
            .await
    }
}
