//! The table of events, with what is unusual about each. Repeats are folded into one row, and it can be filtered.

use std::{borrow::Cow, collections::BTreeMap};

use saga_types::{SagaStatus, Timestamp, fold::SagaState, keys, steps};
use serde_json::{Map, Value};

use super::{
    address::Address,
    waterfall::{is_corrected, service},
};
use crate::{
    http::query_string::Params,
    scoped::Reader,
    ui::{
        humanize::{length, number},
        links::encoded,
        page::Badge,
        tree::Tree,
    },
};
use saga_collector::redaction::Redaction;
use saga_store::{StoredStep, json::Json};

/// What the SDK adds to every event; not what a reader looks for first.
const ADDED: [&str; 4] = [
    keys::PRODUCER_SERVICE,
    keys::PRODUCER_TIMESTAMP,
    keys::TRACE_ID,
    keys::SPAN_ID,
];

/// How much of the metadata is in the row.
const PREVIEW_CHARS: usize = 48;

/// How many rows the table has.
const MOST_ROWS: usize = 200;

/// So many events of one kind after each other are folded.
const FOLDED_FROM: usize = 4;

/// Which of the events are asked for.
#[derive(Debug, Default)]
pub(super) struct EventFilter {
    step: Option<String>,
    service: Option<String>,
    is_unusual: bool,
    /// Repeats are not folded.
    is_whole: bool,
}

/// The parameters of the filter.
pub(super) const FILTER: [&str; 4] = ["step", "service", "only", "repeats"];

impl EventFilter {
    pub(super) fn take(params: &mut Params) -> Self {
        let is = |wanted: &'static str| {
            move |text: &str| match text == wanted {
                true => Ok(true),
                false => Err(format!("must be {wanted}")),
            }
        };
        Self {
            step: params.text("step"),
            service: params.text("service"),
            is_unusual: params.parsed("only", is("unusual")).is_some(),
            is_whole: params.parsed("repeats", is("shown")).is_some(),
        }
    }

    fn is_empty(&self) -> bool {
        self.step.is_none() && self.service.is_none() && !self.is_unusual
    }

    fn takes(&self, event: &Event) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        is(&self.step, event.step.step.as_str())
            && is(&self.service, service(event.step))
            && (!self.is_unusual || event.is_unusual())
    }
}

/// The table.
pub(super) struct EventTable {
    pub(super) entries: Vec<Entry>,
    /// The steps and services that can be chosen, and whether one is.
    pub(super) steps: Vec<(String, bool)>,
    pub(super) services: Vec<(String, bool)>,
    pub(super) is_unusual: bool,
    /// How many match, when it is filtered.
    pub(super) matching: Option<String>,
    /// With repeats folded or not, whichever it is not now.
    pub(super) unfold: Option<(&'static str, String)>,
    /// How many of the events that were read come before the end of the table.
    pub(super) covered: usize,
}

/// A row of the table.
pub(super) enum Entry {
    Event(Box<EventRow>),
    Folded(Folded),
}

/// Several events of one kind.
pub(super) struct Folded {
    pub(super) count: String,
    pub(super) step: String,
    pub(super) service: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) length: String,
    pub(super) unfold: String,
}

/// A row of one event.
pub(super) struct EventRow {
    pub(super) anchor: String,
    pub(super) permalink: String,
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

/// Something unusual: in a word, and explained.
#[derive(Clone)]
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

/// An event, with what sets it apart from the others.
struct Event<'a> {
    step: &'a StoredStep,
    before: Option<&'a StoredStep>,
    marks: Vec<Mark>,
    is_root_cause: bool,
}

