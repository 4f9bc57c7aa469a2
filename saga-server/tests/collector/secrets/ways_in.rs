//! The topics, with a secret in everything that a record has.

use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::BaseRecord,
};
use saga_types::{
    Metadata, SagaEvent, SagaStatus,
    avro::{self, Framing, SchemaVersion},
    steps,
    topic::dead_letter_headers,
};

use super::Secrets;
use crate::support::{Harness, events::event};

pub(super) fn of(saga_id: &str, position: usize, status: SagaStatus, metadata: &str) -> SagaEvent {
    let step = match status {
        SagaStatus::Failed => steps::ORDER_CANCELLED,
        _ => steps::ORDER_CREATED,
    };
    event(saga_id, position, step, status).with_metadata(Metadata::parse(metadata).unwrap())
}

pub(super) fn bytes(event: &SagaEvent) -> Vec<u8> {
    avro::encode(event, SchemaVersion::V2, Framing::SingleObject).unwrap()
}

/// Something with a secret in it.
pub(super) type Form = fn(&str) -> String;

/// By the topics: events with hidden keys, headers, and bytes that are no events.
pub(super) fn by_the_topics(harness: &Harness, secrets: &mut Secrets) {
    let producer = harness.producer();
    let forms: [(&str, Form); 6] = [
        ("metadata", |secret| format!(r#"{{"cardNumber":"{secret}"}}"#)),
        ("metadata, nested", |secret| {
            format!(r#"{{"order":{{"list":[{{"Card":["{secret}"]}}]}}}}"#)
        }),
        ("metadata, escaped key", |secret| {
            format!(r#"{{"c\u0061rd":"{secret}"}}"#)
        }),
        ("metadata, repeated key", |secret| {
            format!(r#"{{"order":{{"card":"{secret}"}},"order":{{"x":1}}}}"#)
        }),
        ("metadata, as a key below a hidden one", |secret| {
            format!(r#"{{"card":{{"{secret}":1}}}}"#)
        }),
        ("metadata, beside long numbers", |secret| {
            format!(r#"{{"n":123456789012345678901234567890,"card":"{secret}"}}"#)
        }),
    ];
    for (place, (way, form)) in forms.into_iter().enumerate() {
        let metadata = form(&secrets.of(way));
        producer.send(&of(&format!("hidden-{place}"), 0, SagaStatus::Started, &metadata));
    }
    let reason = format!(r#"{{"failureReason":"{}"}}"#, secrets.of("failure reason"));
    producer.send(&of("failed", 0, SagaStatus::Started, "{}"));
    producer.send(&of("failed", 1, SagaStatus::Failed, &reason));
    let claim = format!(
        r#"{{"actor":"{}","reason":"{}"}}"#,
        secrets.of("actor of an override"),
        secrets.of("reason of an override")
    );
    let step = steps::MANUAL_STATUS_OVERRIDE;
    let overridden = event("overridden", 0, step, SagaStatus::Failed);
    producer.send(&overridden.with_metadata(Metadata::parse(claim).unwrap()));

    // What is no event, or none that can be stored.
    let (header, name) = (secrets.of("header's value"), secrets.of("header of an event"));
    let known = of("with-header", 0, SagaStatus::Started, "{}");
    let record = |key: &'static str| BaseRecord::<[u8], [u8]>::to(producer.topic()).key(key.as_bytes());
    let headers = |value: &str| {
        OwnedHeaders::new().insert(Header {
            key: "x-customer",
            value: Some(value),
        })
    };
    producer.send_record(
        record("with-header")
            .payload(&bytes(&known))
            .headers(headers(&name)),
    );
    producer.send_record(record("bad-1").payload(b"no event").headers(headers(&header)));
    let noise = secrets.of("bytes of no framing");
    producer.send_raw(Some(b"bad-2"), noise.as_bytes());
    let json = format!(r#"{{"card":"{}"}}"#, secrets.of("JSON in place of Avro"));
    producer.send_raw(Some(b"bad-3"), json.as_bytes());
    let cut = of(
        "bad-4",
        0,
        SagaStatus::Started,
        &format!(r#"{{"card":"{}"}}"#, secrets.of("an event that is cut off")),
    );
    let cut = bytes(&cut);
    producer.send_raw(Some(b"bad-4"), &cut[..cut.len() - 2]);
    let mut unknown = vec![0, 0, 0, 0, 99];
    unknown.extend(secrets.of("an unknown schema").bytes());
    producer.send_raw(Some(b"bad-5"), &unknown);
    // The text of the metadata is replaced by one that is no JSON and as long.
    let secret = secrets.of("metadata that is no JSON");
    let broken = bytes(&of(
        "bad-6",
        0,
        SagaStatus::Started,
        &format!(r#"{{"card":"{secret}"}}"#),
    ));
    let broken = replaced(
        &broken,
        &format!(r#""{secret}"}}"#),
        &format!(r#""{secret}",,"#)[..secret.len() + 3],
    );
    producer.send_raw(Some(b"bad-6"), &broken);
    // The same id with other content: its sentence names what differs.
    let conflict = |secret: &str| {
        of(
            "conflict",
            0,
            SagaStatus::Started,
            &format!(r#"{{"card":"{secret}"}}"#),
        )
    };
    producer.send(&conflict(&secrets.of("the first of two in conflict")));
    producer.send(&conflict(&secrets.of("the second of two in conflict")));

    let message = secrets.of("message of another's dead letter");
    let trace = secrets.of("stack trace of another's dead letter");
    let payload = secrets.of("value of another's dead letter");
    let foreign = BaseRecord::<[u8], [u8]>::to(&harness.dead_letter_topic)
        .key(b"foreign")
        .payload(payload.as_bytes())
        .headers(
            OwnedHeaders::new()
                .insert(Header {
                    key: dead_letter_headers::EXCEPTION_FQCN,
                    value: Some("org.springframework.X"),
                })
                .insert(Header {
                    key: dead_letter_headers::EXCEPTION_MESSAGE,
                    value: Some(&message),
                })
                .insert(Header {
                    key: "kafka_dlt-exception-stacktrace",
                    value: Some(&trace),
                }),
        );
    producer.send_record(foreign);
    producer.flush();
}

/// The bytes with a text replaced by another of its length.
pub(super) fn replaced(bytes: &[u8], text: &str, by: &str) -> Vec<u8> {
    assert_eq!(text.len(), by.len());
    let at = bytes
        .windows(text.len())
        .position(|window| window == text.as_bytes())
        .unwrap();
    let mut replaced = bytes.to_vec();
    replaced[at..at + by.len()].copy_from_slice(by.as_bytes());
    replaced
}
