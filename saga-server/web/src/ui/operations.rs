//! `/operations`: what operators did, by the same parameters as `GET /internal/v1/operations`.

use askama::Template;
use axum::Extension;
use saga_types::Timestamp;

use super::{
    humanize::{Moment, short},
    jobs::{JobRow, newest},
    links::saga_path,
    page::{Frame, Page, Section},
    period::{Asked, is_date},
    query::{Chip, Paging, chips, files},
    range::Range,
};
use crate::{
    auth::Caller,
    http::{ApiError, query_string::Params},
    rest::{OperationView, find_operations},
    scoped::Reader,
};
use saga_store::{OperationKind, Way};

const PATH: &str = "/operations";

#[derive(Template)]
#[template(path = "operations.html")]
pub(super) struct OperationsTemplate {
    frame: Frame,
    range: Range,
    kinds: Vec<&'static str>,
    /// The period in force, to be kept by the form.
    kept: Vec<(String, String)>,
    chips: Vec<Chip>,
    rows: Vec<Row>,
    /// The newest jobs.
    jobs: Vec<JobRow>,
    /// The same entries and those of the next pages, as files.
    files: [(&'static str, String); 2],
    paging: Paging,
}

struct Row {
    at: Moment,
    actor: String,
    from: String,
    did: &'static str,
    /// The saga: path, id and short id.
    saga: Option<(String, String, String)>,
    letter: Option<(String, i64)>,
    change: Option<(String, String)>,
    result: String,
    detail: Option<String>,
    /// The job that it was a part of: path and number.
    job: Option<(String, i64)>,
}

pub(super) async fn page(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Result<Page<OperationsTemplate>, ApiError> {
    let params = params.filled();
    let given = params.given();
    let now = Timestamp::now();
    // What is wrong with it, find_operations reports.
    let asked = Asked::take(&mut Params::from(given.clone()), now);
    let found = find_operations(&reader, params).await?;
    Ok(Page(OperationsTemplate {
        frame: Frame::new(
            Section::Operations,
            "Operations",
            &caller,
            Some(&reader.freshness()),
        ),
        range: Range::optional(PATH, &given, &asked, now),
        kept: given.iter().filter(|(name, _)| is_date(name)).cloned().collect(),
        kinds: OperationKind::ALL.map(OperationKind::as_str).into(),
        chips: chips(PATH, &given),
        jobs: newest(&reader).await?,
        rows: found
            .content
            .into_iter()
            .map(|view| Row::new(view, now))
            .collect(),
        files: files("/internal/v1/operations", &given),
        paging: Paging::of(PATH, &given, found.next_cursor.as_deref()),
    }))
}

impl Row {
    fn new(view: OperationView, now: Timestamp) -> Self {
        let way = match view.way {
            Way::Rest => "by REST",
            Way::Page => "by a page",
            Way::CommandLine => "on the command line",
        };
        let role = view.role.map(|role| format!("{role}, ")).unwrap_or_default();
        let address = view.address.map(|address| format!(", from {address}"));
        Self {
            at: Moment::new(view.at, now),
            actor: view.actor,
            from: format!("{role}{way}{}", address.unwrap_or_default()),
            did: match view.kind {
                OperationKind::Correction => "overrode a status",
                OperationKind::Replay => "replayed a dead letter",
                OperationKind::Dismissal => "dismissed a dead letter",
                OperationKind::Restoration => "restored a dead letter",
                OperationKind::Acknowledgement => "acknowledged",
                OperationKind::Withdrawal => "withdrew an acknowledgement",
                OperationKind::Job if view.result == "STOPPED" => "stopped a job",
                OperationKind::Job => "created a job",
                OperationKind::Erasure if view.dead_letter_id.is_some() => "erased a dead letter",
                OperationKind::SavedView => "changed a saved view",
                OperationKind::Erasure => "erased metadata",
            },
            saga: view.saga_id.map(|id| (saga_path(&id), short(&id), id)),
            letter: view.dead_letter_id.map(|id| (format!("/dead-letters/{id}"), id)),
            change: view
                .after
                .map(|after| (view.before.unwrap_or_else(|| "no saga".to_owned()), after)),
            result: view.result,
            detail: view.detail,
            job: view.job_id.map(|id| (format!("/operations/jobs/{id}"), id)),
        }
    }
}
