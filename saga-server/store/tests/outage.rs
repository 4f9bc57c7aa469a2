//! PostgreSQL goes away in the middle, and comes back. A test program of its own: no other test may run meanwhile.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::PathBuf, process::Command, sync::Arc, time::Duration};

use saga_store::{AppendError, Store, StoreOptions};
use saga_types::{SagaEvent, SagaStatus, SagaType, Timestamp, definition::Definitions, fold, steps};

fn parts(arguments: [&str; 2]) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scripts/parts");
    // The part is meant that the stack holds, not the one that the environment names.
    let status = Command::new(script)
        .env_remove("DATABASE_URL")
        .args(arguments)
        .status()
        .unwrap();
    assert!(status.success(), "scripts/parts {arguments:?}");
}

fn events() -> Vec<SagaEvent> {
    let event = |number: i64| {
        SagaEvent::new(
            format!("event-{number}").parse().unwrap(),
            format!("outage-saga-{}", number % 97).parse().unwrap(),
            "order-1".parse().unwrap(),
            SagaType::ORDER_CREATION,
            steps::ORDER_CREATED,
            SagaStatus::Started,
            Timestamp::from_millis(1_700_000_000_000 + number).unwrap(),
        )
    };
    (0..20_000).map(event).collect()
}

/// As the ingest does: the same batch again until it is taken.
async fn append_with_retries(store: &Arc<dyn Store>, batch: &[SagaEvent]) -> (usize, usize) {
    loop {
        match store.append(batch.to_vec().into()).await {
            Ok(appended) => return (appended.stored() + appended.duplicates, appended.conflicts.len()),
            Err(AppendError::Unavailable(_) | AppendError::Failed(_)) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(refusal @ AppendError::Refused(_)) => panic!("an outage is taken for bad data: {refusal}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_when_the_server_is_killed_and_started() {
    assert!(
        std::env::var_os("SAGA_PARTS_STATE").is_some(),
        "there is no stack to restart; run `scripts/parts run postgres -- cargo test -p saga-store`"
    );
    let url = std::env::var("DATABASE_URL")
        .expect("DATABASE_URL is not set; run `scripts/parts run postgres -- cargo test -p saga-store`");
    let options = StoreOptions {
        definitions: Arc::new(Definitions::built_in()),
        max_connections: 4,
    };
    let store = saga_store::connect(&url, options).await.unwrap();
    store.migrate().await.unwrap();
    let events = events();
    let restarting = tokio::task::spawn_blocking(|| {
        for end in ["kill", "stop"] {
            std::thread::sleep(Duration::from_millis(300));
            parts([end, "postgres"]);
            parts(["start", "postgres"]);
        }
    });
    let mut taken = 0;
    for batch in events.chunks(50).cycle() {
        let (of_batch, conflicts) = append_with_retries(&store, batch).await;
        assert_eq!((of_batch, conflicts), (batch.len(), 0));
        taken += batch.len();
        if taken >= events.len() && restarting.is_finished() {
            break;
        }
    }
    restarting.await.unwrap();
    store.check().await.unwrap();
    for saga in 0..97 {
        let saga_id = format!("outage-saga-{saga}");
        let of_saga = events.iter().filter(|event| event.saga_id == *saga_id.as_str());
        let expected = fold::fold(of_saga, &Definitions::built_in());
        let state = store.saga(&saga_id).await.unwrap().map(|saga| saga.state);
        assert_eq!(state, expected, "{saga_id}");
    }
}
