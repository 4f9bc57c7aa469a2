//! What a client logs soon after its start, when its brokers or its topic are not as configured.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
    time::Duration,
};

use rdkafka::{Message as _, types::RDKafkaRespErr};
use saga_sdk::{DropReason, PublishMode, RecordError, SagaConfig, SagaType, steps};

use crate::harness::{Harness, capture_logs, record, wait_logged};

#[tokio::test]
async fn a_missing_topic_is_named_and_a_synchronous_record_refused() {
    capture_logs();
    let mut harness = Harness::new("missing-topic");
    let missing = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    harness.cluster.topic_error("missing-topic", missing).unwrap();
    harness.config = harness.config.mode(PublishMode::Synchronous);
    let tracker = harness.connect();
    wait_logged(&["missing-topic", "the topic does not exist"]);

    let saga = tracker.order(1).saga(SagaType::ORDER_CREATION, "saga-1");
    let error = saga.start(steps::ORDER_CREATED).record().await.unwrap_err();
    assert!(
        matches!(
            error,
            RecordError::NotSent {
                reason: DropReason::Refused,
                ..
            }
        ),
        "{error:?}"
    );
    wait_logged(&["reason=\"refused\"", "topic missing-topic: "]);
}

#[test]
fn a_topic_that_the_user_must_not_write_is_named() {
    capture_logs();
    let harness = Harness::new("forbidden-topic");
    let forbidden = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    harness.cluster.topic_error("forbidden-topic", forbidden).unwrap();
    let _tracker = harness.connect();
    wait_logged(&["forbidden-topic", "allow the user"]);
}

fn connect(server: &str) -> std::sync::Arc<dyn saga_sdk::SagaTrackerClient> {
    let config = SagaConfig::default()
        .enabled(true)
        .bootstrap_servers(server)
        .service_name("order-service");
    saga_sdk::connect(&config).unwrap()
}

/// A TLS server as a client sees it that does not speak its protocol: an alert to a handshake, and hanging up else.
fn tls_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, mut first) = (connection.unwrap(), [0; 1]);
            let _ = connection.set_read_timeout(Some(Duration::from_secs(5)));
            if connection.read_exact(&mut first).is_ok() && first == [0x16] {
                let _ = connection.write_all(&[0x15, 3, 1, 0, 2, 2, 40]);
            }
        }
    });
    address
}

#[test]
fn a_port_that_speaks_tls_is_named() {
    capture_logs();
    let server = tls_port();
    let _tracker = connect(&server);
    wait_logged(&[&server, "speaks TLS", "platform.saga.security.protocol"]);
}

#[test]
fn a_port_without_a_broker_is_named() {
    capture_logs();
    let _tracker = connect("127.0.0.1:1");
    wait_logged(&["127.0.0.1:1", "no broker responds"]);
}

#[test]
fn every_documented_compression_is_part_of_every_build() {
    use saga_sdk::Compression::{Gzip, Lz4, None, Snappy, Zstd};
    let harness = Harness::new("compressed");
    for compression in [None, Gzip, Snappy, Lz4, Zstd] {
        let config = harness.config.clone().compression(compression);
        let tracker = saga_sdk::connect(&config).unwrap();
        record(&tracker, 10);
        assert!(tracker.close_blocking(Duration::from_secs(60)).is_complete());
        assert_eq!(tracker.stats().acknowledged, 10, "{compression:?}");
    }
    harness.wait_stored(50);
}

#[test]
fn each_event_names_the_version_of_its_service() {
    let harness = Harness::new("versioned");
    let config = harness.config.clone().service_version("1.2.3");
    let tracker = saga_sdk::connect(&config).unwrap();
    record(&tracker, 1);
    assert!(tracker.close_blocking(Duration::from_secs(60)).is_complete());
    let consumer = crate::support::consumer(&harness.cluster.bootstrap_servers(), "versioned");
    let message = consumer.poll(Duration::from_secs(60)).unwrap().unwrap();
    let event = saga_types::avro::decode_single_object(message.payload().unwrap()).unwrap();
    assert_eq!(event.metadata.unwrap().to_object()["serviceVersion"], "1.2.3");
}

#[test]
fn the_doctor_names_what_is_wrong_and_is_silent_when_nothing_is() {
    let harness = Harness::new("checked");
    let healthy = saga_sdk::doctor(&harness.config);
    assert!(healthy.is_healthy(), "{healthy}");
    assert!(healthy.to_string().contains("topic: checked"), "{healthy}");

    let missing = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    harness.cluster.topic_error("checked", missing).unwrap();
    let server = tls_port();
    let off = SagaConfig::default();
    for (config, expected) in [
        (harness.config.clone(), "the topic does not exist"),
        (harness.config.clone().service_name(""), "serviceName is missing"),
        (harness.config.clone().bootstrap_servers(&server), "speaks TLS"),
        (
            harness.config.clone().bootstrap_servers("127.0.0.1:1"),
            "no broker responds",
        ),
        (
            harness.config.bootstrap_servers("${KAFKA}"),
            "the placeholder ${KAFKA}",
        ),
        (off, "off: platform.saga.enabled is not set"),
    ] {
        let diagnosis = saga_sdk::doctor(&config);
        assert_eq!(diagnosis.problems.len(), 1, "{diagnosis}");
        assert!(
            diagnosis.problems[0].contains(expected),
            "{expected}: {diagnosis}"
        );
    }
}
