//! The codec written by hand, held to a general Avro library: same bytes, same verdicts, no panic.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;

use std::io::{self, Read};

use apache_avro::{
    Schema, rabin::Rabin, reader::datum::GenericDatumReader, schema_compatibility::SchemaCompatibility,
    types::Value,
};
use proptest::prelude::*;
use saga_types::{
    Metadata, SagaEvent, SagaStatus, SagaType, Step, Timestamp,
    avro::{self, DecodeError, Framing, SchemaVersion},
};

/// The schema without its logical types, which change no byte: the library keeps them in the canonical form, against
/// the rule that a primitive type stands there by its name, and does not resolve them to the plain type.
fn schema(version: SchemaVersion) -> Schema {
    let plain = version
        .json()
        .replace(r#""logicalType": "timestamp-millis""#, r#""doc": """#);
    Schema::parse_str(&plain).unwrap()
}

/// Bytes that know whether more of them were asked for than there are: at their end the library takes null for a string,
/// and for a union's branch, instead of refusing.
struct Body<'a> {
    rest: &'a [u8],
    overrun: bool,
}

impl Read for Body<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.overrun |= self.rest.is_empty() && !into.is_empty();
        self.rest.read(into)
    }
}

/// Reads with the library; `None` when it refuses, wants more bytes than there are, or leaves some over (both of which it
/// would accept silently).
fn read_with_library(body: &[u8], version: SchemaVersion) -> Option<Vec<(String, Value)>> {
    let schema = schema(version);
    let mut body = Body {
        rest: body,
        overrun: false,
    };
    let value = GenericDatumReader::builder(&schema)
        .build()
        .unwrap()
        .read_value(&mut body)
        .ok()?;
    match value {
        Value::Record(fields) if body.rest.is_empty() && !body.overrun => Some(fields),
        _ => None,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) | Value::Enum(_, text) => Some(text.clone()),
        Value::Union(_, value) => text(value),
        _ => None,
    }
}

fn long(value: &Value) -> i64 {
    match value {
        Value::Long(value) | Value::TimestampMillis(value) => *value,
        other => panic!("not a long: {other:?}"),
    }
}

fn assert_same(event: &SagaEvent, fields: &[(String, Value)]) {
    let field = |name: &str| &fields.iter().find(|(field, _)| field == name).unwrap().1;
    assert_eq!(text(field("eventId")).as_deref(), Some(event.event_id.as_str()));
    assert_eq!(long(field("eventTimestamp")), event.event_timestamp.as_millis());
    assert_eq!(text(field("sagaId")).as_deref(), Some(event.saga_id.as_str()));
    assert_eq!(text(field("step")).as_deref(), Some(event.step.as_str()));
    assert_eq!(text(field("status")).as_deref(), Some(event.status.as_str()));
    assert_eq!(text(field("orderId")).as_deref(), Some(event.order_id.as_str()));
    assert_eq!(
        text(field("metadata")).as_deref(),
        event.metadata.as_ref().map(Metadata::as_str)
    );
    assert_eq!(long(field("recordedAt")), event.recorded_at.as_millis());
    let type_name = fields
        .iter()
        .find(|(name, _)| name == "sagaTypeName")
        .and_then(|(_, value)| text(value));
    let symbol = text(field("sagaType"));
    assert_eq!(type_name.or(symbol).as_deref(), Some(event.saga_type.as_str()));
}

fn any_event() -> impl Strategy<Value = SagaEvent> {
    let name = "[^\\p{Cc}]{1,100}";
    let millis = prop_oneof![
        Timestamp::MIN.as_millis()..=Timestamp::MAX.as_millis(),
        Just(0),
        Just(-1),
        1_700_000_000_000_i64..1_800_000_000_000
    ];
    let saga_type = prop_oneof![
        prop::sample::select(SagaType::KNOWN.to_vec()),
        "[A-Z]{1,10}(_[A-Z0-9]{1,9}){0,3}".prop_map(|name| SagaType::new(name).unwrap())
    ];
    let metadata = prop::option::of(prop::collection::btree_map(
        "[^\\x00]{0,8}",
        "[^\\x00]{0,40}",
        0..6,
    ));
    (
        name,
        millis.clone(),
        name,
        saga_type,
        name,
        prop::sample::select(SagaStatus::ALL.to_vec()),
        name,
        metadata,
        millis,
    )
        .prop_map(
            |(event_id, built, saga_id, saga_type, step, status, order_id, metadata, recorded)| SagaEvent {
                event_id: event_id.parse().unwrap(),
                event_timestamp: Timestamp::from_millis(built).unwrap(),
                saga_id: saga_id.parse().unwrap(),
                saga_type,
                step: Step::from_wire(step).unwrap(),
                status,
                order_id: order_id.parse().unwrap(),
                metadata: metadata.map(|map| Metadata::parse(serde_json::to_string(&map).unwrap()).unwrap()),
                recorded_at: Timestamp::from_millis(recorded).unwrap(),
            },
        )
}

