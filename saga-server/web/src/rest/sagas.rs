//! `GET /api/v1/sagas`: a page of the sagas that match all filters.

use std::collections::BTreeMap;

use axum::Json;
use saga_types::{
    OrderId, SagaId, SagaStatus, SagaType, Step, Timestamp,
    fold::{Anomaly, NO_FAILING_STEP, SagaState},
    keys,
};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::sort;
use crate::{
    http::{
        ApiError,
        date_range::{DateRange, RelativeRange},
        params::status,
        query_string::{BadParameters, Params, SagasCursor},
    },
    scoped::Reader,
};
use saga_collector::{freshness::Freshness, list_entry::list_entry, redaction::Redaction};
use saga_store::{PageStart, SagaQuery, Scope, Total};

pub(super) const DEFAULT_SIZE: u32 = 20;
const MAX_SIZE: u32 = 100;

/// The answer names the page, and not all readers of JSON keep greater numbers exactly.
const MAX_PAGE: u64 = (1 << 53) - 1;

/// Who may search for a value could find it out by asking often enough.
const HIDDEN: &str = "is not shown (redaction.metadataKeys), and so cannot be searched for";

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SagasPage {
    pub(crate) content: Vec<SagaState>,
    pub(crate) page: PageInfo,
    pub(crate) next_cursor: Option<String>,
    freshness: Freshness,
}

/// Which page it is, and of how many.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageInfo {
    number: u64,
    size: u32,
    pub(crate) total_elements: u64,
    total_pages: u64,
    /// Whether there are no more than `totalElements`.
    pub(crate) total_is_exact: bool,
}

/// A page of the sagas that match all filters
///
/// Newest first, unless `sort` says otherwise. Totals are counted up to a cap; `totalIsExact` says whether it was reached.
#[utoipa::path(
    get, path = "/api/v1/sagas", operation_id = "sagas", tag = "sagas",
    params(
        ("page" = Option<u64>, Query, maximum = 9_007_199_254_740_991_i64, description = "Which page, from 0"),
        ("size" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many sagas; 20 if not given"),
        ("cursor" = Option<String>, Query, format = "sagas-cursor", min_length = 1, description = "The nextCursor of the page before, instead of page"),
        ("sort" = Option<String>, Query, pattern = "^(startedAt|updatedAt|due|duration)(,(asc|desc))?$", description = "The field, and asc or desc; by due only sagas that have a limit, or, with owing=true, a pending compensation; by duration only sagas that have ended, and not by an override"),
        DateRange,
        RelativeRange,
        ("orderId" = Option<OrderId>, Query, description = "Is about this business key"),
        ("parentSagaId" = Option<SagaId>, Query, description = "Is a part of this saga"),
        ("awaits" = Option<Step>, Query, description = "Waits for this step, among others or alone: one that comes next, or a compensation"),
        ("owner" = Option<String>, Query, pattern = r"^[^\x00]+$", description = "Waits for something that this service owns"),
        ("owes" = Option<Step>, Query, description = "Has not yet compensated this step"),
        ("minDuration" = Option<String>, Query, pattern = r"^[0-9]{1,9}((ms|s|m|h|d)( [0-9]{1,9}(ms|s|m|h|d)){0,3})?$", description = "Took at least this long: milliseconds, or with units such as 90s, 10m or 1h 30m"),
        ("maxDuration" = Option<String>, Query, pattern = r"^[0-9]{1,9}((ms|s|m|h|d)( [0-9]{1,9}(ms|s|m|h|d)){0,3})?$", description = "Took at most this long"),
        ("serviceVersion" = Option<String>, Query, pattern = r"^[^\x00]+$", description = "Has a step that was recorded by this version of a service"),
        ("sagaType" = Option<SagaType>, Query, description = "Has this type"),
        ("status" = Option<SagaStatus>, Query, description = "Is in this status now"),
        ("ended" = Option<bool>, Query, description = "Has ended (COMPLETED, FAILED or COMPENSATED), or has not"),
        ("step" = Option<Step>, Query, description = "Has this step"),
        ("producerService" = Option<String>, Query, pattern = r"^[^\x00]+$", description = "Has a step of this service"),
        ("traceId" = Option<String>, Query, pattern = r"^[^\x00]+$", description = "Has a step of this trace"),
        ("failedStep" = Option<Step>, Query, description = "Failed at this step first"),
        ("failureReason" = Option<String>, Query, pattern = r"^[^\x00]+$", description = "Failed for this reason"),
        ("failureGroup" = Option<String>, Query, pattern = r"^[^\x00]+$", description = "Belongs to this group of failures, by its name in /api/v1/failure-groups"),
        ("metadata" = Option<MetadataFilter>, Query, style = Form, explode),
        ("anomaly" = Option<Anomaly>, Query, description = "Has this anomaly"),
        ("stuck" = Option<bool>, Query, description = "Is past a limit of its definition, or waits longer than others ever did without one, or is not"),
        ("owing" = Option<bool>, Query, description = "Has a pending compensation, or has none"),
    ),
    responses((status = 200, description = "The page", body = SagasPage))
)]
pub(super) async fn search(reader: Reader, params: Params) -> Result<Json<SagasPage>, ApiError> {
    find(&reader, params).await.map(Json)
}

