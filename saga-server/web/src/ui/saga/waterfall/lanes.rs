//! The events of a saga by rows: when something was waited for, when it was worked on, and when it happened.

use std::collections::HashMap;

use saga_types::{Metadata, SagaStatus, Step, Timestamp, definition::SagaDefinition, keys, steps};
use serde_json::Value;

use saga_store::{StoredStep, UsualWait};

use super::Grouping;
use crate::ui::humanize::length;

/// From one moment to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ui::saga) struct Span {
    pub(in crate::ui::saga) from: Timestamp,
    pub(in crate::ui::saga) to: Timestamp,
}

impl Span {
    pub(in crate::ui::saga) fn millis(self) -> i64 {
        self.to.millis_since(self.from).max(0)
    }
}

/// All events of a step by the service that does it, or all of a service.
#[derive(Debug)]
pub(in crate::ui::saga) struct Lane<'a> {
    /// None for a lane of a service.
    pub(in crate::ui::saga) step: Option<&'a str>,
    pub(in crate::ui::saga) service: &'a str,
    pub(in crate::ui::saga) events: Vec<&'a StoredStep>,
    /// What was waited for the events; where branches run at the same time, lanes overlap.
    pub(in crate::ui::saga) waits: Vec<Span>,
    /// How long the services worked (`durationMs`).
    pub(in crate::ui::saga) works: Vec<Span>,
    /// From the event before to each of these, so that all lanes with their echoes are the whole time.
    pub(in crate::ui::saga) share_ms: i64,
    /// The same step as other services recorded it.
    pub(in crate::ui::saga) echoes: Vec<Echo<'a>>,
    /// How long sagas of the type wait for the step, where that is known.
    pub(in crate::ui::saga) usual: Option<UsualWait>,
}

/// A step that another service recorded as well.
#[derive(Debug)]
pub(in crate::ui::saga) struct Echo<'a> {
    pub(in crate::ui::saga) service: &'a str,
    /// After the first event of the lane.
    pub(in crate::ui::saga) after: String,
    /// From the event before to it.
    pub(in crate::ui::saga) share_ms: i64,
}

impl Lane<'_> {
    /// The step, unless it is a lane of a service.
    pub(super) fn own_step(&self) -> Option<&Step> {
        self.step.and(self.events.first()).map(|event| &event.step)
    }

    pub(in crate::ui::saga) fn wait_ms(&self) -> i64 {
        self.waits.iter().map(|span| span.millis()).sum()
    }

    /// What the lane ended with, where that is worth a colour.
    pub(in crate::ui::saga) fn fate(&self) -> SagaStatus {
        let statuses = || self.events.iter().map(|event| event.status);
        let fates = [SagaStatus::Failed, SagaStatus::Compensated];
        let fate = fates
            .into_iter()
            .find(|fate| statuses().any(|status| status == *fate));
        fate.or_else(|| statuses().next_back())
            .unwrap_or(SagaStatus::InProgress)
    }
}

/// Whether an operator set the status here, and not an event of the topic.
pub(in crate::ui::saga) fn is_corrected(step: &StoredStep) -> bool {
    step.step == steps::MANUAL_STATUS_OVERRIDE
        && step.metadata.as_ref().and_then(Metadata::corrected_via).is_some()
}

/// Who recorded a step, as far as it is known.
pub(in crate::ui::saga) fn service(step: &StoredStep) -> &str {
    let unnamed = match is_corrected(step) {
        true => "manual",
        false => "unknown service",
    };
    step.producer_service.as_deref().unwrap_or(unnamed)
}

