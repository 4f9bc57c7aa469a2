//! The shapes of a row: paths within a drawing of 1000 by 20 that is stretched to its cell, with lines that keep their width.

use saga_types::SagaStatus;

use super::{Lane, Scale, Span, Tick};
use crate::ui::saga::waterfall::scale::WIDTH;

/// However short something was, so much of it is seen.
const LEAST: i64 = 2;

/// The marks of one look.
pub(in crate::ui::saga) struct Marks {
    pub(in crate::ui::saga) class: &'static str,
    pub(in crate::ui::saga) path: String,
}

/// A row.
#[derive(Default)]
pub(in crate::ui::saga) struct Drawing {
    pub(in crate::ui::saga) grid: String,
    pub(in crate::ui::saga) limit: Option<String>,
    pub(in crate::ui::saga) waits: String,
    pub(in crate::ui::saga) works: String,
    /// What is still waited for.
    pub(in crate::ui::saga) open: Option<String>,
    pub(in crate::ui::saga) marks: Vec<Marks>,
}

/// What all rows have.
pub(in crate::ui::saga) struct Grid {
    lines: String,
    limit: Option<String>,
}

impl Grid {
    pub(in crate::ui::saga) fn new(ticks: &[Tick], limit: Option<i64>) -> Self {
        Self {
            lines: ticks.iter().map(|tick| format!("M{} 0V20", tick.x)).collect(),
            limit: limit.map(|x| format!("M{x} 0V20")),
        }
    }
}

impl Drawing {
    pub(in crate::ui::saga) fn of(lane: &Lane, scale: &Scale, grid: &Grid) -> Self {
        Self {
            waits: lines(&lane.waits, scale),
            works: lines(&lane.works, scale),
            marks: marks(lane, scale),
            ..Self::empty(grid)
        }
    }

    pub(in crate::ui::saga) fn open(wait: Span, scale: &Scale, grid: &Grid) -> Self {
        Self {
            open: Some(lines(&[wait], scale)),
            ..Self::empty(grid)
        }
    }

    fn empty(grid: &Grid) -> Self {
        Self {
            grid: grid.lines.clone(),
            limit: grid.limit.clone(),
            ..Self::default()
        }
    }
}

fn lines(spans: &[Span], scale: &Scale) -> String {
    spans
        .iter()
        .map(|span| {
            let to = scale.x(span.to).max(LEAST);
            let from = scale.x(span.from).min(to - LEAST);
            format!("M{from} 10H{to}")
        })
        .collect()
}

/// One for each place: of very many events, those that would cover each other are drawn once.
fn marks(lane: &Lane, scale: &Scale) -> Vec<Marks> {
    let kinds = [
        ("failed", Some(SagaStatus::Failed)),
        ("compensated", Some(SagaStatus::Compensated)),
        ("done", None),
    ];
    let of = |(class, kind): (&'static str, Option<SagaStatus>)| {
        let is_of = |status: SagaStatus| match kind {
            Some(kind) => status == kind,
            None => !matches!(status, SagaStatus::Failed | SagaStatus::Compensated),
        };
        let events = lane.events.iter().filter(|event| is_of(event.status));
        let mut places: Vec<i64> = events
            .map(|event| scale.x(event.recorded_at).min(WIDTH - 1))
            .collect();
        places.dedup_by_key(|x| *x / LEAST);
        Marks {
            class,
            path: places.iter().map(|x| format!("M{x} 3V17")).collect(),
        }
    };
    let marks = kinds.map(of).into_iter();
    marks.filter(|marks| !marks.path.is_empty()).collect()
}
