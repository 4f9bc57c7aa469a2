//! Reads an order for many sagas or dead letters, from a JSON body or from a form.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::HeaderMap;
use saga_store::JobAction;
use saga_types::{SagaId, SagaStatus};
use serde_json::Value;
use utoipa::ToSchema;

use super::order::{Care, Chosen, JobOrder, RevertOrder};
use crate::{
    http::{
        ApiError,
        body::{Body, integer},
        date_range::Moment,
        params::{one_of, status},
        query_string::Params,
    },
    operations::{
        acknowledging::{End, assignee, take_assignee},
        correction::reason,
    },
};

/// The most sagas or letters that are named. A filter may match more.
const MAX_NAMED: usize = 1_000;

/// The longest key of a request, in characters.
const MAX_KEY_CHARS: usize = 200;

/// What is to be done, to which sagas or dead letters. They are named, or a filter says which are meant.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `JobOrder::take` reads")]
pub(crate) struct JobRequest {
    /// What is done to each of them.
    action: JobAction,
    /// What the sagas shall be; for CORRECT alone.
    status: Option<SagaStatus>,
    /// Why; required for CORRECT, where it stands in each event, for DISMISS and for ACKNOWLEDGE.
    #[schema(min_length = 1, max_length = 500, pattern = r"^[^\x00]*\S[^\x00]*$")]
    note: Option<String>,
    /// Who takes care of the sagas; for ACKNOWLEDGE alone, where it is the caller if not given.
    #[schema(min_length = 1, max_length = 100, pattern = r"^[^\x00]*\S[^\x00]*$")]
    assignee: Option<String>,
    /// Until when, in 30 days at most; for ACKNOWLEDGE, which needs either this or `for`.
    #[schema(value_type = Option<Moment>)]
    until: Option<String>,
    /// For how long, such as 4h or 2d.
    #[schema(min_length = 2, format = "length-of-time")]
    r#for: Option<String>,
    /// These sagas.
    #[schema(max_items = 1000)]
    saga_ids: Option<Vec<SagaId>>,
    /// These dead letters.
    #[schema(max_items = 1000)]
    dead_letter_ids: Option<Vec<i64>>,
    /// All that match: the parameters of the list of sagas or of dead letters, as texts. An empty one matches all; of dead letters
    /// those that wait or, for RESTORE, those that were dismissed, unless it names a state.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    filter: Option<BTreeMap<String, String>>,
    /// The token of the preview. When what is selected has changed since, no job is created.
    #[schema(pattern = r"^[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]{43}$")]
    preview_token: Option<String>,
    /// Create the job though what is selected has changed since the preview.
    even_if_changed: Option<bool>,
}

/// Why a job is taken back.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `RevertOrder::take` reads")]
pub(crate) struct RevertRequest {
    /// Why, for those who look at the sagas later.
    #[schema(min_length = 1, max_length = 400, pattern = r"^[^\x00]*\S[^\x00]*$")]
    note: Option<String>,
}

impl JobOrder {
    /// Takes the fields of a [`JobRequest`].
    pub(crate) fn take(mut body: Body) -> Result<Self, ApiError> {
        let action = body.parsed("action", action);
        let status = body.optional("status", |value| status(value.as_str().unwrap_or_default()));
        let note = body.optional("note", |value| reason(value.as_str().unwrap_or_default()));
        let assigned = take_assignee(&mut body);
        let end = End::take(&mut body);
        let sagas = body.optional("sagaIds", |value| {
            list(value, |id| SagaId::new(id.as_str()?).ok())
        });
        let letters = body.optional("deadLetterIds", |value| list(value, integer));
        let filter = body.optional("filter", filter);
        let token = body.optional("previewToken", |value| token(value.as_str().unwrap_or_default()));
        let even_if_changed = body.optional("evenIfChanged", |value| {
            value.as_bool().ok_or("must be true or false".to_owned())
        });
        let given = [sagas.is_some(), letters.is_some(), filter.is_some()];
        let chosen = sagas
            .map(Chosen::Sagas)
            .or(letters.map(Chosen::Letters))
            .or(filter.map(Chosen::Filter));
        match given.into_iter().filter(|given| *given).count() {
            0 => body.refuse_missing("filter", "or sagaIds or deadLetterIds must say which are meant"),
            1 => {}
            _ => body.refuse("filter", "cannot be used together with sagaIds or deadLetterIds"),
        }
        let taken = action.zip(chosen).map(|(action, chosen)| Self {
            action,
            status,
            note,
            care: Care::of(assigned, end),
            chosen,
            token,
            even_if_changed: even_if_changed.unwrap_or(false),
        });
        if let Some(order) = &taken {
            for (name, why) in order.wrong() {
                body.refuse(name, why);
            }
        }
        body.finish(taken)
    }

