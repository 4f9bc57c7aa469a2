//! What holds ingest up beside records: a statement that does not end, a topic that is gone, partitions that are new. Health
//! reports it, and ingest goes on by itself.

use std::time::Duration;

use rdkafka::{
    admin::{AdminOptions, NewPartitions},
    producer::BaseRecord,
};

use crate::{
    hostile_records::{admin, value},
    support::{Harness, TIMEOUT, create_topics, eventually, running::Running},
};

/// More than 16 × 16 events: a batch of them is split three times until single events are left.
const SPLIT_THRICE: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_is_reported_with_partition_and_offset_whatever_its_cause() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    let producer = harness.producer();
    producer.send_raw(Some(b"first"), &value("first"));
    producer.flush();
    server.rest.saga_with_steps("first", 1).await;
    // The probe of the database passes; nothing is stored all the same.
    harness
        .sql(
            "CREATE TABLE held AS SELECT;
             CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               WHILE EXISTS (TABLE held) LOOP PERFORM pg_sleep(0.1); END LOOP; RETURN NEW;
             END $$;
             CREATE TRIGGER wait BEFORE INSERT ON saga_instance FOR EACH ROW
               WHEN (NEW.saga_id LIKE 'stuck-%') EXECUTE FUNCTION wait();",
        )
        .await;
    // So many that they are still being split when the stall is reported: none of them is a dead letter by then.
    let stuck = |n: usize| format!("stuck-{n}");
    for n in 0..SPLIT_THRICE {
        producer.send_raw(Some(b"stuck"), &value(&stuck(n)));
    }
    producer.flush();
    let health = server
        .rest
        .wait_for("/health", "ingest is down", |_, health| {
            health["components"]["ingest"]["status"] == "DOWN"
        })
        .await;
    let reason = health["components"]["ingest"]["reason"].as_str().unwrap();
    assert!(
        reason.contains("partition") && reason.contains("stored up to offset"),
        "{reason}"
    );
    assert_eq!(server.rest.get("/health/liveness").await.0, 200);
    // The statement under way goes on at once: no lock is needed and no attempt fails by this.
    harness.sql("DELETE FROM held").await;
    let last = stuck(SPLIT_THRICE - 1);
    server.rest.saga_with_steps(&last, 1).await;
    server.rest.wait_until_ready().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_again_makes_ready_again() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    admin(&harness)
        .delete_topics(&[&harness.topic], &AdminOptions::new())
        .await
        .unwrap();
    server
        .rest
        .wait_for("/health", "the missing topic is reported", |_, health| {
            let reason = health["components"]["ingest"]["reason"].as_str();
            reason.is_some_and(|reason| reason.contains("does not exist"))
        })
        .await;
    // The rebalance that follows, after which the member has no partitions, does not make it ready.
    for _ in 0..60 {
        let (status, health) = server.rest.get("/health").await;
        assert_eq!(status, 503, "{health}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    create_topics(&harness.bootstrap_servers, &[&harness.topic]).await;
    server.rest.wait_until_ready().await;
    let producer = harness.producer();
    producer.send_raw(Some(b"again"), &value("again"));
    producer.flush();
    server.rest.saga_with_steps("again", 1).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_are_added_are_read_soon_also_when_the_broker_manages_the_group() {
    for protocol in ["classic", "consumer"] {
        let harness = Harness::new().await;
        let mut config = harness.config();
        let properties = &mut config.kafka.properties;
        properties.insert("group.protocol".to_owned(), protocol.to_owned());
        let server = Running::with(config).await;
        let (admin, options) = (admin(&harness), AdminOptions::new());
        admin
            .create_partitions(&[NewPartitions::new(&harness.topic, 6)], &options)
            .await
            .unwrap();
        // Until then a producer takes no record for them.
        eventually("the broker lists the partitions", async || {
            let listed = admin.inner().fetch_metadata(Some(&harness.topic), TIMEOUT);
            listed.unwrap().topics()[0].partitions().len() == 6
        })
        .await;
        for partition in 0..6 {
            let saga_id = format!("{protocol}-{partition}");
            let value = value(&saga_id);
            let record = BaseRecord::to(&harness.topic)
                .key(saga_id.as_bytes())
                .payload(&value[..]);
            let producer = harness.producer();
            producer.send_record(record.partition(partition));
            producer.flush();
        }
        // The client's own interval would be 5 minutes, which is longer than tests wait.
        for partition in 0..6 {
            server
                .rest
                .saga_with_steps(&format!("{protocol}-{partition}"), 1)
                .await;
        }
        server.stop().await;
    }
}
