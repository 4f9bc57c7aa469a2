//! The state as one sentence or two, for the person on call.

use std::fmt;

use super::{Awaiting, SagaState};
use crate::{SagaStatus, Timestamp, length, steps};

/// A piece of the sentence. Moments are kept apart from the words, so that a page can show how long ago they were; as text
/// they are exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phrase {
    /// Words, with the spaces and marks around them.
    Words(String),
    /// When something happened.
    At(Timestamp),
    /// The same, where the words before it end with a comma.
    Moment(Timestamp),
    /// Since when something lasts.
    Since(Timestamp),
    /// Until when something must have happened.
    DueBy(Timestamp),
}

impl fmt::Display for Phrase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => formatter.write_str(words),
            Self::At(moment) => write!(formatter, "at {moment}"),
            Self::Moment(moment) => write!(formatter, "{moment}"),
            Self::Since(moment) => write!(formatter, "since {moment}"),
            Self::DueBy(moment) => write!(formatter, "due by {moment}"),
        }
    }
}

impl SagaState {
    /// What happened, what is awaited or owed, by whom, since when. [`SagaState::summary`] is the same as text.
    #[must_use]
    pub fn sentence(&self) -> Vec<Phrase> {
        let mut sentence = Sentence::default();
        match self.current_status {
            SagaStatus::Started | SagaStatus::InProgress => sentence.under_way(self),
            SagaStatus::Completed => sentence.ended("Completed ".to_owned(), self),
            SagaStatus::Failed => sentence.failed(self),
            SagaStatus::Compensated => sentence.compensated(self),
        }
        if self.last_step == steps::MANUAL_STATUS_OVERRIDE {
            sentence.words(" The status was set by an override.");
        }
        sentence.phrases
    }

    /// The failure reason as the sentence has it: the beginning of its first line, with a mark where more was given. Some services
    /// give a stack trace.
    #[must_use]
    pub fn reason_in_sentence(&self) -> Option<String> {
        const MAX_CHARS: usize = 200;
        let reason = self.failure_reason.as_deref()?.trim();
        if reason.is_empty() {
            return None;
        }
        let line = reason.lines().next().unwrap_or_default();
        let end = line
            .char_indices()
            .nth(MAX_CHARS)
            .map_or(line.len(), |(end, _)| end);
        let mark = if end < reason.len() { "…" } else { "" };
        Some(format!("{}{mark}", line[..end].trim_end()))
    }

    /// The same state with another failure reason, also in its sentence: for readers who must not see what services write
    /// there.
    #[must_use]
    pub fn with_failure_reason(mut self, reason: Option<String>) -> Self {
        self.failure_reason = reason;
        self.summary = summary(&self);
        self
    }
}

pub(super) fn summary(state: &SagaState) -> String {
    state.sentence().iter().map(Phrase::to_string).collect()
}

#[derive(Default)]
struct Sentence {
    phrases: Vec<Phrase>,
}

impl Sentence {
    fn words(&mut self, words: impl AsRef<str>) {
        match self.phrases.last_mut() {
            Some(Phrase::Words(before)) => before.push_str(words.as_ref()),
            _ => self.phrases.push(Phrase::Words(words.as_ref().to_owned())),
        }
    }

    fn moment(&mut self, phrase: Phrase) {
        self.phrases.push(phrase);
    }

    fn under_way(&mut self, state: &SagaState) {
        self.words(format!("At {} ", state.last_step));
        self.moment(Phrase::Since(state.updated_at));
        self.words(".");
        let groups = alternatives(&state.awaiting);
        if let Some((first, others)) = groups.split_first() {
            self.words(" Waiting for ");
            self.alternatives(first);
            for (left, group) in others
                .iter()
                .enumerate()
                .map(|(index, group)| (others.len() - index, group))
            {
                self.words(separator(left, others.len()));
                self.alternatives(group);
            }
            self.words(".");
        }
    }

    /// One step, or `either A … or B …`; what all of them share comes once, at the end.
    fn alternatives(&mut self, group: &[&Awaiting]) {
        let [first, others @ ..] = group else { return };
        let times = |awaiting: &Awaiting| (awaiting.since, awaiting.deadline);
        let share_times = others.iter().all(|other| times(other) == times(first));
        if !others.is_empty() {
            self.words("either ");
        }
        for (index, awaiting) in group.iter().enumerate() {
            if index > 0 {
                self.words(" or ");
            }
            self.words(format!("{} from {}", awaiting.step, awaiting.owner()));
            if !share_times || index == others.len() {
                self.times(awaiting);
            }
        }
    }

