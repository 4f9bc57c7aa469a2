//! Two versions side by side, type by type: outcomes, failures and transitions of the sagas of the same minutes.
//!
//! Rule of thumb: every figure is of the sagas that the verdict is of. All of them are read, so figures are exact.

use std::collections::BTreeMap;

use saga_store::{Flow, Transition, TransitionRow, VersionSaga};
use saga_types::{SagaStatus, SagaType, Step, fold::parts_of_failure_group, keys};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    http::ApiError,
    rest::{
        flow::{Outcome, Times},
        statistics::ratio,
    },
    scoped::Reader,
};

/// How many types are answered, those with the most sagas, and of each how many failures and transitions, the most frequent.
const TYPES: usize = 20;
const FAILURES: usize = 100;
const TRANSITIONS: usize = 500;

/// Sagas of one type that started in minutes in which both versions have some, and had the time to end.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TypeComparison {
    saga_type: SagaType,
    baseline: VersionOutcomes,
    candidate: VersionOutcomes,
    /// By step and reason, the most frequent first; at most 100.
    failures: Vec<FailureComparison>,
    /// The most frequent first; at most 500.
    transitions: Vec<TransitionComparison>,
}

/// How sagas ended.
#[derive(Debug, Serialize, ToSchema)]
struct VersionOutcomes {
    /// All of them; those that neither completed nor failed go on.
    sagas: u64,
    completed: u64,
    /// Also those that were compensated since.
    failed: u64,
    compensated: u64,
}

/// Failures at one step for one reason.
#[derive(Debug, Serialize, ToSchema)]
struct FailureComparison {
    /// Null when it is not known.
    step: Option<String>,
    /// Without what differs from one failure to the next; null when none was given, and where reasons are hidden.
    reason: Option<String>,
    baseline: VersionShare,
    candidate: VersionShare,
}

/// So many sagas of a version.
#[derive(Debug, Serialize, ToSchema)]
struct VersionShare {
    sagas: u64,
    /// Of the sagas of the type and version, from 0 to 1.
    share: f64,
}

/// From the first event of a step to the first event of the next one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TransitionComparison {
    /// Null before the first step.
    from: Option<Step>,
    to: Step,
    outcome: Outcome,
    /// Whether it leads from the path to a step that is not on it.
    leaves_path: bool,
    baseline: VersionTransition,
    candidate: VersionTransition,
}

/// How sagas of a version made a transition.
#[derive(Debug, Serialize, ToSchema)]
struct VersionTransition {
    sagas: u64,
    /// Of the sagas of the type and version, from 0 to 1.
    share: f64,
    /// Null when no saga made it, from the start of a saga, and to an override.
    times: Option<Times>,
}

/// The types of the sagas that are compared, that with the most sagas first.
pub(super) async fn side_by_side(
    reader: &Reader,
    sagas: &[&VersionSaga],
) -> Result<Vec<TypeComparison>, ApiError> {
    let mut types: BTreeMap<&SagaType, Vec<&VersionSaga>> = BTreeMap::new();
    for &saga in sagas {
        types.entry(&saga.saga_type).or_default().push(saga);
    }
    let mut types: Vec<_> = types.into_iter().collect();
    types.sort_by_key(|(_, sagas)| std::cmp::Reverse(sagas.len()));
    let mut compared = Vec::new();
    for (saga_type, sagas) in types.into_iter().take(TYPES) {
        compared.push(compare(reader, saga_type, &sagas).await?);
    }
    Ok(compared)
}