/// The page of sagas that parameters ask for.
pub(crate) async fn find(reader: &Reader, params: Params) -> Result<SagasPage, ApiError> {
    let freshness = reader.freshness();
    let (query, before) = read(params, &reader.redaction, &freshness)?;
    if let PageStart::Offset(offset) = query.start
        && offset > Total::CAP
    {
        return beyond(reader, query, offset, freshness).await;
    }
    let mut page = reader.search(&query).await?;
    let shown = |saga| list_entry(reader.redaction.saga(saga));
    page.sagas = page.sagas.into_iter().map(shown).collect();
    Ok(answer(&query, before, page, freshness))
}

/// Skipping very many sagas would cost the database as much as reading them; there is a cursor for that. A page beyond
/// the end of few sagas is empty, as any other page beyond the end.
async fn beyond(
    reader: &Reader,
    mut query: SagaQuery,
    offset: u64,
    freshness: Freshness,
) -> Result<SagasPage, ApiError> {
    let start = std::mem::replace(&mut query.start, PageStart::Offset(0));
    let mut page = reader.search(&query).await?;
    if !page.total.is_exact {
        let reason = format!(
            "must not skip more than {} sagas; go on with nextCursor",
            Total::CAP
        );
        return Err(ApiError::bad_parameter("page", reason));
    }
    query.start = start;
    page.sagas.clear();
    page.has_more = false;
    Ok(answer(&query, offset, page, freshness))
}

/// The query, and how many sagas come before the page. What is late is judged as of the moment that the store has reached, so
/// that lag never looks like sagas that are stuck.
pub(super) fn read(
    mut params: Params,
    redaction: &Redaction,
    freshness: &Freshness,
) -> Result<(SagaQuery, u64), BadParameters> {
    let size = params.parsed("size", size).unwrap_or(DEFAULT_SIZE);
    let page = params.parsed("page", page_number);
    let cursor = params.parsed("cursor", SagasCursor::decode);
    let order = sort::of(&mut params, cursor.as_ref());
    if page.is_some() && cursor.is_some() {
        params.refuse("cursor", "cannot be used together with page");
    }
    let offset = page.unwrap_or(0).saturating_mul(u64::from(size));
    let (start, before) = match cursor {
        Some(SagasCursor {
            value,
            saga_id,
            before,
            ..
        }) => (
            PageStart::After {
                value: value.into(),
                saga_id: saga_id.into(),
            },
            before,
        ),
        None => (PageStart::Offset(offset), offset),
    };
    let period = RelativeRange::take(&mut params).or_dates(&mut params, Timestamp::now());
    let durations = durations(&mut params);
    let owing = params.parsed("owing", yes_or_no);
    let query = SagaQuery {
        scope: Scope::All,
        order_id: params.parsed("orderId", |text| name(OrderId::new(text)).map(String::from)),
        parent_saga_id: params.parsed("parentSagaId", |text| name(SagaId::new(text)).map(String::from)),
        awaits: params.parsed("awaits", step),
        owner: params.text("owner"),
        owes: params.parsed("owes", step),
        saga_type: params.parsed("sagaType", saga_type),
        status: params.parsed("status", status),
        ended: params.parsed("ended", yes_or_no),
        started_from: period.from,
        started_to: period.to,
        min_duration_ms: durations.0,
        max_duration_ms: durations.1,
        step: params.parsed("step", step),
        producer_service: params.text("producerService"),
        trace_id: params.text("traceId"),
        failed_step: params.parsed("failedStep", step),
        failure_reason: failure_reason(&mut params, redaction),
        failure_group: failure_group(&mut params, redaction),
        metadata: metadata(&mut params, redaction),
        anomaly: params.parsed("anomaly", anomaly),
        stuck: params
            .parsed("stuck", yes_or_no)
            .map(|is_stuck| (is_stuck, freshness.judged_at(Timestamp::now()))),
        owing,
        sort: sort::with_owing(order, owing),
        start,
        size,
    };
    params.finish()?;
    Ok((query, before))
}

