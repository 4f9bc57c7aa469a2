//! The contract, section 3, once more: slow, on names and lists, and without anything of the library but its events.

mod definition;

use std::collections::BTreeSet;

use saga_types::{SagaEvent, SagaStatus};
use serde_json::{Value, json};

pub(crate) use self::definition::{Definition, Entry, Limit};

fn at(event: &SagaEvent) -> i64 {
    event.recorded_at.as_millis()
}

fn text(event: &SagaEvent, key: &str) -> Option<String> {
    let object = event.metadata.as_ref()?.to_object();
    object.get(key)?.as_str().map(str::to_owned)
}

fn name(event: &SagaEvent, key: &str) -> Option<String> {
    let is_name = |text: &String| {
        !text.is_empty() && text.chars().count() <= 100 && !text.chars().any(char::is_control)
    };
    text(event, key).filter(is_name)
}

fn is_override(event: &SagaEvent) -> bool {
    event.step.as_str() == "MANUAL_STATUS_OVERRIDE"
}

fn is_done_by(event: &SagaEvent) -> bool {
    event.status != SagaStatus::Failed && event.status != SagaStatus::Compensated
}

/// The saga's events in order, and its definition.
struct Saga<'a> {
    events: Vec<&'a SagaEvent>,
    definition: Option<&'a Definition>,
}

/// The state that some distinct events of one saga give, but for its summary; times in milliseconds.
pub(crate) fn state(events: &[SagaEvent], definitions: &[Definition]) -> Value {
    let mut events: Vec<&SagaEvent> = events.iter().collect();
    events.sort_by_key(|event| (event.recorded_at, event.event_id.clone()));
    let candidates = definitions.iter().filter(|definition| {
        definition.saga_type == events[0].saga_type.as_str()
            && definition.valid_from.is_none_or(|from| from <= at(events[0]))
    });
    let definition = candidates.max_by_key(|definition| definition.valid_from.unwrap_or(i64::MIN));
    Saga { events, definition }.state()
}

