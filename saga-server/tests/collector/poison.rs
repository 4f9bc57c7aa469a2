//! Records that are no events, each beside good ones, on a real Apache Kafka and PostgreSQL.

use crate::support::{Harness, events::event, running::Running};
use saga_types::{
    Metadata, SagaEvent, SagaStatus,
    avro::{self, Framing, SchemaVersion},
    steps,
    topic::dead_letter_headers as headers,
};

/// What is wrong, the bytes, and the kind of error that its dead letter names.
fn poison() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let good = event("poisoned", 0, steps::ORDER_CREATED, SagaStatus::Started);
    let encode = |event: &SagaEvent| avro::encode(event, SchemaVersion::V2, Framing::SingleObject).unwrap();
    // The codec refuses to make bad events, so they are made from good bytes.
    let replaced = |from: &[u8], to: &[u8]| {
        let bytes = encode(&good);
        let at = bytes
            .windows(from.len())
            .position(|window| window == from)
            .unwrap();
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    let with_metadata = |json: &str| {
        let placeholder = format!("{{\"x\":\"{}\"}}", "x".repeat(json.len() - 8));
        let event = good
            .clone()
            .with_metadata(Metadata::parse(placeholder.as_str()).unwrap());
        let bytes = encode(&event);
        let at = bytes
            .windows(placeholder.len())
            .position(|window| window == placeholder.as_bytes())
            .unwrap();
        [&bytes[..at], json.as_bytes(), &bytes[at + placeholder.len()..]].concat()
    };
    let mut trailing = encode(&good);
    trailing.push(7);
    // The last fields are recordedAt in six bytes and sagaTypeName, which is null.
    let mut far_off = encode(&good);
    far_off.truncate(far_off.len() - 7);
    far_off.extend([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0]);
    let long = event(&"s".repeat(80), 0, steps::ORDER_CREATED, SagaStatus::Started);
    let too_long = {
        let bytes = encode(&long);
        let id = [&[160, 1][..], "s".repeat(80).as_bytes()].concat();
        let at = bytes.windows(id.len()).position(|window| window == id).unwrap();
        [
            &bytes[..at],
            &[202, 1],
            "s".repeat(101).as_bytes(),
            &bytes[at + id.len()..],
        ]
        .concat()
    };
    let deep = format!("{{\"deep\":{}1{}}}", "[".repeat(64), "]".repeat(64));
    vec![
        ("text", b"hello".to_vec(), "UNKNOWN_FRAMING"),
        ("nothing", Vec::new(), "EMPTY"),
        ("cut", encode(&good)[..40].to_vec(), "TRUNCATED"),
        ("trailing bytes", trailing, "TRAILING_BYTES"),
        (
            "a schema id without a registry",
            [&[0, 0, 0, 0, 9][..], b"body"].concat(),
            "NO_REGISTRY",
        ),
        (
            "an unknown fingerprint",
            replaced(&[0xc3, 1, 0xab], &[0xc3, 1, 0xac]),
            "UNKNOWN_FINGERPRINT",
        ),
        (
            "a control character in the step",
            replaced(b"ORDER_CREATED", b"ORDER\0CREATED"),
            "INVALID_NAME",
        ),
        ("a saga id of 101 characters", too_long, "INVALID_NAME"),
        (
            "an empty order id",
            replaced(b"\x22order-of-poisoned", b"\0"),
            "INVALID_NAME",
        ),
        (
            "an unknown status",
            replaced(b"ORDER_CREATED\0", b"ORDER_CREATED\x0a"),
            "UNKNOWN_SYMBOL",
        ),
        (
            "an unknown saga type",
            replaced(b"poisoned\0", b"poisoned\x0a"),
            "UNKNOWN_SYMBOL",
        ),
        (
            "bytes that are not UTF-8",
            replaced(b"order-of-poisoned", b"\xff\xfeder-of-poisoned"),
            "NOT_UTF8",
        ),
        ("a time in the year 292277026", far_off, "INVALID_TIMESTAMP"),
        (
            "metadata that is an array",
            with_metadata("[1,2,3,4,5,6]"),
            "INVALID_METADATA",
        ),
        (
            "U+0000 in metadata",
            with_metadata(r#"{"name":"\u0000"}"#),
            "INVALID_METADATA",
        ),
        (
            "a number beyond a double",
            with_metadata(r#"{"number":1e999}"#),
            "INVALID_METADATA",
        ),
        ("65 levels", with_metadata(&deep), "INVALID_METADATA"),
        (
            "a number that only the database refuses",
            with_metadata(r#"{"number":1e-20000}"#),
            "REFUSED_BY_DATABASE",
        ),
        ("a value of 300 KiB", vec![0xc3; 300 * 1024], "TOO_LARGE"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_poison_is_dead_lettered_byte_for_byte_and_blocks_nothing() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    let producer = harness.producer();
    let poison = poison();
    for (position, (_, value, _)) in poison.iter().enumerate() {
        let healthy = format!("healthy-{position}");
        producer.send(&event(&healthy, 0, steps::ORDER_CREATED, SagaStatus::Started));
        let headers = rdkafka::message::OwnedHeaders::new()
            .insert(rdkafka::message::Header {
                key: "mine",
                value: Some(&[0xff_u8, 0][..]),
            })
            .insert(rdkafka::message::Header {
                key: "none",
                value: None::<&[u8]>,
            });
        producer.send_record(
            rdkafka::producer::BaseRecord::to(producer.topic())
                .key(position.to_string().as_bytes())
                .payload(value.as_slice())
                .headers(headers),
        );
        producer.send(&event(&healthy, 1, steps::STOCK_RESERVED, SagaStatus::Completed));
    }
    producer.flush();

    for position in 0..poison.len() {
        server
            .rest
            .saga_with_steps(&format!("healthy-{position}"), 2)
            .await;
    }
    let letters = harness.dead_letters(poison.len()).await;
    assert_eq!(letters.len(), poison.len());
    for (position, (what, value, kind)) in poison.iter().enumerate() {
        let key = position.to_string();
        let letter = letters
            .iter()
            .find(|letter| letter.key.as_deref() == Some(key.as_bytes()))
            .unwrap();
        assert_eq!(letter.value.as_deref().unwrap_or_default(), value, "{what}");
        assert_eq!(letter.header("mine"), [0xff, 0], "{what}");
        assert_eq!(letter.headers[1], ("none".to_owned(), None), "{what}");
        assert_eq!(
            letter.text(headers::EXCEPTION_FQCN),
            format!("saga.tracker.{kind}"),
            "{what}"
        );
        assert_eq!(letter.text(headers::ORIGINAL_TOPIC), harness.topic);
        assert_eq!(letter.text(headers::ORIGINAL_CONSUMER_GROUP), harness.group);
        assert_eq!(letter.text(headers::ORIGINAL_TIMESTAMP_TYPE), "CreateTime");
        assert_eq!(letter.header(headers::ORIGINAL_PARTITION).len(), 4);
        assert_eq!(letter.header(headers::ORIGINAL_OFFSET).len(), 8);
        assert_eq!(letter.header(headers::ORIGINAL_TIMESTAMP).len(), 8);
        assert!(!letter.text(headers::EXCEPTION_MESSAGE).is_empty());
    }
    assert_eq!(
        harness
            .sql_count("SELECT count(*) FROM saga_steps WHERE saga_id = 'poisoned'")
            .await,
        0
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_event_id_with_other_content_is_dead_lettered_and_the_first_stays() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    let producer = harness.producer();
    let first = event("disputed", 0, steps::ORDER_CREATED, SagaStatus::Started);
    let mut second = first.clone();
    second.status = SagaStatus::Failed;
    // Once within a batch, once against the database.
    producer.send(&first);
    producer.send(&second);
    producer.flush();
    assert_eq!(harness.dead_letters(1).await.len(), 1);
    producer.send(&second);
    producer.flush();
    let letters = harness.dead_letters(2).await;
    for letter in &letters {
        assert_eq!(
            letter.text(headers::EXCEPTION_FQCN),
            "saga.tracker.CONFLICTING_EVENT"
        );
    }
    let saga = server.rest.saga_with_steps("disputed", 1).await;
    assert_eq!(saga["currentStatus"], "STARTED");
    server.stop().await;
}

/// Refuses what is noted of one service, but not its events.
const REFUSES_OBSERVATIONS: &str = "
CREATE FUNCTION refuse_observation() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'not this one';
END $$;
CREATE TRIGGER refuse_observation BEFORE INSERT ON producer_change FOR EACH ROW
  WHEN (NEW.change LIKE '{\"sighted\"%refused-service%') EXECUTE FUNCTION refuse_observation()";

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_the_database_refuses_to_note_does_not_hold_up_its_events() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    harness.sql(REFUSES_OBSERVATIONS).await;
    let producer = harness.producer();
    for (saga_id, service) in [("first", "refused-service"), ("second", "other-service")] {
        let metadata = format!(r#"{{"producerService":"{service}"}}"#);
        let event = event(saga_id, 0, steps::ORDER_CREATED, SagaStatus::Started);
        producer.send(&event.with_metadata(Metadata::parse(metadata.as_str()).unwrap()));
    }
    producer.flush();
    for saga_id in ["first", "second"] {
        server.rest.saga_with_steps(saga_id, 1).await;
    }
    assert!(harness.dead_letters(0).await.is_empty(), "events are at no fault");
    let refused = "SELECT count(*) FROM producer_change WHERE change LIKE '{\"sighted\"%refused-service%'";
    assert_eq!(harness.sql_count(refused).await, 0);
    server.stop().await;
}
