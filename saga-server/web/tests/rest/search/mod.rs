//! `GET /api/v1/search` and `/api/v1/suggest`, the search field and the filter bar of the pages.

mod filters;

use saga_store::Scope;
use saga_types::SagaType;
use saga_web::auth::{Access, Role};
use serde_json::{Value, json};

use crate::{
    dead_letters::letter,
    harness::{Api, Event, compensated, completed, event, failed, token},
    pages::page,
};

fn refund() -> Event {
    event("refund-1", "REFUND_STARTED", "STARTED", 5_000)
        .of_type("REFUND")
        .with(json!({"customerId": "C-17", "producerService": "refund-service", "serviceVersion": "2.8.0"}))
}

async fn filled(api: &Api) {
    api.record(completed("saga-1", 0)).await;
    api.record(failed("saga-2", 1_000)).await;
    api.record(compensated("saga-3", 2_000)).await;
    api.record([event("saga-4", "ORDER_CREATED", "STARTED", 3_000)
        .of_order("ORD-Alpha")
        .with(json!({"customerId": "C-17", "traceId": "4bf92f35", "card": "4711"}))])
        .await;
    api.record([refund()]).await;
    let mut lost = letter(b"no event", "UNKNOWN_FRAMING", 1);
    lost.letter.saga_id = Some("saga-lost".to_owned());
    lost.letter.event_id = Some("event-lost".to_owned());
    api.store.keep_letters(vec![lost]).await.unwrap();
}

/// How it was found, which sagas, how many letters, and the page.
async fn found(api: &Api, text: &str) -> (Value, Vec<String>, usize, Value) {
    let answer = api.json(&format!("/api/v1/search?q={text}")).await;
    let sagas = answer["sagas"].as_array().unwrap().iter();
    (
        answer["matched"].clone(),
        sagas
            .map(|saga| saga["sagaId"].as_str().unwrap().to_owned())
            .collect(),
        answer["deadLetters"].as_array().unwrap().len(),
        answer["page"].clone(),
    )
}

#[tokio::test]
async fn anything_is_found_by_the_text_at_hand() {
    let api = Api::new().await;
    filled(&api).await;
    for (text, matched, sagas, letters, page) in [
        (
            "saga-1",
            json!("EXACT"),
            vec!["saga-1"],
            0,
            json!("/sagas/saga-1"),
        ),
        (
            "SAGA-2",
            json!("OTHER_CASE"),
            vec!["saga-2"],
            0,
            json!("/sagas/saga-2"),
        ),
        (
            "ORD-Alpha",
            json!("EXACT"),
            vec!["saga-4"],
            0,
            json!("/sagas/saga-4"),
        ),
        (
            "ORD-Al",
            json!("PREFIX"),
            vec!["saga-4"],
            0,
            json!("/sagas/saga-4"),
        ),
        (
            "4BF92F35",
            json!("OTHER_CASE"),
            vec!["saga-4"],
            0,
            json!("/sagas/saga-4"),
        ),
        (
            "saga-4-3000-ORDER_CREATED",
            json!("EXACT"),
            vec!["saga-4"],
            0,
            json!("/sagas/saga-4"),
        ),
        (
            "saga-4-3000",
            json!("PREFIX"),
            vec!["saga-4"],
            0,
            json!("/sagas/saga-4"),
        ),
        (
            "C-17",
            json!("EXACT"),
            vec!["refund-1", "saga-4"],
            0,
            json!("/sagas?metadata.customerId=C-17"),
        ),
        (
            "%22saga-3%22",
            json!("EXACT"),
            vec!["saga-3"],
            0,
            json!("/sagas/saga-3"),
        ),
        (
            "http%3A%2F%2Fx%2Fsagas%2Fsaga-3%3Frows%3D1",
            json!("EXACT"),
            vec!["saga-3"],
            0,
            json!("/sagas/saga-3"),
        ),
        (
            "saga-",
            json!("PREFIX"),
            vec!["saga-4", "saga-3", "saga-2", "saga-1"],
            0,
            json!(null),
        ),
        ("saga-lost", json!("EXACT"), vec![], 1, json!("/dead-letters/1")),
        (
            "EVENT-LOST",
            json!("OTHER_CASE"),
            vec![],
            1,
            json!("/dead-letters/1"),
        ),
        ("nobody", json!(null), vec![], 0, json!(null)),
        // Too short to be a beginning.
        ("sa", json!(null), vec![], 0, json!(null)),
        ("%22", json!(null), vec![], 0, json!(null)),
    ] {
        let answer = found(&api, text).await;
        let sagas: Vec<String> = sagas.into_iter().map(str::to_owned).collect();
        assert_eq!(answer, (matched, sagas, letters, page), "{text}");
    }
    let nothing = api.json("/api/v1/search?q=nobody").await;
    let places: Vec<&str> = nothing["searched"]
        .as_array()
        .unwrap()
        .iter()
        .map(|place| {
            assert_eq!(
                (&place["found"], &place["foundIsExact"]),
                (&json!(0), &json!(true))
            );
            place["place"].as_str().unwrap()
        })
        .collect();
    assert_eq!(
        places,
        [
            "SAGA_ID",
            "REMOVED_SAGA_ID",
            "ORDER_ID",
            "TRACE_ID",
            "EVENT_ID",
            "METADATA",
            "DEAD_LETTER_EVENT_ID",
            "DEAD_LETTER_SAGA_ID"
        ]
    );
    assert_eq!(api.refused("/api/v1/search").await, json!({"q": "is missing"}));
    let long = format!("/api/v1/search?q={}", "x".repeat(201));
    assert!(
        api.refused(&long).await["q"]
            .as_str()
            .unwrap()
            .contains("at most 200")
    );
}

