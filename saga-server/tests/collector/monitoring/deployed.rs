//! The files of `deploy`, as the tests need them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// A file of `deploy`.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(name)
}

fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&std::fs::read_to_string(path(name)).unwrap()).unwrap()
}

fn rules() -> Value {
    yaml("prometheus/saga-tracker.rules.yml")
}

/// The expressions of all alerts.
pub(crate) fn alert_expressions() -> Vec<String> {
    let rules = rules();
    let groups = rules["groups"].as_array().unwrap().iter();
    groups
        .flat_map(|group| group["rules"].as_array().unwrap())
        .map(|rule| rule["expr"].as_str().unwrap().to_owned())
        .collect()
}

/// The rules as they are, but an alert fires without having lasted. (JSON is YAML.)
pub(crate) fn impatient_rules() -> String {
    let mut rules = rules();
    for group in rules["groups"].as_array_mut().unwrap() {
        for rule in group["rules"].as_array_mut().unwrap() {
            rule.as_object_mut().unwrap().remove("for");
        }
    }
    rules.to_string()
}

/// The routes as they are, but without waiting, and each receiver is a path of one webhook: `/slack`, `/pagerduty`.
pub(crate) fn routes_to(webhook: &str) -> String {
    let mut config = yaml("alertmanager/alertmanager.yml");
    config["route"]["group_wait"] = json!("0s");
    for receiver in config["receivers"].as_array_mut().unwrap() {
        let name = receiver["name"].as_str().unwrap().to_owned();
        *receiver = json!({"name": name, "webhook_configs": [{"url": format!("{webhook}/{name}")}]});
    }
    config.to_string()
}

/// The queries of the dashboard, with the panel that asks.
pub(crate) fn dashboard_queries() -> Vec<(String, String)> {
    let dashboard = std::fs::read_to_string(path("grafana/saga-tracker.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    panels
        .flat_map(|panel| {
            let targets = panel["targets"].as_array().cloned().unwrap_or_default();
            targets.into_iter().map(|target| {
                (
                    panel["title"].as_str().unwrap().to_owned(),
                    target["expr"].as_str().unwrap().to_owned(),
                )
            })
        })
        .collect()
}
