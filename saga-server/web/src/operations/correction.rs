//! A status set by hand, as the event that it becomes. Nothing that was recorded is overwritten.
//!
//! The status is read before the event is stored, and others may store events in between. The caller is answered
//! accordingly: no call succeeds that did not itself bring about the status it names.

use std::{sync::Arc, time::Duration};

use saga_types::{
    EventId, Metadata, MetadataError, SagaEvent, SagaId, SagaStatus, Timestamp, fold::SagaState, keys, steps,
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Builder;

use super::permit::Permit;
use crate::{
    auth::Caller,
    http::{ApiError, body::Body, params::status, query_string::Params},
    scoped::Reader,
};
use saga_collector::metrics::count_stored;
use saga_store::{Actor, Appended, Conclude, Conclusion, Operation, OperationKind, SagaChange};

/// The longest reason, in characters.
const MAX_REASON_CHARS: usize = 500;

/// How often a state is looked at anew because another correction of it came first.
const ATTEMPTS: usize = 5;

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Corrected {
    saga_id: SagaId,
    previous_status: Option<SagaStatus>,
    current_status: SagaStatus,
    updated_at: Timestamp,
}

/// What an operator wants.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Correction {
    /// What the saga shall be.
    status: SagaStatus,
    /// Why, for those who look at the steps later.
    #[schema(min_length = 1, max_length = 500, pattern = r"^[^\x00]*\S[^\x00]*$")]
    reason: String,
}

impl Correction {
    /// Takes `status` and `reason`.
    pub(crate) fn take(mut body: Body) -> Result<Self, ApiError> {
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

    /// Does what an operator wants, whichever way they said it.
    pub(crate) async fn carry_out(
        &self,
        reader: &Reader,
        saga_id: &SagaId,
        caller: &Caller,
    ) -> Result<Corrected, ApiError> {
        for _ in 0..ATTEMPTS {
            if let Some(change) = attempt(reader, saga_id, self, caller).await? {
                let status = self.status.as_str();
                tracing::info!(
                    saga_id = saga_id.as_str(),
                    actor = caller.name,
                    status,
                    "a status was set by hand"
                );
                return answer(change, self.status);
            }
        }
        let message = format!("others correct the saga {:?} at the same time", saga_id.as_str());
        Err(ApiError::conflict(message))
    }

    /// The event, so that it is the last of the saga as it was seen.
    fn event(&self, saga: &SagaState, caller: &Caller) -> Result<SagaEvent, ApiError> {
        let now = Timestamp::now();
        let recorded_at = now.max(saga.updated_at.saturating_add(Duration::from_millis(1)));
        if recorded_at == saga.updated_at {
            // Ingest takes no such event; an older version may have.
            let message = "the saga has an event at the end of all time; none can be later";
            return Err(ApiError::conflict(message));
        }
        // Everything in it was checked, so neither can fail.
        let metadata = self.metadata(caller).map_err(|_| ApiError::internal())?;
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

    fn metadata(&self, caller: &Caller) -> Result<Metadata, MetadataError> {
        let mut metadata = Metadata::builder();
        metadata.insert(keys::ACTOR, caller.name.as_str())?;
        metadata.insert(keys::CORRECTED_VIA, caller.way.as_str())?;
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

/// Stores the event on top of the state as it is now. `None` when another correction of that state came first.
async fn attempt(
    reader: &Reader,
    saga_id: &SagaId,
    correction: &Correction,
    caller: &Caller,
) -> Result<Option<SagaChange>, ApiError> {
    let seen = reader.saga(saga_id).await?;
    if seen.current_status == correction.status {
        let message = format!(
            "the saga {:?} is {} already",
            saga_id.as_str(),
            seen.current_status
        );
        return Err(ApiError::conflict(message));
    }
    let event = correction.event(&seen, caller)?;
    let conclude = conclude(correction, caller.actor());
    let Appended { mut changes, .. } = reader
        .append_by(&Permit::new(), vec![event.clone()].into(), conclude)
        .await?;
    if !changes.is_empty() {
        count_stored(&reader.metrics, [&event], &changes);
    }
    Ok(changes.pop())
}

/// The entry of the log, when the event is stored.
fn conclude(correction: &Correction, actor: Actor) -> Conclude {
    let (wanted, reason) = (correction.status, correction.reason.clone());
    Arc::new(move |appended| {
        let operations = appended.changes.iter().map(|change| {
            let current = change.state.current_status;
            Operation {
                at: Timestamp::now(),
                actor: actor.clone(),
                kind: OperationKind::Correction,
                saga_id: Some(change.state.saga_id.as_str().to_owned()),
                saga_type: Some(change.state.saga_type.as_str().to_owned()),
                letter_id: None,
                before: change.previous_status.map(|status| status.as_str().to_owned()),
                after: Some(current.as_str().to_owned()),
                // An event that is later still may have come first.
                result: if current == wanted {
                    "CORRECTED"
                } else {
                    "OVERTAKEN"
                }
                .to_owned(),
                detail: Some(reason.clone()),
            }
        });
        Conclusion {
            attempts: Vec::new(),
            operations: operations.collect(),
        }
    })
}

/// The event is stored; whether it did what was wanted depends on what else was stored in the meantime.
fn answer(change: SagaChange, wanted: SagaStatus) -> Result<Corrected, ApiError> {
    let SagaChange {
        previous_status,
        state,
        ..
    } = change;
    let current = state.current_status;
    if current != wanted {
        let message = format!("an event that is later still came at the same time, so the saga is {current}");
        return Err(ApiError::conflict(message));
    }
    if previous_status == Some(wanted) {
        let message = format!("the saga became {wanted} by another event at the same time");
        return Err(ApiError::conflict(message));
    }
    Ok(Corrected {
        saga_id: state.saga_id,
        previous_status,
        current_status: current,
        updated_at: state.updated_at,
    })
}
