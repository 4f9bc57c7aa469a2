//! A status set by hand, as the event that it becomes. Nothing that was recorded is overwritten.

use std::time::Duration;

use saga_types::{
    EventId, Metadata, MetadataError, SagaEvent, SagaStatus, Timestamp, fold::SagaState, keys, steps,
};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Builder;

use super::sagas::status;
use crate::http::{ApiError, body::Body, query_string::Params};

/// The longest reason, in characters.
const MAX_REASON_CHARS: usize = 500;

/// What an operator wants.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Correction {
    /// What the saga shall be.
    pub(super) status: SagaStatus,
    /// Why, for those who look at the steps later.
    #[schema(min_length = 1, max_length = 500, pattern = r"^[^\x00]*\S[^\x00]*$")]
    pub(super) reason: String,
}

impl Correction {
    /// Takes `status` and `reason`.
    pub(super) fn take(mut body: Body) -> Result<Self, ApiError> {
        let status = body.parsed("status", status);
        let reason = body.parsed("reason", reason);
        let taken = status.zip(reason);
        body.finish(taken.map(|(status, reason)| Self { status, reason }))
    }

    /// The same from a form.
    pub(crate) fn of_form(mut fields: Params) -> Result<Self, ApiError> {
        let given = fields.given();
        let status = fields.parsed("status", status);
        let reason = fields.parsed("reason", reason);
        for name in ["status", "reason"] {
            if !given.iter().any(|(other, _)| other == name) {
                fields.refuse(name, "is missing");
            }
        }
        fields.finish()?;
        let taken = status.zip(reason);
        let (status, reason) = taken.ok_or_else(ApiError::internal)?;
        Ok(Self { status, reason })
    }

    /// The event, so that it is the last of the saga as it was seen.
    pub(super) fn event(&self, saga: &SagaState, actor: &str) -> Result<SagaEvent, ApiError> {
        let now = Timestamp::now();
        let recorded_at = now.max(saga.updated_at.saturating_add(Duration::from_millis(1)));
        if recorded_at == saga.updated_at {
            let message = "the saga has an event at the end of all time; none can be later";
            return Err(ApiError::conflict(message));
        }
        // Everything in it was checked, so neither can fail.
        let metadata = self.metadata(actor).map_err(|_| ApiError::internal())?;
        let event_id = event_id(saga).ok_or_else(ApiError::internal)?;
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

    fn metadata(&self, actor: &str) -> Result<Metadata, MetadataError> {
        let mut metadata = Metadata::builder();
        metadata.insert(keys::ACTOR, actor)?;
        metadata.insert(keys::REASON, &self.reason)?;
        if self.status == SagaStatus::Failed {
            metadata.insert(keys::FAILURE_REASON, &self.reason)?;
        }
        metadata.build()
    }
}

fn reason(text: &str) -> Result<String, String> {
    let chars = text.chars().count();
    if text.trim().is_empty() {
        Err("must say why".to_owned())
    } else if chars > MAX_REASON_CHARS {
        Err(format!(
            "has {chars} characters, at most {MAX_REASON_CHARS} are allowed"
        ))
    } else if text.contains('\0') {
        Err("must not hold U+0000".to_owned())
    } else {
        Ok(text.to_owned())
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
