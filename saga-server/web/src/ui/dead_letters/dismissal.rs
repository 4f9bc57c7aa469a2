//! Forms of dead letters that are dismissed with a note, and restored.
//!
//! Of many letters the first answer is a preview: how many match, with the form that dismisses them. Sending a form again by
//! loading its answer anew changes nothing more: a letter is dismissed only while it waits.

use askama::Template;
use axum::{Extension, extract::Path};

use super::PATH;
use crate::ui::{
    form::Form,
    humanize::number,
    links::{letter_id, letter_path},
    page::{Frame, Page, Section},
};
use crate::{
    auth::Caller,
    http::ApiError,
    operations::{DisposalAnswer, Disposing},
    scoped::Reader,
};
use saga_store::Disposal;

#[derive(Template)]
#[template(path = "dead_letters/dismissal.html")]
pub(in crate::ui) struct DismissalTemplate {
    frame: Frame,
    title: &'static str,
    sentence: String,
    /// Where the form of a preview, or for the rest, is sent.
    path: String,
    /// What it says on its button, and its fields.
    form: Option<(String, Vec<(String, String)>)>,
    back: String,
}

pub(in crate::ui) async fn dismiss_all(
    reader: Reader,
    caller: Extension<Caller>,
    form: Form,
) -> Result<Page<DismissalTemplate>, ApiError> {
    all(reader, caller, form, Disposal::Dismiss).await
}

pub(in crate::ui) async fn restore_all(
    reader: Reader,
    caller: Extension<Caller>,
    form: Form,
) -> Result<Page<DismissalTemplate>, ApiError> {
    all(reader, caller, form, Disposal::Restore).await
}

pub(in crate::ui) async fn dismiss_one(
    reader: Reader,
    caller: Extension<Caller>,
    id: Path<String>,
    form: Form,
) -> Result<Page<DismissalTemplate>, ApiError> {
    one(reader, caller, id, form, Disposal::Dismiss).await
}

pub(in crate::ui) async fn restore_one(
    reader: Reader,
    caller: Extension<Caller>,
    id: Path<String>,
    form: Form,
) -> Result<Page<DismissalTemplate>, ApiError> {
    one(reader, caller, id, form, Disposal::Restore).await
}

async fn all(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    Form(fields): Form,
    disposal: Disposal,
) -> Result<Page<DismissalTemplate>, ApiError> {
    let mut fields = fields.filled();
    // Whatever is not confirmed is counted only.
    let is_preview = fields.trimmed("mode") != "confirmed";
    let given = fields.given();
    let order = Disposing::of_form(fields, disposal, None, is_preview)?;
    let answer = order.carry_out(&reader, &caller).await?;
    let done = answer.dead_letter_ids.len() as u64;
    let left = answer.matching.saturating_sub(done);
    let button = match is_preview {
        true => format!("{} {}", verb(disposal), counted(answer.matching)),
        false => format!("{} the next ones", verb(disposal)),
    };
    let fields = given
        .into_iter()
        .chain([("mode".to_owned(), "confirmed".to_owned())]);
    Ok(Page(DismissalTemplate {
        frame: frame(&reader, &caller, disposal),
        title: title(disposal, is_preview),
        sentence: sentence(disposal, &answer, order.note()),
        path: path(disposal, PATH),
        form: (left > 0).then(|| (button, fields.collect())),
        back: PATH.to_owned(),
    }))
}

async fn one(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Form(fields): Form,
    disposal: Disposal,
) -> Result<Page<DismissalTemplate>, ApiError> {
    let id = letter_id(&id)?;
    let order = Disposing::of_form(fields.filled(), disposal, Some(id), false)?;
    let answer = order.carry_out(&reader, &caller).await?;
    Ok(Page(DismissalTemplate {
        frame: frame(&reader, &caller, disposal),
        title: title(disposal, false),
        sentence: sentence(disposal, &answer, order.note()),
        path: path(disposal, &letter_path(id)),
        form: None,
        back: letter_path(id),
    }))
}

fn frame(reader: &Reader, caller: &Caller, disposal: Disposal) -> Frame {
    Frame::new(
        Section::DeadLetters,
        title(disposal, false),
        caller,
        Some(&reader.freshness()),
    )
}

fn path(disposal: Disposal, of: &str) -> String {
    match disposal {
        Disposal::Dismiss => format!("{of}/dismiss"),
        Disposal::Restore => format!("{of}/restore"),
    }
}

const fn title(disposal: Disposal, is_preview: bool) -> &'static str {
    match (disposal, is_preview) {
        (Disposal::Dismiss, true) => "What would be dismissed",
        (Disposal::Dismiss, false) => "Dismissed",
        (Disposal::Restore, true) => "What would be restored",
        (Disposal::Restore, false) => "Restored",
    }
}

const fn verb(disposal: Disposal) -> &'static str {
    match disposal {
        Disposal::Dismiss => "Dismiss",
        Disposal::Restore => "Restore",
    }
}

/// So many letters, in words.
fn counted(letters: u64) -> String {
    match letters {
        1 => "1 dead letter".to_owned(),
        more if more > Disposal::COUNTED => format!("more than {} dead letters", number(Disposal::COUNTED)),
        more => format!("{} dead letters", number(more)),
    }
}

fn sentence(disposal: Disposal, answer: &DisposalAnswer, note: Option<&str>) -> String {
    let (become_, had_to) = match disposal {
        Disposal::Dismiss => ("dismissed", "waits"),
        Disposal::Restore => ("restored", "is dismissed and has its content"),
    };
    let note = note.map(|note| format!(" Note: {note}")).unwrap_or_default();
    let done = answer.dead_letter_ids.len() as u64;
    match (answer.dry_run, answer.matching, done) {
        (_, 0, _) => format!("No dead letter that matches {had_to}. Nothing was changed."),
        (true, matching, _) => {
            format!(
                "{} would be {become_}. Nothing was changed.{note}",
                counted(matching)
            )
        }
        (false, _, 0) => format!("Somebody else was first: no dead letter that matches {had_to} any more."),
        (false, _, done) => format!("{} {become_}.{note}", counted(done)),
    }
}
