//! A status set by hand, as the event that it becomes. Nothing that was recorded is overwritten.
//!
//! The status is read before the event is stored, and others may store events in between. The caller is answered
//! accordingly: no call succeeds that did not itself bring about the status it names.

use std::sync::Arc;

use saga_types::{SagaId, SagaStatus, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::permit::Permit;
use crate::{
    auth::Caller,
    http::{ApiError, body::Body, params::status, query_string::Params},
    scoped::Reader,
};
use saga_collector::{
    corrections::{Correction as Correcting, Uncorrectable},
    metrics::count_stored,
};
use saga_store::{Appended, Conclude, Conclusion, SagaChange};

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
}

pub(super) fn reason(text: &str) -> Result<String, String> {
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
    let correcting = Correcting {
        status: correction.status,
        reason: correction.reason.clone(),
        by: caller.actor(),
    };
    let event = correcting.event(&seen)?;
    let conclude = conclude(correcting);
    let Appended { mut changes, .. } = reader
        .append_by(&Permit::new(), vec![event.clone()].into(), conclude)
        .await?;
    if !changes.is_empty() {
        count_stored(&reader.metrics, [&event], &changes);
    }
    Ok(changes.pop())
}

/// The entry of the log, when the event is stored.
fn conclude(correcting: Correcting) -> Conclude {
    Arc::new(move |appended| Conclusion {
        operations: appended
            .changes
            .iter()
            .map(|change| correcting.operation(change))
            .collect(),
        ..Conclusion::default()
    })
}

impl From<Uncorrectable> for ApiError {
    fn from(error: Uncorrectable) -> Self {
        match error {
            Uncorrectable::EndOfTime => Self::conflict(error.to_string()),
            Uncorrectable::Invalid => Self::internal(),
        }
    }
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
