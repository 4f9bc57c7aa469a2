//! A real registry and a real Kafka.

use std::{env, sync::Arc, time::Duration};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};
use saga_sdk::{SagaConfig, SagaTrackerClient};
use uuid::Uuid;

use crate::{
    harness::{assert_in_order, read, record},
    support::wait_until,
};

fn part(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: run scripts/parts run kafka registry -- cargo test -p saga-sdk --features schema-registry"
        )
    })
}

async fn config() -> SagaConfig {
    let (servers, registry) = (part("KAFKA_BOOTSTRAP_SERVERS"), part("SCHEMA_REGISTRY_URL"));
    let topic = format!("saga-sdk-test-{}", Uuid::now_v7());
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", &servers)
        .create()
        .unwrap();
    let new = NewTopic::new(&topic, 3, TopicReplication::Fixed(1));
    let results = admin.create_topics(&[new], &AdminOptions::new()).await.unwrap();
    results.into_iter().for_each(|result| _ = result.unwrap());
    let mut config = SagaConfig::default()
        .enabled(true)
        .bootstrap_servers(servers)
        .service_name("order-service")
        .topic(topic);
    config.schema_registry.url = Some(registry);
    config
}

fn connect(config: &SagaConfig, registers: bool) -> Arc<dyn SagaTrackerClient> {
    let mut config = config.clone();
    config.schema_registry.auto_register = registers;
    saga_sdk::connect(&config).unwrap()
}

#[tokio::test]
async fn events_of_a_client_that_only_looks_up_wait_until_the_schema_is_registered() {
    let config = config().await;
    let looks_up = connect(&config, false);
    record(&looks_up, 500);
    // Longer than the registry takes to refuse.
    assert_eq!(looks_up.flush(Duration::from_secs(1)).await.left, 500);

    let registers = connect(&config, true);
    wait_until(&looks_up, |stats| stats.acknowledged == 500);
    let close = Duration::from_secs(20);
    assert!(looks_up.close(close).await.is_complete());
    assert!(registers.close(close).await.is_complete());
    let servers = part("KAFKA_BOOTSTRAP_SERVERS");
    let (sagas, ids) = read(&servers, &config.topic, 500);
    assert_in_order(&sagas, 500);
    assert!(ids.iter().all(|id| *id == ids[0] && *id > 0), "{ids:?}");
}