    /// The same from a form of a page: rows by `saga.ID` or `letter.ID`, or, with `selected=all`, the query of the list in `filter`.
    pub(crate) fn of_form(mut fields: Params) -> Result<Self, ApiError> {
        let action = fields.parsed("action", action);
        let status = fields.parsed("status", status);
        let note = fields.parsed("note", reason);
        let token = fields.parsed("previewToken", token);
        let assigned = fields.parsed("assignee", assignee);
        let at = fields.parsed("until", |text| End::read("until", text));
        let after = fields.parsed("for", |text| End::read("for", text));
        let even_if_changed = fields.trimmed("evenIfChanged") == "true";
        let is_all = fields.trimmed("selected") == "all";
        let query = fields.trimmed("filter");
        let (sagas, letters) = (fields.prefixed("saga."), fields.prefixed("letter."));
        let of_letters = action.is_some_and(JobAction::is_of_letters);
        let chosen = if is_all {
            let given = Params::of(&query).filled().given();
            let is_filter = |name: &str| !matches!(name, "page" | "cursor" | "size" | "sort");
            let filters = given.into_iter().filter(|(name, _)| is_filter(name));
            Chosen::Filter(filters.collect())
        } else if of_letters {
            Chosen::Letters(taken_rows(&mut fields, letters, |id| id.parse().ok()))
        } else {
            Chosen::Sagas(taken_rows(&mut fields, sagas, |id| SagaId::new(id).ok()))
        };
        if action.is_none() {
            fields.require("action");
        }
        // A form has the fields of all its actions.
        let status = status.filter(|_| action == Some(JobAction::Correct));
        let is_care = action == Some(JobAction::Acknowledge);
        let taken = action.map(|action| Self {
            action,
            status,
            note,
            care: Care::of(assigned, at.or(after)).filter(|_| is_care),
            chosen,
            token,
            even_if_changed,
        });
        if let Some(order) = &taken {
            for (name, why) in order.wrong() {
                fields.refuse(name, why);
            }
        }
        fields.finish()?;
        taken.ok_or_else(ApiError::internal)
    }
}

impl Care {
    fn of(assignee: Option<String>, end: Option<End>) -> Option<Self> {
        if assignee.is_none() && end.is_none() {
            return None;
        }
        Some(Self {
            assignee,
            until: end.as_ref().map(|end| end.at),
            given: end.map(|end| (end.field, end.text)),
        })
    }
}

impl RevertOrder {
    /// Takes the fields of a [`RevertRequest`].
    pub(crate) fn take(mut body: Body) -> Result<Self, ApiError> {
        let note = body.optional("note", |value| revert_note(value.as_str().unwrap_or_default()));
        body.finish(Some(Self { note }))
    }

    /// The same from a form.
    pub(crate) fn of_form(mut fields: Params) -> Result<Self, ApiError> {
        let note = fields.parsed("note", revert_note);
        fields.finish()?;
        Ok(Self { note })
    }
}

/// The ids of the chosen rows. What cannot be done to all of them is done to none.
fn taken_rows<T: Ord>(
    fields: &mut Params,
    named: BTreeMap<String, String>,
    read: impl Fn(String) -> Option<T>,
) -> BTreeSet<T> {
    let count = named.len();
    let ids: Option<BTreeSet<T>> = named.into_keys().map(read).collect();
    let wrong = match (&ids, count) {
        (_, 0) => Some("must be all that match, or rows must be chosen".to_owned()),
        (_, count) if count > MAX_NAMED => Some(format!("has {count} rows, at most {MAX_NAMED} are allowed")),
        (None, _) => Some("names a row that is none".to_owned()),
        _ => None,
    };
    if let Some(wrong) = wrong {
        fields.refuse("selected", wrong);
    }
    ids.unwrap_or_default()
}

/// The caller's own key of a request.
pub(crate) fn request_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    const NAME: &str = "Idempotency-Key";
    let mut given = headers.get_all(NAME).iter();
    let Some(key) = given.next() else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| {
        (1..=MAX_KEY_CHARS).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    });
    match (key, given.next()) {
        (Some(key), None) => Ok(Some(key.to_owned())),
        _ => Err(ApiError::bad_parameter(
            NAME,
            format!("must be given once, with 1 to {MAX_KEY_CHARS} visible characters of ASCII"),
        )),
    }
}

/// It stands in events after the number of the job.
fn revert_note(text: &str) -> Result<String, String> {
    const MAX_CHARS: usize = 400;
    let note = reason(text)?;
    match note.chars().count() {
        ..=MAX_CHARS => Ok(note),
        chars => Err(format!("has {chars} characters, at most {MAX_CHARS} are allowed")),
    }
}

fn action(text: &str) -> Result<JobAction, String> {
    one_of(JobAction::ALL, JobAction::as_str)(text)
}

fn token(text: &str) -> Result<String, String> {
    let is_token = text.split_once('.').is_some_and(|(nonce, hash)| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (nonce.len(), hash.len()) == (16, 43) && nonce.bytes().chain(hash.bytes()).all(is_plain)
    });
    is_token
        .then(|| text.to_owned())
        .ok_or_else(|| "must be the previewToken of a preview".to_owned())
}

/// Each once, in order.
fn list<T: Ord>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Result<BTreeSet<T>, String> {
    let entries = value
        .as_array()
        .filter(|entries| (1..=MAX_NAMED).contains(&entries.len()));
    let read: Option<BTreeSet<T>> = entries.and_then(|entries| entries.iter().map(read).collect());
    read.ok_or_else(|| format!("must be a list of 1 to {MAX_NAMED} ids"))
}

fn filter(value: &Value) -> Result<Vec<(String, String)>, String> {
    let fields = value.as_object().ok_or("must be an object")?;
    let read = |(name, value): (&String, &Value)| {
        let text = value.as_str().filter(|text| !text.contains('\0'))?;
        (!matches!(name.as_str(), "page" | "cursor" | "size" | "sort"))
            .then(|| (name.clone(), text.to_owned()))
    };
    let read: Option<Vec<_>> = fields.iter().map(read).collect();
    read.ok_or_else(|| "must have the filters of the list, as texts without U+0000".to_owned())
}
