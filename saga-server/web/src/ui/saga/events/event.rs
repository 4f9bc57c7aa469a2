//! An event, and what is unusual about it.

use std::{borrow::Cow, collections::BTreeMap};

use saga_collector::redaction::Redaction;
use saga_store::StoredStep;
use saga_types::{SagaStatus, Timestamp, fold::SagaState, keys, steps};
use serde_json::{Map, Value};

use crate::{scoped::Reader, ui::saga::waterfall::is_corrected};

/// Something unusual: in a word, and explained.
#[derive(Clone)]
pub(in crate::ui::saga) struct Mark {
    pub(in crate::ui::saga) word: String,
    pub(in crate::ui::saga) why: String,
}

impl Mark {
    fn new(word: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            word: word.into(),
            why: why.into(),
        }
    }
}

/// An event, with what sets it apart from the others.
pub(super) struct Event<'a> {
    pub(super) step: &'a StoredStep,
    pub(super) before: Option<&'a StoredStep>,
    pub(super) marks: Vec<Mark>,
    pub(super) is_root_cause: bool,
}

impl Event<'_> {
    pub(super) fn is_unusual(&self) -> bool {
        let is_fate = matches!(self.step.status, SagaStatus::Failed | SagaStatus::Compensated);
        is_fate || !self.marks.is_empty()
    }

    pub(super) fn is_like(&self, other: &Self) -> bool {
        let kind = |event: &Self| {
            (
                event.step.step.clone(),
                event.step.status,
                event.step.producer_service.clone(),
            )
        };
        kind(self) == kind(other)
    }
}

/// How often each kind of event was seen.
type Seen<'a> = BTreeMap<(&'a str, SagaStatus, Option<&'a str>), u32>;

/// The events with their marks.
pub(super) fn all<'a>(steps: &'a [StoredStep], saga: &SagaState, reader: &Reader) -> Vec<Event<'a>> {
    let root = steps
        .iter()
        .position(|step| step.status == SagaStatus::Failed && saga.failed_step.as_ref() == Some(&step.step));
    let late = late(steps);
    let mut seen = Seen::new();
    let mut events = Vec::with_capacity(steps.len());
    for (place, step) in steps.iter().enumerate() {
        let mut marks = marks(step, &mut seen, saga, reader);
        if late[place] {
            let why = "It was stored after an event that happened later.";
            marks.insert(0, Mark::new("arrived late", why));
        }
        events.push(Event {
            step,
            before: place.checked_sub(1).map(|before| &steps[before]),
            marks,
            is_root_cause: root == Some(place),
        });
    }
    events
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

fn marks<'a>(step: &'a StoredStep, seen: &mut Seen<'a>, saga: &SagaState, reader: &Reader) -> Vec<Mark> {
    let mut marks = Vec::new();
    let same = (step.step.as_str(), step.status, step.producer_service.as_deref());
    let times = seen.entry(same).and_modify(|times| *times += 1).or_insert(1);
    if *times > 1 {
        let why = "The service recorded the same before, as another event: a retry, or work done twice.";
        marks.push(Mark::new(format!("attempt {times}"), why));
    }
    if step.step == steps::MANUAL_STATUS_OVERRIDE {
        let metadata = metadata(step, &reader.redaction);
        let text = |key: &str| metadata.get(key).and_then(Value::as_str).unwrap_or("somebody");
        let by = match is_corrected(step) {
            true => format!("manual: {}", text(keys::ACTOR)),
            // The name in it is a claim of the service.
            false => {
                let service = step.producer_service.as_deref().unwrap_or("an unknown service");
                format!("recorded by {service} as a manual override")
            }
        };
        marks.push(Mark::new(by, text(keys::REASON)));
    } else if reader
        .definitions()
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

/// The metadata as it may be shown.
pub(super) fn shown<'a>(step: &'a StoredStep, redaction: &Redaction) -> Option<Cow<'a, str>> {
    let metadata = step.metadata.as_ref()?;
    Some(redaction.text(metadata.as_str()))
}

fn metadata(step: &StoredStep, redaction: &Redaction) -> Map<String, Value> {
    let shown = shown(step, redaction);
    shown
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}
