//! What is found, and where it is looked for.

use saga_store::Position;
use saga_types::{SagaType, fold::SagaState};

use super::*;
use crate::archive::erase;

#[tokio::test]
async fn sagas_are_found_in_many_batches_of_many_days() {
    let harness = Harness::of_three_days(10).await;
    harness.archive_all().await;
    let manifests = harness.archive.manifests().await.unwrap();
    assert_eq!(
        manifests.len(),
        9,
        "ten sagas of a day are batches of four, four and two"
    );
    for manifest in &manifests {
        let day = &manifest.to.to_string()[..10];
        assert!(
            manifest.folder.starts_with(&format!("day={day}/")),
            "{manifest:?}"
        );
    }
    harness.assert_all_found(30).await;
    let lookup = Lookup::new(harness.archive.clone());
    for unknown in ["", "saga", "saga-00001", "saga-0000x", "zebra"] {
        assert_eq!(lookup.saga(unknown, None).await.unwrap(), None, "{unknown}");
        assert_eq!(
            lookup.of_order(unknown, 20, |_| true).await.unwrap(),
            (Vec::new(), true),
            "{unknown}"
        );
    }
}

#[tokio::test]
async fn an_erasure_goes_through_the_batches_day_by_day() {
    let harness = Harness::of_three_days(6).await;
    harness.archive_all().await;
    let (mut gone_through, mut after) = (Vec::new(), String::new());
    loop {
        let folders = erase::folders_after(&harness.archive, &after).await.unwrap();
        let Some(last) = folders.last() else { break };
        assert_eq!(folders.len(), 2, "those of one day");
        after.clone_from(last);
        gone_through.extend(folders);
    }
    let manifests = harness.archive.manifests().await.unwrap();
    let all: Vec<String> = manifests.into_iter().map(|manifest| manifest.folder).collect();
    assert_eq!(gone_through, all);
    let rest = erase::folders_after(&harness.archive, &all[0]).await.unwrap();
    assert_eq!(rest, all[1..2]);
}

#[tokio::test]
async fn an_empty_archive_has_nothing_and_that_is_no_error() {
    let harness = Harness::new().await;
    let lookup = Lookup::new(harness.archive.clone());
    assert_eq!(lookup.saga("saga-0001", None).await.unwrap(), None);
    assert_eq!(index(&harness.archive).await.unwrap(), Indexed::default());
}

#[tokio::test]
async fn a_batch_that_is_written_later_is_found_too() {
    let harness = Harness::of_three_days(1).await;
    harness.archive_all().await;
    let lookup = Lookup::new(harness.archive.clone());
    assert!(lookup.saga(&id(0), None).await.unwrap().is_some());
    harness.append(failed("later", 5_000)).await;
    harness.archive_all().await;
    assert!(lookup.saga("later", None).await.unwrap().is_some());
    assert_eq!(
        lookup.of_order("ORD-later", 20, |_| true).await.unwrap().0.len(),
        1
    );
}

/// What a reader may not see counts for nothing, however many batches have it.
#[tokio::test]
async fn of_an_order_those_that_are_not_wanted_do_not_count() {
    let harness = Harness::new().await;
    let shared = |saga_id: &str, saga_type: SagaType, millis| {
        let mut events = failed(saga_id, millis);
        for event in &mut events {
            event.order_id = "ORD-shared".parse().unwrap();
            event.saga_type = saga_type.clone();
        }
        events
    };
    harness.append(shared("wanted", SagaType::REFUND, 1_000)).await;
    let others = (0..240).flat_map(|saga| shared(&id(saga), SagaType::ORDER_CREATION, DAY_MS + saga * 1_000));
    harness.append(others.collect()).await;
    harness.archive_all().await;
    assert!(harness.archive.manifests().await.unwrap().len() > 50);
    let lookup = Lookup::new(harness.archive.clone());
    let refunds = |saga: &SagaState| saga.saga_type == SagaType::REFUND;
    let (found, is_all) = lookup.of_order("ORD-shared", 20, refunds).await.unwrap();
    let ids: Vec<&str> = found.iter().map(|saga| saga.state.saga_id.as_str()).collect();
    assert_eq!((ids.as_slice(), is_all), (["wanted"].as_slice(), true));
    let (found, is_all) = lookup.of_order("ORD-shared", 20, |_| true).await.unwrap();
    let newest = found.first().map(|saga| saga.state.saga_id.as_str().to_owned());
    assert_eq!((found.len(), is_all, newest), (20, false, Some(id(239))));
    let (found, is_all) = lookup.of_order("ORD-shared", 241, |_| true).await.unwrap();
    assert_eq!((found.len(), is_all), (241, true));
}

/// Its events fill several row groups, between those of others.
#[tokio::test]
async fn a_long_saga_is_read_page_by_page() {
    const EVENTS: i64 = 4_500;
    let harness = Harness::new().await;
    let long = (0..EVENTS).map(|number| {
        let mut event = failed("saga-0001", 0).swap_remove(usize::from(number == EVENTS - 1));
        event.event_id = format!("{number:05}").parse().unwrap();
        event.recorded_at = Timestamp::from_millis(BEGIN + number / 3).unwrap();
        event
    });
    harness.append(long.collect()).await;
    for other in ["saga-0000", "saga-0002"] {
        harness.append(failed(other, 2_000)).await;
    }
    harness.archive_all().await;
    let lookup = Lookup::new(harness.archive.clone());
    let saga = lookup.saga("saga-0001", None).await.unwrap().unwrap();
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let page = lookup.steps(&saga, after.as_ref(), 700).await.unwrap();
        ids.extend(page.steps.iter().map(|step| step.event_id.to_string()));
        let Some(last) = page.steps.last().filter(|_| page.has_more) else {
            break;
        };
        after = Some(Position {
            recorded_at: last.recorded_at,
            event_id: last.event_id.clone(),
        });
    }
    let all: Vec<String> = (0..EVENTS).map(|number| format!("{number:05}")).collect();
    assert_eq!(ids, all);
    let early = Timestamp::from_millis(BEGIN + 9).unwrap();
    let early = lookup
        .as_of(&saga, early, &Definitions::built_in())
        .await
        .unwrap();
    assert_eq!(early.unwrap().step_count, 30);
}

/// Sagas are due until noon of the first day.
#[tokio::test]
async fn a_collector_waits_until_a_day_is_over_or_a_batch_is_full() {
    let harness = Harness::new().await;
    let noon = Timestamp::from_millis(BEGIN + DAY_MS / 2).unwrap();
    let since_noon = Timestamp::now().millis_since(noon);
    let periods = RetentionPeriods {
        ended: Some(Duration::from_millis(since_noon.unsigned_abs())),
        ..RetentionPeriods::default()
    };
    let retention = || Retention::new(harness.store.clone(), Some(harness.archive.clone()), periods).batch(4);
    let archived =
        async |retention: Retention| retention.run(&CancellationToken::new()).await.unwrap().archived;
    harness.append(failed("day-before", -1_000)).await;
    harness.append(failed("saga-0", 1_000)).await;
    assert_eq!(archived(retention().alone()).await, 1, "the day before is over");
    for saga in 1..5 {
        harness
            .append(failed(&format!("saga-{saga}"), 1_000 + saga))
            .await;
    }
    assert_eq!(archived(retention().alone()).await, 4, "a batch is full");
    assert_eq!(archived(retention().alone()).await, 0);
    assert_eq!(archived(retention()).await, 1, "the command does not wait");
}
