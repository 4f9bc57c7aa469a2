//! Domain events on their way out: written in the transaction that makes them true, sent afterwards, in order and at
//! least once. A service that dies in between sends them when it is back.

use std::time::Duration;

use futures_util::future::join_all;
use rdkafka::{
    ClientConfig,
    error::KafkaResult,
    producer::{DeliveryFuture, FutureProducer, FutureRecord},
};
use sqlx::{SqliteConnection, SqlitePool};
use tokio_util::sync::CancellationToken;

use crate::{Database, DomainEvent};

const BATCH: i64 = 200;

pub(crate) async fn add(
    sql: &mut SqliteConnection,
    topic: &str,
    event: &DomainEvent,
) -> Result<(), sqlx::Error> {
    let json = serde_json::to_string(event).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let insert = sqlx::query("INSERT INTO outbox (topic, order_id, event) VALUES (?, ?, ?)");
    insert
        .bind(topic)
        .bind(&event.order_id)
        .bind(json)
        .execute(sql)
        .await?;
    Ok(())
}

/// Events that were not sent yet, oldest first: the topic and the event.
///
/// # Errors
///
/// When the database fails.
pub async fn pending(database: &Database) -> Result<Vec<(String, DomainEvent)>, sqlx::Error> {
    let rows = read(database.pool(), i64::MAX).await?;
    let parsed = rows
        .into_iter()
        .map(|row| serde_json::from_str(&row.event).map(|event| (row.topic, event)));
    parsed
        .collect::<Result<_, _>>()
        .map_err(|error| sqlx::Error::Decode(error.into()))
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    topic: String,
    order_id: String,
    event: String,
}

async fn read(pool: &SqlitePool, limit: i64) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as("SELECT id, topic, order_id, event FROM outbox ORDER BY id LIMIT ?")
        .bind(limit)
        .fetch_all(pool)
        .await
}

/// Sends what is pending, until told to stop.
pub(crate) struct Relay {
    pub(crate) database: Database,
    pub(crate) producer: FutureProducer,
    pub(crate) interval: Duration,
}

impl Relay {
    pub(crate) fn producer(client: &ClientConfig) -> KafkaResult<FutureProducer> {
        let mut client = client.clone();
        // One that never gives up keeps the order of what waits behind.
        client
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "0")
            .create()
    }

    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut rounds = tokio::time::interval(self.interval);
        let sending = async {
            loop {
                rounds.tick().await;
                if let Err(error) = self.send_all().await {
                    tracing::warn!(%error, "domain events wait in the outbox");
                }
            }
        };
        // Cut off in the middle, events are sent again at the next start.
        stop.run_until_cancelled(sending).await;
    }

    async fn send_all(&self) -> Result<(), sqlx::Error> {
        loop {
            let rows = read(self.database.pool(), BATCH).await?;
            let sent = join_all(rows.iter().map_while(|row| self.send(row))).await;
            let sent = sent
                .iter()
                .take_while(|delivery| matches!(delivery, Ok(Ok(_))))
                .count();
            let Some(last) = sent.checked_sub(1).and_then(|last| rows.get(last)) else {
                return Ok(());
            };
            self.remove_up_to(last.id).await?;
        }
    }

    /// `None` when the producer's queue is full; the rest goes in the next round.
    fn send(&self, row: &Row) -> Option<DeliveryFuture> {
        let record = FutureRecord::to(&row.topic)
            .key(&row.order_id)
            .payload(&row.event);
        self.producer.send_result(record).ok()
    }

    async fn remove_up_to(&self, id: i64) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM outbox WHERE id <= ?")
            .bind(id)
            .execute(self.database.pool())
            .await?;
        Ok(())
    }
}
