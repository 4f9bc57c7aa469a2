//! Sagas without a limit that wait longer than it ever takes: found in pages, compared with others, and marked.
//!
//! Rule of thumb: one look is bounded, and the next one goes on where it ended, so that no saga waits behind others of which
//! nothing can be said.

use std::{collections::HashSet, time::Duration};

use saga_types::{Step, Timestamp, definition::Definitions};

use super::{
    Adapter,
    dialect::{self, indexed_by},
    error, samples,
    waits::{CHUNK, LEARNT_FROM, waits_of},
};
use crate::{
    Span, StoreError, StoredSaga, UsualWait, Width,
    columns::Moment,
    flow::standing,
    fold_text::read_fold,
    usual::{OfType, Peers, Place, Round, steps_before, suspect, with_next},
};

/// A saga is compared with about so many others, of no longer ago than this.
const PEERS: u32 = 2_000;
const PEERS_OF: Duration = Duration::from_hours(24);
const LATELY: Duration = Duration::from_hours(1);

/// At one look about so many sagas of a type are looked at, and about so many compared with others.
const LOOKED_AT: usize = 2_000;
const SUSPECTS: usize = 1_000;

/// So many are read at once.
const PAGE: usize = 1_000;

macro_rules! candidates {
    ($index:literal, $awaiting:literal) => {
        concat!(
            "SELECT saga_id, version, fold, started_at FROM saga_instance ",
            indexed_by!($index),
            " WHERE saga_type = $1 AND current_status IN ('STARTED', 'IN_PROGRESS') AND awaited_deadline IS NULL AND ",
            $awaiting,
            " AND started_at < $2 AND started_at >= $3 AND (started_at, saga_id) > ($3, $4) \
             ORDER BY started_at, saga_id LIMIT $5"
        )
    };
}

pub(super) const CANDIDATES: &str = candidates!("saga_instance_unlimited", "awaited_step IS NOT NULL");

/// The same of a type without a definition, behind a step: of those behind others nothing can be said, and they may be many.
pub(super) const CANDIDATES_BEHIND: &str = candidates!(
    "saga_instance_undefined",
    "awaited_step IS NULL AND last_step = $6"
);

const MARK: &str = r"
UPDATE saga_instance SET awaited_deadline = $3, deadline_by_usual = true
WHERE saga_id = $1 AND version = $2 AND awaited_deadline IS NULL";

/// The same with what is awaited, where no definition says it.
const MARK_AWAITING: &str = r"
UPDATE saga_instance SET awaited_deadline = $3, deadline_by_usual = true, awaited_step = $4, awaited_steps = $5
WHERE saga_id = $1 AND version = $2 AND awaited_deadline IS NULL";

/// A saga with the version of its row.
type Candidate = (StoredSaga, i64);

/// Marks sagas of a type that are stuck, from where the round is; how many.
pub(super) async fn mark_all(
    store: &Adapter,
    of_type: OfType<'_>,
    moment: Timestamp,
    round: &mut Round,
) -> Result<u64, StoreError> {
    let suspects = suspects(store, of_type, moment, round).await?;
    // Apart, so that a sample of a long time leaves enough to compare those with that began just now.
    let lately = moment.saturating_sub(LATELY);
    let (new, old): (Vec<_>, Vec<_>) = suspects.iter().partition(|(saga, _)| saga.started_at >= lately);
    let mut marked = 0;
    for suspects in [new, old] {
        marked += mark_suspects(store, of_type, &suspects, moment, round).await?;
    }
    Ok(marked)
}

/// Goes on with the round, until it ends or there is enough for one look.
async fn suspects(
    store: &Adapter,
    (saga_type, usual): OfType<'_>,
    moment: Timestamp,
    round: &mut Round,
) -> Result<Vec<Candidate>, StoreError> {
    let begun = round.place.take();
    let mut suspects = Vec::new();
    let Some(never_ms) = usual.waits.values().filter_map(UsualWait::never_ms).min() else {
        return Ok(suspects);
    };
    let before = moment.saturating_sub(Duration::from_millis(never_ms.unsigned_abs()));
    let definitions = store.definitions.get();
    let (behind, first): (Vec<Option<Step>>, Timestamp) = match definitions.get(saga_type) {
        Some(_) => (vec![None], Timestamp::MIN),
        None => (
            steps_before(usual).into_iter().map(Some).collect(),
            before.saturating_sub(LEARNT_FROM),
        ),
    };
    let mut looked_at = 0;
    for step in behind {
        let mut place = match &begun {
            Some(begun) if step < begun.behind => continue,
            Some(begun) if step == begun.behind => begun.clone(),
            _ => Place::at(step, first),
        };
        loop {
            let page = page(store, (saga_type, usual), &definitions, before, &mut place).await?;
            looked_at += page.read;
            let waits = |(saga, _): &Candidate| suspect(saga, usual, moment).is_some();
            suspects.extend(page.candidates.into_iter().filter(waits));
            if looked_at >= LOOKED_AT || suspects.len() >= SUSPECTS {
                round.place = Some(place);
                return Ok(suspects);
            }
            if page.read < PAGE {
                break;
            }
        }
    }
    Ok(suspects)
}

