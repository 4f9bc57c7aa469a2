//! Tools, asked about a tracker that answers from a table.

use std::sync::{Arc, Mutex};

use http::request::Parts;
use serde_json::{Value, json};

use super::call;
use crate::{
    ask::{Answered, Ask, Tracker},
    reply::Reply,
};

/// Answers the first call that begins with its text; others are not found.
#[derive(Clone, Default)]
struct Table {
    answers: Vec<(&'static str, u16, Value)>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Table {
    fn with(mut self, call: &'static str, body: Value) -> Self {
        self.answers.push((call, 200, body));
        self
    }

    fn refusing(mut self, call: &'static str, status: u16) -> Self {
        self.answers.push((call, status, json!({"message": "no"})));
        self
    }
}

impl Ask for Table {
    async fn get(&self, call: &str, _: Option<&Parts>) -> Result<Answered, String> {
        self.asked.lock().unwrap().push(call.to_owned());
        let found = self.answers.iter().find(|(path, ..)| call.starts_with(path));
        let (status, body) = match found {
            Some((_, status, body)) => (*status, body.clone()),
            None => (404, json!({"message": "there is nothing"})),
        };
        Ok(Answered { status, body })
    }

    fn pages(&self) -> Option<&str> {
        Some("https://tracker.example")
    }
}

async fn ask(table: &Table, tool: &str, arguments: Value) -> Result<Reply, String> {
    let arguments = arguments.as_object().unwrap().clone();
    call(tool, arguments, &Tracker::new(table, None)).await.unwrap()
}

/// What was recorded, and the notes.
async fn answer(table: &Table, tool: &str, arguments: Value) -> (Value, Value) {
    let result = ask(table, tool, arguments).await.unwrap().into_result();
    let mut content = result.structured_content.unwrap();
    (content["recorded"].take(), content["notes"].take())
}

fn saga(id: &str) -> Value {
    json!({
        "sagaId": id, "currentStatus": "IN_PROGRESS", "orderId": "4711", "stepCount": 200, "failureReason": null,
        "awaiting": [{"step": "PAID", "service": "payment-service", "since": "2026-11-22T08:26:40.000Z"}],
        "expected": {"waits": [{"step": "PAID", "usual": {"observations": 300, "p50Ms": 580}}], "end": {"p50": "later"}, "stuck": null},
        "family": null, "freshness": {"upToDate": false, "eventsBehind": 12},
    })
}

#[tokio::test]
async fn a_saga_is_explained_with_what_is_usual_and_who_owes() {
    let table = Table::default()
        .with(
            "/api/v1/sagas/%73-1/steps",
            json!({"steps": [{"step": "PLACED", "recordedAt": "x"}], "nextCursor": "more"}),
        )
        .with("/api/v1/sagas/%73-1", saga("s-1"));
    let (recorded, notes) = answer(&table, "explain_saga", json!({"id": "s-1", "cursor": null})).await;
    assert_eq!(
        recorded["awaited"],
        json!([{
            "step": "PAID", "service": "payment-service", "since": "2026-11-22T08:26:40.000Z",
            "usual": {"observations": 300, "p50Ms": 580},
        }])
    );
    assert_eq!(recorded["probableEnd"], json!({"p50": "later"}));
    assert_eq!(recorded["page"], "https://tracker.example/sagas/%73-1");
    assert_eq!(recorded.get("failureReason"), None);
    assert!(notes[0].as_str().unwrap().contains("behind"), "{notes}");
    assert_eq!(
        notes[1],
        "1 of 200 steps are shown. Go on with the same arguments and cursor more"
    );
}

#[tokio::test]
async fn an_order_of_several_sagas_lists_them() {
    let table = Table::default().with(
        "/api/v1/sagas?orderId=4711&size=10",
        json!({"content": [saga("s-1"), saga("s-2")], "page": {"totalElements": 2}}),
    );
    let (recorded, notes) = answer(&table, "explain_saga", json!({"id": "4711"})).await;
    assert_eq!(recorded["sagas"][1]["sagaId"], "s-2");
    assert!(
        notes[0]
            .as_str()
            .unwrap()
            .starts_with("2 of 2 sagas of this order."),
        "{notes}"
    );
}

#[tokio::test]
async fn fewer_entries_are_asked_for_until_the_answer_is_short() {
    let mut long = saga("s-1");
    long["summary"] = json!("x".repeat(390));
    long["orderId"] = json!("y".repeat(390));
    let table = Table::default().with(
        "/api/v1/sagas?",
        json!({"content": vec![long; 20], "page": {"totalElements": 20, "totalIsExact": true}}),
    );
    let reply = ask(&table, "find_sagas", json!({"limit": 20, "q": "a b"}))
        .await
        .unwrap();
    assert_eq!(reply.fewer(1), None);
    let asked = table.asked.lock().unwrap().clone();
    assert_eq!(asked[0], "/api/v1/sagas?size=20&q=a%20b");
    assert!(asked.len() > 1, "{asked:?}");
}

#[tokio::test]
async fn what_the_tracker_refuses_is_an_error_in_words() {
    let table = Table::default()
        .refusing("/internal/", 403)
        .refusing("/api/v1/sagas", 503);
    let error = ask(&table, "dead_letters", json!({})).await.unwrap_err();
    assert!(error.contains("403: no. Another token is needed"), "{error}");
    let error = ask(&table, "explain_saga", json!({"id": "a"})).await.unwrap_err();
    assert!(error.contains("503: no. Ask again"), "{error}");
}

#[tokio::test]
async fn a_letter_is_shown_without_the_bytes_of_an_event_that_can_be_read() {
    let letter =
        json!({"id": 7, "message": "m", "event": {"sagaId": "s"}, "payload": {"hex": "00"}, "partial": null});
    let table = Table::default().with("/internal/v1/dlt?size=1", json!({"content": [letter]}));
    let (recorded, _) = answer(&table, "dead_letters", json!({})).await;
    assert_eq!(
        recorded["letters"],
        json!([{"id": 7, "message": "m", "event": r#"{"sagaId":"s"}"#, "page": "https://tracker.example/dead-letters/7"}])
    );
}

#[tokio::test]
async fn each_group_that_needs_attention_leads_to_its_sagas() {
    let group = json!({"step": "PACKED", "owner": "warehouse", "sagaType": "PARCEL", "sagas": 6, "page": "/sagas?awaits=PACKED"});
    let list = json!({"total": 6, "totalIsExact": true, "groups": [group], "sagas": []});
    let table = Table::default()
        .with(
            "/api/v1/attention",
            json!({"stuck": list, "owing": list, "standstills": [group], "freshness": {"upToDate": true}}),
        )
        .with("/api/v1/failure-groups", json!({"groups": []}));
    let (recorded, _) = answer(&table, "needs_attention", json!({})).await;
    for found in [
        &recorded["stuck"]["groups"][0],
        &recorded["compensationOwed"]["groups"][0],
        &recorded["standstills"][0],
    ] {
        assert_eq!(
            found["page"], "https://tracker.example/sagas?awaits=PACKED",
            "{recorded}"
        );
    }
}
