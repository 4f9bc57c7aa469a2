//! `POST /dead-letters` and `POST /dead-letters/{id}`: a replay, or what one would do.
//!
//! The answer is a page of its own. Sending the form again by loading it anew changes nothing more.

use askama::Template;
use axum::{Extension, extract::Path};
use saga_types::SagaStatus;

use super::{PATH, SagaLink};
use crate::ui::{
    form::Form,
    humanize::number,
    links::{letter_id, letter_path},
    page::{Badge, Frame, Page, Section},
};
use crate::{
    auth::Caller,
    http::{ApiError, query_string::Params},
    operations::{ReplayAnswer, ReplayRequest},
    scoped::Reader,
};
use saga_collector::dead_letters::{ReplayOutcome, ReplayReport, ReplayStatus, Replayed};

#[derive(Template)]
#[template(path = "dead_letters/replay.html")]
pub(in crate::ui) struct ReplayTemplate {
    frame: Frame,
    /// Where the form was sent, and is sent again.
    path: String,
    back: String,
    is_dry_run: bool,
    sentence: String,
    /// What a dry run found possible, to be replayed: these letters and no others.
    possible: Option<(String, String)>,
    /// The fields of the form once more, and where the rest begins when there were more letters than one replay takes.
    rest: Option<(Vec<(String, String)>, String)>,
    /// The letters by what became of them.
    outcomes: Vec<Outcome>,
    rows: Vec<LetterOutcome>,
}

/// Letters of which the same became.
struct Outcome {
    letters: String,
    became: &'static str,
    is_good: bool,
    message: Option<String>,
    before: Option<Badge>,
    after: Option<Badge>,
    changes: bool,
}

/// What became of a letter, or would become of it.
struct LetterOutcome {
    letter: Option<(i64, String)>,
    saga: Option<SagaLink>,
    became: &'static str,
    is_good: bool,
    message: Option<String>,
    before: Option<Badge>,
    after: Option<Badge>,
    changes: bool,
}

pub(in crate::ui) async fn all(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    Form(mut fields): Form,
) -> Result<Page<ReplayTemplate>, ApiError> {
    let is_dry_run = dry_run(&mut fields);
    let given = fields
        .given()
        .into_iter()
        .filter(|(name, _)| name != "cursor")
        .collect();
    let request = ReplayRequest::of_form(fields, is_dry_run)?;
    let answer = request.carry_out(&reader, &caller).await?;
    Ok(Page(show(&reader, &caller, answer, PATH.to_owned(), given)))
}

pub(in crate::ui) async fn one(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Form(mut fields): Form,
) -> Result<Page<ReplayTemplate>, ApiError> {
    let is_dry_run = dry_run(&mut fields);
    fields.finish()?;
    let id = letter_id(&id)?;
    let request = ReplayRequest::of_letter(id, is_dry_run);
    let answer = request.carry_out(&reader, &caller).await?;
    Ok(Page(show(&reader, &caller, answer, letter_path(id), Vec::new())))
}

/// Only what asks for a replay replays; all else is a preview.
fn dry_run(fields: &mut Params) -> bool {
    fields.trimmed("mode") != "replay"
}

fn show(
    reader: &Reader,
    caller: &Caller,
    answer: ReplayAnswer,
    path: String,
    given: Vec<(String, String)>,
) -> ReplayTemplate {
    let ReplayAnswer { report, next_cursor } = answer;
    let title = if report.dry_run {
        "Replay preview"
    } else {
        "Replay"
    };
    ReplayTemplate {
        frame: Frame::new(Section::DeadLetters, title, caller, Some(&reader.freshness())),
        back: path.clone(),
        path,
        is_dry_run: report.dry_run,
        sentence: sentence(&report),
        possible: report.dry_run.then(|| possible(&report.results)).flatten(),
        rest: next_cursor.map(|cursor| (given, cursor)),
        outcomes: report
            .outcomes
            .into_iter()
            .map(|outcome| Outcome::of(outcome, report.dry_run))
            .collect(),
        rows: report
            .results
            .into_iter()
            .map(|result| LetterOutcome::of(result, report.dry_run))
            .collect(),
    }
}

/// The letters of which a replay would store the events, or find them stored.
fn possible(results: &[Replayed]) -> Option<(String, String)> {
    let is_possible = |status| matches!(status, ReplayStatus::Replayed | ReplayStatus::AlreadyStored);
    let ids = results
        .iter()
        .filter(|result| is_possible(result.status))
        .filter_map(|result| result.dead_letter_id);
    let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
    match ids.len() {
        0 => None,
        1 => Some((ids.join(","), "1 event".to_owned())),
        events => Some((ids.join(","), format!("{} events", number(events as u64)))),
    }
}

fn sentence(report: &ReplayReport) -> String {
    let (good, bad) = match (report.dry_run, report.requested) {
        (true, _) => ("could be replayed", "would fail"),
        (false, 1) => ("is in the store now", "failed"),
        (false, _) => ("are in the store now", "failed"),
    };
    let nothing = if report.dry_run {
        " Nothing was changed."
    } else {
        ""
    };
    match (report.requested, report.successful) {
        (0, _) => "Nothing to replay.".to_owned(),
        (1, 1) => format!("The dead letter {good}.{nothing}"),
        (1, _) => format!("The dead letter {bad}.{nothing}"),
        (all, successful) => format!(
            "{} of {} dead letters {good}, {} {bad}.{nothing}",
            number(successful as u64),
            number(all as u64),
            number(report.failed as u64)
        ),
    }
}

impl Outcome {
    fn of(outcome: ReplayOutcome, is_dry_run: bool) -> Self {
        Self {
            letters: number(outcome.letters as u64),
            became: words(outcome.status, is_dry_run),
            is_good: outcome.status.is_success(),
            message: outcome.message,
            changes: outcome.before != outcome.after,
            before: outcome.before.map(Badge::from),
            after: outcome.after.map(Badge::from),
        }
    }
}

impl LetterOutcome {
    fn of(result: Replayed, is_dry_run: bool) -> Self {
        let badge = |status: Option<SagaStatus>| status.map(Badge::from);
        Self {
            letter: result.dead_letter_id.map(|id| (id, letter_path(id))),
            saga: result.saga_id.map(SagaLink::to),
            became: words(result.status, is_dry_run),
            is_good: result.status.is_success(),
            message: result.message,
            changes: result.before != result.after,
            before: badge(result.before),
            after: badge(result.after),
        }
    }
}

const fn words(status: ReplayStatus, is_dry_run: bool) -> &'static str {
    match status {
        ReplayStatus::Replayed => "event stored",
        ReplayStatus::AlreadyStored => "event was stored before",
        ReplayStatus::AlreadyReplayed => "replayed before",
        ReplayStatus::Dismissed => "dismissed before",
        ReplayStatus::Failed if is_dry_run => "would fail",
        ReplayStatus::Failed => "failed",
        ReplayStatus::NotFound => "does not exist",
    }
}
