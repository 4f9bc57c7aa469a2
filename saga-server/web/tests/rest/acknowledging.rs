//! Acknowledgements of sagas and dead letters: REST, and the forms of the pages.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    dead_letters::letter,
    forms::send,
    harness::{Answer, Api, Event, event},
};

pub(crate) const LIST: &str = "/internal/v1/acknowledgements";
pub(crate) const OF_GROUP: &str =
    "/internal/v1/failure-groups/acknowledgement?failureGroup=STOCK_RESERVATION_FAILED:%20OUT_OF_STOCK";

fn of_saga(saga_id: &str) -> String {
    format!("/internal/v1/sagas/{saga_id}/acknowledgement")
}

pub(crate) async fn put(api: &Api, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
    let json = ("content-type", "application/json");
    let headers: Vec<_> = [json].iter().chain(headers).copied().collect();
    api.request_with(Method::PUT, path, &headers, body.to_string().into_bytes())
        .await
}

pub(crate) async fn delete(api: &Api, path: &str) -> Answer {
    api.request(Method::DELETE, path, &[]).await
}

pub(crate) fn order() -> Value {
    json!({"note": "asked the shop", "for": "4h"})
}

/// A saga that is late.
fn late(saga_id: &str) -> Event {
    event(saga_id, "ORDER_CREATED", "STARTED", 0)
}

pub(crate) async fn with(events: impl IntoIterator<Item = Event>) -> Api {
    let api = Api::new().await;
    api.record(events).await;
    api
}

#[tokio::test]
async fn a_saga_is_acknowledged_replaced_and_withdrawn() {
    let api = with([late("saga-1"), late("saga-2")]).await;
    let done = put(&api, &of_saga("saga-1"), &[], order()).await.json();
    assert_eq!(
        (
            &done["sagaId"],
            &done["assignee"],
            &done["by"],
            &done["note"],
            &done["worse"]
        ),
        (
            &json!("saga-1"),
            &json!("anonymous"),
            &json!("anonymous"),
            &json!("asked the shop"),
            &json!(false)
        )
    );
    let saga = api.json("/api/v1/sagas/saga-1").await;
    assert_eq!(saga["acknowledgement"], done);
    assert_eq!(api.ids("/api/v1/sagas?acknowledged=true").await, ["saga-1"]);
    assert_eq!(api.ids("/api/v1/sagas?acknowledged=false").await, ["saga-2"]);
    let rows = api.json("/api/v1/sagas?sort=startedAt").await;
    assert_eq!(
        (
            &rows["content"][0]["acknowledgement"],
            &rows["content"][1]["acknowledgement"]
        ),
        (&done, &Value::Null)
    );
    let attention = api.json("/api/v1/attention").await;
    assert_eq!(attention["stuck"]["total"], 2, "nothing is hidden from programs");
    assert_eq!(attention["stuck"]["sagas"][0]["acknowledgement"], done);
    let rest = api.json("/api/v1/attention?acknowledged=false").await;
    assert_eq!(
        (&rest["stuck"]["total"], &rest["stuck"]["groups"][0]["sagas"]),
        (&json!(1), &json!(1))
    );
    // The page of a group lists exactly its sagas.
    let page = rest["stuck"]["groups"][0]["page"].as_str().unwrap();
    assert_eq!(
        api.ids(&page.replace("/sagas?", "/api/v1/sagas?")).await,
        ["saga-2"]
    );
    assert_eq!(api.json(LIST).await["content"], json!([done]));

    let refused = put(&api, &of_saga("saga-1"), &[], order()).await;
    let refused = refused.is_error(409, "CONFLICT", &of_saga("saga-1"));
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("anonymous takes care of it"),
        "{refused}"
    );
    let replacing = json!({"note": "later", "until": "2999-01-01", "replaces": done["id"]});
    let far = put(&api, &of_saga("saga-1"), &[], replacing).await;
    assert_eq!(far.status, StatusCode::BAD_REQUEST, "{}", far.text);
    let replacing = json!({"note": "later", "for": "1d", "assignee": " kim ", "replaces": done["id"]});
    let replaced = put(&api, &of_saga("saga-1"), &[], replacing.clone()).await.json();
    assert_eq!(
        (&replaced["assignee"], &replaced["note"]),
        (&json!("kim"), &json!("later"))
    );
    let stale = put(&api, &of_saga("saga-1"), &[], replacing).await;
    stale.is_error(409, "CONFLICT", &of_saga("saga-1"));

    let stale = delete(&api, &format!("{}?id={}", of_saga("saga-1"), done["id"])).await;
    stale.is_error(409, "CONFLICT", &of_saga("saga-1"));
    let gone = delete(&api, &of_saga("saga-1")).await.json();
    assert_eq!(gone["id"], replaced["id"]);
    let none = delete(&api, &of_saga("saga-1")).await;
    none.is_error(404, "NOT_FOUND", &of_saga("saga-1"));
    assert_eq!(api.json(LIST).await["content"], json!([]));
    let log = api.json("/internal/v1/operations?sagaId=saga-1").await;
    let kinds: Vec<&str> = log["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["WITHDRAWAL", "ACKNOWLEDGEMENT", "ACKNOWLEDGEMENT"]);
}