impl Event<'_> {
    fn is_unusual(&self) -> bool {
        let is_fate = matches!(self.step.status, SagaStatus::Failed | SagaStatus::Compensated);
        is_fate || !self.marks.is_empty()
    }

    fn is_like(&self, other: &Self) -> bool {
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

impl EventTable {
    pub(super) fn of(
        steps: &[StoredStep],
        saga: &SagaState,
        reader: &Reader,
        filter: &EventFilter,
        address: &Address,
    ) -> Self {
        let events = events(steps, saga, reader);
        let names = |chosen: &Option<String>, of: fn(&StoredStep) -> &str| {
            let mut names: Vec<(String, bool)> = Vec::new();
            for name in steps.iter().map(of).chain(chosen.as_deref()) {
                if !names.iter().any(|(known, _)| known == name) {
                    names.push((name.to_owned(), chosen.as_deref() == Some(name)));
                }
            }
            names
        };
        let wanted: Vec<(usize, &Event)> = events
            .iter()
            .enumerate()
            .filter(|(_, event)| filter.takes(event))
            .collect();
        let is_folded = filter.is_empty() && !filter.is_whole;
        let (entries, shown) = entries(&wanted, is_folded, reader, address);
        let has_folds = entries.iter().any(|entry| matches!(entry, Entry::Folded(_)));
        let covered = wanted.get(shown).map_or(events.len(), |(place, _)| *place);
        let unfold = match (has_folds, filter.is_whole) {
            (true, _) => Some(("Show repeats", unfolded(address))),
            (false, true) => Some((
                "Fold repeats",
                format!("{}#events", address.with("repeats", None)),
            )),
            (false, false) => None,
        };
        Self {
            entries,
            steps: names(&filter.step, |step| step.step.as_str()),
            services: names(&filter.service, service),
            is_unusual: filter.is_unusual,
            matching: (!filter.is_empty()).then(|| number(wanted.len() as u64)),
            unfold,
            covered,
        }
    }
}

fn unfolded(address: &Address) -> String {
    format!("{}#events", address.with("repeats", Some("shown")))
}

/// The rows, and how many of the wanted events they are about.
fn entries(
    wanted: &[(usize, &Event)],
    is_folded: bool,
    reader: &Reader,
    address: &Address,
) -> (Vec<Entry>, usize) {
    let row = |event: &Event| Entry::Event(Box::new(EventRow::of(event, reader, address)));
    let (mut entries, mut shown) = (Vec::new(), 0);
    while let Some((_, first)) = wanted.get(shown)
        && entries.len() < MOST_ROWS
    {
        let like = wanted[shown..]
            .iter()
            .take_while(|(_, event)| event.is_like(first));
        let count = if is_folded { like.count() } else { 1 };
        if count < FOLDED_FROM {
            entries.push(row(first));
            shown += 1;
            continue;
        }
        let last = wanted[shown + count - 1].1;
        entries.push(row(first));
        entries.push(Entry::Folded(Folded::of(
            &wanted[shown + 1..shown + count - 1],
            address,
        )));
        entries.push(row(last));
        shown += count;
    }
    (entries, shown)
}

impl Folded {
    fn of(events: &[(usize, &Event)], address: &Address) -> Self {
        let [from, to] = [events.first(), events.last()].map(|event| event.map(|(_, event)| event.step));
        let at = |step: Option<&StoredStep>| step.map_or(Timestamp::MIN, |step| step.recorded_at);
        let time = |step| date_and_time(&at(step).to_string()).1;
        Self {
            count: number(events.len() as u64),
            step: from.map_or_else(String::new, |step| step.step.to_string()),
            service: from.map_or_else(String::new, |step| service(step).to_owned()),
            from: time(from),
            to: time(to),
            length: length(at(to).millis_since(at(from))),
            unfold: unfolded(address),
        }
    }
}

/// The events with their marks.
fn events<'a>(steps: &'a [StoredStep], saga: &SagaState, reader: &Reader) -> Vec<Event<'a>> {
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

impl EventRow {
    fn of(event: &Event, reader: &Reader, address: &Address) -> Self {
        let step = event.step;
        let at = step.recorded_at.to_string();
        let (date, time) = date_and_time(&at);
        let is_of_that_day = event
            .before
            .is_some_and(|before| date_and_time(&before.recorded_at.to_string()).0 == date);
        Self {
            anchor: format!("event-{}", step.event_id),
            permalink: address.to_event(&step.event_id),
            date: (!is_of_that_day).then_some(date),
            time,
            after: event
                .before
                .map(|before| length(step.recorded_at.millis_since(before.recorded_at))),
            step: step.step.to_string(),
            badge: step.status.into(),
            service: service(step).to_owned(),
            event_id: step.event_id.to_string(),
            trace: step
                .trace_id
                .as_ref()
                .map(|id| (id.clone(), reader.pages.trace_url(&encoded(id)))),
            preview: preview(&shown(step, &reader.redaction).unwrap_or_default()),
            is_root_cause: event.is_root_cause,
            marks: event.marks.clone(),
            metadata: shown(step, &reader.redaction)
                .and_then(|text| Tree::of(&text))
                .unwrap_or_else(Tree::empty),
            at,
        }
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

fn date_and_time(at: &str) -> (String, String) {
    let (date, time) = at.split_once('T').unwrap_or(("", at));
    (date.to_owned(), time.trim_end_matches('Z').to_owned())
}

/// The metadata as it may be shown.
fn shown<'a>(step: &'a StoredStep, redaction: &Redaction) -> Option<Cow<'a, str>> {
    let metadata = step.metadata.as_ref()?;
    Some(redaction.text(metadata.as_str()))
}

fn metadata(step: &StoredStep, redaction: &Redaction) -> Map<String, Value> {
    let shown = shown(step, redaction);
    shown
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// The first entries in a line, those of the service first.
fn preview(metadata: &str) -> String {
    let Ok(Json::Object(metadata)) = Json::at(metadata, 0) else {
        return "details".to_owned();
    };
    let own = metadata
        .iter()
        .filter(|(name, _)| !ADDED.contains(&name.as_str()));
    let entries = own.map(|(name, value)| match Json::at(value, 1) {
        Ok(Json::Text(text)) => format!("{name} {text}"),
        Ok(Json::Plain(plain)) => format!("{name} {plain}"),
        _ => format!("{name} …"),
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
        let preview = |metadata: Value| preview(&metadata.to_string());
        assert_eq!(super::preview(r#"{"a": 1.10}"#), "a 1.10");
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
