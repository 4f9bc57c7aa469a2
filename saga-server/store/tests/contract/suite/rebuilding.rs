//! What is kept of the sagas, made anew from their steps.

use std::{collections::BTreeMap, sync::Arc};

use saga_store::{Difference, DifferenceKind, Rebuild, StatisticsQuery, Store};
use saga_types::{SagaEvent, SagaStatus, definition::Definitions, fold, steps};
use serde_json::json;

use super::{
    Database,
    events::{Random, at, created, event, folded, random_events, state_of},
};

/// Goes through all sagas, some at a time.
async fn rebuilt(store: &Arc<dyn Store>, rebuild: Rebuild) -> (usize, Vec<Difference>) {
    let (mut sagas, mut differences, mut after) = (0, Vec::new(), None::<String>);
    loop {
        let page = store.rebuild(after.as_deref(), 7, rebuild).await.unwrap();
        assert!(page.sagas <= 7);
        sagas += page.sagas;
        differences.extend(page.differences);
        let Some(last) = page.last else {
            return (sagas, differences);
        };
        assert!(after.is_none_or(|after| after < last));
        after = Some(last);
    }
}

async fn assert_folded(store: &Arc<dyn Store>, events: &[SagaEvent]) {
    for saga in 0..40 {
        let saga_id = format!("saga-{saga}");
        assert_eq!(
            state_of(&**store, &saga_id).await,
            folded(events, &saga_id),
            "{saga_id}"
        );
    }
}

pub(crate) async fn nothing_differs_from_what_batches_kept(database: &impl Database) {
    let store = database.store().await;
    assert_eq!(rebuilt(&store, Rebuild::DryRun).await, (0, Vec::new()));
    let mut random = Random::seeded(31);
    let mut events = random_events(&mut random, 40, 10);
    random.shuffle(&mut events);
    for batch in events.chunks(30) {
        store.append(batch.to_vec().into()).await.unwrap();
    }
    assert_eq!(rebuilt(&store, Rebuild::DryRun).await, (40, Vec::new()));
    assert_eq!(rebuilt(&store, Rebuild::Write).await, (40, Vec::new()));
}

pub(crate) async fn what_was_changed_by_hand_is_reported_and_rewritten(database: &impl Database) {
    let store = database.store().await;
    let events = random_events(&mut Random::seeded(37), 40, 10);
    store.append(events.clone().into()).await.unwrap();
    let state = store.saga("saga-5").await.unwrap().unwrap();
    let mut types = BTreeMap::from([("saga-9", None)]);
    for saga_id in ["saga-5", "saga-6", "saga-8"] {
        types.insert(
            saga_id,
            Some(store.saga(saga_id).await.unwrap().unwrap().saga_type.clone()),
        );
    }
    database
        .execute(
            "UPDATE saga_instance SET last_step = 'SOMETHING', event_count = 77 WHERE saga_id = 'saga-5'",
        )
        .await;
    database
        .execute("UPDATE saga_instance SET current_status = 'NONSENSE' WHERE saga_id = 'saga-6'")
        .await;
    database
        .execute("UPDATE saga_instance SET fold = 'nonsense' WHERE saga_id = 'saga-7'")
        .await;
    database
        .execute("DELETE FROM saga_instance WHERE saga_id = 'saga-8'")
        .await;
    database
        .execute("DELETE FROM saga_steps WHERE saga_id = 'saga-9'")
        .await;
    let difference = |saga_id: &str, kind| Difference {
        saga_id: saga_id.to_owned(),
        saga_type: types[saga_id].clone(),
        kind,
    };
    let fields = BTreeMap::from([
        (
            "lastStep".to_owned(),
            (json!("SOMETHING"), json!(state.last_step)),
        ),
        ("stepCount".to_owned(), (json!(77), json!(state.step_count))),
    ]);
    let expected = vec![
        difference("saga-5", DifferenceKind::Changed(fields)),
        difference("saga-6", DifferenceKind::Unreadable),
        difference("saga-8", DifferenceKind::Missing),
        difference("saga-9", DifferenceKind::WithoutSteps),
    ];
    assert_eq!(rebuilt(&store, Rebuild::DryRun).await, (40, expected.clone()));
    assert_eq!(store.saga("saga-8").await.unwrap(), None);
    assert_eq!(rebuilt(&store, Rebuild::Write).await, (40, expected.clone()));
    // What nothing is known about is left alone.
    assert_eq!(
        rebuilt(&store, Rebuild::DryRun).await,
        (40, expected[3..].to_vec())
    );
    assert_folded(&store, &events).await;
    store.recount(Rebuild::Write).await.unwrap();
    assert_eq!(store.recount(Rebuild::DryRun).await.unwrap(), 0);
    assert_eq!(
        store.statistics(&StatisticsQuery::default()).await.unwrap().total,
        40
    );
}

