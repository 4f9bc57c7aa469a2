//! How things went along a period, against plain loops over the events.

use std::collections::BTreeMap;

use saga_store::{
    EdgeKind, FailureCount, FlowEdge, FlowNode, FlowQuery, Scope, Slot, Span, StatisticsQuery, Transition,
    Width,
};
use saga_types::{SagaEvent, SagaStatus, SagaType, Step, Timestamp, steps};

use super::{
    Database,
    events::{Random, at, created, event, folded, random_events, with},
};

const MINUTE: i64 = 60_000;

/// Ten minutes that begin where the events of these tests do.
fn ten_minutes() -> Span {
    Span::ending_with(at(9 * MINUTE), Width::Minute, 10)
}

/// So far into the first minute of the period that a minute has room after it.
fn minute(number: i64) -> i64 {
    ten_minutes().start_of(0).millis_since(at(0)) + number * MINUTE
}

/// An order whose payment failed.
fn failed(saga_id: &str, after: i64, reason: &str) -> Vec<SagaEvent> {
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
    for (width, slots) in [(Width::Minute, 60), (Width::Hour, 2), (Width::Day, 3)] {
        let span = Span::ending_with(at(60 * MINUTE), width, slots);
        let trends = store.trends(&span, &Scope::All).await.unwrap();
        assert_eq!(trends.slots.len(), slots);
        let mut expected = vec![Slot::new(); slots];
        for saga in 0..60 {
            let state = folded(&events, &format!("saga-{saga}")).unwrap();
            let slot = (0..slots)
                .find(|slot| (span.start_of(*slot)..span.start_of(slot + 1)).contains(&state.started_at));
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
            };
            let expected = store.statistics(&query).await.unwrap();
            assert!(expected.total > 0);
            assert_eq!(trends.by_type[&saga_type], expected, "{width:?} {saga_type}");
        }
    }
    let before = Span::ending_with(at(-90 * MINUTE), Width::Minute, 60);
    let trends = store.trends(&before, &Scope::All).await.unwrap();
    assert!(trends.slots == vec![Slot::new(); 60] && trends.by_type.is_empty());
}

pub(crate) async fn failures_are_counted_by_slot_status_step_and_reason(database: &impl Database) {
    let store = database.store().await;
    let long = "주문".repeat(150);
    for (saga, minutes, reason) in [
        ("a", 0, "declined"),
        ("b", 0, "declined"),
        ("c", 0, "limit"),
        ("d", 3, "declined"),
        ("e", 3, long.as_str()),
        ("too early", -1, "declined"),
        ("too late", 10, "declined"),
    ] {
        store
            .append(failed(saga, minute(minutes), reason).into())
            .await
            .unwrap();
    }
    let mut undone = failed("f", minute(3), "declined");
    undone.insert(
        1,
        event(
            "f",
            "3",
            steps::STOCK_RESERVED,
            SagaStatus::Completed,
            minute(3) + 10,
        ),
    );
    undone.push(event(
        "f",
        "4",
        steps::STOCK_RELEASED,
        SagaStatus::Compensated,
        minute(3) + 900,
    ));
    store.append(undone.into()).await.unwrap();
    store
        .append(vec![created("fine", "1", minute(3))].into())
        .await
        .unwrap();
    let count = |slot, status, reason: &str, sagas| FailureCount {
        slot,
        status,
        step: Some("PAYMENT_FAILED".to_owned()),
        reason: Some(reason.to_owned()),
        sagas,
    };
    let mut found = store.failures(&ten_minutes(), 10, &Scope::All).await.unwrap();
    found.sort();
    let beginning: String = long.chars().take(FailureCount::REASON_CHARS).collect();
    let mut expected = vec![
        count(0, SagaStatus::Failed, "declined", 2),
        count(0, SagaStatus::Failed, "limit", 1),
        count(3, SagaStatus::Failed, "declined", 1),
        count(3, SagaStatus::Failed, &beginning, 1),
        count(3, SagaStatus::Compensated, "declined", 1),
    ];
    expected.sort();
    assert_eq!(found, expected);
}

pub(crate) async fn of_many_failures_the_newest_of_each_slot_are_looked_at(database: &impl Database) {
    let store = database.store().await;
    for saga in 0..20 {
        let (minutes, reason) = (saga % 2, if saga < 10 { "old" } else { "new" });
        let events = failed(&format!("saga-{saga}"), minute(minutes) + saga * 100, reason);
        store.append(events.into()).await.unwrap();
    }
    let mut found = store.failures(&ten_minutes(), 4, &Scope::All).await.unwrap();
    found.sort();
    let counted: Vec<_> = found
        .iter()
        .map(|count| (count.slot, count.reason.as_deref(), count.sagas))
        .collect();
    assert_eq!(counted, [(0, Some("new"), 4), (1, Some("new"), 4)]);
}

