//! `GET /internal/v1/operations`: what operators did, newest first; and all of it as `.ndjson` and `.csv`.

use axum::{
    Json,
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use saga_types::{SagaId, SagaType, Timestamp, keys};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    http::{
        ApiError, csv,
        date_range::{DateRange, Moment},
        query_string::{OperationsCursor, Params},
    },
    scoped::Reader,
};
use saga_collector::redaction::{REDACTED, Redaction};
use saga_store::{
    OperationFilter, OperationKind, OperationPage, OperationPlace, OperationQuery, Scope, StoredOperation,
    Way,
};

const DEFAULT_SIZE: u32 = 50;
const MAX_SIZE: u32 = 100;

/// How many entries of an export are read at once.
const EXPORTED: u32 = 1_000;

/// A page of the log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationsPage {
    pub(crate) content: Vec<OperationView>,
    pub(crate) next_cursor: Option<String>,
}

/// What an operator did to one saga or dead letter.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Operation)]
pub(crate) struct OperationView {
    pub(crate) id: i64,
    pub(crate) at: Timestamp,
    /// The name of the caller's token, or that given on the command line.
    pub(crate) actor: String,
    /// The caller's role; null on the command line, where access to the database is what lets somebody do it.
    pub(crate) role: Option<String>,
    pub(crate) way: Way,
    /// The address that the connection came from, and for whom a proxy says that it asked.
    pub(crate) address: Option<String>,
    pub(crate) kind: OperationKind,
    #[schema(value_type = Option<SagaId>)]
    pub(crate) saga_id: Option<String>,
    #[schema(value_type = Option<SagaType>)]
    pub(crate) saga_type: Option<String>,
    pub(crate) dead_letter_id: Option<i64>,
    /// The saga's status before; null when it did not change, or the saga was not there.
    pub(crate) before: Option<String>,
    /// The saga's status after; null when it did not change.
    pub(crate) after: Option<String>,
    /// What came of it: CORRECTED, OVERTAKEN, ERASED, DISMISSED, RESTORED, CREATED or STOPPED of a job, or as replay answers.
    pub(crate) result: String,
    /// The reason of a correction, the note of a dismissal, why a replay failed, or how much was erased by which key.
    pub(crate) detail: Option<String>,
    /// The job that it was a part of.
    pub(crate) job_id: Option<i64>,
}

impl OperationView {
    fn new(stored: StoredOperation, redaction: &Redaction) -> Self {
        let StoredOperation {
            id,
            operation,
            job_id,
        } = stored;
        // The reason of a correction also stands in the metadata of its event, where its key may be hidden.
        let is_hidden = operation.kind == OperationKind::Correction && redaction.hides(keys::REASON);
        Self {
            id,
            job_id,
            at: operation.at,
            actor: operation.actor.name,
            role: operation.actor.role,
            way: operation.actor.way,
            address: operation.actor.address,
            kind: operation.kind,
            saga_id: operation.saga_id,
            saga_type: operation.saga_type,
            dead_letter_id: operation.letter_id,
            before: operation.before,
            after: operation.after,
            result: operation.result,
            detail: operation.detail.map(|detail| match is_hidden {
                true => REDACTED.to_owned(),
                false => detail,
            }),
        }
    }

    fn csv(&self) -> String {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let letter = self.dead_letter_id.map(|id| id.to_string());
        let cells = [
            self.id.to_string(),
            self.at.to_string(),
            self.actor.clone(),
            text(&self.role),
            self.way.as_str().to_owned(),
            text(&self.address),
            self.kind.as_str().to_owned(),
            text(&self.saga_id),
            text(&self.saga_type),
            letter.unwrap_or_default(),
            text(&self.before),
            text(&self.after),
            self.result.clone(),
            text(&self.detail),
            self.job_id.map(|id| id.to_string()).unwrap_or_default(),
        ];
        csv::line(cells.iter().map(String::as_str))
    }
}

/// The first line of the CSV.
const COLUMNS: [&str; 15] = [
    "id",
    "at",
    "actor",
    "role",
    "way",
    "address",
    "kind",
    "sagaId",
    "sagaType",
    "deadLetterId",
    "before",
    "after",
    "result",
    "detail",
    "jobId",
];

/// What operators did, newest first
///
/// Each correction, each dead letter that was replayed, dismissed or restored and each erasure of a person's data, and each job that was created or stopped, written by the transaction that did it; nothing changes it later. A
/// dry run is no entry.
#[utoipa::path(
    get, path = "/internal/v1/operations", operation_id = "operations", tag = "operation",
    params(
        ("size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many entries; 50 if not given"),
        ("cursor" = Option<String>, Query, format = "operations-cursor", min_length = 1, description = "The nextCursor of the page before"),
        ("actor" = Option<String>, Query, pattern = r"^[^\x00]+$", description = "By this caller"),
        ("kind" = Option<OperationKind>, Query, description = "Of this kind"),
        ("sagaId" = Option<SagaId>, Query, description = "Of this saga"),
        ("jobId" = Option<i64>, Query, description = "Of this job"),
        ("fromDate" = Option<Moment>, Query, description = "At this time or later"),
        ("toDate" = Option<Moment>, Query, description = "At this time or earlier"),
    ),
    responses((status = 200, description = "A page of the log", body = OperationsPage))
)]
pub(super) async fn list(reader: Reader, params: Params) -> Result<Json<OperationsPage>, ApiError> {
    Ok(Json(find(&reader, params).await?))
}

