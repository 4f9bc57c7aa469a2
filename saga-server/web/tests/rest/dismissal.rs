//! Dead letters dismissed with a note and restored: `/internal/v1/dlt/dismiss`, `/internal/v1/dlt/restore`, and the forms of the pages.

use reqwest::{Method, StatusCode};
use saga_store::{NewLetter, Scope};
use serde_json::{Value, json};

use crate::{
    dead_letters,
    forms::send,
    harness::{Answer, Api},
};

const DISMISS: &str = "/internal/v1/dlt/dismiss";
const RESTORE: &str = "/internal/v1/dlt/restore";
const LETTERS: &str = "/dead-letters";

fn letter(number: u8, reason: &str) -> NewLetter {
    let mut new = dead_letters::letter(b"nonsense", reason, number);
    new.letter.saga_id = None;
    new
}

async fn post(api: &Api, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
    let json = ("content-type", "application/json");
    let headers: Vec<_> = [json].iter().chain(headers).copied().collect();
    api.request_with(Method::POST, path, &headers, body.to_string().into_bytes())
        .await
}

async fn send_from(api: &Api, origin: &str, path: &str, form: &str) -> Answer {
    let headers = [
        ("accept", "text/html"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", origin),
    ];
    api.request_with(Method::POST, path, &headers, form.as_bytes().to_vec())
        .await
}

async fn filled() -> Api {
    let api = Api::new().await;
    let letters = vec![letter(1, "TOO_LARGE"), letter(2, "TOO_LARGE"), letter(3, "EMPTY")];
    api.store.keep_letters(letters).await.unwrap();
    api
}

async fn listed(api: &Api, query: &str) -> Vec<Value> {
    let page = api.json(&format!("/internal/v1/dlt{query}")).await;
    page["content"].as_array().unwrap().clone()
}

async fn waiting(api: &Api) -> u64 {
    api.store.letters_waiting(&Scope::All).await.unwrap()
}

#[tokio::test]
async fn letters_are_counted_dismissed_with_a_note_and_restored() {
    let api = filled().await;
    let of_reason = json!({"reason": "TOO_LARGE"});
    let dry = json!({"filter": of_reason, "note": "a test", "dryRun": true});
    let dry = post(&api, DISMISS, &[], dry).await.json();
    let expected = json!({"dryRun": true, "matching": 2, "deadLetterIds": [], "complete": false});
    assert_eq!(dry, expected);
    assert_eq!(waiting(&api).await, 3, "a dry run changes nothing");

    let order = json!({"filter": of_reason, "note": "  a test  "});
    let done = post(&api, DISMISS, &[], order.clone()).await.json();
    assert_eq!((&done["matching"], &done["complete"]), (&json!(2), &json!(true)));
    assert_eq!(done["deadLetterIds"].as_array().unwrap().len(), 2);
    assert_eq!(waiting(&api).await, 1);
    let again = post(&api, DISMISS, &[], order).await.json();
    assert_eq!(
        (&again["matching"], &again["deadLetterIds"]),
        (&json!(0), &json!([]))
    );

    assert_eq!(listed(&api, "").await.len(), 1, "the list is without them");
    let dismissed = listed(&api, "?state=DISMISSED").await;
    assert_eq!(dismissed.len(), 2);
    assert_eq!(dismissed[0]["dismissal"]["note"], "a test");
    assert_eq!(dismissed[0]["dismissal"]["by"], "anonymous");
    let groups = api.json("/internal/v1/dlt/groups").await;
    assert_eq!((&groups["waiting"], &groups["dismissed"]), (&json!(1), &json!(2)));
    let replay = json!({"deadLetterIds": done["deadLetterIds"]});
    let replay = post(&api, "/internal/v1/sagas/replay", &[], replay).await.json();
    assert_eq!(
        (&replay["failed"], &replay["results"][0]["status"]),
        (&json!(2), &json!("DISMISSED"))
    );

    let restored = post(&api, RESTORE, &[], json!({"deadLetterIds": [dismissed[0]["id"]]})).await;
    assert_eq!(restored.json()["deadLetterIds"], json!([dismissed[0]["id"]]));
    assert_eq!(waiting(&api).await, 2);
    let log = api.json("/internal/v1/operations?kind=DISMISSAL").await;
    assert_eq!(log["content"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&log["content"][0]["result"], &log["content"][0]["detail"]),
        (&json!("DISMISSED"), &json!("a test"))
    );
    let log = api.json("/internal/v1/operations?kind=RESTORATION").await;
    assert_eq!(log["content"][0]["deadLetterId"], dismissed[0]["id"]);
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_dismissed() {
    let api = filled().await;
    let filter = json!({"reason": "TOO_LARGE"});
    for (body, field, words) in [
        (json!({"filter": filter}), "note", "is missing"),
        (json!({"filter": filter, "note": " "}), "note", "must say why"),
        (
            json!({"filter": filter, "note": "x".repeat(501)}),
            "note",
            "at most 500",
        ),
        (json!({"note": "why"}), "deadLetterIds", "which letters"),
        (
            json!({"note": "why", "filter": filter, "deadLetterIds": [1]}),
            "filter",
            "together",
        ),
        (
            json!({"note": "why", "deadLetterIds": ["1"]}),
            "deadLetterIds",
            "at most 500 ids",
        ),
        (
            json!({"note": "why", "filter": {"colour": "red"}}),
            "filter",
            "colour",
        ),
        (
            json!({"note": "why", "filter": filter, "dryRun": 1}),
            "dryRun",
            "true or false",
        ),
    ] {
        let answer = post(&api, DISMISS, &[], body.clone()).await;
        let error = answer.is_error(400, "BAD_REQUEST", DISMISS);
        let reason = error["details"][field].as_str().unwrap_or_default();
        assert!(reason.contains(words), "{body}: {error}");
    }
    assert_eq!(waiting(&api).await, 3);
}

#[tokio::test]
async fn a_viewer_dismisses_nothing() {
    let api = Api::with_tokens().await;
    let board = ("authorization", "Bearer board's");
    for path in [DISMISS, RESTORE] {
        let body = json!({"deadLetterIds": [1], "note": "why"});
        post(&api, path, &[board], body)
            .await
            .is_error(403, "FORBIDDEN", path);
    }
}

#[tokio::test]
async fn pages_preview_dismiss_and_restore_without_script() {
    let api = filled().await;
    let list = api.get(LETTERS).await;
    assert!(
        list.text.contains(r#"action="/dead-letters/dismiss""#),
        "{}",
        list.text
    );
    let preview = send(
        &api,
        "/dead-letters/dismiss",
        "reason=TOO_LARGE&note=a+%3Cb%3Etest",
    )
    .await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.text);
    assert!(
        preview.text.contains("2 dead letters would be dismissed"),
        "{}",
        preview.text
    );
    assert!(
        !preview.text.contains("<b>test"),
        "what somebody typed is no markup"
    );
    assert!(
        preview.text.contains(r#"name="mode" value="confirmed""#),
        "{}",
        preview.text
    );
    assert_eq!(waiting(&api).await, 3);

    let form = "reason=TOO_LARGE&note=a+test&mode=confirmed";
    let done = send(&api, "/dead-letters/dismiss", form).await;
    assert!(done.text.contains("2 dead letters dismissed"), "{}", done.text);
    let again = send(&api, "/dead-letters/dismiss", form).await;
    assert!(again.text.contains("Nothing was changed"), "{}", again.text);
    assert_eq!(waiting(&api).await, 1);

    let list = api.get(LETTERS).await;
    assert!(
        list.text.contains("2 dismissed") && !list.text.contains("TOO_LARGE</code>"),
        "{}",
        list.text
    );
    let dismissed = api.get("/dead-letters?state=DISMISSED").await;
    assert!(
        dismissed.text.contains(r#"action="/dead-letters/restore""#),
        "{}",
        dismissed.text
    );
    let id = listed(&api, "?state=DISMISSED").await[0]["id"].to_string();
    let page = api.get(&format!("/dead-letters/{id}")).await;
    assert!(
        page.text.contains("a test") && page.text.contains("anonymous"),
        "{}",
        page.text
    );
    let restored = send(&api, &format!("/dead-letters/{id}/restore"), "").await;
    assert!(
        restored.text.contains("1 dead letter restored"),
        "{}",
        restored.text
    );
    let one = send(&api, &format!("/dead-letters/{id}/dismiss"), "note=once+more").await;
    assert!(one.text.contains("1 dead letter dismissed"), "{}", one.text);
    let all = send(&api, "/dead-letters/restore", "mode=confirmed").await;
    assert!(all.text.contains("2 dead letters restored"), "{}", all.text);
    assert_eq!(waiting(&api).await, 3);
}

#[tokio::test]
async fn forms_of_other_sites_and_without_a_note_change_nothing() {
    let api = filled().await;
    let foreign = send_from(
        &api,
        "http://evil.example",
        "/dead-letters/dismiss",
        "note=x&mode=confirmed",
    )
    .await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    let without = send(&api, "/dead-letters/dismiss", "reason=TOO_LARGE&mode=confirmed").await;
    assert_eq!(without.status, StatusCode::BAD_REQUEST);
    assert!(without.text.contains("must say why"), "{}", without.text);
    assert!(
        without.text.contains(r#"<a href="/dead-letters">Back"#),
        "{}",
        without.text
    );
    let missing = send(&api, "/dead-letters/nobody/dismiss", "note=x").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(waiting(&api).await, 3);
}
