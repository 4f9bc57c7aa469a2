//! The observed flow as a map: the layout gives the places of steps and transitions, classes their looks.
//!
//! Rule of thumb: no text is smaller than 11 px. A map that does not fit then is scrolled, from its start.
//!
//! | part | what |
//! | --- | --- |
//! | `edge` | transitions |
//! | `step_box` | steps |

mod edge;
mod step_box;
#[cfg(test)]
mod tests;

use saga_store::{Flow, TransitionRow};
use saga_types::definition::SagaDefinition;
use svg::{
    Document,
    node::element::{Anchor, Circle, Group, Title},
};

use self::{
    edge::{EdgeDrawing, arrow_heads},
    step_box::{said, step_box},
};
use super::{address::FlowAddress, layout::Layout};

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
