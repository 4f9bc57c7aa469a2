//! Erasures over a SQLite database and an archive in a folder, ended at every step.

use std::collections::BTreeSet;

use saga_store::{
    ArchivePlan, Letter, LetterFilter, LetterQuery, LetterState, NewLetter, OperationFilter, OperationKind,
    OperationQuery, Origin, Scope, Way,
};
use saga_types::{
    Metadata, SagaEvent, SagaStatus, Step, avro,
    avro::{Framing, SchemaVersion},
    definition::Definitions,
    fold, steps,
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    archive::{ArchiveUrl, Wanted, restore, tests::open},
    maintenance::{RetentionPeriods, retention::Retention},
    metrics::Metrics,
    redaction::Redaction,
    test_events,
};

const PERSON: &str = "C-17";

struct Harness {
    folder: tempfile::TempDir,
    store: Arc<dyn Store>,
    archive: Archive,
    erasures: Erasures,
}

fn event(saga_id: &str, number: i64, step: Step, status: SagaStatus, metadata: &str) -> SagaEvent {
    test_events::event(
        saga_id,
        &format!("{saga_id}-{number}"),
        step,
        status,
        Timestamp::from_millis(1_700_000_000_000 + number).unwrap(),
    )
    .with_metadata(Metadata::parse(metadata).unwrap())
}

/// A failed saga of a customer, who is in every event.
fn saga(saga_id: &str, customer: &str) -> Vec<SagaEvent> {
    let named = format!(r#"{{"producerService":"order","traceId":"t","customerId":"{customer}"}}"#);
    let reason = format!(
        r#"{{"producerService":"payment","failureReason":"{customer} is broke","customerId":"{customer}"}}"#
    );
    vec![
        event(saga_id, 1, steps::ORDER_CREATED, SagaStatus::Started, &named),
        event(saga_id, 2, steps::PAYMENT_FAILED, SagaStatus::Failed, &reason),
    ]
}

impl Harness {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("sagas.db")).await;
        let archive = Archive::open(&ArchiveUrl::Folder(folder.path().join("archive"))).unwrap();
        let erasures = Self::erasures(&store, &archive);
        Self {
            folder,
            store,
            archive,
            erasures,
        }
    }

    fn erasures(store: &Arc<dyn Store>, archive: &Archive) -> Erasures {
        let letters = DeadLetters::new(
            store.clone(),
            None,
            Arc::new(Metrics::new([])),
            Arc::new(Redaction::default()),
        );
        Erasures::new(store.clone(), Some(archive.clone()), Arc::new(letters))
    }

    /// Three batches of two sagas each, of which the person has one saga in the first and two in the last; in the database, one
    /// more.
    async fn filled() -> Self {
        let harness = Self::new().await;
        for (batch, customers) in [["C-17", "C-1"], ["C-2", "C-3"], ["C-17", "C-17"]]
            .into_iter()
            .enumerate()
        {
            let sagas = (0..).zip(customers);
            let events: Vec<SagaEvent> = sagas
                .flat_map(|(number, customer)| saga(&format!("old-{batch}{number}"), customer))
                .collect();
            harness.store.append(events.into()).await.unwrap();
            harness.archive_all().await;
        }
        harness.store.append(saga("new", PERSON).into()).await.unwrap();
        harness.store.append(saga("other", "C-170").into()).await.unwrap();
        harness
    }

    async fn archive_all(&self) {
        let periods = RetentionPeriods {
            ended: Some(Duration::from_secs(1)),
            ..RetentionPeriods::default()
        };
        let retention = Retention::new(self.store.clone(), Some(self.archive.clone()), periods);
        retention.run(&CancellationToken::new()).await.unwrap();
    }

    fn order(&self, dry_run: bool) -> ErasureOrder {
        ErasureOrder {
            value: MetadataValue::new("customerId", PERSON).unwrap(),
            by: Actor {
                name: "dana".to_owned(),
                role: None,
                way: Way::CommandLine,
                address: None,
            },
            dry_run,
            from: None,
            within: Duration::from_secs(60),
        }
    }

    async fn erase(&self, dry_run: bool) -> ErasureReport {
        self.erasures.erase(&self.order(dry_run)).await.unwrap()
    }

    /// All Parquet files, as a reader of `**/*.parquet` finds them, uncompressed.
    fn parquet(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().join("archive")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "parquet") {
                    let name = path.file_name().unwrap().to_string_lossy().into_owned();
                    let rows = crate::archive::erase::rows_as_text(std::fs::read(&path).unwrap());
                    found.push((name, rows));
                }
            }
        }
        found
    }

    /// What readers of the archive find, whatever was killed.
    async fn assert_archive_is_whole(&self) {
        let files = self.parquet();
        let count = |name: &str| files.iter().filter(|(file, _)| file == name).count();
        assert_eq!(
            (count("steps.parquet"), count("sagas.parquet")),
            (3, 3),
            "each batch once"
        );
        let restored = self.restored().await;
        for saga_id in ["old-00", "old-01", "old-10", "old-11", "old-20", "old-21"] {
            let steps = restored.events(&[saga_id.to_owned()], None, 10).await.unwrap();
            assert_eq!(steps.len(), 2, "{saga_id}");
            let state = restored.saga(saga_id).await.unwrap().map(|saga| saga.state);
            assert_eq!(state, fold::fold(&steps, &Definitions::built_in()), "{saga_id}");
        }
    }

    async fn restored(&self) -> Arc<dyn Store> {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        let store = open(&folder.join("restored.db")).await;
        let restored = restore(&self.archive, &*store, &Wanted::default()).await.unwrap();
        assert_eq!((restored.sagas, restored.differing.len()), (6, 0));
        store
    }

    async fn assert_erased(&self) {
        self.assert_archive_is_whole().await;
        for (name, text) in self.parquet() {
            assert!(
                !text.contains("\"C-17\"") && !text.contains("C-17 is broke"),
                "{name}: {text}"
            );
        }
        let staged = walk(&self.folder.path().join("archive"), "staged");
        assert_eq!(staged, BTreeSet::new(), "nothing is left to be done");
        let restored = self.restored().await;
        for saga_id in ["old-00", "old-20", "old-21"] {
            let removal = self.store.removal(saga_id).await.unwrap().unwrap();
            let erased_at = restored.erased_at(saga_id).await.unwrap();
            assert!(
                removal.erased_at.is_some() && removal.erased_at == erased_at,
                "{saga_id}"
            );
        }
        for saga_id in ["old-01", "old-10", "old-11"] {
            assert_eq!(restored.erased_at(saga_id).await.unwrap(), None);
            let saga = restored.saga(saga_id).await.unwrap().unwrap();
            assert!(saga.failure_reason.is_some(), "{saga_id} is of somebody else");
        }
        assert_eq!(
            self.logged().await,
            ["new", "old-00", "old-20", "old-21"],
            "once each"
        );
    }

    /// The sagas that the log names, with repetitions.
    async fn logged(&self) -> Vec<String> {
        let query = OperationQuery {
            filter: OperationFilter {
                kind: Some(OperationKind::Erasure),
                ..OperationFilter::default()
            },
            after: None,
            size: 100,
        };
        let page = self.store.operations(&query).await.unwrap();
        assert!(!format!("{page:?}").contains("C-17"));
        let mut sagas: Vec<String> = page
            .operations
            .into_iter()
            .filter_map(|stored| stored.operation.saga_id)
            .collect();
        sagas.sort_unstable();
        sagas
    }
}

