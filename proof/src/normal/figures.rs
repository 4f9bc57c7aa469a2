//! Every figure of Overview, statistics and flow of a day, against plain loops over sagas that come unevenly: busy hours, quiet
//! nights, failures that come together, a rare type.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use fastrand::Rng;
use saga_store::{FlowQuery, Outcomes, Scope, Span, Times, Transition, Width};
use saga_types::{SagaEvent, SagaStatus, SagaType, Step, Timestamp, steps};

use super::{
    Args,
    population::{Clockwork, HOUR, Made},
};
use crate::{
    progress::Progress,
    report::{Report, Table},
};

/// How many sagas start within 32 hours, of which the last 24 are asked for.
const SAGAS: u32 = 100_000;

/// As many sagas as the page and REST read.
const MOST: u32 = 10_000;

struct Saga {
    saga_type: SagaType,
    started: Timestamp,
    status: SagaStatus,
    /// From the first step to the second one, and from that to the last one.
    took_ms: [i64; 2],
}

/// The worst error of figures of one kind.
#[derive(Default)]
struct Worst {
    compared: u64,
    error: f64,
}

impl Worst {
    fn add(&mut self, error: f64) {
        self.compared += 1;
        self.error = self.error.max(error);
    }
}

pub(super) async fn run(args: &Args, progress: &Progress, report: &mut Report) -> Result<()> {
    let mut table = Table::new(
        &format!("Worst errors over {SAGAS} uneven sagas"),
        &["seed and figure", "compared", "worst", "promised"],
    );
    for seed in &args.seeds {
        progress.update(format!("figures, seed {seed}"));
        for (figure, worst, promised) in compare(*seed).await? {
            table.row(
                &format!("{seed}, {figure}"),
                [worst.compared.into(), worst.error.into(), promised.into()],
            );
            report.promise(
                &format!("{figure} (seed {seed})"),
                worst.compared > 0 && worst.error <= promised,
                format!("{:.4}", worst.error),
            );
        }
    }
    report.table(table);
    Ok(())
}

async fn compare(seed: u64) -> Result<Vec<(&'static str, Worst, f64)>> {
    let mut rng = Rng::with_seed(seed);
    let begin = Timestamp::from_millis(1_760_000_000_000)?;
    let (sagas, made) = population(&mut rng, begin)?;
    let mut clockwork = Clockwork::of(&made).await?;
    clockwork.until(Timestamp::MAX).await?;
    // It begins and ends within a minute.
    let last = Timestamp::from_millis(begin.as_millis() + 32 * HOUR - 123_456)?;
    let span = Span::ending_at(last, Width::Hour, 24);
    let (from, to) = span.ends();
    let day: Vec<&Saga> = sagas
        .iter()
        .filter(|saga| from <= saga.started && saga.started <= to)
        .collect();
    let mut counts = Worst::default();
    let mut durations = Worst::default();
    let mut shares = Worst::default();
    let mut times = Worst::default();
    let mut beyond = Worst::default();
    let trends = clockwork.store.trends(&span, &Scope::All).await?;
    for (slot, found) in trends.slots.iter().enumerate() {
        let (start, length) = (span.start_of(slot), span.length_of(slot));
        let of_slot = day
            .iter()
            .filter(|saga| (0..length).contains(&saga.started.millis_since(start)));
        counts.add(difference(found, &by_status(of_slot.copied())));
    }
    for (saga_type, found) in &trends.by_type {
        let of_type: Vec<&Saga> = day
            .iter()
            .copied()
            .filter(|saga| saga.saga_type == *saga_type)
            .collect();
        counts.add(difference(&found.by_status, &by_status(of_type.iter().copied())));
        let failed = of_type
            .iter()
            .filter(|saga| saga.status == SagaStatus::Failed)
            .count();
        counts.add((number(Outcomes::of(&found.by_status).failed) - number(failed as u64)).abs());
        let took = of_type.iter().filter(|saga| saga.status.is_terminal());
        let took = sorted(took.map(|saga| saga.took_ms[0] + saga.took_ms[1]));
        let seconds = found.percentile_seconds.context("no percentiles")?;
        for (found, share) in seconds.into_iter().zip([0.5, 0.95, 0.99]) {
            durations.add((found * 1_000.0 / interpolated(&took, share) - 1.0).abs());
        }
        let query = FlowQuery {
            scope: Scope::All,
            saga_type: saga_type.clone(),
            span,
            service_version: None,
            most: MOST,
            of: None,
        };
        let flow = clockwork.store.flow(&query).await?;
        let all = number(of_type.len() as u64);
        for (step, reached) in [
            (steps::ORDER_CREATED, of_type.len()),
            (steps::PAYMENT_FAILED, failed),
            (
                steps::ORDER_CONFIRMED,
                of_type
                    .iter()
                    .filter(|saga| saga.status == SagaStatus::Completed)
                    .count(),
            ),
        ] {
            let found = flow.share(flow.step(&step).map_or(0, |row| row.sagas));
            shares.add((found - number(reached as u64) / all).abs());
        }
        let first = Transition {
            from: Some(steps::ORDER_CREATED),
            to: steps::STOCK_RESERVATION,
        };
        let found = flow
            .transition(&first)
            .and_then(|row| row.times)
            .context("no times")?;
        let took = sorted(of_type.iter().map(|saga| saga.took_ms[0]));
        compare_times(found, &took, &mut times, &mut beyond);
        if flow.sample.is_all() {
            counts.add((number(flow.sample.sagas) - all).abs());
        }
    }
    Ok(vec![
        ("counts are exact", counts, 0.0),
        ("percentiles of durations are within 5 %", durations, 0.05),
        ("shares of the flow are within a point", shares, 0.01),
        ("p50 and p95 of transitions are within 5 %", times, 0.05),
        (
            "times are within one and a half of the error that is stated for 95 of 100",
            beyond,
            1.5,
        ),
    ])
}

