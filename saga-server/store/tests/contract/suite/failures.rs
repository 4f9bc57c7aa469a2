//! Groups of failures, against plain loops over the sagas.

use std::{collections::BTreeMap, sync::Arc};

use saga_store::{
    FailureGroup, FailureGroups, FailureGroupsQuery, FailureTotals, Rebuild, SagaQuery, Scope,
    StatisticsQuery, Store,
};
use saga_types::{SagaEvent, SagaStatus, SagaType, Timestamp, fold::SagaState, steps};
use serde_json::json;

use super::{
    Database,
    events::{Random, at, created, event, folded, random_events, with},
};

/// An order whose payment failed.
fn failed(saga_id: &str, after: i64, reason: Option<&str>) -> Vec<SagaEvent> {
    let failure = event(
        saga_id,
        "2",
        steps::PAYMENT_FAILED,
        SagaStatus::Failed,
        after + 50,
    );
    let failure = match reason {
        Some(reason) => with(failure, &json!({"failureReason": reason}).to_string()),
        None => failure,
    };
    vec![created(saga_id, "1", after), failure]
}

/// Something was compensated, and no event failed.
fn undone(saga_id: &str, after: i64) -> Vec<SagaEvent> {
    let undone = event(
        saga_id,
        "2",
        steps::STOCK_RELEASED,
        SagaStatus::Compensated,
        after + 50,
    );
    vec![created(saga_id, "1", after), undone]
}

fn period(from: i64, to: i64, parts: u16) -> FailureGroupsQuery {
    FailureGroupsQuery {
        scope: Scope::All,
        saga_type: None,
        from: at(from),
        to: at(to),
        parts,
    }
}

/// How many sagas a list finds.
async fn listed(store: &Arc<dyn Store>, group: &str, query: &FailureGroupsQuery) -> u64 {
    let list = SagaQuery {
        failure_group: Some(group.to_owned()),
        saga_type: query.saga_type.clone(),
        started_from: Some(query.from),
        started_to: Some(query.to),
        ..SagaQuery::newest(100)
    };
    store.search(&list).await.unwrap().total.count
}

async fn assert_counted(
    store: &Arc<dyn Store>,
    sagas: &[SagaState],
    query: &FailureGroupsQuery,
) -> FailureGroups {
    let length = query.to.millis_since(query.from) + 1;
    let start = |state: &SagaState| state.started_at.millis_since(query.from);
    let of_type = |state: &&SagaState| {
        query
            .saga_type
            .as_ref()
            .is_none_or(|wanted| state.saga_type == *wanted)
    };
    let mut expected: BTreeMap<String, FailureGroup> = BTreeMap::new();
    let (mut now, mut before) = (FailureTotals::default(), FailureTotals::default());
    let part_ms = (length + i64::from(query.parts) - 1) / i64::from(query.parts);
    for state in sagas.iter().filter(of_type) {
        let is_now = (0..length).contains(&start(state));
        let is_before = (-length..0).contains(&start(state));
        let outcomes = if is_now { &mut now } else { &mut before };
        if is_now || is_before {
            outcomes.started += 1;
            outcomes.failed += u64::from(state.failure_group().is_some());
        }
        let Some(name) = state.failure_group() else {
            continue;
        };
        let group = expected.entry(name.clone()).or_insert_with(|| FailureGroup {
            name,
            now: 0,
            before: 0,
            parts: vec![0; usize::from(query.parts)],
            first_seen: state.started_at,
            last_seen: state.started_at,
        });
        group.first_seen = group.first_seen.min(state.started_at);
        group.last_seen = group.last_seen.max(state.started_at);
        group.before += u64::from(is_before);
        if is_now {
            group.now += 1;
            group.parts[usize::try_from(start(state) / part_ms).unwrap()] += 1;
        }
    }
    let found = store.failure_groups(query).await.unwrap();
    let mut groups: Vec<FailureGroup> = expected.into_values().collect();
    groups.retain(|group| group.now + group.before > 0);
    groups.sort_by(|left, right| {
        (right.now, right.before, &left.name).cmp(&(left.now, left.before, &right.name))
    });
    let expected = FailureGroups {
        groups,
        now,
        before,
        is_exact: true,
    };
    assert_eq!(found, expected, "{query:?}");
    found
}

