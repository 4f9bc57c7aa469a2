//! The events on a line of time, in a lane for each service. Long silences are folded and say how long they were, so that
//! the work between them stays readable.

use saga_types::{Metadata, SagaStatus, steps};
use svg::{
    Document,
    node::element::{Circle, Group, Line, Path, Rectangle, Text, Title},
};

use crate::ui::humanize::length;
use saga_store::StoredStep;

/// All lengths are in the units of the drawing.
const LABELS: f64 = 170.0;
const WIDTH: f64 = 1_000.0;
const LANE: f64 = 34.0;
const TOP: f64 = 26.0;
/// The least distance between two events that did not happen at the same moment.
const STEP: f64 = 16.0;
const FOLD: f64 = 64.0;
/// A silence this many times as long as the usual one is folded.
const UNUSUAL: i64 = 12;
/// And it must be at least so long, in milliseconds.
const SILENCE_MS: i64 = 1_000;
/// More events than this are no picture any more.
const MOST_EVENTS: usize = 120;
const MOST_LANES: usize = 24;

pub(super) struct Timeline {
    pub(super) svg: String,
    /// How many of the events the picture shows.
    pub(super) shown: usize,
    pub(super) is_whole: bool,
}

impl Timeline {
    /// `None` when there is nothing to compare.
    pub(super) fn of(steps: &[StoredStep]) -> Option<Self> {
        let shown = &steps[..steps.len().min(MOST_EVENTS)];
        if shown.len() < 2 {
            return None;
        }
        let lanes = lanes(shown);
        let places = Places::of(shown);
        let height = TOP + LANE * precise(lanes.len()) + 10.0;
        let width = WIDTH.max(places.width + LABELS + 40.0);
        let mut drawing = Document::new()
            .set("viewBox", (0, 0, width, height))
            .set("width", width)
            .set("height", height)
            .set("role", "img")
            .set(
                "aria-label",
                "Events by service along time; the table below has the same",
            );
        for (place, lane) in lanes.iter().enumerate() {
            drawing = drawing.add(lane_line(lane, center(place), width));
        }
        for fold in &places.folds {
            drawing = drawing.add(silence(fold, height));
        }
        for (step, x) in shown.iter().zip(&places.x) {
            let lane = lanes
                .iter()
                .position(|lane| lane == service(step))
                .unwrap_or(lanes.len() - 1);
            drawing = drawing.add(mark(step, LABELS + x, center(lane)));
        }
        Some(Self {
            svg: drawing.to_string(),
            shown: shown.len(),
            is_whole: shown.len() == steps.len(),
        })
    }
}

/// Whether an operator set the status here, and not an event of the topic.
pub(super) fn is_corrected(step: &StoredStep) -> bool {
    step.step == steps::MANUAL_STATUS_OVERRIDE
        && step.metadata.as_ref().and_then(Metadata::corrected_via).is_some()
}

/// Who recorded a step, as far as it is known.
pub(super) fn service(step: &StoredStep) -> &str {
    let unnamed = match is_corrected(step) {
        true => "by hand",
        false => "unnamed",
    };
    step.producer_service.as_deref().unwrap_or(unnamed)
}

/// The services in the order of their first event; the last lane takes all that are too many.
fn lanes(steps: &[StoredStep]) -> Vec<String> {
    let mut lanes: Vec<String> = Vec::new();
    for step in steps {
        if !lanes.iter().any(|lane| lane == service(step)) {
            lanes.push(service(step).to_owned());
        }
    }
    if lanes.len() > MOST_LANES {
        lanes.truncate(MOST_LANES);
        lanes.push("other services".to_owned());
    }
    lanes
}

/// Where each event stands.
struct Places {
    x: Vec<f64>,
    folds: Vec<Silence>,
    width: f64,
}

struct Silence {
    from: f64,
    millis: i64,
}