    fn times(&mut self, awaiting: &Awaiting) {
        self.words(" ");
        self.moment(Phrase::Since(awaiting.since));
        if let Some(deadline) = awaiting.deadline {
            self.words(", ");
            self.moment(Phrase::DueBy(deadline));
        }
    }

    fn failed(&mut self, state: &SagaState) {
        match &state.failed_step {
            Some(step) => self.words(format!("Failed at {step}{}", reason(state))),
            None => self.words(format!("Failed with {}", state.last_step)),
        }
        if let Some(ended_at) = state.ended_at {
            self.words(", ");
            self.moment(Phrase::Moment(ended_at));
        }
        self.words(".");
        let owed = state.outstanding_compensations.iter().zip(&state.awaiting);
        let mut before = " Not yet compensated: ";
        for (step, awaited) in owed.clone() {
            self.words(format!(
                "{before}{step}, by {} from {} ",
                awaited.step,
                awaited.owner()
            ));
            self.moment(Phrase::Since(awaited.since));
            before = "; ";
        }
        if owed.len() > 0 {
            self.words(".");
        }
    }

    fn compensated(&mut self, state: &SagaState) {
        let how = match &state.failed_step {
            Some(step) => format!("Failed at {step}{}; fully compensated ", reason(state)),
            None => "Fully compensated ".to_owned(),
        };
        self.ended(how, state);
    }

    fn ended(&mut self, how: String, state: &SagaState) {
        self.words(how);
        self.moment(Phrase::At(state.ended_at.unwrap_or(state.updated_at)));
        if let Some(duration) = state.duration_ms {
            self.words(format!(", after {}", length(duration)));
        }
        self.words(".");
    }
}

/// The awaited steps, those of one choice together.
fn alternatives(awaiting: &[Awaiting]) -> Vec<Vec<&Awaiting>> {
    let mut groups: Vec<Vec<&Awaiting>> = Vec::new();
    for awaited in awaiting {
        let group = groups
            .iter_mut()
            .find(|group| awaited.choice.is_some() && group[0].choice == awaited.choice);
        match group {
            Some(group) => group.push(awaited),
            None => groups.push(vec![awaited]),
        }
    }
    groups
}

/// What stands before the next branch, with so many left of so many.
fn separator(left: usize, others: usize) -> &'static str {
    match (left, others) {
        (1, 1) => ", and ",
        (1, _) => "; and ",
        _ => "; ",
    }
}

fn reason(state: &SagaState) -> String {
    let reason = state.reason_in_sentence();
    reason.map_or_else(String::new, |reason| format!(" ({reason})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SagaEvent, SagaType, definition::Definitions, fold::fold};

    fn failed(reason: &str) -> SagaState {
        let failed = SagaEvent::new(
            "1".parse().unwrap(),
            "saga-1".parse().unwrap(),
            "ORD-1".parse().unwrap(),
            SagaType::ORDER_CREATION,
            steps::PAYMENT_FAILED,
            SagaStatus::Failed,
            Timestamp::from_millis(1_700_000_000_000).unwrap(),
        );
        let state = fold(&[failed], &Definitions::built_in()).unwrap();
        state.with_failure_reason(Some(reason.to_owned()))
    }

    #[test]
    fn of_a_stack_trace_the_first_line_is_in_the_sentence() {
        for (reason, shown) in [
            ("declined", "declined"),
            (" declined \n", "declined"),
            (
                "\nx.NoFunds: none\n\tat x.Pay.run(Pay.java:42)",
                "x.NoFunds: none…",
            ),
        ] {
            let state = failed(reason);
            assert_eq!(state.reason_in_sentence().as_deref(), Some(shown));
            let begin = format!("Failed at PAYMENT_FAILED ({shown}), ");
            assert!(state.summary.starts_with(&begin), "{}", state.summary);
        }
        let without = failed(" \n");
        assert!(
            without.summary.starts_with("Failed at PAYMENT_FAILED, "),
            "{}",
            without.summary
        );
        let long = failed(&"잔액부족".repeat(100));
        assert_eq!(long.reason_in_sentence().unwrap().chars().count(), 201);
    }
}
