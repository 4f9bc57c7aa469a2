//! Sagas that leave the database at the end of their time.

use std::{sync::Arc, time::Duration};

use saga_store::{
    ArchivePlan, Archived, Expired, ExpiredBefore, Rebuild, Removed, SagaQuery, Scope, Span, StatisticsQuery,
    Store, Width,
};
use saga_types::{SagaEvent, SagaStatus, Timestamp, definition::Definitions, steps};

use super::{
    Database, connect,
    events::{Random, at, created, event, folded, random_events, state_of},
    search_model::everything,
};

/// A saga that failed at once.
fn failed(saga_id: &str, millis: i64) -> Vec<SagaEvent> {
    let failure = event(
        saga_id,
        "2",
        steps::ORDER_CANCELLED,
        SagaStatus::Failed,
        millis + 1,
    );
    vec![created(saga_id, "1", millis), failure]
}

/// Sagas that have not ended stay.
fn ended(before: Timestamp) -> ExpiredBefore {
    ExpiredBefore {
        ended: before,
        unfinished: Timestamp::MIN,
    }
}

async fn expired(store: &Arc<dyn Store>, before: Timestamp) -> Vec<Expired> {
    store.expired(ended(before), None, 1_000).await.unwrap()
}

fn ids(sagas: &[Expired]) -> Vec<&str> {
    sagas.iter().map(|saga| saga.saga_id.as_str()).collect()
}

async fn remove(store: &Arc<dyn Store>, saga_id: &str) {
    let sagas = store.still_there(&[saga_id.to_owned()]).await.unwrap();
    let removed = store.remove(&sagas, None).await.unwrap();
    assert_eq!(removed, Removed::Sagas(vec![saga_id.to_owned()]));
}

pub(crate) async fn what_ended_long_ago_is_due_and_nothing_else(database: &impl Database) {
    let store = database.store().await;
    let mut events = vec![created("under-way", "1", 0)];
    for (saga_id, millis) in [("old", 10), ("older", 5), ("recent", 1_000)] {
        events.extend(failed(saga_id, millis));
    }
    store.append(events.into()).await.unwrap();
    let due = expired(&store, at(500)).await;
    assert_eq!(ids(&due), ["older", "old"]);
    assert_eq!((due[0].updated_at, due[0].event_count), (at(6), 2));
    let page = async |after| store.expired(ended(at(500)), after, 1).await.unwrap();
    let first = page(None).await;
    let rest = page(first.last()).await;
    assert_eq!((ids(&first), ids(&rest)), (vec!["older"], vec!["old"]));
    assert!(page(rest.last()).await.is_empty());
}

