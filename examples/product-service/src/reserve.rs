//! Forward: putting articles aside.

use saga_sdk::{keys, steps};
use shop::{DomainEvent, What, Work};
use sqlx::SqliteConnection;

use crate::{Reservation, Status, Stock};

impl Stock {
    /// Puts articles aside and says so with `reserved`, or says that there are not enough.
    pub(crate) async fn reserve(
        &self,
        work: &mut Work,
        event: &DomainEvent,
        sku: &str,
        quantity: i64,
        reserved: What,
    ) -> Result<(), sqlx::Error> {
        if Reservation::find(work.sql(), &event.order_id).await?.is_some() {
            return Ok(());
        }
        let saga = self.saga(event);
        let begun = saga.progress(steps::STOCK_RESERVATION);
        self.record(work, begun.with("sku", sku).with(keys::ITEM_COUNT, quantity))
            .await?;

        let is_taken = take(work.sql(), sku, quantity).await?;
        let status = if is_taken {
            Status::Reserved
        } else {
            Status::Rejected
        };
        let reservation = Reservation {
            order_id: event.order_id.clone(),
            sku: sku.to_owned(),
            quantity,
            status,
        };
        reservation.insert(work.sql()).await?;
        if is_taken {
            self.record(work, saga.complete(steps::STOCK_RESERVED)).await?;
            work.publish(&event.followed_by(reserved)).await
        } else {
            let reason = format!("out of stock: {sku}");
            self.record(work, saga.failed(steps::STOCK_RESERVATION_FAILED, &reason))
                .await?;
            work.publish(&event.followed_by(What::StockRejected { reason }))
                .await
        }
    }
}

async fn take(sql: &mut SqliteConnection, sku: &str, quantity: i64) -> Result<bool, sqlx::Error> {
    let update =
        sqlx::query("UPDATE stock SET available = available - ?1 WHERE sku = ?2 AND available >= ?1");
    let done = update.bind(quantity).bind(sku).execute(sql).await?;
    Ok(done.rows_affected() == 1)
}
