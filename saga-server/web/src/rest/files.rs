//! Lists as files: every list that REST answers page by page, as CSV and as JSON lines, with the same filters, whole.
//!
//! Rule of thumb: a list is read for a file as for its page, by the same filters, through the same `Reader`, and its records are those
//! of the page. The parameters are described where the list is; `openapi` copies them.

use axum::response::Response;
use saga_types::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    dead_letters::{self, GroupEntry, ListedLetter},
    failure_groups::{self, FailureGroup},
    flow::{self, FlowStep},
    operations::{self, OperationView},
    producers::{self, ServiceView},
    sagas::{self, ListedSaga},
};
use crate::{
    http::{
        ApiError,
        export::{self, Format, Record},
        params::yes_or_no,
        query_string::Params,
    },
    late_groups::{ActionGroup, late_groups},
    operations::letter_list_filter,
    scoped::Reader,
    standstills::{StandstillView, standstills},
};
use saga_store::{Late, LetterQuery, OperationQuery, ProducerQuery};

/// How many records of a list are read at once.
const RECORDS: u32 = 500;

/// How many dead letters, which hold their record.
const LETTERS: u32 = 20;

/// What comes is a file, and no text of JSON.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes the answer, which is sent as it is read")]
struct WholeFile(Vec<u8>);

/// The two files of a list.
macro_rules! files {
    ($($read:ident: $lines:ident $table:ident, $lines_path:tt $lines_id:tt, $table_path:tt $table_id:tt, $tag:tt, $title:tt;)+) => {$(
        #[utoipa::path(
            get, path = $lines_path, operation_id = $lines_id, tag = $tag, summary = $title,
            description = "Each entry of the list as a JSON object on a line of its own, sent while the list is read.",
            responses((status = 200, description = "The list", content_type = "application/x-ndjson", body = inline(WholeFile)))
        )]
        pub(super) async fn $lines(reader: Reader, params: Params) -> Result<Response, ApiError> {
            $read(reader, params, Format::Lines).await
        }

        #[utoipa::path(
            get, path = $table_path, operation_id = $table_id, tag = $tag, summary = $title,
            description = "For spreadsheets, sent while the list is read. A text that a spreadsheet would take for a formula begins with an apostrophe.",
            responses((status = 200, description = "A line of names, then a record on each line", content_type = "text/csv", body = inline(WholeFile)))
        )]
        pub(super) async fn $table(reader: Reader, params: Params) -> Result<Response, ApiError> {
            $read(reader, params, Format::Csv).await
        }
    )+};
}

files! {
    all_sagas: sagas_lines sagas_table, "/api/v1/sagas.ndjson" "sagasLines", "/api/v1/sagas.csv" "sagasTable",
        "sagas", "All sagas that match all filters, as a file";
    attention_groups: attention_lines attention_table, "/api/v1/attention.ndjson" "attentionLines", "/api/v1/attention.csv" "attentionTable",
        "sagas", "What is late, in groups, as a file";
    all_failure_groups: failure_groups_lines failure_groups_table, "/api/v1/failure-groups.ndjson" "failureGroupsLines", "/api/v1/failure-groups.csv" "failureGroupsTable",
        "sagas", "What fails, how often, and since when, as a file";
    flow_steps: flow_lines flow_table, "/api/v1/flow.ndjson" "flowLines", "/api/v1/flow.csv" "flowTable",
        "sagas", "The steps of the observed flow, as a file";
    all_letters: letters_lines letters_table, "/internal/v1/dlt.ndjson" "deadLettersLines", "/internal/v1/dlt.csv" "deadLettersTable",
        "operation", "All dead letters that match all filters, as a file";
    letter_groups: letter_groups_lines letter_groups_table, "/internal/v1/dlt/groups.ndjson" "deadLetterGroupsLines", "/internal/v1/dlt/groups.csv" "deadLetterGroupsTable",
        "operation", "How many dead letters there are of each reason, as a file";
    all_operations: operations_lines operations_table, "/internal/v1/operations.ndjson" "operationsLines", "/internal/v1/operations.csv" "operationsTable",
        "operation", "What operators did, all of it, as a file";
    all_producers: producers_lines producers_table, "/internal/v1/producers.ndjson" "producersLines", "/internal/v1/producers.csv" "producersTable",
        "operation", "Who records events, and which of them never came, as a file";
}

