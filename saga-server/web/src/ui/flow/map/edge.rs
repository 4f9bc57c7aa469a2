//! Transitions: a line with an arrow, and a label.

use dagre::{EdgeLabel, Point};
use saga_store::{Outcome, TransitionRow};
use svg::node::element::{Anchor, Definitions, Marker, Path, Rectangle, Text, Title};

use super::tenths;
use crate::ui::{
    flow::{
        Kind, from,
        layout::{LABEL_HEIGHT, LABEL_WIDTH},
    },
    humanize::{length, number, percent},
};

pub(super) struct EdgeDrawing<'a> {
    pub(super) row: &'a TransitionRow,
    pub(super) share: f64,
    pub(super) is_picked: bool,
}

impl EdgeDrawing<'_> {
    fn kind(&self) -> Kind {
        self.row.outcome.into()
    }

    fn class(&self, what: &str) -> String {
        let picked = if self.is_picked { " picked" } else { "" };
        format!("{what} {}{picked}", self.kind().class)
    }

    pub(super) fn line(&self, points: &[Point]) -> Path {
        Path::new()
            .set("class", self.class("edge"))
            .set("stroke-width", tenths(1.2 + self.share * 3.0))
            .set("marker-end", format!("url(#{}-head)", self.kind().class))
            .set("d", smooth(points))
    }

    pub(super) fn label(&self, place: &EdgeLabel, link: &str) -> Anchor {
        let (x, y) = (place.x.unwrap_or_default(), place.y.unwrap_or_default());
        let sign = match self.row.outcome {
            Outcome::Continues => String::new(),
            Outcome::Fails | Outcome::Compensates => format!("{} ", self.kind().sign),
        };
        let times = self
            .row
            .times
            .map(|times| (length(times.p50_ms), length(times.p95_ms)));
        let (median, p95) = match &times {
            Some((median, p95)) => (median.as_str(), p95.as_str()),
            None => ("unknown", "unknown"),
        };
        let words = format!(
            "From {} to {}: {} sagas, {}; median {median}, p95 {p95}",
            from(&self.row.transition),
            self.row.transition.to,
            number(self.row.sagas),
            self.kind().words,
        );
        let line = |text: String, class: &str, down: f64| {
            Text::new(text)
                .set("class", class.to_owned())
                .set("x", tenths(x))
                .set("y", tenths(y + down))
        };
        Anchor::new()
            .set("href", link.to_owned())
            // The table below has the same link.
            .set("tabindex", -1)
            .set("class", self.class("transition"))
            .add(Title::new(words))
            .add(
                Rectangle::new()
                    .set("x", tenths(x - LABEL_WIDTH / 2.0))
                    .set("y", tenths(y - LABEL_HEIGHT / 2.0))
                    .set("width", LABEL_WIDTH)
                    .set("height", LABEL_HEIGHT)
                    .set("rx", 6),
            )
            .add(line(format!("{sign}{}", percent(self.share)), "count", 4.0))
    }
}

/// Straight where it begins and ends, round where it bends.
fn smooth(points: &[Point]) -> String {
    let middle = |one: &Point, other: &Point| ((one.x + other.x) / 2.0, (one.y + other.y) / 2.0);
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return String::new();
    };
    let mut path = format!("M{} {}", tenths(first.x), tenths(first.y));
    for pair in points.windows(2).skip(1) {
        let (x, y) = middle(&pair[0], &pair[1]);
        path.push_str(&format!(
            " Q{} {} {} {}",
            tenths(pair[0].x),
            tenths(pair[0].y),
            tenths(x),
            tenths(y)
        ));
    }
    path.push_str(&format!(" L{} {}", tenths(last.x), tenths(last.y)));
    path
}

pub(super) fn arrow_heads() -> Definitions {
    let kinds = [Outcome::Continues, Outcome::Fails, Outcome::Compensates];
    kinds.into_iter().fold(Definitions::new(), |heads, kind| {
        let class = Kind::from(kind).class;
        heads.add(
            Marker::new()
                .set("id", format!("{class}-head"))
                .set("class", format!("head {class}"))
                .set("viewBox", (0, 0, 10, 10))
                .set("refX", 9)
                .set("refY", 5)
                .set("markerWidth", 9)
                .set("markerHeight", 9)
                .set("markerUnits", "userSpaceOnUse")
                .set("orient", "auto")
                .add(Path::new().set("d", "M0 0 L10 5 L0 10 Z")),
        )
    })
}
