//! `GET /operations/jobs/{id}`: one job, and the forms that stop and revert it.

use askama::Template;
use axum::{
    Extension,
    response::{IntoResponse, Redirect, Response},
};
use saga_store::JobAction;
use saga_types::Timestamp;

use super::{job_path, result, state, subject, what};
use crate::ui::{
    form::Form,
    humanize::{Moment, number},
    page::{Frame, Page, Section},
    query::{Paging, address},
};
use crate::{
    auth::Caller,
    http::{ApiError, query_string::Params},
    operations::jobs::{self, RevertOrder, no_job},
    rest::{ItemView, JobView, PathJob, find_job_items, job_item_query},
    scoped::Reader,
};

/// Results by which the items are listed: name and query.
const VIEWS: [(&str, &str); 6] = [
    ("All", ""),
    ("Changed", "result=CHANGED"),
    ("Unchanged", "result=UNCHANGED"),
    ("Refused", "result=REFUSED"),
    ("Failed", "result=FAILED"),
    ("Not done", "result=PENDING"),
];

#[derive(Template)]
#[template(path = "jobs/job.html")]
pub(in crate::ui) struct JobTemplate {
    frame: Frame,
    path: String,
    what: String,
    id: i64,
    state: (&'static str, &'static str, &'static str),
    sentence: String,
    done: u64,
    items: u64,
    /// Whether the page is loaded anew by itself.
    refreshes: bool,
    /// The page that does not, or does again.
    other: Option<String>,
    counts: Vec<(&'static str, String)>,
    actor: String,
    created: Moment,
    started: Option<Moment>,
    finished: Option<Moment>,
    note: Option<String>,
    selection: String,
    reverts: Option<(String, i64)>,
    reverted_by: Option<(String, i64)>,
    can_stop: bool,
    can_revert: bool,
    /// Why it cannot be reverted, where that never can be.
    irreversible: bool,
    log: String,
    views: Vec<(&'static str, String, bool)>,
    rows: Vec<Row>,
    paging: Paging,
}

struct Row {
    number: i64,
    path: String,
    name: String,
    result: (&'static str, &'static str, &'static str),
    before: String,
    after: String,
    message: Option<String>,
    at: Option<Moment>,
}

pub(in crate::ui) async fn page(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    PathJob(id): PathJob,
    params: Params,
) -> Result<Page<JobTemplate>, ApiError> {
    let mut params = params.filled();
    let given = params.given();
    let stays = params.trimmed("refresh") == "off";
    let found = reader.job(id).await?.ok_or_else(|| no_job(id))?;
    let items = find_job_items(&reader, &found, job_item_query(params)?).await?;
    let job = JobView::new(found, &reader.redaction);
    let now = Timestamp::now();
    let path = job_path(id);
    let has_ended = job.state.has_ended();
    let paging = Paging::of(&path, &given, items.next_cursor.as_deref());
    let moment = |at: Timestamp| Moment::new(at, now);
    let current = address("", given.iter().filter(|(name, _)| name == "result"));
    let link = |id: i64| (job_path(id), id);
    let other = match stays {
        true => path.clone(),
        false => format!("{path}?refresh=off"),
    };
    Ok(Page(JobTemplate {
        frame: Frame::new(
            Section::Operations,
            format!("Job {id}"),
            &caller,
            Some(&reader.freshness()),
        ),
        what: what(job.action, job.status.as_deref(), job.items),
        id,
        state: state(job.state),
        sentence: sentence(&job),
        refreshes: !has_ended && !stays && paging.is_first() && current.is_empty(),
        other: (!has_ended).then_some(other),
        counts: vec![
            ("Changed", number(job.changed)),
            ("Unchanged", number(job.unchanged)),
            ("Refused", number(job.refused)),
            ("Failed", number(job.failed)),
            ("Not done", number(job.items.saturating_sub(job.done))),
        ],
        done: job.done,
        items: job.items,
        created: moment(job.created_at),
        started: job.started_at.map(moment),
        finished: job.finished_at.map(moment),
        note: job.note,
        selection: job.selection.to_string().chars().take(500).collect(),
        reverts: job.reverts.map(link),
        reverted_by: job.reverted_by.map(link),
        can_stop: !has_ended && job.state != saga_store::JobState::Stopping,
        can_revert: has_ended && job.changed > 0 && job.action.opposite().is_some(),
        irreversible: job.action == JobAction::Replay,
        log: format!("/operations?jobId={id}"),
        actor: job.actor,
        views: VIEWS
            .map(|(name, view)| {
                let address = if view.is_empty() {
                    path.clone()
                } else {
                    format!("{path}?{view}")
                };
                let is_current = current.strip_prefix('?').unwrap_or_default() == view;
                (name, address, is_current)
            })
            .into(),
        rows: items
            .content
            .into_iter()
            .map(|item| Row::new(item, now))
            .collect(),
        paging,
        path,
    }))
}

/// Then shows the job as it is.
pub(in crate::ui) async fn stop(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    PathJob(id): PathJob,
    Form(fields): Form,
) -> Result<Response, ApiError> {
    fields.finish()?;
    jobs::stop(&reader, &caller, id).await?;
    Ok(Redirect::to(&job_path(id)).into_response())
}

/// Then shows the job that reverts it. The form sent again finds nothing left to revert, or that job at work.
pub(in crate::ui) async fn revert(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    PathJob(id): PathJob,
    Form(fields): Form,
) -> Result<Response, ApiError> {
    let order = RevertOrder::of_form(fields.filled())?;
    let (job, _) = jobs::revert(&reader, &caller, id, &order, None).await?;
    Ok(Redirect::to(&job_path(job.id)).into_response())
}

fn sentence(job: &JobView) -> String {
    let (done, items) = (number(job.done), number(job.items));
    match job.state {
        saga_store::JobState::Waiting => "Waits for a collector to begin it.".to_owned(),
        saga_store::JobState::Running => format!("{done} of {items} done."),
        saga_store::JobState::Stopping => {
            format!("{done} of {items} done; it stops after the items in hand.")
        }
        saga_store::JobState::Stopped => {
            format!("Stopped after {done} of {items}. The rest was left as it is.")
        }
        saga_store::JobState::Done => format!("All {items} done."),
    }
}

impl Row {
    fn new(item: ItemView, now: Timestamp) -> Self {
        let (path, name) = subject(item.saga_id, item.dead_letter_id);
        Self {
            number: item.number,
            path,
            name,
            result: result(item.result),
            before: item.before.unwrap_or_default(),
            after: item
                .after
                .or(item.target.filter(|_| item.result.is_none()))
                .unwrap_or_default(),
            message: item.message,
            at: item.done_at.map(|at| Moment::new(at, now)),
        }
    }
}
