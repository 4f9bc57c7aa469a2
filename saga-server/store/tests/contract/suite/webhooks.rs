//! What webhooks are sent: noted, stored once, claimed by one, done.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use saga_store::{
    Delivery, DeliveryOutcome, LateQuery, NewDelivery, NotedFailure, NoticeKind, PendingDeliveries, Scope,
    Store,
};
use saga_types::{SagaEvent, SagaStatus, SagaType, Timestamp, steps};

use super::{
    Database,
    events::{at, created, event},
};

const MINUTE: i64 = 60_000;
const LONG: Duration = Duration::from_secs(600);

fn failed(saga_id: &str, event_id: &str, millis: i64) -> SagaEvent {
    event(
        saga_id,
        event_id,
        steps::PAYMENT_FAILED,
        SagaStatus::Failed,
        millis,
    )
}

async fn append(store: &dyn Store, events: Vec<SagaEvent>) {
    store.append(events.into()).await.unwrap();
}

async fn noted(store: &dyn Store) -> Vec<NotedFailure> {
    store.noted_failures(100).await.unwrap()
}

fn delivery(id: &str, webhook: &str, saga_id: &str, occurred: i64) -> NewDelivery {
    NewDelivery {
        id: id.to_owned(),
        webhook: webhook.to_owned(),
        kind: NoticeKind::Stuck,
        saga_id: saga_id.to_owned(),
        occurred_at: at(occurred),
        content: r#"{"of":"it"}"#.to_owned(),
        at: at(occurred + 5),
    }
}

async fn add(store: &dyn Store, new: &[NewDelivery]) -> u64 {
    store.add_deliveries(new, &[]).await.unwrap()
}

async fn claim(store: &dyn Store, webhook: &str, period: Duration) -> Vec<Delivery> {
    store.claim_deliveries(webhook, 10, period).await.unwrap()
}

fn ids(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.id.as_str()).collect()
}

