//! The observed flow of sagas, free of SQL: which step came after which, how often, and how long that took.
//!
//! Rule of thumb: what is read is bounded three times, by the sagas, by the steps of each, and by the period. All sagas of
//! the period are read as long as they are not too many; of more, each one has the same chance to be read, so that busy
//! hours count for more than quiet ones, and who shows the figures says of how many sagas they are and how far off.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
};

use saga_types::{SagaId, SagaStatus, SagaType, Step, Timestamp};

use super::{Corrupt, Scope, Span, StoreError, columns::Moment, table::Keyed};

/// Which sagas are read.
#[derive(Debug, Clone)]
pub struct FlowQuery {
    /// The types that the reader may see.
    pub scope: Scope,
    /// Of this type.
    pub saga_type: SagaType,
    /// Started within this period.
    pub span: Span,
    /// All of them, or when there are more a sample of about so many.
    pub most: u32,
    /// Name the sagas that made this transition.
    pub of: Option<Transition>,
}

impl FlowQuery {
    /// Of each saga only the first steps are read: an endless retry loop adds nothing new.
    pub const STEPS: u32 = 50;

    /// How many sagas of a transition are named, the newest.
    pub const NAMED: usize = 20;

    /// How many sagas' steps are read at once.
    pub(super) const CHUNK: usize = 500;

    /// Each saga has a number below this, which its id or its place in the table gives; those below a limit are the sample.
    pub(super) const DRAWS: i64 = 65_536;

    /// The limit below which the numbers of about [`FlowQuery::most`] sagas of so many are; all of them are below
    /// [`FlowQuery::DRAWS`].
    pub(super) fn drawn_below(&self, total: u64) -> i64 {
        let most = u64::from(self.most);
        if total <= most {
            return Self::DRAWS;
        }
        let below = most.saturating_mul(Self::DRAWS.unsigned_abs()).div_ceil(total);
        below.cast_signed()
    }
}

/// From a step to the one that was recorded next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transition {
    /// None before the first step.
    pub from: Option<Step>,
    /// The next one.
    pub to: Step,
}

/// The outcome of a transition: the status of the step that it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeKind {
    /// The saga went on.
    Forward,
    /// Something failed.
    Failing,
    /// Something was undone.
    Compensating,
}

impl From<SagaStatus> for EdgeKind {
    fn from(status: SagaStatus) -> Self {
        match status {
            SagaStatus::Failed => Self::Failing,
            SagaStatus::Compensated => Self::Compensating,
            SagaStatus::Started | SagaStatus::InProgress | SagaStatus::Completed => Self::Forward,
        }
    }
}

/// The observed flow of some sagas.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flow {
    /// How many sagas were read.
    pub sagas: u64,
    /// How many there are.
    pub of: u64,
    /// The steps, by name.
    pub nodes: BTreeMap<Step, FlowNode>,
    /// What came after what.
    pub edges: BTreeMap<Transition, FlowEdge>,
    /// Sagas that made the transition asked for, the newest first.
    pub named: Vec<SagaId>,
}

impl Flow {
    /// How far a share of the sagas that were read is off the share of all of them at the most, in 95 of 100 samples: the
    /// distance at a share of one half, where it is greatest. 0 when all sagas were read.
    #[must_use]
    pub fn share_error(&self) -> f64 {
        if self.sagas == 0 || self.of <= self.sagas {
            return 0.0;
        }
        let (read, all) = (count(self.sagas), count(self.of));
        1.96 * (0.25 / read * (1.0 - read / all)).sqrt()
    }
}

#[expect(clippy::cast_precision_loss, reason = "no database holds 2^52 sagas")]
fn count(sagas: u64) -> f64 {
    sagas as f64
}

/// A step of the flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlowNode {
    /// How many sagas recorded it.
    pub sagas: u64,
    /// How often.
    pub events: u64,
    /// For how many of them it was the last step that was recorded so far.
    pub last: u64,
}

/// How sagas made a transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowEdge {
    /// How many sagas made it.
    pub sagas: u64,
    /// How often.
    pub count: u64,
    /// What it most often led to.
    pub kind: EdgeKind,
    /// The middle one of the times it took, in milliseconds; none before the first step.
    pub median_ms: Option<i64>,
    /// The time that 95 of 100 did not exceed.
    pub p95_ms: Option<i64>,
}

/// A step as an adapter reads it.
#[derive(sqlx::FromRow)]
pub(super) struct FlowStep {
    saga_id: String,
    step: String,
    status: String,
    recorded_at: Moment,
}

impl Keyed for FlowStep {
    const NAME: &'static str = "saga_steps";
    const KEY: &'static [&'static str] = &["saga_id"];
}

impl FlowStep {
    fn corrupt(&self, column: &str, cause: impl Error + Send + Sync + 'static) -> Corrupt {
        let row = format!("{} {}", self.saga_id, self.recorded_at.0);
        Corrupt::new(Self::NAME, column, row, cause)
    }
}

