//! Statuses that are set: many corrections, each as an operator makes it alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use saga_store::{
    AppendError, Appended, Conclude, Conclusion, DoneItem, ItemResult, Job, JobItem, JobStep, SagaChange,
    StoreError,
};
use saga_types::{SagaEvent, SagaId, SagaStatus, Timestamp, fold::SagaState};

use super::{JobError, JobRunner, done};
use crate::{corrections::Correction, metrics::count_stored};

/// How often a state is looked at anew because another correction of it came first.
const ATTEMPTS: usize = 5;

/// What becomes of a saga that was in one status when it was selected, is in another one now, and is to be in a third: nothing to
/// say when it is changed, else why it is not.
#[must_use]
pub fn judge_saga(before: Option<&str>, now: SagaStatus, target: SagaStatus) -> (ItemResult, Option<String>) {
    if now == target {
        return (ItemResult::Unchanged, Some(format!("it is {now} already")));
    }
    match before {
        Some(before) if before != now.as_str() => {
            let why = format!("it was {before} when the job was created, and is {now} now");
            (ItemResult::Refused, Some(why))
        }
        _ => (ItemResult::Changed, None),
    }
}

/// An item, with the event that corrects its saga as it was seen.
#[derive(Clone)]
struct Ready {
    item: JobItem,
    seen: SagaStatus,
    correction: Correction,
    event: SagaEvent,
}

impl JobRunner {
    pub(super) async fn correct(&self, job: &Job, mut items: Vec<JobItem>) -> Result<(), JobError> {
        for _ in 0..ATTEMPTS {
            items = self.attempt(job, items).await?;
            if items.is_empty() {
                return Ok(());
            }
        }
        let why = "others correct the saga at the same time";
        let refused = items
            .iter()
            .map(|item| done(item, ItemResult::Refused, Some(why.to_owned())));
        self.record(job, refused.collect()).await
    }

    /// Gives the items whose sagas were corrected by others in between.
    async fn attempt(&self, job: &Job, items: Vec<JobItem>) -> Result<Vec<JobItem>, JobError> {
        let ids: BTreeSet<SagaId> = items.iter().filter_map(saga_id).collect();
        let sagas = self.store.sagas(&ids).await?;
        let sagas: BTreeMap<&str, &SagaState> = sagas
            .iter()
            .map(|saga| (saga.saga_id.as_str(), &saga.state))
            .collect();
        let (mut settled, mut ready) = (Vec::new(), Vec::new());
        for item in items {
            let saga = item.saga_id.as_deref().and_then(|id| sagas.get(id));
            match prepared(job, &item, saga.copied()) {
                Ok((seen, correction, event)) => ready.push(Ready {
                    item,
                    seen,
                    correction,
                    event,
                }),
                Err((result, why)) => settled.push(done(&item, result, Some(why))),
            }
        }
        self.record(job, settled).await?;
        self.store_all(job, ready).await
    }

    /// In one transaction, or in one for each when the database does not take them together.
    async fn store_all(&self, job: &Job, ready: Vec<Ready>) -> Result<Vec<JobItem>, JobError> {
        match self.store_once(job, &ready).await {
            // When none was stored, the status of one of them changed meanwhile.
            Ok(left) if left.len() < ready.len() || ready.len() <= 1 => Ok(left),
            Err(AppendError::Unavailable(fault)) => Err(StoreError::Unavailable(fault).into()),
            Ok(_) | Err(AppendError::Refused(_) | AppendError::Failed(_)) => {
                let mut left = Vec::new();
                for one in ready {
                    match self.store_once(job, std::slice::from_ref(&one)).await {
                        Ok(others) => left.extend(others),
                        Err(AppendError::Unavailable(fault)) => {
                            return Err(StoreError::Unavailable(fault).into());
                        }
                        Err(AppendError::Refused(fault) | AppendError::Failed(fault)) => {
                            let why = format!("the database refused it: {fault}");
                            let failed = done(&one.item, ItemResult::Failed, Some(why));
                            self.record(job, vec![failed]).await?;
                        }
                    }
                }
                Ok(left)
            }
        }
    }

    async fn store_once(&self, job: &Job, ready: &[Ready]) -> Result<Vec<JobItem>, AppendError> {
        if ready.is_empty() {
            return Ok(Vec::new());
        }
        let events: Arc<[SagaEvent]> = ready.iter().map(|ready| ready.event.clone()).collect();
        let conclude = conclude(job.id, ready.to_vec());
        let appended = self.store.append_by(events, conclude).await?;
        let new = appended.new.iter().map(|index| &ready[*index].event);
        count_stored(&self.metrics, new, &appended.changes);
        let results = results(ready, &appended);
        self.metrics.jobs.done(job.action, &results);
        let is_done = |item: &JobItem| results.iter().any(|done| done.number == item.number);
        let left = ready.iter().map(|ready| &ready.item);
        Ok(left.filter(|item| !is_done(item)).cloned().collect())
    }
}

