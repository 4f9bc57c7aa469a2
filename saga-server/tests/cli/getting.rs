//! `get`: a saga, or the sagas of an order.

use saga_types::{Metadata, SagaStatus, steps};
use serde_json::Value;

use crate::{
    asked::{Asked, answer, playing_back},
    command::{Done, Run},
    support::events::{compensated, event, saga, success},
};

fn json_of(done: &Done) -> Value {
    serde_json::from_str(&done.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_is_shown_with_its_steps_by_its_id_or_that_of_its_order() {
    let asked = Asked::start();
    asked.record("saga-1", &compensated()[..6]).await;
    let shown = asked.run(&["get", "saga-1"]);
    assert_eq!((shown.code, shown.stderr.as_str()), (0, ""), "{shown:?}");
    for line in [
        "saga       saga-1",
        "status     FAILED",
        "reason     NOT_TODAY",
        "owes       STOCK_RESERVED",
    ] {
        assert!(shown.stdout.contains(&format!("{line}\n")), "{line} in {shown:?}");
    }
    assert!(
        shown
            .stdout
            .contains("\nawaits     STOCK_RELEASED (product-service), since "),
        "{shown:?}"
    );
    assert!(shown.stdout.contains("\nRECORDED "), "{shown:?}");
    assert_eq!(shown.stdout.matches("payment-service\n").count(), 4, "{shown:?}");
    let by_order = asked.run(&["get", "order-of-saga-1"]);
    assert_eq!(without_lag(&by_order), without_lag(&shown));
    let wide = asked.run(&["get", "saga-1", "-o", "wide"]);
    for word in [
        "METADATA",
        "saga-1-evt-000005",
        r#"{"producerService":"payment-service","#,
    ] {
        assert!(wide.stdout.contains(word), "{word} in {wide:?}");
    }
    let json = json_of(&asked.run(&["get", "saga-1", "--json"]));
    assert_eq!(json["saga"]["currentStatus"], "FAILED");
    assert_eq!(json["steps"].as_array().unwrap().len(), 6);
    assert_eq!(json["steps"][0]["step"], "ORDER_CREATED");
}

/// The lines that stay the same while the tracker has events to read.
fn without_lag(done: &Done) -> Vec<&str> {
    let lines = done.stdout.lines();
    lines.filter(|line| !line.starts_with("behind ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn several_sagas_of_an_order_are_a_list() {
    let asked = Asked::start();
    for saga_id in ["first", "second"] {
        let mut events = saga(saga_id, &success());
        for event in &mut events {
            event.order_id = "order-1".parse().unwrap();
        }
        asked.record_events(&events).await;
    }
    let listed = asked.run(&["get", "order-1"]);
    assert_eq!((listed.code, listed.stdout.lines().count()), (0, 3), "{listed:?}");
    let json = json_of(&asked.run(&["get", "order-1", "-o", "json"]));
    let ids: Vec<_> = json["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|saga| &saga["sagaId"])
        .collect();
    assert_eq!(ids, ["second", "first"]);
    assert_eq!(json["nextCursor"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_never_another_path() {
    let asked = Asked::start();
    for saga_id in ["stream", "statistics", "a/b?c=d#e", "..%2f", "\u{ae40}\u{ce58} 1"] {
        asked.record(saga_id, &success()).await;
        let shown = asked.run(&["get", "--json", "--", saga_id]);
        assert_eq!(shown.code, 0, "{shown:?}");
        assert_eq!(json_of(&shown)["saga"]["sagaId"], saga_id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_exit_code_5() {
    let asked = Asked::start();
    for id in ["saga-1", "..", "."] {
        asked.run(&["get", id]).is_refused(5, &["no", "saga", id]);
    }
    assert_eq!(asked.run(&["get", ""]).code, 2);
    assert_eq!(asked.run(&["get"]).code, 2);
    assert_eq!(asked.run(&["get", "a", "b"]).code, 2);
    let long = "x".repeat(5_000);
    asked.run(&["get", &long]).is_refused(2, &["sagaId"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_obeys_nothing_that_came_with_an_event() {
    const HOSTILE: &str = r#""\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e\nsaga-9 COMPLETED""#;
    let asked = Asked::start();
    let metadata = format!(r#"{{"producerService":{HOSTILE},"failureReason":{HOSTILE}}}"#);
    let events = [event("saga-1", 0, steps::PAYMENT_FAILED, SagaStatus::Failed)
        .with_metadata(Metadata::parse(metadata).unwrap())];
    asked.record_events(&events).await;
    for arguments in [
        vec!["get", "saga-1"],
        vec!["get", "saga-1", "-o", "wide"],
        vec!["search", "-o", "wide"],
        vec!["get", "saga-1", "--json"],
        vec!["search", "--json"],
    ] {
        let done = asked.run(&arguments);
        assert_eq!(done.code, 0, "{done:?}");
        let is_obeyed =
            |character: char| character.is_control() && character != '\n' || character == '\u{202e}';
        assert!(!done.stdout.contains(is_obeyed), "{arguments:?} {done:?}");
        assert!(!done.stdout.contains("\nsaga-9"), "{arguments:?} {done:?}");
        assert!(done.stdout.contains("owned"), "{arguments:?} {done:?}");
    }
    let json = json_of(&asked.run(&["get", "saga-1", "--json"]));
    let reason: Value = serde_json::from_str(HOSTILE).unwrap();
    assert_eq!(json["saga"]["failureReason"], reason, "JSON stays what it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_does_not_suffice_is_exit_code_6() {
    let asked = Asked::start_with_tokens();
    for (command, words) in [
        ("get saga-1", "token"),
        ("get saga-1 --token other", "token"),
        ("search --token recorder", "role"),
        ("tail --token other", "token"),
        ("compare --service a --baseline 1 --candidate 2", "token"),
    ] {
        asked.run.run(command).is_refused(6, &[words]);
    }
    asked
        .run
        .run("get saga-1 --token viewer")
        .is_refused(5, &["saga-1"]);
    for invisible in ["a\nb", "é"] {
        asked
            .run(&["search", "--token", invisible])
            .is_refused(2, &["--token"]);
    }
}

#[test]
fn a_tracker_that_is_unavailable_is_exit_code_1() {
    for command in ["get saga-1", "search", "tail"] {
        let done = Run::new().run(&format!("{command} --url http://127.0.0.1:1"));
        done.is_refused(1, &["no answer from http://127.0.0.1:1"]);
        for (status, body, words) in [
            (
                "503 Service Unavailable",
                r#"{"message":"no database"}"#,
                "no database",
            ),
            ("404 Not Found", "no tracker", "404"),
        ] {
            let (url, _asked) = playing_back(vec![answer(status, body)]);
            let done = Run::new().run(&format!("{command} --url {url}"));
            done.is_refused(1, &[words]);
        }
    }
}

#[test]
fn what_is_no_tracker_is_refused() {
    for command in ["get saga-1", "search"] {
        let (url, _asked) = playing_back(vec![answer("200 OK", "<html>")]);
        let done = Run::new().run(&format!("{command} --url {url}"));
        done.is_refused(1, &["answered something else than"]);
    }
    for url in ["tracker", "ftp://tracker", "http://dana:secret@tracker"] {
        let done = Run::new().run(&format!("get saga-1 --url {url}"));
        done.is_refused(2, &["--url"]);
        assert!(!done.stderr.contains("secret"), "{done:?}");
    }
}
