//! JSON as a tree of names and values, open to be read.

use askama::Template;
use serde_json::{Map, Value};

/// What lies deeper is shown as JSON: no screen is wide enough for a tree of so many levels.
const LEVELS: usize = 8;

/// An object or a list.
#[derive(Debug, Clone, Template)]
#[template(path = "tree.html")]
pub(super) struct Tree {
    entries: Vec<(String, Leaf)>,
}

#[derive(Debug, Clone)]
enum Leaf {
    Text(String),
    /// Numbers, booleans, null, and what lies too deep.
    Json(String),
    Tree(Box<Tree>),
}

impl Tree {
    /// None where the value has no parts.
    pub(super) fn of(value: &Value) -> Option<Self> {
        Self::at(value, 0)
    }

    pub(super) fn of_object(entries: &Map<String, Value>) -> Self {
        Self {
            entries: entries
                .iter()
                .map(|(name, value)| (name.clone(), leaf(value, 1)))
                .collect(),
        }
    }

    fn at(value: &Value, level: usize) -> Option<Self> {
        let entries = match value {
            Value::Object(object) if !object.is_empty() => object
                .iter()
                .map(|(name, value)| (name.clone(), leaf(value, level + 1)))
                .collect(),
            Value::Array(list) if !list.is_empty() => (1..)
                .zip(list)
                .map(|(place, value)| (place.to_string(), leaf(value, level + 1)))
                .collect(),
            _ => return None,
        };
        Some(Self { entries })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn leaf(value: &Value, level: usize) -> Leaf {
    match value {
        Value::String(text) => Leaf::Text(text.clone()),
        deep if level < LEVELS => match Tree::at(deep, level) {
            Some(tree) => Leaf::Tree(Box::new(tree)),
            None => Leaf::Json(deep.to_string()),
        },
        deep => Leaf::Json(deep.to_string()),
    }
}
