//! What is usual, and sagas that are stuck by it.

use saga_store::{Late, Marked, Rebuild, Scope, Standstill, Store, UsualWait};
use saga_types::{
    SagaEvent, SagaStatus, SagaType, Step, Timestamp,
    definition::{Definitions, SagaDefinition},
};

use super::{
    Database, connect,
    events::{at, event},
};

pub(super) const MINUTE: i64 = 60_000;

/// Three steps in a line, without a limit.
fn definitions() -> Definitions {
    let definition = SagaDefinition::from_yaml(
        "sagaType: PARCEL
startsWith: [ORDERED]
forward:
  - { step: ORDERED, service: shop }
  - { step: PACKED, service: warehouse }
  - { step: SENT, service: carrier }
completesWith: [SENT]
",
    );
    let mut definitions = Definitions::built_in();
    definitions.insert(definition.unwrap());
    definitions
}

pub(super) fn step(name: &str) -> Step {
    Step::new(name).unwrap()
}

pub(super) fn of_parcel(saga_id: &str, name: &str, status: SagaStatus, millis: i64) -> SagaEvent {
    let mut event = event(saga_id, name, step(name), status, millis);
    event.saga_type = SagaType::new("PARCEL").unwrap();
    event
}

/// Ordered then, packed and sent so long after.
fn sent(saga_id: &str, millis: i64, packed: i64, sent: i64) -> Vec<SagaEvent> {
    vec![
        of_parcel(saga_id, "ORDERED", SagaStatus::Started, millis),
        of_parcel(saga_id, "PACKED", SagaStatus::InProgress, millis + packed),
        of_parcel(saga_id, "SENT", SagaStatus::Completed, millis + packed + sent),
    ]
}

/// So many that were packed after 1 s to 2 s and sent half a second later, one every second.
pub(super) async fn parcels(store: &dyn Store, name: &str, from: i64, count: i64, slower: i64) {
    let events = (0..count).flat_map(|number| {
        let packed = (1_000 + number * 1_000 / count) * slower;
        sent(
            &format!("{name}-{number}"),
            from + number * 1_000,
            packed,
            500 * slower,
        )
    });
    store.append(events.collect()).await.unwrap();
}

pub(super) async fn marked(store: &dyn Store, moment: i64) -> Vec<(String, Option<i64>)> {
    store.mark_unusual(at(moment)).await.unwrap();
    let late = store
        .late_sagas(Late::Stuck, at(moment), 100, &Scope::All, None)
        .await
        .unwrap();
    late.sagas
        .into_iter()
        .map(|saga| {
            let since = saga.unusual_since.map(|since| since.millis_since(at(0)));
            (saga.saga_id.to_string(), since)
        })
        .collect()
}

pub(crate) async fn what_is_usual_is_learnt_kept_and_read_by_others(database: &impl Database) {
    let store = database.open(definitions()).await;
    parcels(&*store, "fine", 0, 1_000, 1).await;
    // Neither one that goes on nor one that ended long ago says how long it usually takes.
    store
        .append(vec![of_parcel("open", "ORDERED", SagaStatus::Started, 0)].into())
        .await
        .unwrap();
    let week = 7 * 24 * 60 * MINUTE;
    let old = sent("old", -2 * week, 90 * MINUTE, 1);
    store.append(old.into()).await.unwrap();
    store.learn_usual(at(30 * MINUTE)).await.unwrap();
    let usual = store.usual().get();
    let parcel = SagaType::new("PARCEL").unwrap();
    let packed = UsualWait {
        observations: 1_000,
        p50_ms: 1_499,
        p95_ms: 1_949,
        p999_ms: 1_998,
    };
    assert_eq!(
        usual.between(&parcel, &step("ORDERED"), &step("PACKED")),
        Some(&packed)
    );
    let open = store.saga("open").await.unwrap().unwrap();
    assert_eq!(
        usual.wait(&parcel, open.open_waits().next().unwrap()),
        Some(&packed)
    );
    let end = usual.end(&open, at(1)).unwrap();
    assert_eq!((end.p50, end.p90), (Some(at(1_999)), at(2_399)));
    // A saga that has waited until now is one of those that take longer.
    let later = usual.end(&open, at(1_900)).unwrap();
    assert!(later.p90 > end.p90, "{later:?}");
    assert_eq!(usual.end(&open, at(10 * MINUTE)), None);

    let other = connect(&database.url(), definitions()).await;
    assert!(other.usual().get().types.is_empty());
    other.load_usual().await.unwrap();
    let loaded = other.usual().get();
    assert_eq!(loaded.types[&parcel], usual.types[&parcel]);
    // Learning again replaces what was kept.
    store.learn_usual(at(30 * MINUTE)).await.unwrap();
    other.load_usual().await.unwrap();
    assert_eq!(other.usual().get().types[&parcel], usual.types[&parcel]);
    store.learn_usual(at(3 * week)).await.unwrap();
    other.load_usual().await.unwrap();
    assert!(
        other
            .usual()
            .get()
            .between(&parcel, &step("ORDERED"), &step("PACKED"))
            .is_none()
    );
}

