//! Sagas that need action, in groups of the same cause, owner and type: for REST and the overview alike.

use saga_collector::{maintenance, owners::Contact};
use saga_store::{Late, LateGroup, StoreError};
use saga_types::{SagaType, Step, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{http::address::encoded, scoped::Reader};

/// Sagas of one type that wait for the same service to do the same.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActionGroup {
    /// The step that is awaited, or that is not compensated.
    pub(crate) step: Step,
    /// The service that owns it by the definition.
    pub(crate) owner: Option<String>,
    pub(crate) saga_type: SagaType,
    /// Whom to ask, by the configuration (owners): about the service, or else about the saga type; null when nobody is named.
    pub(crate) contact: Option<Contact>,
    /// How many. A saga that awaits several steps, or owes several compensations, is in the group of each.
    pub(crate) sagas: u64,
    /// When the first of them was due, or has owed its compensation.
    pub(crate) since: Timestamp,
    /// Whether that is longer ago than is allowed.
    pub(crate) overdue: bool,
    /// The page that lists these sagas; behind its question mark are the parameters of `/api/v1/sagas`.
    pub(crate) page: String,
}

/// The groups, the largest first; with `acknowledged` only of sagas that are, or are not.
pub(crate) async fn late_groups(
    reader: &Reader,
    late: Late,
    judged_at: Timestamp,
    acknowledged: Option<bool>,
) -> Result<Vec<ActionGroup>, StoreError> {
    let (before, overdue_before) = match late {
        Late::Stuck => (judged_at, judged_at),
        // Compensations that are not overdue yet are owed too.
        Late::Owing => {
            let overdue_after = reader.watch.compensation_overdue_after;
            (Timestamp::MAX, maintenance::due(late, judged_at, overdue_after))
        }
    };
    let groups = reader.late_groups(late, before, acknowledged).await?;
    let group = |group| ActionGroup::of(reader, late, group, overdue_before, acknowledged);
    Ok(groups.into_iter().map(group).collect())
}

impl ActionGroup {
    fn of(
        reader: &Reader,
        late: Late,
        group: LateGroup,
        overdue_before: Timestamp,
        acknowledged: Option<bool>,
    ) -> Self {
        let LateGroup { count, due } = group;
        let (owner, contact) = reader.responsible(&count.saga_type, &count.step);
        Self {
            owner,
            contact,
            page: page(late, &count.saga_type, &count.step, acknowledged),
            step: count.step,
            saga_type: count.saga_type,
            sagas: count.sagas,
            since: due,
            overdue: due < overdue_before,
        }
    }
}

/// The list of exactly the sagas of a group.
fn page(late: Late, saga_type: &SagaType, step: &Step, acknowledged: Option<bool>) -> String {
    let step = encoded(step.as_str());
    let filter = match late {
        Late::Stuck => format!("awaits={step}&stuck=true"),
        Late::Owing => format!("owes={step}&owing=true"),
    };
    let acknowledged = acknowledged
        .map(|yes| format!("acknowledged={yes}&"))
        .unwrap_or_default();
    format!(
        "/sagas?{acknowledged}{filter}&sagaType={}&sort=due",
        encoded(saga_type.as_str())
    )
}
