//! Who takes care of something: the mark beside it, and the form that says so.

use axum::{
    Extension,
    extract::Path,
    response::{IntoResponse, Redirect, Response},
};
use saga_types::Timestamp;

use super::{
    form::Form,
    humanize::{Moment, short},
    links::{encoded, letter_id, letter_path, saga_path},
};
use crate::{
    acknowledgements::AcknowledgementView,
    auth::{Caller, Role},
    http::{ApiError, params::PathSagaId},
    operations::{acknowledge_by_form, acknowledged_group},
    scoped::Reader,
};
use saga_store::Subject;

/// The address of forms about groups of failures.
pub(super) const GROUPS: &str = "/acknowledgements";

/// Who takes care of something, and until when.
pub(super) struct Mark {
    pub(super) id: i64,
    pub(super) assignee: String,
    pub(super) by: String,
    pub(super) at: Moment,
    pub(super) until: Moment,
    pub(super) note: String,
    pub(super) is_worse: bool,
    /// The saga type for which a group is acknowledged.
    pub(super) saga_type: Option<String>,
}

impl Mark {
    pub(super) fn new(view: AcknowledgementView, now: Timestamp) -> Self {
        Self {
            id: view.id,
            assignee: view.assignee,
            by: view.by,
            at: Moment::new(view.at, now),
            until: Moment::new(view.until, now),
            note: view.note,
            is_worse: view.worse,
            saga_type: view.saga_type.map(String::from),
        }
    }
}

/// A form that acknowledges, changes or withdraws; for those who may.
pub(super) struct AcknowledgeForm {
    pub(super) path: String,
    /// What names the subject beside the path.
    pub(super) fields: Vec<(&'static str, String)>,
    /// The acknowledgement that it would replace.
    pub(super) there: Option<Mark>,
    /// Who takes care, unless they say something else.
    pub(super) assignee: String,
}

impl AcknowledgeForm {
    pub(super) fn of(
        caller: &Caller,
        path: String,
        there: Option<AcknowledgementView>,
        now: Timestamp,
    ) -> Option<Self> {
        let assignee = there
            .as_ref()
            .map_or_else(|| caller.name.clone(), |there| there.assignee.clone());
        (caller.role >= Role::Operator).then(|| Self {
            path,
            fields: Vec::new(),
            there: there.map(|there| Mark::new(there, now)),
            assignee,
        })
    }
}

/// An acknowledged saga, dead letter or group, in a list of all of them.
pub(super) struct Entry {
    /// What it is, and where it is shown; no path where it may not be shown.
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) whole_name: String,
    pub(super) path: Option<String>,
    pub(super) mark: Mark,
}

impl Entry {
    pub(super) fn new(view: AcknowledgementView, now: Timestamp) -> Self {
        let (kind, name, path) = match (&view.saga_id, view.dead_letter_id, &view.failure_group) {
            (Some(id), ..) => ("Saga", id.to_string(), Some(saga_path(id.as_str()))),
            (_, Some(id), _) => ("Dead letter", id.to_string(), Some(letter_path(id))),
            (.., Some(group)) => ("Failures", group.clone(), Some(group_path(&view, group))),
            (.., None) => ("Failures", "a group whose reason is not shown".to_owned(), None),
        };
        Self {
            kind,
            name: match kind {
                "Saga" => short(&name),
                _ => name.clone(),
            },
            whole_name: name,
            path,
            mark: Mark::new(view, now),
        }
    }
}

/// The list of the sagas of a group.
fn group_path(view: &AcknowledgementView, group: &str) -> String {
    let saga_type = view.saga_type.as_ref();
    let saga_type = saga_type.map(|saga_type| format!("&sagaType={}", encoded(saga_type.as_str())));
    format!(
        "/sagas?failureGroup={}{}",
        encoded(group),
        saga_type.unwrap_or_default()
    )
}

pub(super) async fn saga(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    PathSagaId(saga_id): PathSagaId,
    Form(fields): Form,
) -> Result<Response, ApiError> {
    let subject = Subject::Saga(saga_id.clone());
    acknowledge_by_form(&reader, subject, fields, &caller).await?;
    Ok(Redirect::to(&saga_path(saga_id.as_str())).into_response())
}

pub(super) async fn letter(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Form(fields): Form,
) -> Result<Response, ApiError> {
    let id = letter_id(&id)?;
    acknowledge_by_form(&reader, Subject::Letter(id), fields, &caller).await?;
    Ok(Redirect::to(&letter_path(id)).into_response())
}

pub(super) async fn group(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    Form(mut fields): Form,
) -> Result<Response, ApiError> {
    let subject = acknowledged_group(&mut fields, &reader);
    let Some(subject @ Subject::FailureGroup { .. }) = subject else {
        fields.finish()?;
        return Err(ApiError::internal());
    };
    let view = acknowledge_by_form(&reader, subject, fields, &caller).await?;
    let path = match &view.failure_group {
        Some(group) => group_path(&view, group),
        None => "/".to_owned(),
    };
    Ok(Redirect::to(&path).into_response())
}