/// The filters alone, for what is done to all that match.
pub(crate) fn filter(
    params: Params,
    redaction: &Redaction,
    freshness: &Freshness,
) -> Result<SagaQuery, BadParameters> {
    read(params, redaction, freshness).map(|(query, _)| query)
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
    for key in wanted.keys().filter(|key| redaction.hides(key)) {
        params.refuse(&format!("metadata.{key}"), HIDDEN);
    }
    wanted
}

fn answer(query: &SagaQuery, before: u64, page: saga_store::Page, freshness: Freshness) -> SagasPage {
    let size = u64::from(query.size);
    let last = page.sagas.last().filter(|_| page.has_more);
    let next_cursor = last.and_then(|saga| {
        let cursor = SagasCursor {
            sort: sort::to_text(query.sort),
            value: sort::value_of(query.sort.by, saga)?,
            saga_id: saga.saga_id.clone(),
            before: before.saturating_add(page.sagas.len() as u64),
        };
        Some(cursor.encode())
    });
    let total = if page.total.is_exact {
        page.total.count
    } else {
        page.total.count.max(seen(before, &page))
    };
    SagasPage {
        content: page.sagas,
        page: PageInfo {
            number: before / size,
            size: query.size,
            total_elements: total,
            total_pages: total.div_ceil(size),
            total_is_exact: page.total.is_exact,
        },
        next_cursor,
        freshness,
    }
}

/// How many there are at least, as the page itself shows: a bound where counting took too long.
fn seen(before: u64, page: &saga_store::Page) -> u64 {
    if page.sagas.is_empty() {
        return 0;
    }
    let seen = before.saturating_add(page.sagas.len() as u64 + u64::from(page.has_more));
    seen.min(Total::CAP)
}

/// `metadata.KEY=VALUE`, as often as needed.
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
            "{prefix}metadata.KEY=VALUE: has a step with this text in its metadata; as often as needed"
        )))
        .property_names(Some(text().pattern(Some(names)).build()))
        .additional_properties(Some(text().pattern(Some(r"^[^\x00]+$"))))
        .examples([serde_json::json!({format!("{prefix}metadata.orderAmount"): "125.50"})]);
    Schema::Object(filter.build()).into()
}

impl ToSchema for MetadataFilter {}

pub(super) fn size(text: &str) -> Result<u32, String> {
    let size = text.parse().ok().filter(|size| (1..=MAX_SIZE).contains(size));
    size.ok_or_else(|| format!("must be a number from 1 to {MAX_SIZE}"))
}

fn page_number(text: &str) -> Result<u64, String> {
    let page = text.parse().ok().filter(|page| *page <= MAX_PAGE);
    page.ok_or_else(|| format!("must be a number from 0, for the first page, to {MAX_PAGE}"))
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "must be true or false".to_owned())
}

fn step(text: &str) -> Result<String, String> {
    name(Step::from_wire(text)).map(String::from)
}

/// Any name that events may carry, in whatever style.
pub(super) fn saga_type(text: &str) -> Result<SagaType, String> {
    name(SagaType::try_from(text.to_owned()))
}

pub(super) fn anomaly(text: &str) -> Result<Anomaly, String> {
    let found = Anomaly::ALL.into_iter().find(|anomaly| anomaly.as_str() == text);
    found.ok_or_else(|| format!("must be one of {}", Anomaly::ALL.map(Anomaly::as_str).join(", ")))
}

pub(super) fn name<T>(checked: Result<T, saga_types::NameError>) -> Result<T, String> {
    checked.map_err(|error| error.to_string())
}
