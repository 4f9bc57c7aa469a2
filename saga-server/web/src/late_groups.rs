//! Sagas that need action, in groups of the same cause, owner and type: for REST and the overview alike.

use saga_collector::{maintenance, owners::Contact};
use saga_store::{Late, LateGroup, StoreError};
use saga_types::{SagaType, Step, Timestamp, definition::Definitions};
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

/// A group as people read it.
#[derive(Debug)]
pub(crate) struct Cause {
    pub(crate) group: ActionGroup,
    /// The other alternatives of the step that its sagas wait for: one of them is enough.
    pub(crate) others: Vec<Step>,
}

/// The alternatives of a choice together, where one service owns them: a saga that waits for one of them waits for all, and would be
/// counted for each.
pub(crate) fn causes(definitions: &Definitions, late: Late, groups: Vec<ActionGroup>) -> Vec<Cause> {
    let mut causes: Vec<Cause> = Vec::new();
    for group in groups {
        let is_same = |cause: &&mut Cause| {
            let other = &cause.group;
            late == Late::Stuck
                && (&other.saga_type, &other.owner, other.sagas)
                    == (&group.saga_type, &group.owner, group.sagas)
                && are_alternatives(definitions, &group.saga_type, [&other.step, &group.step])
        };
        match causes.iter_mut().find(is_same) {
            Some(cause) => {
                cause.group.since = cause.group.since.min(group.since);
                cause.group.overdue |= group.overdue;
                cause.others.push(group.step);
            }
            None => causes.push(Cause {
                group,
                others: Vec::new(),
            }),
        }
    }
    causes
}

fn are_alternatives(definitions: &Definitions, saga_type: &SagaType, steps: [&Step; 2]) -> bool {
    let of_type = definitions
        .iter()
        .filter(|definition| definition.saga_type == *saga_type);
    of_type
        .map(|definition| {
            steps.map(|step| {
                definition
                    .forward_step(step)
                    .and_then(|entry| entry.choice.as_deref())
            })
        })
        .any(|[one, other]| one.is_some() && one == other)
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

#[cfg(test)]
mod tests {
    use saga_types::definition::SagaDefinition;

    use super::*;

    fn group(step: &str, sagas: u64) -> ActionGroup {
        ActionGroup {
            step: step.parse().unwrap(),
            owner: Some("carrier-service".to_owned()),
            saga_type: "FULFILMENT".parse().unwrap(),
            contact: None,
            sagas,
            since: Timestamp::now(),
            overdue: true,
            page: String::new(),
        }
    }

    #[test]
    fn sagas_that_wait_for_one_of_two_steps_are_one_cause() {
        let definition = SagaDefinition::from_yaml(
            "sagaType: FULFILMENT
startsWith: [STARTED]
forward:
  - { step: STARTED }
  - { step: COURIER_BOOKED, choice: carrier, after: [STARTED] }
  - { step: POST_BOOKED, choice: carrier }
  - { step: SENT, after: [carrier] }
completesWith: [SENT]
",
        );
        let mut definitions = Definitions::default();
        definitions.insert(definition.unwrap());
        let groups = || vec![group("COURIER_BOOKED", 8), group("POST_BOOKED", 8)];
        let stuck = causes(&definitions, Late::Stuck, groups());
        assert_eq!(stuck.len(), 1);
        assert_eq!((stuck[0].group.sagas, stuck[0].others.len()), (8, 1));
        // What is owed was done: by each saga one of the two.
        assert_eq!(causes(&definitions, Late::Owing, groups()).len(), 2);
        assert_eq!(
            causes(
                &definitions,
                Late::Stuck,
                vec![group("COURIER_BOOKED", 8), group("STARTED", 8)]
            )
            .len(),
            2
        );
    }
}
