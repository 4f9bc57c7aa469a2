//! `POST /internal/v1/erase`, and what answers and pages say of an erased saga.

use reqwest::{Method, StatusCode};
use saga_store::{Scope, Way};
use saga_types::SagaType;
use saga_web::auth::{Access, Role};
use serde_json::{Value, json};

use crate::harness::{Answer, Api, event, failed, token};

const PATH: &str = "/internal/v1/erase";
const JSON: (&str, &str) = ("content-type", "application/json");

async fn post(api: &Api, headers: &[(&str, &str)], body: Value) -> Answer {
    let headers: Vec<_> = [JSON].iter().chain(headers).copied().collect();
    api.request_with(Method::POST, PATH, &headers, body.to_string().into_bytes())
        .await
}

async fn erase(api: &Api, key: &str, value: &str, dry_run: bool) -> Value {
    let body = json!({"metadataKey": key, "metadataValue": value, "dryRun": dry_run});
    let answer = post(api, &[], body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert!(!answer.text.contains(value), "{}", answer.text);
    answer.json()
}

/// A failed order of a customer, who is in the reason, too.
async fn order_of(api: &Api, saga_id: &str, customer: &str) {
    api.record(vec![
        event(saga_id, "ORDER_CREATED", "STARTED", 0)
            .with(json!({"producerService": "order-service", "customerId": customer, "card": "4711"})),
        event(saga_id, "PAYMENT_FAILED", "FAILED", 500).with(
            json!({"producerService": "payment-service", "failureReason": format!("{customer} is broke")}),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_and_an_erasure_leaves_the_saga_and_a_mark() {
    let api = Api::new().await;
    order_of(&api, "saga-1", "C-17").await;
    api.record(failed("saga-2", 0)).await;
    let dry = erase(&api, "customerId", "C-17", true).await;
    let counts = [
        "dryRun",
        "complete",
        "sagas",
        "events",
        "archivedSagas",
        "deadLetters",
    ];
    let counted = |answer: &Value| counts.map(|name| answer[name].clone());
    let expected = [json!(true), json!(true), json!(1), json!(2), json!(0), json!(0)];
    assert_eq!(counted(&dry), expected);
    assert_eq!(
        (&dry["nextCursor"], &dry["archiveConfigured"]),
        (&Value::Null, &json!(false))
    );
    assert!(dry["stillKept"][0].as_str().unwrap().contains("Kafka"));
    let before = api.json("/api/v1/sagas/saga-1").await;
    assert_eq!(
        (&before["failureReason"], &before["metadataErasedAt"]),
        (&json!("C-17 is broke"), &Value::Null)
    );

    let done = erase(&api, "customerId", "C-17", false).await;
    assert_eq!(
        (&done["sagas"], &done["events"], &done["complete"]),
        (&json!(1), &json!(2), &json!(true))
    );
    let saga = api.json("/api/v1/sagas/saga-1").await;
    assert_eq!(
        (&saga["currentStatus"], &saga["failedStep"]),
        (&json!("FAILED"), &json!("PAYMENT_FAILED"))
    );
    assert_eq!(saga["failureReason"], Value::Null);
    assert!(saga["metadataErasedAt"].is_string());
    let steps = api.json("/api/v1/sagas/saga-1/steps").await;
    for step in steps["steps"].as_array().unwrap() {
        assert!(step["metadataErasedAt"].is_string() && step["metadata"]["producerService"].is_string());
    }
    let page = api.get("/sagas/saga-1").await;
    assert!(
        page.text.contains("A person&#39;s data was erased")
            || page.text.contains("A person's data was erased")
    );
    for path in [
        "/api/v1/sagas/saga-1",
        "/api/v1/sagas/saga-1/steps",
        "/sagas/saga-1",
        "/sagas/saga-1/events.json",
        "/api/v1/sagas",
        "/internal/v1/operations",
        "/operations",
    ] {
        let text = api.get(path).await.text;
        assert!(!text.contains("C-17") && !text.contains("4711"), "{path}: {text}");
    }
    let other = api.json("/api/v1/sagas/saga-2").await;
    assert_eq!(
        (&other["failureReason"], &other["metadataErasedAt"]),
        (&json!("OUT_OF_STOCK"), &Value::Null)
    );
    assert!(!api.get("/sagas/saga-2").await.text.contains("data was erased"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_operator_erases_and_the_log_says_who_and_not_what() {
    let api = Api::with_tokens().await;
    order_of(&api, "saga-1", "C-17").await;
    let body = json!({"metadataKey": "customerId", "metadataValue": "C-17", "dryRun": false});
    let board = ("authorization", "Bearer board's");
    let refused = post(&api, &[board], body.clone()).await;
    refused.is_error(403, "FORBIDDEN", PATH);
    post(&api, &[], body.clone())
        .await
        .is_error(401, "UNAUTHORIZED", PATH);
    let dana = ("authorization", "Bearer dana's");
    let done = post(&api, &[dana], body).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    let log = api
        .request(Method::GET, "/internal/v1/operations?kind=ERASURE", &[dana])
        .await;
    let log = log.json();
    let [entry] = &log["content"].as_array().unwrap()[..] else {
        panic!("{log}")
    };
    assert_eq!(
        (&entry["actor"], &entry["sagaId"], &entry["result"]),
        (&json!("dana"), &json!("saga-1"), &json!("ERASED"))
    );
    assert_eq!(entry["way"], json!(Way::Rest));
    assert_eq!(
        entry["detail"],
        "2 events in the database, by the metadata key customerId"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_see_all_types_erases_nothing() {
    let kim = token("kim", Role::Operator, Scope::of([SagaType::ORDER_CREATION]));
    let api = Api::open_to(Access::Tokens(vec![kim])).await;
    order_of(&api, "saga-1", "C-17").await;
    for dry_run in [true, false] {
        let body = json!({"metadataKey": "customerId", "metadataValue": "C-17", "dryRun": dry_run});
        let refused = post(&api, &[("authorization", "Bearer kim's")], body).await;
        refused.is_error(403, "FORBIDDEN", PATH);
    }
    assert_eq!(api.store.erased_at("saga-1").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_and_changes_nothing() {
    let api = Api::new().await;
    order_of(&api, "saga-1", "C-17").await;
    let good = json!({"metadataKey": "customerId", "metadataValue": "C-17", "dryRun": false});
    let cases = [
        ("metadataKey", json!(""), "1 to 250"),
        ("metadataKey", json!("k".repeat(251)), "1 to 250"),
        ("metadataKey", json!("a\nb"), "control"),
        ("metadataKey", json!("traceId"), "names no person"),
        ("metadataKey", json!(7), "must be a text"),
        ("metadataKey", Value::Null, "must be a text"),
        ("metadataValue", json!(""), "must not be empty"),
        ("metadataValue", json!("x".repeat(1_001)), "at most 1000"),
        ("metadataValue", json!("a\u{0}b"), "U+0000"),
        ("dryRun", json!("yes"), "true or false"),
        ("dryRun", Value::Null, "must be true"),
        ("cursor", json!("nonsense"), "nextCursor"),
        ("cursor", json!(7), "nextCursor"),
        ("everything", json!(true), "not known"),
    ];
    for (field, value, words) in cases {
        let mut body = good.clone();
        body[field] = value.clone();
        let answer = post(&api, &[], body).await;
        let error = answer.is_error(400, "BAD_REQUEST", PATH);
        let reason = error["details"][field].as_str().unwrap_or_default();
        assert!(reason.contains(words), "{field} = {value}: {error}");
        assert!(!answer.text.contains("C-17"));
    }
    let saga = api.json("/api/v1/sagas/saga-1").await;
    assert_eq!(saga["metadataErasedAt"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_key_can_be_erased_by_and_stays_hidden() {
    let api = Api::hiding(&["customerId"]).await;
    order_of(&api, "saga-1", "C-17").await;
    assert_eq!(erase(&api, "customerId", "C-17", false).await["sagas"], 1);
    let steps = api.get("/api/v1/sagas/saga-1/steps").await;
    assert!(!steps.text.contains("C-17"), "{}", steps.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_complete_goes_on_with_its_cursor() {
    let api = Api::new().await;
    order_of(&api, "saga-1", "C-17").await;
    order_of(&api, "saga-2", "C-17").await;
    // As an answer gives it that ended after the first saga.
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let cursor = URL_SAFE_NO_PAD.encode(json!(["erasure1", "sagas", "saga-1", 0]).to_string());
    let body =
        json!({"metadataKey": "customerId", "metadataValue": "C-17", "dryRun": false, "cursor": cursor});
    let done = post(&api, &[], body).await.json();
    assert_eq!((&done["sagas"], &done["complete"]), (&json!(1), &json!(true)));
    assert_eq!(
        api.json("/api/v1/sagas/saga-1").await["metadataErasedAt"],
        Value::Null
    );
    assert!(api.json("/api/v1/sagas/saga-2").await["metadataErasedAt"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_saga_says_that_it_was_erased() {
    let api = Api::new().await;
    order_of(&api, "saga-1", "C-17").await;
    erase(&api, "customerId", "C-17", false).await;
    let chosen = api.store.still_there(&["saga-1".to_owned()]).await.unwrap();
    api.store.remove(&chosen, None).await.unwrap();
    let answer = api.get("/api/v1/sagas/saga-1").await;
    let error = answer.is_error(404, "NOT_FOUND", "/api/v1/sagas/saga-1");
    assert!(error["details"]["metadataErasedAt"].is_string(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_database_nothing_is_erased_and_the_answer_says_so() {
    let api = Api::without_database().await;
    let body = json!({"metadataKey": "customerId", "metadataValue": "C-17", "dryRun": false});
    let answer = post(&api, &[], body).await;
    answer.is_error(503, "SERVICE_UNAVAILABLE", PATH);
    assert!(!answer.text.contains("C-17"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_operators_wrote_of_the_person_leaves() {
    let api = Api::new().await;
    order_of(&api, "saga-1", "C-17").await;
    order_of(&api, "saga-2", "C-18").await;
    let send = async |method: Method, path: &str, body: Value| {
        let answer = api
            .request_with(method, path, &[JSON], body.to_string().into_bytes())
            .await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
    };
    let care = |note: &str| json!({"note": note, "for": "4h"});
    for (saga_id, note) in [("saga-1", "no name"), ("saga-2", "asks the same as C-17")] {
        let path = format!("/internal/v1/sagas/{saga_id}/acknowledgement");
        send(Method::PUT, &path, care(note)).await;
    }
    for (name, query) in [
        ("one", "metadata.customerId=C-17"),
        ("other", "metadata.customerId=C-18"),
    ] {
        let view = json!({"name": name, "query": query});
        send(Method::POST, "/internal/v1/views", view).await;
    }
    let job = json!({"action": "CORRECT", "status": "COMPENSATED", "note": "refunded",
        "filter": {"metadata.customerId": "C-17"}});
    send(Method::POST, "/internal/v1/jobs", job).await;

    let dry = erase(&api, "customerId", "C-17", true).await;
    assert_eq!(dry["notes"], 3, "{dry}");
    let done = erase(&api, "customerId", "C-17", false).await;
    assert_eq!((&done["notes"], &done["complete"]), (&json!(3), &json!(true)));
    for path in [
        "/internal/v1/acknowledgements",
        "/acknowledgements",
        "/api/v1/views",
        "/sagas",
        "/internal/v1/jobs",
        "/operations/jobs",
        "/operations/jobs/1",
    ] {
        // The example in the filter bar is of everybody.
        let text = api.get(path).await.text.replace("customerId:C-17 failed", "");
        assert!(
            !text.contains("C-17") && !text.contains("no name"),
            "{path}: {text}"
        );
    }
    let views = api.json("/api/v1/views").await;
    assert_eq!(views["views"].as_array().map(Vec::len), Some(1), "{views}");
    let again = erase(&api, "customerId", "C-17", true).await;
    assert_eq!(again["notes"], 0, "{again}");
}
