//! Acknowledging: who takes care of a saga, a dead letter or a group of failures, by a body or by a form.
//!
//! A caller who changes an acknowledgement names the one that they saw, so that of two operators at once the second learns of the
//! first.

use std::time::Duration;

use saga_store::{AcknowledgeOrder, Acknowledged, Acknowledgement, Scope, Subject, WithdrawOrder, Withdrawn};
use saga_types::{MAX_NAME_CHARS, SagaId, SagaType, Timestamp, fold::NO_FAILING_STEP, keys};
use utoipa::ToSchema;

use super::{dismissal::note, permit::Permit};
use crate::{
    acknowledgements::AcknowledgementView,
    auth::Caller,
    http::{
        ApiError,
        body::{Body, integer},
        date_range::Moment,
        query_string::{Params, to_end},
    },
    scoped::Reader,
};

/// The longest time of an acknowledgement.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// Who takes care of it, and until when.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = AcknowledgementOrder)]
#[expect(dead_code, reason = "describes what `Acknowledging::take` reads")]
pub(crate) struct AcknowledgementRequest {
    /// What is done about it, or known of it.
    #[schema(min_length = 1, max_length = 500, pattern = r"^[^\x00]*\S[^\x00]*$")]
    note: String,
    /// Who takes care of it; the caller if not given.
    #[schema(min_length = 1, max_length = 100, pattern = r"^[^\x00]*\S[^\x00]*$")]
    assignee: Option<String>,
    /// When it ends, at the latest: in 30 days at most. Either this or `for` must be given.
    #[schema(value_type = Option<Moment>)]
    until: Option<String>,
    /// After which time it ends, at the latest, such as 4h or 2d.
    #[schema(min_length = 2, format = "length-of-time")]
    r#for: Option<String>,
    /// The id of the acknowledgement that it replaces; not given when there is none.
    replaces: Option<i64>,
}

/// A checked request.
#[derive(Debug)]
pub(crate) struct Acknowledging {
    note: String,
    assignee: Option<String>,
    until: Timestamp,
    replaces: Option<i64>,
}

impl Acknowledging {
    /// Takes the fields of an [`AcknowledgementRequest`].
    pub(crate) fn take(mut body: Body) -> Result<Self, ApiError> {
        let note = body.parsed("note", note);
        let assignee = take_assignee(&mut body);
        let end = End::take(&mut body);
        let replaces = body.optional("replaces", |value| {
            integer(value).ok_or("must be the id of an acknowledgement".to_owned())
        });
        if end.is_none() {
            body.refuse_missing("until", "or for must say when it ends");
        }
        body.finish(note.zip(end).map(|(note, end)| Self {
            note,
            assignee,
            until: end.at,
            replaces,
        }))
    }

    /// The same from a form.
    fn of_form(mut fields: Params) -> Result<Self, ApiError> {
        let note = fields.parsed("note", note);
        let assignee = fields.parsed("assignee", assignee);
        let end = fields.parsed("for", |text| End::read("for", text));
        let replaces = fields.parsed("replaces", id);
        for (name, is_missing) in [("note", note.is_none()), ("for", end.is_none())] {
            if is_missing {
                fields.require(name);
            }
        }
        fields.finish()?;
        let (note, end) = note.zip(end).ok_or_else(ApiError::internal)?;
        Ok(Self {
            note,
            assignee,
            until: end.at,
            replaces,
        })
    }

