//! A saga: in short, as lists show it, and in full but for its steps.

use serde_json::{Map, Value};

use crate::{
    ask::{Ask, Call, Tracker},
    recorded::{LINK, first, is_nothing, pick},
};

const FIELDS: [&str; 11] = [
    "sagaId",
    "sagaType",
    "orderId",
    "currentStatus",
    "summary",
    "startedAt",
    "updatedAt",
    "durationMs",
    "failedStep",
    "failureReason",
    "lateMs",
];

/// How many awaited steps and compensations are shown of a saga of a list.
const OPEN: usize = 3;

/// How many entries of other lists are shown.
const ENTRIES: usize = 10;

const ALL_FIELDS: [&str; 14] = [
    "sagaId",
    "sagaType",
    "orderId",
    "parentSagaId",
    "currentStatus",
    "summary",
    "startedAt",
    "updatedAt",
    "endedAt",
    "durationMs",
    "failedStep",
    "failureReason",
    "stepCount",
    "metadataErasedAt",
];

/// A saga of a list.
pub(super) fn short<A: Ask>(tracker: &Tracker<'_, A>, saga: &Value) -> Value {
    let mut shown = pick(saga, &FIELDS);
    let awaited = first(&saga["awaiting"], OPEN, |step| {
        Value::Object(pick(step, &["step", "service", "since", "deadline"]))
    });
    if !awaited.is_empty() {
        shown.insert("awaiting".to_owned(), awaited.into());
    }
    let outstanding = first(&saga["outstandingCompensations"], OPEN, Value::clone);
    if !outstanding.is_empty() {
        shown.insert("outstandingCompensations".to_owned(), outstanding.into());
    }
    if let Some(assignee) = saga["acknowledgement"]["assignee"].as_str() {
        shown.insert("takenCareOfBy".to_owned(), assignee.into());
    }
    shown.insert(LINK.to_owned(), page(tracker, saga).into());
    Value::Object(shown)
}

/// The address of its page.
pub(super) fn page<A: Ask>(tracker: &Tracker<'_, A>, saga: &Value) -> String {
    let id = saga["sagaId"].as_str().unwrap_or_default();
    tracker.page(Call::to("/sagas").id(id).as_str())
}

/// All but its steps.
pub(super) fn described<A: Ask>(tracker: &Tracker<'_, A>, saga: &Value) -> Map<String, Value> {
    let mut shown = pick(saga, &ALL_FIELDS);
    let mut add = |name: &str, value: Value| {
        if !is_nothing(&value) {
            shown.insert(name.to_owned(), value);
        }
    };
    add("awaited", awaited(saga).into());
    for name in ["outstandingCompensations", "services", "anomalies"] {
        add(name, first(&saga[name], ENTRIES, Value::clone).into());
    }
    add("probableEnd", saga["expected"]["end"].clone());
    add("stuck", saga["expected"]["stuck"].clone());
    let parts = ["childrenTotal", "childrenFailed", "childrenCompensated"];
    add("parts", pick(&saga["family"], &parts).into());
    let care = ["assignee", "note", "until", "worse"];
    add("acknowledgement", pick(&saga["acknowledgement"], &care).into());
    add(LINK, page(tracker, saga).into());
    shown
}

/// What is owed next, and by whom, with how long that usually takes.
fn awaited(saga: &Value) -> Vec<Value> {
    let waits = &saga["expected"]["waits"];
    let entry = |step: &Value| {
        let mut shown = pick(step, &["step", "service", "choice", "since", "deadline"]);
        let waits = waits.as_array().map(Vec::as_slice).unwrap_or_default();
        let usual = waits.iter().find(|wait| wait["step"] == step["step"]);
        if let Some(usual) = usual.map(|wait| &wait["usual"]).filter(|usual| usual.is_object()) {
            let usual = pick(usual, &["observations", "p50Ms", "p95Ms", "p999Ms"]);
            shown.insert("usual".to_owned(), Value::Object(usual));
        }
        Value::Object(shown)
    };
    first(&saga["awaiting"], ENTRIES, entry)
}
