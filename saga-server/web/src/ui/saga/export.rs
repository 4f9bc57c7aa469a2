//! `GET /sagas/{sagaId}/events.json`: all events, as `saga-server fold` reads them.

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use saga_types::{EventId, OrderId, SagaId, SagaStatus, SagaType, Step, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    http::{ApiError, params::PathSagaId, query_string::Params},
    scoped::Reader,
};
use saga_collector::redaction::Redaction;
use saga_store::{Position, StepPage, StoredStep};

/// How many are read at once; a saga may have 100,000.
const PAGE: u32 = 1_000;

pub(in crate::ui) async fn events(
    reader: Reader,
    PathSagaId(saga_id): PathSagaId,
    params: Params,
) -> Result<Response, ApiError> {
    params.finish()?;
    let first = reader.steps(&saga_id, None, PAGE).await?;
    let rest = Rest {
        reader,
        saga_id,
        next: Some(first),
        is_begun: false,
    };
    let pieces = stream::unfold(rest, async |mut rest| {
        let piece = rest.piece().await?;
        Some((Ok::<_, Infallible>(piece), rest))
    });
    let headers = [(header::CONTENT_TYPE, "application/json")];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// What is still to be sent.
struct Rest {
    reader: Reader,
    saga_id: SagaId,
    next: Option<StepPage>,
    is_begun: bool,
}

impl Rest {
    /// The next piece of the array, the last one with its end. An array without an end says that the database or the archive went away.
    async fn piece(&mut self) -> Option<Bytes> {
        let page = self.next.take()?;
        let events = page
            .steps
            .iter()
            .map(|step| serde_json::to_string(&event(&self.saga_id, step, &self.reader.redaction)));
        let mut text = events.collect::<Result<Vec<_>, _>>().ok()?.join(",\n");
        text.insert_str(0, if self.is_begun { ",\n" } else { "[\n" });
        self.is_begun = true;
        match page.steps.last().filter(|_| page.has_more) {
            Some(last) => self.next = self.page_after(last).await,
            None => text.push_str("\n]\n"),
        }
        Some(text.into())
    }

    async fn page_after(&self, last: &StoredStep) -> Option<StepPage> {
        let after = Position {
            recorded_at: last.recorded_at,
            event_id: last.event_id.clone(),
        };
        let steps = self.reader.steps(&self.saga_id, Some(&after), PAGE).await;
        steps.ok()
    }
}

/// An event in a line, as `saga-server fold` takes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExportedEvent<'a> {
    event_id: &'a EventId,
    /// As it was written: as a value its numbers would lose digits.
    metadata: Option<Box<RawValue>>,
    order_id: &'a OrderId,
    recorded_at: Timestamp,
    saga_id: &'a SagaId,
    saga_type: &'a SagaType,
    status: SagaStatus,
    step: &'a Step,
}

fn event<'a>(saga_id: &'a SagaId, step: &'a StoredStep, redaction: &Redaction) -> ExportedEvent<'a> {
    let metadata = step.metadata.as_ref().and_then(|metadata| {
        let shown = redaction.text(metadata.as_str());
        RawValue::from_string(shown.into_owned()).ok()
    });
    ExportedEvent {
        event_id: &step.event_id,
        metadata,
        order_id: &step.order_id,
        recorded_at: step.recorded_at,
        saga_id,
        saga_type: &step.saga_type,
        status: step.status,
        step: &step.step,
    }
}