    /// Does what an operator wants, whichever way they said it.
    pub(crate) async fn carry_out(
        self,
        reader: &Reader,
        subject: Subject,
        caller: &Caller,
    ) -> Result<AcknowledgementView, ApiError> {
        let order = AcknowledgeOrder {
            scope: Scope::of([]),
            judged: reader.judged(),
            until: self.until,
            assignee: self.assignee.unwrap_or_else(|| caller.name.clone()),
            note: self.note,
            replaces: self.replaces,
            actor: caller.actor(),
            subject,
        };
        let subject = order.subject.clone();
        match reader.acknowledge(&Permit::new(), order).await? {
            Acknowledged::Done(done) => {
                tracing::info!(
                    actor = caller.name,
                    ?subject,
                    "an operator set an acknowledgement"
                );
                Ok(AcknowledgementView::of(done, &reader.redaction))
            }
            Acknowledged::Missing => Err(missing(reader, &subject).await),
            Acknowledged::Over => Err(ApiError::conflict(over(&subject))),
            Acknowledged::Taken(there) => Err(taken(there.as_ref())),
        }
    }
}

/// Takes an acknowledgement back; of several callers at once, one does.
pub(crate) async fn withdraw(
    reader: &Reader,
    subject: Subject,
    id: Option<i64>,
    caller: &Caller,
) -> Result<AcknowledgementView, ApiError> {
    let order = WithdrawOrder {
        subject,
        scope: Scope::of([]),
        judged: reader.judged(),
        id,
        actor: caller.actor(),
    };
    let subject = order.subject.clone();
    match reader.withdraw_acknowledgement(&Permit::new(), order).await? {
        Withdrawn::Done(done) => {
            tracing::info!(
                actor = caller.name,
                ?subject,
                "an operator withdrew an acknowledgement"
            );
            Ok(AcknowledgementView::of(done, &reader.redaction))
        }
        Withdrawn::Missing => Err(ApiError::not_found("there is no acknowledgement of it")),
        Withdrawn::Changed(there) => Err(taken(Some(&there))),
    }
}

/// Does what the form of a page asks for.
pub(crate) async fn carry_out_form(
    reader: &Reader,
    subject: Subject,
    fields: Params,
    caller: &Caller,
) -> Result<AcknowledgementView, ApiError> {
    let mut fields = fields.filled();
    if fields.trimmed("mode") != "withdraw" {
        let order = Acknowledging::of_form(fields)?;
        return order.carry_out(reader, subject, caller).await;
    }
    let seen = fields.parsed("replaces", id);
    fields.finish()?;
    withdraw(reader, subject, seen, caller).await
}

/// The group that parameters name.
pub(crate) fn group(params: &mut Params, reader: &Reader) -> Option<Subject> {
    let name = params.text("failureGroup");
    let saga_type = params.parsed("sagaType", |text| {
        SagaType::try_from(text.to_owned()).map_err(|error| error.to_string())
    });
    match &name {
        None => params.require("failureGroup"),
        Some(name) if reader.redaction.hides(keys::FAILURE_REASON) && name != NO_FAILING_STEP => {
            params.refuse("failureGroup", "is not shown (redaction.metadataKeys)");
        }
        Some(_) => {}
    }
    name.map(|name| Subject::FailureGroup { name, saga_type })
}

/// The id of an acknowledgement.
pub(crate) fn id(text: &str) -> Result<i64, String> {
    text.parse()
        .map_err(|_| "must be the id of an acknowledgement".to_owned())
}

async fn missing(reader: &Reader, subject: &Subject) -> ApiError {
    match subject {
        Subject::Saga(saga_id) => missing_saga(reader, saga_id).await,
        Subject::Letter(id) => ApiError::not_found(format!("there is no dead letter {id}")),
        Subject::FailureGroup { saga_type: None, .. } if !reader.scope().is_all() => ApiError::forbidden(
            "a group of failures of all saga types needs rights to all of them; name a sagaType",
        ),
        Subject::FailureGroup { .. } => ApiError::not_found("there is no saga of this group of failures"),
    }
}

/// As it is said elsewhere that a saga is not there.
async fn missing_saga(reader: &Reader, saga_id: &SagaId) -> ApiError {
    match reader.saga(saga_id).await {
        Err(reason) => reason.into(),
        Ok(_) => ApiError::conflict("the saga came just now; try again"),
    }
}

