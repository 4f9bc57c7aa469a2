//! `dlt` of a running tracker: the same commands by its REST interface.

use serde_json::Value;

use crate::{
    asked::{Asked, answer, playing_back},
    command::Run,
};

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Two records that are no events, as dead letters in the list.
async fn with_letters(asked: &Asked, letters: usize) {
    let producer = asked.dev.producer();
    for number in 0..letters {
        producer.send_raw(Some(b"saga-1"), format!("no event {number}").as_bytes());
    }
    producer.flush();
    asked
        .dev
        .rest()
        .wait_for("/internal/v1/dlt/groups", "all are listed", |_, groups| {
            groups["waiting"] == letters
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_of_a_tracker_are_listed_replayed_dismissed_and_restored() {
    let asked = Asked::start();
    with_letters(&asked, 3).await;
    let url = asked.dev.text("url").to_owned();
    let run = |arguments: &[&str]| asked.run(&[arguments, &["--url", &url]].concat());

    let lines = run(&["dlt", "list"]);
    assert_eq!((lines.code, lines.stdout.lines().count()), (0, 3), "{lines:?}");
    assert!(lines.stdout.contains("WAITING   UNKNOWN_FRAMING"), "{lines:?}");
    // Without a database the variable says which tracker.
    assert_eq!(asked.run(&["dlt", "list"]).stdout, lines.stdout);
    let listed = json_of(&run(&["dlt", "list", "--json", "--limit", "2"]).stdout);
    assert_eq!(listed["content"].as_array().unwrap().len(), 2);
    let id = listed["content"][0]["id"].to_string();
    for (filter, count) in [
        (["--reason", "UNKNOWN_FRAMING"], 3),
        (["--reason", "OTHER"], 0),
        (["--state", "dismissed"], 0),
        (["--saga-id", "saga-1"], 3),
        (["--to", "2020-01-01T00:00:00Z"], 0),
    ] {
        let listed = json_of(&run(&[&["dlt", "list", "--json"][..], &filter].concat()).stdout);
        assert_eq!(listed["content"].as_array().unwrap().len(), count, "{filter:?}");
    }

    let dry = run(&["dlt", "replay", "--all", "--dry-run"]);
    assert_eq!(dry.code, 1, "{dry:?}");
    assert!(dry.stdout.ends_with("0 of 3 would be replayed\n"), "{dry:?}");
    assert!(
        dry.stderr.contains("3 of 3 dead letters were not replayed"),
        "{dry:?}"
    );
    let named = run(&[
        "dlt",
        "replay",
        "--id",
        &id,
        "--id",
        "99",
        "--event-id",
        "none",
        "--json",
    ]);
    let report = json_of(&named.stdout);
    assert_eq!(
        (&report["requested"], &report["failed"]),
        (&3.into(), &3.into()),
        "{report}"
    );
    let not_found = report["outcomes"].as_array().unwrap().iter();
    let not_found: Vec<_> = not_found
        .filter(|outcome| outcome["status"] == "NOT_FOUND")
        .map(|outcome| &outcome["letters"])
        .collect();
    assert_eq!(not_found, [2], "{report}");

    let counted = run(&["dlt", "dismiss", "--all", "--note", "a test", "--dry-run"]);
    assert_eq!(
        (counted.code, counted.stdout.as_str()),
        (3, "3 dead letters would be dismissed\n"),
        "{counted:?}"
    );
    let dismissed = run(&["dlt", "dismiss", "--id", &id, "--note", "a test"]);
    assert_eq!(
        (dismissed.code, dismissed.stdout.as_str()),
        (0, "1 dead letters dismissed\n"),
        "{dismissed:?}"
    );
    assert_eq!(
        run(&["dlt", "dismiss", "--all", "--note", "x"]).stdout,
        "2 dead letters dismissed\n"
    );
    assert_eq!(run(&["dlt", "list"]).stdout, "");
    assert_eq!(
        run(&["dlt", "restore", "--all"]).stdout,
        "3 dead letters restored\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tracker_that_refuses_or_is_unavailable_ends_the_command_with_its_exit_code() {
    let asked = Asked::start_with_tokens();
    let url = asked.dev.text("url").to_owned();
    for (arguments, code) in [
        (vec!["dlt", "list", "--url", &url], 6),
        (vec!["dlt", "list", "--url", &url, "--token", "viewer"], 6),
        (vec!["dlt", "list", "--url", &url, "--token", "operator"], 0),
        (vec!["dlt", "list", "--url", "http://127.0.0.1:1"], 1),
        (vec!["dlt", "list", "--url", "nowhere"], 2),
        (vec!["dlt", "list", "--context", "nowhere"], 2),
    ] {
        let done = asked.run(&arguments);
        assert_eq!(
            (done.code, done.stdout.as_str()),
            (code, ""),
            "{arguments:?}: {done:?}"
        );
    }
}

/// What the calls before one that fails have done is said: it is not undone.
#[test]
fn what_was_done_before_a_failure_is_printed() {
    let replayed = r#"{"requested": 2, "successful": 2, "failed": 0, "dryRun": false, "nextCursor": "c",
        "outcomes": [{"status": "STORED", "letters": 2}], "results": [
        {"deadLetterId": 7, "status": "STORED", "sagaId": "saga-7"}, {"deadLetterId": 8, "status": "STORED", "sagaId": "saga-8"}]}"#;
    let disposed = r#"{"matching": 900, "deadLetterIds": [1, 2, 3], "complete": false}"#;
    let away = || {
        answer(
            "503 Service Unavailable",
            r#"{"error": "SERVICE_UNAVAILABLE", "message": "the database is away"}"#,
        )
    };
    let run = |first: &str, arguments: &[&str]| {
        let (url, asked) = playing_back(vec![answer("200 OK", first), away()]);
        let done = Run::new()
            .command("")
            .args(arguments)
            .args(["--url", &url])
            .output()
            .unwrap();
        assert_eq!(asked.join().unwrap().len(), 2);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (done.status.code(), text(done.stdout), text(done.stderr))
    };
    let (code, stdout, stderr) = run(replayed, &["dlt", "replay", "--all"]);
    assert_eq!(code, Some(1));
    assert!(
        stdout.contains("saga saga-8") && stdout.ends_with("2 of 2 replayed\n"),
        "{stdout}"
    );
    assert!(stderr.contains("the database is away"), "{stderr}");
    assert!(
        stderr.contains("the letters after the first 2 were not replayed"),
        "{stderr}"
    );
    for (command, done) in [
        ("dismiss", "3 dead letters dismissed\n"),
        ("restore", "3 dead letters restored\n"),
    ] {
        let (code, stdout, stderr) = run(disposed, &["dlt", command, "--all", "--note", "a test"]);
        assert_eq!((code, stdout.as_str()), (Some(1), done), "{stderr}");
        assert!(stderr.contains("the database is away"), "{stderr}");
    }
}