/// The page of the log that the parameters ask for.
pub(crate) async fn find(reader: &Reader, mut params: Params) -> Result<OperationsPage, ApiError> {
    let query = OperationQuery {
        after: params
            .parsed("cursor", OperationsCursor::decode)
            .map(OperationPlace::from),
        size: params.parsed("size", size).unwrap_or(DEFAULT_SIZE),
        filter: filter(&mut params),
    };
    params.finish()?;
    let page = reader.operations(&query).await?;
    Ok(OperationsPage {
        next_cursor: page.next.map(|place| OperationsCursor::from(place).encode()),
        content: views(page.operations, &reader.redaction),
    })
}

/// What operators did, all of it, as JSON lines
#[utoipa::path(
    get, path = "/internal/v1/operations.ndjson", operation_id = "operationsLines", tag = "operation",
    params(
        ("actor" = Option<String>, Query, pattern = r"^[^\x00]+$", description = "By this caller"),
        ("kind" = Option<OperationKind>, Query, description = "Of this kind"),
        ("sagaId" = Option<SagaId>, Query, description = "Of this saga"),
        ("jobId" = Option<i64>, Query, description = "Of this job"),
        ("fromDate" = Option<Moment>, Query, description = "At this time or later"),
        ("toDate" = Option<Moment>, Query, description = "At this time or earlier"),
    ),
    responses((status = 200, description = "An entry on each line, newest first", content_type = "application/x-ndjson", body = OperationView))
)]
pub(super) async fn lines(reader: Reader, params: Params) -> Result<Response, ApiError> {
    let write: Write = |views, _| {
        let lines = views.iter().filter_map(|view| serde_json::to_string(view).ok());
        lines.map(|line| line + "\n").collect()
    };
    export(reader, params, "application/x-ndjson", "operations.ndjson", write).await
}

/// What operators did, all of it, for spreadsheets
///
/// A cell that a spreadsheet would take for a formula begins with an apostrophe.
#[utoipa::path(
    get, path = "/internal/v1/operations.csv", operation_id = "operationsTable", tag = "operation",
    params(
        ("actor" = Option<String>, Query, pattern = r"^[^\x00]+$", description = "By this caller"),
        ("kind" = Option<OperationKind>, Query, description = "Of this kind"),
        ("sagaId" = Option<SagaId>, Query, description = "Of this saga"),
        ("jobId" = Option<i64>, Query, description = "Of this job"),
        ("fromDate" = Option<Moment>, Query, description = "At this time or later"),
        ("toDate" = Option<Moment>, Query, description = "At this time or earlier"),
    ),
    responses((status = 200, description = "A line of names, then an entry on each line, newest first", content_type = "text/csv", body = String))
)]
pub(super) async fn table(reader: Reader, params: Params) -> Result<Response, ApiError> {
    let write: Write = |views, is_first| {
        let head = if is_first {
            csv::line(COLUMNS)
        } else {
            String::new()
        };
        head + &views.iter().map(OperationView::csv).collect::<String>()
    };
    export(reader, params, "text/csv; charset=utf-8", "operations.csv", write).await
}

/// Some entries as text; whether they are the first.
type Write = fn(&[OperationView], bool) -> String;

/// Sends all entries that match, as they are read. A connection that ends early says that the database went away.
async fn export(
    reader: Reader,
    mut params: Params,
    content_type: &'static str,
    name: &'static str,
    write: Write,
) -> Result<Response, ApiError> {
    let filter = filter(&mut params);
    params.finish()?;
    let first = OperationQuery {
        filter,
        after: None,
        size: EXPORTED,
    };
    let page = reader.operations(&first).await?;
    let redaction = reader.redaction.clone();
    let pages = stream::try_unfold(Some((first, page, true)), move |rest| {
        let (reader, redaction) = (reader.clone(), redaction.clone());
        async move {
            let Some((query, OperationPage { operations, next }, is_first)) = rest else {
                return Ok::<_, saga_store::StoreError>(None);
            };
            let piece = Bytes::from(write(&views(operations, &redaction), is_first));
            let Some(place) = next else {
                return Ok(Some((piece, None)));
            };
            let query = OperationQuery {
                after: Some(place),
                ..query
            };
            let page = reader.operations(&query).await?;
            Ok(Some((piece, Some((query, page, false)))))
        }
    });
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, Body::from_stream(pages)).into_response())
}

fn views(operations: Vec<StoredOperation>, redaction: &Redaction) -> Vec<OperationView> {
    let views = operations.into_iter();
    views
        .map(|stored| OperationView::new(stored, redaction))
        .collect()
}

fn filter(params: &mut Params) -> OperationFilter {
    let period = DateRange::take(params);
    OperationFilter {
        scope: Scope::All,
        actor: params.text("actor"),
        kind: params.parsed("kind", kind),
        saga_id: params.parsed("sagaId", saga_id),
        job_id: params.parsed("jobId", job_id),
        from: period.from,
        to: period.to,
    }
}

fn kind(text: &str) -> Result<OperationKind, String> {
    let found = OperationKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    let names = OperationKind::ALL.map(OperationKind::as_str).join(", ");
    found.ok_or_else(|| format!("must be one of {names}"))
}

fn saga_id(text: &str) -> Result<String, String> {
    SagaId::new(text)
        .map(String::from)
        .map_err(|error| error.to_string())
}

fn job_id(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "must be the number of a job".to_owned())
}

fn size(text: &str) -> Result<u32, String> {
    let size = text.parse().ok().filter(|size| (1..=MAX_SIZE).contains(size));
    size.ok_or_else(|| format!("must be a number from 1 to {MAX_SIZE}"))
}

impl From<OperationPlace> for OperationsCursor {
    fn from(OperationPlace { at, id }: OperationPlace) -> Self {
        Self { at, id }
    }
}

impl From<OperationsCursor> for OperationPlace {
    fn from(OperationsCursor { at, id }: OperationsCursor) -> Self {
        Self { at, id }
    }
}
