//! The places of steps and transitions of a graph in layers, by dagre.

use std::collections::BTreeMap;

use dagre::{
    EdgeLabel, LayoutOptions, NodeLabel,
    graph::{Graph, GraphOptions},
    layout::types::LabelPos,
};
use saga_types::{Step, definition::SagaDefinition};

use crate::ui::humanize::precise;
use saga_store::{Flow, Transition, TransitionRow};

/// All lengths are in the units of the drawing.
pub(super) const NODE_HEIGHT: f64 = 46.0;
const CHARACTER: f64 = 8.2;
const SMALL_CHARACTER: f64 = 7.2;
const MARGIN: f64 = 12.0;
pub(super) const LABEL_WIDTH: f64 = 72.0;
pub(super) const LABEL_HEIGHT: f64 = 20.0;
/// Longer names lose their end; the whole is in the title and in the table.
pub(super) const MOST_CHARS: usize = 30;
const START: &str = "start";

/// Steps and transitions with their places.
pub(super) struct Layout {
    graph: Graph<NodeLabel, EdgeLabel>,
    /// What the graph calls each step: those of the definition come first, so that they are in its order.
    names: BTreeMap<Step, String>,
}

impl Layout {
    /// Lays out these transitions and their steps, whose boxes have room for what is said of them.
    pub(super) fn of(
        flow: &Flow,
        definition: Option<&SagaDefinition>,
        edges: &[&TransitionRow],
        said: &dyn Fn(&Step) -> String,
    ) -> Self {
        let names = names(definition, edges);
        let graph = laid_out(flow, &names, edges, said);
        Self { graph, names }
    }

    /// The steps; one that has no place is left out.
    pub(super) fn steps(&self) -> impl Iterator<Item = (&Step, &NodeLabel)> {
        let named = self.names.iter();
        named.filter_map(|(step, name)| Some((step, self.graph.node(name)?)))
    }

    /// The beginning, when a transition begins there.
    pub(super) fn start(&self) -> Option<&NodeLabel> {
        self.graph.node(START)
    }

    pub(super) fn edge(&self, transition: &Transition) -> Option<&EdgeLabel> {
        let head = self.names.get(&transition.to)?;
        self.graph.edge(tail(&self.names, transition), head, None)
    }

    /// Room for everything, labels included.
    pub(super) fn extent(&self) -> (f64, f64) {
        let nodes = self.steps().map(|(_, node)| {
            (
                node.x.unwrap_or_default() + node.width / 2.0,
                node.y.unwrap_or_default() + node.height / 2.0,
            )
        });
        let lines = self
            .graph
            .edges()
            .into_iter()
            .filter_map(|edge| self.graph.edge_by_obj(&edge));
        let lines = lines.flat_map(|edge| {
            let label = edge
                .x
                .zip(edge.y)
                .map(|(x, y)| (x + LABEL_WIDTH / 2.0, y + LABEL_HEIGHT / 2.0));
            edge.points
                .iter()
                .map(|point| (point.x, point.y))
                .chain(label)
                .collect::<Vec<_>>()
        });
        let corner = nodes.chain(lines).fold((0.0_f64, 0.0_f64), |corner, place| {
            (corner.0.max(place.0), corner.1.max(place.1))
        });
        ((corner.0 + MARGIN).ceil(), (corner.1 + MARGIN).ceil())
    }
}

fn names(definition: Option<&SagaDefinition>, edges: &[&TransitionRow]) -> BTreeMap<Step, String> {
    let occurs = |step: &Step| {
        let mut steps = edges.iter().flat_map(|row| ends(&row.transition));
        steps.any(|other| other == step)
    };
    let defined = definition.into_iter().flat_map(|definition| definition.steps());
    let all = defined.chain(edges.iter().flat_map(|row| ends(&row.transition)));
    let mut names = BTreeMap::new();
    for step in all.filter(|step| occurs(step)) {
        let next = format!("{:03}", names.len());
        names.entry(step.clone()).or_insert(next);
    }
    names
}

fn ends(transition: &Transition) -> impl Iterator<Item = &Step> {
    transition.from.iter().chain([&transition.to])
}

fn tail<'a>(names: &'a BTreeMap<Step, String>, transition: &Transition) -> &'a str {
    match &transition.from {
        Some(from) => &names[from],
        None => START,
    }
}

fn laid_out(
    flow: &Flow,
    names: &BTreeMap<Step, String>,
    edges: &[&TransitionRow],
    said: &dyn Fn(&Step) -> String,
) -> Graph<NodeLabel, EdgeLabel> {
    let mut graph = Graph::with_options(GraphOptions {
        directed: true,
        // A transition backwards is reversed while the layers are found, and then is beside the one forwards.
        multigraph: true,
        compound: false,
    });
    let node = |width, height| NodeLabel {
        width,
        height,
        ..NodeLabel::default()
    };
    if edges.iter().any(|row| row.transition.from.is_none()) {
        graph.set_node(START, Some(node(20.0, 20.0)));
    }
    let mut in_order: Vec<(&Step, &String)> = names.iter().collect();
    in_order.sort_by_key(|(_, name)| name.as_str());
    for (step, name) in in_order {
        graph.set_node(
            name.as_str(),
            Some(node(width_of(step, &said(step)), NODE_HEIGHT)),
        );
    }
    for row in edges {
        let label = EdgeLabel {
            // The most frequent one is the straightest.
            weight: 1 + weight(flow.share(row.sagas)),
            width: LABEL_WIDTH,
            height: LABEL_HEIGHT,
            labelpos: LabelPos::Center,
            ..EdgeLabel::default()
        };
        graph.set_edge(
            tail(names, &row.transition),
            names[&row.transition.to].as_str(),
            Some(label),
            None,
        );
    }
    let options = LayoutOptions {
        nodesep: 28.0,
        edgesep: 14.0,
        ranksep: 36.0,
        marginx: MARGIN,
        marginy: MARGIN,
        ..LayoutOptions::default()
    };
    dagre::layout(&mut graph, Some(options));
    graph
}

fn weight(share: f64) -> i32 {
    (0..8)
        .rev()
        .find(|weight| f64::from(*weight) <= share * 8.0)
        .unwrap_or(0)
}

fn width_of(step: &Step, said: &str) -> f64 {
    let name = step.as_str().chars().count().min(MOST_CHARS);
    let below = precise(said.chars().count()) * SMALL_CHARACTER;
    (precise(name) * CHARACTER).max(below).max(110.0) + 20.0
}
