//! Domain events on their way out: written in the transaction that makes them true, sent afterwards, in order and at
//! least once. A service that dies in between sends them when it is back.

use std::{convert::Infallible, time::Duration};

use futures_util::future::join_all;
use rdkafka::{
    ClientConfig, ClientContext,
    error::{KafkaError, KafkaResult},
    message::{DeliveryResult, Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, ProducerContext},
};
use sqlx::{SqliteConnection, SqlitePool, types::Json};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::{Database, DomainEvent, Headers, ShopError};

const BATCH: i64 = 200;

/// How often the broker's answers are looked for while there are events on their way.
const POLL: Duration = Duration::from_millis(5);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

pub(crate) async fn add(
    sql: &mut SqliteConnection,
    topic: &str,
    event: &DomainEvent,
) -> Result<(), sqlx::Error> {
    let json = serde_json::to_string(event).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let insert = sqlx::query("INSERT INTO outbox (topic, order_id, event, headers) VALUES (?, ?, ?, ?)");
    let insert = insert.bind(topic).bind(&event.order_id).bind(json);
    insert.bind(Json(&event.headers)).execute(sql).await?;
    Ok(())
}

/// Events that were not sent yet, oldest first: the topic and the event.
///
/// # Errors
///
/// When the database fails.
pub async fn pending(database: &Database) -> Result<Vec<(String, DomainEvent)>, sqlx::Error> {
    let rows = read(database.pool(), i64::MAX).await?;
    let parsed = rows.into_iter().map(|row| {
        let event = serde_json::from_str::<DomainEvent>(&row.event)?;
        Ok::<_, serde_json::Error>((
            row.topic,
            DomainEvent {
                headers: row.headers.0,
                ..event
            },
        ))
    });
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
    headers: Json<Headers>,
}

async fn read(pool: &SqlitePool, limit: i64) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as("SELECT id, topic, order_id, event, headers FROM outbox ORDER BY id LIMIT ?")
        .bind(limit)
        .fetch_all(pool)
        .await
}

/// Sends what is pending, until stopped.
pub(crate) struct Relay {
    pub(crate) database: Database,
    pub(crate) client: ClientConfig,
    pub(crate) interval: Duration,
}

impl Relay {
    pub(crate) async fn run(self, stop: CancellationToken) {
        let sending = async {
            loop {
                let Err(error) = self.send_until_failure().await;
                tracing::warn!(%error, "domain events wait in the outbox");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        };
        // Cut off in the middle, events are sent again at the next start.
        stop.run_until_cancelled(sending).await;
    }

    /// A producer that has failed may be of no use any more, so each attempt makes its own.
    async fn send_until_failure(&self) -> Result<Infallible, ShopError> {
        let mut client = self.client.clone();
        // One that waits as long as it takes keeps the order of what is behind.
        let producer: BaseProducer<Deliveries> = client
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "0")
            .create_with_context(Deliveries)?;
        let mut rounds = tokio::time::interval(self.interval);
        loop {
            rounds.tick().await;
            producer.poll(Duration::ZERO);
            while self.send_batch(&producer).await? > 0 {}
        }
    }

    /// Sends the oldest, and forgets what the broker has. Gives their number.
    async fn send_batch(&self, producer: &BaseProducer<Deliveries>) -> Result<usize, ShopError> {
        let rows = read(self.database.pool(), BATCH).await?;
        let deliveries = rows
            .iter()
            .map(|row| send(producer, row))
            .collect::<KafkaResult<Vec<_>>>()?;
        let delivered = polled(producer, join_all(deliveries)).await;
        let failure = delivered
            .into_iter()
            .enumerate()
            .find_map(|(index, result)| Some((index, failure(result)?)));
        let count = failure.as_ref().map_or(rows.len(), |(index, _)| *index);
        if let Some(last) = rows[..count].last() {
            self.remove_up_to(last.id).await?;
        }
        failure.map_or(Ok(count), |(_, error)| Err(error.into()))
    }

    async fn remove_up_to(&self, id: i64) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM outbox WHERE id <= ?")
            .bind(id)
            .execute(self.database.pool())
            .await?;
        Ok(())
    }
}

/// Waits for what the broker says, which the producer hears only when it is polled.
async fn polled<F: Future>(producer: &BaseProducer<Deliveries>, answers: F) -> F::Output {
    let mut answers = std::pin::pin!(answers);
    let mut polls = tokio::time::interval(POLL);
    loop {
        tokio::select! {
            answers = &mut answers => return answers,
            _ = polls.tick() => producer.poll(Duration::ZERO),
        }
    }
}

/// Tells those who wait whether the broker has their event.
struct Deliveries;

type Delivery = oneshot::Receiver<Option<KafkaError>>;

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<oneshot::Sender<Option<KafkaError>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, answer: Self::DeliveryOpaque) {
        let _ = answer.send(result.as_ref().err().map(|(error, _)| error.clone()));
    }
}

fn send(producer: &BaseProducer<Deliveries>, row: &Row) -> KafkaResult<Delivery> {
    let headers = row
        .headers
        .iter()
        .fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: Some(value),
            })
        });
    let (answer, delivery) = oneshot::channel();
    let record = BaseRecord::with_opaque_to(&row.topic, Box::new(answer))
        .key(&row.order_id)
        .payload(&row.event)
        .headers(headers);
    producer
        .send(record)
        .map(|()| delivery)
        .map_err(|(error, _)| error)
}

fn failure(delivered: <Delivery as Future>::Output) -> Option<KafkaError> {
    delivered.unwrap_or(Some(KafkaError::Canceled))
}