/// The status that the saga of an item has, the correction and its event; or what became of the item.
fn prepared(
    job: &Job,
    item: &JobItem,
    saga: Option<&SagaState>,
) -> Result<(SagaStatus, Correction, SagaEvent), (ItemResult, String)> {
    let refused = |why: String| (ItemResult::Refused, why);
    let saga = saga.ok_or_else(|| refused("it is not in the database any more".to_owned()))?;
    if !job.scope.has(&saga.saga_type) {
        let (name, saga_type) = (&job.actor.name, &saga.saga_type);
        return Err(refused(format!(
            "it is of the type {saga_type} now, which {name} may not change"
        )));
    }
    let target: Option<SagaStatus> = item.target.as_deref().and_then(|target| target.parse().ok());
    let status = target.ok_or_else(|| refused("it had no status before".to_owned()))?;
    match judge_saga(item.before.as_deref(), saga.current_status, status) {
        (ItemResult::Changed, _) => {}
        (result, why) => return Err((result, why.unwrap_or_default())),
    }
    let correction = Correction {
        status,
        reason: reason(job),
        by: job.actor.clone(),
    };
    let event = correction
        .event(saga)
        .map_err(|error| refused(error.to_string()))?;
    Ok((saga.current_status, correction, event))
}

/// Why, as it stands in each event.
fn reason(job: &Job) -> String {
    let note = job.note.as_deref().unwrap_or_default();
    match job.reverts {
        Some(other) if note.is_empty() => format!("reverts job {other}"),
        Some(other) => format!("reverts job {other}: {note}"),
        None => note.to_owned(),
    }
}

fn saga_id(item: &JobItem) -> Option<SagaId> {
    SagaId::new(item.saga_id.as_deref()?).ok()
}

fn conclude(job: i64, ready: Vec<Ready>) -> Conclude {
    Arc::new(move |appended| {
        let by_saga: BTreeMap<&str, &Ready> = ready
            .iter()
            .map(|ready| (ready.event.saga_id.as_str(), ready))
            .collect();
        let operations = appended.changes.iter().filter_map(|change| {
            let ready = by_saga.get(change.state.saga_id.as_str())?;
            Some(ready.correction.operation(change))
        });
        let is_other = |change: &SagaChange| {
            let ready = by_saga.get(change.state.saga_id.as_str());
            ready.is_some_and(|ready| change.previous_status != Some(ready.seen))
        };
        Conclusion {
            // What a saga became meanwhile is looked at anew before it is overridden.
            is_abandoned: appended.changes.iter().any(is_other),
            operations: operations.collect(),
            job: Some(JobStep {
                job,
                at: Timestamp::now(),
                done: results(&ready, appended),
            }),
            ..Conclusion::default()
        }
    })
}

/// What became of the items, but for those whose sagas were corrected by others in between.
fn results(ready: &[Ready], appended: &Appended) -> Vec<DoneItem> {
    let changes: BTreeMap<&str, &SagaChange> = appended
        .changes
        .iter()
        .map(|change| (change.state.saga_id.as_str(), change))
        .collect();
    let changed = ready.iter().filter_map(|ready| {
        let change = changes.get(ready.event.saga_id.as_str())?;
        Some(result(ready, change))
    });
    let removed = appended.removed.iter().map(|index| {
        let why = "it left the database at the end of its retention";
        done(&ready[*index].item, ItemResult::Refused, Some(why.to_owned()))
    });
    changed.chain(removed).collect()
}

/// The event is stored; whether it did what was wanted depends on what else was stored in the meantime.
fn result(ready: &Ready, change: &SagaChange) -> DoneItem {
    let (wanted, current) = (ready.correction.status, change.state.current_status);
    let (result, why) = if current != wanted {
        let why = format!("an event that is later still came at the same time, so the saga is {current}");
        (ItemResult::Refused, Some(why))
    } else {
        (ItemResult::Changed, None)
    };
    DoneItem {
        before: change.previous_status.map(|status| status.as_str().to_owned()),
        after: Some(current.as_str().to_owned()),
        ..done(&ready.item, result, why)
    }
}

#[cfg(test)]
mod tests {
    use saga_store::{Actor, Way};
    use saga_types::{definition::Definitions, fold};

    use super::*;
    use crate::test_events::created;

    #[test]
    fn what_is_stored_is_what_was_seen_or_nothing() {
        let event = created("1", Timestamp::now());
        let seen = fold::fold([&event], &Definitions::built_in()).unwrap();
        let correction = Correction {
            status: SagaStatus::Failed,
            reason: "lost".to_owned(),
            by: Actor {
                name: "dana".to_owned(),
                role: None,
                way: Way::Rest,
                address: None,
            },
        };
        let corrected = correction.event(&seen).unwrap();
        let ready = Ready {
            item: JobItem {
                number: 1,
                saga_id: Some("saga-1".to_owned()),
                saga_type: None,
                letter_id: None,
                before: Some("STARTED".to_owned()),
                target: Some("FAILED".to_owned()),
                after: None,
                result: None,
                message: None,
                done_at: None,
            },
            seen: seen.current_status,
            correction,
            event: corrected.clone(),
        };
        let state = fold::fold([&event, &corrected], &Definitions::built_in()).unwrap();
        let conclude = conclude(7, vec![ready]);
        for (previous_status, is_abandoned) in [
            (SagaStatus::Started, false),
            (SagaStatus::Completed, true),
            (SagaStatus::Failed, true),
        ] {
            let appended = Appended {
                changes: vec![SagaChange {
                    previous_status: Some(previous_status),
                    state: state.clone(),
                    compensation_ms: None,
                }],
                ..Appended::default()
            };
            let concluded = conclude(&appended);
            assert_eq!(concluded.is_abandoned, is_abandoned, "{previous_status}");
            assert_eq!(concluded.operations.len(), 1);
        }
    }
}