pub(crate) async fn a_definition_is_tried_before_it_is_put_in_force(database: &impl Database) {
    let before = database.open(Definitions::none()).await;
    let events = vec![
        created("saga-1", "1", 0),
        event("saga-1", "2", steps::STOCK_RESERVED, SagaStatus::Completed, 10),
    ];
    before.append(events.clone().into()).await.unwrap();

    let tried = database.store().await;
    let (_, differences) = rebuilt(&tried, Rebuild::DryRun).await;
    let [
        Difference {
            kind: DifferenceKind::Changed(fields),
            ..
        },
    ] = differences.as_slice()
    else {
        panic!("{differences:?}");
    };
    assert_eq!(
        fields["currentStatus"],
        (json!("COMPLETED"), json!("IN_PROGRESS"))
    );
    assert_eq!(fields["endedAt"], (json!(at(10)), json!(null)));
    assert_eq!(
        fields["awaitedSteps"],
        (json!([]), json!(["PAYMENT_INITIALIZATION"]))
    );
    assert_eq!(
        state_of(&*before, "saga-1").await,
        fold::fold(&events, &Definitions::none())
    );
    assert_eq!(
        before.count_by_status().await.unwrap()[2],
        (SagaStatus::Completed, 1)
    );

    assert_eq!(rebuilt(&tried, Rebuild::Write).await.1, differences);
    assert_eq!(rebuilt(&tried, Rebuild::DryRun).await.1, []);
    assert_eq!(
        tried.count_by_status().await.unwrap()[1],
        (SagaStatus::InProgress, 1)
    );
    assert_eq!(tried.recount(Rebuild::DryRun).await.unwrap(), 0);
}

pub(crate) async fn writers_may_go_on_while_sagas_are_rebuilt(database: &impl Database) {
    let events = random_events(&mut Random::seeded(41), 40, 20);
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..3 {
        let store = database.store().await;
        let of_writer: Vec<SagaEvent> = events.iter().skip(writer).step_by(3).cloned().collect();
        writers.spawn(async move {
            for batch in of_writer.chunks(10) {
                store.append(batch.to_vec().into()).await.unwrap();
            }
        });
    }
    let store = database.store().await;
    while !writers.is_empty() {
        // All that is ever seen is right, so that there is never anything to repair.
        assert_eq!(rebuilt(&store, Rebuild::DryRun).await.1, []);
        assert_eq!(rebuilt(&store, Rebuild::Write).await.1, []);
        while writers.try_join_next().is_some_and(|writer| writer.is_ok()) {}
    }
    assert_folded(&store, &events).await;
}

/// Each round one of them writes sagas that the other is about to change.
pub(crate) async fn what_writers_store_meanwhile_is_not_lost(database: &impl Database) {
    let store = database.open(Definitions::none()).await;
    let new = database.store().await;
    let events = random_events(&mut Random::seeded(43), 40, 20);
    let of_writer = events.clone();
    let writer = tokio::spawn(async move {
        for batch in of_writer.chunks(5) {
            store.append(batch.to_vec().into()).await.unwrap();
        }
    });
    while !writer.is_finished() {
        rebuilt(&new, Rebuild::Write).await;
    }
    writer.await.unwrap();
    rebuilt(&new, Rebuild::Write).await;
    assert_folded(&new, &events).await;
    assert_eq!(new.recount(Rebuild::DryRun).await.unwrap(), 0);
}
