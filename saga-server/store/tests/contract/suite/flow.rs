//! The observed flow, against plain loops over the events.

use std::collections::BTreeMap;

use saga_store::{Flow, FlowQuery, Outcome, Sample, Scope, Span, StepRow, Times, Transition, Width};
use saga_types::{SagaEvent, SagaStatus, SagaType, Step, steps};

use super::{
    Database,
    events::{Random, at, created, event, with},
    trends::{MINUTE, failed, minute, ten_minutes},
};

fn transition(from: Option<Step>, to: Step) -> Transition {
    Transition { from, to }
}

fn query(most: u32, of: Option<Transition>) -> FlowQuery {
    FlowQuery {
        scope: Scope::All,
        saga_type: SagaType::ORDER_CREATION,
        span: ten_minutes(),
        service_version: None,
        most,
        of,
    }
}

/// So far into the saga, by a service.
fn by(service: &str, event: SagaEvent) -> SagaEvent {
    with(
        event,
        &serde_json::json!({"producerService": service}).to_string(),
    )
}

/// An order that was confirmed; its reservation was recorded twice by its service, then by another one.
fn confirmed(saga_id: &str, after: i64, took: i64) -> Vec<SagaEvent> {
    let reserved = |id, status, millis| event(saga_id, id, steps::STOCK_RESERVED, status, after + millis);
    vec![
        by("order", created(saga_id, "1", after)),
        by("product", reserved("2", SagaStatus::InProgress, 10)),
        by("product", reserved("3", SagaStatus::Completed, 30)),
        by("order", reserved("4", SagaStatus::InProgress, 40)),
        by(
            "order",
            event(
                saga_id,
                "5",
                steps::ORDER_CONFIRMED,
                SagaStatus::Completed,
                after + 10 + took,
            ),
        ),
    ]
}

fn of_all(p50_ms: i64, p95_ms: i64, p99_ms: i64) -> Option<Times> {
    Some(Times {
        p50_ms,
        p95_ms,
        p99_ms,
        p50_error: Some(0.0),
        p95_error: Some(0.0),
    })
}

pub(crate) async fn transitions_are_between_first_events_and_repeats_are_retries_or_echoes(
    database: &impl Database,
) {
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
        .append(confirmed("earlier", minute(-1), 100).into())
        .await
        .unwrap();
    let mut other = created("other", "1", minute(1));
    other.saga_type = SagaType::REFUND;
    store.append(vec![other].into()).await.unwrap();

    let asked = transition(Some(steps::ORDER_CREATED), steps::PAYMENT_FAILED);
    let flow = store.flow(&query(100, Some(asked.clone()))).await.unwrap();
    assert_eq!(flow.sample, Sample::new(21, 21));
    let named: Vec<_> = flow
        .steps
        .iter()
        .map(|row| (row.step.clone(), row.sagas, row.last))
        .collect();
    // On the path in its order, then the others by their place.
    assert_eq!(
        named,
        [
            (steps::ORDER_CREATED, 21, 0),
            (steps::STOCK_RESERVED, 20, 0),
            (steps::ORDER_CONFIRMED, 20, 20),
            (steps::PAYMENT_FAILED, 1, 0),
            (steps::STOCK_RELEASED, 1, 1),
        ]
    );
    assert_eq!(
        *flow.step(&steps::STOCK_RESERVED).unwrap(),
        StepRow {
            step: steps::STOCK_RESERVED,
            service: Some("product".to_owned()),
            is_on_path: true,
            outcome: Outcome::Continues,
            sagas: 20,
            retried: 20,
            retries: 20,
            echoes: vec![(Some("order".to_owned()), 20)],
            last: 0,
            wait: of_all(10, 10, 10),
            versions: BTreeMap::new(),
        }
    );
    let transitions: Vec<_> = flow
        .transitions
        .iter()
        .map(|row| {
            let from = row.transition.from.clone();
            (
                from,
                row.transition.to.clone(),
                row.sagas,
                row.outcome,
                row.leaves_path,
                row.times,
            )
        })
        .collect();
    let (goes, fails, undoes) = (Outcome::Continues, Outcome::Fails, Outcome::Compensates);
    let created = || Some(steps::ORDER_CREATED);
    assert_eq!(
        transitions,
        [
            (None, steps::ORDER_CREATED, 21, goes, false, None),
            (
                created(),
                steps::STOCK_RESERVED,
                20,
                goes,
                false,
                of_all(10, 10, 10)
            ),
            (
                Some(steps::STOCK_RESERVED),
                steps::ORDER_CONFIRMED,
                20,
                goes,
                false,
                of_all(1_000, 1_900, 2_000)
            ),
            (
                created(),
                steps::PAYMENT_FAILED,
                1,
                fails,
                true,
                of_all(50, 50, 50)
            ),
            (
                Some(steps::PAYMENT_FAILED),
                steps::STOCK_RELEASED,
                1,
                undoes,
                false,
                of_all(10, 10, 10)
            ),
        ]
    );
    assert_eq!(flow.leaving(&steps::ORDER_CREATED).count(), 1);
    let named: Vec<&str> = flow.named.iter().map(|saga_id| saga_id.as_str()).collect();
    assert_eq!(named, ["undone"]);
    let none = FlowQuery {
        span: Span::ending_at(at(-90 * MINUTE), Width::Minute, 10),
        ..query(100, None)
    };
    assert_eq!(store.flow(&none).await.unwrap(), Flow::default());
}

