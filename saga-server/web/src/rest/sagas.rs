//! `GET /api/v1/sagas`: a page of the sagas that match all filters.

use axum::Json;
use saga_types::{
    OrderId, SagaId, SagaStatus, SagaType, Step, Timestamp,
    fold::{Anomaly, SagaState},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    archived_order::{ArchivedOfOrder, of_list},
    saga_filters::{MetadataFilter, filters},
    sort,
};
use crate::{
    acknowledgements::{AcknowledgementView, of_sagas},
    http::{
        ApiError,
        date_range::{DateRange, RelativeRange},
        params::up_to,
        query_string::{BadParameters, Params, SagasCursor},
    },
    scoped::Reader,
};
use saga_collector::{freshness::Freshness, list_entry::list_entry, redaction::Redaction};
use saga_store::{PageStart, SagaQuery, StoreError, StoredSaga, Total};

pub(super) const DEFAULT_SIZE: u32 = 20;
pub(super) const MAX_SIZE: u32 = 100;

/// The answer names the page, and not all readers of JSON keep greater numbers exactly.
const MAX_PAGE: u64 = (1 << 53) - 1;

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SagasPage {
    pub(crate) content: Vec<ListedSaga>,
    pub(crate) page: PageInfo,
    pub(crate) next_cursor: Option<String>,
    /// On the first page of the sagas of an order (`orderId`), where there is an archive: those that left the database for it. They
    /// are not among the `content` and not in the total.
    pub(crate) archived: Option<ArchivedOfOrder>,
    freshness: Freshness,
}

/// A saga of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedSaga {
    #[serde(flatten)]
    #[schema(value_type = SagaState)]
    pub(crate) saga: StoredSaga,
    /// Who takes care of it; null when nobody does.
    pub(crate) acknowledgement: Option<AcknowledgementView>,
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
        ("q" = Option<String>, Query, min_length = 1, max_length = 2000, format = "tokens", description = "Filters in one line, such as customerId:C-17 failed reason:\"card declined\" started:yesterday; together with the parameters below they add up"),
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
        ("failed" = Option<bool>, Query, description = "Has failed (FAILED or COMPENSATED), or has not"),
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
        ("acknowledged" = Option<bool>, Query, description = "Somebody takes care of it and it did not become worse since, or is one of the others"),
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
    let of_archive = async {
        match before {
            0 => Ok::<_, StoreError>(of_list(reader, &query).await),
            _ => Ok(None),
        }
    };
    let (mut page, mut archived) = tokio::try_join!(reader.search(&query), of_archive)?;
    // A saga is in both for a moment while it is archived.
    if let Some(archived) = &mut archived {
        let is_listed = |saga: &SagaState| page.sagas.iter().any(|other| other.saga_id == saga.saga_id);
        archived.content.retain(|saga| !is_listed(saga));
    }
    let content = listed(reader, std::mem::take(&mut page.sagas)).await?;
    Ok(SagasPage {
        archived,
        ..answer(&query, before, &page, content, freshness)
    })
}

/// The entries of a list, with who takes care of them.
pub(super) async fn listed(reader: &Reader, sagas: Vec<StoredSaga>) -> Result<Vec<ListedSaga>, StoreError> {
    let mut acknowledgements = of_sagas(reader, sagas.iter()).await?;
    let listed = |saga: StoredSaga| ListedSaga {
        acknowledgement: acknowledgements.remove(&saga.saga_id),
        saga: saga.map_state(|state| list_entry(reader.redaction.saga(state))),
    };
    Ok(sagas.into_iter().map(listed).collect())
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
    page.has_more = false;
    Ok(answer(&query, offset, &page, Vec::new(), freshness))
}

/// The query, and how many sagas come before the page.
pub(super) fn read(
    mut params: Params,
    redaction: &Redaction,
    freshness: &Freshness,
) -> Result<(SagaQuery, u64), BadParameters> {
    params.expand_tokens(Timestamp::now());
    let size = params.parsed("size", up_to(MAX_SIZE)).unwrap_or(DEFAULT_SIZE);
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
    let query = filters(&mut params, redaction, freshness);
    params.finish()?;
    Ok((
        SagaQuery {
            sort: sort::with_owing(order, query.owing),
            start,
            size,
            ..query
        },
        before,
    ))
}

/// The query of a file, which has all that match, read some at a time.
pub(super) fn read_all(
    mut params: Params,
    redaction: &Redaction,
    freshness: &Freshness,
    size: u32,
) -> Result<SagaQuery, BadParameters> {
    params.expand_tokens(Timestamp::now());
    let order = sort::of(&mut params, None);
    let query = filters(&mut params, redaction, freshness);
    params.finish()?;
    Ok(SagaQuery {
        sort: sort::with_owing(order, query.owing),
        size,
        ..query
    })
}

/// The filters alone, for what is done to all that match.
pub(crate) fn filter(
    params: Params,
    redaction: &Redaction,
    freshness: &Freshness,
) -> Result<SagaQuery, BadParameters> {
    read(params, redaction, freshness).map(|(query, _)| query)
}

/// Checks the parameters of a page of the list.
pub(crate) fn check_list(reader: &Reader, params: Params) -> Result<(), ApiError> {
    read(params, &reader.redaction, &reader.freshness())?;
    Ok(())
}

/// What is wrong with parameters of the whole list, in words.
pub(crate) fn check_filters(params: Params, reader: &Reader) -> Result<(), String> {
    let read = read_all(params, &reader.redaction, &reader.freshness(), 1);
    read.map(drop).map_err(|BadParameters(bad)| {
        let reasons = bad.iter().map(|(name, reason)| format!("{name} {reason}"));
        reasons.collect::<Vec<_>>().join("; ")
    })
}

fn answer(
    query: &SagaQuery,
    before: u64,
    page: &saga_store::Page,
    content: Vec<ListedSaga>,
    freshness: Freshness,
) -> SagasPage {
    let size = u64::from(query.size);
    let through = before.saturating_add(content.len() as u64);
    let last = content.last().filter(|_| page.has_more);
    let next_cursor = last.and_then(|ListedSaga { saga, .. }| {
        let cursor = SagasCursor {
            sort: sort::to_text(query.sort),
            value: sort::value_of(query.sort.by, saga)?,
            saga_id: saga.saga_id.clone(),
            before: through,
        };
        Some(cursor.encode())
    });
    let total = if page.total.is_exact {
        page.total.count
    } else {
        page.total.count.max(seen(before, content.len(), page.has_more))
    };
    let total_is_exact = page.total.is_exact;
    SagasPage {
        content,
        page: PageInfo {
            number: before / size,
            size: query.size,
            total_elements: total,
            total_pages: total.div_ceil(size),
            total_is_exact,
        },
        next_cursor,
        archived: None,
        freshness,
    }
}

/// How many there are at least, as the page itself shows: a bound where counting took too long.
fn seen(before: u64, listed: usize, has_more: bool) -> u64 {
    if listed == 0 {
        return 0;
    }
    let seen = before.saturating_add(listed as u64 + u64::from(has_more));
    seen.min(Total::CAP)
}

fn page_number(text: &str) -> Result<u64, String> {
    let page = text.parse().ok().filter(|page| *page <= MAX_PAGE);
    page.ok_or_else(|| format!("must be a number from 0, for the first page, to {MAX_PAGE}"))
}
