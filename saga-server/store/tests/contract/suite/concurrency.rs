//! Many events at random, and many writers at once: a saga is the fold of its stored steps all the same.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use saga_store::{AppendError, Rebuild, Store};
use saga_types::SagaEvent;

use super::{
    Database,
    events::{Random, created, folded, random_events, state_of},
};

/// Compares every saga with the fold of its events.
async fn assert_folded(store: &Arc<dyn Store>, events: &[SagaEvent]) {
    let saga_ids: BTreeSet<&str> = events.iter().map(|event| event.saga_id.as_str()).collect();
    for saga_id in saga_ids {
        assert_eq!(
            state_of(&**store, saga_id).await,
            folded(events, saga_id),
            "{saga_id}"
        );
        let page = store.steps(saga_id, None, 1000).await.unwrap().unwrap();
        let of_saga = events.iter().filter(|event| event.saga_id == *saga_id);
        assert_eq!(page.steps.len(), of_saga.count(), "{saga_id}");
    }
}

pub(crate) async fn random_batches_give_the_fold_of_their_steps(database: &impl Database) {
    let store = database.store().await;
    let mut random = Random::seeded(7);
    let events = random_events(&mut random, 60, 15);
    let mut arriving = events.clone();
    arriving.extend_from_slice(&events[..events.len() / 2]);
    random.shuffle(&mut arriving);
    let (mut stored, mut duplicates) = (0, 0);
    while !arriving.is_empty() {
        let size = (1 + random.below(40)).min(arriving.len());
        let appended = store
            .append(arriving.split_off(arriving.len() - size).into())
            .await
            .unwrap();
        assert!(appended.conflicts.is_empty());
        for change in &appended.changes {
            assert_eq!(
                state_of(&*store, change.state.saga_id.as_str()).await.as_ref(),
                Some(&change.state)
            );
        }
        stored += appended.stored();
        duplicates += appended.duplicates;
    }
    assert_eq!((stored, duplicates), (events.len(), events.len() / 2));
    assert_folded(&store, &events).await;
}

/// Thousands of rows may go in another way than a few, as long as no known event is among them.
pub(crate) async fn thousands_at_once_are_stored_as_a_few_are(database: &impl Database) {
    let store = database.store().await;
    let events = random_events(&mut Random::seeded(5), 5_000, 3);
    let (first, others) = events.split_at(events.len() / 2);
    let (second, others) = others.split_at(others.len() / 2);
    let (third, fourth) = others.split_at(others.len() / 2);
    assert!(fourth.len() > 1_000, "{}", fourth.len());
    let known = first.len() / 2;
    let batches = [
        (first.to_vec(), 0),
        ([second, &first[known..]].concat(), first.len() - known),
        // After one without known events the way of many is open again.
        (third.to_vec(), 0),
        (fourth.to_vec(), 0),
    ];
    for (batch, duplicates) in batches {
        let new = batch.len() - duplicates;
        let appended = store.append(batch.into()).await.unwrap();
        assert_eq!((appended.stored(), appended.duplicates), (new, duplicates));
        assert!(appended.conflicts.is_empty());
    }
    let sagas: BTreeSet<&str> = events.iter().map(|event| event.saga_id.as_str()).collect();
    let rebuilt = store.rebuild(None, 10_000, Rebuild::DryRun).await.unwrap();
    assert_eq!((rebuilt.differences, rebuilt.sagas), (Vec::new(), sagas.len()));
    // Each is compared with what is stored of it.
    for few in events.chunks(500) {
        let appended = store.append(few.to_vec().into()).await.unwrap();
        assert_eq!((appended.duplicates, appended.stored()), (few.len(), 0));
    }
}

