//! `erase`, on a file that a collector has written.

use saga_store::StoreOptions;
use saga_types::{Metadata, SagaEvent, SagaStatus, SagaType, Timestamp, definition::Definitions, steps};
use serde_json::Value;

use crate::command::Run;

const ERASE: &str = "erase --database-url sqlite:sagas.db";

/// An order of a customer.
fn with_order() -> Run {
    let run = Run::new();
    let url = format!("sqlite:{}", run.folder().join("sagas.db").display());
    let event = SagaEvent::new(
        "1".parse().unwrap(),
        "saga-1".parse().unwrap(),
        "order-1".parse().unwrap(),
        SagaType::ORDER_CREATION,
        steps::ORDER_CREATED,
        SagaStatus::Started,
        Timestamp::from_millis(1_700_000_000_000).unwrap(),
    )
    .with_metadata(Metadata::parse(r#"{"customerId":"C-17","name":"Kim Erasable"}"#).unwrap());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let options = StoreOptions {
            definitions: Definitions::built_in().into(),
            max_connections: 2,
        };
        let store = saga_store::connect(&url, options).await.unwrap();
        store.migrate().await.unwrap();
        store.append(vec![event].into()).await.unwrap();
    });
    run
}

#[test]
fn a_dry_run_counts_and_the_command_erases() {
    let run = with_order();
    let dry = run.run(&format!("{ERASE} --metadata customerId=C-17 --dry-run"));
    assert_eq!(dry.code, 3, "{dry:?}");
    let counts = "1 sagas with 1 events in the database, 0 with 0 in the archive, 0 dead letters, 0 notes and saved views\n";
    assert!(
        dry.stdout.starts_with(&format!("would be erased: {counts}")),
        "{dry:?}"
    );
    let done = run.run(&format!("{ERASE} --metadata customerId=C-17 --by dana"));
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.starts_with(&format!("erased: {counts}")), "{done:?}");
    assert!(
        done.stdout.contains("archive.url is not set") && done.stdout.contains("Kafka keeps"),
        "{done:?}"
    );
    let again = run.run(&format!("{ERASE} --metadata customerId=C-17 --dry-run --json"));
    assert_eq!(again.code, 0, "{again:?}");
    let report: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        (&report["sagas"], &report["complete"]),
        (&Value::from(0), &Value::from(true))
    );
    let files = std::fs::read_dir(run.folder()).unwrap();
    for file in files
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file())
    {
        let bytes = std::fs::read(&file).unwrap();
        let is_there = bytes.windows(12).any(|window| window == b"Kim Erasable");
        assert!(!is_there, "{}", file.display());
    }
}

#[test]
fn what_is_no_key_and_value_is_refused() {
    let run = with_order();
    for (metadata, words) in [
        ("customerId", "KEY=VALUE"),
        ("customerId=", "must not be empty"),
        ("=C-17", "1 to 250 characters"),
        ("traceId=C-17", "names no person"),
    ] {
        let refused = run.run(&format!("{ERASE} --metadata {metadata}"));
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    assert_eq!(run.run(ERASE).code, 2, "what is to be erased must be said");
}

#[test]
fn an_archive_that_cannot_be_read_is_named() {
    let run = with_order().file("archive", "in the way");
    let url = format!("file://{}", run.folder().join("archive").display());
    let failed = run.run(&format!("{ERASE} --metadata customerId=C-17 --archive-url {url}"));
    failed.is_refused(1, &["the archive cannot be used"]);
}