/// Errors, and errors as shares of those that are stated.
fn compare_times(found: Times, took: &[i64], times: &mut Worst, beyond: &mut Worst) {
    for (found, stated, per_mille) in [
        (found.p50_ms, found.p50_error, 500),
        (found.p95_ms, found.p95_error, 950),
    ] {
        let found = millis(found);
        let error = (found - percentile(took, per_mille)).abs() / found;
        times.add(error);
        beyond.add(if error > 0.0 { error / stated } else { 0.0 });
    }
}

fn population(rng: &mut Rng, begin: Timestamp) -> Result<(Vec<Saga>, Vec<Made>)> {
    let (mut sagas, mut made) = (Vec::new(), Vec::new());
    let rare = SagaType::new("LOYALTY")?;
    while sagas.len() < SAGAS as usize {
        let hour = rng.i64(0..32);
        let (is_night, is_busy) = ((10..18).contains(&hour), (20..23).contains(&hour));
        if (is_night && rng.u32(0..40) > 0) || (!is_busy && rng.u32(0..4) > 0) {
            continue;
        }
        let started = Timestamp::from_millis(begin.as_millis() + hour * HOUR + rng.i64(0..HOUR))?;
        let tail = rng.i64(0..1_000);
        let slow = if is_busy { 100_000 } else { 400_000 };
        let status = match rng.u32(0..if is_busy { 5 } else { 40 }) {
            0 => SagaStatus::Failed,
            _ if rng.u32(0..20) == 0 => SagaStatus::InProgress,
            _ => SagaStatus::Completed,
        };
        let saga = Saga {
            saga_type: match rng.u32(0..300) {
                0 => rare.clone(),
                _ => SagaType::ORDER_CREATION,
            },
            started,
            status,
            took_ms: [20 + tail + tail * tail * tail / slow, 50 + rng.i64(0..200)],
        };
        made.push(saga.made(sagas.len())?);
        sagas.push(saga);
    }
    Ok((sagas, made))
}

impl Saga {
    fn made(&self, number: usize) -> Result<Made> {
        let saga_id = format!("saga-{number}");
        let event = |step: Step, status, after: i64| -> Result<SagaEvent> {
            Ok(SagaEvent::new(
                format!("{saga_id}-{step}").parse()?,
                saga_id.parse()?,
                format!("order-of-{saga_id}").parse()?,
                self.saga_type.clone(),
                step,
                status,
                Timestamp::from_millis(self.started.as_millis() + after)?,
            ))
        };
        let [first, second] = self.took_ms;
        let mut events = vec![
            event(steps::ORDER_CREATED, SagaStatus::Started, 0)?,
            event(steps::STOCK_RESERVATION, SagaStatus::InProgress, first)?,
        ];
        match self.status {
            SagaStatus::Completed => {
                events.push(event(steps::ORDER_CONFIRMED, self.status, first + second)?);
            }
            SagaStatus::Failed => events.push(event(steps::PAYMENT_FAILED, self.status, first + second)?),
            _ => {}
        }
        Ok(Made {
            saga_id,
            events,
            ended_at: None,
            stalled_at: None,
        })
    }
}

fn by_status<'a>(sagas: impl Iterator<Item = &'a Saga>) -> BTreeMap<SagaStatus, u64> {
    let mut counted = BTreeMap::new();
    for saga in sagas {
        *counted.entry(saga.status).or_default() += 1;
    }
    counted
}

/// The greatest difference of a count.
fn difference(found: &BTreeMap<SagaStatus, u64>, truth: &BTreeMap<SagaStatus, u64>) -> f64 {
    let count = |counts: &BTreeMap<SagaStatus, u64>, status| counts.get(&status).copied().unwrap_or(0);
    let differences = SagaStatus::ALL.map(|status| count(found, status).abs_diff(count(truth, status)));
    number(differences.into_iter().max().unwrap_or(0))
}

fn sorted(millis: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut sorted: Vec<i64> = millis.collect();
    sorted.sort_unstable();
    sorted
}

fn percentile(sorted: &[i64], per_mille: usize) -> f64 {
    let rank = (sorted.len() * per_mille).div_ceil(1_000);
    millis(sorted[rank.max(1) - 1])
}

/// Between the two nearest of them, as statistics give it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in the list"
)]
fn interpolated(sorted: &[i64], share: f64) -> f64 {
    let place = share * number(sorted.len() as u64 - 1);
    let at = |place: f64| millis(sorted[place as usize]);
    let below = at(place.floor());
    below + (at(place.ceil()) - below) * place.fract()
}

#[expect(clippy::cast_precision_loss, reason = "some thousand sagas")]
fn number(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "some minutes")]
fn millis(millis: i64) -> f64 {
    millis as f64
}
