//! `/api/v1/views`, `/internal/v1/views` and the pages of saved views.

use reqwest::Method;
use saga_store::Scope;
use saga_types::SagaType;
use saga_web::auth::{Access, Role};
use serde_json::{Value, json};

use crate::harness::{Answer, Api, completed, failed, token};

const VIEWS: &str = "/internal/v1/views";

async fn send(api: &Api, name: &str, method: Method, path: &str, body: Value) -> Answer {
    let token = format!("Bearer {name}'s");
    let headers = [
        ("content-type", "application/json"),
        ("authorization", token.as_str()),
    ];
    let body = if body.is_null() {
        Vec::new()
    } else {
        body.to_string().into_bytes()
    };
    let headers = if body.is_empty() {
        &headers[1..]
    } else {
        &headers[..]
    };
    api.request_with(method, path, headers, body).await
}

async fn bound() -> Api {
    Api::open_to(Access::Tokens(vec![
        token("board", Role::Viewer, Scope::All),
        token("dana", Role::Operator, Scope::All),
        token("refunds", Role::Operator, Scope::of([SagaType::REFUND])),
    ]))
    .await
}

async fn names(api: &Api, name: &str) -> Vec<String> {
    let answer = send(api, name, Method::GET, "/api/v1/views", Value::Null)
        .await
        .json();
    let views = answer["views"].as_array().unwrap().iter();
    views
        .map(|view| view["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn operators_change_views_and_viewers_read_them() {
    let api = bound().await;
    let view = json!({"name": " 환불 실패 ", "query": "?status=FAILED&metadata.a+b=%26"});
    send(&api, "board", Method::POST, VIEWS, view.clone())
        .await
        .is_error(403, "FORBIDDEN", VIEWS);
    let saved = send(&api, "dana", Method::POST, VIEWS, view.clone()).await;
    assert_eq!(saved.status.as_u16(), 200, "{}", saved.text);
    let page = "/views/%ED%99%98%EB%B6%88%20%EC%8B%A4%ED%8C%A8";
    assert_eq!(saved.json(), json!({"name": "환불 실패", "page": page}));
    let listed = send(&api, "board", Method::GET, "/api/v1/views", Value::Null)
        .await
        .json();
    let entry = &listed["views"][0];
    assert_eq!(entry["query"], "metadata.a%20b=%26&status=FAILED");
    assert_eq!(
        (&entry["page"], &entry["changedBy"]),
        (&json!(page), &json!("dana"))
    );
    send(&api, "dana", Method::POST, VIEWS, view)
        .await
        .is_error(409, "CONFLICT", VIEWS);
    let own = format!("{VIEWS}/%ED%99%98%EB%B6%88%20%EC%8B%A4%ED%8C%A8");
    let renamed = send(&api, "dana", Method::PATCH, &own, json!({"name": "failed"})).await;
    assert_eq!(renamed.json(), json!({"name": "failed", "page": "/views/failed"}));
    send(&api, "dana", Method::PATCH, &own, json!({"name": "x"}))
        .await
        .is_error(404, "NOT_FOUND", &own);
    assert_eq!(names(&api, "board").await, ["failed"]);
    let other = format!("{VIEWS}/failed");
    send(&api, "board", Method::DELETE, &other, Value::Null)
        .await
        .is_error(403, "FORBIDDEN", &other);
    assert_eq!(
        send(&api, "dana", Method::DELETE, &other, Value::Null)
            .await
            .status
            .as_u16(),
        204
    );
    assert!(names(&api, "board").await.is_empty());
    let log = send(
        &api,
        "dana",
        Method::GET,
        "/internal/v1/operations?kind=SAVED_VIEW",
        Value::Null,
    )
    .await;
    let entries = log.json()["content"].as_array().unwrap().clone();
    let results: Vec<_> = entries
        .iter()
        .map(|entry| (&entry["actor"], &entry["result"]))
        .collect();
    let dana = json!("dana");
    assert_eq!(
        results,
        [
            (&dana, &json!("REMOVED")),
            (&dana, &json!("RENAMED")),
            (&dana, &json!("SAVED"))
        ]
    );
}

#[tokio::test]
async fn a_view_that_is_no_list_is_refused() {
    let api = bound().await;
    for (body, field, reason) in [
        (json!({"query": ""}), "name", "is missing"),
        (json!({"name": "a"}), "query", "is missing"),
        (
            json!({"name": "a/b", "query": ""}),
            "name",
            "no control characters",
        ),
        (json!({"name": " ", "query": ""}), "name", "must not be empty"),
        (json!({"name": "x".repeat(61), "query": ""}), "name", "at most 60"),
        (
            json!({"name": "a", "query": "status=DONE"}),
            "query",
            "status must be one of",
        ),
        (
            json!({"name": "a", "query": "cursor=x"}),
            "query",
            "cursor is not known here",
        ),
        (
            json!({"name": "a", "query": "q=stauts:x"}),
            "query",
            "no filter is named stauts",
        ),
        (json!({"name": "a", "query": "a=%zz"}), "query", "two hex digits"),
        (
            json!({"name": "a", "query": "x".repeat(2_001)}),
            "query",
            "at most 2000",
        ),
    ] {
        let answer = send(&api, "dana", Method::POST, VIEWS, body.clone()).await;
        let details = answer.is_error(400, "BAD_REQUEST", VIEWS)["details"].clone();
        assert!(
            details[field].as_str().unwrap_or_default().contains(reason),
            "{body}: {details}"
        );
    }
    assert!(names(&api, "dana").await.is_empty());
    let tokens = json!({"name": "a", "query": "q=type:REFUND+failed&sort=duration,desc"});
    assert_eq!(
        send(&api, "dana", Method::POST, VIEWS, tokens)
            .await
            .status
            .as_u16(),
        200
    );
    let listed = send(&api, "dana", Method::GET, "/api/v1/views", Value::Null)
        .await
        .json();
    assert_eq!(
        listed["views"][0]["query"],
        "failed=true&sagaType=REFUND&sort=duration%2Cdesc"
    );
}

#[tokio::test]
async fn a_bound_operator_has_views_of_their_types() {
    let api = bound().await;
    for (name, query) in [("orders", "sagaType=ORDER_CREATION"), ("all", "status=FAILED")] {
        let body = json!({"name": name, "query": query});
        let refused = send(&api, "refunds", Method::POST, VIEWS, body.clone()).await;
        let details = refused.is_error(400, "BAD_REQUEST", VIEWS)["details"].clone();
        assert!(
            details["query"]
                .as_str()
                .unwrap()
                .starts_with("must have the parameter sagaType"),
            "{details}"
        );
        assert_eq!(
            send(&api, "dana", Method::POST, VIEWS, body)
                .await
                .status
                .as_u16(),
            200
        );
    }
    let own = json!({"name": "refunds", "query": "sagaType=REFUND&failed=true"});
    assert_eq!(
        send(&api, "refunds", Method::POST, VIEWS, own)
            .await
            .status
            .as_u16(),
        200
    );
    assert_eq!(names(&api, "refunds").await, ["refunds"]);
    assert_eq!(names(&api, "board").await, ["all", "orders", "refunds"]);
    for name in ["orders", "nowhere"] {
        let path = format!("{VIEWS}/{name}");
        send(&api, "refunds", Method::DELETE, &path, Value::Null)
            .await
            .is_error(404, "NOT_FOUND", &path);
    }
    let log = send(
        &api,
        "refunds",
        Method::GET,
        "/internal/v1/operations",
        Value::Null,
    )
    .await
    .json();
    assert_eq!(log["content"].as_array().unwrap().len(), 1, "{log}");
}

#[tokio::test]
async fn a_view_is_a_link_and_forms_change_it() {
    let api = Api::new().await;
    api.record(completed("saga-1", 0)).await;
    api.record(failed("saga-2", 0)).await;
    let origin = format!("http://{}", api.address);
    let post = async |path: &str, form: &str| {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", origin.as_str()),
            ("accept", "text/html"),
        ];
        api.request_with(Method::POST, path, &headers, form.as_bytes().to_vec())
            .await
    };
    let get = async |path: &str| api.request(Method::GET, path, &[("accept", "text/html")]).await;
    let list = get("/sagas?status=FAILED").await.text;
    assert!(
        list.contains(r#"<input type="hidden" name="query" value="status=FAILED">"#),
        "{list}"
    );
    let saved = post("/views", "name=Fa%C3%AFled&query=status%3DFAILED").await;
    assert_eq!(saved.status.as_u16(), 200, "{}", saved.text);
    assert!(
        saved.text.contains("saga-2") && !saved.text.contains("saga-1"),
        "{}",
        saved.text
    );
    let link = r#"<a href="/views/Fa%C3%AFled" aria-current="page"><bdi>Faïled</bdi></a>"#;
    assert!(saved.text.contains(link), "{}", saved.text);
    let again = post("/views", "name=Fa%C3%AFled&query=").await;
    assert_eq!(again.status.as_u16(), 409);
    assert!(
        again.text.contains("another view has this name"),
        "{}",
        again.text
    );
    let views = post("/views/Fa%C3%AFled/rename", "name=Lost").await.text;
    assert!(
        views.contains("<bdi>Lost</bdi>") && !views.contains("Faïled"),
        "{views}"
    );
    let removed = post("/views/Lost/remove", "").await.text;
    assert!(removed.contains("No view is saved"), "{removed}");
    assert_eq!(get("/views/Lost").await.status.as_u16(), 404);
    assert_eq!(post("/views/Lost/remove", "").await.status.as_u16(), 404);
}