fn walk(folder: &std::path::Path, extension: &str) -> BTreeSet<std::path::PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path, extension));
        } else if path.extension().is_some_and(|other| other == extension) {
            found.insert(path);
        }
    }
    found
}

fn letter(number: u8, value: Vec<u8>) -> NewLetter {
    NewLetter {
        identity: [number; 32],
        letter: Letter {
            topic: "dlt".to_owned(),
            partition: 0,
            offset: i64::from(number),
            dead_since: Timestamp::now(),
            origin: Origin::default(),
            reason: "INVALID_NAME".to_owned(),
            message: String::new(),
            saga_id: None,
            saga_type: None,
            event_id: None,
            producer: None,
            key: None,
            value_bytes: value.len() as u64,
            value: Some(value),
            headers: Vec::new(),
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_leaves_database_and_archive_and_the_sagas_stay() {
    let harness = Harness::filled().await;
    let dry = harness.erase(true).await;
    assert_eq!((dry.sagas, dry.archived_sagas, dry.archived_events), (1, 3, 6));
    assert!(dry.complete && dry.dry_run);
    assert!(harness.logged().await.is_empty(), "a dry run changes nothing");
    let done = harness.erase(false).await;
    assert!(done.complete && done.archive_configured && done.waits_for.is_none());
    assert_eq!((done.sagas, done.events), (1, 2));
    assert_eq!((done.archived_sagas, done.archived_events), (3, 6));
    harness.assert_erased().await;
    let again = harness.erase(false).await;
    assert!(again.complete);
    assert_eq!((again.sagas, again.archived_sagas, again.dead_letters), (0, 0, 0));
    harness.assert_erased().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_change_of_the_archive_it_is_finished_by_the_next_run() {
    let mut kills = 0;
    for changes in 0.. {
        let harness = Harness::filled().await;
        harness.archive.faults.after(changes);
        let ended = harness.erasures.erase(&harness.order(false)).await;
        harness.archive.faults.after(usize::MAX);
        harness.assert_archive_is_whole().await;
        if ended.is_ok() {
            break;
        }
        kills += 1;
        let done = harness.erase(false).await;
        assert!(done.complete, "after {changes} changes");
        harness.assert_erased().await;
    }
    // Two batches, of each three files staged and three replaced.
    assert_eq!(kills, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_time_is_enough_with_many_calls() {
    let harness = Harness::filled().await;
    let mut order = harness.order(false);
    order.within = Duration::ZERO;
    let (mut calls, mut sagas) = (0, 0);
    loop {
        let report = harness.erasures.erase(&order).await.unwrap();
        calls += 1;
        sagas += report.sagas + report.archived_sagas;
        if report.complete {
            break;
        }
        assert_ne!(report.next, order.from, "each call goes on");
        order.from = report.next;
    }
    assert!(calls > 4, "{calls}");
    assert_eq!(sagas, 4);
    harness.assert_erased().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_for_a_batch_that_is_being_archived() {
    let harness = Harness::filled().await;
    let plan = ArchivePlan {
        batch: uuid::Uuid::now_v7().to_string(),
        attempt: uuid::Uuid::now_v7().to_string(),
        saga_ids: vec!["new".to_owned()],
    };
    assert!(harness.store.plan_archive(&plan).await.unwrap());
    let waiting = harness.erase(false).await;
    assert_eq!(waiting.waits_for, Some(ErasureWaits::BatchBeingArchived));
    assert!(!waiting.complete && waiting.sagas == 1);
    // The collector that was killed is followed by one that finishes its batch.
    harness.archive_all().await;
    let done = harness.erase(false).await;
    assert!(done.complete);
    for (name, text) in harness.parquet() {
        assert!(!text.contains("\"C-17\""), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_once_one_changes_the_archive_and_all_is_erased_once() {
    let harness = Harness::filled().await;
    let other = Harness::erasures(&harness.store, &harness.archive);
    let run = async |erasures: &Erasures| {
        let order = harness.order(false);
        loop {
            let report = erasures.erase(&order).await.unwrap();
            if report.complete {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(run(&harness.erasures), run(&other));
    harness.assert_erased().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_that_hold_the_value_or_belong_to_the_sagas_lose_their_content() {
    let harness = Harness::filled().await;
    let framed = |event: &SagaEvent| avro::encode(event, SchemaVersion::V2, Framing::SingleObject).unwrap();
    let held = &saga("elsewhere", PERSON)[0];
    let others = &saga("elsewhere", "C-170")[0];
    let mut letters = vec![
        letter(1, framed(held)),
        letter(2, framed(others)),
        letter(3, br#"{"customerId": "C-17", broken"#.to_vec()),
        letter(4, b"nothing of anybody".to_vec()),
        letter(5, b"of the saga".to_vec()),
        letter(6, b"of the archived saga".to_vec()),
    ];
    letters[4].letter.saga_id = Some("new".to_owned());
    letters[5].letter.saga_id = Some("old-20".to_owned());
    harness.store.keep_letters(letters.clone()).await.unwrap();
    assert_eq!(harness.erase(true).await.dead_letters, 4);
    assert_eq!(harness.erase(false).await.dead_letters, 4);
    harness.store.keep_letters(letters).await.unwrap();
    let query = LetterQuery {
        filter: LetterFilter::default(),
        after: None,
        size: 10,
    };
    let kept = harness.store.letters(&query).await.unwrap().letters;
    let left: BTreeSet<i64> = kept
        .iter()
        .filter(|kept| kept.letter.value.is_some())
        .map(|kept| kept.letter.offset)
        .collect();
    assert_eq!(left, BTreeSet::from([2, 4]));
    let dismissed = kept.iter().filter(|kept| kept.state == LetterState::Dismissed);
    assert_eq!(dismissed.count(), 4);
    assert_eq!(harness.store.letters_waiting(&Scope::All).await.unwrap(), 2);
}