async fn all_sagas(reader: Reader, params: Params, format: Format) -> Result<Response, ApiError> {
    let query = sagas::read_all(params, &reader.redaction, &reader.freshness(), RECORDS)?;
    let place = reader.file_place()?;
    export::send("sagas", format, query, place, move |mut query| {
        let reader = reader.clone();
        async move {
            let stretch = reader.list(&query).await?;
            let sagas = sagas::listed(&reader, stretch.sagas).await?;
            let next = stretch.next.map(|next| {
                query.start = next;
                query
            });
            Ok((sagas, next))
        }
    })
    .await
}

async fn all_letters(reader: Reader, mut params: Params, format: Format) -> Result<Response, ApiError> {
    dead_letters::refuse_hidden_search(&reader, &mut params);
    let query = LetterQuery {
        filter: letter_list_filter(&mut params, Timestamp::now()),
        after: None,
        size: LETTERS,
    };
    params.finish()?;
    let place = reader.file_place()?;
    export::send("dead-letters", format, query, place, move |query| {
        let reader = reader.clone();
        async move {
            let page = reader.letters(&query).await?;
            let next = page.next.map(|after| LetterQuery {
                after: Some(after),
                ..query
            });
            Ok((dead_letters::listed(&reader, page.letters).await?, next))
        }
    })
    .await
}

async fn all_operations(reader: Reader, mut params: Params, format: Format) -> Result<Response, ApiError> {
    let query = OperationQuery {
        filter: operations::filter(&mut params),
        after: None,
        size: RECORDS,
    };
    params.finish()?;
    let place = reader.file_place()?;
    export::send("operations", format, query, place, move |query| {
        let reader = reader.clone();
        async move {
            let page = reader.operations(&query).await?;
            let next = page.next.map(|after| OperationQuery {
                after: Some(after),
                ..query
            });
            Ok((operations::views(page.operations, &reader.redaction), next))
        }
    })
    .await
}

async fn all_producers(reader: Reader, mut params: Params, format: Format) -> Result<Response, ApiError> {
    let query = ProducerQuery {
        size: LETTERS,
        ..producers::query(&mut params)
    };
    params.finish()?;
    let place = reader.file_place()?;
    export::send("services", format, query, place, move |query| {
        let reader = reader.clone();
        async move {
            let page = reader.producers(&query).await?;
            let next = page.next.map(|after| ProducerQuery {
                after: Some(after),
                ..query
            });
            Ok((page.services.into_iter().map(ServiceView::from).collect(), next))
        }
    })
    .await
}

async fn letter_groups(reader: Reader, params: Params, format: Format) -> Result<Response, ApiError> {
    let groups = dead_letters::find_groups(&reader, params).await?.groups;
    let groups: Vec<GroupEntry> = groups.into_iter().map(GroupEntry::from).collect();
    export::send_all("dead-letter-groups", format, &groups)
}

async fn all_failure_groups(reader: Reader, params: Params, format: Format) -> Result<Response, ApiError> {
    let found = failure_groups::find(&reader, params).await?;
    export::send_all("failure-groups", format, &found.groups)
}

async fn flow_steps(reader: Reader, params: Params, format: Format) -> Result<Response, ApiError> {
    let found = flow::find(&reader, params).await?;
    export::send_all("flow", format, &found.steps)
}

/// Sagas of one type that wait for the same service to do the same, whose compensation it owes, or of which none makes progress.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AttentionGroup {
    /// STUCK, OWING or STANDSTILL, as the lists of the answer are called.
    kind: AttentionKind,
    #[serde(flatten)]
    group: ActionGroup,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum AttentionKind {
    Stuck,
    Owing,
    Standstill,
}

