//! Unusual and invalid records and topics: each is read, or named in a dead letter, and nothing holds up what
//! follows.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer},
};
use saga_types::{
    SagaStatus,
    avro::{self, Framing, SchemaVersion},
    steps,
    topic::dead_letter_headers,
};
use serde_json::Value;

use crate::support::{Harness, TIMEOUT, events::event, eventually, running::Running};

pub(crate) fn value(saga_id: &str) -> Vec<u8> {
    let event = event(saga_id, 0, steps::ORDER_CREATED, SagaStatus::Started);
    avro::encode(&event, SchemaVersion::V2, Framing::SingleObject).unwrap()
}

pub(crate) fn admin(harness: &Harness) -> AdminClient<DefaultClientContext> {
    ClientConfig::new()
        .set("bootstrap.servers", &harness.bootstrap_servers)
        .create()
        .unwrap()
}

/// Makes the dead letter topic anew with settings of its own.
async fn dead_letter_topic_with(harness: &Harness, settings: &[(&str, &str)]) {
    let (admin, options) = (admin(harness), AdminOptions::new());
    admin
        .delete_topics(&[&harness.dead_letter_topic], &options)
        .await
        .unwrap();
    eventually("the dead letter topic is made anew", async || {
        let topic = NewTopic::new(&harness.dead_letter_topic, 1, TopicReplication::Fixed(1));
        let topic = settings
            .iter()
            .fold(topic, |topic, (name, value)| topic.set(name, value));
        let created = admin.create_topics(&[topic], &options).await.unwrap();
        created[0].is_ok()
    })
    .await;
}

/// A header with a name of any bytes.
#[expect(
    unsafe_code,
    reason = "the client takes a name as text and writes its bytes as they are"
)]
fn header<'a>(name: &'a [u8], value: Option<&'a [u8]>) -> Header<'a, &'a [u8]> {
    Header {
        // SAFETY: nothing but pointer and length is taken of it.
        key: unsafe { str::from_utf8_unchecked(name) },
        value,
    }
}

fn odd_headers() -> OwnedHeaders {
    OwnedHeaders::new()
        .insert(header(b"n\xc3(me", Some(b"not UTF-8")))
        .insert(header(b"", Some(b"no name")))
        .insert(header(b"twice", Some(b"1")))
        .insert(header(b"twice", None))
        .insert(header(b"nul\0nul", Some(b"\0\xff")))
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_bytes_on_both_topics() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    let producer = harness.producer();
    for (key, value) in [
        ("odd-event", value("odd-event")),
        ("odd-letter", b"no event".to_vec()),
    ] {
        let record = BaseRecord::to(&harness.topic)
            .key(key.as_bytes())
            .payload(&value[..]);
        producer.send_record(record.headers(odd_headers()));
    }
    // Others write dead letters, too.
    let foreign = BaseRecord::to(&harness.dead_letter_topic)
        .key(&b"foreign"[..])
        .payload(&b"no event"[..]);
    producer.send_record(foreign.headers(odd_headers()));
    producer.send_raw(Some(b"behind"), &value("behind"));
    producer.flush();
    server.rest.saga_with_steps("odd-event", 1).await;
    server.rest.saga_with_steps("behind", 1).await;
    let listed = server
        .rest
        .wait_for("/internal/v1/dlt?size=100", "2 letters", |_, body| {
            body["content"]
                .as_array()
                .is_some_and(|letters| letters.len() == 2)
        })
        .await;
    for letter in harness.dead_letters(2).await {
        assert_eq!(letter.headers[0].0, "n\u{fffd}(me");
        assert_eq!(letter.header("n\u{fffd}(me"), b"not UTF-8");
    }
    for letter in listed["content"].as_array().unwrap() {
        let headers = letter["headers"].as_array().unwrap();
        let names: Vec<&str> = headers
            .iter()
            .map(|header| header["name"].as_str().unwrap())
            .collect();
        assert_eq!(names[..4], ["n\u{fffd}(me", "", "twice", "twice"], "{letter}");
        assert_eq!(headers[0]["value"]["text"], "not UTF-8");
        assert_eq!(headers[3]["value"], Value::Null);
        assert_eq!(headers[4]["value"]["hex"], "00ff");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_codec_is_read() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &harness.bootstrap_servers)
            .set("compression.type", codec)
            .create()
            .unwrap();
        for place in 0..20 {
            let (key, value) = (format!("{codec}-{place}"), value(&format!("{codec}-{place}")));
            let record = BaseRecord::to(&harness.topic).key(&key).payload(&value);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(TIMEOUT).unwrap();
        server.rest.saga_with_steps(&format!("{codec}-19"), 1).await;
    }
    server.stop().await;
}

