//! What is usual: learnt from stored folds, kept in two tables, and used to find sagas that are stuck without a limit.

use std::time::Duration;

use async_trait::async_trait;
use saga_types::{
    SagaType, Step, Timestamp,
    definition::Definitions,
    fold::{SagaState, Waits},
};
use sqlx::QueryBuilder;

use super::{
    Adapter, Db, dialect, error,
    names::{read_step, read_type},
    read, samples, standstills, statistics,
};
use crate::{
    CurrentUsual, EndLevel, Marked, Scope, Span, Standstill, StatisticsQuery, StoreError, Usual, UsualStore,
    UsualWait, Width,
    columns::Moment,
    deadline::in_time,
    flow::observed_waits,
    fold_text::read_fold,
    period::drawn_below,
    rollup::CountsByType,
    usual::{Held, Observed, Peers, TypeUsual, suspect},
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

/// So many rows are written by one statement, which takes a bounded number of parameters.
const AT_ONCE: usize = 500;

const CANDIDATES: &str = r"
SELECT saga_id, version, fold FROM saga_instance
WHERE saga_type = $1 AND current_status IN ('STARTED', 'IN_PROGRESS') AND started_at < $2
    AND awaited_deadline IS NULL AND awaited_step IS NOT NULL
ORDER BY started_at LIMIT $3";

const MARK: &str = r"
UPDATE saga_instance SET awaited_deadline = $3, deadline_by_usual = true
WHERE saga_id = $1 AND version = $2 AND awaited_deadline IS NULL";

const WAITS: &str =
    "SELECT saga_type, after_step, step, observations, p50_ms, p95_ms, p999_ms FROM usual_wait";

const ENDS: &str = r"
SELECT saga_type, step, waited_ms, observations, p50_ms, p90_ms FROM usual_end ORDER BY saga_type, step, waited_ms";

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
            let ended = |waits: &Waits| {
                waits
                    .ended_at
                    .is_some_and(|ended_at| since <= ended_at && ended_at <= moment)
            };
            waits_of(self, &saga_type, &span, SAGAS, |waits| {
                if ended(&waits) {
                    observed.add(&waits);
                }
            })
            .await?;
            usual.types.insert(saga_type, observed.finish());
        }
        keep(self, &usual, moment).await?;
        self.usual.replace(usual);
        Ok(())
    }

    async fn load_usual(&self) -> Result<(), StoreError> {
        let mut usual = Usual::default();
        let waits: Vec<(String, String, String, i64, i64, i64, i64)> = sqlx::query_as(WAITS)
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        for (saga_type, after, step, observations, p50_ms, p95_ms, p999_ms) in waits {
            let row = format!("{saga_type} {after} {step}");
            let after = (!after.is_empty()).then(|| read_step("usual_wait", &row, after));
            let key = (after.transpose()?, read_step("usual_wait", &row, step)?);
            let wait = UsualWait {
                observations: observations.cast_unsigned(),
                p50_ms,
                p95_ms,
                p999_ms,
            };
            let of_type = usual.types.entry(read_type("usual_wait", &row, saga_type)?);
            of_type.or_default().waits.insert(key, wait);
        }
        let ends: Vec<(String, String, i64, i64, i64, i64)> = sqlx::query_as(ENDS)
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        for (saga_type, step, waited_ms, observations, p50_ms, p90_ms) in ends {
            let row = format!("{saga_type} {step} {waited_ms}");
            let level = EndLevel {
                waited_ms,
                observations: observations.cast_unsigned(),
                p50_ms,
                p90_ms,
            };
            let step = read_step("usual_end", &row, step)?;
            let of_type = usual.types.entry(read_type("usual_end", &row, saga_type)?);
            of_type.or_default().ends.entry(step).or_default().push(level);
        }
        self.usual.replace(usual);
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
        // One that started just now must not find that nothing stands still.
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
        let candidates = candidates(store, &definitions, saga_type, before).await?;
        // Apart, so that a sample of a long time leaves enough to compare those with that began just now.
        let lately = moment.saturating_sub(LATELY);
        let (new, old): (Vec<_>, Vec<_>) = candidates.iter().partition(|(saga, _)| saga.started_at >= lately);
        let mut held = Held::default();
        for candidates in [new, old] {
            marked.sagas += mark_suspects(store, (saga_type, usual), &candidates, moment, &mut held).await?;
        }
        marked.standstills.extend(held.finish(saga_type));
    }
    Ok(marked)
}

