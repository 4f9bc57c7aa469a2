//! Saved views: what an operator saves, renames or removes, by a body or by a form.

use saga_store::{SavedView, ViewChange, ViewOrder, ViewOutcome};
use saga_types::{SagaType, Timestamp};
use utoipa::ToSchema;

use super::Permit;
use crate::{
    auth::Caller,
    http::{ApiError, address::encoded, body::Body, query_string::Params},
    scoped::Reader,
};

/// Checks the parameters of a list as the list does, and names what is wrong.
pub(crate) type CheckFilters = fn(Params, &Reader) -> Result<(), String>;

/// The longest name, in characters.
const MAX_NAME_CHARS: usize = 60;

/// The longest query, in characters.
const MAX_QUERY_CHARS: usize = 2_000;

/// A list of sagas that gets a name.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `ViewChanging::save` reads")]
pub(crate) struct NewView {
    /// How the team calls it; no view has the name.
    #[schema(
        min_length = 1,
        max_length = 60,
        pattern = r"^[^\x00-\x1f\x7f-\x9f/]*[^\x00-\x1f\x7f-\x9f/\s][^\x00-\x1f\x7f-\x9f/]*$"
    )]
    name: String,
    /// The parameters of /api/v1/sagas, as they stand in an address; without page, size and cursor. Tokens in `q` are replaced by what
    /// they stand for now.
    #[schema(max_length = 2000, format = "list-query")]
    query: String,
}

/// The new name of a view.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `ViewChanging::rename` reads")]
pub(crate) struct NewName {
    /// No view has it.
    #[schema(
        min_length = 1,
        max_length = 60,
        pattern = r"^[^\x00-\x1f\x7f-\x9f/]*[^\x00-\x1f\x7f-\x9f/\s][^\x00-\x1f\x7f-\x9f/]*$"
    )]
    name: String,
}

/// A checked change of a view.
#[derive(Debug)]
pub(crate) struct ViewChanging {
    name: String,
    change: ViewChange,
}

impl ViewChanging {
    /// Takes the fields of a [`NewView`].
    pub(crate) fn save(mut body: Body, reader: &Reader, check: CheckFilters) -> Result<Self, ApiError> {
        let name = body.parsed("name", name);
        let view = body.parsed("query", |text| view(text, reader, check));
        let taken = name.zip(view);
        body.finish(taken.map(|(name, change)| Self { name, change }))
    }

    /// Takes the field of a [`NewName`].
    pub(crate) fn rename(old: String, mut body: Body) -> Result<Self, ApiError> {
        let name = body.parsed("name", name);
        body.finish(name.map(|new| Self {
            name: old,
            change: ViewChange::Rename(new),
        }))
    }

    /// The view is removed.
    pub(crate) const fn remove(name: String) -> Self {
        Self {
            name,
            change: ViewChange::Remove,
        }
    }

    /// The fields of a form: `name` and `query`.
    pub(crate) fn save_by_form(
        mut fields: Params,
        reader: &Reader,
        check: CheckFilters,
    ) -> Result<Self, ApiError> {
        let name = fields.parsed("name", name);
        let text = fields.trimmed("query");
        let view = view(&text, reader, check)
            .map_err(|reason| fields.refuse("query", reason))
            .ok();
        if name.is_none() {
            fields.require("name");
        }
        fields.finish()?;
        // Otherwise the form was refused.
        name.zip(view)
            .map(|(name, change)| Self { name, change })
            .ok_or_else(ApiError::internal)
    }

    /// The same of a view that is renamed.
    pub(crate) fn rename_by_form(old: String, mut fields: Params) -> Result<Self, ApiError> {
        let name = fields.parsed("name", name);
        if name.is_none() {
            fields.require("name");
        }
        fields.finish()?;
        let change = name.map(ViewChange::Rename).ok_or_else(ApiError::internal)?;
        Ok(Self { name: old, change })
    }

    /// Does what an operator wants. The name that the view has then.
    pub(crate) async fn carry_out(self, reader: &Reader, caller: &Caller) -> Result<String, ApiError> {
        let order = ViewOrder {
            scope: caller.scope.clone(),
            name: self.name,
            change: self.change,
            at: Timestamp::now(),
            actor: caller.actor(),
        };
        let outcome = reader.change_view(&Permit::new(), &order).await?;
        let ViewOrder { name, change, .. } = order;
        match outcome {
            ViewOutcome::Done => {
                tracing::info!(
                    actor = caller.name,
                    view = name,
                    "a view was saved, renamed or removed"
                );
                Ok(match change {
                    ViewChange::Rename(new) => new,
                    ViewChange::Save { .. } | ViewChange::Remove => name,
                })
            }
            ViewOutcome::Unknown => Err(ApiError::not_found(format!("there is no view {name:?}"))),
            ViewOutcome::Taken => Err(ApiError::conflict("another view has this name")),
            ViewOutcome::TooMany => Err(ApiError::conflict(format!(
                "there are {} views; remove one first",
                SavedView::MOST
            ))),
        }
    }
}

/// Checks the name of a view, which stands in an address.
fn name(text: &str) -> Result<String, String> {
    let chars = text.chars().count();
    if text.trim().is_empty() {
        Err("must not be empty".to_owned())
    } else if chars > MAX_NAME_CHARS {
        Err(format!(
            "has {chars} characters, at most {MAX_NAME_CHARS} are allowed"
        ))
    } else if text
        .chars()
        .any(|character| character.is_control() || character == '/')
    {
        Err("must hold no control characters and no /".to_owned())
    } else {
        Ok(text.trim().to_owned())
    }
}

/// The parameters of a list, checked as the list checks them and written in one form.
fn view(text: &str, reader: &Reader, check: CheckFilters) -> Result<ViewChange, String> {
    let chars = text.chars().count();
    if chars > MAX_QUERY_CHARS {
        return Err(format!(
            "has {chars} characters, at most {MAX_QUERY_CHARS} are allowed"
        ));
    }
    let mut params = Params::of(text.strip_prefix('?').unwrap_or(text)).filled();
    params.expand_tokens(Timestamp::now());
    let given = params.given();
    check(params, reader)?;
    let saga_type = given.iter().find(|(name, _)| name == "sagaType");
    let saga_type = saga_type.and_then(|(_, value)| SagaType::try_from(value.clone()).ok());
    if !reader.scope().has_known(saga_type.as_ref()) {
        return Err(
            "must have the parameter sagaType, with one of the saga types that you may see".to_owned(),
        );
    }
    let pairs = given
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    Ok(ViewChange::Save {
        query: pairs.collect::<Vec<_>>().join("&"),
        saga_type,
    })
}
