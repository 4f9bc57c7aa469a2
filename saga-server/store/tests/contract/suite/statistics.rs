//! Counts and durations against a plain loop over the sagas.

use std::{collections::BTreeSet, sync::Arc};

use saga_store::{Attention, Rebuild, Statistics, StatisticsQuery, Store};
use saga_types::{SagaEvent, SagaStatus, SagaType, Timestamp, definition::Definitions, fold::SagaState};

use super::{
    Database, connect,
    events::{Random, at, folded, random_events},
};

/// Random sagas over some days, lasting from nothing to an hour.
fn events_over_days(random: &mut Random, sagas: usize) -> Vec<SagaEvent> {
    let mut events = random_events(random, sagas, 12);
    for event in &mut events {
        let millis = event.recorded_at.millis_since(at(0));
        let (saga, within) = (millis / 20, millis % 20);
        event.recorded_at = at(saga * 2_345_678 + within * within * 61_003);
    }
    events
}

fn periods() -> Vec<StatisticsQuery> {
    const HOUR: i64 = 3_600_000;
    let whole = |width: i64, millis: i64| {
        let past = at(millis).as_millis();
        Timestamp::from_millis(past - past.rem_euclid(width)).unwrap()
    };
    let period = |from, to| StatisticsQuery {
        from,
        to,
        ..StatisticsQuery::default()
    };
    let ends = [
        (None, None),
        (Some(at(20 * HOUR)), None),
        (None, Some(at(50 * HOUR + 1))),
        (
            Some(whole(24 * HOUR, 24 * HOUR)),
            Some(whole(24 * HOUR, 72 * HOUR)),
        ),
        (Some(whole(HOUR, 7 * HOUR)), Some(whole(60_000, 60 * HOUR))),
        (Some(at(HOUR + 123)), Some(at(61 * HOUR + 45_678))),
        (Some(at(HOUR)), Some(at(9 * HOUR))),
    ];
    let mut periods: Vec<StatisticsQuery> = ends.map(|(from, to)| period(from, to)).into();
    periods.extend(ends.map(|(from, to)| StatisticsQuery {
        saga_type: Some(SagaType::ORDER_CREATION),
        ..period(from, to)
    }));
    periods
}

/// Compares the statistics of many periods with what a loop over the sagas counts.
async fn assert_counted(store: &Arc<dyn Store>, events: &[SagaEvent]) {
    for query in periods() {
        let expected = counted(events, &query);
        assert!(expected.total > 0, "{query:?}");
        let found = store.statistics(&query).await.unwrap();
        assert_same(&found, &expected);
    }
    assert_eq!(store.recount(Rebuild::DryRun).await.unwrap(), 0);
}

fn counted(events: &[SagaEvent], query: &StatisticsQuery) -> Statistics {
    let saga_ids: BTreeSet<&str> = events.iter().map(|event| event.saga_id.as_str()).collect();
    let states: Vec<SagaState> = saga_ids
        .into_iter()
        .map(|saga_id| folded(events, saga_id).unwrap())
        .filter(|state| {
            query
                .saga_type
                .as_ref()
                .is_none_or(|saga_type| state.saga_type == *saga_type)
        })
        .filter(|state| query.from.is_none_or(|from| state.started_at >= from))
        .filter(|state| query.to.is_none_or(|to| state.started_at <= to))
        .collect();
    let mut statistics = Statistics {
        total: states.len() as u64,
        ..Statistics::default()
    };
    for state in &states {
        *statistics.by_status.entry(state.current_status).or_default() += 1;
        *statistics.by_type.entry(state.saga_type.clone()).or_default() += 1;
    }
    let mut seconds: Vec<f64> = states
        .iter()
        .filter_map(|state| Some(state.duration_ms? as f64 / 1000.0))
        .collect();
    seconds.sort_by(f64::total_cmp);
    if !seconds.is_empty() {
        statistics.average_seconds = Some(seconds.iter().sum::<f64>() / seconds.len() as f64);
        statistics.percentile_seconds = Some([0.5, 0.95, 0.99].map(|share| percentile(&seconds, share)));
    }
    statistics
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = share * (sorted.len() - 1) as f64;
    let at = |rank: f64| {
        sorted
            .iter()
            .copied()
            .enumerate()
            .find(|(index, _)| *index as f64 == rank)
            .unwrap()
            .1
    };
    at(rank.floor()) + (at(rank.ceil()) - at(rank.floor())) * rank.fract()
}

fn assert_same(found: &Statistics, expected: &Statistics) {
    let is_close = |found: f64, expected: f64, off: f64| (found - expected).abs() <= expected * off;
    assert_eq!(
        (found.total, &found.by_status, &found.by_type),
        (expected.total, &expected.by_status, &expected.by_type)
    );
    let average = found.average_seconds.zip(expected.average_seconds);
    assert!(
        average.map_or(
            found.average_seconds == expected.average_seconds,
            |(found, expected)| is_close(found, expected, 1e-9)
        ),
        "{found:?}"
    );
    assert_eq!(
        found.percentile_seconds.is_some(),
        expected.percentile_seconds.is_some()
    );
    for (found, expected) in found
        .percentile_seconds
        .iter()
        .flatten()
        .zip(expected.percentile_seconds.iter().flatten())
    {
        assert!(is_close(*found, *expected, 0.05), "{found} is not {expected}");
    }
}

