//! Domain events on their way in: each is handled in one transaction, once, however often it comes.

use std::time::Duration;

use async_trait::async_trait;
use rdkafka::{
    ClientConfig, Message,
    consumer::{Consumer, StreamConsumer},
    error::KafkaResult,
    message::BorrowedMessage,
};
use saga_sdk::SagaHeaders as _;
use tokio_util::sync::CancellationToken;

use crate::{Database, DomainEvent, Work};

const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);

/// What a service does with the events of the others.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Handles an event within a transaction, which is committed afterwards. Events that say nothing to this service,
    /// or come too late, are left alone.
    ///
    /// # Errors
    ///
    /// When the database fails; nothing has happened then, and the event is handled again.
    async fn handle(&self, work: &mut Work, event: &DomainEvent) -> Result<(), sqlx::Error>;
}

impl Database {
    /// Handles an event in a transaction of its own. One that was handled before changes nothing.
    ///
    /// # Errors
    ///
    /// When the database fails; then nothing has happened.
    pub async fn handle_once(&self, handler: &dyn Handler, event: &DomainEvent) -> Result<(), sqlx::Error> {
        let mut work = self.begin().await?;
        if work.is_first(event).await? {
            handler.handle(&mut work, event).await?;
            work.commit().await?;
        }
        Ok(())
    }
}

pub(crate) struct Consumption<H> {
    pub(crate) consumer: StreamConsumer,
    pub(crate) database: Database,
    pub(crate) handler: H,
}

/// Offsets are stored by hand, after the transaction, and committed in the background.
pub(crate) fn consumer(client: &ClientConfig, group: &str, topics: &[&str]) -> KafkaResult<StreamConsumer> {
    let mut client = client.clone();
    client
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.offset.store", "false")
        .set("auto.commit.interval.ms", "500")
        // A service that died is replaced soon.
        .set("session.timeout.ms", "6000")
        // The embedded broker of `saga-server dev` keeps those waiting who ask before there is anything.
        .set("fetch.wait.max.ms", "200")
        .set("partition.assignment.strategy", "cooperative-sticky");
    let consumer: StreamConsumer = client.create()?;
    consumer.subscribe(topics)?;
    Ok(consumer)
}

impl<H: Handler> Consumption<H> {
    pub(crate) async fn run(self, stop: CancellationToken) {
        while let Some(received) = stop.run_until_cancelled(self.consumer.recv()).await {
            match received {
                Ok(message) => self.take(&message, &stop).await,
                Err(error) => tracing::warn!(%error, "cannot read domain events, trying again"),
            }
        }
        // Leaves the group; may wait for the broker.
        drop(tokio::task::spawn_blocking(move || drop(self.consumer)).await);
    }

    async fn take(&self, message: &BorrowedMessage<'_>, stop: &CancellationToken) {
        match parse(message) {
            Ok(event) => self.until_handled(&event, stop).await,
            Err(error) => {
                let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
                tracing::warn!(%error, topic, partition, offset, "left out what is not an event of the shop");
            }
        }
        if !stop.is_cancelled()
            && let Err(error) = self.consumer.store_offset_from_message(message)
        {
            // The partition went to another instance, which handles the event again, to no effect.
            tracing::debug!(%error, "an offset was not stored");
        }
    }

    /// What fails here is the database, and that passes; the event waits for it.
    async fn until_handled(&self, event: &DomainEvent, stop: &CancellationToken) {
        while let Err(error) = self.database.handle_once(&self.handler, event).await {
            tracing::error!(%error, order = event.order_id, "cannot handle a domain event, trying again");
            if stop
                .run_until_cancelled(tokio::time::sleep(PAUSE_AFTER_FAILURE))
                .await
                .is_none()
            {
                return;
            }
        }
    }
}

fn parse(message: &BorrowedMessage<'_>) -> Result<DomainEvent, serde_json::Error> {
    let mut event: DomainEvent = serde_json::from_slice(message.payload().unwrap_or_default())?;
    for (name, value) in message.saga_headers() {
        // One that is not text is none of ours.
        if let Ok(value) = str::from_utf8(value) {
            event.headers.insert(name.to_owned(), value.to_owned());
        }
    }
    Ok(event)
}