/// Waits for what the database's clock must bring.
async fn claimed_again(store: &dyn Store, webhook: &str) -> Vec<Delivery> {
    loop {
        let claimed = claim(store, webhook, LONG).await;
        if !claimed.is_empty() {
            return claimed;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn failures_are_noted_with_the_batch_while_they_are_wanted(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    append(store, vec![created("before", "1", 0), failed("before", "2", 1)]).await;
    store.note_failures(true);
    append(store, vec![created("a", "1", 0), failed("a", "2", MINUTE)]).await;
    append(store, vec![created("goes-on", "1", 0)]).await;
    // Neither a repetition nor a further failure nor a compensation is a failure of its own.
    append(store, vec![failed("a", "2", MINUTE)]).await;
    append(store, vec![failed("a", "3", MINUTE + 1)]).await;
    let undone = event(
        "a",
        "4",
        steps::STOCK_RELEASED,
        SagaStatus::Compensated,
        2 * MINUTE,
    );
    append(store, vec![undone]).await;
    // One that was compensated when it was first seen has failed all the same.
    let undone = event(
        "b",
        "1",
        steps::STOCK_RELEASED,
        SagaStatus::Compensated,
        3 * MINUTE,
    );
    append(store, vec![undone]).await;
    store
        .append_dry_run(vec![failed("dry", "1", 0)].into())
        .await
        .unwrap();
    let found = noted(store).await;
    let sagas: Vec<&str> = found.iter().map(|failure| failure.saga_id.as_str()).collect();
    assert_eq!(sagas, ["a", "b"]);
    assert_eq!(found[0].failed_at, at(MINUTE));
    store.note_failures(false);
    append(store, vec![failed("after", "1", 0)]).await;
    assert_eq!(noted(store).await, found);
}

pub(crate) async fn noted_failures_leave_with_the_deliveries_that_are_made_of_them(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    store.note_failures(true);
    append(store, vec![failed("a", "1", 0), failed("b", "1", 1)]).await;
    let found = noted(store).await;
    // What was read and not taken is read again.
    assert_eq!(noted(store).await, found);
    let new = [delivery("1", "x", "a", 0)];
    assert_eq!(store.add_deliveries(&new, &[found[0].id]).await.unwrap(), 1);
    assert_eq!(noted(store).await, found[1..]);
    assert_eq!(store.add_deliveries(&new, &[found[1].id]).await.unwrap(), 0);
    assert_eq!(noted(store).await, []);
}

pub(crate) async fn an_occurrence_is_stored_once_for_each_webhook(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    let first = delivery("1", "x", "a", 0);
    assert_eq!(add(store, std::slice::from_ref(&first)).await, 1);
    let others = [
        first.clone(),
        delivery("other id", "x", "a", 0),
        delivery("2", "x", "a", 1),
        delivery("3", "x", "b", 0),
        delivery("4", "y", "a", 0),
    ];
    assert_eq!(add(store, &others).await, 3);
    let pending = store.pending_deliveries(None, 10).await.unwrap();
    let all: BTreeSet<&str> = ids(&pending).into_iter().collect();
    assert_eq!(all, BTreeSet::from(["1", "2", "3", "4"]));
    let one = pending.iter().find(|delivery| delivery.id == "1").unwrap();
    assert_eq!(one.occurred_at, first.occurred_at);
    assert_eq!(one.created_at, first.at);
    assert_eq!((&one.content, one.kind), (&first.content, NoticeKind::Stuck));
    assert_eq!((one.attempts, &one.last_error), (0, &None));
    let of_one = store.pending_deliveries(Some("y"), 10).await.unwrap();
    assert_eq!(ids(&of_one), ["4"]);
}

pub(crate) async fn late_sagas_are_found_until_there_is_a_delivery(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    // The stock must be reserved within three minutes.
    append(
        store,
        vec![
            created("a", "1", 0),
            created("b", "1", MINUTE),
            created("later", "1", 9 * MINUTE),
        ],
    )
    .await;
    let mut owing = vec![created("c", "1", 0), failed("c", "3", 2 * MINUTE)];
    owing.push(event(
        "c",
        "2",
        steps::STOCK_RESERVED,
        SagaStatus::Completed,
        MINUTE,
    ));
    append(store, owing).await;
    let query = LateQuery {
        webhook: "x",
        kind: NoticeKind::Stuck,
        scope: &Scope::All,
        from: at(0),
        before: at(10 * MINUTE),
        limit: 10,
    };
    let find = async |query: &LateQuery<'_>| {
        let found = store.late_without_delivery(query).await.unwrap();
        let found = found.into_iter();
        let found: Vec<(String, Timestamp)> = found
            .map(|(state, due)| (state.saga_id.to_string(), due))
            .collect();
        found
    };
    let both = [("a".to_owned(), at(3 * MINUTE)), ("b".to_owned(), at(4 * MINUTE))];
    assert_eq!(find(&query).await, both);
    let refunds = Scope::of([SagaType::REFUND]);
    let orders = Scope::of([SagaType::ORDER_CREATION]);
    let of_scope = |scope| LateQuery {
        scope,
        ..query.clone()
    };
    assert_eq!(find(&of_scope(&refunds)).await, []);
    assert_eq!(find(&of_scope(&orders)).await, both);
    let since = LateQuery {
        from: at(3 * MINUTE + 1),
        ..query.clone()
    };
    assert_eq!(find(&since).await, both[1..]);
    let owing = LateQuery {
        kind: NoticeKind::CompensationOverdue,
        ..query.clone()
    };
    assert_eq!(find(&owing).await, [("c".to_owned(), at(2 * MINUTE))]);
    let failures = LateQuery {
        kind: NoticeKind::Failed,
        ..query.clone()
    };
    assert_eq!(find(&failures).await, []);

    add(store, &[delivery("1", "x", "a", 3 * MINUTE)]).await;
    assert_eq!(find(&query).await, both[1..]);
    let of_other = LateQuery {
        webhook: "y",
        ..query.clone()
    };
    assert_eq!(find(&of_other).await, both);
    // It goes on, and is late with another step: another occurrence.
    let reserved = event("a", "2", steps::STOCK_RESERVED, SagaStatus::Completed, 4 * MINUTE);
    append(store, vec![reserved]).await;
    let later = LateQuery {
        before: at(11 * MINUTE),
        ..query
    };
    let found = find(&later).await;
    assert_eq!(found[0], both[1]);
    assert_eq!(found[1].0, "a");
}

pub(crate) async fn a_subscription_keeps_its_beginning(database: &impl Database) {
    let store = database.store().await;
    let (stuck, overdue) = (NoticeKind::Stuck, NoticeKind::CompensationOverdue);
    let first = store.subscribe("x", &[stuck], at(0)).await.unwrap();
    assert_eq!(first, [(stuck, at(0))]);
    let mut both = store.subscribe("x", &[stuck, overdue], at(9)).await.unwrap();
    both.sort_unstable();
    assert_eq!(both, [(stuck, at(0)), (overdue, at(9))]);
    let one = store.subscribe("x", &[overdue], at(10)).await.unwrap();
    assert_eq!(one, [(overdue, at(9))]);
    let other = store.subscribe("y", &[stuck], at(11)).await.unwrap();
    assert_eq!(other, [(stuck, at(11))]);
}

pub(crate) async fn a_delivery_is_claimed_by_one_until_the_claim_ends(database: &impl Database) {
    let (store, other) = (database.store().await, database.store().await);
    let new = [delivery("1", "x", "a", 0), delivery("2", "y", "a", 0)];
    add(&*store, &new).await;
    let claimed = claim(&*store, "x", LONG).await;
    assert_eq!(ids(&claimed), ["1"]);
    assert_eq!(claimed[0].attempts, 1);
    assert!(claim(&*other, "x", LONG).await.is_empty());
    // This one is claimed by a collector that is killed.
    assert_eq!(ids(&claim(&*store, "y", Duration::from_millis(1)).await), ["2"]);
    let again = claimed_again(&*other, "y").await;
    assert_eq!(ids(&again), ["2"]);
    assert_eq!(again[0].attempts, 2);
}

pub(crate) async fn claims_at_once_share_no_delivery(database: &impl Database) {
    let store = database.store().await;
    let new: Vec<NewDelivery> = (0..60)
        .map(|number| delivery(&number.to_string(), "x", &format!("s-{number}"), number))
        .collect();
    add(&*store, &new).await;
    let claiming = (0..6).map(|_| {
        let store: Arc<dyn Store> = store.clone();
        tokio::spawn(async move {
            let mut all = Vec::new();
            loop {
                let claimed = store.claim_deliveries("x", 3, LONG).await.unwrap();
                if claimed.is_empty() {
                    return all;
                }
                all.extend(claimed.into_iter().map(|delivery| delivery.id));
            }
        })
    });
    let claiming: Vec<_> = claiming.collect();
    let mut all = Vec::new();
    for claimed in claiming {
        all.extend(claimed.await.unwrap());
    }
    // A claim that finds others' rows may end early.
    all.extend(claim(&*store, "x", LONG).await.into_iter().map(|one| one.id));
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    while all.len() < 60 {
        let more = claim(&*store, "x", LONG).await;
        assert!(!more.is_empty(), "{}", all.len());
        all.extend(more.into_iter().map(|one| one.id));
    }
    assert_eq!(all.len(), 60);
}

pub(crate) async fn an_attempt_that_failed_waits_and_one_that_was_received_is_done(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    add(store, &[delivery("1", "x", "a", 0)]).await;
    let first = claim(store, "x", Duration::from_millis(1)).await.remove(0);
    let failure = |retry_after| DeliveryOutcome::Failed {
        error: "answered 503".to_owned(),
        retry_after,
    };
    let second = claimed_again(store, "x").await.remove(0);
    // The first attempt's claim has ended, so that its failure says nothing any more.
    store
        .record_attempt(&first, &failure(Duration::ZERO))
        .await
        .unwrap();
    assert!(claim(store, "x", LONG).await.is_empty());
    store.record_attempt(&second, &failure(LONG)).await.unwrap();
    assert!(claim(store, "x", LONG).await.is_empty());
    let pending = store.pending_deliveries(None, 10).await.unwrap();
    assert_eq!(pending[0].last_error.as_deref(), Some("answered 503"));
    assert_eq!(pending[0].attempts, 2);

    store
        .record_attempt(&second, &failure(Duration::ZERO))
        .await
        .unwrap();
    let third = claimed_again(store, "x").await.remove(0);
    let waiting = PendingDeliveries {
        webhook: "x".to_owned(),
        count: 1,
        since: third.created_at,
    };
    assert_eq!(store.count_pending_deliveries().await.unwrap(), [waiting]);
    store
        .record_attempt(&third, &DeliveryOutcome::Received)
        .await
        .unwrap();
    assert!(store.count_pending_deliveries().await.unwrap().is_empty());
    assert!(store.pending_deliveries(None, 10).await.unwrap().is_empty());
}

pub(crate) async fn a_delivery_that_was_received_late_is_not_sent_again(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    add(store, &[delivery("1", "x", "a", 0)]).await;
    let slow = claim(store, "x", Duration::from_millis(1)).await.remove(0);
    let second = claimed_again(store, "x").await.remove(0);
    store
        .record_attempt(&slow, &DeliveryOutcome::Received)
        .await
        .unwrap();
    let failure = DeliveryOutcome::Failed {
        error: "no answer".to_owned(),
        retry_after: Duration::ZERO,
    };
    store.record_attempt(&second, &failure).await.unwrap();
    assert!(claim(store, "x", LONG).await.is_empty());
    assert!(store.pending_deliveries(None, 10).await.unwrap().is_empty());
}

pub(crate) async fn what_is_done_leaves_and_what_is_too_old_is_given_up(database: &impl Database) {
    let store = database.store().await;
    let store = store.as_ref();
    store.note_failures(true);
    append(store, vec![failed("a", "1", 0)]).await;
    let new = [
        delivery("1", "x", "a", 0),
        delivery("2", "x", "b", 100),
        delivery("3", "y", "b", 0),
    ];
    add(store, &new).await;
    let given_up = store.give_up_deliveries(at(50), 1).await.unwrap();
    let more = store.give_up_deliveries(at(50), 10).await.unwrap();
    let all: BTreeSet<String> = given_up.into_iter().chain(more).collect();
    assert_eq!(all, BTreeSet::from(["x".to_owned(), "y".to_owned()]));
    assert!(store.give_up_deliveries(at(50), 10).await.unwrap().is_empty());
    assert_eq!(ids(&claim(store, "x", LONG).await), ["2"]);

    assert_eq!(store.remove_deliveries(at(0), 10).await.unwrap(), 0);
    let later = Timestamp::now().saturating_add(LONG);
    // One delivery and the failure that nobody took; then the other delivery.
    assert_eq!(store.remove_deliveries(later, 1).await.unwrap(), 2);
    assert_eq!(store.remove_deliveries(later, 10).await.unwrap(), 1);
    assert_eq!(noted(store).await, []);
    // What is gone may come once more; what is pending may not.
    assert_eq!(add(store, &new).await, 2);
}
