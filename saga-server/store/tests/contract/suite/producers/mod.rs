//! Who records events, and which of them never came.

mod numbers;
mod services;

use std::collections::BTreeSet;

use saga_store::{
    Gap, ProducerInstance, ProducerObservation, ProducerPage, ProducerQuery, ProducerService,
    ReconcileOutcome, ReconcileRequest, Store, Wire,
};
use saga_types::Timestamp;

pub(crate) use self::{
    numbers::{
        an_instance_that_ran_before_is_counted_from_where_it_was_found,
        collectors_at_once_count_nothing_twice, neither_order_nor_repetition_changes_what_is_missing,
        numbers_that_never_came_are_found_once_they_are_old_enough,
        numbers_that_nobody_can_believe_are_no_loss, partitions_that_are_far_apart_take_a_bounded_room,
        what_a_batch_shows_is_noted_with_it, what_comes_after_all_is_lost_no_more,
    },
    services::{
        dead_letters_are_counted_once, instances_beyond_a_bound_are_left_out_until_others_are_quiet,
        services_come_by_name_page_by_page, steps_and_services_without_number_are_bounded,
        stored_events_are_counted_once_by_service_and_step, who_was_not_seen_for_long_is_forgotten,
    },
};

/// A name as the SDK makes it, of an instance that begins now.
fn new_instance() -> String {
    uuid::Uuid::now_v7().to_string()
}

fn seconds_after(moment: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_millis(moment.as_millis() + seconds * 1000).unwrap()
}

fn observation(
    service: &str,
    instance: Option<&str>,
    numbers: impl IntoIterator<Item = u64>,
) -> ProducerObservation {
    let now = Timestamp::now();
    ProducerObservation {
        service: service.to_owned(),
        instance: instance.map(str::to_owned),
        sdk_version: Some("0.1.0".to_owned()),
        wire: Some(Wire {
            schema_version: Some(2),
            schema_id: None,
        }),
        first: now,
        last: now,
        sequences: numbers.into_iter().collect(),
    }
}

/// Reconciles at a moment; what was missing at the other one is evaluated.
async fn reconcile(
    store: &dyn Store,
    now: Timestamp,
    evaluate_before: Option<Timestamp>,
) -> ReconcileOutcome {
    let request = ReconcileRequest {
        now,
        evaluate_before,
        named: BTreeSet::from(["order-service".to_owned()]),
    };
    let mut all = ReconcileOutcome::default();
    loop {
        let outcome = store.reconcile_producers(&request).await.unwrap();
        all.lost.extend(outcome.lost);
        all.refused += outcome.refused;
        if !outcome.has_more {
            return all;
        }
    }
}

/// Evaluates everything that was seen until now.
async fn evaluate(store: &dyn Store) -> u64 {
    let now = Timestamp::now();
    reconcile(store, now, None).await;
    let mut lost = Vec::new();
    // First up to the mark, then what came after the mark was set.
    for _ in 0..2 {
        lost.extend(reconcile(store, now, Some(seconds_after(now, 1))).await.lost);
    }
    lost.iter().map(|lost| lost.events).sum()
}

async fn page(store: &dyn Store, query: ProducerQuery) -> ProducerPage {
    store.producers(&query).await.unwrap()
}

fn all() -> ProducerQuery {
    ProducerQuery {
        service: None,
        after: None,
        size: 100,
        instances: 100,
    }
}

async fn service(store: &dyn Store, name: &str) -> ProducerService {
    let query = ProducerQuery {
        service: Some(name.to_owned()),
        ..all()
    };
    let mut services = page(store, query).await.services;
    assert_eq!(services.len(), 1, "{services:?}");
    services.remove(0)
}

async fn instance(store: &dyn Store, name: &str) -> ProducerInstance {
    let instances = service(store, "order-service").await.instances;
    let found = instances
        .iter()
        .find(|instance| instance.instance.as_deref() == Some(name));
    found
        .unwrap_or_else(|| panic!("no {name}: {instances:?}"))
        .clone()
}

fn gaps(instance: &ProducerInstance) -> Vec<(u64, u64)> {
    instance
        .gaps
        .iter()
        .map(|gap: &Gap| (gap.first, gap.last))
        .collect()
}
