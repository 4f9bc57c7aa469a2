//! What is written and rolled back to learn whether the database takes anything: a made-up event, dead letter, observation.

use saga_types::{Metadata, SagaEvent, SagaStatus, SagaType, Timestamp, steps};

use super::{
    Letter, NewLetter, Origin,
    producers::{ProducerObservation, Sequences},
};

/// An event of a new saga, with a value in every column that an event can fill.
pub(super) fn event() -> SagaEvent {
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
    event.metadata = Metadata::parse(r#"{"producerService":"probe","traceId":"probe"}"#).ok();
    event
}

/// A dead letter like any other.
pub(super) fn letter() -> NewLetter {
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
            saga_id: None,
            event_id: None,
            producer: Some("probe".to_owned()),
            key: None,
            value: None,
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
        let metadata = event().metadata.unwrap();
        assert_eq!(metadata.producer_service(), Some("probe"));
        assert_eq!(metadata.trace_id(), Some("probe"));
        assert_ne!(event().saga_id, event().saga_id);
    }
}