/// The lanes in the order of their first events.
pub(in crate::ui::saga) fn lanes<'a>(
    events: &'a [StoredStep],
    definition: Option<&SagaDefinition>,
    grouping: Grouping,
) -> Vec<Lane<'a>> {
    let main = main_services(events, definition);
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    let mut lanes: Vec<Lane<'a>> = Vec::new();
    for (place, event) in events.iter().enumerate() {
        let step = event.step.as_str();
        let key = match grouping {
            Grouping::Steps => (step, *main.get(step).unwrap_or(&service(event))),
            Grouping::Services => ("", service(event)),
        };
        let lane = *places.entry(key).or_insert_with(|| {
            lanes.push(Lane {
                step: (grouping == Grouping::Steps).then_some(step),
                service: key.1,
                events: Vec::new(),
                waits: Vec::new(),
                works: Vec::new(),
                share_ms: 0,
                echoes: Vec::new(),
                usual: None,
            });
            lanes.len() - 1
        });
        let lane = &mut lanes[lane];
        let before = place.checked_sub(1).map(|before| &events[before]);
        let share_ms = before.map_or(0, |before| event.recorded_at.millis_since(before.recorded_at));
        if service(event) == lane.service {
            lane.share_ms += share_ms;
            add(lane, events, place, definition);
        } else {
            add_echo(lane, event, share_ms);
        }
    }
    lanes
}

/// Which service does each step: its owner, or, if that recorded nothing of it, the first that did.
fn main_services<'a>(
    events: &'a [StoredStep],
    definition: Option<&SagaDefinition>,
) -> HashMap<&'a str, &'a str> {
    let mut main: HashMap<&str, &str> = HashMap::new();
    for event in events {
        let owner = definition.and_then(|definition| definition.owner(&event.step));
        if owner == Some(service(event)) {
            main.insert(event.step.as_str(), service(event));
        } else {
            main.entry(event.step.as_str()).or_insert(service(event));
        }
    }
    main
}

fn add<'a>(lane: &mut Lane<'a>, events: &'a [StoredStep], place: usize, definition: Option<&SagaDefinition>) {
    let event = &events[place];
    let to = event.recorded_at;
    if let Some(from) = waited_since(events, place, definition) {
        // A retry goes on waiting where its lane stopped.
        match lane.waits.last_mut() {
            Some(last) if last.to >= from => last.to = last.to.max(to),
            _ => lane.waits.push(Span { from, to }),
        }
    }
    if let Some(millis) = duration_ms(event) {
        let from = Timestamp::from_millis(to.as_millis().saturating_sub(millis)).unwrap_or(to);
        lane.works.push(Span { from, to });
    }
    lane.events.push(event);
}

/// Since when an event was waited for: the event before it, except those of branches that run at the same time.
fn waited_since(
    events: &[StoredStep],
    place: usize,
    definition: Option<&SagaDefinition>,
) -> Option<Timestamp> {
    /// How far back a branch is looked for.
    const FAR: usize = 64;
    let last = place.checked_sub(1)?;
    let nearest = events[last.saturating_sub(FAR)..=last]
        .iter()
        .rev()
        .find(|before| !is_of_another_branch(before, &events[place], definition));
    Some(nearest.unwrap_or(&events[last]).recorded_at)
}

fn is_of_another_branch(
    before: &StoredStep,
    event: &StoredStep,
    definition: Option<&SagaDefinition>,
) -> bool {
    let Some(path) = definition
        .map(SagaDefinition::path)
        .filter(|path| !path.is_straight_line())
    else {
        return false;
    };
    let numbers = path.number_of(&before.step).zip(path.number_of(&event.step));
    numbers.is_some_and(|(before, now)| {
        before != now && !path.precedes(before, now) && !path.precedes(now, before)
    })
}

fn add_echo<'a>(lane: &mut Lane<'a>, event: &'a StoredStep, share_ms: i64) {
    if let Some(echo) = lane.echoes.iter_mut().find(|echo| echo.service == service(event)) {
        echo.share_ms += share_ms;
        return;
    }
    let first = lane.events.first();
    lane.echoes.push(Echo {
        service: service(event),
        after: match first.map(|first| event.recorded_at.millis_since(first.recorded_at)) {
            Some(millis) => format!("+{}", length(millis)),
            None => "before it".to_owned(),
        },
        share_ms,
    });
}

/// How long the service worked, by its event.
fn duration_ms(event: &StoredStep) -> Option<i64> {
    let metadata = event
        .metadata
        .as_ref()
        .filter(|text| text.as_str().contains(keys::DURATION_MS))?;
    let millis = match metadata.to_object().get(keys::DURATION_MS)? {
        Value::Number(millis) => millis.as_i64().or_else(|| rounded(millis.as_f64()?)),
        _ => None,
    };
    millis.filter(|millis| *millis > 0)
}

