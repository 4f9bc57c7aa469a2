//! `GET /api/v1/versions`: which versions of each service recorded steps, first and last.

use axum::Json;
use saga_types::{Timestamp, keys};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    http::{ApiError, query_string::Params},
    scoped::Reader,
};
use saga_collector::freshness::Freshness;
use saga_store::{ProducerQuery, ServiceVersion, producer_name};

/// Who may compare versions has seen them.
pub(super) const HIDDEN: &str =
    "cannot be compared, since serviceVersion is not shown (redaction.metadataKeys)";

/// How many services an answer has at most.
const SERVICES: u32 = 100;

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Versions {
    /// By name; at most 100.
    services: Vec<ServiceVersions>,
    freshness: Freshness,
}

/// The versions of a service.
#[derive(Debug, Serialize, ToSchema)]
struct ServiceVersions {
    service: String,
    /// The one that was first seen last comes first; at most 50, those that were seen last.
    versions: Vec<VersionView>,
}

/// A version of a service, as `serviceVersion` in the metadata of its events names it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct VersionView {
    version: String,
    /// When the first step with it was recorded, as far as is known.
    first_seen: Timestamp,
    /// When the last one was.
    last_seen: Timestamp,
}

/// Which versions of each service recorded steps, first and last
///
/// Brought up to date every few seconds.
#[utoipa::path(
    get, path = "/api/v1/versions", operation_id = "versions", tag = "sagas",
    params(
        ("service" = Option<String>, Query, min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$", description = "Only this service"),
    ),
    responses((status = 200, description = "The versions", body = Versions))
)]
pub(super) async fn seen(reader: Reader, mut params: Params) -> Result<Json<Versions>, ApiError> {
    let service = params.parsed("service", name);
    params.finish()?;
    let freshness = reader.freshness();
    let services = if reader.redaction.hides(keys::SERVICE_VERSION) {
        Vec::new()
    } else {
        let services = found(&reader, service).await?.into_iter();
        let views = |versions: Vec<ServiceVersion>| versions.into_iter().map(VersionView::from).collect();
        services
            .map(|(service, versions)| ServiceVersions {
                service,
                versions: views(versions),
            })
            .collect()
    };
    Ok(Json(Versions { services, freshness }))
}

/// The versions of one service; none when it is not known, or to callers who may not see all types, since services have none.
pub(super) async fn of_service(reader: &Reader, service: &str) -> Result<Vec<ServiceVersion>, ApiError> {
    if !reader.scope().is_all() {
        return Ok(Vec::new());
    }
    let mut found = found(reader, Some(service.to_owned())).await?;
    Ok(found.pop().map(|(_, versions)| versions).unwrap_or_default())
}

/// The versions of all services; none where they are hidden, or to callers who may not see all types.
pub(crate) async fn known(reader: &Reader) -> Result<Vec<(String, Vec<ServiceVersion>)>, ApiError> {
    match reader.scope().is_all() && !reader.redaction.hides(keys::SERVICE_VERSION) {
        true => found(reader, None).await,
        false => Ok(Vec::new()),
    }
}

/// The version of the same service that was first seen last before another one.
pub(crate) fn previous<'a>(
    versions: &'a [ServiceVersion],
    version: &ServiceVersion,
) -> Option<&'a ServiceVersion> {
    let earlier = versions
        .iter()
        .filter(|other| other.first_seen < version.first_seen);
    earlier.max_by_key(|other| other.first_seen)
}

async fn found(
    reader: &Reader,
    service: Option<String>,
) -> Result<Vec<(String, Vec<ServiceVersion>)>, ApiError> {
    let query = ProducerQuery {
        service,
        after: None,
        size: SERVICES,
        instances: 0,
    };
    let page = reader.producers(&query).await?;
    let services = page.services.into_iter();
    Ok(services
        .map(|service| (service.service, service.versions))
        .collect())
}

/// The name of a service or a version.
pub(super) fn name(text: &str) -> Result<String, String> {
    let name = producer_name(text).map(str::to_owned);
    name.ok_or_else(|| "must have at most 100 characters and no control characters".to_owned())
}

impl From<ServiceVersion> for VersionView {
    fn from(version: ServiceVersion) -> Self {
        Self {
            version: version.version,
            first_seen: version.first_seen,
            last_seen: version.last_seen,
        }
    }
}
