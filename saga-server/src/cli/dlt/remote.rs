//! Letters of a running tracker, by its REST interface.

use reqwest::Method;
use saga_store::{Disposal, Named};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    filter::FilterArgs,
    lines::{Disposals, Letters, Report},
};
use crate::cli::{CliError, tracker::Tracker};

/// The most letters of one list.
const PAGE: usize = 100;

/// The most letters of one replay, dismissal or restoration.
const LETTERS: usize = 500;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    content: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReplayPage {
    #[serde(flatten)]
    report: Value,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Disposed {
    matching: u64,
    dead_letter_ids: Vec<i64>,
    complete: bool,
}

pub(super) async fn list(tracker: &Tracker, filter: &FilterArgs, limit: u32) -> Result<Letters, CliError> {
    let mut letters = Letters::default();
    let mut cursor: Option<String> = None;
    let limit = limit as usize;
    while letters.content.len() < limit {
        let size = PAGE.min(limit - letters.content.len());
        let mut query = filter.parameters();
        query.push(("size", size.to_string()));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let text = tracker.get("/internal/v1/dlt", &query).await?;
        let page: Page = tracker.read(&text, "a list of dead letters")?;
        letters.content.extend(page.content);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(letters)
}

/// Letters that are named, or all that match, some at a time.
pub(super) async fn replay(
    tracker: &Tracker,
    named: Option<Named>,
    filter: &FilterArgs,
    dry_run: bool,
) -> Result<Report, CliError> {
    let Some(named) = named else {
        return replay_all(tracker, filter, dry_run).await;
    };
    let ids = named.ids.chunks(LETTERS).map(|ids| json!({"deadLetterIds": ids}));
    let events = named
        .event_ids
        .chunks(LETTERS)
        .map(|ids| json!({"eventIds": ids}));
    let mut all: Option<Report> = None;
    for mut body in ids.chain(events) {
        body["dryRun"] = dry_run.into();
        let answer = replay_once(tracker, &body).await;
        match &mut all {
            None => all = Some(answer?.0),
            Some(all) => {
                if all.goes_on(answer).is_none() {
                    break;
                }
            }
        }
    }
    all.ok_or_else(|| CliError::usage("no dead letter is given"))
}

async fn replay_all(tracker: &Tracker, filter: &FilterArgs, dry_run: bool) -> Result<Report, CliError> {
    let mut body = json!({"filter": filter.object(), "dryRun": dry_run});
    let (mut all, mut cursor) = replay_once(tracker, &body).await?;
    while let Some(next) = cursor {
        body["cursor"] = next.into();
        cursor = all.goes_on(replay_once(tracker, &body).await).flatten();
    }
    Ok(all)
}

impl Report {
    /// Takes the next answer, and gives its cursor. What became of the letters before stays known when there is none.
    fn goes_on(&mut self, answer: Result<(Self, Option<String>), CliError>) -> Option<Option<String>> {
        match answer {
            Ok((report, next)) => {
                self.add(report);
                Some(next)
            }
            Err(error) => {
                self.ended_by = Some(error.to_string());
                None
            }
        }
    }
}

async fn replay_once(tracker: &Tracker, body: &Value) -> Result<(Report, Option<String>), CliError> {
    let path = "/internal/v1/sagas/replay";
    let text = tracker.change(Method::POST, path, &[], Some(body)).await?;
    let ReplayPage { report, next_cursor } = tracker.read(&text, "the results of a replay")?;
    Ok((Report::of(&report)?, next_cursor))
}

/// Letters to dismiss or to restore.
pub(super) struct Disposing {
    pub(super) disposal: Disposal,
    /// None for all that match.
    pub(super) ids: Option<Vec<i64>>,
    pub(super) filter: FilterArgs,
    pub(super) note: Option<String>,
    pub(super) dry_run: bool,
}

impl Disposing {
    pub(super) async fn carry_out(&self, tracker: &Tracker) -> Result<Disposals, CliError> {
        let mut done = Disposals::default();
        let Some(ids) = &self.ids else {
            while let Some(disposed) =
                done.unless_ended(self.once(tracker, "filter", self.filter.object()).await)?
            {
                done.letters += disposed.letters(self.dry_run);
                if disposed.complete || self.dry_run {
                    break;
                }
            }
            return Ok(done);
        };
        for ids in ids.chunks(LETTERS) {
            let answer = self.once(tracker, "deadLetterIds", json!(ids)).await;
            let Some(disposed) = done.unless_ended(answer)? else {
                break;
            };
            done.letters += disposed.letters(self.dry_run);
        }
        Ok(done)
    }

    async fn once(&self, tracker: &Tracker, which: &str, letters: Value) -> Result<Disposed, CliError> {
        let path = match self.disposal {
            Disposal::Dismiss => "/internal/v1/dlt/dismiss",
            Disposal::Restore => "/internal/v1/dlt/restore",
        };
        let mut body = json!({which: letters, "dryRun": self.dry_run});
        if let Some(note) = &self.note {
            body["note"] = note.as_str().into();
        }
        let text = tracker.change(Method::POST, path, &[], Some(&body)).await?;
        tracker.read(&text, "what became of dead letters")
    }
}

impl Disposed {
    fn letters(&self, dry_run: bool) -> u64 {
        match dry_run {
            true => self.matching,
            false => self.dead_letter_ids.len() as u64,
        }
    }
}