pub(crate) async fn a_saga_without_a_limit_is_stuck_beyond_what_others_ever_take(database: &impl Database) {
    let store = database.open(definitions()).await;
    parcels(&*store, "fine", 0, 1_000, 1).await;
    store.learn_usual(at(30 * MINUTE)).await.unwrap();
    let begin = 30 * MINUTE;
    let stalled = vec![of_parcel("stalled", "ORDERED", SagaStatus::Started, begin)];
    store.append(stalled.into()).await.unwrap();
    // Longer than ever, but nothing to compare with.
    assert!(marked(&*store, begin + 5 * MINUTE).await.is_empty());
    parcels(&*store, "later", begin + 1_000, 30, 1).await;
    assert!(marked(&*store, begin + 9_000).await.is_empty());
    // Never: 10 s at the least.
    let since = Some(begin + 10_000);
    let moment = begin + 5 * MINUTE;
    assert_eq!(marked(&*store, moment).await, [("stalled".to_owned(), since)]);
    assert_eq!(store.attention(at(moment)).await.unwrap().stuck, 1);
    let counts = store.count_late(Late::Stuck, at(moment)).await.unwrap();
    assert_eq!((counts[0].step.as_str(), counts[0].sagas), ("PACKED", 1));
    let saga = store.saga("stalled").await.unwrap().unwrap();
    assert_eq!(
        (saga.unusual_since, saga.awaiting[0].deadline),
        (Some(at(begin + 10_000)), None)
    );
    // The mark is no difference from what the steps say, and survives.
    let rebuilt = store.rebuild(None, 10_000, Rebuild::Write).await.unwrap();
    assert!(rebuilt.differences.is_empty());
    assert_eq!(marked(&*store, moment).await.len(), 1);
    let packed = vec![of_parcel("stalled", "PACKED", SagaStatus::InProgress, moment)];
    store.append(packed.into()).await.unwrap();
    assert!(marked(&*store, moment + 1).await.is_empty(), "it went on");
}

pub(crate) async fn nothing_is_stuck_on_few_observations_or_when_all_are_slower(database: &impl Database) {
    let store = database.open(definitions()).await;
    parcels(&*store, "few", 0, 199, 1).await;
    store.learn_usual(at(30 * MINUTE)).await.unwrap();
    let begin = 30 * MINUTE;
    let stalled = vec![of_parcel("stalled", "ORDERED", SagaStatus::Started, begin)];
    store.append(stalled.into()).await.unwrap();
    parcels(&*store, "later", begin + 1_000, 30, 1).await;
    assert!(
        marked(&*store, begin + 20 * MINUTE).await.is_empty(),
        "few observations"
    );
    parcels(&*store, "more", 10 * MINUTE, 500, 1).await;
    store.learn_usual(at(begin + 20 * MINUTE)).await.unwrap();
    assert_eq!(marked(&*store, begin + 20 * MINUTE).await.len(), 1);

    // Everything takes a hundred times as long: ten seconds become seventeen minutes.
    let night = 120 * MINUTE;
    let slow = vec![of_parcel("slow", "ORDERED", SagaStatus::Started, night)];
    store.append(slow.into()).await.unwrap();
    parcels(&*store, "night", night + 1_000, 60, 100).await;
    let is_slow_marked = |marked: Vec<(String, Option<i64>)>| marked.iter().any(|(saga, _)| saga == "slow");
    assert!(!is_slow_marked(marked(&*store, night + 10 * MINUTE).await));
    assert!(is_slow_marked(marked(&*store, night + 60 * MINUTE).await));
}

