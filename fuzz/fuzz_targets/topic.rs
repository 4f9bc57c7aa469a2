//! What anybody may have written to the topic: values, each with its length before it, in every framing. No value panics,
//! an event is written and read back as it was, and the state of a saga does not depend on the order of its events.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use saga_types::{
    SagaEvent,
    avro::{self, Frame, Framing, SchemaVersion, WriterSchema},
    definition::Definitions,
    fold,
};

static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(Definitions::built_in);

/// What a registry may answer: both versions, and a schema that resolves to ours.
static SCHEMAS: LazyLock<[WriterSchema; 3]> = LazyLock::new(|| {
    let renamed = SchemaVersion::V2.json().replacen("\"long\"", "\"int\"", 1);
    [
        SchemaVersion::V1.into(),
        SchemaVersion::V2.into(),
        WriterSchema::parse(&renamed).expect("int is promoted to long"),
    ]
});

fuzz_target!(|bytes: &[u8]| {
    let events: Vec<SagaEvent> = values(bytes).filter_map(decode).collect();
    for event in &events {
        assert_read_back(event);
    }
    // The fold is of one saga.
    let first = events.first().map(|event| event.saga_id.clone());
    let events: Vec<SagaEvent> = events.into_iter().filter(|event| Some(&event.saga_id) == first.as_ref()).collect();
    let state = fold::fold(&events, &DEFINITIONS);
    assert_eq!(state.is_some(), !events.is_empty());
    assert_eq!(state, fold::fold(events.iter().rev(), &DEFINITIONS), "order matters: {events:?}");
});

fn values(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (value, after) = after.split_at(length);
        rest = after;
        Some(value)
    })
}

fn decode(value: &[u8]) -> Option<SagaEvent> {
    match Frame::parse(value).ok()? {
        Frame::Confluent { schema_id, body } => {
            let schema = SCHEMAS.get(schema_id as usize)?;
            avro::decode(body, schema).ok()
        }
        Frame::SingleObject { .. } => avro::decode_single_object(value).ok(),
    }
}

fn assert_read_back(event: &SagaEvent) {
    // An event at the limit may be too long with another name beside its type.
    if let Ok(value) = avro::encode(event, SchemaVersion::V2, Framing::SingleObject) {
        assert_eq!(avro::decode_single_object(&value).as_ref(), Ok(event));
    }
}
