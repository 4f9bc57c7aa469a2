//! The observed flow as a map: the layout gives the places of steps and transitions, classes their looks.
//!
//! Rule of thumb: no text is smaller than 11 px. A map that does not fit then is scrolled, from its start.

use dagre::{EdgeLabel, NodeLabel, Point};
use saga_types::{Step, definition::SagaDefinition};
use svg::{
    Document,
    node::element::{Anchor, Circle, Definitions, Group, Marker, Path, Rectangle, Text, Title},
};

use super::{
    Kind,
    address::FlowAddress,
    from,
    layout::{LABEL_HEIGHT, LABEL_WIDTH, Layout, MOST_CHARS, NODE_HEIGHT},
};
use crate::ui::humanize::{length, number, percent, precise_count};
use saga_store::{Flow, Outcome, StepRow, TransitionRow};

/// More transitions than this are no map any more.
const MOST: usize = 120;

/// All text is 12 px high, and readable down to 11 px.
const LEAST_SCALE: f64 = 11.0 / 12.0;

pub(super) struct Map {
    pub(super) svg: String,
    /// How wide it is at least, in pixels.
    pub(super) least_width: u32,
    /// Transitions that are not drawn.
    pub(super) left_out: usize,
}

/// `None` when there is nothing to draw.
pub(super) fn drawn(flow: &Flow, definition: Option<&SagaDefinition>, address: &FlowAddress) -> Option<Map> {
    let shown = &address.shown;
    let least = f64::from(shown.least) / 100.0;
    // They come with the most frequent first.
    let edges: Vec<&TransitionRow> = flow
        .transitions
        .iter()
        .filter(|row| flow.share(row.sagas) >= least)
        .take(MOST)
        .collect();
    let left_out = flow.transitions.len() - edges.len();
    if edges.is_empty() {
        return None;
    }
    let layout = Layout::of(flow, definition, &edges, &|step| said(flow, definition, step));
    let mut lines = Group::new();
    let mut labels = Group::new();
    for row in &edges {
        let place = layout.edge(&row.transition)?;
        let drawn = EdgeDrawing {
            row,
            share: flow.share(row.sagas),
            is_picked: shown.transition.as_ref() == Some(&row.transition),
        };
        lines = lines.add(drawn.line(&place.points));
        labels = labels.add(drawn.label(place, &address.transition(&row.transition)));
    }
    let mut boxes = Group::new();
    for (step, place) in layout.steps() {
        let drawn = step_box(flow, definition, step, place);
        boxes = boxes.add(Anchor::new().set("href", address.step(step)).add(drawn));
    }
    if let Some(start) = layout.start() {
        let (x, y) = (start.x?, start.y?);
        boxes = boxes.add(
            Circle::new()
                .set("class", "begin")
                .set("cx", tenths(x))
                .set("cy", tenths(y))
                .set("r", 9)
                .add(Title::new("Start")),
        );
    }
    let (width, height) = layout.extent();
    let mut drawing = Document::new().set("viewBox", (0, 0, width, height));
    let zoom = f64::from(shown.zoom.unwrap_or(100)) / 100.0;
    drawing = drawing
        .set("width", (width * zoom).ceil())
        .set("height", (height * zoom).ceil());
    if shown.zoom.is_none() {
        // Less where its place is narrower.
        drawing = drawing.set("class", "fitted");
    }
    let drawing = drawing
        .set("role", "group")
        .set("aria-label", "Graph of the steps; the table below has the same")
        .add(arrow_heads())
        .add(lines)
        .add(boxes)
        .add(labels);
    Some(Map {
        svg: drawing.to_string(),
        least_width: whole(width * LEAST_SCALE),
        left_out,
    })
}

struct EdgeDrawing<'a> {
    row: &'a TransitionRow,
    share: f64,
    is_picked: bool,
}

