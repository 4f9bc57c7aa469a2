//! Figures of the flow.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use saga_store::{FlowQuery, Scope, Store, Transition};
use saga_types::{SagaType, Step};

use super::{
    Compared, Day, MOST,
    sagas::Saga,
    worst::{Worst, number, sorted},
};

/// What plain loops say.
#[derive(Default)]
struct Counted {
    reached: BTreeMap<Step, u64>,
    last: BTreeMap<Step, u64>,
    made: BTreeMap<Transition, Vec<i64>>,
}

pub(super) async fn compare(store: &dyn Store, day: &Day<'_>) -> Result<Vec<Compared>> {
    let [mut totals, mut shares, mut times, mut beyond] = std::array::from_fn(|_| Worst::default());
    let mut types: Vec<&SagaType> = day.sagas.iter().map(|saga| &saga.saga_type).collect();
    types.sort();
    types.dedup();
    for saga_type in types {
        let query = FlowQuery {
            scope: Scope::All,
            saga_type: saga_type.clone(),
            span: day.span,
            service_version: None,
            most: MOST,
            of: None,
        };
        let flow = store.flow(&query).await?;
        let sagas: Vec<&&Saga> = day
            .sagas
            .iter()
            .filter(|saga| saga.saga_type == *saga_type)
            .collect();
        let counted = Counted::of(&sagas);
        let all = number(sagas.len() as u64);
        totals.add_count(flow.sample.of, sagas.len() as u64);
        for (step, reached) in &counted.reached {
            let row = flow.step(step).with_context(|| format!("no row of {step}"))?;
            shares.add((flow.share(row.sagas) - number(*reached) / all).abs());
            let last = counted.last.get(step).copied().unwrap_or(0);
            shares.add((flow.share(row.last) - number(last) / all).abs());
            let into = counted
                .made
                .iter()
                .filter(|(transition, _)| transition.to == *step && transition.from.is_some());
            let waits = sorted(into.flat_map(|(_, took)| took.iter().copied()));
            if let Some(found) = row.wait {
                times.add_times(found, &waits, &mut beyond);
            }
        }
        for (transition, took) in &counted.made {
            let row = flow.transition(transition).context("no row of a transition")?;
            shares.add((flow.share(row.sagas) - number(took.len() as u64) / all).abs());
            if let Some(found) = row.times {
                times.add_times(found, &sorted(took.iter().copied()), &mut beyond);
            }
        }
    }
    Ok(vec![
        ("Flow: totals are exact", totals, 0.0),
        (
            "Flow: shares of steps and transitions are within a point",
            shares,
            0.01,
        ),
        (
            "Flow: p50 and p95 of steps and transitions are within 5 %",
            times,
            0.05,
        ),
        (
            "Flow: times are within twice the error that is stated for 95 of 100",
            beyond,
            2.0,
        ),
    ])
}

impl Counted {
    fn of(sagas: &[&&Saga]) -> Self {
        let mut counted = Self::default();
        for saga in sagas {
            let mut before: Option<(Step, i64)> = None;
            for (step, _, after) in saga.path() {
                *counted.reached.entry(step.clone()).or_default() += 1;
                let took = before.as_ref().map_or(0, |(_, before)| after - before);
                let transition = Transition {
                    from: before.map(|(before, _)| before),
                    to: step.clone(),
                };
                counted.made.entry(transition).or_default().push(took);
                before = Some((step, after));
            }
            if let Some((last, _)) = before {
                *counted.last.entry(last).or_default() += 1;
            }
        }
        counted
    }
}
