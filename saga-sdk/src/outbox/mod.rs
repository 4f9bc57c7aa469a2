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
//! let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
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
//! * An event that can never be published, because it cannot be read or is larger than Kafka takes however often it is
//!   tried, becomes a dead letter: counted in the backlog, listed by [`Relay::dead_letters`], put back by
//!   [`Relay::put_back`]. The events behind it go on.

mod dead_letter;
mod error;
mod options;
#[cfg(feature = "outbox-postgres")]
mod postgres;
mod relay;
mod run;
mod saga_backoff;
#[cfg(feature = "outbox-sqlite")]
mod sqlite;
mod store;

use saga_types::{
    SagaEvent,
    avro::{self, Framing},
};

pub use dead_letter::DeadLetter;
pub use error::OutboxError;
pub use options::RelayOptions;
pub use relay::Relay;
pub use store::{Backlog, OutboxConnection, OutboxPool};

use crate::{ConnectError, InputError, SagaConfig, StepBuilder, TraceContext};

/// The tables of the outbox, for PostgreSQL: scripts to be run in this order, each once.
///
/// [`migrate`] does that. Projects that keep all migrations in one place copy them from here, each as one of theirs; later
/// versions may add scripts, and never change one.
#[cfg(feature = "outbox-postgres")]
pub const POSTGRES_MIGRATIONS: [&str; 3] = [
    include_str!("migrations/postgres-1.sql"),
    include_str!("migrations/postgres-2.sql"),
    include_str!("migrations/postgres-3.sql"),
];

/// The tables of the outbox, for SQLite: scripts to be run in this order, each once; see `POSTGRES_MIGRATIONS`.
#[cfg(feature = "outbox-sqlite")]
pub const SQLITE_MIGRATIONS: [&str; 3] = [
    include_str!("migrations/sqlite-1.sql"),
    include_str!("migrations/sqlite-2.sql"),
    include_str!("migrations/sqlite-3.sql"),
];

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
    service_version: Option<String>,
}

/// The columns of a row in the table `saga_outbox`, for writers other than sqlx: the rest has defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxRow {
    /// Column `saga_id`, a text.
    pub saga_id: String,
    /// Column `event`, the encoded event in bytes.
    pub event: Vec<u8>,
    /// Column `traceparent`, a text or NULL.
    pub traceparent: Option<String>,
    /// Column `tracestate`, a text or NULL.
    pub tracestate: Option<String>,
}

impl Outbox {
    /// An outbox for a service, the `producerService` of its events. Their `serviceVersion` is that of the process's
    /// environment (`SERVICE_VERSION`, else `OTEL_RESOURCE_ATTRIBUTES`).
    #[must_use]
    pub fn new(service: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            service_version: SagaConfig::default().resolved_service_version(),
        }
    }

    /// An outbox for the service that a configuration names, with its version.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Missing`] when an enabled configuration names no service.
    pub fn from_config(config: &SagaConfig) -> Result<Self, ConnectError> {
        let service = config.service_name.clone().filter(|name| !name.trim().is_empty());
        if config.is_enabled() && service.is_none() {
            return Err(ConnectError::Missing {
                key: "platform.saga.serviceName",
                variable: "PLATFORM_SAGA_SERVICE_NAME",
            });
        }
        Ok(Self {
            // A disabled tracker writes nothing.
            service: service.unwrap_or_default(),
            service_version: config.resolved_service_version(),
        })
    }

    /// Writes a step into the outbox, over the connection of an open transaction. With a disabled tracker the step is
    /// empty, and nothing is written.
    ///
    /// # Errors
    ///
    /// [`OutboxError`] for bad input, without a transaction, or when the database refuses; the transaction should then be
    /// rolled back.
    pub async fn record<C: OutboxConnection>(
        &self,
        connection: &mut C,
        step: StepBuilder<'_>,
    ) -> Result<(), OutboxError> {
        let Some((event, trace)) = self.event(step)? else {
            return Ok(());
        };
        if !connection.is_in_transaction() {
            return Err(OutboxError::NoTransaction);
        }
        Ok(connection
            .insert(event.saga_id.as_str(), &encode(&event), trace.as_ref())
            .await?)
    }

    /// The row of a step, to be inserted into `saga_outbox` in the service's own transaction by any library; `None` with a
    /// disabled tracker.
    ///
    /// ```
    /// # use saga_sdk::{SagaConfig, SagaType, outbox::Outbox, steps};
    /// # let tracker = saga_sdk::connect(&SagaConfig::default())?;
    /// let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
    /// if let Some(row) = Outbox::new("order-service").row(saga.start(steps::ORDER_CREATED))? {
    ///     // INSERT INTO saga_outbox (saga_id, event, traceparent, tracestate) VALUES (...)
    ///     println!("{} {:?} {:?} {:?}", row.saga_id, row.event, row.traceparent, row.tracestate);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InputError`] for bad input.
    pub fn row(&self, step: StepBuilder<'_>) -> Result<Option<OutboxRow>, InputError> {
        Ok(self.event(step)?.map(|(event, trace)| OutboxRow {
            event: encode(&event),
            saga_id: event.saga_id.into(),
            traceparent: trace.as_ref().map(TraceContext::traceparent),
            tracestate: trace
                .as_ref()
                .and_then(TraceContext::tracestate)
                .map(str::to_owned),
        }))
    }

    fn event(&self, step: StepBuilder<'_>) -> Result<Option<(SagaEvent, Option<TraceContext>)>, InputError> {
        let Some(record) = step.into_record() else {
            return Ok(None);
        };
        let mut record = record?;
        let trace = record.current_trace();
        record.set_service_version(self.service_version.as_deref())?;
        let event = record.into_event(&self.service, trace.as_ref())?;
        Ok(Some((event, trace)))
    }
}

fn encode(event: &SagaEvent) -> Vec<u8> {
    avro::encode_v2(event, Framing::SingleObject)
}
