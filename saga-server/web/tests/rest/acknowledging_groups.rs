//! Acknowledgements of groups of failures: REST, and the forms of the pages.

use reqwest::{Method, StatusCode};
use saga_types::Timestamp;
use serde_json::{Value, json};

use crate::{
    acknowledging::{LIST, OF_GROUP, delete, order, put, with},
    forms::send,
    harness::{Api, BEGIN, failed},
};

const GROUP: &str = "STOCK_RESERVATION_FAILED: OUT_OF_STOCK";

/// So many milliseconds before now, as events of the harness count.
fn before_now(millis: i64) -> i64 {
    Timestamp::now().as_millis() - BEGIN - millis
}

#[tokio::test]
async fn a_group_is_acknowledged_for_all_types_or_for_one() {
    let api = with(failed("saga-1", before_now(60_000))).await;
    let groups = async || api.json("/api/v1/failure-groups").await["groups"][0].clone();
    assert_eq!(groups().await["failureGroup"], GROUP);
    assert_eq!(groups().await["acknowledgements"], json!([]));
    let all = put(&api, OF_GROUP, &[], order()).await.json();
    assert_eq!(
        (&all["failureGroup"], &all["sagaType"]),
        (&json!(GROUP), &Value::Null)
    );
    let of_type = put(&api, &format!("{OF_GROUP}&sagaType=ORDER_CREATION"), &[], order())
        .await
        .json();
    assert_eq!(of_type["sagaType"], "ORDER_CREATION");
    assert_eq!(groups().await["acknowledgements"], json!([of_type, all]));
    let list = api
        .get("/sagas?failureGroup=STOCK_RESERVATION_FAILED:%20OUT_OF_STOCK")
        .await
        .text;
    assert!(
        list.contains("asked the shop") && list.contains("Change acknowledgement"),
        "{list}"
    );
    assert!(
        api.get("/")
            .await
            .text
            .contains("Acknowledged: <bdi>anonymous</bdi>")
    );
    // A quarter more, and one at least.
    api.record(failed("saga-2", before_now(30_000))).await;
    assert_eq!(groups().await["acknowledgements"][0]["worse"], true);
    let form = format!("failureGroup={GROUP}&mode=withdraw&replaces={}", all["id"]);
    let gone = send(&api, "/acknowledgements", &form).await;
    assert_eq!(gone.status, StatusCode::OK, "{}", gone.text);
    let gone = delete(&api, &format!("{OF_GROUP}&sagaType=ORDER_CREATION")).await;
    assert_eq!(gone.status, StatusCode::OK, "{}", gone.text);
    assert_eq!(groups().await["acknowledgements"], json!([]));
}

#[tokio::test]
async fn where_reasons_are_hidden_no_group_is_named() {
    let api = Api::hiding(&["failureReason"]).await;
    api.record(failed("saga-1", before_now(60_000))).await;
    let path = "/internal/v1/failure-groups/acknowledgement";
    let refused = put(&api, OF_GROUP, &[], order())
        .await
        .is_error(400, "BAD_REQUEST", path);
    assert!(
        refused["details"]["failureGroup"]
            .as_str()
            .unwrap()
            .contains("redaction"),
        "{refused}"
    );
    // One that was acknowledged before they were hidden.
    let acknowledged = saga_store::AcknowledgeOrder {
        subject: saga_store::Subject::FailureGroup {
            name: GROUP.to_owned(),
            saga_type: None,
        },
        scope: saga_store::Scope::All,
        judged: saga_store::Judged {
            now: Timestamp::now(),
            late_before: Timestamp::now(),
        },
        until: Timestamp::MAX,
        assignee: "dana".to_owned(),
        note: "x".to_owned(),
        replaces: None,
        actor: saga_store::Actor {
            name: "dana".to_owned(),
            role: None,
            way: saga_store::Way::CommandLine,
            address: None,
        },
    };
    api.store.acknowledge(&acknowledged).await.unwrap();
    for path in [
        LIST,
        "/internal/v1/operations",
        "/",
        "/operations",
        "/api/v1/failure-groups",
    ] {
        let answer = api.request(Method::GET, path, &[("accept", "text/html")]).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(!answer.text.contains("OUT_OF_STOCK"), "{path}: {}", answer.text);
    }
}
