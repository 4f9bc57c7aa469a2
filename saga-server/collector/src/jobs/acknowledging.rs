//! Sagas that somebody takes care of: many, each as an operator acknowledges it alone.

use saga_store::{
    Acknowledged, Acknowledgement, DoneItem, ItemResult, Job, JobAcknowledgement, JobItem, Judged,
};
use saga_types::{SagaId, SagaStatus, Timestamp};

use super::{JobError, JobRunner, done};

/// What becomes of a saga with a status that somebody may take care of already: nothing to say when it is acknowledged, else why not.
#[must_use]
pub fn judge_care(
    status: Option<SagaStatus>,
    there: Option<&Acknowledgement>,
) -> (ItemResult, Option<String>) {
    let refused = |why: String| (ItemResult::Refused, Some(why));
    match (status, there) {
        (Some(status @ (SagaStatus::Completed | SagaStatus::Compensated)), _) => {
            refused(format!("it is {status}, so there is nothing to take care of"))
        }
        (_, Some(there)) => refused(format!(
            "{} takes care of it until {}",
            there.assignee, there.until
        )),
        _ => (ItemResult::Changed, None),
    }
}

impl JobRunner {
    pub(super) async fn acknowledge(&self, job: &Job, items: Vec<JobItem>) -> Result<(), JobError> {
        let now = Timestamp::now();
        let care = job.care.clone().filter(|care| care.until > now);
        let Some(care) = care else {
            let why = "the time until which somebody takes care of it is over";
            return self.refuse(job, &items, why).await;
        };
        let (known, unknown): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| saga_id(item).is_some());
        self.refuse(job, &unknown, "it names no saga").await?;
        let named = known
            .iter()
            .filter_map(|item| Some((item.number, saga_id(item)?)));
        let order = JobAcknowledgement {
            job: job.id,
            items: named.collect(),
            scope: job.scope.clone(),
            judged: Judged {
                now,
                late_before: care.late_before,
            },
            care,
            note: job.note.clone().unwrap_or_default(),
            actor: job.actor.clone(),
        };
        let outcomes = self.store.acknowledge_items(&order).await?;
        let of = |number: i64| known.iter().find(|item| item.number == number);
        let (mut changed, mut left) = (Vec::new(), Vec::new());
        for (number, outcome) in outcomes {
            let Some(item) = of(number) else { continue };
            match refusal(&outcome) {
                None => changed.push(done(item, ItemResult::Changed, None)),
                Some(why) => left.push(done(item, ItemResult::Refused, Some(why))),
            }
        }
        self.metrics.jobs.done(job.action, &changed);
        self.record(job, left).await
    }

    async fn refuse(&self, job: &Job, items: &[JobItem], why: &str) -> Result<(), JobError> {
        let refused = items
            .iter()
            .map(|item| done(item, ItemResult::Refused, Some(why.to_owned())));
        let refused: Vec<DoneItem> = refused.collect();
        self.record(job, refused).await
    }
}

fn saga_id(item: &JobItem) -> Option<SagaId> {
    item.saga_id.as_deref()?.parse().ok()
}

/// Why it was not done.
fn refusal(outcome: &Acknowledged) -> Option<String> {
    match outcome {
        Acknowledged::Done(_) => None,
        Acknowledged::Missing => {
            Some("there is no such saga any more that the one who asked may see".to_owned())
        }
        Acknowledged::Over => Some("it has ended, so there is nothing to take care of".to_owned()),
        Acknowledged::Taken(there) => {
            let (_, why) = judge_care(None, there.as_ref());
            Some(why.unwrap_or_else(|| "somebody else was faster".to_owned()))
        }
    }
}
