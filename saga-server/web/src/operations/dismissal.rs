//! Dead letters dismissed with a note, and restored: which ones an operator means, by a body or
//! by a form, and the answer.

use saga_types::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Permit,
    letter_filter::letter_filter,
    replay::{MAX_LETTERS, ReplayFilter, filter, list},
};
use crate::{
    auth::Caller,
    http::{
        ApiError,
        body::{Body, integer},
        query_string::Params,
    },
    scoped::Reader,
};
use saga_store::{Disposal, DisposalOrder, LetterFilter, Named};

/// The longest note, in characters.
const MAX_NOTE_CHARS: usize = 500;

/// Which letters an operator dismisses, and why. Either letters are named, or a filter says which are meant.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `Disposing::take` reads")]
pub(crate) struct DismissalOrder {
    /// These letters.
    #[schema(max_items = 500)]
    dead_letter_ids: Option<Vec<i64>>,
    /// All letters that wait and match.
    #[schema(value_type = Option<ReplayFilter>)]
    filter: Option<LetterFilter>,
    /// Why, for those who look at the letters later.
    #[schema(min_length = 1, max_length = 500, pattern = r"^[^\x00]*\S[^\x00]*$")]
    note: String,
    /// Only count them.
    dry_run: Option<bool>,
}

/// Which dismissed letters an operator restores. Either letters are named, or a filter says which are meant.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `Disposing::take` reads")]
pub(crate) struct RestorationOrder {
    /// These letters.
    #[schema(max_items = 500)]
    dead_letter_ids: Option<Vec<i64>>,
    /// All letters that were dismissed and match.
    #[schema(value_type = Option<ReplayFilter>)]
    filter: Option<LetterFilter>,
    /// Why, for the log of operations.
    #[schema(min_length = 1, max_length = 500, pattern = r"^[^\x00]*\S[^\x00]*$")]
    note: Option<String>,
    /// Only count them.
    dry_run: Option<bool>,
}

/// What became of the letters.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DisposalAnswer {
    /// Whether nothing was written.
    pub(crate) dry_run: bool,
    /// How many letters matched before this call; of very many, 10,001.
    pub(crate) matching: u64,
    /// The letters that this call dismissed or restored, at most 500, the oldest of those that match.
    pub(crate) dead_letter_ids: Vec<i64>,
    /// Whether none that matches is left. Otherwise repeat the call.
    pub(crate) complete: bool,
}

/// A checked order.
#[derive(Debug)]
pub(crate) struct Disposing {
    disposal: Disposal,
    filter: LetterFilter,
    note: Option<String>,
    dry_run: bool,
}

impl Disposing {
    /// Takes the fields of a [`DismissalOrder`] or a [`RestorationOrder`].
    pub(crate) fn take(mut body: Body, disposal: Disposal) -> Result<Self, ApiError> {
        let ids = body.optional("deadLetterIds", |value| list(value, integer));
        let filter = body.optional("filter", filter);
        let note = match disposal {
            Disposal::Dismiss => body.parsed("note", note),
            Disposal::Restore => body.optional("note", |value| note(value.as_str().unwrap_or_default())),
        };
        let dry_run = body.optional("dryRun", |value| {
            value.as_bool().ok_or("must be true or false".to_owned())
        });
        if ids.is_some() && filter.is_some() {
            body.refuse("filter", "cannot be used together with deadLetterIds");
        } else if ids.is_none() && filter.is_none() {
            body.refuse_missing("deadLetterIds", "or filter must say which letters are meant");
        }
        body.finish(Some(Self {
            disposal,
            filter: named_or(ids, filter.unwrap_or_default()),
            note,
            dry_run: dry_run.unwrap_or(false),
        }))
    }

    /// The letters that a form means: by `id` or `ids`, or by the parameters of the list.
    pub(crate) fn of_form(
        mut fields: Params,
        disposal: Disposal,
        letter: Option<i64>,
        dry_run: bool,
    ) -> Result<Self, ApiError> {
        let text = fields.parsed("note", note);
        let filter = letter_filter(&mut fields);
        if disposal == Disposal::Dismiss && text.is_none() {
            fields.refuse("note", "must say why");
        }
        fields.finish()?;
        Ok(Self {
            disposal,
            filter: named_or(letter.map(|id| vec![id]), filter),
            note: text,
            dry_run,
        })
    }

    /// Why.
    pub(crate) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Does what an operator wants, whichever way they said it.
    pub(crate) async fn carry_out(
        &self,
        reader: &Reader,
        caller: &Caller,
    ) -> Result<DisposalAnswer, ApiError> {
        let permit = Permit::new();
        let matching = reader
            .count_disposable(&permit, &self.filter, self.disposal)
            .await?;
        if self.dry_run {
            return Ok(DisposalAnswer {
                dry_run: true,
                matching,
                dead_letter_ids: Vec::new(),
                complete: matching == 0,
            });
        }
        let order = DisposalOrder {
            disposal: self.disposal,
            at: Timestamp::now(),
            actor: caller.actor(),
            note: self.note.clone(),
        };
        let dead_letter_ids = reader
            .dispose_letters(&permit, &self.filter, &order, MAX_LETTERS)
            .await?;
        tracing::info!(
            actor = caller.name,
            letters = dead_letter_ids.len(),
            disposal = ?self.disposal,
            "dead letters were dismissed or restored"
        );
        Ok(DisposalAnswer {
            dry_run: false,
            matching,
            complete: dead_letter_ids.len() < MAX_LETTERS as usize,
            dead_letter_ids,
        })
    }
}

fn named_or(ids: Option<Vec<i64>>, filter: LetterFilter) -> LetterFilter {
    match ids {
        Some(ids) => LetterFilter {
            named: Some(Named {
                ids,
                event_ids: Vec::new(),
            }),
            ..LetterFilter::default()
        },
        // What can be dismissed or restored is decided by its state in any case.
        None => LetterFilter {
            without_dismissed: false,
            ..filter
        },
    }
}

/// Why, as operators write it.
pub(super) fn note(text: &str) -> Result<String, String> {
    let chars = text.chars().count();
    if text.trim().is_empty() {
        Err("must say why".to_owned())
    } else if chars > MAX_NOTE_CHARS {
        Err(format!(
            "has {chars} characters, at most {MAX_NOTE_CHARS} are allowed"
        ))
    } else if text.contains('\0') {
        Err("must not hold U+0000".to_owned())
    } else {
        Ok(text.trim().to_owned())
    }
}
