//! Sagas that wait longer than any before while others make no progress either: for REST and the overview alike.

use saga_collector::owners::Contact;
use saga_store::{Standstill, StoreError};
use saga_types::{SagaType, Step, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{http::address::encoded, scoped::Reader};

/// Sagas of a type without a limit that wait longer for a step than any before, and of which none counts as stuck, since others make
/// no progress either, or progress as slowly.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Standstill)]
pub(crate) struct StandstillView {
    /// The step that is awaited; of a type without a definition the one that usually comes.
    pub(crate) step: Step,
    /// The service that owns it by the definition.
    pub(crate) owner: Option<String>,
    pub(crate) saga_type: SagaType,
    /// Whom to ask, by the configuration (owners).
    pub(crate) contact: Option<Contact>,
    /// How many; of very many as many as were looked at so far.
    pub(crate) sagas: u64,
    /// Since when the first of them waits.
    pub(crate) since: Timestamp,
    /// How long it takes as a rule: the median, in milliseconds.
    pub(crate) usual_p50_ms: i64,
    /// How long it took those that came later: the median, in milliseconds; null when fewer than 20 of them have gone on.
    pub(crate) others_p50_ms: Option<i64>,
    /// The page that lists the sagas that wait for the step, of a type without a definition all that have not ended; behind its
    /// question mark are the parameters of `/api/v1/sagas`.
    pub(crate) page: String,
}

/// The one with the most sagas first.
pub(crate) async fn standstills(reader: &Reader) -> Result<Vec<StandstillView>, StoreError> {
    let found = reader.standstills().await?;
    Ok(found
        .into_iter()
        .map(|standstill| StandstillView::of(reader, standstill))
        .collect())
}

impl StandstillView {
    fn of(reader: &Reader, found: Standstill) -> Self {
        let (owner, contact) = reader.responsible(&found.saga_type, &found.step);
        // Without a definition no saga awaits a step until it counts as stuck.
        let awaits = match reader.definitions().get(&found.saga_type) {
            Some(_) => format!("awaits={}&", encoded(found.step.as_str())),
            None => String::new(),
        };
        Self {
            owner,
            contact,
            page: format!(
                "/sagas?{awaits}ended=false&sagaType={}&sort=startedAt,asc",
                encoded(found.saga_type.as_str())
            ),
            step: found.step,
            saga_type: found.saga_type,
            sagas: found.sagas,
            since: found.since,
            usual_p50_ms: found.usual_p50_ms,
            others_p50_ms: found.others_p50_ms,
        }
    }
}
