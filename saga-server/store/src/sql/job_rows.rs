//! Rows of jobs and of their items, and who sees them.

use std::collections::BTreeSet;

use saga_types::{SagaType, Timestamp};
use sqlx::QueryBuilder;

use super::{Connection, Db, error, rows::decode};
use crate::{
    Actor, Corrupt, ItemResult, Job, JobAction, JobItem, JobState, LetterState, Operation, OperationKind,
    Scope, SelectedLetter, StoreError, Way, columns::Moment, table::Keyed,
};

pub(super) const JOB: &str = "id, action, state, target, note, care, selection, request, actor, role, way, address, scope, types, reverts, \
     (SELECT max(other.id) FROM job AS other WHERE other.reverts = job.id) AS reverted_by, created_at, started_at, \
     moved_at, finished_at, items, changed, unchanged, refused, failed";

pub(super) const ITEM: &str =
    "number, saga_id, saga_type, letter_id, before, target, after, result, message, done_at";

/// No saga type has this name.
const UNKNOWN: &str = "?";

/// A row of `job`.
#[derive(sqlx::FromRow)]
pub(super) struct JobRow {
    id: i64,
    action: String,
    state: String,
    target: Option<String>,
    note: Option<String>,
    care: Option<String>,
    selection: String,
    request: String,
    actor: String,
    role: Option<String>,
    way: String,
    address: Option<String>,
    scope: Option<String>,
    types: String,
    reverts: Option<i64>,
    reverted_by: Option<i64>,
    created_at: Moment,
    started_at: Option<Moment>,
    moved_at: Moment,
    finished_at: Option<Moment>,
    items: i64,
    changed: i64,
    unchanged: i64,
    refused: i64,
    failed: i64,
}

impl Keyed for JobRow {
    const NAME: &'static str = "job";
    const KEY: &'static [&'static str] = &["id"];
}

impl TryFrom<JobRow> for Job {
    type Error = StoreError;

    fn try_from(row: JobRow) -> Result<Self, StoreError> {
        let corrupt = |column: &str, cause| Corrupt::new(JobRow::NAME, column, row.id.to_string(), cause);
        let action = JobAction::read(&row.action).map_err(|error| corrupt("action", error))?;
        let state = JobState::read(&row.state).map_err(|error| corrupt("state", error))?;
        let way = Way::read(&row.way).map_err(|error| corrupt("way", error))?;
        let scope = match &row.scope {
            Some(text) => {
                let types: Vec<SagaType> =
                    serde_json::from_str(text).map_err(|error| corrupt("scope", error.into()))?;
                Scope::of(types)
            }
            None => Scope::All,
        };
        let care = row.care.as_deref().map(serde_json::from_str).transpose();
        let care = care.map_err(|error| corrupt("care", error.into()))?;
        Ok(Self {
            id: row.id,
            action,
            state,
            target: row.target,
            note: row.note,
            care,
            selection: row.selection,
            request: row.request,
            actor: Actor {
                name: row.actor,
                role: row.role,
                way,
                address: row.address,
            },
            scope,
            reverts: row.reverts,
            reverted_by: row.reverted_by,
            created_at: row.created_at.0,
            started_at: row.started_at.map(|moment| moment.0),
            moved_at: row.moved_at.0,
            finished_at: row.finished_at.map(|moment| moment.0),
            items: row.items.cast_unsigned(),
            changed: row.changed.cast_unsigned(),
            unchanged: row.unchanged.cast_unsigned(),
            refused: row.refused.cast_unsigned(),
            failed: row.failed.cast_unsigned(),
        })
    }
}

/// A scope as a job keeps it.
pub(super) fn scope_text(scope: &Scope) -> Option<String> {
    let names = scope.names()?;
    Some(serde_json::json!(names).to_string())
}

/// A row of `job_item`.
#[derive(sqlx::FromRow)]
pub(super) struct ItemRow {
    number: i64,
    saga_id: Option<String>,
    saga_type: Option<String>,
    letter_id: Option<i64>,
    before: Option<String>,
    target: Option<String>,
    after: Option<String>,
    result: Option<String>,
    message: Option<String>,
    done_at: Option<Moment>,
}

impl Keyed for ItemRow {
    const NAME: &'static str = "job_item";
    const KEY: &'static [&'static str] = &["number"];
}

impl TryFrom<ItemRow> for JobItem {
    type Error = StoreError;

    fn try_from(row: ItemRow) -> Result<Self, StoreError> {
        let result = row.result.as_deref().map(ItemResult::read).transpose();
        let result =
            result.map_err(|error| Corrupt::new(ItemRow::NAME, "result", row.number.to_string(), error))?;
        Ok(Self {
            number: row.number,
            saga_id: row.saga_id,
            saga_type: row.saga_type,
            letter_id: row.letter_id,
            before: row.before,
            target: row.target,
            after: row.after,
            result,
            message: row.message,
            done_at: row.done_at.map(|moment| moment.0),
        })
    }
}

/// A row of `dead_letter`, as far as a job needs it.
#[derive(sqlx::FromRow)]
pub(super) struct SelectedRow {
    id: i64,
    saga_id: Option<String>,
    saga_type: Option<String>,
    state: String,
    is_erased: bool,
}

impl Keyed for SelectedRow {
    const NAME: &'static str = "dead_letter";
    const KEY: &'static [&'static str] = &["id"];
}

impl TryFrom<SelectedRow> for SelectedLetter {
    type Error = StoreError;

    fn try_from(row: SelectedRow) -> Result<Self, StoreError> {
        let state = LetterState::read(&row.state)
            .map_err(|error| Corrupt::new(SelectedRow::NAME, "state", row.id.to_string(), error))?;
        Ok(Self {
            id: row.id,
            saga_id: row.saga_id,
            saga_type: row.saga_type,
            state,
            is_erased: row.is_erased,
        })
    }
}

/// The job of this id, if those with this scope see it.
pub(super) async fn one(
    connection: &mut Connection,
    id: i64,
    scope: &Scope,
    lock: &str,
) -> Result<Option<Job>, StoreError> {
    let mut sql = QueryBuilder::<Db>::new(format!("SELECT {JOB} FROM job WHERE id = "));
    sql.push_bind(id).push(format_args!(" {lock}"));
    let row = sql
        .build()
        .fetch_optional(connection)
        .await
        .map_err(error::store)?;
    let row = row.map(|row| decode::<JobRow>(&row)).transpose()?;
    row.filter(|row| is_seen(&row.types, scope))
        .map(Job::try_from)
        .transpose()
}

/// The types of a job's sagas as the job keeps them. An empty name stands for a type that is not known.
pub(super) fn types_text(names: &BTreeSet<String>) -> String {
    let names: Vec<&str> = names
        .iter()
        .map(|name| match name.as_str() {
            "" => UNKNOWN,
            name => name,
        })
        .collect();
    names.join(" ")
}

/// A job is seen by those who may see every type of its sagas.
pub(super) fn is_seen(types: &str, scope: &Scope) -> bool {
    scope.names().is_none_or(|seen| {
        types
            .split_whitespace()
            .all(|name| seen.iter().any(|one| one == name))
    })
}

/// An entry of the log that is about the whole job.
pub(super) fn entry(actor: Actor, at: Timestamp, result: &str, detail: Option<String>) -> Operation {
    Operation {
        detail,
        ..Operation::of(OperationKind::Job, actor, at, result)
    }
}
