//! The made-up event of [`Store::probe_write`](crate::Store::probe_write).

use saga_types::{Metadata, SagaEvent, SagaStatus, SagaType, Timestamp, steps};

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
