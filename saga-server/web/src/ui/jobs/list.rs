//! `GET /operations/jobs`: jobs, newest first.

use askama::Template;
use axum::Extension;
use saga_types::Timestamp;

use super::{PATH, job_path, state, what};
use crate::ui::{
    humanize::{Moment, number},
    page::{Frame, Page, Section},
    query::Paging,
};
use crate::{
    auth::Caller,
    http::{ApiError, query_string::Params},
    rest::{JobView, find_jobs},
    scoped::Reader,
};

#[derive(Template)]
#[template(path = "jobs/list.html")]
pub(in crate::ui) struct JobsTemplate {
    frame: Frame,
    rows: Vec<JobRow>,
    paging: Paging,
}

/// A job in a list.
pub(in crate::ui) struct JobRow {
    pub(in crate::ui) path: String,
    pub(in crate::ui) id: i64,
    pub(in crate::ui) what: String,
    pub(in crate::ui) created: Moment,
    pub(in crate::ui) actor: String,
    pub(in crate::ui) state: (&'static str, &'static str, &'static str),
    pub(in crate::ui) done: String,
    pub(in crate::ui) reverts: Option<(String, i64)>,
}

pub(in crate::ui) async fn page(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Result<Page<JobsTemplate>, ApiError> {
    let params = params.filled();
    let given = params.given();
    let found = find_jobs(&reader, params).await?;
    let now = Timestamp::now();
    Ok(Page(JobsTemplate {
        frame: Frame::new(Section::Operations, "Jobs", &caller, Some(&reader.freshness())),
        rows: found
            .content
            .into_iter()
            .map(|job| JobRow::new(job, now))
            .collect(),
        paging: Paging::of(PATH, &given, found.next_cursor.as_deref()),
    }))
}

/// The newest ones, for the page of operations.
pub(in crate::ui) async fn newest(reader: &Reader) -> Result<Vec<JobRow>, ApiError> {
    let few = Params::from(vec![("size".to_owned(), "5".to_owned())]);
    let now = Timestamp::now();
    let found = find_jobs(reader, few).await?.content.into_iter();
    Ok(found.map(|job| JobRow::new(job, now)).collect())
}

impl JobRow {
    fn new(job: JobView, now: Timestamp) -> Self {
        Self {
            path: job_path(job.id),
            id: job.id,
            what: what(job.action, job.status.as_deref(), job.items),
            created: Moment::new(job.created_at, now),
            actor: job.actor,
            state: state(job.state),
            done: format!("{} of {}", number(job.done), number(job.items)),
            reverts: job.reverts.map(|id| (job_path(id), id)),
        }
    }
}
