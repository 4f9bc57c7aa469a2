//! Every figure that pages and REST show of a period, against plain loops over sagas that come unevenly: busy hours and quiet
//! nights, failures that come together, rare types.

use std::collections::BTreeMap;

use saga_store::{
    FailureGroupsQuery, FlowQuery, Outcomes, Sample, Scope, Span, StatisticsQuery, Store, Transition, Width,
};
use saga_types::{SagaEvent, SagaStatus, SagaType, Step, Timestamp, fold::parts_of_failure_group, steps};

use super::{
    Database,
    events::{Random, at, event, with},
};

const HOUR: i64 = 3_600_000;

/// A saga as it was made.
struct Made {
    saga_type: SagaType,
    started: Timestamp,
    status: SagaStatus,
    /// From the first step to the second one.
    took_ms: i64,
    /// From the first step to the last one; none while it goes on.
    duration_ms: Option<i64>,
    reason: Option<&'static str>,
}

/// A period that begins and ends within a minute.
fn day() -> Span {
    Span::ending_at(at(30 * HOUR + 12_345), Width::Hour, 24)
}

fn rare() -> SagaType {
    SagaType::new("LOYALTY").unwrap()
}

fn types() -> [SagaType; 2] {
    [SagaType::ORDER_CREATION, rare()]
}

/// Over 32 hours. Eight of them are nights with a fortieth of the sagas, three are busy and fail often.
async fn make(store: &dyn Store, random: &mut Random, sagas: usize) -> Vec<Made> {
    let mut made = Vec::new();
    let mut events = Vec::new();
    while made.len() < sagas {
        let hour = random.below(32);
        let is_night = (10..18).contains(&hour);
        let is_busy = (20..23).contains(&hour);
        if (is_night && random.below(40) > 0) || (!is_busy && random.below(4) > 0) {
            continue;
        }
        let millis = i64::try_from(hour).unwrap() * HOUR + i64::try_from(random.below(3_600_000)).unwrap();
        let tail = i64::try_from(random.below(1_000)).unwrap();
        let took_ms = 20 + tail + tail * tail * tail / if is_busy { 100_000 } else { 400_000 };
        let fails = random.below(if is_busy { 4 } else { 40 }) == 0;
        let is_undone = fails && random.below(3) == 0;
        let ends = fails || random.below(20) > 0;
        let saga = Made {
            saga_type: if random.below(200) == 0 {
                rare()
            } else {
                SagaType::ORDER_CREATION
            },
            started: at(millis),
            status: match (fails, is_undone, ends) {
                (_, true, _) => SagaStatus::Compensated,
                (true, ..) => SagaStatus::Failed,
                (_, _, true) => SagaStatus::Completed,
                _ => SagaStatus::InProgress,
            },
            took_ms,
            duration_ms: ends.then_some(took_ms + 100),
            reason: fails.then_some(if is_busy {
                "ACQUIRER_TIMEOUT"
            } else {
                "CARD_DECLINED"
            }),
        };
        events.extend(saga.events(made.len(), millis));
        made.push(saga);
        if events.len() > 3_000 {
            store.append(std::mem::take(&mut events).into()).await.unwrap();
        }
    }
    store.append(events.into()).await.unwrap();
    made
}

impl Made {
    fn events(&self, number: usize, millis: i64) -> Vec<SagaEvent> {
        let saga_id = format!("saga-{number}");
        let of_saga = |id, step, status, after| {
            let mut event = event(&saga_id, id, step, status, millis + after);
            event.saga_type = self.saga_type.clone();
            event
        };
        let mut events = vec![
            of_saga("1", steps::ORDER_CREATED, SagaStatus::Started, 0),
            of_saga(
                "2",
                steps::STOCK_RESERVATION,
                SagaStatus::InProgress,
                self.took_ms,
            ),
        ];
        let Some(ended) = self.duration_ms else {
            return events;
        };
        events.push(match self.reason {
            None => of_saga("3", steps::ORDER_CONFIRMED, SagaStatus::Completed, ended),
            Some(reason) => with(
                of_saga("3", steps::PAYMENT_FAILED, SagaStatus::Failed, self.took_ms + 50),
                &serde_json::json!({"failureReason": reason}).to_string(),
            ),
        });
        if self.status == SagaStatus::Compensated {
            events.push(of_saga(
                "4",
                steps::STOCK_RELEASED,
                SagaStatus::Compensated,
                ended,
            ));
        }
        events
    }

