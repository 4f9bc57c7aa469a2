//! What a record call costs, against the same written by hand. Prints a table; each figure is the median of 15
//! rounds, measured alternately.
//!
//! `scripts/parts run kafka -- cargo bench -p saga-sdk --bench record`, with `-- P2` for one row only; without Kafka the
//! last row uses the mock cluster of librdkafka.
#![expect(clippy::unwrap_used, reason = "a bench may panic")]

use std::{
    env,
    hint::black_box,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant, SystemTime},
};

use rdkafka::{
    ClientConfig, ClientContext,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    message::{DeliveryResult, Header, OwnedHeaders},
    mocking::MockCluster,
    producer::{BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer},
};
use saga_sdk::{Recording, SagaConfig, SagaTrackerClient, SagaType, steps};
use serde::Serialize;
use uuid::Uuid;

const ROUNDS: usize = 15;
const EVENTS: usize = 20_000;
const TOPIC: &str = "saga-sdk-bench";
const LONG: Duration = Duration::from_secs(60);

fn main() {
    println!("| what | SDK | by hand | ratio | target |\n| --- | --- | --- | --- | --- |");
    let wanted =
        |name: &str| !env::args().any(|arg| arg.starts_with('P')) || env::args().any(|arg| arg == name);
    let parts: [(&str, fn()); 3] = [("P1", disabled), ("P2", asynchronous), ("P3", throughput)];
    parts
        .into_iter()
        .filter(|(name, _)| wanted(name))
        .for_each(|(_, measure)| measure());
}

// --- P1 --------------------------------------------------------------------------------------------

fn disabled() {
    const CALLS: u32 = 5_000_000;
    let tracker = saga_sdk::connect(&SagaConfig::default()).unwrap();
    let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
    let rounds = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        for call in 0..CALLS {
            let step = black_box(&saga)
                .start(steps::ORDER_CREATED)
                .with("customerId", "C-17")
                .with("items", call);
            ready(step.record());
        }
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
    });
    println!(
        "| P1: a record call when disabled | {:.2} ns | | | at most 5 ns |",
        median(rounds.collect())
    );
}

#[inline]
fn ready(recording: Recording) {
    let polled = pin!(recording).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Ok(()))));
}

// --- P2 --------------------------------------------------------------------------------------------

/// No listener there, so that only enqueueing is measured.
const UNREACHABLE: &str = "127.0.0.1:1";

fn asynchronous() {
    let (mut sdk, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        sdk.push(per_event(|| {
            let tracker = connect(UNREACHABLE);
            let took = timed(|| record(&tracker));
            assert_eq!(tracker.stats().pending, EVENTS as u64);
            close(&tracker, Duration::ZERO);
            took
        }));
        by_hand.push(per_event(|| {
            let bare = Bare::connect(UNREACHABLE);
            let took = timed(|| bare.record());
            bare.producer.purge(PurgeConfig::default().queue().inflight());
            took
        }));
    }
    let (sdk, by_hand) = (median(sdk), median(by_hand));
    let ratio = sdk / by_hand;
    println!(
        "| P2: an asynchronous record call | {sdk:.0} ns | {by_hand:.0} ns | {ratio:.2} | at most 1.5 |"
    );
}

fn record(tracker: &Arc<dyn SagaTrackerClient>) {
    let sagas: Vec<_> = (0..100)
        .map(|number| {
            tracker
                .order("order-4711")
                .saga(SagaType::ORDER_CREATION, saga_id(number))
        })
        .collect();
    for number in 0..EVENTS {
        let saga = &sagas[number % 100];
        let step = saga
            .start(steps::ORDER_CREATED)
            .with("customerId", "C-17")
            .with("paymentMethod", "card");
        ready(step.with("itemCount", number).record());
    }
}

/// The same parts without an SDK: ids, clock, metadata, Avro, headers, enqueue.
struct Bare {
    producer: ThreadedProducer<Ignore>,
    instance: String,
}

struct Ignore;

impl ClientContext for Ignore {
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: rdkafka::error::KafkaError, _: &str) {}
}

impl ProducerContext for Ignore {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let _ = black_box(result.is_ok());
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    customer_id: &'a str,
    payment_method: &'a str,
    item_count: usize,
    producer_service: &'a str,
    producer_timestamp: &'a str,
}

impl Bare {
    fn connect(servers: &str) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", servers)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "5")
            .set("queue.buffering.max.messages", "50000")
            .set("queue.buffering.max.kbytes", "32768")
            .create_with_context(Ignore)
            .unwrap();
        Self {
            producer,
            instance: Uuid::now_v7().to_string(),
        }
    }

    fn record(&self) {
        let ids: Vec<_> = (0..100).map(saga_id).collect();
        for number in 0..EVENTS {
            self.send(&ids[number % 100], number);
        }
    }

    fn send(&self, saga_id: &str, number: usize) {
        self.enqueue(saga_id, &encode(saga_id, number), number);
    }

    fn enqueue(&self, saga_id: &str, value: &[u8], number: usize) {
        let sequence = number.to_string();
        let header = |key, value| Header {
            key,
            value: Some(value),
        };
        let headers = OwnedHeaders::new_with_capacity(4)
            .insert(header("saga-producer", "bench-service"))
            .insert(header("saga-producer-version", "0.1.0"))
            .insert(header("saga-producer-instance", self.instance.as_str()))
            .insert(header("saga-sequence", &sequence));
        let record = BaseRecord::to(TOPIC).key(saga_id).payload(value).headers(headers);
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
    }
}