fn transition(from: Option<Step>, to: Step) -> Transition {
    Transition { from, to }
}

fn query(most: u32, of: Option<Transition>) -> FlowQuery {
    FlowQuery {
        scope: Scope::All,
        saga_type: SagaType::ORDER_CREATION,
        span: ten_minutes(),
        most,
        of,
    }
}

/// An order that was confirmed after a second try.
fn confirmed(saga_id: &str, after: i64, took: i64) -> Vec<SagaEvent> {
    vec![
        created(saga_id, "1", after),
        event(
            saga_id,
            "2",
            steps::STOCK_RESERVED,
            SagaStatus::InProgress,
            after + 10,
        ),
        event(
            saga_id,
            "3",
            steps::STOCK_RESERVED,
            SagaStatus::Completed,
            after + 30,
        ),
        event(
            saga_id,
            "4",
            steps::ORDER_CONFIRMED,
            SagaStatus::Completed,
            after + 30 + took,
        ),
    ]
}

pub(crate) async fn the_ways_of_sagas_are_those_of_their_steps(database: &impl Database) {
    let store = database.store().await;
    for saga in 0..20 {
        let events = confirmed(&format!("fine-{saga:02}"), minute(saga % 3), 100 * (saga + 1));
        // Later steps may have come first.
        store.append(events[2..].to_vec().into()).await.unwrap();
        store.append(events[..2].to_vec().into()).await.unwrap();
    }
    let mut undone = failed("undone", minute(5), "declined");
    undone.push(event(
        "undone",
        "3",
        steps::STOCK_RELEASED,
        SagaStatus::Compensated,
        minute(5) + 60,
    ));
    store.append(undone.into()).await.unwrap();
    store
        .append(confirmed("earlier", minute(-1), 1).into())
        .await
        .unwrap();
    let mut other = created("other", "1", minute(1));
    other.saga_type = SagaType::REFUND;
    store.append(vec![other].into()).await.unwrap();

    let asked = transition(Some(steps::ORDER_CREATED), steps::PAYMENT_FAILED);
    let flow = store.flow(&query(100, Some(asked.clone()))).await.unwrap();
    assert_eq!((flow.sagas, flow.of), (21, 21));
    let node = |sagas, events, last| FlowNode { sagas, events, last };
    assert_eq!(
        flow.nodes,
        BTreeMap::from([
            (steps::ORDER_CREATED, node(21, 21, 0)),
            (steps::STOCK_RESERVED, node(20, 40, 0)),
            (steps::ORDER_CONFIRMED, node(20, 20, 20)),
            (steps::PAYMENT_FAILED, node(1, 1, 0)),
            (steps::STOCK_RELEASED, node(1, 1, 1)),
        ])
    );
    let edge = |sagas, kind, median_ms, p95_ms| FlowEdge {
        sagas,
        count: sagas,
        kind,
        median_ms,
        p95_ms,
    };
    assert_eq!(
        flow.edges,
        BTreeMap::from([
            (
                transition(None, steps::ORDER_CREATED),
                edge(21, EdgeKind::Forward, None, None)
            ),
            (
                transition(Some(steps::ORDER_CREATED), steps::STOCK_RESERVED),
                edge(20, EdgeKind::Forward, Some(10), Some(10))
            ),
            (
                transition(Some(steps::STOCK_RESERVED), steps::STOCK_RESERVED),
                edge(20, EdgeKind::Forward, Some(20), Some(20))
            ),
            (
                transition(Some(steps::STOCK_RESERVED), steps::ORDER_CONFIRMED),
                edge(20, EdgeKind::Forward, Some(1000), Some(1900))
            ),
            (asked, edge(1, EdgeKind::Failing, Some(50), Some(50))),
            (
                transition(Some(steps::PAYMENT_FAILED), steps::STOCK_RELEASED),
                edge(1, EdgeKind::Compensating, Some(10), Some(10))
            ),
        ])
    );
    let named: Vec<&str> = flow.named.iter().map(|saga_id| saga_id.as_str()).collect();
    assert_eq!(named, ["undone"]);
    let none = FlowQuery {
        span: Span::ending_with(at(-90 * MINUTE), Width::Minute, 10),
        ..query(100, None)
    };
    assert_eq!(store.flow(&none).await.unwrap(), saga_store::Flow::default());
}

