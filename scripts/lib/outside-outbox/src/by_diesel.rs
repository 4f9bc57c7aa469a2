//! By diesel.

use diesel::{Connection, ExpressionMethods as _, RunQueryDsl, SqliteConnection, insert_into};
use saga_sdk::{Saga, outbox::Outbox, steps};

diesel::table! {
    orders (id) {
        id -> Text,
    }
}

diesel::table! {
    saga_outbox (position) {
        position -> BigInt,
        saga_id -> Text,
        event -> Binary,
        traceparent -> Nullable<Text>,
        tracestate -> Nullable<Text>,
    }
}

#[derive(diesel::Insertable)]
#[diesel(table_name = saga_outbox)]
struct OutboxRow {
    saga_id: String,
    event: Vec<u8>,
    traceparent: Option<String>,
    tracestate: Option<String>,
}

/// Takes an order; an order that is there already is refused, and so its step is not recorded.
pub fn place_order(
    connection: &mut SqliteConnection,
    saga: &Saga,
    order_id: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    connection.transaction(|connection| {
        let step = saga.start(steps::ORDER_CREATED).with("itemCount", 2);
        if let Some(row) = Outbox::new("order-service").row(step)? {
            let row = OutboxRow {
                saga_id: row.saga_id,
                event: row.event,
                traceparent: row.traceparent,
                tracestate: row.tracestate,
            };
            insert_into(saga_outbox::table).values(row).execute(connection)?;
        }
        insert_into(orders::table)
            .values(orders::id.eq(order_id))
            .execute(connection)?;
        Ok(())
    })
}