struct Page {
    /// How many rows it had.
    read: usize,
    candidates: Vec<Candidate>,
}

/// Sagas without a limit that started before a moment and still wait, from a place on, which is moved behind them. Those of a type
/// without a definition have what usually comes behind their last event.
async fn page(
    store: &Adapter,
    (saga_type, usual): OfType<'_>,
    definitions: &Definitions,
    before: Timestamp,
    place: &mut Place,
) -> Result<Page, StoreError> {
    let sql = if place.behind.is_some() {
        CANDIDATES_BEHIND
    } else {
        CANDIDATES
    };
    let mut asked = sqlx::query_as(sql)
        .bind(saga_type.as_str())
        .bind(Moment(before))
        .bind(Moment(place.started_at))
        .bind(place.saga_id.as_str())
        .bind(i64::try_from(PAGE).unwrap_or(i64::MAX));
    if let Some(step) = &place.behind {
        asked = asked.bind(step.as_str());
    }
    let rows: Vec<(String, i64, String, Moment)> =
        asked.fetch_all(&store.readers).await.map_err(error::store)?;
    let read = rows.len();
    let last = rows
        .last()
        .map(|(saga_id, _, _, started_at)| (saga_id.clone(), started_at.0));
    let candidates = rows.into_iter().filter_map(|(_, version, fold, _)| {
        // One that cannot be read is folded again with its next event.
        let fold = read_fold(&fold)?;
        let saga = match place.behind {
            Some(_) => with_next(fold.try_state(definitions)?, usual),
            None => StoredSaga::of(&fold, definitions)?,
        };
        Some((saga, version))
    });
    let candidates = candidates.collect();
    if let Some((saga_id, started_at)) = last {
        (place.saga_id, place.started_at) = (saga_id, started_at);
    }
    Ok(Page { read, candidates })
}

async fn mark_suspects(
    store: &Adapter,
    (saga_type, usual): OfType<'_>,
    candidates: &[&Candidate],
    moment: Timestamp,
    round: &mut Round,
) -> Result<u64, StoreError> {
    let suspects: Vec<_> = candidates
        .iter()
        .filter_map(|(saga, version)| Some((suspect(saga, usual, moment)?, saga, *version)))
        .collect();
    let Some(first) = suspects.iter().map(|(suspect, ..)| suspect.started_at()).min() else {
        return Ok(0);
    };
    let span = Span::between(first.max(moment.saturating_sub(PEERS_OF)), moment, Width::Hour);
    let mut peers = Peers::of(suspects.iter().flat_map(|(suspect, ..)| suspect.keys()));
    waits_of(store, saga_type, &span, PEERS, |waits| peers.add(&waits)).await?;
    let is_defined = store.definitions.get().get(saga_type).is_some();
    let standing = match is_defined {
        true => None,
        false => {
            let saga_ids = suspects.iter().map(|(_, saga, _)| saga.saga_id.to_string());
            Some(standing_still(store, saga_ids.collect()).await?)
        }
    };
    let mut marked = 0;
    for (suspect, saga, version) in suspects {
        if standing
            .as_ref()
            .is_some_and(|standing| !standing.contains(saga.saga_id.as_str()))
        {
            continue;
        }
        if let Some(since) = suspect.stuck_since(&peers, moment, &mut round.tally) {
            marked += mark(store, saga, version, since).await?;
        }
    }
    Ok(marked)
}

/// Those of the sagas of a type without a definition that wait behind their last event.
async fn standing_still(store: &Adapter, saga_ids: Vec<String>) -> Result<HashSet<String>, StoreError> {
    let mut still = HashSet::new();
    for some in saga_ids.chunks(CHUNK) {
        let events = samples::steps(store.reading().await?, some, None).await?;
        still.extend(standing(&events)?);
    }
    Ok(still)
}

/// Unless the saga went on meanwhile.
async fn mark(store: &Adapter, saga: &StoredSaga, version: i64, since: Timestamp) -> Result<u64, StoreError> {
    let is_defined = store.definitions.get().get(&saga.saga_type).is_some();
    let mut mark = sqlx::query(if is_defined { MARK } else { MARK_AWAITING })
        .bind(saga.saga_id.as_str())
        .bind(version)
        .bind(Moment(since));
    if !is_defined {
        let awaiting = saga.awaiting.iter();
        let steps: Vec<String> = awaiting.map(|awaiting| awaiting.step.to_string()).collect();
        mark = mark.bind(steps.first().cloned()).bind(dialect::list(&steps));
    }
    let marked = mark.execute(store.notes()).await.map_err(error::store)?;
    Ok(marked.rows_affected())
}
