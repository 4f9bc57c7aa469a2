//! Counts along a period, against plain loops over the events.

use saga_store::{Scope, Slot, Span, StatisticsQuery, Width};
use saga_types::{SagaEvent, SagaStatus, SagaType, steps};

use super::{
    Database,
    events::{Random, at, created, event, folded, random_events, with},
};

pub(super) const MINUTE: i64 = 60_000;

/// Ten whole minutes that begin where the events of these tests do.
pub(super) fn ten_minutes() -> Span {
    let minute = MINUTE - at(0).as_millis() % MINUTE;
    Span::ending_at(at(minute + 9 * MINUTE - 1), Width::Minute, 10)
}

/// So far into the first minute of the period that a minute has room after it.
pub(super) fn minute(number: i64) -> i64 {
    ten_minutes().start_of(0).millis_since(at(0)) + number * MINUTE
}

/// An order whose payment failed.
pub(super) fn failed(saga_id: &str, after: i64, reason: &str) -> Vec<SagaEvent> {
    let failure = event(
        saga_id,
        "2",
        steps::PAYMENT_FAILED,
        SagaStatus::Failed,
        after + 50,
    );
    vec![
        created(saga_id, "1", after),
        with(failure, &serde_json::json!({"failureReason": reason}).to_string()),
    ]
}

pub(crate) async fn slots_and_types_are_counted_as_statistics_are(database: &impl Database) {
    let store = database.store().await;
    let mut random = Random::seeded(5);
    let mut events = random_events(&mut random, 60, 6);
    for event in &mut events {
        let millis = event.recorded_at.millis_since(at(0));
        event.recorded_at = at(millis / 20 * 91_234 + millis % 20 * 2_003);
    }
    for batch in events.chunks(70) {
        store.append(batch.to_vec().into()).await.unwrap();
    }
    for (width, count) in [(Width::Minute, 60), (Width::Hour, 2), (Width::Day, 3)] {
        let span = Span::ending_at(at(60 * MINUTE), width, count);
        let slots = span.slots();
        assert_eq!(slots, count + 1, "the period begins and ends within a slot");
        let trends = store.trends(&span, &Scope::All).await.unwrap();
        assert_eq!(trends.slots.len(), slots);
        let mut expected = vec![Slot::new(); slots];
        for saga in 0..60 {
            let state = folded(&events, &format!("saga-{saga}")).unwrap();
            let slot = (0..slots).find(|slot| {
                (span.start_of(*slot)..=span.ends().1).contains(&state.started_at)
                    && state.started_at.millis_since(span.start_of(*slot)) < span.length_of(*slot)
            });
            if let Some(slot) = slot {
                *expected[slot].entry(state.current_status).or_default() += 1;
            }
        }
        assert_eq!(trends.slots, expected, "{width:?}");
        let (from, to) = span.ends();
        for saga_type in [SagaType::ORDER_CREATION, SagaType::new("OWN").unwrap()] {
            let query = StatisticsQuery {
                scope: Scope::All,
                saga_type: Some(saga_type.clone()),
                from: Some(from),
                to: Some(to),
                ..StatisticsQuery::default()
            };
            let expected = store.statistics(&query).await.unwrap();
            assert!(expected.total > 0);
            assert_eq!(trends.by_type[&saga_type], expected, "{width:?} {saga_type}");
        }
    }
    let before = Span::ending_at(at(-90 * MINUTE), Width::Minute, 60);
    let trends = store.trends(&before, &Scope::All).await.unwrap();
    assert!(trends.slots == vec![Slot::new(); 61] && trends.by_type.is_empty());
}

pub(crate) async fn the_durations_of_a_slot_are_those_of_statistics(database: &impl Database) {
    let store = database.store().await;
    let mut random = Random::seeded(7);
    let mut events = random_events(&mut random, 80, 6);
    for event in &mut events {
        let millis = event.recorded_at.millis_since(at(0));
        event.recorded_at = at(millis / 20 * 31_234 + millis % 20 * 2_003);
    }
    store.append(events.into()).await.unwrap();
    for (width, count) in [(Width::Minute, 60), (Width::Hour, 2)] {
        let span = Span::ending_at(at(60 * MINUTE), width, count);
        let durations = store.durations(&span, &Scope::All).await.unwrap();
        assert_eq!(durations.len(), span.slots());
        assert!(durations.iter().any(Option::is_some));
        for (slot, found) in durations.iter().enumerate() {
            let query = StatisticsQuery {
                from: Some(span.start_of(slot)),
                to: Some(at(
                    span.start_of(slot).millis_since(at(0)) + span.length_of(slot) - 1
                )),
                ..StatisticsQuery::default()
            };
            let expected = store.statistics(&query).await.unwrap().percentile_seconds;
            assert_eq!(
                *found,
                expected.map(|[p50, p95, _]| [p50, p95]),
                "{width:?} {slot}"
            );
        }
        let hidden = Scope::of([SagaType::REFUND]);
        let durations = store.durations(&span, &hidden).await.unwrap();
        assert!(durations.iter().all(Option::is_none));
    }
}
