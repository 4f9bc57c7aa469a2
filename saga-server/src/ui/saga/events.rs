//! The table of events, with what is remarkable about each.

use std::collections::BTreeMap;

use saga_types::{SagaStatus, Timestamp, fold::SagaState};
use serde_json::Value;

use super::super::{page::Badge, words::length};
use crate::{redaction::Redaction, store::StoredStep};

/// One row of the table.
pub(super) struct EventRow {
    pub(super) anchor: String,
    pub(super) at: String,
    /// From the event before.
    pub(super) after: Option<String>,
    pub(super) step: String,
    pub(super) badge: Badge,
    pub(super) service: String,
    pub(super) event_id: String,
    pub(super) trace: Option<String>,
    /// Keys and values, nested ones as indented JSON.
    pub(super) metadata: Vec<(String, String)>,
    /// It is the root of the failure.
    pub(super) is_root_cause: bool,
    /// It arrived after one that happened later.
    pub(super) is_late: bool,
}

impl EventRow {
    pub(super) fn all(steps: &[StoredStep], saga: &SagaState, redaction: &Redaction) -> Vec<Self> {
        let root = steps.iter().position(|step| {
            step.status == SagaStatus::Failed && saga.failed_step.as_ref() == Some(&step.step)
        });
        let mut newest_row = i64::MIN;
        let mut before: Option<Timestamp> = None;
        let mut rows = Vec::with_capacity(steps.len());
        for (place, step) in steps.iter().enumerate() {
            rows.push(Self {
                anchor: format!("event-{}", place + 1),
                at: step.recorded_at.to_string(),
                after: before.map(|before| length(step.recorded_at.millis_since(before))),
                step: step.step.to_string(),
                badge: step.status.into(),
                service: step
                    .producer_service
                    .clone()
                    .unwrap_or_else(|| "unnamed".to_owned()),
                event_id: step.event_id.to_string(),
                trace: step.trace_id.clone(),
                metadata: metadata(step, redaction),
                is_root_cause: root == Some(place),
                is_late: step.id < newest_row,
            });
            newest_row = newest_row.max(step.id);
            before = Some(step.recorded_at);
        }
        rows
    }
}

fn metadata(step: &StoredStep, redaction: &Redaction) -> Vec<(String, String)> {
    let Some(metadata) = &step.metadata else {
        return Vec::new();
    };
    let entries: BTreeMap<String, Value> =
        serde_json::from_str(&redaction.text(metadata.as_str())).unwrap_or_default();
    entries
        .into_iter()
        .map(|(key, value)| (key, readable(&value)))
        .collect()
}

fn readable(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(_) | Value::Array(_) => serde_json::to_string_pretty(value).unwrap_or_default(),
        plain => plain.to_string(),
    }
}
