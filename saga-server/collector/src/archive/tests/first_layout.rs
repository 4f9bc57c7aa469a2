//! An archive of the first layout, as written by the version that had it, can still be read.

use saga_store::MetadataValue;

use super::*;
use crate::archive::{Wanted, erase, restore};

const FOLDER: &str = "2026-11-30/01a22a37-d263-701e-b993-0d0465b62777/01a22a37-d263-701e-b993-0d052d17729b";
const FILES: [&str; 3] = ["sagas.parquet", "steps.parquet", "manifest.json"];

async fn first_layout() -> Harness {
    let harness = Harness::new().await;
    let from = concat!(env!("CARGO_MANIFEST_DIR"), "/src/archive/tests/data/first_layout");
    let to = harness.path().join(FOLDER);
    std::fs::create_dir_all(&to).unwrap();
    for file in FILES {
        std::fs::copy(format!("{from}/{FOLDER}/{file}"), to.join(file)).unwrap();
    }
    harness
}

#[tokio::test]
async fn it_answers_with_an_index_and_before_it_has_one() {
    let harness = first_layout().await;
    let lookup = Lookup::new(harness.archive.clone());
    let known = lookup.saga("old-007", Some(FOLDER)).await.unwrap().unwrap();
    assert_eq!(lookup.saga("old-007", None).await.unwrap().as_ref(), Some(&known));
    let indexed = index(&harness.archive).await.unwrap();
    assert_eq!((indexed.added, indexed.sagas), (1, 91));
    for saga in 0..90 {
        let saga_id = format!("old-{saga:03}");
        let found = lookup.saga(&saga_id, None).await.unwrap().unwrap();
        let steps = lookup.steps(&found, None, 100).await.unwrap().steps;
        assert_eq!(steps.len() as u64, found.state.step_count, "{saga_id}");
        let order_id = found.state.order_id.to_string();
        assert_eq!(
            lookup.of_order(&order_id, 20, |_| true).await.unwrap(),
            (vec![found], true)
        );
    }
    assert_eq!(lookup.saga("old-007", None).await.unwrap(), Some(known));
}

#[tokio::test]
async fn retention_makes_its_index_and_adds_batches_of_this_layout() {
    let harness = first_layout().await;
    harness.append(failed("saga-0000", 1_000)).await;
    harness.archive_all().await;
    let lookup = Lookup::new(harness.archive.clone());
    for saga_id in ["old-007", "saga-0000"] {
        assert!(lookup.saga(saga_id, None).await.unwrap().is_some(), "{saga_id}");
    }
    let layouts = harness.archive.manifests().await.unwrap();
    let layouts: Vec<u32> = layouts.iter().map(|manifest| manifest.layout).collect();
    assert_eq!(layouts, [1, 2]);
}

#[tokio::test]
async fn it_is_restored() {
    let harness = first_layout().await;
    let everything = Wanted::default();
    let restoring = restore(&harness.archive, harness.store.as_ref(), &everything);
    let restored = restoring.await.unwrap();
    assert_eq!(
        (restored.sagas, restored.events, restored.differing.len()),
        (91, 573, 0)
    );
}

#[tokio::test]
async fn a_persons_data_is_erased_from_it() {
    let harness = first_layout().await;
    index(&harness.archive).await.unwrap();
    let lookup = Lookup::new(harness.archive.clone());
    let failed = lookup.saga("old-001", None).await.unwrap().unwrap();
    assert_eq!(failed.state.failure_reason.as_deref(), Some("NOT_TODAY"));
    let (manifest, _) = harness.archive.manifest(FOLDER).await.unwrap();
    let value: MetadataValue = MetadataValue::new("failureReason", "NOT_TODAY").unwrap();
    let sagas = erase::find(&harness.archive, &manifest, &value).await.unwrap();
    assert_eq!(sagas.len(), 60);
    let staged = erase::stage(&harness.archive, &manifest, sagas, Timestamp::now())
        .await
        .unwrap();
    erase::replace_files(&harness.archive, &staged).await.unwrap();
    erase::replace_manifest(&harness.archive, &staged).await.unwrap();
    let erased = lookup.saga("old-001", None).await.unwrap().unwrap();
    assert_eq!(erased.state.failure_reason, None);
    let steps = lookup.steps(&erased, None, 10).await.unwrap().steps;
    assert!(steps.iter().all(|step| step.erased_at.is_some()), "{steps:?}");
}
