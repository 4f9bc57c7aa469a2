//! `GET /api/v1/sagas/{sagaId}/steps`.

use serde_json::json;

use crate::harness::{Api, completed, event};

#[tokio::test]
async fn steps_come_in_the_order_in_which_they_happened() {
    let api = Api::new().await;
    let late = event("saga-1", "STOCK_RESERVED", "COMPLETED", 200).with(json!({
        "producerService": "product-service",
        "traceId": "abc",
        "itemCount": 3,
        "nested": {"a": [1, null, "주문"]},
    }));
    api.record([late]).await;
    api.record([event("saga-1", "ORDER_CREATED", "STARTED", 0)]).await;
    let answer = api.json("/api/v1/sagas/saga-1/steps").await;
    let [first, second] = answer["steps"].as_array().unwrap().as_slice() else {
        panic!("{answer}")
    };
    assert_eq!(
        (&answer["sagaId"], &answer["nextCursor"]),
        (&json!("saga-1"), &json!(null))
    );
    assert_eq!(first["step"], "ORDER_CREATED");
    assert_eq!(
        (&first["metadata"], &first["traceId"]),
        (&json!(null), &json!(null))
    );
    assert!(
        second["id"].as_i64() < first["id"].as_i64(),
        "it was stored before"
    );
    let mut second = second.clone();
    second.as_object_mut().unwrap().remove("id");
    assert_eq!(
        second,
        json!({
            "eventId": "saga-1-200-STOCK_RESERVED",
            "step": "STOCK_RESERVED",
            "status": "COMPLETED",
            "producerService": "product-service",
            "traceId": "abc",
            "metadata": {
                "producerService": "product-service",
                "traceId": "abc",
                "itemCount": 3,
                "nested": {"a": [1, null, "주문"]},
            },
            "metadataErasedAt": null,
            "recordedAt": "2025-10-09T08:53:20.200Z",
        })
    );
}

#[tokio::test]
async fn a_thousand_steps_come_at_once_and_the_rest_by_cursor() {
    let api = Api::new().await;
    // Four steps at a time happen at the same moment, so that the ties count.
    let events = (0..1001).map(|index| {
        let mut event = event("saga-1", "ORDER_CREATED", "IN_PROGRESS", index / 4);
        event.0.event_id = format!("evt-{index:04}").parse().unwrap();
        event
    });
    api.record(events).await;
    let path = "/api/v1/sagas/saga-1/steps";
    let first = api.json(path).await;
    assert_eq!(first["steps"].as_array().unwrap().len(), 1000);
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = api.json(&format!("{path}?cursor={cursor}")).await;
    assert_eq!(second["steps"][0]["eventId"], "evt-1000");
    assert_eq!(second["nextCursor"], json!(null));
    let limited = api.json(&format!("{path}?limit=3")).await;
    let cursor = limited["nextCursor"].as_str().unwrap();
    let next = api.json(&format!("{path}?limit=1&cursor={cursor}")).await;
    assert_eq!(next["steps"][0]["eventId"], "evt-0003");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let api = Api::new().await;
    api.record(completed("saga-1", 0)).await;
    let sagas_cursor = {
        api.record(completed("saga-2", 0)).await;
        api.json("/api/v1/sagas?size=1").await["nextCursor"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    for (query, name) in [
        ("limit=0".to_owned(), "limit"),
        ("limit=1001".to_owned(), "limit"),
        ("cursor=x".to_owned(), "cursor"),
        (format!("cursor={sagas_cursor}"), "cursor"),
        ("page=1".to_owned(), "page"),
    ] {
        let details = api.refused(&format!("/api/v1/sagas/saga-1/steps?{query}")).await;
        assert_eq!(details.as_object().unwrap().keys().collect::<Vec<_>>(), [name]);
    }
    let path = "/api/v1/sagas/nobody/steps";
    api.get(path).await.is_error(404, "NOT_FOUND", path);
}