pub(crate) async fn a_group_leads_to_as_many_sagas_as_it_counts(database: &impl Database) {
    let store = database.store().await;
    let mut random = Random::seeded(7);
    let mut events = random_events(&mut random, 80, 7);
    let long = "재고 부족 ".repeat(200);
    for (saga, after, reason) in [
        ("a", 100, Some("order 4711 refused")),
        ("b", 200, Some("order 4712 refused\n  at line 3")),
        ("c", 900, Some(long.as_str())),
        ("d", 1_000, None),
    ] {
        events.extend(failed(saga, after, reason));
    }
    events.extend(undone("e", 1_100));
    for batch in events.chunks(50) {
        store.append(batch.to_vec().into()).await.unwrap();
    }
    let ids = (0..80)
        .map(|saga| format!("saga-{saga}"))
        .chain(["a", "b", "c", "d", "e"].map(str::to_owned));
    let sagas: Vec<SagaState> = ids.filter_map(|saga_id| folded(&events, &saga_id)).collect();
    for (from, to, parts) in [
        (0, 1_599, 1),
        (800, 1_599, 7),
        (1_000, 1_000, 3),
        (-5_000, 90_000, 200),
    ] {
        for saga_type in [None, Some(SagaType::ORDER_CREATION)] {
            let query = FailureGroupsQuery {
                saga_type,
                ..period(from, to, parts)
            };
            let found = assert_counted(&store, &sagas, &query).await;
            for group in found.groups {
                assert_eq!(
                    listed(&store, &group.name, &query).await,
                    group.now,
                    "{}",
                    group.name
                );
                let statistics = StatisticsQuery {
                    scope: Scope::All,
                    saga_type: query.saga_type.clone(),
                    failure_group: Some(group.name.clone()),
                    from: Some(query.from),
                    to: Some(query.to),
                    archived: false,
                };
                let statistics = store.statistics(&statistics).await.unwrap();
                assert_eq!(statistics.total, group.now, "{}", group.name);
            }
        }
    }
    let of_orders = FailureGroupsQuery {
        scope: Scope::of([SagaType::ORDER_CREATION]),
        ..period(0, 1_599, 1)
    };
    let orders = FailureGroupsQuery {
        saga_type: Some(SagaType::ORDER_CREATION),
        ..period(0, 1_599, 1)
    };
    let seen = store.failure_groups(&of_orders).await.unwrap();
    assert_eq!(seen, store.failure_groups(&orders).await.unwrap());
    let all = period(0, 1_599, 1);
    assert_ne!(seen, store.failure_groups(&all).await.unwrap());
    for (group, sagas) in [
        ("PAYMENT_FAILED: order <n> refused", 2),
        ("PAYMENT_FAILED: order 4711 refused", 0),
    ] {
        assert_eq!(listed(&store, group, &all).await, sagas, "{group}");
    }
    assert!(listed(&store, "no failing step", &all).await >= 1);
    assert!(listed(&store, "PAYMENT_FAILED: no reason given", &all).await >= 1);
}

pub(crate) async fn of_very_many_groups_the_most_frequent_are_counted(database: &impl Database) {
    let store = database.store().await;
    let word = |number: usize| ["a", "b", "c", "d", "e", "f", "g", "h"][number % 8];
    let mut events = Vec::new();
    for saga in 0..600_usize {
        let reason = match saga % 3 {
            0 => "common".to_owned(),
            // Groups of a few sagas each.
            _ => format!("{} {} {}", word(saga), word(saga / 8), word(saga / 64)),
        };
        events.extend(failed(
            &format!("saga-{saga}"),
            i64::try_from(saga).unwrap(),
            Some(&reason),
        ));
    }
    store.append(events.into()).await.unwrap();
    let found = store.failure_groups(&period(0, 599, 1)).await.unwrap();
    assert_eq!(found.groups.len(), FailureGroupsQuery::MAX_GROUPS);
    assert_eq!(
        (found.groups[0].name.as_str(), found.groups[0].now),
        ("PAYMENT_FAILED: common", 200)
    );
    assert_eq!((found.now.started, found.now.failed), (600, 600));
}

pub(crate) async fn sagas_that_failed_before_are_grouped_later(database: &impl Database) {
    let store = database.store().await;
    for saga in 0..20 {
        let events = failed(&format!("saga-{saga:02}"), saga / 2, Some("declined"));
        store.append(events.into()).await.unwrap();
    }
    store.append(vec![created("fine", "1", 5)].into()).await.unwrap();
    let forget = "UPDATE saga_instance SET failure_group = NULL";
    database.execute(forget).await;
    let query = period(0, 100, 1);
    let (group, mut after, mut grouped) = ("PAYMENT_FAILED: declined", None, 0);
    assert_eq!(listed(&store, group, &query).await, 0);
    while let Some(found) = store.group_failures(after.as_ref(), 3).await.unwrap() {
        assert!(found.grouped <= 3 && after.is_none_or(|after| found.last < after));
        grouped += found.grouped;
        after = Some(found.last);
    }
    assert_eq!((grouped, listed(&store, group, &query).await), (20, 20));
    // And so does a rebuild.
    database.execute(forget).await;
    store.rebuild(None, 100, Rebuild::Write).await.unwrap();
    assert_eq!(listed(&store, group, &query).await, 20);
}

pub(crate) async fn periods_at_the_ends_of_time_are_counted(database: &impl Database) {
    let store = database.store().await;
    store.append(failed("saga", 0, None).into()).await.unwrap();
    let all = FailureGroupsQuery {
        scope: Scope::All,
        saga_type: None,
        from: Timestamp::MIN,
        to: Timestamp::MAX,
        parts: 200,
    };
    let found = store.failure_groups(&all).await.unwrap();
    assert_eq!(
        (found.groups.len(), found.now.failed, found.before.started),
        (1, 1, 0)
    );
    for moment in [Timestamp::MIN, Timestamp::MAX] {
        let query = FailureGroupsQuery {
            from: moment,
            to: moment,
            ..all.clone()
        };
        assert!(store.failure_groups(&query).await.unwrap().groups.is_empty());
    }
}
