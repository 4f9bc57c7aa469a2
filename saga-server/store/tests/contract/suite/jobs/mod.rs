//! Jobs are created once, seen by scope, done item by item, stopped and taken back.

mod acknowledging;
mod creating;
mod doing;
mod ending;

use saga_store::{
    Actor, Creation, DoneItem, ItemResult, Job, JobAction, JobItem, JobItemQuery, JobStep, NewItem, NewJob,
    OperationFilter, OperationQuery, RequestKeys, Scope, Store, StoredOperation, Way,
};
use saga_types::SagaType;

use super::events::at;

pub(crate) use self::{
    acknowledging::sagas_of_a_job_are_acknowledged_with_its_results,
    creating::{
        a_job_is_seen_by_those_who_may_see_all_its_types, a_job_is_stored_with_its_items_and_read_back,
        a_request_makes_one_job,
    },
    doing::{
        a_job_of_a_newer_version_holds_up_no_other, an_item_is_done_by_one_transaction_alone,
        letters_of_a_job_are_dismissed_with_its_results,
    },
    ending::{
        a_job_is_reverted_once, a_job_is_stopped_and_the_rest_is_left, jobs_that_ended_leave_with_their_items,
    },
};

fn dana() -> Actor {
    Actor {
        name: "dana".to_owned(),
        role: Some("operator".to_owned()),
        way: Way::Page,
        address: Some("10.0.0.7".to_owned()),
    }
}

fn item(number: i64, saga_type: Option<&str>) -> NewItem {
    NewItem {
        saga_id: Some(format!("saga-{number}")),
        saga_type: saga_type.map(str::to_owned),
        letter_id: None,
        before: Some("STARTED".to_owned()),
        target: Some("FAILED".to_owned()),
    }
}

pub(super) fn new_job(items: Vec<NewItem>) -> NewJob {
    NewJob {
        action: JobAction::Correct,
        target: Some("FAILED".to_owned()),
        actor: dana(),
        scope: Scope::of([SagaType::ORDER_CREATION]),
        note: Some("by hand, 주문".to_owned()),
        care: None,
        selection: r#"{"filter":{}}"#.to_owned(),
        keys: RequestKeys {
            actor: "dana".to_owned(),
            ..RequestKeys::default()
        },
        request: "a".to_owned(),
        at: at(50),
        items,
    }
}

fn orders(count: i64) -> Vec<NewItem> {
    (1..=count)
        .map(|number| item(number, Some("ORDER_CREATION")))
        .collect()
}

pub(super) async fn make(store: &dyn Store, job: &NewJob) -> Job {
    match store.create_job(job).await.unwrap() {
        Creation::Created(job) => job,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn items(store: &dyn Store, job: i64, result: Option<Option<ItemResult>>) -> Vec<JobItem> {
    let query = JobItemQuery {
        job,
        result,
        after: 0,
        size: 5_000,
    };
    store.job_items(&query).await.unwrap()
}

pub(super) async fn seen(store: &dyn Store, id: i64) -> Job {
    store.job(id, &Scope::All).await.unwrap().unwrap()
}

async fn log(store: &dyn Store, job: i64) -> Vec<StoredOperation> {
    let query = OperationQuery {
        filter: OperationFilter {
            job_id: Some(job),
            ..OperationFilter::default()
        },
        after: None,
        size: 100,
    };
    store.operations(&query).await.unwrap().operations
}

fn done(number: i64, result: ItemResult) -> DoneItem {
    DoneItem {
        number,
        result,
        message: None,
        before: None,
        after: Some("FAILED".to_owned()),
    }
}

fn step(job: i64, done: Vec<DoneItem>) -> JobStep {
    JobStep {
        job,
        at: at(60),
        done,
    }
}