impl EdgeDrawing<'_> {
    fn kind(&self) -> Kind {
        self.row.outcome.into()
    }

    fn class(&self, what: &str) -> String {
        let picked = if self.is_picked { " picked" } else { "" };
        format!("{what} {}{picked}", self.kind().class)
    }

    fn line(&self, points: &[Point]) -> Path {
        Path::new()
            .set("class", self.class("edge"))
            .set("stroke-width", tenths(1.2 + self.share * 3.0))
            .set("marker-end", format!("url(#{}-head)", self.kind().class))
            .set("d", smooth(points))
    }

    fn label(&self, place: &EdgeLabel, link: &str) -> Anchor {
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

fn step_box(flow: &Flow, definition: Option<&SagaDefinition>, step: &Step, place: &NodeLabel) -> Group {
    let row = flow.step(step);
    let (x, y) = (place.x.unwrap_or_default(), place.y.unwrap_or_default());
    let mut name: String = step.as_str().chars().take(MOST_CHARS).collect();
    if name.len() < step.as_str().len() {
        name.pop();
        name.push('…');
    }
    let count = |count: fn(&StepRow) -> u64| number(row.map_or(0, count));
    let title = format!(
        "{step}: {} sagas, {} events more; the last step so far of {}",
        count(|row| row.sagas),
        count(|row| row.retries),
        count(|row| row.last)
    );
    let text = |text: String, class: &str, down: f64| {
        Text::new(text)
            .set("class", class.to_owned())
            .set("x", tenths(x))
            .set("y", tenths(y + down))
    };
    Group::new()
        .set("class", format!("step-box {}", class_of(flow, definition, step)))
        .add(Title::new(title))
        .add(
            Rectangle::new()
                .set("x", tenths(x - place.width / 2.0))
                .set("y", tenths(y - NODE_HEIGHT / 2.0))
                .set("width", tenths(place.width))
                .set("height", NODE_HEIGHT)
                .set("rx", 8),
        )
        .add(text(name, "step-name", -3.0))
        .add(text(said(flow, definition, step), "step-said", 14.0))
}

/// How many sagas reached the step, how often it was retried, and who owns it.
fn said(flow: &Flow, definition: Option<&SagaDefinition>, step: &Step) -> String {
    let Some(row) = flow.step(step) else {
        return String::new();
    };
    let mut said = percent(flow.share(row.sagas));
    if row.retries > 0 {
        let each = precise_count(row.sagas + row.retries) / precise_count(row.sagas.max(1));
        said.push_str(&format!(" · ↻ ×{each:.1}"));
    }
    let owner = definition.and_then(|definition| definition.owner(step));
    if let Some(owner) = owner.or(row.service.as_deref()) {
        said.push_str(&format!(" · {owner}"));
    }
    short(&said)
}

fn short(said: &str) -> String {
    const MOST: usize = 34;
    if said.chars().count() <= MOST {
        return said.to_owned();
    }
    let mut short: String = said.chars().take(MOST - 1).collect();
    short.push('…');
    short
}

/// By what its events mostly say, and whether the definition knows it.
fn class_of(flow: &Flow, definition: Option<&SagaDefinition>, step: &Step) -> &'static str {
    if definition.is_some_and(|definition| !definition.knows(step)) {
        return "unexpected";
    }
    let outcome = flow.step(step).map_or(Outcome::Continues, |row| row.outcome);
    Kind::from(outcome).class
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

fn arrow_heads() -> Definitions {
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

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a map is neither that wide nor narrower than nothing"
)]
fn whole(pixels: f64) -> u32 {
    pixels.ceil() as u32
}

