//! The table of events, with what is remarkable about each.

use std::collections::BTreeMap;

use saga_types::{SagaStatus, Timestamp, fold::SagaState, keys, steps};
use serde_json::{Map, Value};

use super::timeline::{is_corrected, service};
use crate::state::AppState;
use crate::ui::{humanize::length, page::Badge, search::encoded, tree::Tree};
use saga_collector::redaction::Redaction;
use saga_store::StoredStep;

/// What the SDK adds to every event; not what a reader looks for first.
const ADDED: [&str; 4] = [
    keys::PRODUCER_SERVICE,
    keys::PRODUCER_TIMESTAMP,
    keys::TRACE_ID,
    keys::SPAN_ID,
];

/// How much of the metadata stands in the row.
const PREVIEW_CHARS: usize = 48;

/// One row of the table.
pub(super) struct EventRow {
    pub(super) anchor: String,
    pub(super) at: String,
    /// When it differs from the event before.
    pub(super) date: Option<String>,
    pub(super) time: String,
    /// From the event before.
    pub(super) after: Option<String>,
    pub(super) step: String,
    pub(super) badge: Badge,
    pub(super) service: String,
    pub(super) event_id: String,
    pub(super) trace: Option<(String, Option<String>)>,
    pub(super) metadata: Tree,
    /// The beginning of the metadata.
    pub(super) preview: String,
    /// It is the root of the failure.
    pub(super) is_root_cause: bool,
    pub(super) marks: Vec<Mark>,
}

/// Something remarkable: in a word, and explained.
pub(super) struct Mark {
    pub(super) word: String,
    pub(super) why: String,
}

impl Mark {
    fn new(word: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            word: word.into(),
            why: why.into(),
        }
    }
}

/// What is known of the events before one.
#[derive(Default)]
struct Before<'a> {
    last: Option<&'a StoredStep>,
    seen: BTreeMap<(&'a str, SagaStatus, Option<&'a str>), u32>,
}

impl EventRow {
    pub(super) fn all(steps: &[StoredStep], saga: &SagaState, state: &AppState) -> Vec<Self> {
        let root = steps.iter().position(|step| {
            step.status == SagaStatus::Failed && saga.failed_step.as_ref() == Some(&step.step)
        });
        let late = late(steps);
        let mut before = Before::default();
        let mut rows = Vec::with_capacity(steps.len());
        for (place, step) in steps.iter().enumerate() {
            let mut row = Self::of(place, step, &mut before, saga, state);
            row.is_root_cause = root == Some(place);
            if late[place] {
                let why = "It was stored after an event that happened later.";
                row.marks.insert(0, Mark::new("came late", why));
            }
            rows.push(row);
        }
        rows
    }

    fn of<'a>(
        place: usize,
        step: &'a StoredStep,
        before: &mut Before<'a>,
        saga: &SagaState,
        state: &AppState,
    ) -> Self {
        let at = step.recorded_at.to_string();
        let metadata = metadata(step, &state.redaction);
        let (date, time) = date_and_time(&at);
        let is_of_that_day = before
            .last
            .is_some_and(|last| date_and_time(&last.recorded_at.to_string()).0 == date);
        let row = Self {
            anchor: format!("event-{}", place + 1),
            date: (!is_of_that_day).then_some(date),
            time,
            after: before
                .last
                .map(|last| length(step.recorded_at.millis_since(last.recorded_at))),
            step: step.step.to_string(),
            badge: step.status.into(),
            service: service(step).to_owned(),
            event_id: step.event_id.to_string(),
            trace: step
                .trace_id
                .as_ref()
                .map(|id| (id.clone(), state.pages.trace_url(&encoded(id)))),
            preview: preview(&metadata),
            is_root_cause: false,
            marks: marks(step, before, saga, state, &metadata),
            metadata: Tree::of_object(&metadata),
            at,
        };
        before.last = Some(step);
        row
    }
}

