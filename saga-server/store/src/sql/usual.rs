//! What is usual: learnt from stored folds, kept (`usual_rows`), and used to find sagas that are stuck without a limit.

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;
use saga_types::{SagaType, Step, Timestamp, definition::Definitions, fold::Waits};

use super::{
    Adapter,
    dialect::{self, any},
    error, read, samples, standstills, statistics, usual_rows,
};
use crate::{
    CurrentUsual, Marked, Scope, Span, Standstill, StatisticsQuery, StoreError, StoredSaga, Usual,
    UsualStore, UsualWait, Width,
    columns::Moment,
    deadline::in_time,
    flow::{observed_waits, standing},
    fold_text::read_fold,
    period::drawn_below,
    rollup::CountsByType,
    usual::{Observed, Peers, StandstillTally, TypeUsual, steps_before, suspect, with_next},
};

const LEARNT_FROM: Duration = Duration::from_hours(7 * 24);

/// Sagas may have started so long before they ended.
const LONGEST: Duration = Duration::from_hours(30 * 24);

/// About so many sagas of a type are looked at.
const SAGAS: u32 = 10_000;

/// A saga is compared with about so many others, of no longer ago than this.
const PEERS: u32 = 2_000;
const PEERS_OF: Duration = Duration::from_hours(24);
const LATELY: Duration = Duration::from_hours(1);

/// How many sagas of a type are suspected at once, those that started first.
const SUSPECTS: i64 = 1_000;

/// How many folds are read at once.
const CHUNK: usize = 500;

const CANDIDATES: &str = r"
SELECT saga_id, version, fold FROM saga_instance
WHERE saga_type = $1 AND current_status IN ('STARTED', 'IN_PROGRESS') AND started_at < $2
    AND awaited_deadline IS NULL AND awaited_step IS NOT NULL
ORDER BY started_at LIMIT $3";

/// The same of a type without a definition, behind some steps: of the others nothing can be said, and they may be many.
const CANDIDATES_BEHIND: &str = concat!(
    r"
SELECT saga_id, version, fold FROM saga_instance
WHERE saga_type = $1 AND current_status IN ('STARTED', 'IN_PROGRESS') AND started_at < $2 AND started_at >= $5
    AND awaited_deadline IS NULL AND last_step ",
    any!("4"),
    r"
ORDER BY started_at LIMIT $3"
);

const MARK: &str = r"
UPDATE saga_instance SET awaited_deadline = $3, deadline_by_usual = true
WHERE saga_id = $1 AND version = $2 AND awaited_deadline IS NULL";

/// The same with what is awaited, where no definition says it.
const MARK_AWAITING: &str = r"
UPDATE saga_instance SET awaited_deadline = $3, deadline_by_usual = true, awaited_step = $4, awaited_steps = $5
WHERE saga_id = $1 AND version = $2 AND awaited_deadline IS NULL";

#[async_trait]
impl UsualStore for Adapter {
    fn usual(&self) -> &CurrentUsual {
        &self.usual
    }

    async fn learn_usual(&self, moment: Timestamp) -> Result<(), StoreError> {
        let since = moment.saturating_sub(LEARNT_FROM);
        let mut usual = Usual::default();
        for (saga_type, longest) in types(self, moment).await? {
            let span = Span::between(since.saturating_sub(longest), moment, Width::Day);
            let mut observed = Observed::default();
            let is_defined = self.definitions.get().get(&saga_type).is_some();
            let ended = |waits: &Waits| {
                waits
                    .ended_at
                    .is_some_and(|ended_at| since <= ended_at && ended_at <= moment)
            };
            waits_of(self, &saga_type, &span, SAGAS, |waits| {
                if ended(&waits) {
                    observed.add(&waits);
                } else if !is_defined && since <= waits.started_at {
                    observed.stands(&waits, moment);
                }
            })
            .await?;
            usual.types.insert(saga_type, observed.finish());
        }
        usual_rows::keep(self, &usual, moment).await?;
        self.usual.replace(usual);
        Ok(())
    }

    async fn load_usual(&self) -> Result<(), StoreError> {
        self.usual.replace(usual_rows::read(&self.readers).await?);
        Ok(())
    }

    async fn mark_unusual(&self, moment: Timestamp) -> Result<Marked, StoreError> {
        in_time(async {
            let marked = mark_all(self, moment).await?;
            standstills::keep(self, &marked.standstills).await?;
            Ok(marked)
        })
        .await
    }

    async fn standstills(&self) -> Result<Vec<Standstill>, StoreError> {
        in_time(standstills::read(&self.readers)).await
    }
}

async fn mark_all(store: &Adapter, moment: Timestamp) -> Result<Marked, StoreError> {
    if store.usual.get().types.is_empty() {
        // A collector that started just now has learnt nothing yet, and must not report that there is no standstill.
        store.load_usual().await?;
    }
    let (usual, definitions) = (store.usual.get(), store.definitions.get());
    let mut marked = Marked::default();
    for (saga_type, usual) in &usual.types {
        let Some(never_ms) = usual.waits.values().filter_map(UsualWait::never_ms).min() else {
            continue;
        };
        let never = Duration::from_millis(never_ms.unsigned_abs());
        let before = moment.saturating_sub(never);
        let candidates = match definitions.get(saga_type) {
            Some(_) => candidates(store, &definitions, saga_type, before).await?,
            None => candidates_behind(store, &definitions, (saga_type, usual), before).await?,
        };
        // Apart, so that a sample of a long time leaves enough to compare those with that began just now.
        let lately = moment.saturating_sub(LATELY);
        let (new, old): (Vec<_>, Vec<_>) = candidates.iter().partition(|(saga, _)| saga.started_at >= lately);
        let mut tally = StandstillTally::default();
        for candidates in [new, old] {
            marked.sagas += mark_suspects(store, (saga_type, usual), &candidates, moment, &mut tally).await?;
        }
        marked.standstills.extend(tally.finish(saga_type));
    }
    Ok(marked)
}

