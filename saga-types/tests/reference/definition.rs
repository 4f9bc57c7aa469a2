//! A definition, and what comes before what by it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// A definition as its file says it.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    pub(crate) saga_type: String,
    pub(crate) valid_from: Option<i64>,
    pub(crate) forward: Vec<Entry>,
    pub(crate) completes_with: Vec<String>,
    pub(crate) fails_with: Vec<String>,
    pub(crate) compensations: Vec<(String, Vec<String>)>,
    pub(crate) whole: Option<i64>,
    pub(crate) limits: Vec<Limit>,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) step: String,
    pub(crate) service: Option<String>,
    pub(crate) after: Option<Vec<String>>,
    pub(crate) optional: bool,
    pub(crate) choice: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Limit {
    pub(crate) step: String,
    pub(crate) within: i64,
    pub(crate) after: Option<String>,
}

impl Definition {
    /// The file.
    pub(crate) fn yaml(&self) -> String {
        let forward: Vec<Value> = self.forward.iter().map(entry_json).collect();
        let compensations = self.compensations.iter();
        let compensations: Vec<Value> = compensations
            .map(|(step, by)| json!({"step": step, "by": by}))
            .collect();
        let limits: Vec<Value> = self.limits.iter().map(limit_json).collect();
        let mut file = json!({
            "sagaType": self.saga_type, "startsWith": [self.forward[0].step], "forward": forward,
            "completesWith": self.completes_with, "failsWith": self.fails_with, "compensations": compensations,
            "limits": {"steps": limits},
        });
        if let Some(moment) = self.valid_from {
            file["validFrom"] = json!(format!("1970-01-01T00:00:00.{moment:03}Z"));
        }
        if let Some(whole) = self.whole {
            file["limits"]["whole"] = json!(format!("{whole}ms"));
        }
        file.to_string()
    }

    pub(super) fn entry(&self, step: &str) -> Option<&Entry> {
        self.forward.iter().find(|entry| entry.step == step)
    }

    pub(super) fn names(&self, step: &str) -> bool {
        step == "MANUAL_STATUS_OVERRIDE"
            || self.entry(step).is_some()
            || self.fails_with.iter().any(|name| name == step)
            || self
                .compensations
                .iter()
                .any(|(_, by)| by.iter().any(|name| name == step))
    }

    /// The names that come at once before an entry: of steps and of choices.
    pub(super) fn after(&self, index: usize) -> Vec<String> {
        let entry = &self.forward[index];
        if let Some(after) = &entry.after {
            return after.clone();
        }
        if let Some(choice) = &entry.choice {
            let first = self
                .forward
                .iter()
                .position(|other| other.choice.as_ref() == Some(choice));
            if first.unwrap() < index {
                return self.after(first.unwrap());
            }
        }
        if index == 0 {
            return Vec::new();
        }
        let previous = &self.forward[index - 1];
        vec![previous.choice.clone().unwrap_or_else(|| previous.step.clone())]
    }

    /// All steps that come before a step.
    pub(super) fn preceding(&self, step: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut to_visit = vec![step.to_owned()];
        while let Some(step) = to_visit.pop() {
            let index = self.forward.iter().position(|entry| entry.step == step);
            for name in self.after(index.unwrap()) {
                let entries = self.forward.iter();
                let meant =
                    entries.filter(|entry| entry.step == name || entry.choice.as_ref() == Some(&name));
                for entry in meant {
                    if found.insert(entry.step.clone()) {
                        to_visit.push(entry.step.clone());
                    }
                }
            }
        }
        found
    }

    pub(super) fn precedes(&self, earlier: &str, later: &str) -> bool {
        self.preceding(later).contains(earlier)
    }
}

fn entry_json(entry: &Entry) -> Value {
    let mut json = json!({"step": entry.step});
    if let Some(service) = &entry.service {
        json["service"] = json!(service);
    }
    if let Some(after) = &entry.after {
        json["after"] = json!(after);
    }
    if entry.optional {
        json["optional"] = json!(true);
    }
    if let Some(choice) = &entry.choice {
        json["choice"] = json!(choice);
    }
    json
}

fn limit_json(limit: &Limit) -> Value {
    let mut json = json!({"step": limit.step, "within": format!("{}ms", limit.within)});
    if let Some(after) = &limit.after {
        json["after"] = json!(after);
    }
    json
}
