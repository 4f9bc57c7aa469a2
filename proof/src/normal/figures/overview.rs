//! Figures of Overview and statistics.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use saga_store::{FailureGroupsQuery, Outcomes, Scope, Statistics, StatisticsQuery, Store};
use saga_types::{SagaStatus, SagaType, fold::parts_of_failure_group};

use super::{
    Compared, Day,
    sagas::{REASONS, Saga},
    worst::{Worst, number, sorted},
};

/// Percentiles of fewer sagas say little.
const FEW: usize = 20;

pub(super) async fn compare(store: &dyn Store, day: &Day<'_>) -> Result<Vec<Compared>> {
    let [mut by_slot, mut by_type, mut rates, mut average] = std::array::from_fn(|_| Worst::default());
    let [mut durations, mut along, mut groups] = std::array::from_fn(|_| Worst::default());
    let trends = store.trends(&day.span, &Scope::All).await?;
    let lines = store.durations(&day.span, &Scope::All).await?;
    for (slot, found) in trends.slots.iter().enumerate() {
        let (start, length) = (day.span.start_of(slot), day.span.length_of(slot));
        let of_slot = day
            .sagas
            .iter()
            .filter(|saga| (0..length).contains(&saga.started.millis_since(start)));
        let of_slot: Vec<&Saga> = of_slot.copied().collect();
        by_slot.add_counts(found, &by_status(&of_slot));
        let took = took(&of_slot);
        if took.len() >= FEW {
            let found = lines[slot].context("no durations of a slot")?;
            for (seconds, share) in found.into_iter().zip([0.5, 0.95]) {
                along.add_percentile(seconds * 1_000.0, &took, share);
            }
        }
    }
    for (saga_type, found) in &trends.by_type {
        let sagas = of_type(day, Some(saga_type));
        by_type.add_counts(&found.by_status, &by_status(&sagas));
        let outcomes = Outcomes::of(&found.by_status);
        by_type.add_count(outcomes.failed, failed(&sagas));
        for (seconds, share) in percentiles(found)?.into_iter().zip([0.5, 0.95, 0.99]) {
            durations.add_percentile(seconds * 1_000.0, &took(&sagas), share);
        }
    }
    for saga_type in [None, Some(SagaType::ORDER_CREATION)] {
        let (from, to) = day.span.ends();
        let query = StatisticsQuery {
            saga_type: saga_type.clone(),
            from: Some(from),
            to: Some(to),
            ..StatisticsQuery::default()
        };
        let found = store.statistics(&query).await?;
        let sagas = of_type(day, saga_type.as_ref());
        by_type.add_count(found.total, sagas.len() as u64);
        by_type.add_counts(&found.by_status, &by_status(&sagas));
        let outcomes = Outcomes::of(&found.by_status);
        let compensated = sagas.iter().filter(|saga| saga.status == SagaStatus::Compensated);
        let (failed, compensated) = (number(failed(&sagas)), number(compensated.count() as u64));
        rates.add((outcomes.failure_rate() - failed / number(sagas.len() as u64)).abs());
        rates.add((outcomes.compensation_rate() - compensated / failed).abs());
        let took = took(&sagas);
        let mean = number(took.iter().sum::<i64>().unsigned_abs()) / number(took.len() as u64);
        let found_mean = found.average_seconds.context("no average")? * 1_000.0;
        average.add((found_mean / mean - 1.0).abs());
        for (seconds, share) in percentiles(&found)?.into_iter().zip([0.5, 0.95, 0.99]) {
            durations.add_percentile(seconds * 1_000.0, &took, share);
        }
    }
    compare_groups(store, day, &mut groups).await?;
    Ok(vec![
        ("Overview: counts of slots by status are exact", by_slot, 0.0),
        (
            "Overview and statistics: counts of types by status are exact",
            by_type,
            0.0,
        ),
        (
            "statistics: rates of failure and compensation are exact",
            rates,
            1e-9,
        ),
        (
            "statistics: average durations are exact to a thousandth",
            average,
            0.001,
        ),
        (
            "Overview and statistics: p50, p95 and p99 of durations are within 5 %",
            durations,
            0.05,
        ),
        ("Overview: p50 and p95 along time are within 5 %", along, 0.05),
        (
            "Overview: groups of failures, now and before, are exact",
            groups,
            0.0,
        ),
    ])
}

async fn compare_groups(store: &dyn Store, day: &Day<'_>, worst: &mut Worst) -> Result<()> {
    let (from, to) = day.span.ends();
    let query = FailureGroupsQuery {
        scope: Scope::All,
        saga_type: None,
        from,
        to,
        against: None,
        parts: 24,
    };
    let found = store.failure_groups(&query).await?;
    worst.add_count(found.now.started, day.sagas.len() as u64);
    worst.add_count(found.now.failed, failed(&day.sagas));
    worst.add_count(found.before.started, day.before.len() as u64);
    worst.add_count(found.before.failed, failed(&day.before));
    for reason in REASONS {
        let group = found
            .groups
            .iter()
            .find(|group| parts_of_failure_group(&group.name).1 == Some(reason));
        let group = group.with_context(|| format!("no group of {reason}"))?;
        worst.add_count(group.now, failed_by(&day.sagas, reason));
        worst.add_count(group.before, failed_by(&day.before, reason));
        worst.add_count(group.parts.iter().sum(), failed_by(&day.sagas, reason));
    }
    Ok(())
}

fn of_type<'a>(day: &Day<'a>, saga_type: Option<&SagaType>) -> Vec<&'a Saga> {
    let is_of_type = |saga: &&&Saga| saga_type.is_none_or(|saga_type| saga.saga_type == *saga_type);
    day.sagas.iter().filter(is_of_type).copied().collect()
}

fn by_status(sagas: &[&Saga]) -> BTreeMap<SagaStatus, u64> {
    let mut counted = BTreeMap::new();
    for saga in sagas {
        *counted.entry(saga.status).or_default() += 1;
    }
    counted
}

fn failed(sagas: &[&Saga]) -> u64 {
    sagas.iter().filter(|saga| saga.has_failed()).count() as u64
}

fn failed_by(sagas: &[&Saga], reason: &str) -> u64 {
    let failed = sagas
        .iter()
        .filter(|saga| saga.has_failed() && saga.reason == reason);
    failed.count() as u64
}

fn took(sagas: &[&Saga]) -> Vec<i64> {
    sorted(sagas.iter().filter_map(|saga| saga.duration_ms()))
}

fn percentiles(found: &Statistics) -> Result<[f64; 3]> {
    found.percentile_seconds.context("no percentiles")
}