/// Which events were stored after one that happened later. Those of one batch came together.
fn late(steps: &[StoredStep]) -> Vec<bool> {
    let mut earliest = Timestamp::MAX;
    let mut late: Vec<bool> = steps
        .iter()
        .rev()
        .map(|step| {
            let is_late = step.stored_at > earliest;
            earliest = earliest.min(step.stored_at);
            is_late
        })
        .collect();
    late.reverse();
    late
}

fn marks<'a>(
    step: &'a StoredStep,
    before: &mut Before<'a>,
    saga: &SagaState,
    state: &AppState,
    metadata: &Map<String, Value>,
) -> Vec<Mark> {
    let mut marks = Vec::new();
    let same = (step.step.as_str(), step.status, step.producer_service.as_deref());
    let times = before
        .seen
        .entry(same)
        .and_modify(|times| *times += 1)
        .or_insert(1);
    if *times > 1 {
        let why = "The service recorded the same before, as another event: a retry, or work done twice.";
        marks.push(Mark::new(format!("again, {times} times"), why));
    }
    if step.step == steps::MANUAL_STATUS_OVERRIDE {
        let text = |key: &str| metadata.get(key).and_then(Value::as_str).unwrap_or("somebody");
        let said = match is_corrected(step) {
            true => format!("by hand: {}", text(keys::ACTOR)),
            // The name in it is a claim of the service.
            false => {
                let service = step.producer_service.as_deref().unwrap_or("an unnamed service");
                format!("recorded by {service} as set by hand")
            }
        };
        marks.push(Mark::new(said, text(keys::REASON)));
    } else if state
        .store
        .definitions()
        .get()
        .in_force(&saga.saga_type, saga.started_at)
        .is_some_and(|definition| !definition.knows(&step.step))
    {
        marks.push(Mark::new(
            "unknown step",
            "The definition of this saga type does not name it.",
        ));
    }
    if step.order_id != saga.order_id {
        marks.push(Mark::new(
            format!("order {}", step.order_id),
            "It names another order than the first event.",
        ));
    }
    if step.saga_type != saga.saga_type {
        marks.push(Mark::new(
            format!("type {}", step.saga_type),
            "It names another type than the first event.",
        ));
    }
    if saga.current_status == SagaStatus::Completed
        && saga.ended_at.is_some_and(|ended_at| step.recorded_at > ended_at)
    {
        marks.push(Mark::new("after completion", "The saga was completed before."));
    }
    marks
}

fn date_and_time(at: &str) -> (String, String) {
    let (date, time) = at.split_once('T').unwrap_or(("", at));
    (date.to_owned(), time.trim_end_matches('Z').to_owned())
}

fn metadata(step: &StoredStep, redaction: &Redaction) -> Map<String, Value> {
    let Some(metadata) = &step.metadata else {
        return Map::new();
    };
    serde_json::from_str(&redaction.text(metadata.as_str())).unwrap_or_default()
}

/// The first entries in a line, those of the service first.
fn preview(metadata: &Map<String, Value>) -> String {
    let own = metadata
        .iter()
        .filter(|(name, _)| !ADDED.contains(&name.as_str()));
    let entries = own.map(|(name, value)| match value {
        Value::String(text) => format!("{name} {text}"),
        Value::Object(_) | Value::Array(_) => format!("{name} …"),
        plain => format!("{name} {plain}"),
    });
    let line = entries.collect::<Vec<_>>().join(" · ");
    if line.is_empty() {
        return "details".to_owned();
    }
    let beginning: String = line.chars().take(PREVIEW_CHARS).collect();
    if beginning.len() < line.len() {
        format!("{}…", beginning.trim_end())
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_preview_begins_with_what_the_service_told() {
        let preview = |metadata: Value| preview(metadata.as_object().unwrap());
        assert_eq!(
            preview(json!({"producerService": "order", "orderAmount": 128, "place": {"x": 1}})),
            "orderAmount 128 · place …"
        );
        assert_eq!(preview(json!({"traceId": "4bf9"})), "details");
        assert_eq!(
            preview(json!({"note": "주".repeat(90)})),
            format!("note {}…", "주".repeat(43))
        );
    }
}
