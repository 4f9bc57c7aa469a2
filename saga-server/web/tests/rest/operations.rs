//! `/internal/v1/operations`, its exports, and the page.

use reqwest::Method;
use saga_store::NewLetter;
use saga_types::avro::{self, Framing, SchemaVersion};
use serde_json::{Value, json};

use crate::{
    dead_letters,
    harness::{Answer, Api, completed, event, failed},
    pages::page,
};

const LOG: &str = "/internal/v1/operations";
const DANA: (&str, &str) = ("authorization", "Bearer dana's");
const JSON: (&str, &str) = ("content-type", "application/json");

async fn send(api: &Api, method: Method, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
    let headers: Vec<_> = [JSON].iter().chain(headers).copied().collect();
    let answer = api
        .request_with(method, path, &headers, body.to_string().into_bytes())
        .await;
    assert!(answer.status.is_success(), "{}", answer.text);
    answer
}

async fn correct(api: &Api, headers: &[(&str, &str)], saga_id: &str, status: &str, reason: &str) {
    let path = format!("/internal/v1/sagas/{saga_id}/status");
    let body = json!({"status": status, "reason": reason});
    send(api, Method::PATCH, &path, headers, body).await;
}

async fn log(api: &Api, query: &str) -> Vec<Value> {
    let answer = api.request(Method::GET, &format!("{LOG}{query}"), &[DANA]).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    answer.json()["content"].as_array().unwrap().clone()
}

/// A letter with these bytes.
fn letter(number: u8, value: &[u8], saga_id: &str) -> NewLetter {
    let mut new = dead_letters::letter(value, "REFUSED_BY_DATABASE", number);
    new.letter.saga_id = Some(saga_id.to_owned());
    new
}

#[tokio::test]
async fn a_correction_is_an_entry_with_who_from_where_and_what() {
    let api = Api::with_tokens().await;
    api.record(failed("saga-1", 0)).await;
    let proxied = [DANA, ("x-forwarded-for", "203.0.113.9")];
    correct(&api, &proxied, "saga-1", "COMPENSATED", "refunded, 주문 1").await;
    let entries = log(&api, "").await;
    let entry = &entries[0];
    assert_eq!(
        entries,
        [json!({
            "id": entry["id"], "at": entry["at"], "actor": "dana", "role": "operator", "way": "REST",
            "address": "127.0.0.1 (forwarded for 203.0.113.9)", "kind": "CORRECTION", "sagaId": "saga-1",
            "sagaType": "ORDER_CREATION", "deadLetterId": null, "before": "FAILED", "after": "COMPENSATED",
            "result": "CORRECTED", "detail": "refunded, 주문 1", "jobId": null,
        })]
    );
}

#[tokio::test]
async fn what_changed_nothing_is_no_entry() {
    let api = Api::with_tokens().await;
    api.record(failed("saga-1", 0)).await;
    let path = "/internal/v1/sagas/saga-1/status";
    let body = json!({"status": "FAILED", "reason": "again"}).to_string();
    let same = api
        .request_with(Method::PATCH, path, &[JSON, DANA], body.into_bytes())
        .await;
    assert_eq!(same.status.as_u16(), 409);
    api.store
        .keep_letters(vec![letter(1, b"nonsense", "saga-1")])
        .await
        .unwrap();
    let rehearsal = json!({"filter": {}, "dryRun": true});
    send(
        &api,
        Method::POST,
        "/internal/v1/sagas/replay",
        &[DANA],
        rehearsal,
    )
    .await;
    assert_eq!(log(&api, "").await, [Value::Null; 0]);
}

#[tokio::test]
async fn each_letter_of_a_replay_is_an_entry() {
    let api = Api::with_tokens().await;
    api.record(vec![event("saga-1", "ORDER_CREATED", "STARTED", 0)])
        .await;
    let failure = failed("saga-1", 0).remove(1);
    let value = avro::encode(&failure.0, SchemaVersion::V2, Framing::SingleObject).unwrap();
    let letters = vec![letter(1, &value, "saga-1"), letter(2, b"nonsense", "saga-2")];
    api.store.keep_letters(letters).await.unwrap();
    let order = json!({"filter": {}});
    send(
        &api,
        Method::POST,
        "/internal/v1/sagas/replay",
        &[DANA],
        order.clone(),
    )
    .await;
    let entries = log(&api, "").await;
    let of =
        |entries: &[Value], key: &str| entries.iter().map(|entry| entry[key].clone()).collect::<Vec<_>>();
    let mut ids = of(&entries, "deadLetterId");
    ids.sort_by_key(Value::to_string);
    assert_eq!(ids, [1, 2]);
    let replayed = log(&api, "?sagaId=saga-1&kind=REPLAY").await;
    assert_eq!(of(&replayed, "result"), ["REPLAYED"]);
    assert_eq!(
        (of(&replayed, "before"), of(&replayed, "after")),
        (vec![json!("STARTED")], vec![json!("FAILED")])
    );
    let refused = log(&api, "?sagaId=saga-2").await;
    assert_eq!(
        (of(&refused, "result"), of(&refused, "before")),
        (vec![json!("FAILED")], vec![Value::Null])
    );
    assert!(
        refused[0]["detail"]
            .as_str()
            .unwrap()
            .starts_with("UNKNOWN_FRAMING"),
        "{refused:?}"
    );

    // What was replayed is not tried again; what failed is.
    send(&api, Method::POST, "/internal/v1/sagas/replay", &[DANA], order).await;
    assert_eq!(log(&api, "").await.len(), 3);
}

