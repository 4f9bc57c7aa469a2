//! What is written and rolled back to learn whether the database takes anything: a made-up event, dead letter, observation.

use saga_types::{Metadata, SagaEvent, SagaStatus, SagaType, Timestamp, steps};

use super::{
    Letter, NewLetter, Origin,
    producers::{ProducerObservation, Sequences},
};

/// An event of a new saga, with a value in every column that an event can fill, and as large as the largest of these: where the
/// disk is full there may be room for a small one.
pub(super) fn event_like(events: &[SagaEvent]) -> SagaEvent {
    let metadata = events.iter().filter_map(|event| event.metadata.as_ref());
    event(
        metadata
            .map(|metadata| metadata.as_str().len())
            .max()
            .unwrap_or_default(),
    )
}

fn event(bytes: usize) -> SagaEvent {
    let id = format!("probe-{}", uuid::Uuid::now_v7());
    let mut event = SagaEvent::new(
        id.parse().expect("a UUID is a name"),
        id.parse().expect("a UUID is a name"),
        id.parse().expect("a UUID is a name"),
        SagaType::ORDER_CREATION,
        steps::ORDER_CREATED,
        SagaStatus::Started,
        Timestamp::now(),
    );
    let names = r#"{"producerService":"probe","traceId":"probe""#;
    let rest = bytes.saturating_sub(names.len() + r#","filler":""}"#.len());
    event.metadata = Metadata::parse(format!(r#"{names},"filler":"{}"}}"#, filler(rest))).ok();
    event
}

/// Text that does not shrink much when it is compressed.
fn filler(bytes: usize) -> String {
    let mut filler = String::new();
    while filler.len() < bytes {
        filler.push_str(&uuid::Uuid::now_v7().simple().to_string());
    }
    filler.truncate(bytes);
    filler
}

/// A dead letter like any other, with a value as large as the largest of these.
pub(super) fn letter_like(letters: &[NewLetter]) -> NewLetter {
    let values = letters.iter().filter_map(|letter| letter.letter.value.as_ref());
    let bytes = values.map(Vec::len).max().unwrap_or_default();
    let id = uuid::Uuid::now_v7();
    let mut identity = [0; 32];
    identity[..16].copy_from_slice(id.as_bytes());
    NewLetter {
        identity,
        letter: Letter {
            topic: "probe".to_owned(),
            partition: 0,
            offset: 0,
            dead_since: Timestamp::now(),
            origin: Origin::default(),
            reason: "PROBE".to_owned(),
            message: "probe".to_owned(),
            saga_type: None,
            saga_id: None,
            event_id: None,
            producer: Some("probe".to_owned()),
            key: None,
            value: Some(filler(bytes).into_bytes()),
            value_bytes: 0,
            headers: Vec::new(),
        },
    }
}

/// An observation of a producer.
pub(super) fn observation() -> ProducerObservation {
    ProducerObservation {
        service: "probe".to_owned(),
        instance: None,
        sdk_version: None,
        wire: None,
        first: Timestamp::now(),
        last: Timestamp::now(),
        sequences: Sequences::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_has_metadata_and_an_id_of_its_own() {
        let metadata = event(0).metadata.unwrap();
        assert_eq!(metadata.producer_service(), Some("probe"));
        assert_eq!(metadata.trace_id(), Some("probe"));
        assert_ne!(event(0).saga_id, event(0).saga_id);
    }

    #[test]
    fn it_is_as_large_as_what_failed() {
        let large = event(30_000);
        assert_eq!(large.metadata.as_ref().unwrap().as_str().len(), 30_000);
        let like = event_like(&[event(0), large]);
        assert_eq!(like.metadata.unwrap().as_str().len(), 30_000);
    }
}
