//! What is usual of a type without a definition, and its sagas that are stuck by it.

use saga_store::{Late, Rebuild, Scope, UsualWait};
use saga_types::{SagaEvent, SagaStatus, SagaType, definition::Definitions};

use super::{
    Database,
    events::at,
    usual::{MINUTE, marked, of_parcel, parcels, step},
};

pub(crate) async fn what_is_usual_is_learnt_of_a_type_without_a_definition(database: &impl Database) {
    let store = database.open(Definitions::built_in()).await;
    parcels(&*store, "fine", 0, 1_000, 1).await;
    let open = vec![
        of_parcel("open", "ORDERED", SagaStatus::Started, 0),
        of_parcel("open", "PACKED", SagaStatus::InProgress, 1_000),
    ];
    store.append(open.into()).await.unwrap();
    store.learn_usual(at(30 * MINUTE)).await.unwrap();
    let usual = store.usual().get();
    let parcel = SagaType::new("PARCEL").unwrap();
    let wait = |after: &str, name: &str| usual.between(&parcel, &step(after), &step(name)).copied();
    assert_eq!(
        wait("ORDERED", "PACKED"),
        Some(UsualWait {
            observations: 1_000,
            p50_ms: 1_499,
            p95_ms: 1_949,
            p999_ms: 1_998,
        })
    );
    assert_eq!(wait("PACKED", "SENT").unwrap().p50_ms, 500);
    let open = store.saga("open").await.unwrap().unwrap();
    let end = usual.end(&open, at(1_100)).unwrap();
    assert_eq!((end.p50, end.p90), (Some(at(1_500)), at(1_500)));
    let since = Some(11_000);
    assert_eq!(
        marked(&*store, 20 * MINUTE).await,
        [("open".to_owned(), since)],
        "the others went on"
    );
}

pub(crate) async fn a_saga_of_a_type_without_a_definition_is_stuck_beyond_what_others_ever_take(
    database: &impl Database,
) {
    let store = database.open(Definitions::built_in()).await;
    parcels(&*store, "fine", 0, 1_000, 1).await;
    store.learn_usual(at(30 * MINUTE)).await.unwrap();
    let begin = 30 * MINUTE;
    let mut echo = of_parcel("echoed", "ORDERED", SagaStatus::InProgress, begin + 2_000);
    echo.event_id = "ORDERED-again".parse().unwrap();
    let stalled = vec![
        of_parcel("stalled", "ORDERED", SagaStatus::Started, begin),
        // What comes behind its last event came before; behind the other one it may wait for what is not known here.
        of_parcel("echoed", "ORDERED", SagaStatus::Started, begin),
        of_parcel("echoed", "PACKED", SagaStatus::InProgress, begin + 1_000),
        echo,
    ];
    store.append(stalled.into()).await.unwrap();
    let moment = begin + 5 * MINUTE;
    assert!(
        marked(&*store, moment).await.is_empty(),
        "nothing to compare with"
    );
    parcels(&*store, "later", begin + 3_000, 30, 1).await;
    assert!(marked(&*store, begin + 9_000).await.is_empty());
    let stuck = [("stalled".to_owned(), Some(begin + 10_000))];
    assert_eq!(marked(&*store, moment).await, stuck);
    let counts = store.count_late(Late::Stuck, at(moment)).await.unwrap();
    assert_eq!((counts[0].step.as_str(), counts[0].sagas), ("PACKED", 1));
    let groups = store
        .late_groups(Late::Stuck, at(moment), &Scope::All, None)
        .await
        .unwrap();
    assert_eq!((groups.len(), groups[0].count.step.as_str()), (1, "PACKED"));
    let saga = store.saga("stalled").await.unwrap().unwrap();
    assert_eq!(
        (saga.state.awaiting, saga.unusual_since),
        (Vec::new(), Some(at(begin + 10_000)))
    );
    // The mark is no difference from what the steps say, and survives.
    let rebuilt = store.rebuild(None, 10_000, Rebuild::Write).await.unwrap();
    assert!(rebuilt.differences.is_empty());
    assert_eq!(marked(&*store, moment).await, stuck);
    let packed = vec![of_parcel("stalled", "PACKED", SagaStatus::InProgress, moment)];
    store.append(packed.into()).await.unwrap();
    assert!(marked(&*store, moment + 1).await.is_empty(), "it went on");
}