const fn over(subject: &Subject) -> &'static str {
    match subject {
        Subject::Saga(_) => "the saga is COMPLETED or COMPENSATED, so there is nothing to take care of",
        Subject::Letter(_) => "the dead letter does not wait any more",
        Subject::FailureGroup { .. } => {
            "no saga of this group that started within the last 7 days is FAILED, so there is nothing to take care of"
        }
    }
}

fn taken(there: Option<&Acknowledgement>) -> ApiError {
    match there {
        Some(there) => ApiError::conflict(format!(
            "{} takes care of it until {} (acknowledgement {}); replace that one to change it",
            there.assignee, there.until, there.id
        )),
        None => ApiError::conflict("the acknowledgement that you saw is not in force any more"),
    }
}

pub(super) fn assignee(text: &str) -> Result<String, String> {
    let name = text.trim();
    match name.chars().count() {
        1..=MAX_NAME_CHARS if !name.contains('\0') => Ok(name.to_owned()),
        _ => Err(format!(
            "must be 1 to {MAX_NAME_CHARS} characters, without U+0000"
        )),
    }
}

/// When an acknowledgement ends, and how that was said.
pub(super) struct End {
    pub(super) at: Timestamp,
    /// The name of the field, `until` or `for`.
    pub(super) field: &'static str,
    pub(super) text: String,
}

impl End {
    /// Of a JSON body, in which not both fields may be.
    pub(super) fn take(body: &mut Body) -> Option<Self> {
        let until = body.optional("until", |value| Self::read("until", text(value)?));
        let after = body.optional("for", |value| Self::read("for", text(value)?));
        if until.is_some() && after.is_some() {
            body.refuse("for", "cannot be used together with until");
        }
        until.or(after)
    }

    pub(super) fn read(field: &'static str, text: &str) -> Result<Self, String> {
        let now = Timestamp::now();
        let at = match field {
            "for" => after(text, now)?,
            _ => until(text, now)?,
        };
        Ok(Self {
            at,
            field,
            text: text.to_owned(),
        })
    }
}

/// The field `assignee` of a JSON body.
pub(super) fn take_assignee(body: &mut Body) -> Option<String> {
    body.optional("assignee", |value| assignee(text(value)?))
}

fn text(value: &serde_json::Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "must be a text".to_owned())
}

fn until(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let until = to_end(text)?;
    match until {
        past if past <= now => Err("must be in the future".to_owned()),
        far if far > now.saturating_add(LONGEST) => Err("must be at most 30 days from now".to_owned()),
        until => Ok(until),
    }
}

fn after(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let length = text
        .split_at_checked(text.len().saturating_sub(1))
        .and_then(|(number, unit)| {
            let seconds = match unit {
                "m" => 60,
                "h" => 3_600,
                "d" => 86_400,
                _ => return None,
            };
            let is_plain = number.len() <= 6 && number.bytes().all(|digit| digit.is_ascii_digit());
            let number: u64 = number.parse().ok().filter(|number| is_plain && *number > 0)?;
            Some(Duration::from_secs(number * seconds))
        });
    match length {
        Some(length) if length <= LONGEST => Ok(now.saturating_add(length)),
        Some(_) => Err("must be at most 30d".to_owned()),
        None => Err("must be a number with a unit, such as 30m, 4h or 2d".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_with_a_unit_and_no_longer_than_thirty_days() {
        let now = Timestamp::from_millis(0).unwrap();
        let millis = |text| after(text, now).map(|until| until.as_millis());
        assert_eq!(millis("4h"), Ok(4 * 3_600_000));
        assert_eq!(millis("30d"), Ok(30 * 86_400_000));
        for bad in ["", "h", "0h", "31d", "-1h", "+1h", "1w", "4", "4é", "9999999d"] {
            assert!(millis(bad).is_err(), "{bad}");
        }
        assert!(until("1969-12-31", now).is_err() && until("1970-02-01", now).is_err());
        assert!(until("1970-01-02", now).is_ok());
    }
}
