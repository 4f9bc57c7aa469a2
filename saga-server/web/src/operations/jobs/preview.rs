//! What would become of what is selected, and the token that names it.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use saga_collector::{
    dead_letters::{ReplayOrder, ReplayStatus},
    jobs::{judge_care, judge_letter, judge_saga},
};
use saga_store::{
    Acknowledgement, ItemResult, JobAction, LetterFilter, LetterQuery, LetterState, Named, NewItem, Subject,
    Subjects,
};
use saga_types::{SagaId, SagaStatus, SagaType};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{
    order::{JobOrder, hash_text},
    selection::{SagaFilter, Selected, select},
};
use crate::{auth::Caller, http::ApiError, operations::Permit, scoped::Reader};

/// How many items a preview shows.
const SAMPLE: usize = 20;

/// Of how many sagas it is asked at once who takes care of them.
const ASKED_AT_ONCE: usize = 500;

/// How many letters are tried. The rest is counted only.
const TRIED: usize = 500;

/// What would become of what is selected
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobPreview {
    pub(crate) action: JobAction,
    pub(crate) status: Option<SagaStatus>,
    /// How many are selected.
    pub(crate) total: u64,
    /// Of how many of them the outcome was looked at. Of dead letters to be replayed only some are tried.
    pub(crate) examined: u64,
    /// By outcome, the most frequent first.
    pub(crate) outcomes: Vec<OutcomeCount>,
    /// Some of them, 20 at most.
    pub(crate) sample: Vec<PreviewItem>,
    /// Names this selection, for creating the job.
    pub(crate) preview_token: String,
}

/// How many have an outcome.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutcomeCount {
    pub(crate) result: ItemResult,
    /// The status of the sagas, or the state of the letters.
    pub(crate) before: Option<String>,
    /// The same after the job.
    pub(crate) after: Option<String>,
    /// Why they are not changed.
    pub(crate) message: Option<String>,
    pub(crate) count: u64,
}

/// One of the selected.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreviewItem {
    #[schema(value_type = Option<SagaId>)]
    pub(crate) saga_id: Option<String>,
    #[schema(value_type = Option<SagaType>)]
    pub(crate) saga_type: Option<String>,
    pub(crate) dead_letter_id: Option<i64>,
    pub(crate) result: ItemResult,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    /// Why it is not changed.
    pub(crate) message: Option<String>,
}

/// Looks at what an order selects, and changes nothing.
pub(crate) async fn preview(
    reader: &Reader,
    caller: &Caller,
    order: &JobOrder,
    saga_filter: SagaFilter,
) -> Result<JobPreview, ApiError> {
    let selected = select(reader, order, saga_filter).await?;
    let token = token(order, &selected.items)?;
    let judged = match order.action {
        JobAction::Replay => tried(reader, caller, &selected).await?,
        JobAction::Acknowledge => cared_for(reader, &selected).await?,
        _ => judged(order, &selected),
    };
    let mut counts: BTreeMap<_, u64> = BTreeMap::new();
    for item in &judged {
        let key = (
            item.result,
            item.before.clone(),
            item.after.clone(),
            item.message.clone(),
        );
        *counts.entry(key).or_default() += 1;
    }
    let mut outcomes: Vec<OutcomeCount> = counts
        .into_iter()
        .map(|((result, before, after, message), count)| OutcomeCount {
            result,
            before,
            after,
            message,
            count,
        })
        .collect();
    outcomes.sort_by_key(|outcome| std::cmp::Reverse(outcome.count));
    // Each letter may fail for a reason of its own.
    outcomes.truncate(100);
    Ok(JobPreview {
        action: order.action,
        status: order.status,
        total: selected.items.len() as u64,
        examined: judged.len() as u64,
        outcomes,
        sample: judged.into_iter().take(SAMPLE).collect(),
        preview_token: token,
    })
}

/// A number that is used once, and the hash of what is selected. So a preview makes one job, and only of what it showed.
fn token(order: &JobOrder, items: &[NewItem]) -> Result<String, ApiError> {
    let mut nonce = [0; 12];
    getrandom::fill(&mut nonce).map_err(|_| ApiError::internal())?;
    Ok(format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(nonce),
        hash(order, items)
    ))
}

/// Whether the token of an order is that of what it selects now.
pub(super) fn is_as_previewed(order: &JobOrder, items: &[NewItem]) -> bool {
    let given = order.token.as_deref().and_then(|token| token.split_once('.'));
    given.is_none_or(|(_, given)| given == hash(order, items))
}