fn committed_and_end(harness: &Harness) -> (i64, i64) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &harness.bootstrap_servers)
        .set("group.id", &harness.group)
        .create()
        .unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition_range(&harness.topic, 0, 2);
    let offsets = consumer.committed_offsets(list, TIMEOUT).unwrap();
    let committed = offsets
        .elements()
        .iter()
        .map(|element| element.offset().to_raw().unwrap_or_default().max(0))
        .sum();
    let end = |partition| {
        consumer
            .fetch_watermarks(&harness.topic, partition, TIMEOUT)
            .unwrap()
            .1
    };
    // Dropped first: it would keep the consumer from ending.
    drop(offsets);
    (committed, (0..3).map(end).sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_and_aborted_events_of_transactions_leave_no_lag() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &harness.bootstrap_servers)
        .set("transactional.id", &harness.group)
        .create()
        .unwrap();
    producer.init_transactions(TIMEOUT).unwrap();
    for (name, count, is_committed) in [("committed", 20, true), ("aborted", 400, false)] {
        producer.begin_transaction().unwrap();
        for place in 0..count {
            let (key, value) = (format!("{name}-{place}"), value(&format!("{name}-{place}")));
            let record = BaseRecord::to(&harness.topic).key(&key).payload(&value);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        // Otherwise what is aborted would never have been sent.
        producer.flush(TIMEOUT).unwrap();
        match is_committed {
            true => producer.commit_transaction(TIMEOUT).unwrap(),
            false => producer.abort_transaction(TIMEOUT).unwrap(),
        }
    }
    server.rest.saga_with_steps("committed-19", 1).await;
    eventually("the group has passed everything", async || {
        let harness = &harness;
        let (committed, end) = tokio::task::block_in_place(|| committed_and_end(harness));
        committed == end
    })
    .await;
    // Longer than an answer counts as up to date without anything new.
    tokio::time::sleep(Duration::from_secs(12)).await;
    let (_, answer) = server.rest.get("/api/v1/sagas").await;
    assert_eq!(answer["freshness"]["summary"], "up to date", "{answer}");
    assert_eq!(answer["freshness"]["eventsBehind"], 0);
    assert_eq!(answer["page"]["totalElements"], 20, "aborted events never count");
    let (_, metrics) = server.rest.get("/metrics").await;
    for partition in 0..3 {
        let none = format!("saga_tracker_consumer_lag{{partition=\"{partition}\"}} 0\n");
        assert!(metrics.as_str().unwrap().contains(&none), "{metrics}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_is_too_large_is_written_without_its_value() {
    let harness = Harness::new().await;
    dead_letter_topic_with(&harness, &[("max.message.bytes", "30000")]).await;
    let server = Running::on(&harness).await;
    let producer = harness.producer();
    // What no codec makes smaller.
    let noise = (0_u32..200_000).scan(1_u32, |state, _| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some(state.to_be_bytes()[0] | 1)
    });
    let noise: Vec<u8> = noise.collect();
    producer.send_raw(Some(b"large"), &noise);
    producer.send_raw(Some(b"behind"), &value("behind"));
    producer.flush();
    server.rest.saga_with_steps("behind", 1).await;
    let letters = harness.dead_letters(1).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].text("saga-tracker-value-bytes"), "200000");
    assert_eq!(letters[0].text("saga-tracker-value-sha256").len(), 64);
    assert_eq!(
        letters[0].text(dead_letter_headers::ORIGINAL_TOPIC),
        harness.topic.as_str()
    );
    assert_eq!(letters[0].key.as_deref(), Some(&b"large"[..]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_dead_letter_topic_never_takes_is_kept_in_the_database() {
    let harness = Harness::new().await;
    // Not even the origin fits.
    let settings = [("max.message.bytes", "100"), ("cleanup.policy", "compact")];
    dead_letter_topic_with(&harness, &settings).await;
    let server = Running::on(&harness).await;
    let producer = harness.producer();
    producer.send_raw(None, b"no event");
    producer.send_raw(Some(b"behind"), &value("behind"));
    producer.flush();
    server.rest.saga_with_steps("behind", 1).await;
    eventually("the letter is kept", async || {
        harness.sql_count("SELECT count(*) FROM dead_letter").await == 1
    })
    .await;
    let (_, listed) = server.rest.get("/internal/v1/dlt").await;
    let letter = &listed["content"][0];
    assert_eq!(letter["origin"]["topic"], harness.topic.as_str());
    assert_eq!(letter["payload"]["text"], "no event");
    let (_, metrics) = server.rest.get("/metrics").await;
    let kept = "saga_tracker_dead_letters_kept_back_total 1\n";
    assert!(metrics.as_str().unwrap().contains(kept), "{metrics}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_database_refuses_with_any_sqlstate_is_found_by_whether_others_pass() {
    let harness = Harness::new().await;
    harness
        .sql(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               IF NEW.saga_id = 'forbidden' THEN
                 RAISE EXCEPTION 'no such customer' USING ERRCODE = '42501';
               END IF;
               IF NEW.saga_id = 'raised' THEN RAISE EXCEPTION 'no'; END IF;
               IF NEW.saga_id LIKE 'outage-%' THEN
                 RAISE EXCEPTION 'no' USING ERRCODE = split_part(NEW.saga_id, '-', 2);
               END IF;
               RETURN NEW;
             END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON saga_instance FOR EACH ROW EXECUTE FUNCTION refuse();",
        )
        .await;
    let server = Running::on(&harness).await;
    let producer = harness.producer();
    // Those of an outage, which is none as long as others pass: a timeout, a full disk, a conflict, a lost connection.
    let outages = ["outage-57014", "outage-53100", "outage-40001", "outage-08006"];
    let others = ["good-1", "forbidden", "good-2", "raised", "good-3"];
    for saga_id in others.into_iter().chain(outages).chain(["good-4"]) {
        producer.send_raw(Some(saga_id.as_bytes()), &value(saga_id));
    }
    producer.flush();
    for saga_id in ["good-1", "good-2", "good-3", "good-4"] {
        server.rest.saga_with_steps(saga_id, 1).await;
    }
    let letters = harness.dead_letters(2 + outages.len()).await;
    assert_eq!(letters.len(), 2 + outages.len());
    for letter in &letters {
        let kind = letter.text(dead_letter_headers::EXCEPTION_FQCN);
        assert_eq!(kind, "saga.tracker.REFUSED_BY_DATABASE");
        let reason = letter.text(dead_letter_headers::EXCEPTION_MESSAGE);
        let is_named = reason.contains("SQLSTATE") || reason.contains("conflicted");
        assert!(is_named, "{reason}");
    }
    server.rest.wait_until_ready().await;
    server.stop().await;
}
