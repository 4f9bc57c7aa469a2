//! Orders and ways of paging, against a plain loop over the sagas; totals.

use std::sync::Arc;

use saga_store::{
    Late, Page, PageStart, SagaQuery, SagaSort, SortBy, SortOrder, SortValue, Store, StoredSaga, Total,
};
use saga_types::{SagaEvent, SagaStatus, Timestamp, fold::SagaState, steps};

use super::{
    Database,
    events::{created, event},
    search_model::{everything, sagas},
};

/// 57 sagas, many of which have the same times, so that the ids decide.
pub(super) fn with_same_times() -> Vec<SagaEvent> {
    let events = (0..57).flat_map(|saga: i64| {
        let (saga_id, millis) = (format!("saga-{saga}"), 10 + saga % 3);
        let reserved = event(
            &saga_id,
            "2",
            steps::STOCK_RESERVED,
            SagaStatus::Completed,
            millis,
        );
        [created(&saga_id, "1", saga % 4), reserved]
    });
    events.collect()
}

/// The failure of one of them.
pub(super) fn failure(saga: i64) -> SagaEvent {
    let (saga_id, millis) = (format!("saga-{saga}"), 100 + saga % 5);
    event(&saga_id, "3", steps::PAYMENT_FAILED, SagaStatus::Failed, millis)
}

pub(crate) async fn pages_by_offset_and_by_key_are_the_same(database: &impl Database) {
    let store = database.store().await;
    let mut events = with_same_times();
    store.append(events.clone().into()).await.unwrap();
    for by in [
        SortBy::StartedAt,
        SortBy::UpdatedAt,
        SortBy::Due(Late::Stuck),
        SortBy::Due(Late::Owing),
        SortBy::Duration,
    ] {
        if by == SortBy::Due(Late::Owing) {
            let failures: Vec<SagaEvent> = (0..57).map(failure).collect();
            store.append(failures.clone().into()).await.unwrap();
            events.extend(failures);
        }
        for order in [SortOrder::Ascending, SortOrder::Descending] {
            let value = |saga: &StoredSaga| match by {
                SortBy::StartedAt => saga.started_at.as_millis(),
                SortBy::UpdatedAt => saga.updated_at.as_millis(),
                SortBy::Due(late) => late.due(saga).unwrap().as_millis(),
                SortBy::Duration => saga.duration_ms.unwrap(),
            };
            let sagas = sagas(&events).into_iter();
            let mut expected: Vec<StoredSaga> = sagas.map(|(state, _)| state.into()).collect();
            expected.sort_by(|left, right| (value(left), &left.saga_id).cmp(&(value(right), &right.saga_id)));
            if order == SortOrder::Descending {
                expected.reverse();
            }
            let mut query = everything();
            query.sort = SagaSort { by, order };
            query.size = 10;
            let next_by_offset = |page: &Page, start: &PageStart| match start {
                PageStart::Offset(offset) => PageStart::Offset(offset + page.sagas.len() as u64),
                after @ PageStart::After { .. } => after.clone(),
            };
            let next_by_key = |page: &Page, _: &PageStart| {
                let last = page.sagas.last().unwrap();
                PageStart::After {
                    value: match by {
                        SortBy::Duration => SortValue::Millis(value(last)),
                        _ => SortValue::At(Timestamp::from_millis(value(last)).unwrap()),
                    },
                    saga_id: last.saga_id.to_string(),
                }
            };
            let expected: Vec<SagaState> = expected.into_iter().map(|saga| saga.state).collect();
            assert_eq!(all_pages(&store, query.clone(), &next_by_offset).await, expected);
            assert_eq!(all_pages(&store, query, &next_by_key).await, expected);
        }
    }
    let mut beyond = everything();
    beyond.start = PageStart::Offset(1000);
    let page = store.search(&beyond).await.unwrap();
    assert_eq!(
        (page.sagas.len(), page.total.count, page.has_more),
        (0, 57, false)
    );
}

async fn all_pages(
    store: &Arc<dyn Store>,
    mut query: SagaQuery,
    next: &dyn Fn(&Page, &PageStart) -> PageStart,
) -> Vec<SagaState> {
    let mut sagas = Vec::new();
    loop {
        let page = store.search(&query).await.unwrap();
        assert_eq!(page.total.count, 57);
        query.start = next(&page, &query.start);
        sagas.extend(page.sagas.into_iter().map(|saga| saga.state));
        assert!(sagas.len() <= 57, "pages overlap");
        if !page.has_more {
            return sagas;
        }
    }
}

pub(crate) async fn totals_are_exact_up_to_the_cap(database: &impl Database) {
    let store = database.store().await;
    let batch = |from: i64, to: i64| {
        (from..to)
            .map(|saga| created(&format!("saga-{saga}"), "1", saga))
            .collect::<Vec<_>>()
    };
    for from in 0..5 {
        store
            .append(batch(from * 2000, (from + 1) * 2000).into())
            .await
            .unwrap();
    }
    let page = store.search(&everything()).await.unwrap();
    assert_eq!(
        page.total,
        Total {
            count: 10_000,
            is_exact: true
        }
    );
    store.append(batch(10_000, 10_005).into()).await.unwrap();
    let page = store.search(&everything()).await.unwrap();
    assert_eq!(
        page.total,
        Total {
            count: 10_000,
            is_exact: false
        }
    );
    assert!(page.has_more);
}
