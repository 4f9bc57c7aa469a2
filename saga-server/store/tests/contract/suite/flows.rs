//! The flows of several types, against the flow of each, and what one service recorded, against the steps of the flow.

use std::collections::BTreeMap;

use saga_store::{Flow, FlowQuery, FlowsQuery, Scope, Store};
use saga_types::{SagaEvent, SagaStatus, SagaType, Step, steps};

use super::{
    Database,
    events::{Random, created, event, with},
    trends::{minute, ten_minutes},
};

const PAYMENT: &str = "payment-service";

/// The third one has no step of the payment service.
fn types() -> [SagaType; 3] {
    [
        SagaType::ORDER_CREATION,
        SagaType::REFUND,
        SagaType::new("LOYALTY").unwrap(),
    ]
}

fn query(service: Option<&str>, most: u32) -> FlowsQuery {
    FlowsQuery {
        scope: Scope::All,
        types: types().into(),
        service: service.map(str::to_owned),
        span: ten_minutes(),
        most,
    }
}

/// The old way: one question for each type.
async fn flow_of(store: &dyn Store, saga_type: &SagaType) -> (FlowQuery, Flow) {
    let query = FlowQuery {
        scope: Scope::All,
        saga_type: saga_type.clone(),
        span: ten_minutes(),
        service_version: None,
        most: 100_000,
        of: None,
    };
    let flow = store.flow(&query).await.unwrap();
    (query, flow)
}

/// A saga in which the payment is made in so many of a hundred.
fn saga(saga_type: &SagaType, number: usize, random: &mut Random, paid: usize) -> Vec<SagaEvent> {
    let saga_id = format!("{saga_type}-{number}");
    let after = minute(i64::try_from(random.below(9)).unwrap());
    let wait = 20 + i64::try_from(random.below(300)).unwrap();
    let by = |service: &str, event: SagaEvent| {
        with(
            event,
            &serde_json::json!({"producerService": service}).to_string(),
        )
    };
    let mut events = vec![
        by("order-service", created(&saga_id, "1", after)),
        by(
            "order-service",
            event(
                &saga_id,
                "2",
                steps::STOCK_RESERVED,
                SagaStatus::InProgress,
                after + 10,
            ),
        ),
    ];
    if random.below(100) < paid {
        let (step, status) = match random.below(10) {
            0 => (steps::PAYMENT_FAILED, SagaStatus::Failed),
            _ => (steps::PAYMENT_COMPLETED, SagaStatus::InProgress),
        };
        let version = ["2.7.1", "2.8.0"][random.below(2)];
        let metadata = serde_json::json!({"producerService": PAYMENT, "serviceVersion": version}).to_string();
        let paid = |id, millis| with(event(&saga_id, id, step.clone(), status, millis), &metadata);
        events.push(paid("3", after + 10 + wait));
        if random.below(5) == 0 {
            events.push(paid("4", after + 20 + wait));
        }
        // What another one has recorded is no step of this service.
        events.push(with(
            event(
                &saga_id,
                "5",
                steps::STOCK_RESERVED,
                SagaStatus::InProgress,
                after + 30 + wait,
            ),
            &metadata,
        ));
    }
    for event in &mut events {
        event.saga_type = saga_type.clone();
    }
    events
}

async fn store_sagas(store: &dyn Store, [orders, refunds, loyal]: [usize; 3]) {
    let mut random = Random::seeded(31);
    let [first, second, third] = types();
    for (saga_type, sagas, paid) in [(first, orders, 80), (second, refunds, 10), (third, loyal, 0)] {
        let numbers: Vec<usize> = (0..sagas).collect();
        for some in numbers.chunks(1_000) {
            let events = some
                .iter()
                .flat_map(|number| saga(&saga_type, *number, &mut random, paid));
            store.append(events.collect()).await.unwrap();
        }
    }
}

pub(crate) async fn the_flows_of_several_types_are_those_of_each(database: &impl Database) {
    let store = database.store().await;
    store_sagas(&*store, [700, 30, 5]).await;
    let found = store.flows(&query(None, 1_000)).await.unwrap();
    assert_eq!(found.len(), 3);
    for (saga_type, flow) in found {
        let (_, alone) = flow_of(&*store, &saga_type).await;
        assert_eq!(flow, alone, "{saga_type}");
    }
    let of_scope = FlowsQuery {
        scope: Scope::of([SagaType::REFUND]),
        ..query(None, 1_000)
    };
    let found = store.flows(&of_scope).await.unwrap();
    let found: Vec<_> = found.iter().map(|(saga_type, _)| saga_type.clone()).collect();
    assert_eq!(found, [SagaType::REFUND]);
    let nobody = query(Some("nobody\0"), 1_000);
    assert_eq!(store.flows(&nobody).await.unwrap(), []);
}

pub(crate) async fn what_a_service_recorded_is_what_the_flow_and_its_steps_say(database: &impl Database) {
    let store = database.store().await;
    store_sagas(&*store, [700, 90, 5]).await;
    // More sagas than are read at once, so that those without the service are only counted.
    for most in [620, 10_000] {
        let found: BTreeMap<SagaType, Flow> = store
            .flows(&query(Some(PAYMENT), most))
            .await
            .unwrap()
            .into_iter()
            .collect();
        for saga_type in &types()[..2] {
            let (query, alone) = flow_of(&*store, saga_type).await;
            let flow = &found[saga_type];
            assert_eq!(flow.sample, alone.sample, "{saga_type}");
            assert!(!flow.steps.is_empty(), "{saga_type}");
            let recorded = alone
                .steps
                .iter()
                .filter(|row| row.service.as_deref() == Some(PAYMENT));
            assert_eq!(
                flow.steps.len(),
                recorded.count(),
                "{saga_type}: {:?}",
                flow.steps
            );
            for row in &flow.steps {
                let detail = store.step_detail(&query, &row.step).await.unwrap();
                let versions = detail.versions.into_iter();
                let versions: BTreeMap<_, _> = versions
                    .filter_map(|(version, part)| Some((version?, part)))
                    .collect();
                let expected = saga_store::StepRow {
                    versions,
                    ..alone.step(&row.step).unwrap().clone()
                };
                assert!(!row.versions.is_empty(), "{saga_type}: {row:?}");
                assert_eq!(*row, expected, "{saga_type}");
            }
        }
        let other = &found[&types()[2]];
        assert_eq!((other.sample.sagas, other.steps.len()), (5, 0));
    }
}

pub(crate) async fn of_very_many_sagas_those_of_a_service_are_read_and_the_others_counted(
    database: &impl Database,
) {
    let store = database.store().await;
    store_sagas(&*store, [6_000, 3_000, 3_000]).await;
    let found = store.flows(&query(Some(PAYMENT), 1_000)).await.unwrap();
    let read: u64 = found
        .iter()
        .flat_map(|(_, flow)| &flow.steps)
        .map(|row| row.sagas)
        .sum();
    assert!((450..=1_000).contains(&read), "{read} sagas of the service");
    assert_eq!(found.len(), 3);
    for (saga_type, flow) in found {
        let (_, alone) = flow_of(&*store, &saga_type).await;
        assert_eq!(flow.sample.of, alone.sample.of);
        assert!(!flow.sample.is_all());
        for step in [steps::PAYMENT_COMPLETED, steps::PAYMENT_FAILED] {
            let share = |flow: &Flow, step: &Step| flow.share(flow.step(step).map_or(0, |row| row.sagas));
            let off = share(&flow, &step) - share(&alone, &step);
            assert!(
                off.abs() <= flow.sample.share_error(),
                "{saga_type} {step}: {off}"
            );
        }
    }
}
