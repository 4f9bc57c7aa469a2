//! The transactional outbox: an event is written in the service's own transaction, and a relay publishes it.
//!
//! Use it where an event must be recorded exactly when the business change is committed. Rolled back means never
//! published; committed means published at least once, and stored once, since the event's id stays the same.
//!
#![cfg_attr(feature = "outbox-postgres", doc = "```no_run")]
#![cfg_attr(not(feature = "outbox-postgres"), doc = "```ignore")]
//! use std::{sync::Arc, time::Duration};
//! use saga_sdk::{SagaConfig, SagaTrackerClient, SagaType, outbox::{self, Outbox, Relay}, steps};
//!
//! # async fn run(pool: sqlx::PgPool, config: SagaConfig) -> Result<(), Box<dyn std::error::Error>> {
//! outbox::migrate(&pool).await?;                          // or take outbox::POSTGRES_MIGRATIONS into your own
//! let tracker: Arc<dyn SagaTrackerClient> = saga_sdk::connect(&config)?;
//! let outbox = Outbox::new("order-service");
//!
//! let mut transaction = pool.begin().await?;
//! // ... the order itself ...
//! let saga = tracker.saga(SagaType::ORDER_CREATION, "saga-1", "order-1");
//! outbox.record(&mut *transaction, saga.start(steps::ORDER_CREATED).with("itemCount", 2)).await?;
//! transaction.commit().await?;
//!
//! // Once in each replica, or in a process of its own:
//! let relay = Relay::connect(pool, &config)?;
//! relay.run(async { _ = tokio::signal::ctrl_c().await }).await;
//! # Ok(())
//! # }
//! ```
//!
//! # How the relay keeps order and loses nothing
//!
//! * Rows are marked as published, there is no cursor: a transaction that commits late is found when it becomes visible.
//! * One relay works at a time, the one that holds the lease; the others wait until it is released or expires.
//!   It reads what is not marked in the order of insertion, sends it in that order, and marks a row
//!   only when the broker has acknowledged it and everything before it of the same saga.
//! * A relay that is killed, or loses its lease while it works, leaves rows that were published and not marked. The
//!   next one publishes them again, from the first on. So an event may come twice, but the first coming of each is in
//!   order.
//! * An event that the broker refuses, or does not take within `deliveryTimeout`, is tried again. What comes behind it
//!   of the same saga is not marked before it is, and so comes again after it. Other sagas go on: one whose event is
//!   refused for its own sake is retried with growing backoff.

#[cfg(feature = "outbox-postgres")]
mod postgres;
mod relay;
mod saga_backoff;
#[cfg(feature = "outbox-sqlite")]
mod sqlite;
mod store;

use saga_types::{
    SagaEvent,
    avro::{self, Framing},
};
use thiserror::Error;

pub use relay::{Relay, RelayOptions};
pub use store::{Backlog, OutboxConnection, OutboxPool};

use crate::{InputError, StepBuilder};

/// The tables of the outbox, for PostgreSQL: scripts to be run in this order, each once.
///
/// [`migrate`] does that. Projects that keep all migrations in one place copy them from here, each as one of theirs; later
/// versions may add scripts, and never change one.
#[cfg(feature = "outbox-postgres")]
pub const POSTGRES_MIGRATIONS: [&str; 2] = [
    include_str!("migrations/postgres-1.sql"),
    include_str!("migrations/postgres-2.sql"),
];

/// The tables of the outbox, for SQLite: scripts to be run in this order, each once; see `POSTGRES_MIGRATIONS`.
#[cfg(feature = "outbox-sqlite")]
pub const SQLITE_MIGRATIONS: [&str; 2] = [
    include_str!("migrations/sqlite-1.sql"),
    include_str!("migrations/sqlite-2.sql"),
];

/// Why an event could not be written to the outbox, or read from it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// The call's values were refused; nothing was written.
    #[error("invalid input: {0}")]
    Input(#[from] InputError),
    /// The database refused.
    #[error("the saga outbox: {0}")]
    Database(#[from] sqlx::Error),
}

/// Creates the tables of the outbox where they are missing, or brings them up to date. Where they are as they should be,
/// it takes no lock on them, so it may run at every start of every replica.
///
/// # Errors
///
/// [`OutboxError::Database`] when the database refuses.
pub async fn migrate<P: OutboxPool>(pool: &P) -> Result<(), OutboxError> {
    Ok(pool.migrate().await?)
}

/// Writes events in the service's own transactions.
#[derive(Debug, Clone)]
pub struct Outbox {
    service: String,
}

impl Outbox {
    /// An outbox for a service, the `producerService` of its events.
    #[must_use]
    pub fn new(service: impl Into<String>) -> Self {
        Self {
            service: service.into(),
        }
    }

    /// Writes a step into the outbox, over the connection of an open transaction. With a disabled tracker the step is
    /// empty, and nothing is written.
    ///
    /// # Errors
    ///
    /// [`OutboxError`] for bad input, or when the database refuses; the transaction should then be rolled back.
    pub async fn record<C: OutboxConnection>(
        &self,
        connection: &mut C,
        step: StepBuilder<'_>,
    ) -> Result<(), OutboxError> {
        let Some(record) = step.into_record() else {
            return Ok(());
        };
        let mut record = record?;
        let trace = record.current_trace();
        let event = record.into_event(&self.service, trace.as_ref())?;
        let value = encode(&event);
        Ok(connection.insert(&event.saga_id, &value, trace.as_ref()).await?)
    }
}

fn encode(event: &SagaEvent) -> Vec<u8> {
    avro::encode_v2(event, Framing::SingleObject)
}
