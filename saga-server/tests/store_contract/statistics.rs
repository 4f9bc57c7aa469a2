//! Counts and durations against a plain loop over the sagas.

use std::collections::BTreeSet;

use saga_server::store::{Attention, Statistics, StatisticsQuery};
use saga_types::{SagaEvent, SagaStatus, SagaType, Timestamp, fold::SagaState};

use super::{
    Database,
    events::{Random, at, folded, random_events},
};

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
    let is_close = |left: f64, right: f64| (left - right).abs() < 1e-9;
    assert_eq!(
        (found.total, &found.by_status, &found.by_type),
        (expected.total, &expected.by_status, &expected.by_type)
    );
    let average = found.average_seconds.zip(expected.average_seconds);
    assert!(
        average.map_or(
            found.average_seconds == expected.average_seconds,
            |(found, expected)| is_close(found, expected)
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
        assert!(is_close(*found, *expected), "{found} is not {expected}");
    }
}

pub(crate) async fn statistics_are_those_of_the_sagas(database: &impl Database) {
    let store = database.store().await;
    let events = random_events(&mut Random::seeded(17), 120, 12);
    store.append(events.clone()).await.unwrap();
    let all = StatisticsQuery::default();
    for query in [
        all.clone(),
        StatisticsQuery {
            saga_type: Some(SagaType::ORDER_CREATION),
            ..all.clone()
        },
        StatisticsQuery {
            from: Some(at(600)),
            ..all.clone()
        },
        StatisticsQuery {
            to: Some(at(1_200)),
            ..all.clone()
        },
        StatisticsQuery {
            from: Some(at(600)),
            to: Some(at(609)),
            ..all
        },
    ] {
        let expected = counted(&events, &query);
        assert!(expected.total > 0);
        assert_same(&store.statistics(&query).await.unwrap(), &expected);
    }
    let expected = counted(&events, &StatisticsQuery::default());
    for (status, count) in store.count_by_status().await.unwrap() {
        assert_eq!(
            count,
            expected.by_status.get(&status).copied().unwrap_or_default(),
            "{status}"
        );
    }
}

pub(crate) async fn what_needs_attention_is_counted_from_the_sagas(database: &impl Database) {
    let store = database.store().await;
    assert_eq!(store.attention(at(0)).await.unwrap(), Attention::default());
    let events = random_events(&mut Random::seeded(11), 200, 8);
    store.append(events.clone()).await.unwrap();
    let saga_ids: BTreeSet<&str> = events.iter().map(|event| event.saga_id.as_str()).collect();
    let states: Vec<SagaState> = saga_ids
        .into_iter()
        .map(|saga_id| folded(&events, saga_id).unwrap())
        .collect();
    let mut deadlines: Vec<Timestamp> = states
        .iter()
        .filter_map(|state| state.awaiting.first()?.deadline)
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