async fn mark_suspects(
    store: &Adapter,
    (saga_type, usual): (&SagaType, &TypeUsual),
    candidates: &[&(SagaState, i64)],
    moment: Timestamp,
    held: &mut Held,
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
    let mut marked = 0;
    for (suspect, saga, version) in suspects {
        if let Some(since) = suspect.stuck_since(&peers, moment, held) {
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
            let events = samples::steps(store.reading().await?, some).await?;
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
) -> Result<Vec<(SagaState, i64)>, StoreError> {
    let rows: Vec<(String, i64, String)> = sqlx::query_as(CANDIDATES)
        .bind(saga_type.as_str())
        .bind(Moment(before))
        .bind(SUSPECTS)
        .fetch_all(&store.readers)
        .await
        .map_err(error::store)?;
    let candidates = rows.into_iter().filter_map(|(_, version, fold)| {
        let state = read_fold(&fold)?.try_state(definitions)?;
        Some((state, version))
    });
    Ok(candidates.collect())
}

/// Unless the saga went on meanwhile.
async fn mark(store: &Adapter, saga: &SagaState, version: i64, since: Timestamp) -> Result<u64, StoreError> {
    let marked = sqlx::query(MARK)
        .bind(saga.saga_id.as_str())
        .bind(version)
        .bind(Moment(since))
        .execute(store.notes())
        .await
        .map_err(error::store)?;
    Ok(marked.rows_affected())
}

async fn keep(store: &Adapter, usual: &Usual, moment: Timestamp) -> Result<(), StoreError> {
    let begun = store.notes().begin_with(dialect::BEGIN).await;
    let mut transaction = begun.map_err(error::store)?;
    for table in ["DELETE FROM usual_wait", "DELETE FROM usual_end"] {
        let emptied = sqlx::query(table).execute(&mut *transaction).await;
        emptied.map_err(error::store)?;
    }
    let types = || usual.types.iter();
    let waits: Vec<_> = types()
        .flat_map(|(saga_type, of_type)| of_type.waits.iter().map(move |wait| (saga_type, wait)))
        .collect();
    for waits in waits.chunks(AT_ONCE) {
        let mut sql = QueryBuilder::<Db>::new(
            "INSERT INTO usual_wait (saga_type, after_step, step, observations, p50_ms, p95_ms, p999_ms, learnt_at) ",
        );
        sql.push_values(waits, |mut row, (saga_type, ((after, step), wait))| {
            row.push_bind(saga_type.as_str())
                .push_bind(after.as_ref().map_or("", Step::as_str))
                .push_bind(step.as_str())
                .push_bind(wait.observations.cast_signed())
                .push_bind(wait.p50_ms)
                .push_bind(wait.p95_ms)
                .push_bind(wait.p999_ms)
                .push_bind(Moment(moment));
        });
        let written = sql.build().execute(&mut *transaction).await;
        written.map_err(error::store)?;
    }
    let ends: Vec<_> = types()
        .flat_map(|(saga_type, of_type)| of_type.ends.iter().map(move |end| (saga_type, end)))
        .flat_map(|(saga_type, (step, levels))| levels.iter().map(move |level| (saga_type, step, level)))
        .collect();
    for ends in ends.chunks(AT_ONCE) {
        let mut sql = QueryBuilder::<Db>::new(
            "INSERT INTO usual_end (saga_type, step, waited_ms, observations, p50_ms, p90_ms, learnt_at) ",
        );
        sql.push_values(ends, |mut row, (saga_type, step, level)| {
            row.push_bind(saga_type.as_str())
                .push_bind(step.as_str())
                .push_bind(level.waited_ms)
                .push_bind(level.observations.cast_signed())
                .push_bind(level.p50_ms)
                .push_bind(level.p90_ms)
                .push_bind(Moment(moment));
        });
        let written = sql.build().execute(&mut *transaction).await;
        written.map_err(error::store)?;
    }
    transaction.commit().await.map_err(error::store)
}
