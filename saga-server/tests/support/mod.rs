//! What tests on real parts share: a topic and a database of their own, a producer, a server, and REST.
//!
//! Addresses come from `DATABASE_URL` and `KAFKA_BOOTSTRAP_SERVERS`, as `scripts/parts` exports them.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses its part of this, and fails by panicking"
)]

pub mod damage;
pub mod dev;
pub mod events;
mod fresh;
#[path = "../../collector/src/kafka/headers.rs"]
mod headers;
pub mod process;
pub mod running;
pub mod stack;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) use fresh::create_topics;

use fresh::create_database;
use rdkafka::{
    ClientConfig, Message,
    consumer::{BaseConsumer, Consumer},
    message::BorrowedMessage,
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};
use saga_collector::secret::Secret;
use saga_server::config::{Config, Settings};
use saga_store::{Store, StoreOptions};
use saga_types::{
    SagaEvent,
    avro::{self, Framing, SchemaVersion},
    definition::Definitions,
};
use serde_json::Value;
use sqlx::{Connection, PgConnection};

/// How long anything may take before a test gives up on it.
pub const TIMEOUT: Duration = Duration::from_secs(120);

/// The address of a real part, or how to start it.
pub fn part(variable: &str, name: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set. Run: scripts/parts run kafka postgres pgbouncer debezium registry python jvm browser prometheus -- cargo test -p saga-server ({name})")
    })
}

/// A topic with its dead letter topic, and a database, for one test alone.
pub struct Harness {
    pub bootstrap_servers: String,
    pub database_url: String,
    pub topic: String,
    pub dead_letter_topic: String,
    pub group: String,
}

impl Harness {
    pub async fn new() -> Self {
        let kafka = part("KAFKA_BOOTSTRAP_SERVERS", "Apache Kafka");
        Self::at(&kafka, &part("DATABASE_URL", "PostgreSQL")).await
    }

    /// On a stack of its own, which the test may kill.
    pub async fn on_stack(stack: &stack::Stack) -> Self {
        let database = stack.value("DATABASE_URL");
        Self::at(&stack.value("KAFKA_BOOTSTRAP_SERVERS"), &database).await
    }

    /// On other parts than those of the environment.
    pub async fn at(bootstrap_servers: &str, admin_url: &str) -> Self {
        let name = format!("t{}", uuid::Uuid::now_v7().simple());
        let harness = Self {
            bootstrap_servers: bootstrap_servers.to_owned(),
            database_url: create_database(admin_url, &name).await,
            topic: format!("{name}.events"),
            dead_letter_topic: format!("{name}.dlt"),
            group: name,
        };
        create_topics(bootstrap_servers, &[&harness.topic, &harness.dead_letter_topic]).await;
        open(&harness.database_url).await;
        harness
    }

    /// The configuration of a server on these parts, on any free port.
    pub fn config(&self) -> Config {
        let mut settings = Settings {
            listen: "127.0.0.1:0".parse().ok(),
            ..Settings::default()
        };
        settings.database.url = Some(Secret::new(&self.database_url));
        settings.kafka.bootstrap_servers = Some(self.bootstrap_servers.clone());
        settings.kafka.topic = Some(self.topic.clone());
        settings.kafka.dead_letter_topic = Some(self.dead_letter_topic.clone());
        settings.kafka.group = Some(self.group.clone());
        settings.resolve().unwrap()
    }

    pub fn producer(&self) -> TestProducer {
        TestProducer::to(&self.bootstrap_servers, &self.topic)
    }

    pub async fn sql_count(&self, query: &'static str) -> i64 {
        let mut connection = PgConnection::connect(&self.database_url).await.unwrap();
        sqlx::query_scalar(query)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    }

    pub async fn sql(&self, statement: &'static str) {
        let mut connection = PgConnection::connect(&self.database_url).await.unwrap();
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    }

    /// All dead letters so far, once there are at least `count`.
    pub async fn dead_letters(&self, count: usize) -> Vec<DeadLetter> {
        self.records(&self.dead_letter_topic, count).await
    }

    /// All records of a topic so far, once there are at least `count`.
    pub async fn records(&self, topic: &str, count: usize) -> Vec<DeadLetter> {
        let (servers, topic) = (self.bootstrap_servers.clone(), topic.to_owned());
        tokio::task::spawn_blocking(move || read_dead_letters(&servers, &topic, count))
            .await
            .unwrap()
    }
}