fn tenths(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use saga_store::{Sample, Times, Transition};
    use saga_types::{SagaType, Timestamp, definition::Definitions, steps};

    use super::*;
    use crate::{
        http::query_string::{Length, Params},
        ui::{flow::address::Shown, period::Period},
    };

    fn flow(transitions: &[(Option<Step>, Step, Outcome)]) -> Flow {
        let mut flow = Flow {
            sample: Sample::new(10, 10),
            ..Flow::default()
        };
        for (from, to, outcome) in transitions {
            let times = Times {
                p50_ms: 1_200,
                p95_ms: 3_000,
                ..Times::default()
            };
            flow.transitions.push(TransitionRow {
                transition: Transition {
                    from: from.clone(),
                    to: to.clone(),
                },
                sagas: 5,
                outcome: *outcome,
                leaves_path: false,
                times: from.is_some().then_some(times),
            });
            for step in from.iter().chain([to]) {
                if flow.step(step).is_none() {
                    flow.steps.push(StepRow {
                        step: step.clone(),
                        service: None,
                        is_on_path: true,
                        outcome: *outcome,
                        sagas: 5,
                        retried: 1,
                        retries: 1,
                        echoes: Vec::new(),
                        last: 1,
                        wait: None,
                    });
                }
            }
        }
        flow
    }

    fn draw(flow: &Flow, query: &str) -> Option<Map> {
        let definitions = Definitions::built_in();
        let definition = definitions.get(&SagaType::ORDER_CREATION).unwrap();
        let address = FlowAddress {
            saga_type: SagaType::ORDER_CREATION,
            period: Period::last(Length::hours(1), Timestamp::MAX),
            shown: Shown::take(&mut Params::of(query)),
        };
        drawn(flow, Some(definition), &address)
    }

    #[test]
    fn transitions_may_go_in_circles() {
        let unheard = Step::from_wire("<UNHEARD> & 주문").unwrap();
        let flow = flow(&[
            (None, steps::ORDER_CREATED, Outcome::Continues),
            (
                Some(steps::ORDER_CREATED),
                steps::STOCK_RESERVED,
                Outcome::Continues,
            ),
            (
                Some(steps::STOCK_RESERVED),
                steps::ORDER_CREATED,
                Outcome::Continues,
            ),
            (Some(steps::STOCK_RESERVED), steps::PAYMENT_FAILED, Outcome::Fails),
            (
                Some(steps::PAYMENT_FAILED),
                steps::STOCK_RELEASED,
                Outcome::Compensates,
            ),
            (Some(steps::ORDER_CREATED), unheard, Outcome::Continues),
        ]);
        let drawn = draw(&flow, "").unwrap();
        for part in [
            "edge failing",
            "edge compensating",
            "step-box unexpected",
            "&lt;UNHEARD&gt; &amp; 주문",
            "median 1.2 s, p95 3 s",
            "↻ ×1.2",
        ] {
            assert!(drawn.svg.contains(part), "{part} in {}", drawn.svg);
        }
        assert_eq!(drawn.svg.matches("class=\"edge").count(), 6);
        assert!(
            !drawn.svg.contains("NaN") && !drawn.svg.contains("style="),
            "{}",
            drawn.svg
        );
    }

    #[test]
    fn rare_transitions_are_left_out_of_the_map() {
        let step = |number: usize| Step::from_wire(format!("STEP_{number}")).unwrap();
        let mut many = flow(
            &(0..130)
                .map(|number| (Some(step(number)), step(number + 1), Outcome::Continues))
                .collect::<Vec<_>>(),
        );
        assert_eq!(draw(&many, "").unwrap().left_out, 10);
        many.transitions[3].sagas = 0;
        assert_eq!(draw(&many, "least=50").unwrap().left_out, 10);
        assert!(draw(&Flow::default(), "").is_none());
    }

    #[test]
    fn a_zoom_is_a_size_and_without_one_the_map_is_fitted() {
        let flow = flow(&[(None, steps::ORDER_CREATED, Outcome::Continues)]);
        let fitted = draw(&flow, "").unwrap();
        assert!(fitted.svg.contains("class=\"fitted\""), "{}", fitted.svg);
        let width = |query| {
            let svg = draw(&flow, query).unwrap().svg;
            let width = svg.split(" width=\"").nth(1).unwrap().split('"').next().unwrap();
            width.parse::<u32>().unwrap()
        };
        assert!(width("zoom=150") > width("zoom=100") && width("") > fitted.least_width);
    }
}