pub(crate) async fn sagas_that_never_end_leave_after_a_time_of_their_own(database: &impl Database) {
    let store = database.store().await;
    let mut events = vec![created("abandoned", "1", 10), created("under-way", "1", 600)];
    for (saga_id, millis) in [("old", 20), ("recent", 400)] {
        events.extend(failed(saga_id, millis));
    }
    store.append(events.into()).await.unwrap();
    let due = async |ended, unfinished| {
        let before = ExpiredBefore { ended, unfinished };
        let due = store.expired(before, None, 1_000).await.unwrap();
        ids(&due).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(due(at(300), at(500)).await, ["abandoned", "old"]);
    assert_eq!(due(at(300), at(5)).await, ["old"], "ended sagas go sooner");
    assert_eq!(
        due(Timestamp::MIN, at(500)).await,
        ["abandoned"],
        "ended sagas stay"
    );
    assert_eq!(due(Timestamp::MIN, Timestamp::MIN).await, [""; 0]);

    remove(&store, "abandoned").await;
    let late = created("abandoned", "2", 700);
    assert_eq!(store.append(vec![late].into()).await.unwrap().removed, [0]);
    assert_eq!(store.recount(Rebuild::DryRun).await.unwrap(), 0);
}

pub(crate) async fn sagas_from_a_time_to_come_leave_by_when_their_events_were_stored(
    database: &impl Database,
) {
    const LONG: i64 = 1_000 * 365 * 86_400_000;
    let store = database.store().await;
    let ahead = |saga_id: &str| failed(saga_id, Timestamp::now().as_millis() + LONG);
    let pause = || tokio::time::sleep(Duration::from_millis(100));
    store
        .append(
            [ahead("ahead"), ahead("changed"), failed("past", 0)]
                .concat()
                .into(),
        )
        .await
        .unwrap();
    pause().await;
    let between = Timestamp::now();
    pause().await;
    let later = created("changed", "3", Timestamp::now().as_millis());
    store.append(vec![later].into()).await.unwrap();
    assert_eq!(ids(&expired(&store, at(500)).await), ["past"]);
    assert_eq!(ids(&expired(&store, between).await), ["past", "ahead"]);
    pause().await;
    let now = Timestamp::now();
    let all = expired(&store, now).await;
    assert_eq!(ids(&all), ["past", "ahead", "changed"]);
    let page = async |after: Option<&Expired>| store.expired(ended(now), after, 1).await.unwrap();
    let mut pages: Vec<Expired> = Vec::new();
    for _ in 0..all.len() {
        let next = {
            let last = pages.last();
            page(last).await
        };
        pages.extend(next);
    }
    assert_eq!(ids(&page(pages.last()).await), [""; 0]);
    assert_eq!(ids(&pages), ids(&all), "page by page");
    let never = ExpiredBefore {
        ended: Timestamp::MIN,
        unfinished: now,
    };
    assert_eq!(ids(&store.expired(never, None, 10).await.unwrap()), [""; 0]);
    assert_eq!(
        store.remove(&all, None).await.unwrap(),
        Removed::Sagas(vec!["ahead".to_owned(), "changed".to_owned(), "past".to_owned()])
    );
}

pub(crate) async fn a_removed_saga_leaves_nothing_but_a_marker(database: &impl Database) {
    let store = database.store().await;
    let mut other_order = created("gone", "3", 2);
    other_order.order_id = "another-order".parse().unwrap();
    let mut events = failed("gone", 0);
    events.push(other_order);
    events.extend(failed("stays", 0));
    store.append(events.clone().into()).await.unwrap();
    remove(&store, "gone").await;

    assert_eq!(store.saga("gone").await.unwrap(), None);
    assert!(store.steps("gone", None, 10).await.unwrap().is_none());
    let by_order = SagaQuery {
        order_id: Some("another-order".to_owned()),
        ..everything()
    };
    assert!(store.search(&by_order).await.unwrap().sagas.is_empty());
    assert_eq!(state_of(&*store, "stays").await, folded(&events, "stays"));
    let removal = store.removal("gone").await.unwrap().unwrap();
    assert_eq!(removal.archive, None);
    assert_eq!(store.removal("stays").await.unwrap(), None);
    let statistics = store.statistics(&StatisticsQuery::default()).await.unwrap();
    assert_eq!(statistics.total, 1);
    assert_eq!(store.recount(Rebuild::DryRun).await.unwrap(), 0);
}

pub(crate) async fn a_saga_that_changed_meanwhile_is_not_removed(database: &impl Database) {
    let store = database.store().await;
    store.append(failed("saga-1", 0).into()).await.unwrap();
    let due = expired(&store, at(500)).await;
    let late = event("saga-1", "3", steps::STOCK_RELEASED, SagaStatus::Compensated, 2);
    store.append(vec![late].into()).await.unwrap();
    assert_eq!(
        store.remove(&due, None).await.unwrap(),
        Removed::Sagas(Vec::new())
    );
    assert_eq!(store.saga("saga-1").await.unwrap().unwrap().step_count, 3);
    assert_eq!(store.removal("saga-1").await.unwrap(), None);
}

pub(crate) async fn a_late_event_of_a_removed_saga_is_refused_alone(database: &impl Database) {
    let store = database.store().await;
    store.append(failed("gone", 0).into()).await.unwrap();
    remove(&store, "gone").await;
    let late = event("gone", "3", steps::STOCK_RELEASED, SagaStatus::Compensated, 2);
    let repeated = failed("gone", 0).remove(0);
    let batch = vec![created("new", "1", 0), late, created("newer", "1", 0), repeated];
    let mut appended = store.append(batch.into()).await.unwrap();
    appended.new.sort_unstable();
    appended.removed.sort_unstable();
    assert_eq!((appended.new, appended.removed), (vec![0, 2], vec![1, 3]));
    assert_eq!(store.saga("gone").await.unwrap(), None);
    assert!(store.saga("newer").await.unwrap().is_some());

    let only_late = store.append(failed("gone", 0).into()).await.unwrap();
    assert_eq!((only_late.stored(), only_late.removed.len()), (0, 2));
}

pub(crate) async fn only_the_last_attempt_finishes_a_plan(database: &impl Database) {
    let store = database.store().await;
    store.append(failed("saga-1", 0).into()).await.unwrap();
    let due = expired(&store, at(500)).await;
    let plan = |batch: &str, attempt: &str| ArchivePlan {
        batch: batch.to_owned(),
        attempt: attempt.to_owned(),
        saga_ids: vec!["saga-1".to_owned()],
    };
    let archived = |attempt: &str| Archived {
        attempt: attempt.to_owned(),
        folder: format!("folder-of-{attempt}"),
    };
    assert!(store.plan_archive(&plan("batch-1", "first")).await.unwrap());
    assert!(
        !store.plan_archive(&plan("batch-2", "another")).await.unwrap(),
        "one batch at a time"
    );
    assert!(store.plan_archive(&plan("batch-1", "second")).await.unwrap());
    assert_eq!(
        store.archive_plan().await.unwrap(),
        Some(plan("batch-1", "second"))
    );

    let overtaken = store.remove(&due, Some(&archived("first"))).await.unwrap();
    assert_eq!(overtaken, Removed::Overtaken);
    assert!(store.saga("saga-1").await.unwrap().is_some());
    let removed = store.remove(&due, Some(&archived("second"))).await.unwrap();
    assert_eq!(removed, Removed::Sagas(vec!["saga-1".to_owned()]));
    let removal = store.removal("saga-1").await.unwrap().unwrap();
    assert_eq!(removal.archive.as_deref(), Some("folder-of-second"));
    assert_eq!(store.archive_plan().await.unwrap(), None);
}

/// Samples go by what is in the database, so the counts of its rows stay their own.
pub(crate) async fn archived_sagas_stay_in_the_statistics(database: &impl Database) {
    let store = database.store().await;
    let saga_ids = ["archived-1", "archived-2", "removed", "stays"];
    let events = saga_ids.iter().flat_map(|saga_id| failed(saga_id, 0));
    store.append(events.collect()).await.unwrap();
    let everything = |archived| StatisticsQuery {
        archived,
        ..StatisticsQuery::default()
    };
    let before = store.statistics(&everything(true)).await.unwrap();
    for saga_id in &saga_ids[..2] {
        let plan = ArchivePlan {
            batch: (*saga_id).to_owned(),
            attempt: (*saga_id).to_owned(),
            saga_ids: vec![(*saga_id).to_owned()],
        };
        assert!(store.plan_archive(&plan).await.unwrap());
        let sagas = store.still_there(&plan.saga_ids).await.unwrap();
        let archived = Archived {
            attempt: plan.attempt,
            folder: "folder".to_owned(),
        };
        store.remove(&sagas, Some(&archived)).await.unwrap();
    }
    assert_eq!(store.statistics(&everything(true)).await.unwrap(), before);
    remove(&store, "removed").await;

    let total = async |query: StatisticsQuery| store.statistics(&query).await.unwrap().total;
    assert_eq!(
        total(everything(true)).await,
        3,
        "what was not archived is not counted"
    );
    assert_eq!(total(everything(false)).await, 1);
    assert_eq!(store.count_by_status().await.unwrap()[3].1, 1);
    let minute = StatisticsQuery {
        from: Some(at(-20_000)),
        to: Some(at(39_999)),
        ..everything(true)
    };
    assert_eq!(total(minute).await, 3);
    let span = Span::ending_at(at(30 * 60_000), Width::Minute, 60);
    let trends = store.trends(&span, &Scope::All).await.unwrap();
    let in_slots: u64 = trends.slots.iter().flat_map(|slot| slot.values()).sum();
    let by_type: u64 = trends.by_type.values().map(|statistics| statistics.total).sum();
    assert_eq!((in_slots, by_type), (3, 3));
    assert_eq!(store.recount(Rebuild::DryRun).await.unwrap(), 0);
    assert_eq!(store.recount(Rebuild::Write).await.unwrap(), 0);
    assert_eq!(total(everything(true)).await, 3);
}

pub(crate) async fn removals_are_forgotten_some_at_a_time(database: &impl Database) {
    let store = database.store().await;
    for saga_id in ["a", "b", "c"] {
        store.append(failed(saga_id, 0).into()).await.unwrap();
        remove(&store, saga_id).await;
    }
    assert_eq!(store.forget_removals(at(0), 10).await.unwrap(), 0);
    let later = Timestamp::from_millis(Timestamp::now().as_millis() + 60_000).unwrap();
    assert_eq!(store.forget_removals(later, 2).await.unwrap(), 2);
    assert_eq!(store.forget_removals(later, 2).await.unwrap(), 1);
    let afresh = store.append(failed("a", 0).into()).await.unwrap();
    assert_eq!(afresh.stored(), 2);
}

pub(crate) async fn events_are_read_in_order_page_by_page(database: &impl Database) {
    let store = database.store().await;
    let mut events = random_events(&mut Random::seeded(7), 6, 9);
    store.append(events.clone().into()).await.unwrap();
    let saga_ids: Vec<String> = (0..6)
        .filter(|saga| *saga != 2)
        .map(|saga| format!("saga-{saga}"))
        .collect();
    let mut read: Vec<SagaEvent> = Vec::new();
    loop {
        let page = store.events(&saga_ids, read.last(), 4).await.unwrap();
        assert!(page.len() <= 4);
        if page.is_empty() {
            break;
        }
        read.extend(page);
    }
    events.retain(|event| event.saga_id != *"saga-2");
    let key = |event: &SagaEvent| (event.saga_id.clone(), event.recorded_at, event.event_id.clone());
    events.sort_by_key(key);
    assert_eq!(
        read.iter().map(key).collect::<Vec<_>>(),
        events.iter().map(key).collect::<Vec<_>>()
    );
    let states = store.states(&saga_ids).await.unwrap();
    assert_eq!(states.len(), 5);
    for state in states {
        assert_eq!(Some(&state), folded(&events, state.saga_id.as_str()).as_ref());
    }
}

/// Each saga is removed while its last event comes: either both are there, or neither.
pub(crate) async fn removals_and_late_events_at_once_leave_no_half_saga(database: &impl Database) {
    const SAGAS: i64 = 60;
    let store = database.store().await;
    let other = connect(&database.url(), Definitions::built_in()).await;
    let saga_id = |saga: i64| format!("saga-{saga}");
    let events: Vec<SagaEvent> = (0..SAGAS)
        .flat_map(|saga| failed(&saga_id(saga), saga * 10))
        .collect();
    store.append(events.into()).await.unwrap();
    let due = expired(&store, Timestamp::MAX).await;
    let remover = tokio::spawn({
        let store = store.clone();
        async move {
            for batch in due.chunks(7) {
                store.remove(batch, None).await.unwrap();
            }
        }
    });
    let mut refused = 0;
    for first in (0..SAGAS).step_by(3) {
        let late = (first..first + 3)
            .map(|saga| {
                event(
                    &saga_id(saga),
                    "3",
                    steps::STOCK_RELEASED,
                    SagaStatus::Compensated,
                    saga * 10 + 2,
                )
            })
            .collect();
        refused += other.append(late).await.unwrap().removed.len();
    }
    remover.await.unwrap();
    let mut gone = 0;
    for saga in 0..SAGAS {
        let saga_id = saga_id(saga);
        match store.saga(&saga_id).await.unwrap() {
            Some(state) => assert_eq!(state.step_count, 3, "{saga_id}"),
            None => gone += 1,
        }
        let marked = store.removal(&saga_id).await.unwrap().is_some();
        assert_eq!(store.saga(&saga_id).await.unwrap().is_none(), marked, "{saga_id}");
    }
    assert_eq!(
        refused, gone,
        "a late event is refused if and only if its saga went"
    );
    assert_eq!(store.recount(Rebuild::DryRun).await.unwrap(), 0);
}
