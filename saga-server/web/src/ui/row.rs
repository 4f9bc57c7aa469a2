//! One saga in a list: its state and what is needed now.

use saga_types::{
    SagaStatus,
    fold::{Awaiting, SagaState},
};

use super::{
    acknowledge::Mark,
    humanize::{Clock, Moment, length, list, roughly, short, undirected},
    links::{encoded, saga_path},
    page::Badge,
};
use crate::rest::ListedSaga;
use saga_store::{Late, StoredSaga};

/// One saga in a list.
pub(super) struct SagaRow {
    pub(super) badge: Badge,
    pub(super) saga_id: String,
    pub(super) short_id: String,
    pub(super) path: String,
    pub(super) saga_type: String,
    pub(super) order_id: String,
    pub(super) short_order: String,
    pub(super) order_path: String,
    pub(super) what_now: WhatNow,
    /// How long it took; nothing while it has not ended, or where an override ended it.
    pub(super) duration: String,
    pub(super) services: String,
    pub(super) started: Moment,
    /// Who takes care of it.
    pub(super) mark: Option<Mark>,
}

/// What is needed now, or how it ended.
pub(super) struct WhatNow {
    pub(super) words: String,
    /// The reason of a failure.
    pub(super) reason: Option<Reason>,
    /// Effects that still have to be undone, and by whom.
    pub(super) owed: Vec<Owed>,
    /// How late it is.
    pub(super) overdue: Option<String>,
    /// Its age against its limit, while it is not late.
    pub(super) limit: Option<Limit>,
}

/// Why a saga failed. Some services give a stack trace.
pub(super) struct Reason {
    /// The beginning of its first line.
    pub(super) line: String,
    /// More of it.
    pub(super) whole: String,
}

impl Reason {
    fn of(text: &str) -> Self {
        const LINE_CHARS: usize = 120;
        const WHOLE_CHARS: usize = 1_000;
        Self {
            line: undirected(&beginning(
                text.trim_start().lines().next().unwrap_or_default(),
                LINE_CHARS,
            )),
            whole: beginning(text, WHOLE_CHARS),
        }
    }
}

