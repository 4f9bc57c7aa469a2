//! The bytes that two other Avro implementations wrote and read, in every framing.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use saga_types::{
    Metadata, SagaEvent, SagaType, Step, Timestamp,
    avro::{self, DecodeError, Frame, Framing, SchemaVersion},
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Golden {
    name: String,
    version: u8,
    record: Record,
    body: String,
    single_object: String,
    confluent_id42: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_id: String,
    event_timestamp: i64,
    saga_id: String,
    saga_type: String,
    step: String,
    status: String,
    order_id: String,
    metadata: Option<String>,
    recorded_at: i64,
    saga_type_name: Option<String>,
}

impl Record {
    fn event(&self) -> SagaEvent {
        SagaEvent {
            event_id: self.event_id.parse().unwrap(),
            event_timestamp: Timestamp::from_millis(self.event_timestamp).unwrap(),
            saga_id: self.saga_id.parse().unwrap(),
            saga_type: SagaType::new(self.saga_type_name.as_ref().unwrap_or(&self.saga_type)).unwrap(),
            step: Step::new(&self.step).unwrap(),
            status: self.status.parse().unwrap(),
            order_id: self.order_id.parse().unwrap(),
            metadata: self
                .metadata
                .as_deref()
                .map(|text| Metadata::parse(text).unwrap()),
            recorded_at: Timestamp::from_millis(self.recorded_at).unwrap(),
        }
    }
}

fn golden() -> Vec<Golden> {
    let golden: Vec<Golden> = serde_json::from_str(include_str!("data/golden.json")).unwrap();
    assert_eq!(golden.len(), 7, "all records of the contract");
    golden
}

fn version(golden: &Golden) -> SchemaVersion {
    if golden.version == 1 {
        SchemaVersion::V1
    } else {
        SchemaVersion::V2
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn every_record_is_written_to_the_byte_in_both_framings() {
    for golden in golden() {
        let event = golden.record.event();
        let single = avro::encode(&event, version(&golden), Framing::SingleObject).unwrap();
        assert_eq!(single, bytes(&golden.single_object), "{}", golden.name);
        let confluent = avro::encode(&event, version(&golden), Framing::Confluent { schema_id: 42 }).unwrap();
        assert_eq!(confluent, bytes(&golden.confluent_id42), "{}", golden.name);
    }
}

#[test]
fn version_2_is_written_the_same_with_and_without_a_result() {
    for golden in golden() {
        let event = golden.record.event();
        for framing in [Framing::SingleObject, Framing::Confluent { schema_id: 42 }] {
            let chosen_at_run_time = avro::encode(&event, SchemaVersion::V2, framing);
            assert_eq!(
                chosen_at_run_time,
                Ok(avro::encode_v2(&event, framing)),
                "{}",
                golden.name
            );
        }
    }
}

#[test]
fn every_record_is_read_from_both_framings() {
    for golden in golden() {
        let expected = golden.record.event();
        let read = avro::decode_single_object(&bytes(&golden.single_object)).unwrap();
        assert_eq!(read, expected, "{}", golden.name);
        assert_eq!(
            read.metadata.as_ref().map(Metadata::as_str),
            golden.record.metadata.as_deref(),
            "metadata is kept to the letter"
        );
        let confluent = bytes(&golden.confluent_id42);
        let Frame::Confluent { schema_id: 42, body } = Frame::parse(&confluent).unwrap() else {
            panic!("{}: not read as Confluent's framing with id 42", golden.name);
        };
        assert_eq!(body, bytes(&golden.body));
        assert_eq!(
            avro::decode(body, &version(&golden).into()).unwrap(),
            expected,
            "{}",
            golden.name
        );
    }
}

#[test]
fn every_cut_and_every_extra_byte_is_an_error() {
    for golden in golden() {
        let whole = bytes(&golden.single_object);
        for length in 0..whole.len() {
            assert!(
                avro::decode_single_object(&whole[..length]).is_err(),
                "{} cut to {length}",
                golden.name
            );
        }
        let mut longer = whole;
        longer.push(0);
        assert_eq!(
            avro::decode_single_object(&longer),
            Err(DecodeError::TrailingBytes { bytes: 1 })
        );
    }
}

#[test]
fn the_shared_schema_files_are_the_ones_in_the_crate() {
    // A published crate cannot reach outside its folder, so it carries copies.
    for (version, name) in [(SchemaVersion::V1, "v1"), (SchemaVersion::V2, "v2")] {
        let path = format!(
            "{}/../schemas/saga-tracker-{name}.avsc",
            env!("CARGO_MANIFEST_DIR")
        );
        // Absent only where the crate was unpacked on its own.
        if std::path::Path::new(&path).exists() {
            assert_eq!(std::fs::read_to_string(&path).unwrap(), version.json(), "{path}");
        }
    }
}
