//! `ack`: acknowledges a saga, a dead letter or a group of failures.

use serde_json::{Value, json};

use crate::{
    asked::Asked,
    support::{
        events::{compensated, saga},
        eventually,
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_is_acknowledged_listed_replaced_and_withdrawn() {
    let asked = Asked::start();
    asked.record("saga-1", &compensated()[..6]).await;
    let said = asked.run(&[
        "ack",
        "saga",
        "saga-1",
        "--note",
        "calls the bank",
        "--for",
        "4h",
        "--assignee",
        "dana",
    ]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    assert!(
        said.stdout.starts_with("ID  OF           ASSIGNEE  UNTIL"),
        "{said:?}"
    );
    assert!(said.stdout.contains("saga saga-1  dana "), "{said:?}");
    assert!(said.stdout.contains("  no     calls the bank\n"), "{said:?}");

    let twice = asked.run(&["ack", "saga", "saga-1", "--note", "me, too", "--for", "1d"]);
    assert_eq!((twice.code, twice.stdout.as_str()), (1, ""), "{twice:?}");
    let listed = asked.run(&["ack", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    let of_dana = &listed["content"][0];
    assert_eq!(
        (&of_dana["sagaId"], &of_dana["assignee"]),
        (&json!("saga-1"), &json!("dana")),
        "{listed}"
    );
    let id = of_dana["id"].to_string();
    let replaced = asked.run(&[
        "ack",
        "saga",
        "saga-1",
        "--note",
        "me, too",
        "--for",
        "1d",
        "--replaces",
        &id,
        "--json",
    ]);
    let replaced: Value = serde_json::from_str(&replaced.stdout).unwrap();
    assert_eq!(replaced["note"], "me, too", "{replaced}");
    let wide = asked.run(&["ack", "list", "-o", "wide"]);
    assert_eq!((wide.code, wide.stdout.lines().count()), (0, 2), "{wide:?}");
    assert!(wide.stdout.contains("NOTE     BY\n"), "{wide:?}");

    let withdrawn = asked.run(&["ack", "saga", "saga-1", "--withdraw"]);
    assert_eq!(withdrawn.code, 0, "{withdrawn:?}");
    let none = asked.run(&["ack", "list"]);
    assert_eq!(
        (none.code, none.stdout.as_str(), none.stderr.as_str()),
        (5, "", "saga-server: there are no acknowledgements\n"),
        "{none:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_acknowledged_is_refused_with_its_exit_code() {
    let asked = Asked::start_with_tokens();
    asked.send(&saga("saga-1", &compensated()[..6]));
    eventually("the saga is stored", async || {
        asked.run(&["get", "saga-1", "--token", "viewer"]).code == 0
    })
    .await;
    let note = ["--note", "x", "--for", "4h"];
    for (arguments, code, word) in [
        (vec!["ack", "saga", "saga-1"], 2, "--note"),
        (vec!["ack", "saga", "saga-1", "--note", "x"], 2, "--for"),
        (vec!["ack", "saga", "", "--withdraw"], 2, "value"),
        (
            vec!["ack", "saga", "saga-1", "--withdraw", "--note", "x"],
            2,
            "--note",
        ),
        ([vec!["ack", "letter", "x"], note.to_vec()].concat(), 2, "x"),
        (
            [vec!["ack", "saga", "saga-1"], note.to_vec()].concat(),
            6,
            "token",
        ),
        (
            [vec!["ack", "saga", "saga-1", "--token", "viewer"], note.to_vec()].concat(),
            6,
            "operator",
        ),
        (
            [
                vec!["ack", "saga", "nowhere", "--token", "operator"],
                note.to_vec(),
            ]
            .concat(),
            5,
            "nowhere",
        ),
        (
            [vec!["ack", "saga", "..", "--token", "operator"], note.to_vec()].concat(),
            5,
            "..",
        ),
        (
            [vec!["ack", "letter", "7", "--token", "operator"], note.to_vec()].concat(),
            5,
            "7",
        ),
        (
            vec![
                "ack", "saga", "saga-1", "--token", "operator", "--note", "x", "--for", "99d",
            ],
            2,
            "for",
        ),
        (
            vec!["ack", "group", "nothing", "--token", "operator", "--withdraw"],
            5,
            "",
        ),
    ] {
        let done = asked.run(&arguments);
        assert_eq!(
            (done.code, done.stdout.as_str()),
            (code, ""),
            "{arguments:?}: {done:?}"
        );
        assert!(done.stderr.contains(word), "{arguments:?}: {done:?}");
    }
}