#[tokio::test]
async fn what_becomes_worse_is_among_what_nobody_takes_care_of() {
    let api = with([late("saga-1")]).await;
    put(&api, &of_saga("saga-1"), &[], order()).await.json();
    let overview = api.get("/").await.text;
    assert!(
        overview.contains(r#"id="acknowledged""#) && overview.contains("asked the shop"),
        "{overview}"
    );
    assert!(
        overview.contains("All clear") && !overview.contains(r#"id="worse""#),
        "{overview}"
    );
    api.record([
        event("saga-1", "STOCK_RESERVED", "COMPLETED", 10),
        event("saga-1", "PAYMENT_FAILED", "FAILED", 20),
    ])
    .await;
    let saga = api.json("/api/v1/sagas/saga-1").await;
    assert_eq!(saga["acknowledgement"]["worse"], true);
    assert_eq!(api.ids("/api/v1/sagas?acknowledged=false").await, ["saga-1"]);
    let overview = api.get("/").await.text;
    assert!(
        overview.contains(r#"id="worse""#) && !overview.contains(r#"id="acknowledged""#),
        "{overview}"
    );
    assert!(overview.contains("Worse since it was acknowledged"), "{overview}");
    let page = api.get("/sagas/saga-1").await.text;
    assert!(page.contains("Worse since it was acknowledged"), "{page}");
    // Its end is the end of it.
    api.record([event("saga-1", "STOCK_RELEASED", "COMPENSATED", 30)])
        .await;
    let saga = api.json("/api/v1/sagas/saga-1").await;
    assert_eq!(saga["acknowledgement"], Value::Null);
    let over = put(&api, &of_saga("saga-1"), &[], order()).await;
    over.is_error(409, "CONFLICT", &of_saga("saga-1"));
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_acknowledged() {
    let api = with([late("saga-1")]).await;
    for (body, field, words) in [
        (json!({"for": "4h"}), "note", "is missing"),
        (json!({"note": " ", "for": "4h"}), "note", "must say why"),
        (json!({"note": "x"}), "until", "when it ends"),
        (
            json!({"note": "x", "for": "4h", "until": "2999-01-01T00:00:00Z"}),
            "until",
            "30 days",
        ),
        (
            json!({"note": "x", "until": "2020-01-01"}),
            "until",
            "in the future",
        ),
        (json!({"note": "x", "for": "31d"}), "for", "at most 30d"),
        (json!({"note": "x", "for": 4}), "for", "must be a text"),
        (
            json!({"note": "x", "for": "4h", "assignee": "x".repeat(101)}),
            "assignee",
            "1 to 100",
        ),
        (
            json!({"note": "x", "for": "4h", "assignee": " "}),
            "assignee",
            "1 to 100",
        ),
        (
            json!({"note": "x", "for": "4h", "replaces": "1"}),
            "replaces",
            "must be the id",
        ),
        (
            json!({"note": "x", "for": "4h", "colour": "red"}),
            "colour",
            "not known",
        ),
    ] {
        let answer = put(&api, &of_saga("saga-1"), &[], body.clone()).await;
        let error = answer.is_error(400, "BAD_REQUEST", &of_saga("saga-1"));
        let reason = error["details"][field].as_str().unwrap_or_default();
        assert!(reason.contains(words), "{body}: {error}");
    }
    let unknown = put(&api, &of_saga("nobody"), &[], order()).await;
    unknown.is_error(404, "NOT_FOUND", &of_saga("nobody"));
    let letter = "/internal/v1/dlt/999/acknowledgement";
    put(&api, letter, &[], order())
        .await
        .is_error(404, "NOT_FOUND", letter);
    let letter = "/internal/v1/dlt/x/acknowledgement";
    put(&api, letter, &[], order())
        .await
        .is_error(400, "BAD_REQUEST", letter);
    let group = "/internal/v1/failure-groups/acknowledgement";
    put(&api, group, &[], order())
        .await
        .is_error(400, "BAD_REQUEST", group);
    put(&api, OF_GROUP, &[], order())
        .await
        .is_error(404, "NOT_FOUND", group);
    let bad = api.refused("/api/v1/sagas?acknowledged=maybe").await;
    assert!(bad["acknowledged"].is_string(), "{bad}");
    let bad = api.refused("/internal/v1/dlt?acknowledged=maybe").await;
    assert!(bad["acknowledged"].is_string(), "{bad}");
    let bad = api.refused(&format!("{LIST}?cursor=-1&size=0")).await;
    assert!(bad["cursor"].is_string() && bad["size"].is_string(), "{bad}");
    assert_eq!(api.json(LIST).await["content"], json!([]));
}

#[tokio::test]
async fn a_viewer_sees_who_takes_care_and_changes_nothing() {
    let api = Api::with_tokens().await;
    api.record([late("saga-1")]).await;
    let board = ("authorization", "Bearer board's");
    put(&api, &of_saga("saga-1"), &[board], order())
        .await
        .is_error(403, "FORBIDDEN", &of_saga("saga-1"));
    put(
        &api,
        &of_saga("saga-1"),
        &[("authorization", "Bearer dana's")],
        order(),
    )
    .await
    .json();
    let page = api
        .request(Method::GET, "/sagas/saga-1", &[board, ("accept", "text/html")])
        .await
        .text;
    assert!(page.contains("asked the shop") && page.contains("dana"), "{page}");
    assert!(!page.contains("/acknowledgement\""), "{page}");
    let list = api.request(Method::GET, LIST, &[board]).await;
    list.is_error(403, "FORBIDDEN", LIST);
}

#[tokio::test]
async fn a_letter_is_acknowledged_until_it_is_dismissed() {
    let api = Api::new().await;
    let letters = vec![letter(b"nonsense", "EMPTY", 1), letter(b"nonsense", "EMPTY", 2)];
    api.store.keep_letters(letters).await.unwrap();
    let path = "/internal/v1/dlt/1/acknowledgement";
    let done = put(&api, path, &[], order()).await.json();
    assert_eq!(done["deadLetterId"], 1);
    let ids = async |query: &str| {
        let page = api.json(&format!("/internal/v1/dlt{query}")).await;
        let content = page["content"].as_array().unwrap().clone();
        content
            .iter()
            .map(|letter| letter["id"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("?acknowledged=true").await, [json!(1)]);
    assert_eq!(ids("?acknowledged=false").await, [json!(2)]);
    let listed = api.json("/internal/v1/dlt?acknowledged=true").await;
    assert_eq!(listed["content"][0]["acknowledgement"], done);
    let page = api.get("/dead-letters/1").await.text;
    assert!(
        page.contains("asked the shop") && page.contains("Change acknowledgement"),
        "{page}"
    );
    let page = api.get("/dead-letters").await.text;
    assert!(page.contains("Acknowledged"), "{page}");
    let overview = api.get("/").await.text;
    assert!(overview.contains("1 events could not be processed"), "{overview}");

    let changed = send(
        &api,
        "/dead-letters/1/acknowledgement",
        &format!("note=again&for=1h&assignee=kim&replaces={}", done["id"]),
    )
    .await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    // One that was replaced meanwhile is not withdrawn by who saw the earlier one.
    let stale = delete(&api, &format!("{path}?id={}", done["id"])).await;
    stale.is_error(409, "CONFLICT", path);
    let other = put(&api, "/internal/v1/dlt/2/acknowledgement", &[], order())
        .await
        .json();
    let path_of_other = format!("/internal/v1/dlt/2/acknowledgement?id={}", other["id"]);
    assert_eq!(delete(&api, &path_of_other).await.json(), other);
    let dismissed = send(&api, "/dead-letters/1/dismiss", "note=x").await;
    assert_eq!(dismissed.status, StatusCode::OK);
    assert_eq!(api.json(LIST).await["content"], json!([]));
    put(&api, path, &[], order())
        .await
        .is_error(409, "CONFLICT", path);
    let withdrawn = delete(&api, path).await;
    withdrawn.is_error(404, "NOT_FOUND", path);
}

#[tokio::test]
async fn the_form_of_a_saga_works_without_script() {
    let api = with([late("saga-1")]).await;
    let page = api.get("/sagas/saga-1").await.text;
    assert!(
        page.contains(r#"action="/sagas/saga-1/acknowledgement""#),
        "{page}"
    );
    let done = send(
        &api,
        "/sagas/saga-1/acknowledgement",
        "note=%3Cb%3Easked&for=4h&assignee=dana",
    )
    .await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    assert!(
        done.text.contains("dana") && !done.text.contains("<b>asked"),
        "{}",
        done.text
    );
    // Sending it again by loading the page anew changes nothing.
    let again = send(
        &api,
        "/sagas/saga-1/acknowledgement",
        "note=again&for=4h&assignee=kim",
    )
    .await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.text.contains(r#"href="/sagas/saga-1""#), "{}", again.text);
    let list = api.get("/sagas?acknowledged=true").await.text;
    assert!(list.contains("dana"), "{list}");
    let id = api.json(LIST).await["content"][0]["id"].clone();
    let form = format!("mode=withdraw&replaces={id}");
    let gone = send(&api, "/sagas/saga-1/acknowledgement", &form).await;
    assert!(!gone.text.contains(r#"id="acknowledged""#), "{}", gone.text);
    let missing = send(&api, "/sagas/saga-1/acknowledgement", "for=4h").await;
    assert_eq!(missing.status, StatusCode::BAD_REQUEST);
    assert!(missing.text.contains("is missing"), "{}", missing.text);
}
