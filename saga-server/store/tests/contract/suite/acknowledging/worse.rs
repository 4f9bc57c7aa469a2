//! What became worse since it was acknowledged is shown again.

use saga_store::{AcknowledgeOrder, Acknowledged, OperationKind, Scope};
use saga_types::{SagaEvent, SagaStatus, steps};

use super::{
    GROUP, MINUTE, NOW, acknowledge, failing, found, group, in_force, in_force_at, is_worse, order, saga,
    with,
};
use crate::suite::{
    Database,
    events::{created, event},
    operations::log,
};

pub(crate) async fn a_saga_that_becomes_worse_is_shown_again(database: &impl Database) {
    let store = with(database, vec![created("a", "1", 0)]).await;
    acknowledge(&*store, saga("a")).await;
    assert_eq!(is_worse(&*store).await, Some(false));
    // Late, and now failed.
    let failed = event("a", "2", steps::STOCK_RESERVATION_FAILED, SagaStatus::Failed, NOW);
    store.append(vec![failed].into()).await.unwrap();
    assert_eq!(is_worse(&*store).await, Some(true));
    assert_eq!(
        (found(&*store, true).await.1, found(&*store, false).await.1),
        (0, 1)
    );

    // A new acknowledgement is of the state as it is now.
    let seen = in_force(&*store).await[0].id;
    let replacing = AcknowledgeOrder {
        replaces: Some(seen),
        ..order(saga("a"))
    };
    let replaced = store.acknowledge(&replacing).await.unwrap();
    assert!(matches!(replaced, Acknowledged::Done(_)), "{replaced:?}");
    assert_eq!(is_worse(&*store).await, Some(false));
    // A compensation that fails, even one that comes late.
    let failed = event("a", "3", steps::STOCK_RELEASED, SagaStatus::Failed, 5);
    store.append(vec![failed].into()).await.unwrap();
    assert_eq!(is_worse(&*store).await, Some(true));
}

pub(crate) async fn a_saga_that_owes_more_or_becomes_late_is_worse(database: &impl Database) {
    let store = with(
        database,
        vec![created("young", "1", NOW - 1), created("b", "1", 0)],
    )
    .await;
    acknowledge(&*store, saga("young")).await;
    assert_eq!(is_worse(&*store).await, Some(false));
    let later = in_force_at(&*store, NOW + 30 * MINUTE, Scope::All).await;
    assert!(later[0].is_worse, "it was not late");
    let failed = event("b", "2", steps::PAYMENT_FAILED, SagaStatus::Failed, 2);
    store.append(vec![failed].into()).await.unwrap();
    let of_b = acknowledge(&*store, saga("b")).await.id;
    let reserved = event("b", "3", steps::STOCK_RESERVED, SagaStatus::Completed, 1);
    store.append(vec![reserved].into()).await.unwrap();
    let all = in_force(&*store).await;
    let worse: Vec<i64> = all
        .iter()
        .filter(|found| found.is_worse)
        .map(|found| found.id)
        .collect();
    assert_eq!(worse, [of_b], "it owes a compensation now");
    let released = event("b", "4", steps::STOCK_RELEASED, SagaStatus::Compensated, 9);
    store.append(vec![released].into()).await.unwrap();
    assert_eq!(in_force(&*store).await.len(), 1, "it is compensated");
}

pub(crate) async fn a_group_is_worse_with_a_quarter_more_and_over_without_failures(database: &impl Database) {
    let events: Vec<SagaEvent> = (0..4)
        .flat_map(|number| failing(&format!("s{number}"), number))
        .collect();
    let store = with(database, events).await;
    acknowledge(&*store, group(GROUP, None)).await;
    assert_eq!(is_worse(&*store).await, Some(false));
    store.append(failing("one-more", NOW).into()).await.unwrap();
    assert_eq!(is_worse(&*store).await, Some(true));
    let page = in_force(&*store).await;
    let replaced = AcknowledgeOrder {
        replaces: Some(page[0].id),
        ..order(group(GROUP, None))
    };
    store.acknowledge(&replaced).await.unwrap();
    assert_eq!(is_worse(&*store).await, Some(false));
    // None of them is FAILED any more.
    let ids = ["s0", "s1", "s2", "s3", "one-more"];
    let undone = ids.map(|id| event(id, "3", steps::STOCK_RELEASED, SagaStatus::Compensated, NOW + 5));
    store.append(undone.to_vec().into()).await.unwrap();
    assert_eq!(is_worse(&*store).await, None);
    assert_eq!(
        store.acknowledge(&order(group(GROUP, None))).await.unwrap(),
        Acknowledged::Over
    );
    assert_eq!(
        store
            .acknowledge(&order(group("PAYMENT_FAILED: x", None)))
            .await
            .unwrap(),
        Acknowledged::Missing
    );
    let entries = log(&*store, OperationKind::Acknowledgement).await;
    assert!(
        entries[0].detail.as_deref().unwrap().starts_with(GROUP),
        "{entries:?}"
    );
}