pub(crate) async fn writers_at_once_count_nothing_twice(database: &impl Database) {
    // Each writer its own store, as several processes would have, and all events in an order of its own.
    let events = random_events(&mut Random::seeded(11), 40, 12);
    let mut writers = Vec::new();
    for seed in 0..6 {
        let store = database.store().await;
        let mut arriving = events.clone();
        writers.push(tokio::spawn(async move {
            let mut random = Random::seeded(seed);
            random.shuffle(&mut arriving);
            let (mut stored, mut duplicates) = (0, 0);
            for batch in arriving.chunks(25) {
                let appended = store.append(batch.to_vec().into()).await.unwrap();
                assert!(appended.conflicts.is_empty());
                stored += appended.stored();
                duplicates += appended.duplicates;
            }
            (stored, duplicates)
        }));
    }
    let (mut stored, mut duplicates) = (0, 0);
    for writer in writers {
        let (of_writer, known_to_writer) = writer.await.unwrap();
        stored += of_writer;
        duplicates += known_to_writer;
    }
    assert_eq!((stored, duplicates), (events.len(), events.len() * 5));
    assert_folded(&database.store().await, &events).await;
}

/// No event comes twice, so only the sagas make the writers meet: each new one is made by one of them.
pub(crate) async fn writers_at_once_may_share_sagas(database: &impl Database) {
    let events = random_events(&mut Random::seeded(13), 60, 12);
    let mut writers = Vec::new();
    for writer in 0..4 {
        let store = database.store().await;
        let of_writer: Vec<SagaEvent> = events.iter().skip(writer).step_by(4).cloned().collect();
        writers.push(tokio::spawn(async move {
            for batch in of_writer.chunks(30) {
                assert_eq!(
                    store.append(batch.to_vec().into()).await.unwrap().stored(),
                    batch.len()
                );
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_folded(&database.store().await, &events).await;
}

/// The same with thousands at once, which may be folded before their writer has its turn. Some events of most sagas are stored when they begin.
pub(crate) async fn writers_of_thousands_may_share_sagas(database: &impl Database) {
    let mut random = Random::seeded(17);
    let mut events = random_events(&mut random, 1_200, 10);
    random.shuffle(&mut events);
    let (before, events) = events.split_at(events.len() / 4);
    let store = database.store().await;
    store.append(before.to_vec().into()).await.unwrap();
    let mut writers = Vec::new();
    for writer in 0..4 {
        let store = database.store().await;
        let of_writer: Vec<SagaEvent> = events.iter().skip(writer).step_by(4).cloned().collect();
        assert!(of_writer.len() > 1_000, "{}", of_writer.len());
        writers.push(tokio::spawn(async move {
            let batch = of_writer.len();
            assert_eq!(store.append(of_writer.into()).await.unwrap().stored(), batch);
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let rebuilt = store.rebuild(None, 10_000, Rebuild::DryRun).await.unwrap();
    assert_eq!(rebuilt.differences, Vec::new());
    assert_folded(&store, &[before, events].concat()).await;
}

pub(crate) async fn writers_at_once_see_each_others_conflicts(database: &impl Database) {
    let store = database.store().await;
    let mut writers = Vec::new();
    for writer in 0..8_i64 {
        let store = Arc::clone(&store);
        // The same ids with other content from each writer: one of them is first with each.
        let events: Vec<_> = (0..50)
            .map(|id| created("saga-1", &format!("{id}"), writer))
            .collect();
        writers.push(tokio::spawn(
            async move { store.append(events.into()).await.unwrap() },
        ));
    }
    let (mut stored, mut conflicts) = (0, 0);
    for writer in writers {
        let appended = writer.await.unwrap();
        assert_eq!(appended.duplicates, 0);
        stored += appended.stored();
        conflicts += appended.conflicts.len();
    }
    assert_eq!((stored, conflicts), (50, 350));
    assert_eq!(store.saga("saga-1").await.unwrap().unwrap().step_count, 50);
}

pub(crate) async fn a_caller_that_stops_waiting_harms_nobody(database: &impl Database) {
    let store = database.store().await;
    let mut random = Random::seeded(3);
    let events = random_events(&mut random, 30, 10);
    for round in 0..60 {
        let mut arriving = events.clone();
        random.shuffle(&mut arriving);
        let append = store.append(arriving.into());
        let _ = tokio::time::timeout(Duration::from_micros(round * 150), append).await;
    }
    // While they are stored, no connection may be free in time.
    let mut appended = store.append(events.clone().into()).await;
    for _ in 0..20 {
        if let Err(AppendError::Unavailable(_)) = appended {
            appended = store.append(events.clone().into()).await;
        }
    }
    appended.unwrap();
    assert_folded(&store, &events).await;
}
