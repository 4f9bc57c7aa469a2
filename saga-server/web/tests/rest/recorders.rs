//! The role of recorders: what it may record, and that it sees nothing.

use reqwest::Method;
use saga_types::SagaType;
use saga_web::auth::{Access, Role, Services, Token};
use serde_json::{Value, json};

use crate::{
    events::{JSON, PATH, event, outcomes, post, post_json, recorded},
    harness::{Answer, Api, token},
};

/// Tokens of those who record, some of them bound.
async fn with_recorders() -> Api {
    let token = |name, role, scope, services| Token {
        services,
        ..token(name, role, scope)
    };
    let all = saga_store::Scope::All;
    let refunds = saga_store::Scope::of([SagaType::REFUND]);
    let orders = Services::of(["order-service".to_owned()]);
    Api::open_to(Access::Tokens(vec![
        token("viewer", Role::Viewer, all.clone(), Services::All),
        token("operator", Role::Operator, all.clone(), Services::All),
        token("recorder", Role::Recorder, all.clone(), Services::All),
        token("orders", Role::Recorder, all, orders),
        token("refunds", Role::Recorder, refunds, Services::All),
    ]))
    .await
}

async fn post_as(api: &Api, caller: &str, body: &Value) -> Answer {
    let token = format!("Bearer {caller}'s");
    post(api, &[JSON, ("authorization", &token)], body.to_string()).await
}

#[tokio::test]
async fn recorders_record_and_see_nothing() {
    let api = with_recorders().await;
    assert_eq!(post_json(&api, &event("e-0")).await.status.as_u16(), 401);
    assert_eq!(post_as(&api, "viewer", &event("e-0")).await.status.as_u16(), 403);
    assert_eq!(
        post_as(&api, "operator", &event("e-1")).await.status.as_u16(),
        202
    );
    assert_eq!(
        post_as(&api, "recorder", &event("e-2")).await.status.as_u16(),
        202
    );
    for path in [
        "/api/v1/sagas",
        "/api/v1/sagas/saga-1",
        "/",
        "/internal/v1/dlt",
        "/operations",
    ] {
        let headers = [("authorization", "Bearer recorder's")];
        let answer = api.request(Method::GET, path, &headers).await;
        assert_eq!(answer.status.as_u16(), 403, "{path}: {}", answer.text);
    }
    assert_eq!(recorded(&api), ["e-1", "e-2"]);
}

#[tokio::test]
async fn a_bound_recorder_records_what_it_is_bound_to() {
    let api = with_recorders().await;
    let mut other = event("e-2");
    other["metadata"]["producerService"] = json!("payment-service");
    let mut nameless = event("e-3");
    nameless["metadata"] = Value::Null;
    let answer = post_as(&api, "orders", &json!([event("e-1"), other, nameless])).await;
    assert_eq!(answer.status.as_u16(), 202);
    assert_eq!(
        outcomes(&answer),
        ["ACCEPTED", "FORBIDDEN", "FORBIDDEN"],
        "{}",
        answer.text
    );
    let results = answer.json()["results"].clone();
    assert_eq!(
        results[1]["reason"],
        "the token \"orders\" is not for the service \"payment-service\""
    );
    let answer = post_as(&api, "orders", &other).await;
    answer.is_error(403, "FORBIDDEN", PATH);

    let mut refund = event("e-4");
    refund["sagaType"] = json!("REFUND");
    let answer = post_as(&api, "refunds", &json!([event("e-5"), refund])).await;
    assert_eq!(outcomes(&answer), ["FORBIDDEN", "ACCEPTED"], "{}", answer.text);
    assert_eq!(recorded(&api), ["e-1", "e-4"]);
}