impl Places {
    fn of(steps: &[StoredStep]) -> Self {
        let gaps: Vec<i64> = steps
            .windows(2)
            .map(|pair| pair[1].recorded_at.millis_since(pair[0].recorded_at))
            .collect();
        let limit = unusual(&gaps);
        let worked: i64 = gaps.iter().filter(|gap| **gap < limit).sum();
        let fixed: f64 = gaps
            .iter()
            .map(|gap| if *gap < limit { least(*gap) } else { FOLD })
            .sum();
        let free = (WIDTH - LABELS - 60.0 - fixed).max(0.0);
        let mut places = Self {
            x: vec![12.0],
            folds: Vec::new(),
            width: 12.0,
        };
        for gap in gaps {
            if gap >= limit {
                places.folds.push(Silence {
                    from: LABELS + places.width,
                    millis: gap,
                });
                places.width += FOLD;
            } else {
                places.width += least(gap) + free * share(gap, worked);
            }
            places.x.push(places.width);
        }
        places
    }
}

fn least(gap: i64) -> f64 {
    if gap == 0 { 4.0 } else { STEP }
}

fn share(gap: i64, worked: i64) -> f64 {
    if worked == 0 {
        0.0
    } else {
        precise_ms(gap) / precise_ms(worked)
    }
}

/// From here on a silence is folded: many times the middle one.
fn unusual(gaps: &[i64]) -> i64 {
    let mut sorted: Vec<i64> = gaps.iter().copied().filter(|gap| *gap > 0).collect();
    sorted.sort_unstable();
    let middle = sorted.get(sorted.len() / 2).copied().unwrap_or(SILENCE_MS);
    if sorted.len() < 3 {
        return i64::MAX;
    }
    (middle * UNUSUAL).max(SILENCE_MS)
}

fn center(lane: usize) -> f64 {
    TOP + LANE * precise(lane) + LANE / 2.0
}

fn lane_line(name: &str, y: f64, width: f64) -> Group {
    const MOST_CHARS: usize = 22;
    let mut label: String = name.chars().take(MOST_CHARS).collect();
    if label.len() < name.len() {
        label.push('…');
    }
    Group::new()
        .add(
            Line::new()
                .set("class", "lane")
                .set("x1", LABELS)
                .set("x2", width)
                .set("y1", y)
                .set("y2", y),
        )
        .add(
            Text::new(label)
                .set("class", "lane-name")
                .set("x", 4)
                .set("y", y + 4.0)
                .add(Title::new(name)),
        )
}

/// A break in the line of time.
fn silence(fold: &Silence, height: f64) -> Group {
    let middle = fold.from + FOLD / 2.0;
    let zigzag = format!("M{middle} {TOP} l4 8 l-8 8 l8 8 l-4 8 V{}", height - 6.0);
    Group::new()
        .add(
            Rectangle::new()
                .set("class", "silence")
                .set("x", fold.from + 12.0)
                .set("y", TOP - 4.0)
                .set("width", FOLD - 24.0)
                .set("height", height - TOP),
        )
        .add(Path::new().set("class", "silence-line").set("d", zigzag))
        .add(
            Text::new(length(fold.millis))
                .set("class", "silence-length")
                .set("x", middle)
                .set("y", TOP - 10.0),
        )
}

/// Each status has a shape of its own.
fn mark(step: &StoredStep, x: f64, y: f64) -> Group {
    let title = Title::new(format!("{} {} at {}", step.step, step.status, step.recorded_at));
    let group = Group::new().add(title);
    match step.status {
        SagaStatus::Failed => group.add(
            Path::new()
                .set("class", "mark failed")
                .set("d", format!("M{} {} l10 10 m0 -10 l-10 10", x - 5.0, y - 5.0)),
        ),
        SagaStatus::Compensated => group.add(
            Path::new()
                .set("class", "mark compensated")
                .set("d", format!("M{x} {} l6 6 l-6 6 l-6 -6 Z", y - 6.0)),
        ),
        SagaStatus::Completed => group.add(
            Circle::new()
                .set("class", "mark completed")
                .set("cx", x)
                .set("cy", y)
                .set("r", 5.5),
        ),
        SagaStatus::Started | SagaStatus::InProgress => group.add(
            Circle::new()
                .set("class", "mark in-progress")
                .set("cx", x)
                .set("cy", y)
                .set("r", 5),
        ),
    }
}

fn precise(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a drawing needs no more than a double's 53 bits"
)]
fn precise_ms(millis: i64) -> f64 {
    millis as f64
}