    /// A saga that failed ended when it did.
    fn duration_ms(&self) -> Option<i64> {
        match self.status {
            SagaStatus::Failed => Some(self.took_ms + 50),
            _ => self.duration_ms,
        }
    }
}

fn within<'a>(made: &'a [Made], span: &Span) -> Vec<&'a Made> {
    let (from, to) = span.ends();
    let within = made
        .iter()
        .filter(|saga| from <= saga.started && saga.started <= to);
    within.collect()
}

fn counted<'a>(sagas: impl Iterator<Item = &'a &'a Made>) -> BTreeMap<SagaStatus, u64> {
    let mut counted = BTreeMap::new();
    for saga in sagas {
        *counted.entry(saga.status).or_default() += 1;
    }
    counted
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

fn percentile(mut millis: Vec<i64>, per_mille: usize) -> f64 {
    millis.sort_unstable();
    let rank = (millis.len() * per_mille).div_ceil(1_000);
    f64::from(i32::try_from(millis[rank - 1]).unwrap())
}

pub(crate) async fn every_figure_is_that_of_a_plain_count(database: &impl Database) {
    let store = database.store().await;
    let made = make(&*store, &mut Random::seeded(7), 3_000).await;
    let span = day();
    assert_eq!(
        (span.slots(), span.ends().1.millis_since(span.ends().0) + 1),
        (25, 24 * HOUR)
    );
    let sagas = within(&made, &span);
    let trends = store.trends(&span, &Scope::All).await.unwrap();
    for (slot, counts) in trends.slots.iter().enumerate() {
        let (from, length) = (span.start_of(slot), span.length_of(slot));
        let started = sagas
            .iter()
            .filter(|saga| (0..length).contains(&saga.started.millis_since(from)));
        assert_eq!(*counts, counted(started), "slot {slot}");
    }
    let (from, to) = span.ends();
    for saga_type in types() {
        let of_type = || sagas.iter().filter(|saga| saga.saga_type == saga_type);
        let found = &trends.by_type[&saga_type];
        assert_eq!(found.by_status, counted(of_type()), "{saga_type}");
        let query = StatisticsQuery {
            scope: Scope::All,
            saga_type: Some(saga_type.clone()),
            from: Some(from),
            to: Some(to),
            ..StatisticsQuery::default()
        };
        assert_eq!(*found, store.statistics(&query).await.unwrap(), "{saga_type}");
        let durations: Vec<i64> = of_type().filter_map(|saga| saga.duration_ms()).collect();
        for (place, per_mille) in [(0, 500), (1, 950)] {
            let truth = percentile(durations.clone(), per_mille) / 1_000.0;
            let found = found.percentile_seconds.unwrap()[place];
            // Few durations leave gaps between them, over which percentiles are interpolated.
            let allowed = if durations.len() > 100 { 0.06 } else { 0.6 };
            assert!(
                (found - truth).abs() <= allowed * truth,
                "{saga_type}: {found} s, not {truth} s"
            );
        }
    }
    let outcomes = Outcomes::of(&counted(sagas.iter()));
    let summed = trends
        .by_type
        .values()
        .map(|found| Outcomes::of(&found.by_status));
    assert_eq!(summed.map(|found| found.failed).sum::<u64>(), outcomes.failed);
    let (from, to) = span.ends();
    let query = FailureGroupsQuery {
        scope: Scope::All,
        saga_type: None,
        from,
        to,
        against: None,
        parts: 24,
    };
    let failures = store.failure_groups(&query).await.unwrap();
    assert_eq!(failures.now.failed, outcomes.failed);
    for reason in ["ACQUIRER_TIMEOUT", "CARD_DECLINED"] {
        let group = failures
            .groups
            .iter()
            .find(|group| parts_of_failure_group(&group.name).1 == Some(reason));
        let truth = sagas.iter().filter(|saga| saga.reason == Some(reason)).count() as u64;
        let found = group.map(|group| (group.now, group.parts.iter().sum()));
        assert_eq!(found, Some((truth, truth)), "{reason}");
    }
    for saga_type in types() {
        let of_type: Vec<_> = sagas.iter().filter(|saga| saga.saga_type == saga_type).collect();
        let flow = store.flow(&flow_query(&saga_type, 10_000)).await.unwrap();
        assert!(flow.sample.is_all() && flow.sample.sagas == of_type.len() as u64);
        let reached = flow.step(&steps::PAYMENT_FAILED).map_or(0, |row| row.sagas);
        let failed = of_type.iter().filter(|saga| saga.reason.is_some()).count();
        assert_eq!(reached, failed as u64, "{saga_type}");
        let times = flow.transition(&first()).unwrap().times.unwrap();
        let took: Vec<i64> = of_type.iter().map(|saga| saga.took_ms).collect();
        for (found, per_mille) in [(times.p50_ms, 500), (times.p95_ms, 950), (times.p99_ms, 990)] {
            let truth = percentile(took.clone(), per_mille);
            assert!(
                (number(usize::try_from(found).unwrap()) - truth).abs() < f64::EPSILON,
                "{saga_type}"
            );
        }
    }
}

