//! A status set by hand, as the event that it becomes, and what is written down of it.
//!
//! Rule of thumb: operators, pages and jobs make corrections here alone, so that a correction means the same by every way. Nothing
//! that was recorded is overwritten, and of all corrections of one state the database takes one.

use std::time::Duration;

use saga_store::{Actor, Operation, OperationKind, SagaChange};
use saga_types::{
    EventId, Metadata, MetadataError, SagaEvent, SagaStatus, Timestamp, fold::SagaState, keys, steps,
};
use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::Builder;

/// What a saga shall be, who says so and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// What it shall be.
    pub status: SagaStatus,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: Actor,
}

/// Why there is no event for a correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Uncorrectable {
    /// Ingest takes no such event; an older version may have.
    #[error("the saga has an event at the end of all time; none can be later")]
    EndOfTime,
    /// Everything in the event was checked before, so this is a bug.
    #[error("the correction cannot be written as an event")]
    Invalid,
}

impl Correction {
    /// The event, so that it is the last of the saga as it was seen.
    ///
    /// # Errors
    ///
    /// [`Uncorrectable`] when no event can be the last one.
    pub fn event(&self, saga: &SagaState) -> Result<SagaEvent, Uncorrectable> {
        let now = Timestamp::now();
        let recorded_at = now.max(saga.updated_at.saturating_add(Duration::from_millis(1)));
        if recorded_at == saga.updated_at {
            return Err(Uncorrectable::EndOfTime);
        }
        let metadata = self.metadata().map_err(|_| Uncorrectable::Invalid)?;
        let event_id = event_id(saga).ok_or(Uncorrectable::Invalid)?;
        let mut event = SagaEvent::new(
            event_id,
            saga.saga_id.clone(),
            saga.order_id.clone(),
            saga.saga_type.clone(),
            steps::MANUAL_STATUS_OVERRIDE,
            self.status,
            recorded_at,
        );
        event.event_timestamp = now;
        Ok(event.with_metadata(metadata))
    }

    fn metadata(&self) -> Result<Metadata, MetadataError> {
        let mut metadata = Metadata::builder();
        metadata.insert(keys::ACTOR, self.by.name.as_str())?;
        metadata.insert(keys::CORRECTED_VIA, self.by.way.as_str())?;
        metadata.insert(keys::REASON, &self.reason)?;
        if self.status == SagaStatus::Failed {
            metadata.insert(keys::FAILURE_REASON, &self.reason)?;
        }
        metadata.build()
    }

    /// The entry of the log, when the event is stored. An event that is later still may have come first.
    #[must_use]
    pub fn operation(&self, change: &SagaChange) -> Operation {
        let current = change.state.current_status;
        Operation {
            at: Timestamp::now(),
            actor: self.by.clone(),
            kind: OperationKind::Correction,
            saga_id: Some(change.state.saga_id.as_str().to_owned()),
            saga_type: Some(change.state.saga_type.as_str().to_owned()),
            letter_id: None,
            before: change.previous_status.map(|status| status.as_str().to_owned()),
            after: Some(current.as_str().to_owned()),
            result: if current == self.status {
                "CORRECTED"
            } else {
                "OVERTAKEN"
            }
            .to_owned(),
            detail: Some(self.reason.clone()),
        }
    }
}

/// A `UUIDv7` whose time and random part follow from the state that the operator saw. So of all corrections of one state,
/// in whatever collector they are made, the database takes one: ids are unique within a saga.
fn event_id(saga: &SagaState) -> Option<EventId> {
    let seen = format!(
        "{}/{}/{}",
        saga.updated_at,
        saga.step_count,
        saga.saga_id.as_str()
    );
    let hash = Sha256::digest(seen.as_bytes());
    let mut random = [0; 10];
    random.copy_from_slice(&hash[..10]);
    let millis = u64::try_from(saga.updated_at.as_millis()).unwrap_or_default();
    let id = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    EventId::new(id.to_string()).ok()
}