#[tokio::test]
async fn an_override_is_found_by_its_event() {
    let api = Api::new().await;
    filled(&api).await;
    let body = json!({"status": "COMPLETED", "reason": "paid by hand"}).to_string();
    let headers = [("content-type", "application/json")];
    let path = "/internal/v1/sagas/saga-2/status";
    let answer = api
        .request_with(reqwest::Method::PATCH, path, &headers, body.into_bytes())
        .await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let steps = api.json("/api/v1/sagas/saga-2/steps").await;
    let last = steps["steps"].as_array().unwrap().last().unwrap()["eventId"].clone();
    let answer = found(&api, last.as_str().unwrap()).await;
    assert_eq!((answer.0, answer.3), (json!("EXACT"), json!("/sagas/saga-2")));
}

#[tokio::test]
async fn a_bound_caller_finds_only_their_types_and_a_viewer_no_dead_letters() {
    let refunds = Scope::of([SagaType::REFUND]);
    let api = Api::open_to(Access::Tokens(vec![
        token("board", Role::Viewer, Scope::All),
        token("refunds", Role::Operator, refunds),
    ]))
    .await;
    filled(&api).await;
    let ask = async |name: &str, path: &str| {
        let token = format!("Bearer {name}'s");
        let headers = [("authorization", token.as_str())];
        api.request(reqwest::Method::GET, path, &headers).await.json()
    };
    for (name, text, sagas, letters) in [
        ("board", "C-17", 2, 0),
        ("refunds", "C-17", 1, 0),
        ("board", "saga-1", 1, 0),
        ("refunds", "saga-1", 0, 0),
        ("refunds", "saga-4-3000", 0, 0),
        ("board", "event-lost", 0, 0),
        ("refunds", "event-lost", 0, 0),
    ] {
        let answer = ask(name, &format!("/api/v1/search?q={text}")).await;
        assert_eq!(
            (
                answer["sagas"].as_array().unwrap().len(),
                answer["deadLetters"].as_array().unwrap().len()
            ),
            (sagas, letters),
            "{name} {text}: {answer}"
        );
    }
    let words = ask("refunds", "/api/v1/suggest?q=type:").await;
    assert_eq!(words["suggestions"], json!(["type:REFUND"]));
    let words = ask("refunds", "/api/v1/suggest?q=service:").await;
    assert_eq!(words["suggestions"], json!(["service:refund-service"]));
}

#[tokio::test]
async fn hidden_metadata_is_neither_found_nor_suggested() {
    let api = Api::hiding(&["card"]).await;
    filled(&api).await;
    assert_eq!(found(&api, "4711").await.0, json!(null));
    let keys = api.json("/api/v1/suggest?q=ca").await;
    assert_eq!(keys["suggestions"], json!([]));
    let details = api.refused("/api/v1/sagas?q=card:4711").await;
    assert!(
        details["q"]
            .as_str()
            .unwrap()
            .starts_with("holds the token card:4711: is not shown")
    );
}

#[tokio::test]
async fn what_exists_is_suggested_for_the_last_token() {
    let api = Api::new().await;
    filled(&api).await;
    for (text, before, suggestions) in [
        ("cust", "", json!(["customerId:"])),
        ("failed type:ref", "failed ", json!(["type:REFUND"])),
        ("version:", "", json!(["version:2.8.0"])),
        ("status:comple", "", json!(["status:COMPLETED"])),
        ("step:REFUND_ST", "", json!(["step:REFUND_STARTED"])),
        ("owner:pay", "", json!(["owner:payment-service"])),
        ("reason:x", "", json!([])),
    ] {
        let answer = api
            .json(&format!("/api/v1/suggest?q={}", text.replace(' ', "+")))
            .await;
        assert_eq!(
            answer,
            json!({"before": before, "suggestions": suggestions}),
            "{text}"
        );
    }
    let all = api.json("/api/v1/suggest").await;
    assert_eq!(all["suggestions"].as_array().unwrap().len(), 30);
    assert!(api.refused("/api/v1/suggest?type=1").await["type"].is_string());
}

#[tokio::test]
async fn the_search_field_leads_to_what_is_meant() {
    let api = Api::new().await;
    filled(&api).await;
    for (text, shown) in [
        ("saga-4-3000-ORDER_CREATED", "<h1"),
        ("customerId:C-17", "customerId: <bdi>C-17</bdi>"),
        ("type:REFUND+failed", "outcome: <bdi>failed</bdi>"),
        ("failed", "outcome: <bdi>failed</bdi>"),
        ("http%3A%2F%2Felsewhere%2Fflow%3Ftype%3DREFUND", "Flow of REFUND"),
        ("http%3A%2F%2Felsewhere%2Fdead-letters%2F1", "UNKNOWN_FRAMING"),
        ("saga-", "No exact match; ids that begin with it"),
        ("nobody", "Nothing found"),
        ("stauts:x", "As filters: stauts:x: no filter is named stauts"),
    ] {
        let page = page(&api, &format!("/search?q={text}")).await;
        assert!(page.contains(shown), "{text}: {page}");
    }
    let nothing = page(&api, "/search?q=nobody").await;
    assert!(
        nothing.contains("saga ids: none; ids of sagas that left the database: none; order ids: none"),
        "{nothing}"
    );
    assert!(
        nothing.contains(r#"name="q" value="nobody""#),
        "the text stays in the field: {nothing}"
    );
}