pub(crate) async fn statistics_are_those_of_the_sagas(database: &impl Database) {
    let store = database.store().await;
    let mut random = Random::seeded(17);
    let events = events_over_days(&mut random, 120);
    let mut arriving = events.clone();
    random.shuffle(&mut arriving);
    while !arriving.is_empty() {
        let rest = arriving.len().saturating_sub(1 + random.below(40));
        let batch = arriving.split_off(rest);
        // Another process now and then, so that counts come in all the ways there are.
        let other = connect(&database.url(), Definitions::built_in()).await;
        let writer = if random.below(4) == 0 { &other } else { &store };
        writer.append(batch.into()).await.unwrap();
    }
    assert_counted(&store, &events).await;
    let expected = counted(&events, &StatisticsQuery::default());
    for (status, count) in store.count_by_status().await.unwrap() {
        assert_eq!(
            count,
            expected.by_status.get(&status).copied().unwrap_or_default(),
            "{status}"
        );
    }
}

/// Several processes, each with all events in an order of its own, while statistics are read.
pub(crate) async fn statistics_are_right_at_every_moment_of_many_writers(database: &impl Database) {
    let events = events_over_days(&mut Random::seeded(19), 100);
    let mut writers = tokio::task::JoinSet::new();
    for seed in 0..5 {
        let store = database.store().await;
        let mut arriving = events.clone();
        writers.spawn(async move {
            Random::seeded(seed).shuffle(&mut arriving);
            for batch in arriving.chunks(20) {
                store.append(batch.to_vec().into()).await.unwrap();
            }
        });
    }
    let store = database.store().await;
    while !writers.is_empty() {
        assert_eq!(store.recount(Rebuild::DryRun).await.unwrap(), 0);
        writers.join_next().await.unwrap().unwrap();
    }
    assert_counted(&store, &events).await;
}

pub(crate) async fn statistics_that_are_wrong_are_recounted(database: &impl Database) {
    let store = database.store().await;
    let mut events = events_over_days(&mut Random::seeded(23), 100);
    let later = events.split_off(events.len() / 2);
    store.append(events.clone().into()).await.unwrap();
    database
        .execute("UPDATE saga_rollup SET sagas = sagas + 1 WHERE width = 3600")
        .await;
    let wrong = store.recount(Rebuild::DryRun).await.unwrap();
    assert!(wrong > 0);
    assert_eq!(store.recount(Rebuild::Write).await.unwrap(), wrong);
    assert_counted(&store, &events).await;
    store.append(later.clone().into()).await.unwrap();
    assert_counted(&store, &[events, later].concat()).await;
}

/// The statements undo the migration that made the roll-ups.
pub(crate) async fn sagas_of_before_are_counted(database: &impl Database, undo: &'static str) {
    let store = database.store().await;
    let mut events = events_over_days(&mut Random::seeded(29), 100);
    let later = events.split_off(events.len() / 2);
    store.append(events.clone().into()).await.unwrap();
    drop(store);
    database.execute(undo).await;
    let store = database.store().await;
    assert_counted(&store, &events).await;
    store.append(later.clone().into()).await.unwrap();
    assert_counted(&store, &[events, later].concat()).await;
}

pub(crate) async fn what_needs_attention_is_counted_from_the_sagas(database: &impl Database) {
    let store = database.store().await;
    assert_eq!(store.attention(at(0)).await.unwrap(), Attention::default());
    let events = random_events(&mut Random::seeded(11), 200, 8);
    store.append(events.clone().into()).await.unwrap();
    let saga_ids: BTreeSet<&str> = events.iter().map(|event| event.saga_id.as_str()).collect();
    let states: Vec<SagaState> = saga_ids
        .into_iter()
        .map(|saga_id| folded(&events, saga_id).unwrap())
        .collect();
    let mut deadlines: Vec<Timestamp> = states
        .iter()
        .filter_map(|state| state.most_urgent()?.deadline)
        .collect();
    deadlines.sort_unstable();
    // Some are late then, and some are not.
    let now = deadlines[deadlines.len() / 2];
    let is_stuck = |state: &&SagaState| {
        state
            .awaiting
            .first()
            .and_then(|awaiting| awaiting.deadline)
            .is_some_and(|deadline| deadline < now)
    };
    let expected = Attention {
        stuck: states.iter().filter(is_stuck).count() as u64,
        owing: states
            .iter()
            .filter(|state| !state.outstanding_compensations.is_empty())
            .count() as u64,
        last_failed_at: states
            .iter()
            .filter(|state| state.current_status == SagaStatus::Failed)
            .filter_map(|state| state.ended_at)
            .max(),
    };
    assert!(
        expected.stuck > 0 && expected.owing > 0 && expected.last_failed_at.is_some(),
        "{expected:?}"
    );
    assert_eq!(store.attention(now).await.unwrap(), expected);
}

pub(crate) async fn statistics_of_nothing_are_empty(database: &impl Database) {
    let store = database.store().await;
    assert_eq!(
        store.statistics(&StatisticsQuery::default()).await.unwrap(),
        Statistics::default()
    );
    assert_eq!(
        store.count_by_status().await.unwrap(),
        SagaStatus::ALL.map(|status| (status, 0))
    );
}