async fn mark_suspects(
    store: &Adapter,
    (saga_type, usual): (&SagaType, &TypeUsual),
    candidates: &[&(StoredSaga, i64)],
    moment: Timestamp,
    tally: &mut StandstillTally,
) -> Result<u64, StoreError> {
    let suspects: Vec<_> = candidates
        .iter()
        .filter_map(|(saga, version)| Some((suspect(saga, usual, moment)?, saga, *version)))
        .collect();
    let Some(first) = suspects.iter().map(|(suspect, ..)| suspect.started_at()).min() else {
        return Ok(0);
    };
    let span = Span::between(first.max(moment.saturating_sub(PEERS_OF)), moment, Width::Hour);
    let mut peers = Peers::default();
    waits_of(store, saga_type, &span, PEERS, |waits| peers.add(waits)).await?;
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
        if let Some(since) = suspect.stuck_since(&peers, moment, tally) {
            marked += mark(store, saga, version, since).await?;
        }
    }
    Ok(marked)
}

/// The types of which sagas started lately, each with how long 99 of 100 take.
async fn types(store: &Adapter, moment: Timestamp) -> Result<Vec<(SagaType, Duration)>, StoreError> {
    let query = StatisticsQuery {
        from: Some(moment.saturating_sub(LEARNT_FROM).saturating_sub(LONGEST)),
        to: Some(moment),
        ..StatisticsQuery::default()
    };
    let mut connection = store.readers.acquire().await.map_err(error::store)?;
    let mut counts = CountsByType::default();
    for row in statistics::counted(&mut connection, &query).await? {
        counts.add(row)?;
    }
    let longest =
        |seconds: [f64; 3]| Duration::try_from_secs_f64(seconds[2]).map_or(LONGEST, |p99| p99.min(LONGEST));
    let types = counts.finish()?.into_iter().map(|(saga_type, statistics)| {
        let longest = statistics.percentile_seconds.map_or(Duration::ZERO, longest);
        (saga_type, longest)
    });
    Ok(types.collect())
}

/// Goes through the waits of about `most` of the sagas of a type that started within a period.
async fn waits_of(
    store: &Adapter,
    saga_type: &SagaType,
    span: &Span,
    most: u32,
    mut each: impl FnMut(Waits) + Send,
) -> Result<(), StoreError> {
    let mut counting = span.statistics(&Scope::All);
    counting.saga_type = Some(saga_type.clone());
    let total = statistics::statistics(&store.readers, &counting).await?.total;
    let saga_ids = samples::sagas(&store.readers, saga_type, span, drawn_below(most, total)).await?;
    let definitions = store.definitions.get();
    let is_defined = definitions.get(saga_type).is_some();
    for some in saga_ids.chunks(CHUNK) {
        let folds = read::folds(&store.readers, some).await?;
        // One that cannot be read is folded again with its next event.
        let folds = folds.iter().filter_map(|fold| read_fold(fold));
        if is_defined {
            folds
                .filter_map(|fold| fold.waits(&definitions))
                .for_each(&mut each);
        } else {
            let waits = folds.filter_map(|fold| {
                let saga_id = fold.try_state(&definitions)?.saga_id;
                Some((saga_id.to_string(), fold.waits(&definitions)?))
            });
            let waits = waits.collect();
            let events = samples::steps(store.reading().await?, some, None).await?;
            observed_waits(waits, &events)?.into_iter().for_each(&mut each);
        }
    }
    Ok(())
}

/// Sagas of a type without a limit that started before a moment and still wait, each with the version of its row.
async fn candidates(
    store: &Adapter,
    definitions: &Definitions,
    saga_type: &SagaType,
    before: Timestamp,
) -> Result<Vec<(StoredSaga, i64)>, StoreError> {
    let rows: Vec<(String, i64, String)> = sqlx::query_as(CANDIDATES)
        .bind(saga_type.as_str())
        .bind(Moment(before))
        .bind(SUSPECTS)
        .fetch_all(&store.readers)
        .await
        .map_err(error::store)?;
    let candidates = rows.into_iter().filter_map(|(_, version, fold)| {
        let saga = StoredSaga::of(&read_fold(&fold)?, definitions)?;
        Some((saga, version))
    });
    Ok(candidates.collect())
}

/// The same of a type without a definition, each with what usually comes behind its last event.
async fn candidates_behind(
    store: &Adapter,
    definitions: &Definitions,
    (saga_type, usual): (&SagaType, &TypeUsual),
    before: Timestamp,
) -> Result<Vec<(StoredSaga, i64)>, StoreError> {
    let steps = steps_before(usual);
    if steps.is_empty() {
        return Ok(Vec::new());
    }
    let steps: Vec<String> = steps.iter().map(Step::to_string).collect();
    let rows: Vec<(String, i64, String)> = sqlx::query_as(CANDIDATES_BEHIND)
        .bind(saga_type.as_str())
        .bind(Moment(before))
        .bind(SUSPECTS)
        .bind(dialect::list(&steps))
        .bind(Moment(before.saturating_sub(LEARNT_FROM)))
        .fetch_all(&store.readers)
        .await
        .map_err(error::store)?;
    let candidates = rows.into_iter().filter_map(|(_, version, fold)| {
        let state = read_fold(&fold)?.try_state(definitions)?;
        Some((with_next(state, usual), version))
    });
    Ok(candidates.collect())
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
