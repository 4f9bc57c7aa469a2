//! Kafka away: the service goes on, memory stays bounded, and the accounts add up. On librdkafka's mock cluster.
#![cfg(feature = "kafka")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rdkafka::mocking::MockCluster;
use saga_sdk::{DropReason, PublishMode, RecordError, SagaConfig, SagaTrackerClient, SagaType, steps};
use support::{assert_adds_up, assert_ready, wait_until};

const TOPIC: &str = "sagas";
const BUFFER: u32 = 1_000;

/// A broker that can be stopped, and a client with a small buffer.
struct Harness {
    cluster: MockCluster<'static, rdkafka::producer::DefaultProducerContext>,
    config: SagaConfig,
}

impl Harness {
    fn new() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(TOPIC, 3, 1).unwrap();
        let mut config = SagaConfig::default()
            .enabled(true)
            .bootstrap_servers(cluster.bootstrap_servers())
            .service_name("order-service")
            .topic(TOPIC)
            .property("reconnect.backoff.max.ms", "100");
        config.buffer.max_events = BUFFER;
        Self { cluster, config }
    }

    fn connect(&self) -> Arc<dyn SagaTrackerClient> {
        saga_sdk::connect(&self.config).unwrap()
    }
}

fn record(tracker: &Arc<dyn SagaTrackerClient>, events: usize) {
    for number in 0..events {
        let saga = tracker
            .order(1)
            .saga(SagaType::ORDER_CREATION, format!("saga-{}", number % 7));
        assert_ready(
            saga.progress(steps::STOCK_RESERVATION)
                .with("number", number)
                .record(),
        );
    }
}

#[tokio::test]
async fn an_outage_fills_the_buffer_and_drops_the_rest_and_the_accounts_add_up_at_each_sample() {
    let harness = Harness::new();
    let tracker = harness.connect();
    record(&tracker, 10);
    wait_until(&tracker, |stats| stats.acknowledged == 10);

    harness.cluster.broker_down(1).unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let sampler = thread::spawn({
        let (tracker, is_over) = (Arc::clone(&tracker), Arc::clone(&is_over));
        move || {
            let mut samples = 0;
            while !is_over.load(Ordering::Relaxed) {
                assert_adds_up(&tracker.stats());
                samples += 1;
            }
            samples
        }
    });
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| record(&tracker, 5_000));
        }
    });
    let stats = tracker.stats();
    assert_eq!((stats.recorded, stats.acknowledged), (20_010, 10));
    assert_eq!(
        stats.pending,
        u64::from(BUFFER),
        "as much as was configured is kept"
    );
    assert_eq!(stats.dropped_for(DropReason::QueueFull), 19_000);

    harness.cluster.broker_up(1).unwrap();
    let stats = wait_until(&tracker, |stats| stats.pending == 0);
    assert_eq!(
        stats.acknowledged,
        10 + u64::from(BUFFER),
        "what was kept arrives"
    );
    is_over.store(true, Ordering::Relaxed);
    assert!(sampler.join().unwrap() > 0);
    assert!(tracker.close(Duration::from_secs(5)).await.is_complete());
}

#[tokio::test]
async fn the_buffer_is_bounded_in_bytes_too() {
    let mut harness = Harness::new();
    harness.config.buffer.max_bytes = 256 * 1024;
    harness.cluster.broker_down(1).unwrap();
    let tracker = harness.connect();
    let saga = tracker.order(1).saga(SagaType::ORDER_CREATION, "saga-1");
    for _ in 0..100 {
        assert_ready(
            saga.start(steps::ORDER_CREATED)
                .with("note", "x".repeat(10_000))
                .record(),
        );
    }
    let stats = tracker.stats();
    assert!((20..=27).contains(&stats.pending), "{stats:?}");
    assert_eq!(stats.dropped_for(DropReason::QueueFull), 100 - stats.pending);
    let _ = tracker.close(Duration::ZERO).await;
}

#[tokio::test]
async fn events_that_wait_too_long_expire() {
    let mut harness = Harness::new();
    harness.config.delivery_timeout = Duration::from_millis(200);
    harness.cluster.broker_down(1).unwrap();
    let tracker = harness.connect();
    record(&tracker, 5);
    let stats = wait_until(&tracker, |stats| stats.pending == 0);
    assert_eq!(stats.dropped_for(DropReason::Expired), 5);
    assert!(tracker.close(Duration::ZERO).await.is_complete());
}

#[tokio::test]
async fn close_says_what_was_left_and_counts_it_as_dropped() {
    let harness = Harness::new();
    harness.cluster.broker_down(1).unwrap();
    let tracker = harness.connect();
    record(&tracker, 5);
    assert_eq!(tracker.flush(Duration::from_millis(50)).await.left, 5);
    assert_eq!(tracker.close(Duration::from_millis(50)).await.left, 5);
    let stats = tracker.stats();
    assert_eq!((stats.pending, stats.dropped_for(DropReason::Closed)), (0, 5));
    assert!(
        tracker.close(Duration::from_secs(5)).await.is_complete(),
        "closing again changes nothing"
    );

    record(&tracker, 1);
    assert_eq!(
        tracker.stats().dropped_for(DropReason::Closed),
        6,
        "recorded after the end"
    );
}

#[tokio::test]
async fn a_synchronous_record_gives_up_at_its_deadline() {
    let mut harness = Harness::new();
    harness.config = harness.config.mode(PublishMode::Synchronous);
    harness.config.sync_timeout = Duration::from_millis(200);
    harness.cluster.broker_down(1).unwrap();
    let tracker = harness.connect();
    let saga = tracker.order(1).saga(SagaType::ORDER_CREATION, "saga-1");
    let error = saga.start(steps::ORDER_CREATED).record().await.unwrap_err();
    let RecordError::Unconfirmed { event } = error else {
        panic!("{error:?}")
    };
    assert_eq!(event.saga_id, "saga-1");

    let _ = tracker.close(Duration::ZERO).await;
    let error = tracker.record_event(*event).await.unwrap_err();
    assert!(
        matches!(
            error,
            RecordError::NotSent {
                reason: DropReason::Closed,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_synchronous_record_whose_future_is_dropped_is_counted() {
    let mut harness = Harness::new();
    harness.config = harness.config.mode(PublishMode::Synchronous);
    let tracker = harness.connect();
    let saga = tracker.order(1).saga(SagaType::ORDER_CREATION, "saga-1");
    drop(saga.start(steps::ORDER_CREATED).record());
    wait_until(&tracker, |stats| stats.acknowledged == 1);
    assert!(tracker.close(Duration::from_secs(5)).await.is_complete());
}

#[test]
fn dropping_an_open_client_delivers_what_it_can() {
    let harness = Harness::new();
    let tracker = harness.connect();
    record(&tracker, 100);
    drop(tracker);
    // The mock's offsets count what has arrived.
    while stored(&harness) < 100 {
        thread::sleep(Duration::from_millis(10));
    }
}

/// How many records the broker has.
fn stored(harness: &Harness) -> i64 {
    use rdkafka::consumer::{BaseConsumer, Consumer as _};
    let mut config = rdkafka::ClientConfig::new();
    let consumer: BaseConsumer = config
        .set("bootstrap.servers", harness.cluster.bootstrap_servers())
        .set("group.id", "none")
        .create()
        .unwrap();
    let watermarks = |partition| {
        consumer
            .fetch_watermarks(TOPIC, partition, Duration::from_secs(10))
            .unwrap()
    };
    (0..3).map(|partition| watermarks(partition).1).sum()
}
