//! `tail`: sagas as they change.

use std::{io::Read, process::Command};

use serde_json::Value;

use crate::{
    asked::{Asked, Going, answer, playing_back},
    command::Run,
    support::events::{compensated, success},
};

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

fn frame(saga_id: &str) -> String {
    format!(
        "event: saga\ndata: {{\"sagaId\":\"{saga_id}\",\"sagaType\":\"REFUND\",\"orderId\":\"o\",\"currentStatus\":\"FAILED\",\
         \"lastStep\":\"A\",\"startedAt\":\"then\",\"updatedAt\":\"now\",\"summary\":\"\"}}\n\n"
    )
}

const RESET: &str = "event: reset\ndata: {\"reason\":\"RESUMED\",\"message\":\"left out\"}\n\n";

fn tail(run: &Run, arguments: &str) -> Command {
    run.command(&format!("tail {arguments}"))
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn changes_are_printed_until_a_signal() {
    let asked = Asked::start();
    for signal in ["-INT", "-TERM"] {
        let mut going = Going::start(tail(&asked.run, "failed"));
        going.line_with("STATUS ");
        asked.record(&format!("right{signal}"), &success()).await;
        asked.record(&format!("wrong{signal}"), &compensated()).await;
        let line = going.line_with("ORDER_CANCELLED");
        assert!(
            line.contains(&format!(" wrong{signal} ")) && line.ends_with(&format!(" order-of-wrong{signal}")),
            "{line}"
        );
        assert_eq!(going.signalled(signal), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_a_saga_a_line() {
    let asked = Asked::start();
    let mut going = Going::start(tail(&asked.run, "--json type:ORDER_CREATION ended"));
    let is_there = |_, metrics: &Value| metrics.to_string().contains("saga_tracker_stream_clients 1");
    asked.dev.rest().wait_for("/metrics", "a client", is_there).await;
    asked.record("saga-1", &success()).await;
    let line = going.line_with("saga-1");
    let saga: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(saga["currentStatus"], "COMPLETED");
    assert!(saga["awaiting"].is_array(), "{saga}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pipe_ends_it_with_success() {
    let asked = Asked::start();
    let mut going = Going::start(tail(&asked.run, ""));
    going.line_with("STATUS ");
    assert!(going.child.try_wait().unwrap().is_none());
    // The reader has seen enough.
    going.close();
    let mut number = 0;
    let status = loop {
        asked.record(&format!("saga-{number}"), &success()).await;
        number += 1;
        assert!(number < 1_000, "it goes on");
        if let Some(status) = going.child.try_wait().unwrap() {
            break status;
        }
    };
    assert_eq!(status.code(), Some(0));
    let mut said = String::new();
    let mut stderr = going.child.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}

#[cfg(unix)]
#[test]
fn a_stream_that_is_lost_is_opened_again_and_what_is_missing_is_said() {
    let streams = vec![
        format!("{STREAM}retry: 2000\n: connected\n\n{}", frame("before")),
        answer("503 Service Unavailable", "{}"),
        format!("{STREAM}{RESET}{}", frame("after")),
    ];
    let (url, asked) = playing_back(streams);
    let run = Run::new().variable("SAGA_TRACKER_URL", &url);
    let mut going = Going::start(tail(&run, "--json type:REFUND"));
    for (text, key) in [("before", "sagaId"), ("RESUMED", "reset"), ("after", "sagaId")] {
        let line: Value = serde_json::from_str(&going.line_with(text)).unwrap();
        assert!(!line[key].is_null(), "{key} in {line}");
    }
    let requests = asked.join().unwrap();
    let was_here: Vec<bool> = requests
        .iter()
        .map(|head| head.contains("last-event-id: "))
        .collect();
    assert_eq!(was_here, [false, true, true]);
    for head in requests {
        assert!(
            head.starts_with("GET /api/v1/sagas/stream?q=type%3AREFUND "),
            "{head}"
        );
    }
    assert_eq!(going.signalled("-TERM"), Some(0));
}

#[test]
fn a_refusal_after_a_loss_ends_it() {
    for (status, body, code) in [
        ("401 Unauthorized", r#"{"message":"the token has expired"}"#, 6),
        (
            "400 Bad Request",
            r#"{"message":"bad","details":{"q":"is wrong"}}"#,
            2,
        ),
    ] {
        let (url, _asked) = playing_back(vec![STREAM.to_owned(), answer(status, body)]);
        let done = Run::new().run(&format!("tail --url {url}"));
        assert_eq!(done.code, code, "{done:?}");
        assert!(done.stderr.contains("connecting again"), "{done:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_cannot_be_judged_are_named() {
    let asked = Asked::start();
    for token in [
        "customerId:C-17",
        "stauts:failed",
        "sort:startedAt",
        "status:gone",
    ] {
        asked.run(&["tail", token]).is_refused(2, &[token]);
    }
}