fn first() -> Transition {
    Transition {
        from: Some(steps::ORDER_CREATED),
        to: steps::STOCK_RESERVATION,
    }
}

fn flow_query(saga_type: &SagaType, most: u32) -> FlowQuery {
    FlowQuery {
        scope: Scope::All,
        saga_type: saga_type.clone(),
        span: day(),
        service_version: None,
        most,
        of: None,
    }
}

pub(crate) async fn figures_of_samples_are_as_exact_as_they_say(database: &impl Database) {
    let store = database.store().await;
    let made = make(&*store, &mut Random::seeded(23), 12_000).await;
    let sagas = within(&made, &day());
    let of_type: Vec<_> = sagas
        .iter()
        .filter(|saga| saga.saga_type == SagaType::ORDER_CREATION)
        .collect();
    let flow = store
        .flow(&flow_query(&SagaType::ORDER_CREATION, 3_000))
        .await
        .unwrap();
    assert!(!flow.sample.is_all());
    for (step, count) in [
        (
            steps::PAYMENT_FAILED,
            of_type.iter().filter(|saga| saga.reason.is_some()).count(),
        ),
        (
            steps::STOCK_RELEASED,
            of_type
                .iter()
                .filter(|saga| saga.status == SagaStatus::Compensated)
                .count(),
        ),
    ] {
        let found = flow.share(flow.step(&step).unwrap().sagas);
        let truth = number(count) / number(of_type.len());
        assert!(
            (found - truth).abs() <= flow.sample.share_error(),
            "{step}: {found} of {truth}"
        );
    }
    let times = flow.transition(&first()).unwrap().times.unwrap();
    let took: Vec<i64> = of_type.iter().map(|saga| saga.took_ms).collect();
    for (found, error, per_mille) in [
        (times.p50_ms, times.p50_error, 500),
        (times.p95_ms, times.p95_error, 950),
    ] {
        let error = error.unwrap();
        let (found, truth) = (
            number(usize::try_from(found).unwrap()),
            percentile(took.clone(), per_mille),
        );
        assert!(
            error > 0.0 && (found - truth).abs() <= error * found,
            "{found} of {truth} ± {error}"
        );
    }
}

/// Sagas whose steps nobody else has would need as much memory as they have events.
pub(crate) async fn of_sagas_with_very_many_different_steps_fewer_are_read(database: &impl Database) {
    let store = database.store().await;
    let saga = |saga: i64| {
        let saga_id = format!("saga-{saga:03}");
        (0..100_i64).map(move |number| {
            let name = if number == 0 {
                "ORDER_CREATED".to_owned()
            } else {
                format!("STEP_{saga}_{number}")
            };
            let after = 10 * HOUR + saga * 1_000 + number;
            let id = number.to_string();
            event(
                &saga_id,
                &id,
                Step::new(name).unwrap(),
                SagaStatus::InProgress,
                after,
            )
        })
    };
    for sagas in [0..100, 100..200, 200..300] {
        let events: Vec<SagaEvent> = sagas.flat_map(saga).collect();
        store.append(events.into()).await.unwrap();
    }
    let query = FlowQuery {
        scope: Scope::All,
        saga_type: SagaType::ORDER_CREATION,
        span: day(),
        service_version: None,
        most: 10_000,
        of: None,
    };
    let flow = store.flow(&query).await.unwrap();
    assert_eq!(flow.sample, Sample::new(150, 300));
    assert_eq!(flow.step(&steps::ORDER_CREATED).unwrap().sagas, 150);
    assert_eq!(
        (flow.steps.len(), flow.transitions.len()),
        (FlowQuery::STEPS, FlowQuery::TRANSITIONS)
    );
    assert_eq!(flow.left_out, (1 + 150 * 99 - 500, 1 + 150 * 99 - 1_000));
}