#[tokio::test]
async fn the_log_is_paged_and_filtered_and_wrong_parameters_are_named() {
    let api = Api::new().await;
    for saga in 0..5 {
        let saga_id = format!("saga-{saga}");
        api.record(failed(&saga_id, 0)).await;
        correct(&api, &[], &saga_id, "COMPENSATED", "done").await;
    }
    let mut seen = Vec::new();
    let mut path = format!("{LOG}?size=2");
    loop {
        let page = api.json(&path).await;
        seen.extend(
            page["content"]
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| entry["sagaId"].clone()),
        );
        match page["nextCursor"].as_str() {
            Some(cursor) => path = format!("{LOG}?size=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, ["saga-4", "saga-3", "saga-2", "saga-1", "saga-0"]);
    for (query, found) in [
        ("actor=anonymous", 5),
        ("actor=dana", 0),
        ("toDate=2025-01-01", 0),
        ("kind=REPLAY", 0),
    ] {
        let page = api.json(&format!("{LOG}?{query}")).await;
        assert_eq!(page["content"].as_array().unwrap().len(), found, "{query}");
    }
    for bad in ["size", "cursor", "kind", "fromDate", "nonsense"] {
        let details = api.refused(&format!("{LOG}?{bad}=nonsense")).await;
        assert!(details[bad].is_string(), "{details}");
    }
}

#[tokio::test]
async fn exports_hold_every_entry_and_no_formula() {
    let api = Api::new().await;
    for saga in 0..3 {
        let saga_id = format!("=saga-{saga}");
        api.record(completed(&saga_id, 0)).await;
        correct(
            &api,
            &[],
            &saga_id,
            "FAILED",
            "=HYPERLINK(\"http://evil.example\")",
        )
        .await;
    }
    let csv = api.get(&format!("{LOG}.csv")).await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        csv.header("content-disposition"),
        "attachment; filename=\"operations.csv\""
    );
    let lines: Vec<&str> = csv.text.split_terminator("\r\n").collect();
    assert!(lines[0].starts_with("\"id\",\"at\",\"actor\""), "{}", lines[0]);
    assert_eq!(lines.len(), 4);
    assert!(lines[1].contains(",\"'=saga-2\","), "{}", lines[1]);
    assert!(
        lines[1].ends_with(",\"'=HYPERLINK(\"\"http://evil.example\"\")\","),
        "{}",
        lines[1]
    );

    let ndjson = api.get(&format!("{LOG}.ndjson?sagaId=%3Dsaga-1")).await;
    assert_eq!(ndjson.header("content-type"), "application/x-ndjson");
    let entry: Value = serde_json::from_str(ndjson.text.trim_end()).unwrap();
    let listed = api.json(&format!("{LOG}?sagaId=%3Dsaga-1")).await;
    assert_eq!(entry, listed["content"][0]);
}

#[tokio::test]
async fn a_reason_is_hidden_where_its_key_is() {
    let api = Api::hiding(&["reason"]).await;
    api.record(failed("saga-1", 0)).await;
    correct(&api, &[], "saga-1", "COMPENSATED", "a secret").await;
    for path in [
        LOG,
        "/internal/v1/operations.csv",
        "/internal/v1/operations.ndjson",
        "/operations",
    ] {
        let answer = api.get(path).await;
        assert!(answer.text.contains("***"), "{path}: {}", answer.text);
        assert!(!answer.text.contains("a secret"), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn the_page_shows_who_did_what_and_a_form_is_distinguished_from_a_program() {
    let api = Api::new().await;
    let empty = api.get("/operations").await;
    assert!(empty.text.contains("No operation</h2>"), "{}", empty.text);
    api.record(failed("saga-1", 0)).await;
    let origin = format!("http://{}", api.address);
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", origin.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    let form = b"status=COMPENSATED&reason=%3Cb%3Erefunded".to_vec();
    api.request_with(Method::POST, "/sagas/saga-1", &headers, form)
        .await;
    assert_eq!(api.json(LOG).await["content"][0]["way"], "PAGE");
    let page = api.get("/operations?kind=CORRECTION").await.text;
    for shown in [
        "FAILED → COMPENSATED",
        "&#60;b&#62;refunded",
        "by a page, from 127.0.0.1",
        "operations.csv?kind=CORRECTION",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
}

#[tokio::test]
async fn viewers_see_nothing_of_it() {
    let api = Api::with_tokens().await;
    for path in [
        LOG,
        "/internal/v1/operations.csv",
        "/internal/v1/operations.ndjson",
    ] {
        let answer = api
            .request(Method::GET, path, &[("authorization", "Bearer board's")])
            .await;
        answer.is_error(403, "FORBIDDEN", path);
    }
}

#[tokio::test]
async fn the_page_has_the_range_of_all_pages() {
    let api = Api::new().await;
    api.record(failed("saga-1", 0)).await;
    correct(&api, &[], "saga-1", "COMPLETED", "settled by hand").await;
    let recent = api.json(&format!("{LOG}?period=1h")).await;
    assert_eq!(recent["content"].as_array().unwrap().len(), 1);
    let before = api.json(&format!("{LOG}?toDate=2026-01-01")).await;
    assert_eq!(before["content"], json!([]));
    let details = api.refused(&format!("{LOG}?period=1h&toDate=2026-01-01")).await;
    assert!(details["period"].is_string(), "{details}");
    let shown = page(&api, "/operations?period=1h&kind=CORRECTION").await;
    for part in [
        r#"aria-label="Time range""#,
        r#"href="/operations?kind=CORRECTION&#38;period=24h""#,
        r#"aria-current="page">1 h<"#,
        "data-copy-address",
        "saga-1",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}
