//! The observed flow as a picture: the layout says where steps and transitions stand, classes say what they look like.

use dagre::{EdgeLabel, NodeLabel, Point};
use saga_types::{Step, definition::SagaDefinition};
use svg::{
    Document,
    node::element::{Anchor, Circle, Definitions, Group, Marker, Path, Rectangle, Text, Title},
};

use super::{
    Kind, from,
    layout::{LABEL_HEIGHT, LABEL_WIDTH, Layout, MOST_CHARS, NODE_HEIGHT},
};
use crate::ui::humanize::{length, number, percent, precise_count};
use saga_store::{Flow, Outcome, StepRow, Transition, TransitionRow};

/// More transitions than this are no picture any more.
const MOST_EDGES: usize = 60;

pub(super) struct Drawn {
    pub(super) svg: String,
    /// Transitions that are not drawn.
    pub(super) left_out: usize,
}

/// `None` when there is nothing to draw.
pub(super) fn drawn(
    flow: &Flow,
    definition: Option<&SagaDefinition>,
    picked: Option<&Transition>,
    link: &dyn Fn(&Transition) -> String,
) -> Option<Drawn> {
    let mut edges: Vec<&TransitionRow> = flow.transitions.iter().collect();
    let left_out = edges.len().saturating_sub(MOST_EDGES);
    edges.truncate(MOST_EDGES);
    if edges.is_empty() {
        return None;
    }
    let layout = Layout::of(flow, definition, &edges, &|step| said(flow, definition, step));
    let mut lines = Group::new();
    let mut labels = Group::new();
    for row in &edges {
        let place = layout.edge(&row.transition)?;
        let is_picked = picked == Some(&row.transition);
        let drawn = EdgeDrawing {
            row,
            share: flow.share(row.sagas),
            is_picked,
        };
        lines = lines.add(drawn.line(&place.points));
        labels = labels.add(drawn.label(place, &link(&row.transition)));
    }
    let mut boxes = Group::new();
    for (step, place) in layout.steps() {
        boxes = boxes.add(step_box(flow, definition, step, place));
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
    let drawing = Document::new()
        .set("viewBox", (0, 0, width, height))
        .set("width", width)
        .set("height", height)
        .set("role", "group")
        .set("aria-label", "Graph of the steps; the table below has the same")
        .add(arrow_heads())
        .add(lines)
        .add(boxes)
        .add(labels);
    Some(Drawn {
        svg: drawing.to_string(),
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
            .set("class", self.class("way"))
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
        let count = format!("{sign}{} · {}", percent(self.share), number(self.row.sagas));
        let took = self.row.times.map(|times| length(times.p50_ms));
        let late = self.row.times.map(|times| length(times.p95_ms));
        let words = format!(
            "From {} to {}: {} sagas, {}; median {}, p95 {}",
            from(&self.row.transition),
            self.row.transition.to,
            number(self.row.sagas),
            self.kind().words,
            took.as_deref().unwrap_or("unknown"),
            late.as_deref().unwrap_or("unknown"),
        );
        let line = |text: String, class: &str, down: f64| {
            Text::new(text)
                .set("class", class.to_owned())
                .set("x", tenths(x))
                .set("y", tenths(y + down))
        };
        let mut anchor = Anchor::new()
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
            );
        match took.zip(late) {
            Some((took, late)) => {
                anchor = anchor.add(line(count, "count", -3.0)).add(line(
                    format!("{took}, p95 {late}"),
                    "took",
                    11.0,
                ));
            }
            None => anchor = anchor.add(line(count, "count", 4.0)),
        }
        anchor
    }
}

fn step_box(flow: &Flow, definition: Option<&SagaDefinition>, step: &Step, place: &NodeLabel) -> Group {
    let row = flow.step(step);
    let count = |count: fn(&StepRow) -> u64| number(row.map_or(0, count));
    let (x, y) = (place.x.unwrap_or_default(), place.y.unwrap_or_default());
    let mut name: String = step.as_str().chars().take(MOST_CHARS).collect();
    if name.len() < step.as_str().len() {
        name.pop();
        name.push('…');
    }
    let title = format!(
        "{step}: {} sagas, retried by {}; the last step so far of {}",
        count(|row| row.sagas),
        count(|row| row.retried),
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

/// How many recorded the step, how often, and who owns it.
fn said(flow: &Flow, definition: Option<&SagaDefinition>, step: &Step) -> String {
    let row = flow.step(step);
    let mut said = percent(flow.share(row.map_or(0, |row| row.sagas)));
    if let Some(row) = row.filter(|row| row.retries > 0) {
        let each = 1.0 + precise_count(row.retries) / precise_count(row.sagas.max(1));
        said.push_str(&format!(" · ↻ ×{each:.1}"));
    }
    if let Some(owner) = definition.and_then(|definition| definition.owner(step)) {
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

/// By what most transitions to it say, and whether the definition knows it.
fn class_of(flow: &Flow, definition: Option<&SagaDefinition>, step: &Step) -> &'static str {
    if definition.is_some_and(|definition| !definition.knows(step)) {
        return "unexpected";
    }
    flow.step(step)
        .map_or("forward", |row| Kind::from(row.outcome).class)
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

fn tenths(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use saga_types::{definition::Definitions, steps};

    use super::*;
    use saga_store::{Sample, Times};

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
            if flow.step(to).is_none() {
                flow.steps.push(StepRow {
                    step: to.clone(),
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
        flow
    }

    fn draw(flow: &Flow) -> Option<Drawn> {
        let definitions = Definitions::built_in();
        let definition = definitions.get(&saga_types::SagaType::ORDER_CREATION).unwrap();
        drawn(flow, Some(definition), None, &|transition| {
            format!("/flow?to={}", transition.to)
        })
    }

    #[test]
    fn transitions_may_go_round_in_circles() {
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
        let drawn = draw(&flow).unwrap();
        for part in [
            "way failing",
            "way compensating",
            "step-box unexpected",
            "&lt;UNHEARD&gt; &amp; 주문",
            "1.2 s, p95 3 s",
            "↻ ×1.2",
        ] {
            assert!(drawn.svg.contains(part), "{part} in {}", drawn.svg);
        }
        assert_eq!(drawn.svg.matches("class=\"way").count(), 6);
        assert!(
            !drawn.svg.contains("NaN") && !drawn.svg.contains("style="),
            "{}",
            drawn.svg
        );
    }

    #[test]
    fn very_many_transitions_are_left_out_of_the_picture() {
        let step = |number: usize| Step::from_wire(format!("STEP_{number}")).unwrap();
        let transitions: Vec<_> = (0..80)
            .map(|number| (Some(step(number)), step(number + 1), Outcome::Continues))
            .collect();
        assert_eq!(draw(&flow(&transitions)).unwrap().left_out, 20);
        assert!(draw(&Flow::default()).is_none());
    }
}
