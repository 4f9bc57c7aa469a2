//! Durations along the slots of a period, as lines below the bars of the same slots.

use askama::Template;
use saga_store::{SlotDurations, Span};
use saga_types::Timestamp;

use super::{
    humanize::{length, precise, seconds},
    markers::Markers,
    plot::{AREA, Area, tenths},
    ticks::{ROUND_MS, Ticks},
};

/// The lines, by class and name.
pub(super) const LINES: [(&str, &str); 2] = [("p50", "p50"), ("p95", "p95")];

/// How high the drawing is.
const BOTTOM: f64 = 116.0;

/// Two percentiles along time.
#[derive(Template)]
#[template(path = "lines.html")]
pub(super) struct Lines {
    /// Heights with a name.
    names: Vec<(f64, String)>,
    /// Class and path.
    paths: Vec<(&'static str, String)>,
    slots: Vec<Slot>,
    markers: Markers,
    area: Area,
    ends: (Timestamp, Timestamp),
}

struct Slot {
    left: f64,
    width: f64,
    title: String,
}

impl Lines {
    /// None when no saga of the period has ended.
    pub(super) fn of(durations: &[SlotDurations], span: &Span, markers: Markers) -> Option<Self> {
        let highest = durations
            .iter()
            .flatten()
            .flatten()
            .copied()
            .fold(0.0, f64::max)
            .max(0.001);
        if durations.iter().all(Option::is_none) {
            return None;
        }
        let area = Area {
            bottom: BOTTOM,
            ..AREA
        };
        let width = (area.right - area.left) / precise(durations.len().max(1));
        let y = |seconds: f64| tenths(area.bottom - (area.bottom - area.top) * seconds / (highest * 1.05));
        let left = |slot: usize| area.left + precise(slot) * width;
        let line = |place: usize| {
            let points = durations.iter().enumerate();
            let points = points
                .map(|(slot, both)| both.map(|both| (tenths(left(slot) + width / 2.0), y(both[place]))));
            path(points)
        };
        let ticks = Ticks::of(span);
        let slots = durations.iter().enumerate().filter_map(|(slot, both)| {
            let [p50, p95] = both.as_ref()?.map(seconds);
            Some(Slot {
                left: tenths(left(slot)),
                width: tenths(width),
                title: format!("{}: p50 {p50}, p95 {p95}", ticks.slot(span.start_of(slot))),
            })
        });
        Some(Self {
            names: names(highest).map(|(seconds, name)| (y(seconds), name)).collect(),
            paths: LINES
                .iter()
                .enumerate()
                .map(|(place, (class, _))| (*class, line(place)))
                .collect(),
            slots: slots.collect(),
            markers,
            area,
            ends: span.ends(),
        })
    }
}

/// Through the points, with a gap where a slot has none; a point alone is a dot.
fn path(points: impl Iterator<Item = Option<(f64, f64)>>) -> String {
    let mut path = String::new();
    let mut is_drawn = false;
    for point in points {
        match point {
            Some((x, y)) if is_drawn => path += &format!("L{x} {y}"),
            Some((x, y)) => path += &format!("M{x} {y}h.1"),
            None => {}
        }
        is_drawn = point.is_some();
    }
    path
}

/// Two or three round lengths up to the highest, in seconds, and nothing.
fn names(highest: f64) -> impl Iterator<Item = (f64, String)> {
    let in_seconds = |millis: i64| precise(usize::try_from(millis).unwrap_or(0)) / 1_000.0;
    let step = ROUND_MS
        .into_iter()
        .find(|step| in_seconds(*step) >= highest / 3.0)
        .unwrap_or(ROUND_MS[ROUND_MS.len() - 1]);
    let named = (0..4).map(move |times| times * step);
    named
        .filter(move |millis| in_seconds(*millis) <= highest * 1.05)
        .map(move |millis| (in_seconds(millis), length(millis)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use saga_store::Width;

    fn lines(durations: &[SlotDurations]) -> Option<Lines> {
        let span = Span::ending_at(Timestamp::MAX, Width::Hour, durations.len());
        Lines::of(durations, &span, Markers::default())
    }

    #[test]
    fn a_line_has_a_gap_where_nothing_ended() {
        let drawn = lines(&[Some([1.0, 2.0]), Some([1.0, 4.0]), None, Some([2.0, 3.0])]).unwrap();
        let (_, p95) = &drawn.paths[1];
        assert_eq!(p95.matches('M').count(), 2, "{p95}");
        assert_eq!(p95.matches('L').count(), 1, "{p95}");
        assert_eq!(drawn.slots.len(), 3);
        assert!(drawn.slots[0].title.ends_with("p50 1 s, p95 2 s"));
        let written = drawn.to_string();
        assert!(
            !written.contains("style=") && written.contains("line p95"),
            "{written}"
        );
    }

    #[test]
    fn nothing_that_ended_makes_no_lines() {
        assert!(lines(&[None, None]).is_none());
        assert!(lines(&[]).is_none());
    }

    #[test]
    fn heights_have_round_names() {
        let named = |highest: f64| names(highest).map(|(_, name)| name).collect::<Vec<_>>();
        assert_eq!(named(4.2), ["0 ms", "2 s", "4 s"]);
        assert_eq!(named(0.35), ["0 ms", "200 ms"]);
        assert_eq!(named(100.0), ["0 ms", "1 min"]);
        assert!(!named(3e9).is_empty());
    }
}