fn beginning(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// A column of the list.
pub(super) struct Column {
    /// In the style sheet, by which columns give way in narrow windows.
    pub(super) class: &'static str,
    pub(super) name: &'static str,
    /// The list sorted by it, in reverse where it is sorted so.
    pub(super) path: Option<String>,
    /// For `aria-sort`.
    pub(super) sorted: Option<&'static str>,
}

impl Column {
    const ALL: [(&str, &str); 8] = [
        ("status", "Status"),
        ("saga", "Saga"),
        ("type", "Type"),
        ("order", "Order"),
        ("state", "State"),
        ("duration number", "Duration"),
        ("services", "Services"),
        ("started", "Started"),
    ];

    /// The columns of a list that is not sorted by them.
    pub(super) fn all() -> Vec<Self> {
        let column = |(class, name)| Self {
            class,
            name,
            path: None,
            sorted: None,
        };
        Self::ALL.map(column).into()
    }
}

/// An effect that still has to be undone.
pub(super) struct Owed {
    pub(super) effect: String,
    pub(super) owner: String,
}

/// How much of its time has passed.
pub(super) struct Limit {
    pub(super) words: String,
    pub(super) hundredths: i64,
}

impl SagaRow {
    pub(super) fn new(saga: StoredSaga, clock: Clock) -> Self {
        Self {
            badge: saga.current_status.into(),
            short_id: short(saga.saga_id.as_str()),
            path: saga_path(saga.saga_id.as_str()),
            saga_type: saga.saga_type.to_string(),
            short_order: short(saga.order_id.as_str()),
            order_path: format!("/sagas?orderId={}", encoded(saga.order_id.as_str())),
            what_now: WhatNow::of(&saga, clock),
            duration: saga.duration_ms.map(length).unwrap_or_default(),
            services: list(&saga.services),
            started: Moment::new(saga.started_at, clock.now),
            mark: None,
            order_id: saga.state.order_id.into(),
            saga_id: saga.state.saga_id.into(),
        }
    }
}

impl SagaRow {
    pub(super) fn listed(listed: ListedSaga, clock: Clock) -> Self {
        Self {
            mark: listed.acknowledgement.map(|found| Mark::new(found, clock.now)),
            ..Self::new(listed.saga, clock)
        }
    }
}

impl WhatNow {
    /// All of it in one line, of which a list may show the beginning only.
    pub(super) fn whole(&self) -> String {
        let overdue = self
            .overdue
            .iter()
            .map(|overdue| format!("overdue by {overdue}; "));
        let owed = self.owed.iter();
        let owed = owed.map(|owed| format!("compensation pending: {} ({}); ", owed.effect, owed.owner));
        let reason = self.reason.iter().map(|reason| format!(" ({})", reason.line));
        let words = std::iter::once(self.words.clone());
        overdue.chain(owed).chain(words).chain(reason).collect()
    }

    pub(super) fn of(saga: &StoredSaga, clock: Clock) -> Self {
        let words = match saga.current_status {
            SagaStatus::Started | SagaStatus::InProgress => under_way(saga, clock),
            SagaStatus::Completed => match saga.duration_ms {
                Some(_) => "completed".to_owned(),
                None => "completed by an override".to_owned(),
            },
            SagaStatus::Failed | SagaStatus::Compensated => match &saga.failed_step {
                Some(step) => format!("failed at {step}"),
                None => format!("ended with {}", saga.last_step),
            },
        };
        let overdue = overdue(saga, clock);
        Self {
            words,
            reason: saga.failure_reason.as_deref().map(Reason::of),
            owed: owed(saga),
            limit: limit(saga, clock).filter(|_| overdue.is_none()),
            overdue,
        }
    }
}

fn under_way(saga: &SagaState, clock: Clock) -> String {
    let age = |since| roughly(clock.now.millis_since(since).max(0));
    match saga.most_urgent() {
        Some(next) => format!(
            "waiting for {} from {} for {}{}",
            alternatives(saga, next),
            next.owner(),
            age(next.since),
            others(saga, next)
        ),
        None => format!("at {} for {}", saga.last_step, age(saga.updated_at)),
    }
}

/// An awaited step, with those of its owner of which one is enough.
fn alternatives(saga: &SagaState, one: &Awaiting) -> String {
    let is_same = |other: &&Awaiting| {
        *other == one
            || one.choice.is_some() && (&other.choice, &other.service) == (&one.choice, &one.service)
    };
    let steps: Vec<&str> = saga
        .awaiting
        .iter()
        .filter(is_same)
        .map(|other| other.step.as_str())
        .collect();
    steps.join(" or ")
}

/// How many steps are awaited beside one of them; the alternatives of a choice count once.
fn others(saga: &SagaState, one: &Awaiting) -> String {
    let mut others: Vec<&Awaiting> = Vec::new();
    for awaiting in &saga.awaiting {
        let is_same = |other: &Awaiting| awaiting.choice.is_some() && awaiting.choice == other.choice;
        if awaiting != one && !is_same(one) && !others.iter().any(|other| is_same(other)) {
            others.push(awaiting);
        }
    }
    match others.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    }
}

/// The pending compensations of a saga, each with its owner.
fn owed(saga: &SagaState) -> Vec<Owed> {
    saga.outstanding_compensations
        .iter()
        .zip(&saga.awaiting)
        .map(|(effect, awaiting)| Owed {
            effect: effect.to_string(),
            owner: awaiting.owner().to_owned(),
        })
        .collect()
}

/// By how much a saga is past its limit, as REST and alerts compute it.
fn overdue(saga: &StoredSaga, clock: Clock) -> Option<String> {
    Late::Stuck.late_ms(saga, clock.judged_at).map(roughly)
}

/// Of the time from which on it is awaited to the limit.
fn limit(saga: &SagaState, clock: Clock) -> Option<Limit> {
    let next = saga.most_urgent()?;
    let (since, deadline) = (next.since, next.deadline?);
    let whole = deadline.millis_since(since).max(1);
    let passed = clock.now.millis_since(since).clamp(0, whole);
    Some(Limit {
        words: format!("{} of {}", roughly(passed), length(whole / 1000 * 1000)),
        hundredths: passed * 100 / whole,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_trace_is_one_line_of_the_list() {
        let reason = Reason::of("x.NoFunds: none\n\tat x.Pay.run(Pay.java:42)");
        assert_eq!(reason.line, "x.NoFunds: none");
        assert!(reason.whole.contains("Pay.java:42"));
        let long = Reason::of(&"잔액부족".repeat(500));
        assert_eq!(
            (long.line.chars().count(), long.whole.chars().count()),
            (121, 1_001)
        );
    }
}