fn encode(saga_id: &str, number: usize) -> Vec<u8> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let millis = i64::try_from(now.as_millis()).unwrap();
    let time = saga_sdk::Timestamp::from_millis(millis).unwrap().to_string();
    let metadata = serde_json::to_string(&Metadata {
        customer_id: "C-17",
        payment_method: "card",
        item_count: number,
        producer_service: "bench-service",
        producer_timestamp: &time,
    })
    .unwrap();
    let mut id = Uuid::encode_buffer();
    let id = Uuid::now_v7().hyphenated().encode_lower(&mut id);
    let mut value = Vec::with_capacity(512);
    value.extend_from_slice(&[0xC3, 0x01, 0xab, 0x51, 0xaf, 0x47, 0x5c, 0xad, 0xa8, 0x7f]);
    write_text(id, &mut value);
    write_long(millis, &mut value);
    write_text(saga_id, &mut value);
    write_long(0, &mut value);
    write_text("ORDER_CREATED", &mut value);
    write_long(0, &mut value);
    write_text("order-4711", &mut value);
    write_long(1, &mut value);
    write_text(&metadata, &mut value);
    write_long(millis, &mut value);
    write_long(0, &mut value);
    value
}

fn write_text(text: &str, bytes: &mut Vec<u8>) {
    write_long(i64::try_from(text.len()).unwrap(), bytes);
    bytes.extend_from_slice(text.as_bytes());
}

#[expect(
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "zigzag works on the bits"
)]
fn write_long(value: i64, bytes: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

// --- P3 --------------------------------------------------------------------------------------------

fn throughput() {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic(TOPIC, 3, 1).unwrap();
    let given = env::var("KAFKA_BOOTSTRAP_SERVERS");
    let broker = if given.is_ok() {
        "Kafka"
    } else {
        "the mock cluster"
    };
    if let Ok(servers) = &given {
        create_topic(servers);
    }
    let servers = given.unwrap_or_else(|_| mock.bootstrap_servers());

    let tracker = connect(&servers);
    let bare = Bare::connect(&servers);
    let values: Vec<_> = (0..EVENTS)
        .map(|number| (saga_id(number % 100), encode(&saga_id(number % 100), number)))
        .collect();
    // The first round connects, and makes the topic.
    acknowledged(&tracker);
    bare.acknowledged(&values);
    let (mut sdk, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        sdk.push(rate(acknowledged(&tracker)));
        by_hand.push(rate(bare.acknowledged(&values)));
    }
    close(&tracker, LONG);
    let (sdk, by_hand) = (median(sdk), median(by_hand));
    let ratio = sdk / by_hand;
    println!(
        "| P3: acknowledged events, {broker} | {sdk:.0}/s | {by_hand:.0}/s (bare producer, ready bytes) | {ratio:.2} | at least 0.85 |"
    );
}

fn create_topic(servers: &str) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .create()
        .unwrap();
    let topic = NewTopic::new(TOPIC, 3, TopicReplication::Fixed(1));
    let _ = block_on(admin.create_topics(&[topic], &AdminOptions::new())).unwrap();
}

fn acknowledged(tracker: &Arc<dyn SagaTrackerClient>) -> Duration {
    let before = tracker.stats().acknowledged;
    let took = timed(|| {
        record(tracker);
        let _ = block_on(tracker.flush(LONG));
    });
    assert_eq!(tracker.stats().acknowledged - before, EVENTS as u64);
    took
}

impl Bare {
    fn acknowledged(&self, values: &[(String, Vec<u8>)]) -> Duration {
        timed(|| {
            for (number, (key, value)) in values.iter().enumerate() {
                self.enqueue(key, value, number);
            }
            self.producer.flush(LONG).unwrap();
        })
    }
}

// --- common ----------------------------------------------------------------------------------------

fn connect(servers: &str) -> Arc<dyn SagaTrackerClient> {
    let config = SagaConfig::default()
        .enabled(true)
        .bootstrap_servers(servers)
        .service_name("bench-service")
        .topic(TOPIC);
    saga_sdk::connect(&config).unwrap()
}

fn close(tracker: &Arc<dyn SagaTrackerClient>, timeout: Duration) {
    let _ = block_on(tracker.close(timeout));
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn saga_id(number: usize) -> String {
    format!("0190a1b2-c3d4-7e5f-8a9b-{number:012}")
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

fn per_event(round: impl FnOnce() -> Duration) -> f64 {
    round().as_secs_f64() * 1e9 / EVENTS as f64
}

fn rate(took: Duration) -> f64 {
    EVENTS as f64 / took.as_secs_f64()
}

fn median(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}
