//! Steps: a box with the name and what is known of it.

use dagre::NodeLabel;
use saga_store::{Flow, Outcome, StepRow};
use saga_types::{Step, definition::SagaDefinition};
use svg::node::element::{Group, Rectangle, Text, Title};

use super::tenths;
use crate::ui::{
    flow::{
        Kind,
        layout::{MOST_CHARS, NODE_HEIGHT},
    },
    humanize::{number, percent, precise_count},
};

pub(super) fn step_box(
    flow: &Flow,
    definition: Option<&SagaDefinition>,
    step: &Step,
    place: &NodeLabel,
) -> Group {
    let row = flow.step(step);
    let (x, y) = (place.x.unwrap_or_default(), place.y.unwrap_or_default());
    let mut name: String = step.as_str().chars().take(MOST_CHARS).collect();
    if name.len() < step.as_str().len() {
        name.pop();
        name.push('…');
    }
    let count = |count: fn(&StepRow) -> u64| number(row.map_or(0, count));
    let title = format!(
        "{step}: {} sagas, {} events more; last recorded step of {}",
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
pub(super) fn said(flow: &Flow, definition: Option<&SagaDefinition>, step: &Step) -> String {
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
