//! From PostgreSQL to real Kafka, with relays that are killed.

use std::{
    collections::{BTreeMap, HashSet},
    env,
    sync::Arc,
    time::Duration,
};

use rdkafka::{
    ClientConfig, Message as _,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};
use saga_sdk::{
    SagaConfig, SagaTrackerClient, SagaType,
    outbox::{self, Outbox, OutboxPool as _, Relay, RelayOptions},
    steps,
};
use saga_types::avro;
use uuid::Uuid;

use crate::{databases, support::consumer, topic::Topic};

const SAGAS: u64 = 20;
const EVENTS: u64 = 50;

#[tokio::test(flavor = "multi_thread")]
async fn relays_killed_at_random_lose_nothing_and_keep_order_on_kafka() {
    let servers = env::var("KAFKA_BOOTSTRAP_SERVERS").unwrap_or_else(|_| {
        panic!(
            "this test needs Kafka: run scripts/parts run kafka postgres -- cargo test -p saga-sdk --features outbox"
        )
    });
    let topic = create_topic(&servers).await;
    let pool = databases::postgres().await;
    outbox::migrate(&pool).await.unwrap();
    let config = SagaConfig::default()
        .enabled(true)
        .bootstrap_servers(&servers)
        .service_name("order-service")
        .topic(&topic);
    let mut options = RelayOptions::default();
    options.batch = 50;
    options.poll_interval = Duration::from_millis(20);
    options.lease = Duration::from_secs(1);
    let relay = || {
        let relay = Relay::connect(pool.clone(), &config)
            .unwrap()
            .options(options.clone());
        tokio::spawn(async move { relay.run(std::future::pending()).await })
    };

    let killer = async {
        let mut relays = [relay(), relay()];
        for round in 0_usize.. {
            tokio::time::sleep(Duration::from_millis(700)).await;
            relays[round % 2].abort();
            relays[round % 2] = relay();
        }
    };
    let work = async {
        record_all(&pool).await;
        while pool.backlog().await.unwrap().pending > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = killer => {}
        () = work => {}
    }
    for (saga, numbers) in first_deliveries(&servers, &topic) {
        assert_eq!(numbers, (0..EVENTS).collect::<Vec<_>>(), "{saga}");
    }
}

async fn record_all(pool: &sqlx::PgPool) {
    // Only stands for an enabled tracker: what is recorded goes to the outbox.
    let tracker: Arc<dyn SagaTrackerClient> = Arc::new(Topic::default());
    let outbox = Outbox::new("order-service");
    for number in 0..EVENTS {
        let mut transaction = pool.begin().await.unwrap();
        for id in 0..SAGAS {
            let saga = tracker
                .order(1)
                .saga(SagaType::ORDER_CREATION, format!("saga-{id}"));
            let step = saga.progress(steps::STOCK_RESERVATION).with("number", number);
            outbox.record(&mut *transaction, step).await.unwrap();
        }
        transaction.commit().await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

pub(crate) async fn create_topic(servers: &str) -> String {
    let name = format!("saga-sdk-test-{}", Uuid::now_v7());
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .create()
        .unwrap();
    let topic = NewTopic::new(&name, 3, TopicReplication::Fixed(1));
    let results = admin.create_topics(&[topic], &AdminOptions::new()).await.unwrap();
    results.into_iter().for_each(|result| _ = result.unwrap());
    name
}

/// The numbers of each saga's events in the order of their first coming.
fn first_deliveries(servers: &str, topic: &str) -> BTreeMap<String, Vec<u64>> {
    let consumer = consumer(servers, topic);
    let mut seen = HashSet::new();
    let mut sagas: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    while seen.len() < usize::try_from(SAGAS * EVENTS).unwrap() {
        let record = consumer
            .poll(Duration::from_secs(20))
            .expect("a record within 20 s")
            .unwrap();
        let event = avro::decode_single_object(record.payload().unwrap()).unwrap();
        if seen.insert(event.event_id.clone()) {
            let number = event.metadata.as_ref().unwrap().to_object()["number"]
                .as_u64()
                .unwrap();
            sagas.entry(event.saga_id.to_string()).or_default().push(number);
        }
    }
    sagas
}