pub(crate) async fn an_outage_in_which_nobody_goes_on_is_a_standstill(database: &impl Database) {
    let store = database.open(definitions()).await;
    parcels(&*store, "fine", 0, 1_000, 1).await;
    store.learn_usual(at(30 * MINUTE)).await.unwrap();
    let begin = 40 * MINUTE;
    let ordered = |number: i64| {
        let saga_id = format!("held-{number}");
        of_parcel(&saga_id, "ORDERED", SagaStatus::Started, begin + number * 1_000)
    };
    let events: Vec<SagaEvent> = (0..30).map(ordered).collect();
    store.append(events.into()).await.unwrap();
    assert!(marked(&*store, begin + 12_000).await.is_empty());
    assert_eq!(store.standstills().await.unwrap(), [], "two wait too long");
    assert!(marked(&*store, begin + 5 * MINUTE).await.is_empty());
    let nobody = Standstill {
        saga_type: SagaType::new("PARCEL").unwrap(),
        after: Some(step("ORDERED")),
        step: step("PACKED"),
        sagas: 30,
        since: at(begin),
        usual_p50_ms: 1_499,
        others_p50_ms: None,
    };
    assert_eq!(store.standstills().await.unwrap(), std::slice::from_ref(&nobody));
    // Others see what one has found.
    let other = connect(&database.url(), definitions()).await;
    assert_eq!(other.standstills().await.unwrap(), std::slice::from_ref(&nobody));
    // So does one that watches from now on and has not learnt anything yet.
    assert!(marked(&*other, begin + 5 * MINUTE).await.is_empty());
    assert_eq!(other.standstills().await.unwrap(), [nobody]);
    let packed = |number: i64| {
        let saga_id = format!("held-{number}");
        let after = begin + 6 * MINUTE + number;
        of_parcel(&saga_id, "PACKED", SagaStatus::InProgress, after)
    };
    let events: Vec<SagaEvent> = (0..30).map(packed).collect();
    store.append(events.into()).await.unwrap();
    assert!(marked(&*store, begin + 6 * MINUTE + 1_000).await.is_empty());
    assert_eq!(store.standstills().await.unwrap(), [], "they went on");
}

/// A limit decides alone, however unusual the wait is.
pub(crate) async fn a_limit_goes_before_what_is_usual(database: &impl Database) {
    let store = database.store().await;
    let order = |number: i64, from: i64| {
        let saga_id = format!("order-{number}-{from}");
        let of = |id: &str, step: Step, status, millis| event(&saga_id, id, step, status, from + millis);
        vec![
            of("1", saga_types::steps::ORDER_CREATED, SagaStatus::Started, 0),
            of(
                "2",
                saga_types::steps::STOCK_RESERVATION,
                SagaStatus::InProgress,
                50,
            ),
            of("3", saga_types::steps::ORDER_CONFIRMED, SagaStatus::Completed, 90),
        ]
    };
    let events: Vec<SagaEvent> = (0..300).flat_map(|number| order(number, number)).collect();
    store.append(events.into()).await.unwrap();
    store.learn_usual(at(MINUTE)).await.unwrap();
    let waiting = event(
        "waiting",
        "1",
        saga_types::steps::ORDER_CREATED,
        SagaStatus::Started,
        MINUTE,
    );
    store.append(vec![waiting].into()).await.unwrap();
    let events: Vec<SagaEvent> = (0..50)
        .flat_map(|number| order(number, MINUTE + 1 + number))
        .collect();
    store.append(events.into()).await.unwrap();
    let moment: Timestamp = at(3 * MINUTE);
    assert_eq!(store.mark_unusual(moment).await.unwrap(), Marked::default());
    let saga = store.saga("waiting").await.unwrap().unwrap();
    assert_eq!(
        (saga.unusual_since, Late::Stuck.due(&saga)),
        (None, Some(at(4 * MINUTE)))
    );
}