/// Half of the sagas of busy hours failed, none of the quiet ones did: reading as many of each slot is far off.
pub(crate) async fn a_sample_is_of_busy_and_quiet_slots_as_there_are_sagas(database: &impl Database) {
    let store = database.store().await;
    let mut random = Random::seeded(11);
    let (mut failing, mut rare) = (0_u32, 0_u32);
    let mut took = Vec::new();
    for chunk in 0..16 {
        let mut events = Vec::new();
        for saga in chunk * 1_000..(chunk + 1) * 1_000 {
            let is_busy = random.below(10) > 0;
            let started = if is_busy {
                minute(4)
            } else {
                minute(i64::try_from(random.below(4)).unwrap())
            };
            let saga_id = format!("saga-{saga}");
            let after = started + i64::try_from(random.below(59_000)).unwrap();
            if is_busy && random.below(12) == 0 {
                failing += 1;
                events.extend(failed(&saga_id, after, "declined"));
                continue;
            }
            // A long tail, longer in busy hours.
            let tail = 1_000 / (1 + random.below(100));
            let took_ms = 20 + i64::try_from(if is_busy { 3 * tail } else { tail }).unwrap();
            took.push(took_ms);
            let step = if random.below(50) == 0 {
                rare += 1;
                steps::ORDER_TIMEOUT
            } else {
                steps::STOCK_RESERVATION
            };
            events.push(created(&saga_id, "1", after));
            events.push(event(
                &saga_id,
                "2",
                step,
                SagaStatus::InProgress,
                after + took_ms,
            ));
        }
        store.append(events.into()).await.unwrap();
    }
    took.sort_unstable();
    for most in [4_000, 900] {
        let flow = store.flow(&query(most, None)).await.unwrap();
        assert_eq!(flow.of, 16_000);
        let drawn = f64::from(u32::try_from(flow.sagas).unwrap());
        assert!(
            (drawn - f64::from(most)).abs() < 5.0 * f64::from(most).sqrt(),
            "{drawn}"
        );
        for (step, expected) in [
            (steps::ORDER_CREATED, 16_000),
            (steps::PAYMENT_FAILED, failing),
            (steps::ORDER_TIMEOUT, rare),
        ] {
            let sagas = u32::try_from(flow.nodes[&step].sagas).unwrap();
            let off = f64::from(sagas) / drawn - f64::from(expected) / 16_000.0;
            assert!(off.abs() <= flow.share_error(), "{step}: {off} of {most}");
        }
        let edge = &flow.edges[&transition(Some(steps::ORDER_CREATED), steps::STOCK_RESERVATION)];
        // As many of all as say so little more or less: the share of durations below the estimate is that of its rank.
        for (found, rank) in [(edge.median_ms, 0.5), (edge.p95_ms, 0.95)] {
            let share = |below: usize| {
                f64::from(u32::try_from(below).unwrap()) / f64::from(u32::try_from(took.len()).unwrap())
            };
            let below = share(took.partition_point(|millis| *millis < found.unwrap()));
            let up_to = share(took.partition_point(|millis| *millis <= found.unwrap()));
            let error = 2.0 * flow.share_error();
            assert!(
                below - error <= rank && rank <= up_to + error,
                "{rank}: {below} to {up_to}"
            );
        }
        assert_eq!(store.flow(&query(most, None)).await.unwrap(), flow, "drawn again");
    }
}

/// A few sagas more than are asked for leave out a few, not most of them.
pub(crate) async fn as_many_sagas_as_asked_for_are_all_read(database: &impl Database) {
    let store = database.store().await;
    let mut events: Vec<SagaEvent> = (0..717)
        .map(|saga| created(&format!("saga-{saga:03}"), "1", minute(9) + saga * 10))
        .collect();
    store.append(events.split_off(117).into()).await.unwrap();
    let asked = query(600, Some(transition(None, steps::ORDER_CREATED)));
    let flow = store.flow(&asked).await.unwrap();
    assert_eq!((flow.sagas, flow.of), (600, 600));
    let named: Vec<&str> = flow.named.iter().map(|saga_id| saga_id.as_str()).collect();
    let newest: Vec<String> = (697..717).rev().map(|saga| format!("saga-{saga}")).collect();
    assert_eq!(named, newest);
    store.append(events.into()).await.unwrap();
    let flow = store.flow(&asked).await.unwrap();
    assert_eq!(flow.of, 717);
    assert!((500..700).contains(&flow.sagas), "{} sagas", flow.sagas);
}

pub(crate) async fn of_a_saga_of_very_many_steps_the_first_are_followed(database: &impl Database) {
    let store = database.store().await;
    let retry = |number: i64| {
        event(
            "wild",
            &number.to_string(),
            steps::PAYMENT_INITIALIZATION,
            SagaStatus::InProgress,
            minute(1) + number,
        )
    };
    store.append((0..2_000).map(retry).collect()).await.unwrap();
    let flow = store.flow(&query(100, None)).await.unwrap();
    let node = &flow.nodes[&steps::PAYMENT_INITIALIZATION];
    assert_eq!((node.sagas, node.events), (1, u64::from(FlowQuery::STEPS)));
    let first: Timestamp = ten_minutes().start_of(1);
    assert_eq!(first, at(minute(1)));
}
