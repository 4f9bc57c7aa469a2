//! Who takes care of the group of failures whose sagas are listed.

use saga_store::Subjects;
use saga_types::Timestamp;

use super::value;
use crate::{
    acknowledgements::{self, AcknowledgementView},
    auth::Caller,
    http::ApiError,
    scoped::Reader,
    ui::acknowledge::{AcknowledgeForm, GROUPS, Mark},
};

/// Who takes care of the group of failures whose sagas are listed.
pub(super) struct GroupOfFailures {
    pub(super) marks: Vec<Mark>,
    pub(super) form: Option<AcknowledgeForm>,
}

impl GroupOfFailures {
    pub(super) async fn of(
        reader: &Reader,
        caller: &Caller,
        given: &[(String, String)],
        now: Timestamp,
    ) -> Result<Option<Self>, ApiError> {
        let Some(name) = value(given, "failureGroup") else {
            return Ok(None);
        };
        let saga_type = value(given, "sagaType");
        let mut found = acknowledgements::of(reader, Subjects::FailureGroups(vec![name.to_owned()])).await?;
        let type_of = |view: &AcknowledgementView| view.saga_type.clone().map(String::from);
        found.retain(|view| {
            saga_type.is_none() || type_of(view).is_none_or(|of| Some(of.as_str()) == saga_type)
        });
        let there = found
            .iter()
            .find(|view| type_of(view).as_deref() == saga_type)
            .cloned();
        let form = AcknowledgeForm::of(caller, GROUPS.to_owned(), there, now);
        // Of all types only those may say it who see all of them.
        let form = form.filter(|_| saga_type.is_some() || caller.scope.is_all());
        let fields = [("failureGroup", Some(name)), ("sagaType", saga_type)];
        let fields = fields
            .into_iter()
            .filter_map(|(field, value)| Some((field, value?.to_owned())));
        Ok(Some(Self {
            marks: found.into_iter().map(|view| Mark::new(view, now)).collect(),
            form: form.map(|form| AcknowledgeForm {
                fields: fields.collect(),
                ..form
            }),
        }))
    }
}