impl Saga<'_> {
    fn state(&self) -> Value {
        let (first, last) = (self.events[0], self.events[self.events.len() - 1]);
        let (status, end) = self.status();
        let failure = self
            .root_failure()
            .filter(|_| status == SagaStatus::Failed || status == SagaStatus::Compensated);
        let outstanding = if status == SagaStatus::Failed {
            self.outstanding()
        } else {
            Vec::new()
        };
        let services: BTreeSet<String> = self
            .events
            .iter()
            .filter_map(|event| name(event, "producerService"))
            .collect();
        json!({
            "sagaId": first.saga_id.as_str(), "sagaType": first.saga_type.as_str(), "orderId": first.order_id.as_str(),
            "parentSagaId": self.events.iter().find_map(|event| name(event, "parentSagaId")),
            "currentStatus": status.as_str(),
            "lastStep": last.step.as_str(),
            "lastTraceId": self.events.iter().rev().find_map(|event| name(event, "traceId")),
            "startedAt": at(first), "updatedAt": at(last), "stepCount": self.events.len(),
            "endedAt": end.map(at),
            "durationMs": end.filter(|end| !is_override(end)).map(|end| at(end) - at(first)),
            "failedStep": failure.map(|event| event.step.as_str()),
            "failureReason": failure.and_then(reason),
            "outstandingCompensations": outstanding,
            "awaiting": self.awaiting(status),
            "services": services,
            "anomalies": self.anomalies(status, end),
        })
    }

    fn is_completing(&self, event: &SagaEvent) -> bool {
        event.status == SagaStatus::Completed
            && match self.definition {
                Some(definition) => definition
                    .completes_with
                    .iter()
                    .any(|step| step == event.step.as_str()),
                None => event.event_id == self.events[self.events.len() - 1].event_id,
            }
    }

    fn last(&self, is_meant: impl Fn(&SagaEvent) -> bool) -> Option<&SagaEvent> {
        self.events.iter().rev().find(|event| is_meant(event)).copied()
    }

    fn status(&self) -> (SagaStatus, Option<&SagaEvent>) {
        let decisive =
            self.last(|event| is_override(event) || !is_done_by(event) || self.is_completing(event));
        let Some(decisive) = decisive else {
            let is_started = self
                .events
                .iter()
                .all(|event| event.status == SagaStatus::Started);
            let status = if is_started {
                SagaStatus::Started
            } else {
                SagaStatus::InProgress
            };
            return (status, None);
        };
        if is_override(decisive) {
            return (
                decisive.status,
                Some(decisive).filter(|event| event.status.is_terminal()),
            );
        }
        if self.is_completing(decisive) {
            return (SagaStatus::Completed, Some(decisive));
        }
        let failed = self.last(|event| event.status == SagaStatus::Failed);
        let compensated = self.last(|event| event.status == SagaStatus::Compensated);
        let is_compensated = match self.definition {
            Some(_) => compensated.is_some() && self.outstanding().is_empty(),
            None => decisive.status == SagaStatus::Compensated,
        };
        if is_compensated {
            (SagaStatus::Compensated, compensated)
        } else {
            (SagaStatus::Failed, failed.or(Some(decisive)))
        }
    }

    fn root_failure(&self) -> Option<&SagaEvent> {
        let completing = self.events.iter().rposition(|event| self.is_completing(event));
        let after = completing.map_or(0, |index| index + 1);
        let mut after = self.events[after..].iter();
        after.find(|event| event.status == SagaStatus::Failed).copied()
    }

    fn done_for_good(&self, step: &str) -> Option<usize> {
        let is_done = |event: &&SagaEvent| event.step.as_str() == step && is_done_by(event);
        let is_completed = |event: &&SagaEvent| is_done(event) && event.status == SagaStatus::Completed;
        let completed = self.events.iter().rposition(is_completed);
        completed.or_else(|| self.events.iter().rposition(is_done))
    }

    fn outstanding(&self) -> Vec<&str> {
        let Some(definition) = self.definition else {
            return Vec::new();
        };
        let steps = definition.forward.iter().map(|entry| entry.step.as_str());
        let is_outstanding = |step: &&str| {
            let rule = definition.compensations.iter().find(|(effect, _)| effect == step);
            let (Some((_, by)), Some(done)) = (rule, self.done_for_good(step)) else {
                return false;
            };
            let mut later = self.events[done + 1..].iter();
            !later.any(|event| {
                event.status == SagaStatus::Compensated && by.iter().any(|name| name == event.step.as_str())
            })
        };
        steps.filter(is_outstanding).collect()
    }

    fn first_done(&self, definition: &Definition, step: &str) -> Option<i64> {
        definition.entry(step)?;
        let ends_saga = definition.completes_with.iter().any(|name| name == step);
        let counts = |event: &&&SagaEvent| {
            event.step.as_str() == step
                && is_done_by(event)
                && (!ends_saga || event.status == SagaStatus::Completed)
        };
        self.events.iter().find(counts).map(|event| at(event))
    }

    fn awaiting(&self, status: SagaStatus) -> Vec<Value> {
        match (self.definition, status) {
            (Some(definition), SagaStatus::Started | SagaStatus::InProgress) => self.awaited(definition),
            (Some(definition), SagaStatus::Failed) => self.owed(definition),
            _ => Vec::new(),
        }
    }

    fn awaited(&self, definition: &Definition) -> Vec<Value> {
        let steps = || definition.forward.iter().map(|entry| entry.step.as_str());
        let is_done = |step: &str| self.first_done(definition, step).is_some();
        let is_settled = |step: &str| {
            let entry = definition.entry(step).unwrap();
            let is_passed = steps().any(|later| is_done(later) && definition.precedes(step, later));
            let is_chosen = entry.choice.is_some()
                && definition
                    .forward
                    .iter()
                    .any(|other| other.choice == entry.choice && is_done(&other.step));
            is_done(step) || is_passed || entry.optional || is_chosen
        };
        let is_awaited = |step: &&str| {
            !is_settled(step) && definition.preceding(step).iter().all(|before| is_settled(before))
        };
        steps()
            .filter(is_awaited)
            .map(|step| self.awaited_step(definition, step))
            .collect()
    }

    fn awaited_step(&self, definition: &Definition, step: &str) -> Value {
        let started_at = at(self.events[0]);
        let before = definition.preceding(step);
        let done: Vec<(&String, i64)> = before
            .iter()
            .filter_map(|before| Some((before, self.first_done(definition, before)?)))
            .collect();
        let is_nearest = |step: &str| !done.iter().any(|(other, _)| definition.precedes(step, other));
        let since = done
            .iter()
            .filter(|(step, _)| is_nearest(step))
            .map(|(_, at)| *at)
            .max();
        let limits = definition.limits.iter().filter_map(|limit| {
            let from = match &limit.after {
                Some(after) => self.first_done(definition, after)?,
                None => started_at,
            };
            let counts = limit.step == step || definition.precedes(step, &limit.step);
            counts.then_some(from + limit.within)
        });
        let whole = definition.whole.map(|whole| started_at + whole);
        let entry = definition.entry(step).unwrap();
        json!({
            "step": step, "service": entry.service, "choice": entry.choice, "since": since.unwrap_or(started_at),
            "deadline": limits.chain(whole).min(),
        })
    }

    fn owed(&self, definition: &Definition) -> Vec<Value> {
        let failed_at = self.root_failure().map(at);
        let entry = |step: &str| {
            let (_, by) = definition
                .compensations
                .iter()
                .find(|(effect, _)| effect == step)
                .unwrap();
            let done_at = at(self.events[self.done_for_good(step).unwrap()]);
            json!({
                "step": by[0], "service": definition.entry(step).unwrap().service, "choice": null,
                "since": failed_at.unwrap_or(done_at).max(done_at), "deadline": null,
            })
        };
        self.outstanding().into_iter().map(entry).collect()
    }

    fn anomalies(&self, status: SagaStatus, end: Option<&SagaEvent>) -> Vec<&str> {
        let (first, last) = (self.events[0], self.events[self.events.len() - 1]);
        let differs = |is_same: &dyn Fn(&SagaEvent) -> bool| !self.events.iter().all(|event| is_same(event));
        let is_late = status == SagaStatus::Completed && end.is_some_and(|end| end.event_id != last.event_id);
        let is_known = |event: &SagaEvent| {
            self.definition
                .is_none_or(|definition| definition.names(event.step.as_str()))
        };
        let found = [
            ("EVENT_AFTER_COMPLETION", is_late),
            (
                "ORDER_ID_MISMATCH",
                differs(&|event| event.order_id == first.order_id),
            ),
            (
                "OVERRIDE_FROM_TOPIC",
                differs(&|event| !is_override(event) || name(event, "producerService").is_none()),
            ),
            (
                "SAGA_TYPE_MISMATCH",
                differs(&|event| event.saga_type == first.saga_type),
            ),
            ("UNKNOWN_STEP", differs(&is_known)),
        ];
        let found = found.into_iter().filter(|(_, is_found)| *is_found);
        found.map(|(name, _)| name).collect()
    }
}

fn reason(event: &SagaEvent) -> Option<String> {
    let of_override = || text(event, "reason").filter(|_| is_override(event));
    text(event, "failureReason").or_else(of_override)
}
