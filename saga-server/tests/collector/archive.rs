//! Sagas go into the archive, leave the database, and come back for reading: from both stores, into a folder and a bucket,
//! also when it is all killed again and again.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    time::Duration,
};

use crate::{
    retention::own_schema,
    support::{
        TIMEOUT,
        events::{compensated, out_of_stock, saga, success},
        open, part,
    },
};
use saga_collector::archive::{Archive, ArchiveUrl, Manifest};
use saga_store::Store;
use saga_types::{Metadata, SagaEvent, SagaId, SagaStatus, Timestamp, definition::Definitions, fold};
use serde_json::{Value, json};

/// A database with sagas of long ago, and a folder for everything else.
struct Harness {
    database: String,
    folder: tempfile::TempDir,
    store: Arc<dyn Store>,
    /// Those of long ago; one of them never ended.
    events: Vec<SagaEvent>,
}

impl Harness {
    async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}", folder.path().join("sagas.db").display());
        Self::at(database, folder).await
    }

    async fn on_postgres() -> Self {
        Self::at(own_schema().await, tempfile::tempdir().unwrap()).await
    }

    async fn at(database: String, folder: tempfile::TempDir) -> Self {
        let store = open(&database).await;
        let endings = [success(), out_of_stock(), compensated()];
        let mut events: Vec<SagaEvent> = (0..90)
            .flat_map(|number| long_ago(saga(&format!("old-{number:03}"), &endings[number % 3])))
            .collect();
        events.extend(long_ago(begun("abandoned")));
        store.append(events.clone().into()).await.unwrap();
        store.append(saga("recent", &success()).into()).await.unwrap();
        store.append(begun("under-way").into()).await.unwrap();
        Self {
            database,
            folder,
            store,
            events,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn archive_url(&self) -> String {
        format!("file://{}", self.path("archive").display())
    }

    async fn manifests(&self) -> Vec<Manifest> {
        let url: ArchiveUrl = self.archive_url().parse().unwrap();
        Archive::open(&url).unwrap().manifests().await.unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_saga-server"));
        command
            .arg("archive")
            .args(arguments)
            .args(["--archive-url", &self.archive_url()])
            .env("DATABASE_URL", &self.database);
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        said(self.command(arguments).output().unwrap())
    }

    /// Everything of long ago is in the archive once, nothing of it is in the database, and it comes back.
    async fn assert_all_archived(&self) {
        let manifests = self.manifests().await;
        let rows: u64 = manifests.iter().map(|manifest| manifest.sagas.rows).sum();
        let steps: u64 = manifests.iter().map(|manifest| manifest.steps.rows).sum();
        assert_eq!((rows, steps), (91, self.events.len() as u64), "{manifests:?}");
        let left = self.store.count_by_status().await.unwrap();
        assert_eq!(left.iter().map(|(_, count)| count).sum::<u64>(), 2, "{left:?}");
        let restored = self.path("restored");
        self.run(&["restore", "--to", restored.to_str().unwrap()]);
        self.assert_restored(&restored).await;
    }

    async fn assert_restored(&self, folder: &Path) {
        let restored = open(&format!("sqlite:{}", folder.join("saga-tracker.db").display())).await;
        for of_saga in self.events.chunk_by(|left, right| left.saga_id == right.saga_id) {
            let saga_id = of_saga[0].saga_id.as_str();
            let expected = fold::fold(of_saga, &Definitions::built_in());
            let state = restored.saga(saga_id).await.unwrap().map(|saga| saga.state);
            assert_eq!(state, expected, "{saga_id}");
            let events = restored.events(&[saga_id.to_owned()], None, 100).await.unwrap();
            assert_eq!(events.len(), of_saga.len());
            for (restored, recorded) in events.iter().zip(of_saga) {
                assert_eq!(restored, recorded);
            }
            let removal = self.store.removal(saga_id).await.unwrap().unwrap();
            assert!(removal.archive.is_some(), "{saga_id}");
        }
    }
}

/// A saga that has not ended.
fn begun(saga_id: &str) -> Vec<SagaEvent> {
    let mut events = saga(saga_id, &success());
    events.truncate(3);
    events
}

/// The same events, in 2023.
fn long_ago(mut events: Vec<SagaEvent>) -> Vec<SagaEvent> {
    for (position, event) in (0..).zip(&mut events) {
        event.recorded_at = Timestamp::from_millis(1_700_000_000_000 + position * 1_000).unwrap();
    }
    events
}

fn said(output: Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Kills it later and later, until it gets through.
async fn kill_until_it_is_through(harness: &Harness) -> usize {
    for (kills, millis) in (20..).step_by(60).enumerate() {
        let mut run = harness.command(&["run", "--batch", "4"]).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        if let Some(status) = run.try_wait().unwrap() {
            assert!(status.success(), "it failed by itself after {kills} kills");
            return kills;
        }
        run.kill().unwrap();
        run.wait().unwrap();
    }
    unreachable!("the time before the kill grows without end");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_long_ago_goes_from_sqlite_into_the_archive_and_comes_back() {
    let harness = Harness::on_sqlite().await;
    assert_eq!(harness.run(&["run", "--dry-run"]), "91 sagas are due\n");
    assert!(harness.manifests().await.is_empty(), "a dry run writes nothing");
    let said = harness.run(&["run", "--batch", "40"]);
    assert_eq!(said, "91 sagas archived and removed from the database\n");
    harness.assert_all_archived().await;
    let listed = harness.run(&["list"]);
    assert!(listed.ends_with("3 batches, 91 sagas\n"), "{listed}");
    std::fs::remove_dir_all(harness.path("archive/index")).unwrap();
    let indexed = harness.run(&["index"]);
    assert_eq!(indexed, "3 batches, 91 sagas: 3 added, 0 dropped\n");
    assert_eq!(
        harness.run(&["run"]),
        "0 sagas archived and removed from the database\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_long_ago_goes_from_postgres_into_the_archive_and_comes_back() {
    let harness = Harness::on_postgres().await;
    harness.run(&["run", "--batch", "40"]);
    harness.assert_all_archived().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_loses_nothing_of_sqlite_and_doubles_nothing() {
    let harness = Harness::on_sqlite().await;
    let kills = kill_until_it_is_through(&harness).await;
    assert!(kills > 3, "it was killed {kills} times only");
    harness.assert_all_archived().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_loses_nothing_of_postgres_and_doubles_nothing() {
    let harness = Harness::on_postgres().await;
    let kills = kill_until_it_is_through(&harness).await;
    assert!(kills > 3, "it was killed {kills} times only");
    harness.assert_all_archived().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_saga_comes_back_alone_and_twice_is_as_once() {
    let harness = Harness::on_sqlite().await;
    harness.run(&["run"]);
    let folder = harness.path("one");
    let arguments = ["restore", "--to", folder.to_str().unwrap(), "--saga", "old-007"];
    let first = harness.run(&arguments);
    assert!(first.starts_with("1 sagas, 4 steps new"), "{first}");
    let again = harness.run(&arguments);
    assert!(again.starts_with("1 sagas, 0 steps new"), "{again}");
    let restored = open(&format!("sqlite:{}", folder.join("saga-tracker.db").display())).await;
    assert!(restored.saga("old-007").await.unwrap().is_some());
    assert!(restored.saga("old-008").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_changed_afterwards_is_refused() {
    let harness = Harness::on_sqlite().await;
    harness.run(&["run"]);
    let manifest = harness.manifests().await.remove(0);
    let file = harness
        .path("archive")
        .join(&manifest.folder)
        .join(&manifest.steps.name);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let to = harness.path("restored");
    let refused = harness
        .command(&["restore", "--to", to.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let reason = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(reason.contains("steps.parquet: another SHA-256"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_archive_cannot_be_written_nothing_is_deleted() {
    let harness = Harness::on_sqlite().await;
    // A file stands where the folder should be.
    std::fs::write(harness.path("archive"), "in the way").unwrap();
    let failed = harness.command(&["run"]).output().unwrap();
    assert_eq!(failed.status.code(), Some(1));
    for event in &harness.events {
        let saga_id: &SagaId = &event.saga_id;
        assert!(
            harness.store.saga(saga_id.as_str()).await.unwrap().is_some(),
            "{saga_id}"
        );
    }
    std::fs::remove_file(harness.path("archive")).unwrap();
    harness.run(&["run"]);
    harness.assert_all_archived().await;
}

/// Both engines of `archive.py` give the same answers, and those that the events give.
#[tokio::test(flavor = "multi_thread")]
async fn duckdb_and_polars_read_the_archive() {
    let harness = Harness::on_sqlite().await;
    let next_day = long_ago(saga("next-day", &out_of_stock()));
    let later = next_day.into_iter().map(|mut event| {
        let millis = event.recorded_at.as_millis() + 86_400_000;
        event.recorded_at = Timestamp::from_millis(millis).unwrap();
        event
    });
    let later: Vec<SagaEvent> = later.collect();
    harness.store.append(later.clone().into()).await.unwrap();
    harness.run(&["run", "--batch", "40"]);
    let python = part("SAGA_TEST_PYTHON", "Python with DuckDB and Polars");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/archive.py");
    let asked = Command::new(python)
        .arg(script)
        .arg(harness.path("archive"))
        .arg("old-007")
        .output()
        .unwrap();
    let answers = said(asked);
    let events: Vec<&SagaEvent> = harness.events.iter().chain(&later).collect();
    let failures = events.iter().filter(|event| event.status == SagaStatus::Failed);
    let mut by_step: BTreeMap<&str, u64> = BTreeMap::new();
    failures.for_each(|event| *by_step.entry(event.step.as_str()).or_default() += 1);
    let of_saga = events
        .iter()
        .filter(|event| event.saga_id == *"old-007")
        .map(|event| {
            let metadata = event.metadata.as_ref().map(Metadata::as_str);
            json!([event.step, event.status, event.recorded_at.as_millis(), metadata])
        });
    let expected = json!({
        "sagas": [["2023-11-14", 91], ["2023-11-15", 1]],
        "steps": [["2023-11-14", harness.events.len()], ["2023-11-15", later.len()]],
        "ofSaga": of_saga.collect::<Vec<_>>(),
        "failures": by_step.into_iter().map(|found| json!([found.0, found.1])).collect::<Vec<_>>(),
        "states": [["COMPENSATED", 30], ["COMPLETED", 30], ["FAILED", 31], ["IN_PROGRESS", 1]],
    });
    let mut engines = Vec::new();
    for line in answers.lines() {
        let mut answer: Value = serde_json::from_str(line).unwrap();
        engines.push(answer.as_object_mut().unwrap().remove("engine").unwrap());
        assert_eq!(answer, expected, "{engines:?}");
    }
    assert_eq!(engines, ["duckdb", "polars"]);
}

/// A stand-in for S3, as a process of its own.
struct Bucket {
    server: Child,
    endpoint: String,
}

impl Bucket {
    async fn start() -> Self {
        let python = part("SAGA_TEST_PYTHON", "Python with moto");
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        let server = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let bucket = Self {
            server,
            endpoint: format!("http://127.0.0.1:{port}"),
        };
        bucket.create().await;
        bucket
    }

    async fn create(&self) {
        let client = saga_collector::http_client::plain_client();
        let deadline = std::time::Instant::now() + TIMEOUT;
        let url = format!("{}/sagas", self.endpoint);
        while !client
            .put(&url)
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            assert!(
                std::time::Instant::now() < deadline,
                "no bucket within {TIMEOUT:?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_may_be_a_bucket() {
    let harness = Harness::on_sqlite().await;
    let bucket = Bucket::start().await;
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_saga-server"));
        command
            .arg("archive")
            .args(arguments)
            .args(["--archive-url", "s3://sagas/of/the/past"])
            .env("DATABASE_URL", &harness.database)
            .env("AWS_ENDPOINT", &bucket.endpoint)
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "tester")
            .env("AWS_SECRET_ACCESS_KEY", "secret");
        said(command.output().unwrap())
    };
    assert_eq!(
        run(&["run", "--batch", "50"]),
        "91 sagas archived and removed from the database\n"
    );
    let listed = run(&["list"]);
    assert!(listed.ends_with("2 batches, 91 sagas\n"), "{listed}");
    let restored = harness.path("restored");
    run(&["restore", "--to", restored.to_str().unwrap()]);
    harness.assert_restored(&restored).await;
}
