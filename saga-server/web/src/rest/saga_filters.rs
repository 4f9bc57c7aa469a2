//! The filters of lists of sagas: what callers write of them, as a query.

use std::collections::BTreeMap;

use saga_types::{
    OrderId, SagaType, Step, Timestamp,
    fold::{Anomaly, NO_FAILING_STEP},
    keys,
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::http::{
    date_range::RelativeRange,
    params::{one_of, saga_id, status, yes_or_no},
    query_string::Params,
};
use saga_collector::{freshness::Freshness, redaction::Redaction};
use saga_store::{Judged, SagaQuery};

/// Of how many keys of the metadata values are asked for at once: how long PostgreSQL plans grows with a power of it.
const MAX_METADATA_FILTERS: usize = 8;

/// Who may search for a value could find it out by asking often enough.
const HIDDEN: &str = "is not shown (redaction.metadataKeys), and so cannot be searched for";

/// Takes the filters. What is late is judged as of the moment that the store has reached, so that lag never looks like sagas that
/// are stuck.
pub(super) fn filters(params: &mut Params, redaction: &Redaction, freshness: &Freshness) -> SagaQuery {
    let period = RelativeRange::take(params).or_dates(params, Timestamp::now());
    let durations = durations(params);
    let owing = params.parsed("owing", yes_or_no);
    SagaQuery {
        order_id: params.parsed("orderId", |text| name(OrderId::new(text)).map(String::from)),
        parent_saga_id: params.parsed("parentSagaId", saga_id),
        awaits: params.parsed("awaits", step),
        owner: params.text("owner"),
        owes: params.parsed("owes", step),
        saga_type: params.parsed("sagaType", saga_type),
        status: params.parsed("status", status),
        ended: params.parsed("ended", yes_or_no),
        failed: params.parsed("failed", yes_or_no),
        started_from: period.from,
        started_to: period.to,
        min_duration_ms: durations.0,
        max_duration_ms: durations.1,
        step: params.parsed("step", step),
        producer_service: params.text("producerService"),
        trace_id: params.text("traceId"),
        failed_step: params.parsed("failedStep", step),
        failure_reason: failure_reason(params, redaction),
        failure_group: failure_group(params, redaction),
        metadata: metadata(params, redaction),
        anomaly: params.parsed("anomaly", anomaly),
        stuck: params
            .parsed("stuck", yes_or_no)
            .map(|is_stuck| (is_stuck, freshness.judged_at(Timestamp::now()))),
        owing,
        acknowledged: params.parsed("acknowledged", yes_or_no).map(|yes| {
            let now = Timestamp::now();
            (
                yes,
                Judged {
                    now,
                    late_before: freshness.judged_at(now),
                },
            )
        }),
        ..SagaQuery::newest(1)
    }
}

fn failure_reason(params: &mut Params, redaction: &Redaction) -> Option<String> {
    let reason = params.text("failureReason")?;
    if redaction.hides(keys::FAILURE_REASON) {
        params.refuse("failureReason", HIDDEN);
    }
    Some(reason)
}

/// The name of a group has the reason in it, but for the group of failures without a step.
pub(super) fn failure_group(params: &mut Params, redaction: &Redaction) -> Option<String> {
    let group = params.text("failureGroup")?;
    if redaction.hides(keys::FAILURE_REASON) && group != NO_FAILING_STEP {
        params.refuse("failureGroup", HIDDEN);
    }
    Some(group)
}

/// The least and the greatest duration, in milliseconds.
fn durations(params: &mut Params) -> (Option<i64>, Option<i64>) {
    let least = params.parsed("minDuration", duration_ms);
    let most = params.parsed("maxDuration", duration_ms);
    if least.zip(most).is_some_and(|(least, most)| least > most) {
        params.refuse("minDuration", "must not be more than maxDuration");
    }
    (least, most)
}

fn duration_ms(text: &str) -> Result<i64, String> {
    let millis = match text.parse::<i64>() {
        // Neither below 0 nor with a sign.
        Ok(millis) => Some(millis).filter(|_| text.starts_with(|first: char| first.is_ascii_digit())),
        Err(_) => humantime::parse_duration(text)
            .ok()
            .and_then(|duration| i64::try_from(duration.as_millis()).ok()),
    };
    millis
        .ok_or_else(|| "must be milliseconds, or a number with a unit such as 90s, 10m or 1h 30m".to_owned())
}

/// Versions are metadata, too.
pub(super) fn service_version(params: &mut Params, redaction: &Redaction) -> Option<String> {
    let version = params.text(keys::SERVICE_VERSION)?;
    if redaction.hides(keys::SERVICE_VERSION) {
        params.refuse(keys::SERVICE_VERSION, HIDDEN);
    }
    Some(version)
}

fn metadata(params: &mut Params, redaction: &Redaction) -> BTreeMap<String, String> {
    let version = service_version(params, redaction);
    let mut wanted = params.prefixed("metadata.");
    if let Some(version) = version
        && wanted
            .insert(keys::SERVICE_VERSION.to_owned(), version.clone())
            .is_some_and(|other| other != version)
    {
        params.refuse(
            keys::SERVICE_VERSION,
            "is given in metadata.serviceVersion as well",
        );
    }
    for key in wanted.keys().skip(MAX_METADATA_FILTERS) {
        params.refuse(
            &format!("metadata.{key}"),
            format!("is one key too many; at most {MAX_METADATA_FILTERS} may be asked for at once"),
        );
    }
    for key in wanted.keys().filter(|key| redaction.hides(key)) {
        params.refuse(&format!("metadata.{key}"), HIDDEN);
    }
    wanted
}

/// `metadata.KEY=VALUE`, for several keys.
pub(super) struct MetadataFilter;

impl PartialSchema for MetadataFilter {
    fn schema() -> RefOr<Schema> {
        metadata_filter("")
    }
}

/// With something before each name.
pub(super) fn metadata_filter(prefix: &str) -> RefOr<Schema> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let names = format!(r"^{}metadata\.[^\x00]+$", prefix.replace('.', r"\."));
    let filter = ObjectBuilder::new()
        .description(Some(format!(
            "{prefix}metadata.KEY=VALUE: has a step with this text in its metadata; \
             for at most {MAX_METADATA_FILTERS} keys"
        )))
        .property_names(Some(text().pattern(Some(names)).build()))
        .additional_properties(Some(text().pattern(Some(r"^[^\x00]+$"))))
        .max_properties(Some(MAX_METADATA_FILTERS))
        .examples([serde_json::json!({format!("{prefix}metadata.orderAmount"): "125.50"})]);
    Schema::Object(filter.build()).into()
}

impl ToSchema for MetadataFilter {}

fn step(text: &str) -> Result<String, String> {
    name(Step::from_wire(text)).map(String::from)
}

/// Any name that events may carry, in whatever style.
pub(super) fn saga_type(text: &str) -> Result<SagaType, String> {
    name(SagaType::try_from(text.to_owned()))
}

pub(super) fn anomaly(text: &str) -> Result<Anomaly, String> {
    one_of(Anomaly::ALL, Anomaly::as_str)(text)
}

pub(super) fn name<T>(checked: Result<T, saga_types::NameError>) -> Result<T, String> {
    checked.map_err(|error| error.to_string())
}