/// No service works for a thousand years.
fn rounded(millis: f64) -> Option<i64> {
    (0.0..1e13)
        .contains(&millis)
        .then(|| format!("{millis:.0}").parse().ok())?
}

#[cfg(test)]
pub(super) mod tests {
    use saga_types::{OrderId, SagaType};
    use serde_json::json;

    use super::*;

    pub(in crate::ui::saga) fn event(step: &str, service: &str, millis: i64, metadata: Value) -> StoredStep {
        let mut entries = metadata.as_object().unwrap().clone();
        entries.insert("producerService".to_owned(), service.into());
        let at = Timestamp::from_millis(1_760_000_000_000 + millis).unwrap();
        StoredStep {
            id: millis,
            event_id: format!("{step}-{millis}").parse().unwrap(),
            step: Step::from_wire(step).unwrap(),
            status: SagaStatus::InProgress,
            producer_service: Some(service.to_owned()),
            trace_id: None,
            metadata: Some(Metadata::from_object(&entries).unwrap()),
            saga_type: SagaType::ORDER_CREATION,
            order_id: OrderId::new("ORD-1").unwrap(),
            recorded_at: at,
            stored_at: at,
            erased_at: None,
        }
    }

    fn found(events: &[StoredStep], definition: Option<&SagaDefinition>) -> Vec<(String, i64, i64)> {
        lanes(events, definition, Grouping::Steps)
            .iter()
            .map(|lane| (lane.step.unwrap().to_owned(), lane.wait_ms(), lane.share_ms))
            .collect()
    }

    #[test]
    fn retries_are_one_lane_and_all_lanes_together_are_the_whole_time() {
        let events = [
            event("A", "one", 0, json!({})),
            event("B", "two", 100, json!({})),
            event("B", "two", 400, json!({"durationMs": 250})),
            event("C", "one", 31_000, json!({})),
        ];
        assert_eq!(
            found(&events, None),
            [
                ("A".to_owned(), 0, 0),
                ("B".to_owned(), 400, 400),
                ("C".to_owned(), 30_600, 30_600)
            ]
        );
        let lanes = lanes(&events, None, Grouping::Steps);
        assert_eq!((lanes[1].events.len(), lanes[1].waits.len()), (2, 1));
        assert_eq!(lanes[1].works[0].millis(), 250);
        assert_eq!(lanes.iter().map(|lane| lane.share_ms).sum::<i64>(), 31_000);
    }

    #[test]
    fn the_same_step_of_another_service_is_an_echo_and_no_retry() {
        let events = [
            event("A", "one", 0, json!({})),
            event("B", "two", 100, json!({})),
            event("B", "one", 203, json!({})),
        ];
        let lanes = lanes(&events, None, Grouping::Steps);
        assert_eq!((lanes.len(), lanes[1].events.len()), (2, 1));
        assert_eq!((lanes[1].share_ms, lanes[1].echoes[0].share_ms), (100, 103));
        assert_eq!(
            (lanes[1].echoes[0].service, lanes[1].echoes[0].after.as_str()),
            ("one", "+103 ms")
        );
    }

    #[test]
    fn branches_that_run_at_the_same_time_both_wait_since_the_fork() {
        let definition = SagaDefinition::from_yaml(
            "sagaType: SHIP\nstartsWith: [START]\ncompletesWith: [JOIN]\nforward:\n  - {step: START}\n  - {step: LEFT, after: [START]}\n  \
             - {step: RIGHT, after: [START]}\n  - {step: JOIN, after: [LEFT, RIGHT]}\n",
        )
        .unwrap();
        let events = [
            event("START", "one", 0, json!({})),
            event("LEFT", "two", 1_000, json!({})),
            event("RIGHT", "three", 3_000, json!({})),
            event("JOIN", "one", 3_500, json!({})),
        ];
        let waits: Vec<_> = found(&events, Some(&definition))
            .into_iter()
            .map(|(_, wait, _)| wait)
            .collect();
        assert_eq!(waits, [0, 1_000, 3_000, 500]);
    }
}
