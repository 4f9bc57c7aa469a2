//! Charts: counts along the slots of a period, as SVG.
//!
//! Rule of thumb: places are computed here, templates write them down, and classes of the style sheet give the looks, so that
//! both colour schemes work and nothing is styled within the page.

use askama::Template;
use saga_store::Span;
use saga_types::Timestamp;

use super::{
    markers::Markers,
    plot::{AREA, Area, tenths},
};

/// The parts of a bar from the bottom up, by class and name: what went wrong is at the bottom, where it can be compared.
pub(super) const LAYERS: [(&str, &str); 4] = [
    ("failed", "Failed"),
    ("compensated", "Compensated"),
    ("in-progress", "In progress"),
    ("completed", "Completed"),
];

/// One slot.
pub(super) struct Bar {
    /// In the order of [`LAYERS`].
    pub(super) layers: [f64; LAYERS.len()],
    /// Shown on hover.
    pub(super) title: String,
    /// Below the axis.
    pub(super) tick: Option<String>,
    /// When the slot begins.
    pub(super) at: Timestamp,
}

/// Stacked bars along time.
#[derive(Template)]
#[template(path = "chart.html")]
pub(super) struct Chart {
    label: &'static str,
    /// Heights with a name: where, and which.
    lines: Vec<(f64, String)>,
    slots: Vec<Slot>,
    markers: Markers,
    area: Area,
    /// The first and the last moment along the axis.
    ends: (Timestamp, Timestamp),
}

struct Slot {
    left: f64,
    width: f64,
    parts: Vec<Part>,
    tick: Option<String>,
    at: Timestamp,
    title: String,
}

/// A part of a bar.
struct Part {
    class: &'static str,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// About how many heights have a name.
const NAMED_HEIGHTS: f64 = 4.0;

/// Bars along time; none when there is nothing to see.
pub(super) fn bars(bars: Vec<Bar>, span: &Span, label: &'static str, markers: Markers) -> Option<Chart> {
    let highest = bars.iter().map(|bar| bar.layers.iter().sum()).fold(0.0, f64::max);
    if highest <= 0.0 {
        return None;
    }
    let scale = Scale::new(bars.len(), highest);
    Some(Chart {
        label,
        lines: scale.lines(),
        slots: (0_u32..)
            .zip(bars)
            .map(|(place, bar)| scale.slot(place, bar))
            .collect(),
        markers,
        area: AREA,
        ends: span.ends(),
    })
}

/// From slots and counts to places in the drawing.
struct Scale {
    /// Of one slot.
    width: f64,
    /// On either side of a bar.
    gap: f64,
    /// The count at the upper end.
    highest: f64,
}

impl Scale {
    fn new(slots: usize, highest: f64) -> Self {
        let width = (AREA.right - AREA.left) / f64::from(u32::try_from(slots).unwrap_or(u32::MAX));
        Self {
            width,
            // Between very many bars a gap would be all there is to see.
            gap: if slots > 60 { 0.0 } else { width / 10.0 },
            highest: highest * 1.05,
        }
    }

    fn y(&self, count: f64) -> f64 {
        tenths(AREA.bottom - (AREA.bottom - AREA.top) * count / self.highest)
    }

    /// At round numbers.
    fn lines(&self) -> Vec<(f64, String)> {
        let rough = self.highest / NAMED_HEIGHTS;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * power)
            .into_iter()
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        (0..)
            .map(|place| f64::from(place) * step)
            .take_while(|count| *count <= self.highest)
            .map(|count| (self.y(count), short_number(count)))
            .collect()
    }

    fn slot(&self, place: u32, bar: Bar) -> Slot {
        let left = AREA.left + f64::from(place) * self.width;
        let mut below = 0.0;
        let mut parts = Vec::new();
        for ((class, _), count) in LAYERS
            .into_iter()
            .zip(bar.layers)
            .filter(|(_, count)| *count > 0.0)
        {
            let (y, bottom) = (self.y(below + count), self.y(below));
            parts.push(Part {
                class,
                x: tenths(left + self.gap),
                y,
                width: tenths(self.width - 2.0 * self.gap).max(1.0),
                height: tenths(bottom - y),
            });
            below += count;
        }
        Slot {
            left: tenths(left),
            width: tenths(self.width),
            parts,
            tick: bar.tick,
            at: bar.at,
            title: bar.title,
        }
    }
}

fn short_number(number: f64) -> String {
    match number {
        ..1_000.0 => format!("{}", (number * 100.0).round() / 100.0),
        ..1_000_000.0 => format!("{} k", (number / 100.0).round() / 10.0),
        _ => format!("{} M", (number / 100_000.0).round() / 10.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(layers: [f64; 4]) -> Bar {
        Bar {
            layers,
            title: "a <title>".to_owned(),
            tick: Some("14:50".to_owned()),
            at: Timestamp::MIN,
        }
    }

    fn chart(given: Vec<Bar>) -> Option<Chart> {
        let span = Span::ending_at(Timestamp::MAX, saga_store::Width::Hour, given.len());
        bars(given, &span, "Sagas", Markers::default())
    }

    fn drawn(given: Vec<Bar>) -> String {
        chart(given).unwrap().to_string()
    }

    #[test]
    fn a_chart_is_styled_by_classes_alone() {
        let drawing = drawn(vec![bar([1.0, 0.0, 0.0, 4.0]), bar([0.0; 4])]);
        for part in [
            "bar failed",
            "bar completed",
            "14:50",
            "a &#60;title&#62;",
            "aria-label=\"Sagas\"",
        ] {
            assert!(drawing.contains(part), "{part} in {drawing}");
        }
        assert!(!drawing.contains("bar compensated"), "{drawing}");
        for styled in ["style=", "fill=", "stroke=", "<style"] {
            assert!(!drawing.contains(styled), "{styled} in {drawing}");
        }
    }

    #[test]
    fn the_parts_of_a_bar_are_stacked_without_a_gap() {
        let chart = chart(vec![bar([1.0, 2.0, 3.0, 4.0]), bar([0.0; 4])]).unwrap();
        let parts = &chart.slots[0].parts;
        assert_eq!(parts.len(), 4);
        let mut below = AREA.bottom;
        for part in parts {
            assert!((part.y + part.height - below).abs() < 0.05, "{}", part.class);
            below = part.y;
        }
        assert!(below > AREA.top && chart.slots[1].parts.is_empty());
    }

    #[test]
    fn heights_have_round_names() {
        for (highest, names) in [
            (1.0, vec!["0", "0.5", "1"]),
            (7.0, vec!["0", "2", "4", "6"]),
            (3_900.0, vec!["0", "2 k", "4 k"]),
        ] {
            let chart = chart(vec![bar([highest, 0.0, 0.0, 0.0])]).unwrap();
            let found: Vec<_> = chart.lines.iter().map(|(_, name)| name.as_str()).collect();
            assert_eq!(found, names);
        }
    }

    #[test]
    fn nothing_makes_no_chart() {
        assert!(chart(vec![bar([0.0; 4])]).is_none());
        assert!(chart(Vec::new()).is_none());
    }
}
