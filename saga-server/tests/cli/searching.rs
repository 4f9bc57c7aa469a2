//! `search`: lists of sagas by tokens.

use serde_json::Value;

use crate::{
    asked::Asked,
    support::events::{compensated, out_of_stock, success},
};

/// The ids that a search gives.
fn found(asked: &Asked, tokens: &[&str]) -> Vec<String> {
    let done = asked.run(&[&["search", "--json"][..], tokens].concat());
    assert_eq!(done.code, 0, "{done:?}");
    let json: Value = serde_json::from_str(&done.stdout).unwrap();
    let id = |saga: &Value| saga["sagaId"].as_str().unwrap().to_owned();
    let mut ids: Vec<String> = json["content"].as_array().unwrap().iter().map(id).collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_mean_what_they_mean_in_the_filter_bar() {
    let asked = Asked::start();
    asked.record("completed", &success()).await;
    asked.record("compensated", &compensated()).await;
    asked.record("failed", &out_of_stock()).await;
    for (tokens, expected) in [
        (vec![], vec!["compensated", "completed", "failed"]),
        (vec!["failed"], vec!["compensated", "failed"]),
        (vec!["failed:no"], vec!["completed"]),
        (vec!["--", "-failed"], vec!["completed"]),
        (vec!["failed", "step:PAYMENT_FAILED"], vec!["compensated"]),
        (vec!["failed step:PAYMENT_FAILED"], vec!["compensated"]),
        (vec![r#"reason:"NOT_TODAY""#, "status:failed"], vec!["failed"]),
    ] {
        assert_eq!(found(&asked, &tokens), expected, "{tokens:?}");
    }
    let table = asked.run(&["search", "status:completed"]);
    let lines: Vec<_> = table.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{table:?}");
    assert!(lines[0].starts_with("STATUS     STARTED "), "{table:?}");
    assert!(
        lines[1].starts_with("COMPLETED  20") && lines[1].ends_with("completed  order-of-completed"),
        "{table:?}"
    );
    let wide = asked.run(&["search", "failed", "--output", "wide"]);
    assert!(
        wide.stdout.contains("REASON") && wide.stdout.contains("NOT_TODAY"),
        "{wide:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_on_where_it_ended() {
    let asked = Asked::start();
    for number in 0..5 {
        asked.record(&format!("saga-{number}"), &success()).await;
    }
    let mut ids = Vec::new();
    let mut arguments = vec!["search".to_owned(), "--limit".to_owned(), "2".to_owned()];
    loop {
        let given: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let page = asked.run(&given);
        assert_eq!(page.code, 0, "{page:?}");
        let rows = page.stdout.lines().skip(1);
        ids.extend(rows.map(|row| row.split_whitespace().nth(5).unwrap().to_owned()));
        let Some((said, cursor)) = page.stderr.trim().split_once(" --cursor ") else {
            break;
        };
        assert!(said.contains("2 of 5 sagas"), "{page:?}");
        arguments.truncate(3);
        arguments.extend(["--cursor".to_owned(), cursor.to_owned()]);
    }
    assert_eq!(ids, ["saga-4", "saga-3", "saga-2", "saga-1", "saga-0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_found_and_a_wrong_question_differ() {
    let asked = Asked::start();
    asked
        .run(&["search", "failed"])
        .is_refused(5, &["no saga matches"]);
    let json = asked.run(&["search", "failed", "--json"]);
    assert_eq!(json.code, 5, "{json:?}");
    assert!(json.stdout.contains("\"content\": []"), "{json:?}");
    assert_eq!(json.stderr, "saga-server: no saga matches\n");
    for (arguments, words) in [
        (
            vec!["stauts:failed"],
            "stauts:failed: no filter is named stauts; status: is one",
        ),
        (vec!["reason:\"card"], "the quotation mark is not closed"),
        (vec!["card", "declined"], "card: is neither"),
        (vec!["--cursor", "nonsense"], "cursor"),
    ] {
        let wrong = asked.run(&[&["search"][..], arguments.as_slice()].concat());
        wrong.is_refused(2, &[words]);
    }
    for wrong in ["--limit 0", "--limit 10001", "--json -o wide", "-o yaml"] {
        let done = asked.run.run(&format!("search {wrong}"));
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{done:?}");
    }
}