async fn attention_groups(reader: Reader, mut params: Params, format: Format) -> Result<Response, ApiError> {
    let acknowledged = params.parsed("acknowledged", yes_or_no);
    params.finish()?;
    let judged_at = reader.freshness().judged_at(Timestamp::now());
    let mut groups = Vec::new();
    for (kind, late) in [
        (AttentionKind::Stuck, Late::Stuck),
        (AttentionKind::Owing, Late::Owing),
    ] {
        let found = late_groups(&reader, late, judged_at, acknowledged)
            .await?
            .into_iter();
        groups.extend(found.map(|group| AttentionGroup { kind, group }));
    }
    // Nobody can take care of what no saga is late by.
    if acknowledged != Some(true) {
        let found = standstills(&reader).await?.into_iter();
        groups.extend(found.map(AttentionGroup::from));
    }
    export::send_all("attention", format, &groups)
}

impl From<StandstillView> for AttentionGroup {
    fn from(found: StandstillView) -> Self {
        let group = ActionGroup {
            step: found.step,
            owner: found.owner,
            saga_type: found.saga_type,
            contact: found.contact,
            sagas: found.sagas,
            since: found.since,
            overdue: true,
            page: found.page,
        };
        Self {
            kind: AttentionKind::Standstill,
            group,
        }
    }
}

impl Record for ListedSaga {
    const COLUMNS: &'static [&'static str] = &[
        "sagaId",
        "sagaType",
        "orderId",
        "currentStatus",
        "startedAt",
        "updatedAt",
        "endedAt",
        "durationMs",
        "lastStep",
        "stepCount",
        "failedStep",
        "failureReason",
        "outstandingCompensations",
        "services",
        "anomalies",
        "parentSagaId",
        "lastTraceId",
        "summary",
        "acknowledgement.assignee",
        "acknowledgement.until",
        "acknowledgement.note",
    ];
}

impl Record for ListedLetter {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "state",
        "reason",
        "message",
        "deadSince",
        "sagaId",
        "eventId",
        "producerService",
        "topic",
        "partition",
        "offset",
        "origin.topic",
        "origin.partition",
        "origin.offset",
        "origin.timestamp",
        "attempts",
        "lastAttempt.at",
        "lastAttempt.by",
        "lastAttempt.result",
        "dismissal.at",
        "dismissal.by",
        "dismissal.note",
        "erasedAt",
        "acknowledgement.assignee",
        "acknowledgement.until",
        "acknowledgement.note",
    ];
}

impl Record for GroupEntry {
    const COLUMNS: &'static [&'static str] = &["reason", "waiting", "replayed", "dismissed", "first", "last"];
}

impl Record for OperationView {
    const COLUMNS: &'static [&'static str] = &[
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
}

impl Record for ServiceView {
    const COLUMNS: &'static [&'static str] = &[
        "service",
        "firstSeen",
        "lastSeen",
        "events",
        "eventsPerSecond",
        "possiblyLost",
        "deadLetters",
        "instanceCount",
        "steps",
    ];
}

impl Record for FailureGroup {
    const COLUMNS: &'static [&'static str] = &[
        "failureGroup",
        "failedStep",
        "reason",
        "now",
        "before",
        "share",
        "firstSeen",
        "lastSeen",
        "trend",
    ];
}

impl Record for FlowStep {
    const COLUMNS: &'static [&'static str] = &[
        "step",
        "service",
        "isOnPath",
        "outcome",
        "sagas",
        "share",
        "retried",
        "retries",
        "last",
        "wait.p50Ms",
        "wait.p95Ms",
        "wait.p99Ms",
    ];
}

impl Record for AttentionGroup {
    const COLUMNS: &'static [&'static str] = &[
        "kind", "step", "owner", "sagaType", "sagas", "since", "overdue", "page",
    ];
}
