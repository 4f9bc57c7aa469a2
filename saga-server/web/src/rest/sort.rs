//! The parameter `sort`, and the order that a cursor continues.

use saga_store::{Late, SagaSort, SortBy, SortOrder, SortValue, StoredSaga};

use crate::http::query_string::{CursorValue, Params, SagasCursor};

const NEWEST_FIRST: SagaSort = SagaSort {
    by: SortBy::StartedAt,
    order: SortOrder::Descending,
};

/// The requested order. A cursor continues in the order it was made for.
pub(super) fn of(params: &mut Params, cursor: Option<&SagasCursor>) -> SagaSort {
    let requested = params.parsed("sort", parse);
    let Some(cursor) = cursor else {
        return requested.unwrap_or(NEWEST_FIRST);
    };
    let sort = parse(&cursor.sort).unwrap_or(NEWEST_FIRST);
    if cursor.sort != to_text(sort) || requested.is_some_and(|requested| requested != sort) {
        params.refuse(
            "cursor",
            format!(
                "continues in the order {}; start without a cursor for another one",
                cursor.sort
            ),
        );
    }
    sort
}

fn parse(text: &str) -> Result<SagaSort, String> {
    let (field, order) = text.split_once(',').unwrap_or((text, "asc"));
    let by = match field {
        "startedAt" => Some(SortBy::StartedAt),
        "updatedAt" => Some(SortBy::UpdatedAt),
        "due" => Some(SortBy::Due(Late::Stuck)),
        "duration" => Some(SortBy::Duration),
        _ => None,
    };
    let order = match order {
        "asc" => Some(SortOrder::Ascending),
        "desc" => Some(SortOrder::Descending),
        _ => None,
    };
    let sort = by.zip(order).map(|(by, order)| SagaSort { by, order });
    sort.ok_or_else(|| {
        "must be startedAt, updatedAt, due or duration, then a comma and asc or desc".to_owned()
    })
}

/// As callers and cursors write it.
pub(super) fn to_text(sort: SagaSort) -> String {
    let field = match sort.by {
        SortBy::StartedAt => "startedAt",
        SortBy::UpdatedAt => "updatedAt",
        SortBy::Due(_) => "due",
        SortBy::Duration => "duration",
    };
    let order = match sort.order {
        SortOrder::Ascending => "asc",
        SortOrder::Descending => "desc",
    };
    format!("{field},{order}")
}

/// What is due of sagas that owe a compensation is that compensation.
pub(super) fn with_owing(mut sort: SagaSort, owing: Option<bool>) -> SagaSort {
    if let SortBy::Due(late) = &mut sort.by
        && owing == Some(true)
    {
        *late = Late::Owing;
    }
    sort
}

/// None when, by a definition that has changed since, nothing is due any more, or the saga has not ended.
pub(super) fn value_of(by: SortBy, saga: &StoredSaga) -> Option<CursorValue> {
    match by {
        SortBy::StartedAt => Some(CursorValue::At(saga.started_at)),
        SortBy::UpdatedAt => Some(CursorValue::At(saga.updated_at)),
        SortBy::Due(late) => late.due(saga).map(CursorValue::At),
        SortBy::Duration => saga.duration_ms.map(CursorValue::Millis),
    }
}

impl From<CursorValue> for SortValue {
    fn from(value: CursorValue) -> Self {
        match value {
            CursorValue::At(moment) => Self::At(moment),
            CursorValue::Millis(millis) => Self::Millis(millis),
        }
    }
}
