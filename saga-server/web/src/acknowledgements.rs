//! Acknowledgements, as REST and pages show them beside their subjects.

use std::collections::BTreeMap;

use saga_collector::redaction::Redaction;
use saga_store::{Acknowledgement, StoreError, StoredSaga, Subject, Subjects};
use saga_types::{SagaId, SagaType, Timestamp, keys};
use serde::Serialize;
use utoipa::ToSchema;

use crate::scoped::Reader;

/// The most of one subject: a group may have one for each type.
const MOST: u32 = 1_000;

/// That somebody takes care of a saga, a dead letter or a group of failures.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Acknowledgement)]
pub(crate) struct AcknowledgementView {
    /// Names it, for a caller who replaces or withdraws it.
    pub(crate) id: i64,
    /// The saga; null when it is of something else.
    pub(crate) saga_id: Option<SagaId>,
    /// The dead letter; null when it is of something else.
    pub(crate) dead_letter_id: Option<i64>,
    /// The group of failures; null when it is of something else, and where failure reasons are not shown.
    pub(crate) failure_group: Option<String>,
    /// The saga type for which the group is acknowledged; null for all types, and when it is of something else.
    pub(crate) saga_type: Option<SagaType>,
    /// Who takes care.
    pub(crate) assignee: String,
    /// What they do, or know.
    pub(crate) note: String,
    /// Who said so.
    pub(crate) by: String,
    /// When.
    pub(crate) at: Timestamp,
    /// When it ends, at the latest.
    pub(crate) until: Timestamp,
    /// Whether it became worse since: then it is shown among what nobody takes care of.
    pub(crate) worse: bool,
}

impl AcknowledgementView {
    pub(crate) fn of(found: Acknowledgement, redaction: &Redaction) -> Self {
        let (saga_id, dead_letter_id, group) = match found.subject {
            Subject::Saga(id) => (Some(id), None, None),
            Subject::Letter(id) => (None, Some(id), None),
            Subject::FailureGroup { name, saga_type } => (None, None, Some((name, saga_type))),
        };
        let (failure_group, saga_type) = group.unzip();
        Self {
            id: found.id,
            saga_id,
            dead_letter_id,
            failure_group: failure_group.filter(|_| !redaction.hides(keys::FAILURE_REASON)),
            saga_type: saga_type.flatten(),
            assignee: found.assignee,
            note: found.note,
            by: found.by,
            at: found.at,
            until: found.until,
            worse: found.is_worse,
        }
    }
}

/// Those that are in force, of few subjects.
pub(crate) async fn of(reader: &Reader, subjects: Subjects) -> Result<Vec<AcknowledgementView>, StoreError> {
    let is_none = match &subjects {
        Subjects::All => false,
        Subjects::Sagas(ids) => ids.is_empty(),
        Subjects::Letters(ids) => ids.is_empty(),
        Subjects::FailureGroups(names) => names.is_empty(),
    };
    if is_none {
        return Ok(Vec::new());
    }
    let found = reader
        .acknowledgements(subjects, None, MOST)
        .await?
        .acknowledgements;
    let view = |found| AcknowledgementView::of(found, &reader.redaction);
    Ok(found.into_iter().map(view).collect())
}

/// That of one saga.
pub(crate) async fn of_saga(
    reader: &Reader,
    saga_id: &SagaId,
) -> Result<Option<AcknowledgementView>, StoreError> {
    let found = of(reader, Subjects::Sagas(vec![saga_id.to_string()])).await?;
    Ok(found.into_iter().next())
}

/// Those of some sagas, by the saga.
pub(crate) async fn of_sagas<'a>(
    reader: &Reader,
    sagas: impl Iterator<Item = &'a StoredSaga>,
) -> Result<BTreeMap<SagaId, AcknowledgementView>, StoreError> {
    let ids = sagas.map(|saga| saga.saga_id.to_string()).collect();
    let found = of(reader, Subjects::Sagas(ids)).await?.into_iter();
    Ok(found
        .filter_map(|found| Some((found.saga_id.clone()?, found)))
        .collect())
}
