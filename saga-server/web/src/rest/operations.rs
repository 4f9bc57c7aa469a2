//! `GET /internal/v1/operations`: what operators did, newest first.

use axum::Json;
use saga_types::{SagaId, SagaType, Timestamp, keys};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    http::{
        ApiError,
        date_range::{LengthOfTime, Moment, RelativeRange},
        params::{one_of, saga_id, up_to},
        query_string::{OperationsCursor, Params},
    },
    scoped::Reader,
};
use saga_collector::redaction::{REDACTED, Redaction};
use saga_store::{
    OperationFilter, OperationKind, OperationPlace, OperationQuery, Scope, StoredOperation, Way,
};

const DEFAULT_SIZE: u32 = 50;
const MAX_SIZE: u32 = 100;

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
    /// What came of it: CORRECTED, OVERTAKEN, ERASED, DISMISSED, RESTORED, ACKNOWLEDGED, WITHDRAWN, SAVED, RENAMED, REMOVED, CREATED or
    /// STOPPED of a job, or as replay answers.
    pub(crate) result: String,
    /// The reason of a correction, the note of a dismissal, who takes care until when, why a replay failed, how much was erased by
    /// which key, or which view was saved, renamed or removed.
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
        let is_hidden = match operation.kind {
            // So does the note of a job that corrects; the entry does not say what the job does.
            OperationKind::Correction | OperationKind::Job => redaction.hides(keys::REASON),
            // The name of a group has the reason of its failures in it.
            OperationKind::Acknowledgement | OperationKind::Withdrawal => {
                operation.saga_id.is_none()
                    && operation.letter_id.is_none()
                    && redaction.hides(keys::FAILURE_REASON)
            }
            _ => false,
        };
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
}

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
        ("period" = inline(Option<LengthOfTime>), Query, description = "Within the last minutes, hours or days; instead of fromDate and toDate"),
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
        size: params.parsed("size", up_to(MAX_SIZE)).unwrap_or(DEFAULT_SIZE),
        filter: filter(&mut params),
    };
    params.finish()?;
    let page = reader.operations(&query).await?;
    Ok(OperationsPage {
        next_cursor: page.next.map(|place| OperationsCursor::from(place).encode()),
        content: views(page.operations, &reader.redaction),
    })
}

pub(super) fn views(operations: Vec<StoredOperation>, redaction: &Redaction) -> Vec<OperationView> {
    let views = operations.into_iter();
    views
        .map(|stored| OperationView::new(stored, redaction))
        .collect()
}

pub(super) fn filter(params: &mut Params) -> OperationFilter {
    let period = RelativeRange::take(params).or_dates(params, Timestamp::now());
    OperationFilter {
        scope: Scope::All,
        actor: params.text("actor"),
        kind: params.parsed("kind", one_of(OperationKind::ALL, OperationKind::as_str)),
        saga_id: params.parsed("sagaId", saga_id),
        job_id: params.parsed("jobId", job_id),
        from: period.from,
        to: period.to,
    }
}

fn job_id(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "must be the number of a job".to_owned())
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