/// Bodies that are nearly right: a valid one with a few bytes changed.
fn bent_body() -> impl Strategy<Value = (Vec<u8>, SchemaVersion)> {
    (
        any_event(),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    )
        .prop_map(|(event, changes)| {
            let mut body = body_of(&event);
            for (place, byte) in changes {
                let place = place.index(body.len());
                body[place] = byte;
            }
            (body, SchemaVersion::V2)
        })
}

fn body_of(event: &SagaEvent) -> Vec<u8> {
    avro::encode(event, SchemaVersion::V2, Framing::SingleObject)
        .unwrap()
        .split_off(10)
}

#[test]
fn the_fingerprints_are_those_of_the_schema_files() {
    for version in SchemaVersion::ALL {
        let fingerprint = schema(version).fingerprint::<Rabin>().bytes;
        assert_eq!(fingerprint, version.fingerprint().to_le_bytes());
    }
}

#[test]
fn each_version_reads_the_other() {
    let [v1, v2] = SchemaVersion::ALL.map(schema);
    assert!(
        SchemaCompatibility::can_read(&v1, &v2).is_ok(),
        "a version 2 reader reads version 1"
    );
    assert!(
        SchemaCompatibility::can_read(&v2, &v1).is_ok(),
        "a version 1 reader reads version 2"
    );
}

#[test]
fn a_version_1_reader_reads_version_2_data_of_the_two_old_types_and_refuses_new_ones() {
    let [v1, v2] = SchemaVersion::ALL.map(schema);
    for (saga_type, is_read) in [
        (SagaType::ORDER_CREATION, true),
        (SagaType::PAYMENT_COMPLETION, true),
        (SagaType::REFUND, false),
        (SagaType::new("LOAN_APPROVAL").unwrap(), false),
    ] {
        let mut event = event();
        event.saga_type = saga_type;
        let body = body_of(&event);
        let reader = GenericDatumReader::builder(&v2)
            .reader_schema(&v1)
            .build()
            .unwrap();
        let read = reader.read_value(&mut body.as_slice());
        assert_eq!(read.is_ok(), is_read, "{}: {read:?}", event.saga_type);
    }
}

fn event() -> SagaEvent {
    SagaEvent::new(
        "evt-1".parse().unwrap(),
        "saga-1".parse().unwrap(),
        "order-1".parse().unwrap(),
        SagaType::ORDER_CREATION,
        saga_types::steps::ORDER_CREATED,
        SagaStatus::Started,
        Timestamp::from_millis(1).unwrap(),
    )
}

proptest! {
    #[test]
    fn what_is_written_is_what_the_library_reads(event in any_event()) {
        let body = body_of(&event);
        let fields = read_with_library(&body, SchemaVersion::V2).expect("the library reads it");
        assert_same(&event, &fields);
        prop_assert_eq!(avro::decode(&body, &SchemaVersion::V2.into()), Ok(event));
    }

    #[test]
    fn a_body_cut_short_is_refused_by_both((event, end) in (any_event(), any::<prop::sample::Index>())) {
        let whole = body_of(&event);
        let cut = &whole[..end.index(whole.len())];
        prop_assert_eq!(read_with_library(cut, SchemaVersion::V2), None);
        let error = avro::decode(cut, &SchemaVersion::V2.into()).unwrap_err();
        prop_assert!(matches!(error.kind(), "TRUNCATED" | "EMPTY"), "{}", error);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = avro::decode_single_object(&bytes);
        for version in SchemaVersion::ALL {
            let _ = avro::decode(&bytes, &version.into());
        }
    }

    #[test]
    fn what_the_library_refuses_is_refused_and_what_is_accepted_reads_the_same((body, version) in bent_body()) {
        let ours = avro::decode(&body, &version.into());
        let theirs = read_with_library(&body, version);
        match (ours, theirs) {
            (Ok(event), Some(fields)) => assert_same(&event, &fields),
            (Ok(event), None) => prop_assert!(false, "the library refuses what was read as {event:?}"),
            (Err(error), Some(_)) => prop_assert!(
                error.kind().starts_with("INVALID_") || error == DecodeError::MissingSagaTypeName,
                "the library reads it, and the contract has no rule against it: {error}"
            ),
            (Err(_), None) => {}
        }
    }
}