/// A store on this database, with its tables.
pub async fn open(database_url: &str) -> Arc<dyn Store> {
    let options = StoreOptions {
        definitions: Definitions::built_in().into(),
        max_connections: 4,
    };
    let store = saga_store::connect(database_url, options).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// Writes events the way services in any language do.
pub struct TestProducer {
    producer: ThreadedProducer<DefaultProducerContext>,
    topic: String,
}

impl TestProducer {
    pub fn to(bootstrap_servers: &str, topic: &str) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap_servers)
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .set("queue.buffering.max.messages", "1000000")
            .create()
            .unwrap();
        Self {
            producer,
            topic: topic.to_owned(),
        }
    }

    pub fn send(&self, event: &SagaEvent) {
        let value = avro::encode(event, SchemaVersion::V2, Framing::SingleObject).unwrap();
        self.send_raw(Some(event.saga_id.as_str().as_bytes()), &value);
    }

    pub fn send_raw(&self, key: Option<&[u8]>, value: &[u8]) {
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&self.topic).payload(value);
        record.key = key;
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
    }

    pub fn send_record(&self, record: BaseRecord<'_, [u8], [u8]>) {
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
    }

    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Waits until the broker has acknowledged everything.
    pub fn flush(&self) {
        self.producer.flush(TIMEOUT).unwrap();
    }
}

/// A record of the dead letter topic. What is not UTF-8 in a header's name is replaced.
#[derive(Debug)]
pub struct DeadLetter {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl DeadLetter {
    fn of(message: &BorrowedMessage<'_>) -> Self {
        let mut headers = Vec::new();
        headers::read(message, |name, value| {
            let name = String::from_utf8_lossy(name).into_owned();
            headers.push((name, value.map(<[u8]>::to_vec)));
        });
        Self {
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers,
        }
    }

    pub fn header(&self, name: &str) -> &[u8] {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found
            .and_then(|(_, value)| value.as_deref())
            .unwrap_or_else(|| panic!("no header {name}: {self:?}"))
    }

    pub fn text(&self, name: &str) -> &str {
        str::from_utf8(self.header(name)).unwrap()
    }
}

fn read_dead_letters(bootstrap_servers: &str, topic: &str, count: usize) -> Vec<DeadLetter> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .set("group.id", format!("{topic}-{}", uuid::Uuid::now_v7()))
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let deadline = Instant::now() + TIMEOUT;
    let mut letters = Vec::new();
    let mut quiet_polls = 0;
    // A little longer than needed, so that surplus letters are seen too.
    while letters.len() < count || quiet_polls < 5 {
        assert!(
            Instant::now() < deadline,
            "{} of {count} dead letters after {TIMEOUT:?}",
            letters.len()
        );
        match consumer.poll(Duration::from_millis(200)) {
            Some(message) => {
                letters.push(DeadLetter::of(&message.unwrap()));
                quiet_polls = 0;
            }
            None => quiet_polls += 1,
        }
    }
    letters
}

/// REST of one server.
#[derive(Clone)]
pub struct Rest {
    base: String,
    client: reqwest::Client,
}

impl Rest {
    pub fn at(base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            client: saga_collector::http_client::plain_client(),
        }
    }

    /// Where it is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The status and the body of an answer to a body; `None` when none came.
    pub async fn try_post(&self, path: &str, body: &Value) -> Option<(u16, Value)> {
        let request = self.client.post(format!("{}{path}", self.base)).json(body);
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.ok()?))
    }

    /// The status and the body; `None` while the port is closed.
    pub async fn try_get(&self, path: &str) -> Option<(u16, Value)> {
        let answer = self
            .client
            .get(format!("{}{path}", self.base))
            .send()
            .await
            .ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// An answer without end.
    pub async fn stream(&self, path: &str) -> reqwest::Response {
        let url = format!("{}{path}", self.base);
        self.client.get(url).send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.try_get(path)
            .await
            .unwrap_or_else(|| panic!("no answer to {path}"))
    }

    /// The answer of a call that must succeed.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.base)).json(body);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Asks until the answer is as wanted.
    pub async fn wait_for(&self, path: &str, what: &str, is_wanted: impl Fn(u16, &Value) -> bool) -> Value {
        let deadline = Instant::now() + TIMEOUT;
        let mut last = None;
        while Instant::now() < deadline {
            last = self.try_get(path).await;
            if let Some((status, body)) = &last
                && is_wanted(*status, body)
            {
                return body.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{path}: {what} did not come true within {TIMEOUT:?}; last answer: {last:?}");
    }

    pub async fn wait_until_ready(&self) {
        self.wait_for("/health/readiness", "ready", |status, _| status == 200)
            .await;
    }

    pub async fn saga_with_steps(&self, saga_id: &str, steps: u64) -> Value {
        let path = format!("/api/v1/sagas/{saga_id}");
        self.wait_for(&path, &format!("{steps} steps"), |_, saga| {
            saga["stepCount"] == steps
        })
        .await
    }
}

/// Waits until something holds.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !holds().await {
        assert!(
            Instant::now() < deadline,
            "{what} did not come true within {TIMEOUT:?}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