/// More than one look takes, of which nothing can be said.
pub(crate) async fn a_stuck_saga_is_found_behind_very_many_of_which_nothing_can_be_said(
    database: &impl Database,
) {
    let store = database.open(Definitions::built_in()).await;
    parcels(&*store, "fine", 0, 1_000, 1).await;
    store.learn_usual(at(30 * MINUTE)).await.unwrap();
    let begin = 30 * MINUTE;
    let echoed = (0..1_100).flat_map(|number| {
        let saga_id = format!("echoed-{number}");
        let mut echo = of_parcel(
            &saga_id,
            "ORDERED",
            SagaStatus::InProgress,
            begin + number + 2_000,
        );
        echo.event_id = "ORDERED-again".parse().unwrap();
        [
            of_parcel(&saga_id, "ORDERED", SagaStatus::Started, begin + number),
            of_parcel(&saga_id, "PACKED", SagaStatus::InProgress, begin + number + 1_000),
            echo,
        ]
    });
    store.append(echoed.collect()).await.unwrap();
    let stalled = of_parcel("stalled", "ORDERED", SagaStatus::Started, begin + 2_000);
    store.append(vec![stalled].into()).await.unwrap();
    parcels(&*store, "later", begin + 3_000, 30, 1).await;
    let moment = begin + 5 * MINUTE;
    assert!(marked(&*store, moment).await.is_empty(), "not looked at yet");
    let stuck = [("stalled".to_owned(), Some(begin + 12_000))];
    assert_eq!(marked(&*store, moment).await, stuck);
}

/// Where sagas often stop, nothing says that one has not ended.
pub(crate) async fn a_saga_of_a_type_without_a_definition_is_not_stuck_where_sagas_often_stop(
    database: &impl Database,
) {
    let store = database.open(Definitions::built_in()).await;
    let stopped = |name: &str, from: i64, count: i64| -> Vec<SagaEvent> {
        let saga = |number: i64| {
            let (saga_id, at) = (format!("{name}-{number}"), from + number * 1_000);
            [
                of_parcel(&saga_id, "ORDERED", SagaStatus::Started, at),
                of_parcel(&saga_id, "PACKED", SagaStatus::InProgress, at + 1_000),
            ]
        };
        (0..count).flat_map(saga).collect()
    };
    parcels(&*store, "sent", 0, 1_000, 1).await;
    store.append(stopped("kept", 0, 150).into()).await.unwrap();
    store.learn_usual(at(30 * MINUTE)).await.unwrap();
    let begin = 30 * MINUTE;
    store.append(stopped("now", begin, 10).into()).await.unwrap();
    let stalled = vec![of_parcel("stalled", "ORDERED", SagaStatus::Started, begin)];
    store.append(stalled.into()).await.unwrap();
    parcels(&*store, "later", begin + 10_000, 30, 1).await;
    let since = Some(begin + 10_000);
    assert_eq!(
        marked(&*store, begin + 20 * MINUTE).await,
        [("stalled".to_owned(), since)]
    );
    assert_eq!(store.standstills().await.unwrap(), []);
    let usual = store.usual().get();
    let parcel = SagaType::new("PARCEL").unwrap();
    assert!(
        usual.between(&parcel, &step("PACKED"), &step("SENT")).is_some(),
        "usual times are reported nevertheless"
    );
    let kept = store.saga("now-0").await.unwrap().unwrap();
    assert_eq!(usual.end(&kept, at(begin + 1_100)), None, "it may never end");
}
