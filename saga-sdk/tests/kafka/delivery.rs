//! What arrives on the topic, and how.

use std::collections::{BTreeMap, BTreeSet};

use saga_sdk::{SagaStatus, SagaType, Timestamp, steps};

use crate::support::{CLOSE, PARTITIONS, Topic, event, header};
use rdkafka::Message as _;

#[tokio::test]
async fn a_recorded_step_arrives_as_the_wire_contract_says() {
    let topic = Topic::create().await;
    let tracker = topic.connect();
    let saga = tracker.order(4711).saga(SagaType::ORDER_CREATION, "saga-1");
    let moment = Timestamp::from_millis(1_700_000_000_000).unwrap();
    saga.failed(steps::PAYMENT_FAILED, "card declined")
        .with("retryCount", 2)
        .at(moment)
        .record()
        .await
        .unwrap();
    assert!(tracker.close(CLOSE).await.is_complete());

    let record = topic.read(1).remove(0);
    assert_eq!(record.key(), Some(&b"saga-1"[..]));
    let event = event(&record);
    assert_eq!(event.event_id.as_str().len(), 36);
    assert_eq!(
        (event.saga_id.as_str(), event.order_id.as_str()),
        ("saga-1", "4711")
    );
    assert_eq!(
        (event.step, event.status),
        (steps::PAYMENT_FAILED, SagaStatus::Failed)
    );
    assert_eq!(event.recorded_at, moment);
    assert!(event.event_timestamp > moment);
    let metadata = event.metadata.unwrap().to_object();
    assert_eq!(metadata["failureReason"], "card declined");
    assert_eq!(metadata["retryCount"], 2);
    assert_eq!(metadata["producerService"], "order-service");
    assert_eq!(metadata["producerTimestamp"], event.event_timestamp.to_string());
}

#[tokio::test]
async fn headers_name_the_producer_and_count_its_events() {
    let topic = Topic::create().await;
    for _ in 0..2 {
        let tracker = topic.connect();
        for number in 0..10 {
            let saga = tracker
                .order(1)
                .saga(SagaType::ORDER_CREATION, format!("saga-{number}"));
            saga.start(steps::ORDER_CREATED).record().await.unwrap();
        }
        assert!(tracker.close(CLOSE).await.is_complete());
    }

    let mut sequences: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for record in topic.read(20) {
        assert_eq!(header(&record, "saga-producer").as_deref(), Some("order-service"));
        assert_eq!(
            header(&record, "saga-producer-version").as_deref(),
            Some(env!("CARGO_PKG_VERSION"))
        );
        assert_eq!(header(&record, "traceparent"), None, "there is no span");
        let sequence = header(&record, "saga-sequence").unwrap().parse().unwrap();
        sequences
            .entry(header(&record, "saga-producer-instance").unwrap())
            .or_default()
            .insert(sequence);
    }
    let complete: BTreeSet<u64> = (1..=10).collect();
    assert_eq!(
        sequences.into_values().collect::<Vec<_>>(),
        [complete.clone(), complete]
    );
}

#[tokio::test]
async fn the_events_of_a_saga_share_a_partition_and_keep_their_order() {
    let topic = Topic::create().await;
    let tracker = topic.connect();
    for round in 0..200 {
        for number in 0..5 {
            let saga = tracker
                .order(1)
                .saga(SagaType::ORDER_CREATION, format!("saga-{number}"));
            saga.progress(steps::STOCK_RESERVATION)
                .with("round", round)
                .record()
                .await
                .unwrap();
        }
    }
    assert!(tracker.close(CLOSE).await.is_complete());

    let mut sagas: BTreeMap<String, Vec<(i32, String)>> = BTreeMap::new();
    for record in topic.read(1_000) {
        let event = event(&record);
        sagas
            .entry(event.saga_id.to_string())
            .or_default()
            .push((record.partition(), event.event_id.to_string()));
    }
    for events in sagas.values() {
        assert_eq!(events.len(), 200);
        assert!(events.is_sorted(), "one partition, growing event ids");
    }
}

#[tokio::test]
async fn sagas_are_partitioned_as_the_jvm_clients_do() {
    let topic = Topic::create().await;
    let tracker = topic.connect();
    let ids: Vec<String> = (0..50).map(|number| format!("saga-{number}")).collect();
    for id in &ids {
        tracker
            .order(1)
            .saga(SagaType::ORDER_CREATION, id)
            .start(steps::ORDER_CREATED)
            .record()
            .await
            .unwrap();
    }
    assert!(tracker.close(CLOSE).await.is_complete());
    for record in topic.read(ids.len()) {
        let expected = (murmur2(record.key().unwrap()) & 0x7fff_ffff).cast_signed() % PARTITIONS;
        assert_eq!(record.partition(), expected);
    }
}

/// The hash of Kafka's own default partitioner.
fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ u32::try_from(key.len()).unwrap();
    let mut words = key.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes(word.try_into().unwrap()).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        hash ^= rest
            .iter()
            .rev()
            .fold(0, |word, byte| (word << 8) | u32::from(*byte));
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}