pub(crate) async fn the_flow_of_a_version_is_of_the_sagas_that_have_it(database: &impl Database) {
    let store = database.store().await;
    for saga in 0..30 {
        let version = if saga % 3 == 0 { "2.8.0" } else { "2.7.9" };
        let mut events = confirmed(&format!("saga-{saga}"), minute(1) + saga, 100);
        let metadata = format!(r#"{{"serviceVersion":"{version}"}}"#);
        events[1] = with(events[1].clone(), &metadata);
        store.append(events.into()).await.unwrap();
    }
    let of = |version: &str| FlowQuery {
        service_version: Some(version.to_owned()),
        ..query(100, None)
    };
    for (version, sagas) in [("2.8.0", 10), ("2.7.9", 20), ("2", 0)] {
        let flow = store.flow(&of(version)).await.unwrap();
        assert_eq!(flow.sample, Sample::new(sagas, sagas), "{version}");
        let reached = flow.step(&steps::ORDER_CONFIRMED).map_or(0, |row| row.sagas);
        assert_eq!(reached, sagas, "{version}");
    }
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
            let step = if random.below(50) == 0 {
                rare += 1;
                steps::ORDER_TIMEOUT
            } else {
                took.push(took_ms);
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
        assert_eq!(flow.sample.of, 16_000);
        let drawn = f64::from(u32::try_from(flow.sample.sagas).unwrap());
        assert!(
            (drawn - f64::from(most)).abs() < 5.0 * f64::from(most).sqrt(),
            "{drawn}"
        );
        for (step, expected) in [
            (steps::ORDER_CREATED, 16_000),
            (steps::PAYMENT_FAILED, failing),
            (steps::ORDER_TIMEOUT, rare),
        ] {
            let sagas = u32::try_from(flow.step(&step).unwrap().sagas).unwrap();
            let off = f64::from(sagas) / drawn - f64::from(expected) / 16_000.0;
            assert!(off.abs() <= flow.sample.share_error(), "{step}: {off} of {most}");
        }
        let made = transition(Some(steps::ORDER_CREATED), steps::STOCK_RESERVATION);
        let times = flow.transition(&made).unwrap().times.unwrap();
        let rank = |per_mille: usize| took[(took.len() * per_mille).div_ceil(1_000) - 1];
        for (found, error, truth) in [
            (times.p50_ms, times.p50_error, rank(500)),
            (times.p95_ms, times.p95_error, rank(950)),
        ] {
            let error = error.unwrap();
            let [found, truth] = [found, truth].map(|millis| f64::from(i32::try_from(millis).unwrap()));
            assert!(
                error > 0.0 && (found - truth).abs() <= error * found,
                "{found} of {truth} ± {error}"
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
    assert_eq!(flow.sample, Sample::new(600, 600));
    let named: Vec<&str> = flow.named.iter().map(|saga_id| saga_id.as_str()).collect();
    let newest: Vec<String> = (697..717).rev().map(|saga| format!("saga-{saga}")).collect();
    assert_eq!(named, newest);
    store.append(events.into()).await.unwrap();
    let flow = store.flow(&asked).await.unwrap();
    assert_eq!(flow.sample.of, 717);
    assert!(
        (500..700).contains(&flow.sample.sagas),
        "{} sagas",
        flow.sample.sagas
    );
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
    let row = flow.step(&steps::PAYMENT_INITIALIZATION).unwrap();
    assert_eq!((row.sagas, row.retries), (1, u64::from(FlowQuery::EVENTS) - 1));
}

pub(crate) async fn a_step_in_detail_has_waits_versions_and_reasons_of_its_first_events(
    database: &impl Database,
) {
    let store = database.store().await;
    for saga in 0..12_i64 {
        let saga_id = format!("saga-{saga:02}");
        let after = minute(saga % 3);
        let is_new = saga >= 8;
        let metadata = serde_json::json!({
            "serviceVersion": if is_new { "2.8.0" } else { "2.7.1" },
            // With a stack trace that differs from one failure to the next.
            "failureReason": if is_new { format!("limit\n\tat Pay.java:{saga}") } else { "declined".to_owned() },
        });
        let fails = |id, millis| {
            let failed = event(
                &saga_id,
                id,
                steps::PAYMENT_FAILED,
                SagaStatus::Failed,
                after + millis,
            );
            with(failed, &metadata.to_string())
        };
        let wait = if is_new { 1_000 + saga } else { 10 };
        // A repetition is not another failure.
        let events = vec![
            created(&saga_id, "1", after),
            fails("2", wait),
            fails("3", wait + 50),
        ];
        store.append(events.into()).await.unwrap();
    }
    store
        .append(vec![created("only-created", "1", minute(4))].into())
        .await
        .unwrap();

    let detail = store
        .step_detail(&query(100, None), &steps::PAYMENT_FAILED)
        .await
        .unwrap();
    assert_eq!((detail.sagas, detail.reached), (13, 12));
    assert_eq!(
        detail.waits,
        [
            (16, 8),
            (32, 0),
            (64, 0),
            (128, 0),
            (256, 0),
            (512, 0),
            (1_024, 4)
        ]
    );
    let slowest: Vec<_> = detail
        .slowest
        .iter()
        .map(|(saga_id, wait)| (saga_id.as_str(), *wait))
        .collect();
    assert_eq!(slowest[..2], [("saga-11", 1_011), ("saga-10", 1_010)]);
    assert_eq!(slowest.len(), 10);
    let versions: Vec<_> = detail
        .versions
        .iter()
        .map(|(version, part)| (version.as_deref(), part.sagas, part.median_wait_ms))
        .collect();
    assert_eq!(
        versions,
        [(Some("2.7.1"), 8, Some(10)), (Some("2.8.0"), 4, Some(1_009))]
    );
    let reasons: Vec<_> = detail
        .reasons
        .iter()
        .map(|(reason, sagas)| (reason.as_deref(), *sagas))
        .collect();
    assert_eq!(reasons, [(Some("declined"), 8), (Some("limit"), 4)]);
    let unknown = store
        .step_detail(&query(100, None), &steps::ORDER_TIMEOUT)
        .await
        .unwrap();
    assert_eq!((unknown.reached, unknown.waits.len()), (0, 0));
}