#[derive(Default)]
struct Measured {
    sagas: u64,
    kinds: BTreeMap<EdgeKind, u64>,
    took_ms: Vec<i64>,
    count: u64,
}

/// Adds up steps as they are read.
pub(super) struct Gathering<'a> {
    query: &'a FlowQuery,
    flow: Flow,
    transitions: BTreeMap<Transition, Measured>,
}

impl<'a> Gathering<'a> {
    pub(super) fn new(query: &'a FlowQuery, total: u64) -> Self {
        Self {
            query,
            flow: Flow {
                of: total,
                ..Flow::default()
            },
            transitions: BTreeMap::new(),
        }
    }

    /// All that was read of some sagas: it comes saga by saga, each saga's steps in their order, the newest saga first.
    pub(super) fn add(&mut self, steps: &[FlowStep]) -> Result<(), StoreError> {
        for saga in steps.chunk_by(|before, step| before.saga_id == step.saga_id) {
            follow(self.query, &mut self.flow, &mut self.transitions, saga)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Flow {
        let mut flow = self.flow;
        flow.edges = self
            .transitions
            .into_iter()
            .map(|(transition, measured)| (transition, measured.finish()))
            .collect();
        // A saga that came while the total was being counted.
        flow.of = flow.of.max(flow.sagas);
        flow
    }
}

/// Adds the steps of one saga.
fn follow(
    query: &FlowQuery,
    flow: &mut Flow,
    transitions: &mut BTreeMap<Transition, Measured>,
    steps: &[FlowStep],
) -> Result<(), StoreError> {
    let Some(last) = steps.last() else { return Ok(()) };
    flow.sagas += 1;
    let (mut seen, mut passed) = (BTreeSet::new(), BTreeSet::new());
    let mut before: Option<(Step, Timestamp)> = None;
    for step in steps {
        let name = Step::from_wire(step.step.as_str()).map_err(|error| step.corrupt("step", error))?;
        let status: SagaStatus = step
            .status
            .parse()
            .map_err(|error| step.corrupt("status", error))?;
        let took_ms = before
            .as_ref()
            .map(|(_, at)| step.recorded_at.0.millis_since(*at));
        let transition = Transition {
            from: before.map(|(step, _)| step),
            to: name.clone(),
        };
        let node = flow.nodes.entry(name.clone()).or_default();
        node.events += 1;
        node.sagas += u64::from(seen.insert(name.clone()));
        let measured = transitions.entry(transition.clone()).or_default();
        measured.count += 1;
        measured.took_ms.extend(took_ms);
        *measured.kinds.entry(status.into()).or_default() += 1;
        measured.sagas += u64::from(passed.insert(transition));
        before = Some((name, step.recorded_at.0));
    }
    if let Some(node) = before.and_then(|(step, _)| flow.nodes.get_mut(&step)) {
        node.last += 1;
    }
    if flow.named.len() < FlowQuery::NAMED && query.of.as_ref().is_some_and(|of| passed.contains(of)) {
        flow.named.push(
            last.saga_id
                .parse()
                .map_err(|error| last.corrupt("saga_id", error))?,
        );
    }
    Ok(())
}

impl Measured {
    fn finish(mut self) -> FlowEdge {
        self.took_ms.sort_unstable();
        let most_often = self.kinds.iter().max_by_key(|(_, count)| **count);
        FlowEdge {
            sagas: self.sagas,
            count: self.count,
            kind: most_often.map_or(EdgeKind::Forward, |(kind, _)| *kind),
            median_ms: percentile(&self.took_ms, 50),
            p95_ms: percentile(&self.took_ms, 95),
        }
    }
}

/// The smallest of them that so many of 100 do not exceed.
fn percentile(sorted: &[i64], share: usize) -> Option<i64> {
    let rank = (sorted.len() * share).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Width;

    #[test]
    fn a_sample_is_drawn_only_when_there_are_more_than_asked_for() {
        let query = FlowQuery {
            scope: Scope::All,
            saga_type: SagaType::ORDER_CREATION,
            span: Span::ending_with(Timestamp::MAX, Width::Hour, 1),
            most: 600,
            of: None,
        };
        assert_eq!(query.drawn_below(0), FlowQuery::DRAWS);
        assert_eq!(query.drawn_below(600), FlowQuery::DRAWS);
        assert_eq!(query.drawn_below(717), 54_842);
        assert_eq!(query.drawn_below(1_200), FlowQuery::DRAWS / 2);
        assert_eq!(query.drawn_below(u64::MAX), 1);
    }

    #[test]
    fn the_error_of_a_share_is_that_of_the_sample() {
        let error = |sagas, of| {
            let flow = Flow {
                sagas,
                of,
                ..Flow::default()
            };
            flow.share_error()
        };
        assert!(error(0, 0).abs() < f64::EPSILON && error(600, 600).abs() < f64::EPSILON);
        assert!((error(10_000, u64::MAX) - 0.0098).abs() < 1e-6);
        assert!((error(10_000, 20_000) - 0.0098 / 2_f64.sqrt()).abs() < 1e-6);
    }
}