fn hash(order: &JobOrder, items: &[NewItem]) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    add(order.action.as_str());
    add(order.status.map_or("", SagaStatus::as_str));
    for (_, text) in order.details() {
        add(text);
    }
    for item in items {
        match item.letter_id {
            Some(id) => add(&id.to_string()),
            None => add(item.saga_id.as_deref().unwrap_or_default()),
        }
        add(item.before.as_deref().unwrap_or_default());
    }
    hash_text(&hash.finalize())
}

/// By the states that they are in.
fn judged(order: &JobOrder, selected: &Selected) -> Vec<PreviewItem> {
    let judged = |(index, item): (usize, &NewItem)| {
        let (result, message) = match selected.letters.get(index) {
            Some(letter) => judge_letter(order.action, letter.state, letter.is_erased),
            None => {
                let now = item.before.as_deref().and_then(|before| before.parse().ok());
                match now.zip(order.status) {
                    Some((now, target)) => judge_saga(None, now, target),
                    None => (ItemResult::Refused, None),
                }
            }
        };
        let after = match result {
            ItemResult::Changed => item.target.clone(),
            _ => item.before.clone(),
        };
        of(item, result, message, after)
    };
    selected.items.iter().enumerate().map(judged).collect()
}

/// By their status, and by who takes care of them already.
async fn cared_for(reader: &Reader, selected: &Selected) -> Result<Vec<PreviewItem>, ApiError> {
    let mut judged = Vec::with_capacity(selected.items.len());
    for items in selected.items.chunks(ASKED_AT_ONCE) {
        let ids: Vec<String> = items.iter().filter_map(|item| item.saga_id.clone()).collect();
        let size = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let there = reader.acknowledgements(Subjects::Sagas(ids), None, size).await?;
        let there: BTreeMap<String, Acknowledgement> = there
            .acknowledgements
            .into_iter()
            .filter_map(|there| match &there.subject {
                Subject::Saga(id) => Some((id.as_str().to_owned(), there)),
                _ => None,
            })
            .collect();
        judged.extend(items.iter().map(|item| {
            let status = item.before.as_deref().and_then(|before| before.parse().ok());
            let there = item.saga_id.as_ref().and_then(|id| there.get(id));
            let (result, message) = judge_care(status, there);
            let after = match result {
                ItemResult::Changed => item.target.clone(),
                _ => item.before.clone(),
            };
            of(item, result, message, after)
        }));
    }
    Ok(judged)
}

/// By a replay of the first ones, which is rolled back.
async fn tried(reader: &Reader, caller: &Caller, selected: &Selected) -> Result<Vec<PreviewItem>, ApiError> {
    let items = &selected.items[..selected.items.len().min(TRIED)];
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let named = Named {
        ids: items.iter().filter_map(|item| item.letter_id).collect(),
        event_ids: Vec::new(),
    };
    let order = ReplayOrder {
        letters: LetterQuery {
            filter: LetterFilter {
                named: Some(named),
                ..LetterFilter::default()
            },
            after: None,
            size: u32::try_from(items.len()).unwrap_or(u32::MAX),
        },
        all_pages: false,
        by: caller.actor(),
        dry_run: true,
    };
    let report = reader.replay(&Permit::new(), order).await?;
    let results: BTreeMap<_, _> = report
        .results
        .iter()
        .map(|replayed| (replayed.dead_letter_id, replayed))
        .collect();
    let judged = items.iter().filter_map(|item| {
        let replayed = results.get(&item.letter_id)?;
        let (result, after) = match replayed.status {
            ReplayStatus::Replayed | ReplayStatus::AlreadyStored => (
                ItemResult::Changed,
                Some(LetterState::Replayed.as_str().to_owned()),
            ),
            ReplayStatus::AlreadyReplayed => (ItemResult::Unchanged, item.before.clone()),
            ReplayStatus::Failed => (ItemResult::Failed, item.before.clone()),
            ReplayStatus::Dismissed | ReplayStatus::NotFound => (ItemResult::Refused, item.before.clone()),
        };
        let mut judged = of(item, result, replayed.message.clone(), after);
        judged.saga_id = replayed.saga_id.clone().or(judged.saga_id);
        Some(judged)
    });
    Ok(judged.collect())
}

fn of(item: &NewItem, result: ItemResult, message: Option<String>, after: Option<String>) -> PreviewItem {
    PreviewItem {
        saga_id: item.saga_id.clone(),
        saga_type: item.saga_type.clone(),
        dead_letter_id: item.letter_id,
        result,
        before: item.before.clone(),
        after,
        message,
    }
}
