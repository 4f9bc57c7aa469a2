//! The table of events, with what is unusual about each. Repeats are folded into one row, and it can be filtered.

mod event;
mod row;

use saga_store::StoredStep;
use saga_types::{Timestamp, fold::SagaState};

use self::{
    event::Event,
    row::{EventRow, date_and_time},
};
use super::{address::Address, waterfall::service};
use crate::{
    http::query_string::Params,
    scoped::Reader,
    ui::humanize::{length, number},
};

/// How many rows the table has.
const MOST_ROWS: usize = 200;

/// A longer table is folded on a phone.
const SHORT: usize = 12;

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
    /// Whether there is more to choose from than is read at a glance.
    pub(super) has_filter: bool,
    /// The steps and services that can be chosen, and whether one is.
    pub(super) steps: Vec<(String, bool)>,
    pub(super) services: Vec<(String, bool)>,
    pub(super) is_unusual: bool,
    /// How many are unusual, and these alone; none when the table is short or filtered.
    pub(super) unusual: Option<(String, String)>,
    /// Whether it is read at a glance on a phone, or was asked for; otherwise it is folded there.
    pub(super) is_open: bool,
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

impl EventTable {
    pub(super) fn of(
        steps: &[StoredStep],
        saga: &SagaState,
        reader: &Reader,
        filter: &EventFilter,
        address: &Address,
    ) -> Self {
        let events = event::all(steps, saga, reader);
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
        let is_asked = !filter.is_empty() || filter.is_whole;
        let is_short = entries.len() <= SHORT;
        let unusual = events.iter().filter(|event| event.is_unusual()).count() as u64;
        let only_unusual = || format!("{}#events", address.with("only", Some("unusual")));
        Self {
            unusual: (unusual > 0 && !is_asked && !is_short).then(|| (number(unusual), only_unusual())),
            is_open: is_asked || is_short,
            has_filter: is_asked || has_folds || !is_short,
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
