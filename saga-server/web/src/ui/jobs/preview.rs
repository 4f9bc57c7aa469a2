//! What would become of what a list's form selects, and the job that is created of it.

use askama::Template;
use axum::{
    Extension,
    response::{IntoResponse, Redirect, Response},
};

use super::{PATH, job_path, result, subject, what};
use crate::ui::{
    form::Form,
    humanize::number,
    page::{Frame, Page, Section},
};
use crate::{
    auth::Caller,
    http::ApiError,
    operations::jobs::{self, JobOrder, JobPreview},
    rest::saga_filter,
    scoped::Reader,
};
use saga_store::ItemResult;

#[derive(Template)]
#[template(path = "jobs/preview.html")]
pub(in crate::ui) struct PreviewTemplate {
    frame: Frame,
    sentence: String,
    note: Option<String>,
    outcomes: Vec<OutcomeRow>,
    sample: Vec<SampleRow>,
    /// What the button says, when anything would be changed.
    button: Option<String>,
    path: &'static str,
    fields: Vec<(String, String)>,
    back: &'static str,
}

struct OutcomeRow {
    result: (&'static str, &'static str, &'static str),
    count: String,
    before: String,
    after: String,
    message: Option<String>,
}

struct SampleRow {
    path: String,
    name: String,
    result: (&'static str, &'static str, &'static str),
    before: String,
    after: String,
    message: Option<String>,
}

pub(in crate::ui) async fn page(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    Form(fields): Form,
) -> Result<Page<PreviewTemplate>, ApiError> {
    let order = JobOrder::of_form(fields.filled())?;
    let preview = jobs::preview(&reader, &caller, &order, saga_filter).await?;
    Ok(Page(PreviewTemplate::new(&reader, &caller, &order, preview)))
}

/// Then shows the job. The same form sent again shows the same job.
pub(in crate::ui) async fn create(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    Form(fields): Form,
) -> Result<Response, ApiError> {
    let order = JobOrder::of_form(fields.filled())?;
    if !order.has_token() {
        return Err(ApiError::bad_parameter("previewToken", "is missing"));
    }
    let (job, _) = jobs::create(&reader, &caller, &order, None, saga_filter).await?;
    Ok(Redirect::to(&job_path(job.id)).into_response())
}

impl PreviewTemplate {
    fn new(reader: &Reader, caller: &Caller, order: &JobOrder, preview: JobPreview) -> Self {
        let changes = preview
            .outcomes
            .iter()
            .any(|outcome| outcome.result == ItemResult::Changed);
        let untried = preview.total - preview.examined;
        let status = order.status.map(saga_types::SagaStatus::as_str);
        let mut fields = order.fields();
        fields.push(("previewToken".to_owned(), preview.preview_token));
        let title = what(order.action, status, preview.total);
        let sentence = match (preview.total, untried) {
            (0, _) => "Nothing matches. Nothing would be changed.".to_owned(),
            (_, 0) => format!("{title}: nothing is changed yet."),
            (_, untried) => format!(
                "{title}: nothing is changed yet. The first {} were tried, {} were not.",
                number(preview.examined),
                number(untried)
            ),
        };
        Self {
            frame: Frame::new(
                Section::Operations,
                "Preview of a job",
                caller,
                Some(&reader.freshness()),
            ),
            sentence,
            note: order.note.clone(),
            outcomes: preview
                .outcomes
                .into_iter()
                .map(|outcome| OutcomeRow {
                    result: result(Some(outcome.result)),
                    count: number(outcome.count),
                    before: outcome.before.unwrap_or_default(),
                    after: outcome.after.unwrap_or_default(),
                    message: outcome.message,
                })
                .collect(),
            sample: preview
                .sample
                .into_iter()
                .map(|item| {
                    let (path, name) = subject(item.saga_id, item.dead_letter_id);
                    SampleRow {
                        path,
                        name,
                        result: result(Some(item.result)),
                        before: item.before.unwrap_or_default(),
                        after: item.after.unwrap_or_default(),
                        message: item.message,
                    }
                })
                .collect(),
            button: (changes || untried > 0).then_some(title),
            path: PATH,
            fields,
            back: match order.action {
                action if action.is_of_letters() => "/dead-letters",
                _ => "/sagas",
            },
        }
    }
}
