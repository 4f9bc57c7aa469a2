//! `GET /internal/v1/producers`: who records events, and which of them never came.

use std::collections::BTreeMap;

use axum::Json;
use saga_types::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    http::{
        ApiError,
        params::up_to,
        query_string::{Params, ProducersCursor},
    },
    scoped::Reader,
};
use saga_collector::freshness::Freshness;
use saga_store::{Gap, ProducerInstance, ProducerPage, ProducerQuery, ProducerService, Wire, producer_name};

const DEFAULT_SIZE: u32 = 20;
const MAX_SIZE: u32 = 100;

/// The most instances of a service in an answer.
const INSTANCES: u32 = 20;

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Producers {
    content: Vec<ServiceView>,
    next_cursor: Option<String>,
    /// How long an event may be missing until it is possibly lost.
    events_lost_after_seconds: u64,
    freshness: Freshness,
}

/// A service that records events.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceView {
    service: String,
    /// When its first event came that is known.
    first_seen: Timestamp,
    /// When its last event came.
    last_seen: Timestamp,
    /// How many of its events were stored.
    events: u64,
    /// How many were stored a second, in the last minute or so.
    events_per_second: f64,
    /// How many events of its instances are missing.
    possibly_lost: u64,
    /// How many of its records became dead letters.
    dead_letters: u64,
    /// How many events of each step were stored; of steps beyond the first 100 as `OTHER`.
    steps: BTreeMap<String, u64>,
    /// How many instances it has, or had lately.
    instance_count: u64,
    /// At most 20 of them: those that miss events first, then those that were seen last.
    instances: Vec<InstanceView>,
}

/// A running instance of a service.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct InstanceView {
    /// Its name; null for events that name no instance, as those of other languages and of the outbox.
    instance: Option<String>,
    /// The version of the SDK.
    sdk_version: Option<String>,
    /// How it writes events.
    wire_format: Option<WireFormat>,
    /// The published version of the schema; null when it is another one.
    schema_version: Option<u8>,
    /// The schema's id in the registry.
    schema_id: Option<u32>,
    first_seen: Timestamp,
    last_seen: Timestamp,
    /// How many of its numbers came; null without numbers, as are the next ones.
    received: Option<u64>,
    /// How many came a second, in the last minute or so.
    received_per_second: Option<f64>,
    /// How many of its numbers are missing.
    possibly_lost: Option<u64>,
    /// The last 20 stretches of them.
    gaps: Vec<Gap>,
}

/// How events are framed.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum WireFormat {
    /// Avro's single-object encoding.
    SingleObject,
    /// With an id of the schema registry, as Confluent's clients write it.
    Confluent,
}

/// Who records events, and which of them never came
///
/// Services by name. The accounts are brought up to date every few seconds.
#[utoipa::path(
    get, path = "/internal/v1/producers", operation_id = "producers", tag = "operation",
    params(
        ("size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many services; 20 if not given"),
        ("cursor" = Option<String>, Query, format = "producers-cursor", min_length = 1, description = "The nextCursor of the page before"),
        ("service" = Option<String>, Query, min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$", description = "Only this service"),
    ),
    responses((status = 200, description = "A page of services", body = Producers))
)]
pub(super) async fn list(reader: Reader, params: Params) -> Result<Json<Producers>, ApiError> {
    let page = find(&reader, params, DEFAULT_SIZE).await?;
    Ok(Json(Producers {
        next_cursor: page.next,
        content: page.services.into_iter().map(ServiceView::from).collect(),
        events_lost_after_seconds: reader.watch.events_lost_after.as_secs(),
        freshness: reader.freshness(),
    }))
}

/// A page of services by these parameters; where it goes on is a cursor.
pub(crate) async fn find(
    reader: &Reader,
    mut params: Params,
    default_size: u32,
) -> Result<ProducerPage, ApiError> {
    let query = ProducerQuery {
        after: params.parsed("cursor", |text| service(&ProducersCursor::decode(text)?.after)),
        size: params.parsed("size", up_to(MAX_SIZE)).unwrap_or(default_size),
        ..query(&mut params)
    };
    params.finish()?;
    let page = reader.producers(&query).await?;
    Ok(ProducerPage {
        next: page.next.map(|after| ProducersCursor { after }.encode()),
        ..page
    })
}

/// All services that the parameters ask for.
pub(super) fn query(params: &mut Params) -> ProducerQuery {
    ProducerQuery {
        service: params.parsed("service", service),
        after: None,
        size: MAX_SIZE,
        instances: INSTANCES,
    }
}

fn service(text: &str) -> Result<String, String> {
    let name = producer_name(text).map(str::to_owned);
    name.ok_or_else(|| "must have at most 100 characters and no control characters".to_owned())
}

impl From<ProducerService> for ServiceView {
    fn from(service: ProducerService) -> Self {
        Self {
            service: service.service,
            first_seen: service.first_seen,
            last_seen: service.last_seen,
            events: service.events,
            events_per_second: service.per_second,
            possibly_lost: service.possibly_lost,
            dead_letters: service.dead_letters,
            steps: service.steps,
            instance_count: service.instance_count,
            instances: service.instances.into_iter().map(InstanceView::from).collect(),
        }
    }
}

impl From<ProducerInstance> for InstanceView {
    fn from(instance: ProducerInstance) -> Self {
        let is_named = instance.instance.is_some();
        let format = |wire: Wire| match wire.schema_id {
            Some(_) => WireFormat::Confluent,
            None => WireFormat::SingleObject,
        };
        Self {
            instance: instance.instance,
            sdk_version: instance.sdk_version,
            wire_format: instance.wire.map(format),
            schema_version: instance.wire.and_then(|wire| wire.schema_version),
            schema_id: instance.wire.and_then(|wire| wire.schema_id),
            first_seen: instance.first_seen,
            last_seen: instance.last_seen,
            received: is_named.then_some(instance.received),
            received_per_second: is_named.then_some(instance.per_second),
            possibly_lost: is_named.then_some(instance.possibly_lost),
            gaps: instance.gaps,
        }
    }
}
