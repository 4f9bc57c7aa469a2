//! `/operations/jobs`: one operation on many sagas or dead letters.
//!
//! | part | what |
//! | --- | --- |
//! | `preview` | what would become of what a list's form selects, and the form that creates the job |
//! | `list` | jobs, newest first |
//! | `job` | one job: progress, results, stop and revert |

mod job;
mod list;
mod preview;

pub(super) use job::{page as job, revert, stop};
pub(super) use list::page as list;
pub(super) use list::{JobRow, newest};
pub(super) use preview::{create, page as preview};

use saga_store::{ItemResult, JobAction, JobState};

use super::{humanize::number, links::saga_path};

/// The address of all of them.
const PATH: &str = "/operations/jobs";

fn job_path(id: i64) -> String {
    format!("{PATH}/{id}")
}

/// The page with the form that was sent to a path; forms of lists are sent to the page itself.
pub(super) fn page_of_form(path: &str) -> &str {
    let page = path
        .strip_suffix("/stop")
        .or_else(|| path.strip_suffix("/revert"))
        .or_else(|| path.strip_suffix("/preview"));
    page.filter(|page| page.starts_with(PATH)).unwrap_or(path)
}

/// What a job does, with so many items.
fn what(action: JobAction, status: Option<&str>, items: u64) -> String {
    let letters = match items {
        1 => "1 dead letter".to_owned(),
        more => format!("{} dead letters", number(more)),
    };
    let sagas = match items {
        1 => "1 saga".to_owned(),
        more => format!("{} sagas", number(more)),
    };
    match (action, status) {
        (JobAction::Correct, Some(status)) => format!("Set the status of {sagas} to {status}"),
        (JobAction::Correct, None) => format!("Set the status of {sagas} to what it was before"),
        (JobAction::Acknowledge, _) => format!("Acknowledge {sagas}"),
        (JobAction::Replay, _) => format!("Replay {letters}"),
        (JobAction::Dismiss, _) => format!("Dismiss {letters}"),
        (JobAction::Restore, _) => format!("Restore {letters}"),
        _ => action.as_str().to_owned(),
    }
}

/// Class, sign and words.
const fn state(state: JobState) -> (&'static str, &'static str, &'static str) {
    match state {
        JobState::Waiting => ("started", "○", "Waiting"),
        JobState::Running => ("in-progress", "◐", "Running"),
        JobState::Stopping => ("in-progress", "◐", "Stopping"),
        JobState::Stopped => ("failed", "■", "Stopped"),
        JobState::Done => ("completed", "✓", "Done"),
    }
}

/// The same of an item.
const fn result(result: Option<ItemResult>) -> (&'static str, &'static str, &'static str) {
    match result {
        Some(ItemResult::Changed) => ("completed", "✓", "Changed"),
        Some(ItemResult::Unchanged) => ("started", "=", "Unchanged"),
        Some(ItemResult::Refused) => ("compensated", "⊘", "Refused"),
        Some(ItemResult::Failed) => ("failed", "✕", "Failed"),
        None => ("started", "○", "Not done"),
    }
}

/// What an item is about: path and name.
fn subject(saga_id: Option<String>, letter_id: Option<i64>) -> (String, String) {
    match (letter_id, saga_id) {
        (Some(id), _) => (format!("/dead-letters/{id}"), format!("Dead letter {id}")),
        (None, Some(id)) => (saga_path(&id), id),
        (None, None) => (PATH.to_owned(), "unknown".to_owned()),
    }
}
