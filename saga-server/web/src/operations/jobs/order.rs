//! A checked order to do something to many sagas or dead letters.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use saga_store::{JobAction, JobCare};
use saga_types::{SagaId, SagaStatus, Timestamp};
use serde_json::{Map, json};
use sha2::{Digest, Sha256};

use crate::auth::Caller;

/// A checked order.
#[derive(Debug)]
pub(crate) struct JobOrder {
    pub(crate) action: JobAction,
    pub(crate) status: Option<SagaStatus>,
    pub(crate) note: Option<String>,
    pub(super) care: Option<Care>,
    pub(super) chosen: Chosen,
    pub(super) token: Option<String>,
    pub(super) even_if_changed: bool,
}

/// Who takes care, and until when.
#[derive(Debug)]
pub(super) struct Care {
    /// The caller if not given.
    pub(super) assignee: Option<String>,
    /// None when nothing says it.
    pub(super) until: Option<Timestamp>,
    /// As it was asked for: the name of the field, and its text.
    pub(super) given: Option<(&'static str, String)>,
}

/// A checked order to take a job back.
#[derive(Debug, Default)]
pub(crate) struct RevertOrder {
    pub(super) note: Option<String>,
}

/// Which sagas or letters.
#[derive(Debug)]
pub(super) enum Chosen {
    Sagas(BTreeSet<SagaId>),
    Letters(BTreeSet<i64>),
    Filter(Vec<(String, String)>),
}

impl JobOrder {
    /// Whether a preview was seen.
    pub(crate) const fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// What does not fit together.
    pub(super) fn wrong(&self) -> Vec<(&'static str, &'static str)> {
        let mut wrong = Vec::new();
        match (self.action, self.status) {
            (JobAction::Correct, None) => wrong.push(("status", "must say what the sagas shall be")),
            (JobAction::Correct, Some(_)) | (_, None) => {}
            (_, Some(_)) => wrong.push(("status", "is for the action CORRECT only")),
        }
        let needs_note = matches!(
            self.action,
            JobAction::Correct | JobAction::Dismiss | JobAction::Acknowledge
        );
        if needs_note && self.note.is_none() {
            wrong.push(("note", "must say why"));
        }
        match (self.action, &self.care) {
            (JobAction::Acknowledge, _) | (_, None) => {}
            (
                _,
                Some(Care {
                    given: Some((name, _)),
                    ..
                }),
            ) => wrong.push((name, "is for the action ACKNOWLEDGE only")),
            (_, Some(_)) => wrong.push(("assignee", "is for the action ACKNOWLEDGE only")),
        }
        if self.action == JobAction::Acknowledge && self.until().is_none() {
            wrong.push(("until", "or for must say when it ends"));
        }
        match &self.chosen {
            Chosen::Sagas(_) if self.action.is_of_letters() => {
                wrong.push(("sagaIds", "cannot be used with an action on dead letters"));
            }
            Chosen::Letters(_) if !self.action.is_of_letters() => {
                wrong.push(("deadLetterIds", "cannot be used with an action on sagas"));
            }
            _ => {}
        }
        wrong
    }

    /// Until when somebody takes care.
    fn until(&self) -> Option<Timestamp> {
        self.care.as_ref()?.until
    }

    /// Who takes care of the sagas: the caller, unless somebody is named.
    pub(super) fn care(&self, caller: &Caller, late_before: Timestamp) -> Option<JobCare> {
        let care = self.care.as_ref()?;
        Some(JobCare {
            assignee: care.assignee.clone().unwrap_or_else(|| caller.name.clone()),
            until: care.until?,
            late_before,
        })
    }

    /// What sagas are to be.
    pub(super) fn target(&self) -> Option<&'static str> {
        match self.action {
            JobAction::Acknowledge => Some("ACKNOWLEDGED"),
            _ => self.status.map(SagaStatus::as_str),
        }
    }

    /// What is asked for beside the action, as texts.
    pub(super) fn details(&self) -> Vec<(&'static str, &str)> {
        let status = self.status.map(|status| ("status", status.as_str()));
        let care = self.care.as_ref();
        let assignee = care.and_then(|care| Some(("assignee", care.assignee.as_deref()?)));
        let until = care.and_then(|care| care.given.as_ref());
        let until = until.map(|(name, text)| (*name, text.as_str()));
        [status, assignee, until].into_iter().flatten().collect()
    }

    /// What is selected, as it was asked for.
    pub(super) fn selection(&self) -> String {
        match &self.chosen {
            Chosen::Sagas(ids) => {
                json!({"sagaIds": ids.iter().map(SagaId::as_str).collect::<Vec<_>>()})
            }
            Chosen::Letters(ids) => json!({"deadLetterIds": ids}),
            Chosen::Filter(given) => {
                let fields = given.iter().map(|(name, value)| (name.clone(), json!(value)));
                json!({"filter": fields.collect::<Map<_, _>>()})
            }
        }
        .to_string()
    }

    /// By which a key that is used again for something else is known.
    pub(super) fn hash(&self) -> String {
        let parts = json!([self.action.as_str(), self.details(), self.note, self.selection()]);
        hash_text(&Sha256::digest(parts.to_string().as_bytes()))
    }

    /// The fields of a form that say the same, without the token.
    pub(crate) fn fields(&self) -> Vec<(String, String)> {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut fields = vec![field("action", self.action.as_str())];
        fields.extend(self.details().into_iter().map(|(name, text)| field(name, text)));
        fields.extend(self.note.as_deref().map(|note| field("note", note)));
        match &self.chosen {
            Chosen::Sagas(ids) => {
                fields.extend(
                    ids.iter()
                        .map(|id| (format!("saga.{}", id.as_str()), "on".to_owned())),
                );
            }
            Chosen::Letters(ids) => {
                fields.extend(ids.iter().map(|id| (format!("letter.{id}"), "on".to_owned())));
            }
            Chosen::Filter(given) => {
                let query = crate::http::query_string::of_pairs(given);
                fields.extend([field("selected", "all"), ("filter".to_owned(), query)]);
            }
        }
        fields
    }
}

/// A hash as a text of 43 characters.
pub(super) fn hash_text(hash: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(hash)
}
