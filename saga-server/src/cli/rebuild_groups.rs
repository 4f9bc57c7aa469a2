//! What `rebuild` found, grouped: so many sagas of a type changed alike.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use saga_store::{Difference, DifferenceKind};
use serde_json::{Value, json};

/// Names of types come from events, so there may be any number of groups; what comes after so many counts together.
const MOST: usize = 200;

const STATUS: &str = "currentStatus";

/// Sagas that differ, by type and by what differs.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: BTreeMap<Key, Group>,
    others: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    saga_type: Option<String>,
    change: Change,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    /// Another status, whatever else.
    Status(String, String),
    /// The same status, other fields.
    Fields(BTreeSet<String>),
    /// Its row is not as it should be at all.
    Row(&'static str),
}

#[derive(Debug, Default)]
struct Group {
    sagas: usize,
    /// One of the sagas.
    example: String,
    /// What else differs than the status.
    fields: BTreeSet<String>,
}

impl Groups {
    pub(super) fn add(&mut self, difference: &Difference) {
        let key = Key {
            saga_type: difference.saga_type.as_ref().map(ToString::to_string),
            change: change(&difference.kind),
        };
        if self.groups.len() >= MOST && !self.groups.contains_key(&key) {
            self.others += 1;
            return;
        }
        let group = self.groups.entry(key).or_default();
        group.sagas += 1;
        if group.example.is_empty() {
            group.example.clone_from(&difference.saga_id);
        }
        if let DifferenceKind::Changed(fields) = &difference.kind {
            group
                .fields
                .extend(fields.keys().filter(|name| *name != STATUS).cloned());
        }
    }

    /// The most sagas first.
    fn sorted(&self) -> Vec<(&Key, &Group)> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.sagas));
        groups
    }

    pub(super) fn to_json(&self) -> Value {
        self.sorted()
            .into_iter()
            .map(|(key, group)| as_json(key, group))
            .collect()
    }
}

fn change(kind: &DifferenceKind) -> Change {
    match kind {
        DifferenceKind::Missing => Change::Row("MISSING"),
        DifferenceKind::Unreadable => Change::Row("UNREADABLE"),
        DifferenceKind::WithoutSteps => Change::Row("WITHOUT_STEPS"),
        DifferenceKind::Changed(fields) => match fields.get(STATUS) {
            Some((before, after)) => Change::Status(word(before), word(after)),
            None => Change::Fields(fields.keys().cloned().collect()),
        },
    }
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn as_json(key: &Key, group: &Group) -> Value {
    let mut json = json!({
        "sagaType": key.saga_type, "sagas": group.sagas, "fields": group.fields, "example": group.example,
    });
    match &key.change {
        Change::Status(before, after) => json["currentStatus"] = json!({"before": before, "after": after}),
        Change::Row(difference) => json["difference"] = json!(difference),
        Change::Fields(_) => {}
    }
    json
}

impl fmt::Display for Groups {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, group) in self.sorted() {
            writeln!(formatter, "{key}, {group}")?;
        }
        match self.others {
            0 => Ok(()),
            others => writeln!(
                formatter,
                "{} that differ in further ways; --list shows each",
                sagas(others)
            ),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: ",
            self.saga_type.as_deref().unwrap_or("unknown type")
        )?;
        match &self.change {
            Change::Status(before, after) => write!(formatter, "{before} → {after}"),
            Change::Fields(_) => write!(formatter, "same status"),
            Change::Row("MISSING") => write!(formatter, "was missing"),
            Change::Row("UNREADABLE") => write!(formatter, "could not be read"),
            Change::Row(_) => write!(formatter, "has no steps, and is left as it is"),
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", sagas(self.sagas))?;
        if !self.fields.is_empty() {
            let fields: Vec<&str> = self.fields.iter().map(String::as_str).collect();
            write!(formatter, ", other {}", fields.join(", "))?;
        }
        write!(formatter, "; such as {}", self.example)
    }
}

fn sagas(count: usize) -> String {
    match count {
        1 => "1 saga".to_owned(),
        count => format!("{count} sagas"),
    }
}

#[cfg(test)]
mod tests {
    use saga_types::SagaType;

    use super::*;

    fn changed(saga_id: usize, fields: &[(&str, &str, &str)]) -> Difference {
        let fields = fields
            .iter()
            .map(|(name, before, after)| ((*name).to_owned(), (json!(before), json!(after))));
        Difference {
            saga_id: saga_id.to_string(),
            saga_type: Some(SagaType::REFUND),
            kind: DifferenceKind::Changed(fields.collect()),
        }
    }

    #[test]
    fn sagas_that_change_alike_are_one_line_and_the_most_come_first() {
        let mut groups = Groups::default();
        groups.add(&changed(1, &[("awaitedStep", "A", "B")]));
        groups.add(&changed(
            2,
            &[(STATUS, "FAILED", "COMPENSATED"), ("endedAt", "1", "2")],
        ));
        groups.add(&changed(
            3,
            &[(STATUS, "FAILED", "COMPENSATED"), ("anomalies", "1", "2")],
        ));
        assert_eq!(
            groups.to_string(),
            "REFUND: FAILED → COMPENSATED, 2 sagas, other anomalies, endedAt; such as 2\n\
             REFUND: same status, 1 saga, other awaitedStep; such as 1\n"
        );
        assert_eq!(
            groups.to_json()[0]["currentStatus"],
            json!({"before": "FAILED", "after": "COMPENSATED"})
        );
    }

    #[test]
    fn the_groups_are_bounded_and_no_saga_goes_uncounted() {
        let mut groups = Groups::default();
        for number in 0..MOST + 3 {
            groups.add(&changed(number, &[(&format!("field{number}"), "1", "2")]));
        }
        assert_eq!(groups.groups.len(), MOST);
        assert!(
            groups
                .to_string()
                .ends_with("3 sagas that differ in further ways; --list shows each\n")
        );
    }
}
