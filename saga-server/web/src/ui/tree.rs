//! JSON as a tree of names and values, open to be read.

use askama::Template;
use saga_store::json::Json;

/// Deeper levels are shown as JSON: no screen is wide enough for a tree of so many levels.
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
    /// Numbers, booleans, null, and what is too deep.
    Json(String),
    Tree(Box<Tree>),
}

impl Tree {
    /// None where the text has no parts, or is no JSON.
    pub(super) fn of(text: &str) -> Option<Self> {
        Self::at(text, 0)
    }

    /// With nothing in it.
    pub(super) fn empty() -> Self {
        Self { entries: Vec::new() }
    }

    fn at(text: &str, level: usize) -> Option<Self> {
        let entries: Vec<_> = match Json::at(text, level).ok()? {
            Json::Object(entries) => entries
                .into_iter()
                .map(|(name, value)| (name, leaf(value, level + 1)))
                .collect(),
            Json::Array(items) => (1..)
                .zip(items)
                .map(|(place, value)| (place.to_string(), leaf(value, level + 1)))
                .collect(),
            Json::Text(_) | Json::Plain(_) => return None,
        };
        (!entries.is_empty()).then_some(Self { entries })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn leaf(text: &str, level: usize) -> Leaf {
    match Json::at(text, level) {
        Ok(Json::Text(text)) => Leaf::Text(text),
        Ok(Json::Object(_) | Json::Array(_)) if level < LEVELS => match Tree::at(text, level) {
            Some(tree) => Leaf::Tree(Box::new(tree)),
            None => Leaf::Json(text.to_owned()),
        },
        _ => Leaf::Json(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_they_came() {
        let text = r#"{"huge":123456789012345678901234567890,"list":[1.10,-0.0,1e2],"empty":{}}"#;
        let shown = Tree::of(text).unwrap().render().unwrap();
        for number in ["123456789012345678901234567890", "1.10", "-0.0", "1e2", "{}"] {
            assert!(shown.contains(&format!(">{number}<")), "{number} in {shown}");
        }
    }
}