async fn compare(
    reader: &Reader,
    saga_type: &SagaType,
    sagas: &[&VersionSaga],
) -> Result<TypeComparison, ApiError> {
    let sides = [false, true].map(|is_candidate| {
        let of_version = sagas.iter().filter(|saga| saga.is_candidate == is_candidate);
        of_version.copied().collect::<Vec<&VersionSaga>>()
    });
    let ids = |side: &[&VersionSaga]| side.iter().map(|saga| saga.saga_id.clone()).collect::<Vec<_>>();
    let ids = sides.each_ref().map(|side| ids(side));
    let flows: [Flow; 2] = tokio::try_join!(
        reader.flow_of(saga_type, &ids[0]),
        reader.flow_of(saga_type, &ids[1])
    )?
    .into();
    Ok(TypeComparison {
        saga_type: saga_type.clone(),
        baseline: VersionOutcomes::of(&sides[0]),
        candidate: VersionOutcomes::of(&sides[1]),
        failures: failures(&sides, reader.redaction.hides(keys::FAILURE_REASON)),
        transitions: transitions(&flows),
    })
}

impl VersionOutcomes {
    fn of(sagas: &[&VersionSaga]) -> Self {
        let count = |status| sagas.iter().filter(|saga| saga.status == status).count() as u64;
        let compensated = count(SagaStatus::Compensated);
        Self {
            sagas: sagas.len() as u64,
            completed: count(SagaStatus::Completed),
            failed: count(SagaStatus::Failed) + compensated,
            compensated,
        }
    }
}

impl VersionShare {
    fn of(sagas: u64, all: u64) -> Self {
        Self {
            sagas,
            share: ratio(sagas, all),
        }
    }
}

impl VersionTransition {
    fn of(row: Option<&TransitionRow>, flow: &Flow) -> Self {
        let sagas = row.map_or(0, |row| row.sagas);
        Self {
            sagas,
            share: flow.share(sagas),
            times: row.and_then(|row| row.times).map(Times::from),
        }
    }
}

/// By step, where reasons are hidden.
fn failures(sides: &[Vec<&VersionSaga>; 2], are_reasons_hidden: bool) -> Vec<FailureComparison> {
    let mut counts: BTreeMap<(Option<&str>, Option<&str>), [u64; 2]> = BTreeMap::new();
    for (side, sagas) in sides.iter().enumerate() {
        for group in sagas.iter().filter_map(|saga| saga.failure_group.as_deref()) {
            let (step, reason) = parts_of_failure_group(group);
            let reason = reason.filter(|_| !are_reasons_hidden);
            counts.entry((step, reason)).or_default()[side] += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, [baseline, candidate])| std::cmp::Reverse(baseline + candidate));
    let rows = counts.into_iter().take(FAILURES);
    let rows = rows.map(|((step, reason), [baseline, candidate])| FailureComparison {
        step: step.map(str::to_owned),
        reason: reason.map(str::to_owned),
        baseline: VersionShare::of(baseline, sides[0].len() as u64),
        candidate: VersionShare::of(candidate, sides[1].len() as u64),
    });
    rows.collect()
}

fn transitions(flows: &[Flow; 2]) -> Vec<TransitionComparison> {
    let mut rows: BTreeMap<&Transition, [Option<&TransitionRow>; 2]> = BTreeMap::new();
    for (side, flow) in flows.iter().enumerate() {
        for row in &flow.transitions {
            rows.entry(&row.transition).or_default()[side] = Some(row);
        }
    }
    let mut rows: Vec<_> = rows.into_iter().collect();
    let sagas = |row: Option<&TransitionRow>| row.map_or(0, |row| row.sagas);
    rows.sort_by_key(|(_, row)| std::cmp::Reverse(sagas(row[0]) + sagas(row[1])));
    let compared = |(transition, row): (&Transition, [Option<&TransitionRow>; 2])| {
        // Of the version with more sagas: of few, one may say something else.
        let most = row.into_iter().flatten().max_by_key(|row| row.sagas)?;
        Some(TransitionComparison {
            from: transition.from.clone(),
            to: transition.to.clone(),
            outcome: most.outcome.into(),
            leaves_path: most.leaves_path,
            baseline: VersionTransition::of(row[0], &flows[0]),
            candidate: VersionTransition::of(row[1], &flows[1]),
        })
    };
    rows.into_iter().filter_map(compared).take(TRANSITIONS).collect()
}
