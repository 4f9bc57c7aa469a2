//! `dlt list` and `dlt replay`, on a database that no collector has open.

use saga_store::{Letter, NewLetter, Origin, StoreOptions};
use saga_types::{
    SagaEvent, SagaStatus, SagaType, Timestamp,
    avro::{self, Framing, SchemaVersion},
    definition::Definitions,
    steps,
};
use serde_json::{Value, json};

use crate::command::{Done, Run};

const DATABASE: &str = "--database-url sqlite:sagas.db";

fn started(saga_id: &str) -> SagaEvent {
    SagaEvent::new(
        format!("event-of-{saga_id}").parse().unwrap(),
        saga_id.parse().unwrap(),
        "order-1".parse().unwrap(),
        SagaType::ORDER_CREATION,
        steps::ORDER_CREATED,
        SagaStatus::Started,
        Timestamp::from_millis(1_700_000_000_000).unwrap(),
    )
}

fn letter(number: u8, reason: &str, value: &[u8], event: Option<&SagaEvent>) -> NewLetter {
    NewLetter {
        identity: [number; 32],
        letter: Letter {
            topic: "events.dlt".to_owned(),
            partition: 0,
            offset: i64::from(number),
            dead_since: Timestamp::from_millis(1_700_000_000_000 + i64::from(number)).unwrap(),
            origin: Origin::default(),
            reason: reason.to_owned(),
            message: "the reason in words".to_owned(),
            saga_type: None,
            saga_id: event.map(|event| event.saga_id.as_str().to_owned()),
            event_id: event.map(|event| event.event_id.as_str().to_owned()),
            producer: None,
            key: None,
            value: Some(value.to_vec()),
            value_bytes: value.len() as u64,
            headers: Vec::new(),
        },
    }
}

/// A database with a letter that can never be stored, and one that can be by now.
fn with_letters() -> Run {
    let run = Run::new();
    assert_eq!(run.run(&format!("migrate {DATABASE}")).code, 0);
    let event = started("saga-1");
    let value = avro::encode(&event, SchemaVersion::V2, Framing::SingleObject).unwrap();
    let letters = vec![
        letter(1, "REFUSED_BY_DATABASE", &value, Some(&event)),
        letter(2, "UNKNOWN_FRAMING", b"hello", None),
    ];
    let url = format!("sqlite:{}", run.folder().join("sagas.db").display());
    let options = StoreOptions {
        definitions: Definitions::built_in().into(),
        max_connections: 2,
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = saga_store::connect(&url, options).await.unwrap();
        assert_eq!(store.keep_letters(letters).await.unwrap(), 2);
    });
    run
}

fn json_of(done: &Done) -> Value {
    serde_json::from_str(&done.stdout).unwrap()
}

#[test]
fn letters_are_listed_in_lines_and_as_json() {
    let run = with_letters();
    let lines = run.run(&format!("dlt list {DATABASE}"));
    assert_eq!((lines.code, lines.stdout.lines().count()), (0, 2), "{lines:?}");
    for word in ["WAITING", "UNKNOWN_FRAMING", "saga saga-1", "the reason in words"] {
        assert!(lines.stdout.contains(word), "{word} in {lines:?}");
    }
    let listed = json_of(&run.run(&format!(
        "dlt list --json --reason REFUSED_BY_DATABASE {DATABASE}"
    )));
    assert_eq!(listed["content"].as_array().unwrap().len(), 1);
    assert_eq!(listed["content"][0]["event"]["step"], "ORDER_CREATED");
    for (filter, count) in [
        ("--saga-id saga-1", 1),
        ("--state replayed", 0),
        ("--limit 1", 1),
        ("--from 2023-11-14T22:13:20.002Z", 1),
        ("--to 2023-11-14T22:13:20.000Z", 0),
        ("--origin-topic other", 0),
    ] {
        let listed = json_of(&run.run(&format!("dlt list --json {filter} {DATABASE}")));
        assert_eq!(listed["content"].as_array().unwrap().len(), count, "{filter}");
    }
}

#[test]
fn a_dry_run_changes_nothing_and_a_replay_does_so_once() {
    let run = with_letters();
    let dry = run.run(&format!("dlt replay --all --dry-run --json {DATABASE}"));
    // One of the two cannot be replayed.
    assert_eq!(dry.code, 1, "{dry:?}");
    assert!(
        dry.stderr.contains("1 of 2 dead letters were not replayed"),
        "{dry:?}"
    );
    let reported = json_of(&dry);
    assert_eq!(
        (
            &reported["requested"],
            &reported["successful"],
            &reported["dryRun"]
        ),
        (&json!(2), &json!(1), &json!(true))
    );
    let waiting = json_of(&run.run(&format!("dlt list --state waiting --json {DATABASE}")));
    assert_eq!(waiting["content"].as_array().unwrap().len(), 2);

    let replay = format!("dlt replay --event-id event-of-saga-1 --by dana --json {DATABASE}");
    let first = run.run(&replay);
    assert_eq!(first.code, 0, "{first:?}");
    let result = &json_of(&first)["results"][0];
    assert_eq!(
        (&result["status"], &result["before"], &result["after"]),
        (&json!("REPLAYED"), &Value::Null, &json!("STARTED"))
    );
    assert_eq!(
        json_of(&run.run(&replay))["results"][0]["status"],
        "ALREADY_REPLAYED"
    );
    let replayed = json_of(&run.run(&format!("dlt list --state replayed --json {DATABASE}")));
    assert_eq!(replayed["content"][0]["lastAttempt"]["by"], "dana");
}

#[test]
fn what_is_not_there_or_not_said_is_refused() {
    let run = with_letters();
    let missing = run.run(&format!("dlt replay --id 99 --event-id none {DATABASE}"));
    assert_eq!(missing.code, 1, "{missing:?}");
    assert_eq!(missing.stdout.matches("NOT_FOUND").count(), 2, "{missing:?}");
    for arguments in [
        "dlt",
        "dlt replay",
        "dlt replay --all --id 1",
        "dlt list --from yesterday",
    ] {
        let done = run.run(&format!("{arguments} {DATABASE}"));
        assert_eq!(
            (done.code, done.stdout.as_str()),
            (2, ""),
            "{arguments}: {done:?}"
        );
    }
}
