//! The state as one sentence or two, for somebody who was just woken up.

use std::fmt::Write;

use super::{Awaiting, SagaState};
use crate::{SagaStatus, steps};

pub(super) fn sentence(state: &SagaState) -> String {
    let mut sentence = match state.current_status {
        SagaStatus::Started | SagaStatus::InProgress => under_way(state),
        SagaStatus::Completed => ended("Completed at", state),
        SagaStatus::Failed => failed(state),
        SagaStatus::Compensated => compensated(state),
    };
    if state.last_step == steps::MANUAL_STATUS_OVERRIDE {
        sentence.push_str(" The status was set by hand.");
    }
    sentence
}

fn under_way(state: &SagaState) -> String {
    let mut sentence = format!("At {} since {}.", state.last_step, state.updated_at);
    if let Some(next) = state.awaiting.first() {
        let _ = write!(
            sentence,
            " Awaiting {} from {} since {}",
            next.step,
            owner(next),
            next.since
        );
        if let Some(deadline) = next.deadline {
            let _ = write!(sentence, ", due by {deadline}");
        }
        sentence.push('.');
    }
    sentence
}

fn failed(state: &SagaState) -> String {
    let mut sentence = match &state.failed_step {
        Some(step) => format!("Failed at {step}{}", reason(state)),
        None => format!("Failed with {}", state.last_step),
    };
    if let Some(ended_at) = state.ended_at {
        let _ = write!(sentence, ", {ended_at}");
    }
    sentence.push('.');
    if state.awaiting.is_empty() {
        return sentence;
    }
    let owed: Vec<String> = state
        .outstanding_compensations
        .iter()
        .zip(&state.awaiting)
        .map(|(step, awaited)| {
            format!(
                "{step}, by {} from {} since {}",
                awaited.step,
                owner(awaited),
                awaited.since
            )
        })
        .collect();
    let _ = write!(sentence, " Still to undo: {}.", owed.join("; "));
    sentence
}

fn compensated(state: &SagaState) -> String {
    match &state.failed_step {
        Some(step) => ended(
            &format!("Failed at {step}{}; everything was undone by", reason(state)),
            state,
        ),
        None => ended("Everything was undone by", state),
    }
}

fn ended(how: &str, state: &SagaState) -> String {
    let at = state.ended_at.unwrap_or(state.updated_at);
    let after = state
        .duration_ms
        .map_or(String::new(), |duration| format!(", after {}", length(duration)));
    format!("{how} {at}{after}.")
}

fn reason(state: &SagaState) -> String {
    const MOST_CHARS: usize = 200;
    match &state.failure_reason {
        Some(reason) if reason.chars().count() > MOST_CHARS => {
            format!(" ({}…)", reason.chars().take(MOST_CHARS).collect::<String>())
        }
        Some(reason) => format!(" ({reason})"),
        None => String::new(),
    }
}

fn owner(awaiting: &Awaiting) -> &str {
    awaiting.service.as_deref().unwrap_or("an unnamed service")
}

/// A length of time in the two largest units that matter.
fn length(millis: i64) -> String {
    let millis = u64::try_from(millis).unwrap_or_default();
    let duration = if millis < 1_000 {
        std::time::Duration::from_millis(millis)
    } else {
        std::time::Duration::from_secs(millis / 1_000)
    };
    humantime::format_duration(duration).to_string()
}
