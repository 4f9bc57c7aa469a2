//! `GET /api/v1/sagas/{sagaId}/steps`: everything that was recorded of one saga, in order.

use axum::Json;
use saga_types::{EventId, SagaId, SagaStatus, Step, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    http::{
        ApiError,
        params::{PathSagaId, up_to},
        query_string::{Params, StepsCursor},
    },
    scoped::Reader,
};
use saga_collector::{freshness::Freshness, redaction::Redaction};
use saga_store::{Position, StepPage, StoredStep};

/// Up to here all steps come at once.
const MAX_STEPS: u32 = 1000;

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Steps {
    saga_id: SagaId,
    steps: Vec<StepEntry>,
    next_cursor: Option<String>,
    freshness: Freshness,
}

/// One step.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StepEntry {
    id: i64,
    event_id: EventId,
    step: Step,
    status: SagaStatus,
    producer_service: Option<String>,
    trace_id: Option<String>,
    /// The object as it is stored, not read and written anew unless something in it is hidden.
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    metadata: Option<Box<RawValue>>,
    recorded_at: Timestamp,
    /// When a person's data was erased from the metadata; null when it was not.
    metadata_erased_at: Option<Timestamp>,
}

/// Everything that was recorded of one saga, in order
///
/// Up to 1,000 steps come at once; `nextCursor` leads to the others. Also of a saga that left the database for the archive, where
/// `id` is the place of the row in its file.
#[utoipa::path(
    get, path = "/api/v1/sagas/{sagaId}/steps", operation_id = "steps", tag = "sagas",
    params(
        PathSagaId,
        ("cursor" = Option<String>, Query, format = "steps-cursor", min_length = 1, description = "The nextCursor of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "How many steps at once; 1000 if not given"),
    ),
    responses(
        (status = 200, description = "A page of the steps", body = Steps),
        (status = 404, description = "There is no such saga, or it left the database and is in no archive"),
        (status = 503, description = "It is not in the database, and the archive does not answer"),
    )
)]
pub(super) async fn of_a_saga(
    reader: Reader,
    PathSagaId(saga_id): PathSagaId,
    mut params: Params,
) -> Result<Json<Steps>, ApiError> {
    let cursor = params.parsed("cursor", StepsCursor::decode);
    let limit = params.parsed("limit", up_to(MAX_STEPS)).unwrap_or(MAX_STEPS);
    params.finish()?;
    let after = cursor.as_ref().map(|cursor| &cursor.after);
    let freshness = reader.freshness();
    let page = reader.steps(&saga_id, after, limit).await?;
    Ok(Json(answer(saga_id, page, &reader.redaction, freshness)))
}

fn answer(saga_id: SagaId, page: StepPage, redaction: &Redaction, freshness: Freshness) -> Steps {
    let last = page.steps.last().filter(|_| page.has_more);
    let next_cursor = last.map(|step| {
        let after = Position {
            recorded_at: step.recorded_at,
            event_id: step.event_id.clone(),
        };
        StepsCursor { after }.encode()
    });
    Steps {
        saga_id,
        steps: page
            .steps
            .into_iter()
            .map(|step| StepEntry::of(step, redaction))
            .collect(),
        next_cursor,
        freshness,
    }
}

impl StepEntry {
    fn of(step: StoredStep, redaction: &Redaction) -> Self {
        Self {
            id: step.id,
            event_id: step.event_id,
            step: step.step,
            status: step.status,
            producer_service: step.producer_service,
            trace_id: step.trace_id,
            // Metadata was checked to be JSON, so this cannot fail.
            metadata: step.metadata.and_then(|metadata| {
                RawValue::from_string(redaction.text(metadata.as_str()).into_owned()).ok()
            }),
            recorded_at: step.recorded_at,
            metadata_erased_at: step.erased_at,
        }
    }
}
