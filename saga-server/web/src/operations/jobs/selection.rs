//! Which sagas or letters an order means, as they are now.

use std::collections::{BTreeSet, HashSet};

use saga_collector::{freshness::Freshness, redaction::Redaction};
use saga_store::{
    JobAction, LetterFilter, LetterState, MAX_JOB_ITEMS, Named, NewItem, PageStart, SagaQuery, SagaSort,
    SelectedLetter, SortBy, SortOrder,
};
use saga_types::{SagaId, fold::SagaState};

use super::order::{Chosen, JobOrder};
use crate::{
    http::{
        ApiError,
        query_string::{BadParameters, Params},
    },
    operations::letter_filter,
    scoped::Reader,
};

/// Reads the filters of the list of sagas.
pub(crate) type SagaFilter = fn(Params, &Redaction, &Freshness) -> Result<SagaQuery, BadParameters>;

/// How many sagas are read at once.
const SAGAS_AT_ONCE: u32 = 1_000;

/// What an order selects.
pub(super) struct Selected {
    /// The items of the job.
    pub(super) items: Vec<NewItem>,
    /// Those of letters, whose content may have been erased; empty for sagas.
    pub(super) letters: Vec<SelectedLetter>,
}

pub(super) async fn select(
    reader: &Reader,
    order: &JobOrder,
    saga_filter: SagaFilter,
) -> Result<Selected, ApiError> {
    match &order.chosen {
        Chosen::Sagas(ids) => {
            let sagas = reader.sagas(ids).await?;
            let found: BTreeSet<&SagaId> = sagas.iter().map(|saga| &saga.saga_id).collect();
            let missing: Vec<&str> = ids
                .iter()
                .filter(|id| !found.contains(id))
                .map(|id| id.as_str())
                .collect();
            refuse_missing("saga", &missing)?;
            let items = sagas.iter().map(|saga| of_saga(saga, order.target()));
            Ok(Selected::of_sagas(items.collect()))
        }
        Chosen::Letters(ids) => {
            let filter = LetterFilter {
                named: Some(Named {
                    ids: ids.iter().copied().collect(),
                    event_ids: Vec::new(),
                }),
                ..LetterFilter::default()
            };
            let letters = reader.select_letters(&filter, MAX_JOB_ITEMS).await?;
            let found: BTreeSet<i64> = letters.iter().map(|letter| letter.id).collect();
            let missing: Vec<String> = ids.difference(&found).map(i64::to_string).collect();
            refuse_missing("dead letter", &missing)?;
            Ok(Selected::of_letters(order, letters))
        }
        Chosen::Filter(given) if order.action.is_of_letters() => {
            let mut params = Params::from(given.clone());
            let mut filter = letter_filter(&mut params);
            params.finish()?;
            filter.without_dismissed = false;
            filter.state.get_or_insert(match order.action {
                JobAction::Restore => LetterState::Dismissed,
                _ => LetterState::Waiting,
            });
            let letters = reader.select_letters(&filter, MAX_JOB_ITEMS + 1).await?;
            refuse_too_many(letters.len())?;
            Ok(Selected::of_letters(order, letters))
        }
        Chosen::Filter(given) => {
            let query = saga_filter(
                Params::from(given.clone()),
                &reader.redaction,
                &reader.freshness(),
            )?;
            Ok(Selected::of_sagas(matching(reader, query, order.target()).await?))
        }
    }
}

/// All that match, newest first. Sagas that start meanwhile are left out.
async fn matching(
    reader: &Reader,
    query: SagaQuery,
    target: Option<&'static str>,
) -> Result<Vec<NewItem>, ApiError> {
    let mut query = SagaQuery {
        sort: SagaSort {
            by: SortBy::StartedAt,
            order: SortOrder::Descending,
        },
        start: PageStart::Offset(0),
        size: SAGAS_AT_ONCE,
        ..query
    };
    let (mut items, mut selected) = (Vec::new(), HashSet::new());
    loop {
        let stretch = reader.list(&query).await?;
        let more = stretch.sagas.iter().map(|saga| of_saga(saga, target));
        items.extend(not_selected(more, &mut selected));
        refuse_too_many(items.len())?;
        let Some(next) = stretch.next else {
            return Ok(items);
        };
        query.start = next;
    }
}

/// A saga whose begin is found to be earlier while the list is read stands on two of its pages.
fn not_selected<'a>(
    items: impl Iterator<Item = NewItem> + 'a,
    selected: &'a mut HashSet<Option<String>>,
) -> impl Iterator<Item = NewItem> + 'a {
    items.filter(|item| selected.insert(item.saga_id.clone()))
}

impl Selected {
    const fn of_sagas(items: Vec<NewItem>) -> Self {
        Self {
            items,
            letters: Vec::new(),
        }
    }

    fn of_letters(order: &JobOrder, letters: Vec<SelectedLetter>) -> Self {
        let target = match order.action {
            JobAction::Replay => LetterState::Replayed,
            JobAction::Restore => LetterState::Waiting,
            _ => LetterState::Dismissed,
        };
        let item = |letter: &SelectedLetter| NewItem {
            saga_id: letter.saga_id.clone(),
            saga_type: letter.saga_type.clone(),
            letter_id: Some(letter.id),
            before: Some(letter.state.as_str().to_owned()),
            target: Some(target.as_str().to_owned()),
        };
        Self {
            items: letters.iter().map(item).collect(),
            letters,
        }
    }
}

fn of_saga(saga: &SagaState, target: Option<&'static str>) -> NewItem {
    NewItem {
        saga_id: Some(saga.saga_id.as_str().to_owned()),
        saga_type: Some(saga.saga_type.as_str().to_owned()),
        letter_id: None,
        before: Some(saga.current_status.as_str().to_owned()),
        target: target.map(str::to_owned),
    }
}

fn refuse_missing(what: &str, missing: &[impl AsRef<str>]) -> Result<(), ApiError> {
    let Some(first) = missing.first() else {
        return Ok(());
    };
    let more = match missing.len() - 1 {
        0 => String::new(),
        more => format!(", and none of {more} others"),
    };
    let message = format!("there is no {what} {:?}{more}", first.as_ref());
    Err(ApiError::not_found(message))
}

fn refuse_too_many(items: usize) -> Result<(), ApiError> {
    if items <= MAX_JOB_ITEMS as usize {
        return Ok(());
    }
    let message =
        format!("the filter matches more than {MAX_JOB_ITEMS}, the most that a job may have; narrow it");
    Err(ApiError::bad_request(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saga_is_selected_once() {
        let item = |id: &str| NewItem {
            saga_id: Some(id.to_owned()),
            ..NewItem::default()
        };
        let mut selected = HashSet::new();
        let mut ids = Vec::new();
        for page in [["a", "b"], ["b", "c"]] {
            let items = not_selected(page.into_iter().map(item), &mut selected);
            ids.extend(items.filter_map(|item| item.saga_id));
        }
        assert_eq!(ids, ["a", "b", "c"]);
    }
}
