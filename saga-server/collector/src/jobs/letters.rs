//! Dead letters that are replayed, dismissed or restored: as an operator does it to a page of them.

use std::{collections::BTreeMap, sync::Arc};

use saga_store::{
    Disposal, DoneItem, ItemResult, Job, JobAction, JobDisposal, JobItem, JobStep, LetterFilter, LetterQuery,
    LetterState, Named, Scope, SelectedLetter,
};
use saga_types::Timestamp;

use super::{JobError, JobRunner, done};
use crate::dead_letters::{ReplayStatus, Replayed};

/// What becomes of a letter in a state: nothing to say when it is changed, else why it is not. A replay shows only by trying.
#[must_use]
pub fn judge_letter(action: JobAction, state: LetterState, is_erased: bool) -> (ItemResult, Option<String>) {
    let refused = |why: &str| (ItemResult::Refused, Some(why.to_owned()));
    let unchanged = |why: &str| (ItemResult::Unchanged, Some(why.to_owned()));
    match (action, state) {
        (JobAction::Restore, LetterState::Dismissed) if is_erased => refused("its content was erased"),
        (JobAction::Restore, LetterState::Dismissed)
        | (JobAction::Dismiss | JobAction::Replay, LetterState::Waiting) => (ItemResult::Changed, None),
        (JobAction::Restore, LetterState::Waiting) => unchanged("it waits already"),
        (JobAction::Dismiss, LetterState::Dismissed) => unchanged("it was dismissed before"),
        (JobAction::Replay, LetterState::Replayed) => unchanged("it was replayed before"),
        (JobAction::Replay, LetterState::Dismissed) => {
            refused("it was dismissed; restore it before it is replayed")
        }
        _ => refused("it was replayed before"),
    }
}

impl JobRunner {
    /// Dismisses or restores. What it cannot be done to is looked at afterwards.
    pub(super) async fn dispose(&self, job: &Job, items: Vec<JobItem>) -> Result<(), JobError> {
        let order = JobDisposal {
            job: job.id,
            items: items
                .iter()
                .filter_map(|item| Some((item.number, item.letter_id?)))
                .collect(),
            scope: job.scope.clone(),
            disposal: match job.action {
                JobAction::Restore => Disposal::Restore,
                _ => Disposal::Dismiss,
            },
            at: Timestamp::now(),
            actor: job.actor.clone(),
            note: note(job),
        };
        let numbers = self.store.dispose_items(&order).await?;
        let (disposed, left): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| numbers.contains(&item.number));
        let changed = disposed.iter().map(|item| done(item, ItemResult::Changed, None));
        self.metrics.jobs.done(job.action, &changed.collect::<Vec<_>>());
        self.leave(job, &left).await
    }

    /// Replays what waits, and says of the rest why it is not replayed.
    pub(super) async fn replay(&self, job: &Job, items: Vec<JobItem>) -> Result<(), JobError> {
        let query = LetterQuery {
            filter: LetterFilter {
                scope: job.scope.clone(),
                ..named(&items)
            },
            after: None,
            size: u32::try_from(items.len()).unwrap_or(u32::MAX),
        };
        let letters = self.store.letters(&query).await?.letters;
        let (found, missing): (Vec<_>, Vec<_>) = items
            .into_iter()
            .partition(|item| letters.iter().any(|stored| Some(stored.id) == item.letter_id));
        self.leave(job, &missing).await?;
        if found.is_empty() {
            return Ok(());
        }
        let (id, for_results) = (job.id, found.clone());
        let step = Arc::new(move |results: &[Replayed]| JobStep {
            job: id,
            at: Timestamp::now(),
            done: outcomes(&for_results, results),
        });
        let replayed = self.letters.replay_items(letters, &job.actor, step).await?;
        self.metrics.jobs.done(job.action, &outcomes(&found, &replayed));
        Ok(())
    }

    /// Says of items why nothing was done.
    async fn leave(&self, job: &Job, items: &[JobItem]) -> Result<(), JobError> {
        if items.is_empty() {
            return Ok(());
        }
        let limit = u32::try_from(items.len()).unwrap_or(u32::MAX);
        let letters = self.store.select_letters(&named(items), limit).await?;
        let letters: BTreeMap<i64, &SelectedLetter> =
            letters.iter().map(|letter| (letter.id, letter)).collect();
        let done = items.iter().map(|item| {
            let letter = item.letter_id.and_then(|id| letters.get(&id));
            let (result, why) = match letter {
                Some(letter) => match judge_letter(job.action, letter.state, letter.is_erased) {
                    (ItemResult::Changed, _) => {
                        let why = format!("it is of a type that {} may not change", job.actor.name);
                        (ItemResult::Refused, Some(why))
                    }
                    judged => judged,
                },
                None => {
                    let why = "there is no such dead letter any more";
                    (ItemResult::Refused, Some(why.to_owned()))
                }
            };
            DoneItem {
                after: letter.map(|letter| letter.state.as_str().to_owned()),
                ..done(item, result, why)
            }
        });
        self.record(job, done.collect()).await
    }
}

/// The letters of items, of any type.
fn named(items: &[JobItem]) -> LetterFilter {
    LetterFilter {
        scope: Scope::All,
        named: Some(Named {
            ids: items.iter().filter_map(|item| item.letter_id).collect(),
            event_ids: Vec::new(),
        }),
        ..LetterFilter::default()
    }
}

fn note(job: &Job) -> Option<String> {
    match (job.reverts, job.note.as_deref()) {
        (Some(other), None) => Some(format!("reverts job {other}")),
        (Some(other), Some(note)) => Some(format!("reverts job {other}: {note}")),
        (None, note) => note.map(str::to_owned),
    }
}

/// What became of the letters that were replayed.
fn outcomes(items: &[JobItem], results: &[Replayed]) -> Vec<DoneItem> {
    let results: BTreeMap<Option<i64>, &Replayed> = results
        .iter()
        .map(|replayed| (replayed.dead_letter_id, replayed))
        .collect();
    let outcome = |item: &JobItem| {
        let replayed = results.get(&item.letter_id)?;
        let (waiting, stored) = (LetterState::Waiting.as_str(), LetterState::Replayed.as_str());
        let (result, message, after) = match replayed.status {
            ReplayStatus::Replayed => (ItemResult::Changed, None, Some(stored)),
            ReplayStatus::AlreadyStored => (
                ItemResult::Changed,
                Some("its event was stored before"),
                Some(stored),
            ),
            ReplayStatus::AlreadyReplayed => (
                ItemResult::Unchanged,
                Some("it was replayed before"),
                Some(stored),
            ),
            ReplayStatus::Dismissed => (
                ItemResult::Refused,
                Some("it was dismissed; restore it before it is replayed"),
                Some(LetterState::Dismissed.as_str()),
            ),
            ReplayStatus::Failed => (ItemResult::Failed, replayed.message.as_deref(), Some(waiting)),
            ReplayStatus::NotFound => (ItemResult::Refused, replayed.message.as_deref(), None),
        };
        Some(DoneItem {
            after: after.map(str::to_owned),
            ..done(item, result, message.map(str::to_owned))
        })
    };
    items.iter().filter_map(outcome).collect()
}
