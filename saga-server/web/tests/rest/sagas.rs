//! `GET /api/v1/sagas`.

use serde_json::{Value, json};

use crate::harness::{Api, Event, compensated, completed, event, failed};

const SAGAS: &str = "/api/v1/sagas";

/// Sagas s00, s01, … that start a second apart.
fn started(count: i64) -> Vec<Event> {
    (0..count)
        .map(|index| event(&format!("s{index:02}"), "ORDER_CREATED", "STARTED", index * 1000))
        .collect()
}

#[tokio::test]
async fn nothing_recorded_is_an_empty_page() {
    let api = Api::new().await;
    assert_eq!(
        api.json_alone(SAGAS).await,
        json!({
            "content": [],
            "page": {"number": 0, "size": 20, "totalElements": 0, "totalPages": 0, "totalIsExact": true},
            "nextCursor": null,
        })
    );
}

/// Nobody takes care of it.
fn with_nobody(mut saga: Value) -> Value {
    saga["acknowledgement"] = Value::Null;
    saga
}

#[tokio::test]
async fn an_entry_has_the_same_fields_as_the_detail() {
    let api = Api::new().await;
    api.record(failed("saga-1", 0)).await;
    let page = api.json(SAGAS).await;
    assert_eq!(
        page["content"],
        json!([with_nobody(api.json_alone("/api/v1/sagas/saga-1").await)])
    );
}

#[tokio::test]
async fn an_entry_is_bounded_whatever_the_events_hold_and_the_detail_has_all() {
    let api = Api::new().await;
    let events: Vec<Event> = (0..60)
        .map(|number| {
            event("saga-1", "PAYMENT_FAILED", "FAILED", number).with(json!({
                "producerService": format!("service-{number:02}"), "failureReason": "x".repeat(30_000),
            }))
        })
        .collect();
    api.record(events).await;
    let page = api.json(SAGAS).await;
    let entry = &page["content"][0];
    assert_eq!(entry["services"].as_array().unwrap().len(), 50);
    assert_eq!(entry["failureReason"], format!("{}…", "x".repeat(500)));
    assert!(page.to_string().len() < 10_000);
    let detail = api.json("/api/v1/sagas/saga-1").await;
    assert_eq!(detail["services"].as_array().unwrap().len(), 60);
    assert_eq!(detail["failureReason"], "x".repeat(30_000));
}

#[tokio::test]
async fn pages_go_on_until_the_end() {
    let api = Api::new().await;
    api.record(started(25)).await;
    let first = api.json(SAGAS).await;
    assert_eq!(first["content"][0]["sagaId"], "s24", "the newest first");
    assert_eq!(
        first["page"],
        json!({"number": 0, "size": 20, "totalElements": 25, "totalPages": 2, "totalIsExact": true})
    );
    assert_eq!(
        api.ids("/api/v1/sagas?page=1").await,
        ["s04", "s03", "s02", "s01", "s00"]
    );
    assert_eq!(
        api.ids("/api/v1/sagas?page=3&size=6").await,
        ["s06", "s05", "s04", "s03", "s02", "s01"]
    );
    for beyond in ["2", "1000", "9007199254740991"] {
        let page = api.json(&format!("{SAGAS}?page={beyond}")).await;
        assert_eq!(
            (&page["content"], &page["nextCursor"]),
            (&json!([]), &json!(null))
        );
        assert_eq!(page["page"]["totalElements"], 25);
    }
    let details = api.refused(&format!("{SAGAS}?page=9007199254740992")).await;
    assert!(
        details["page"].is_string(),
        "not all readers of JSON keep it: {details}"
    );
}

#[tokio::test]
async fn a_cursor_reaches_every_saga_once_in_every_order() {
    let api = Api::new().await;
    // Three sagas at a time start and end at the same moment, so that the ties count.
    let events = (0..23).map(|index| {
        event(
            &format!("s{index:02}"),
            "ORDER_CREATED",
            "STARTED",
            index / 3 * 1000,
        )
    });
    api.record(events).await;
    for sort in [
        "startedAt,asc",
        "startedAt,desc",
        "updatedAt,asc",
        "updatedAt,desc",
    ] {
        let all = api.ids(&format!("{SAGAS}?size=100&sort={sort}")).await;
        assert_eq!(all.len(), 23);
        let mut seen = Vec::new();
        let mut path = format!("{SAGAS}?size=4&sort={sort}");
        for number in 0.. {
            let page = api.json(&path).await;
            assert_eq!(page["page"]["number"], number);
            seen.extend(
                page["content"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|saga| saga["sagaId"].as_str().unwrap().to_owned()),
            );
            let Some(cursor) = page["nextCursor"].as_str() else {
                break;
            };
            path = format!("{SAGAS}?size=4&cursor={cursor}");
        }
        assert_eq!(seen, all, "{sort}");
    }
}

#[tokio::test]
async fn a_cursor_that_does_not_fit_is_refused_by_name() {
    let api = Api::new().await;
    api.record(started(3)).await;
    let cursor = api.json("/api/v1/sagas?size=1&sort=updatedAt,asc").await["nextCursor"]
        .as_str()
        .unwrap()
        .to_owned();
    for query in [
        "cursor=nonsense".to_owned(),
        "cursor=".to_owned(),
        format!("cursor={cursor}x"),
        format!("cursor={cursor}&sort=startedAt,asc"),
        format!("cursor={cursor}&page=1"),
    ] {
        let details = api.refused(&format!("{SAGAS}?{query}")).await;
        assert!(details["cursor"].is_string(), "{query}: {details}");
    }
    assert_eq!(
        api.ids(&format!("{SAGAS}?cursor={cursor}&sort=updatedAt,asc"))
            .await,
        ["s01", "s02"]
    );
}

#[tokio::test]
async fn a_cursor_that_somebody_made_up_does_no_harm() {
    let api = Api::new().await;
    api.record(started(3)).await;
    // ["sagas1","startedAt,asc",0,"s",18446744073709551615]: before all sagas, at the end of all numbers.
    let cursor = "WyJzYWdhczEiLCJzdGFydGVkQXQsYXNjIiwwLCJzIiwxODQ0Njc0NDA3MzcwOTU1MTYxNV0";
    assert_eq!(api.ids(&format!("{SAGAS}?size=1&cursor={cursor}")).await, ["s00"]);
}

#[tokio::test]
async fn each_filter_finds_its_sagas_and_no_others() {
    let api = Api::new().await;
    let odd = event("odd", "SOMETHING_NEW", "STARTED", 0)
        .of_order("ORD-2")
        .with(json!({"traceId": "abc", "n": 7}));
    let odd_again = event("odd", "ORDER_CREATED", "IN_PROGRESS", 1).of_order("ORD-3");
    let payment = event("payment", "PAYMENT_INITIALIZATION", "STARTED", 60_000).of_type("PAYMENT_COMPLETION");
    api.record(completed("done", 0)).await;
    api.record(failed("failed", 1000)).await;
    api.record(compensated("undone", 2000)).await;
    api.record([odd, odd_again, payment]).await;
    for (query, expected) in [
        ("orderId=ORD-done", vec!["done"]),
        ("orderId=ORD-3", vec!["odd"]),
        ("orderId=ORD", vec![]),
        ("sagaType=PAYMENT_COMPLETION", vec!["payment"]),
        ("sagaType=NEVER_SEEN", vec![]),
        ("status=COMPENSATED", vec!["undone"]),
        ("status=FAILED&sagaType=ORDER_CREATION", vec!["failed"]),
        ("step=STOCK_RELEASED", vec!["undone"]),
        ("producerService=product-service", vec!["failed"]),
        ("traceId=abc", vec!["odd"]),
        ("failureReason=OUT_OF_STOCK", vec!["failed"]),
        ("metadata.n=7", vec!["odd"]),
        ("metadata.n=7&metadata.traceId=abc", vec!["odd"]),
        ("metadata.n=8", vec![]),
        ("anomaly=UNKNOWN_STEP", vec!["odd"]),
        ("anomaly=ORDER_ID_MISMATCH", vec!["odd"]),
        ("stuck=true&sagaType=PAYMENT_COMPLETION", vec!["payment"]),
        ("stuck=false", vec!["undone", "failed", "done"]),
        ("fromDate=2025-10-09T08:54:00Z", vec!["payment"]),
        ("toDate=2025-10-09T08:53:20.000Z&status=COMPLETED", vec!["done"]),
        (
            "fromDate=2025-10-09&toDate=2025-10-09&status=FAILED",
            vec!["failed"],
        ),
        ("toDate=2025-10-08", vec![]),
        ("minDuration=1s", vec!["undone", "done"]),
        ("minDuration=600&maxDuration=2000ms", vec!["done"]),
        ("maxDuration=500", vec!["failed"]),
        ("sort=duration,desc", vec!["undone", "done", "failed"]),
        ("sort=duration&maxDuration=1s", vec!["failed", "done"]),
        ("fromDate=2025-10-10", vec![]),
    ] {
        assert_eq!(api.ids(&format!("{SAGAS}?{query}")).await, expected, "{query}");
    }
}

#[tokio::test]
async fn bad_parameters_are_named_all_at_once() {
    let api = Api::new().await;
    for (query, name) in [
        ("size=0", "size"),
        ("size=101", "size"),
        ("size=ten", "size"),
        ("size=-1", "size"),
        ("page=-1", "page"),
        ("page=1.5", "page"),
        ("status=DONE", "status"),
        ("status=failed", "status"),
        ("status=", "status"),
        ("status=FAILED&status=STARTED", "status"),
        ("sagaType=", "sagaType"),
        ("orderId=%00", "orderId"),
        ("metadata.k=%00", "metadata.k"),
        ("metadata.=1", "metadata."),
        (
            "metadata.a=1&metadata.b=1&metadata.c=1&metadata.d=1&metadata.e=1&metadata.f=1&metadata.g=1&serviceVersion=1&metadata.z=1",
            "metadata.z",
        ),
        ("traceId=%ff", "traceId"),
        ("traceId=%zz", "traceId"),
        ("traceId=%", "traceId"),
        ("anomaly=ODD", "anomaly"),
        ("stuck=maybe", "stuck"),
        ("sort=sagaId,asc", "sort"),
        ("minDuration=long", "minDuration"),
        ("maxDuration=-1", "maxDuration"),
        ("minDuration=2s&maxDuration=1s", "minDuration"),
        ("serviceVersion=1&metadata.serviceVersion=2", "serviceVersion"),
        ("sort=startedAt,down", "sort"),
        ("fromDate=yesterday", "fromDate"),
        ("toDate=2025-02-30", "toDate"),
        ("fromDate=2025-10-10&toDate=2025-10-09", "fromDate"),
        ("limit=10", "limit"),
    ] {
        let details = api.refused(&format!("{SAGAS}?{query}")).await;
        assert_eq!(
            details.as_object().unwrap().keys().collect::<Vec<_>>(),
            [name],
            "{query}"
        );
    }
    let details = api.refused("/api/v1/sagas?size=0&status=DONE&colour=red").await;
    assert_eq!(
        details.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["colour", "size", "status"]
    );
}

#[tokio::test]
async fn beyond_10_000_the_total_says_that_there_are_more() {
    let api = Api::new().await;
    let events = (0..10_001).map(|index| event(&format!("s{index:05}"), "ORDER_CREATED", "STARTED", index));
    api.record(events).await;
    let page = api.json("/api/v1/sagas?size=100&page=100").await;
    assert_eq!(
        page["page"],
        json!({"number": 100, "size": 100, "totalElements": 10_000, "totalPages": 100, "totalIsExact": false})
    );
    assert_eq!(page["content"][0]["sagaId"], "s00000");
    let details = api.refused("/api/v1/sagas?size=100&page=101").await;
    assert!(
        details["page"].as_str().unwrap().contains("nextCursor"),
        "{details}"
    );
}

#[tokio::test]
async fn what_is_due_longest_comes_first_page_by_page() {
    let api = Api::new().await;
    api.record(completed("done", 0)).await;
    // The clock of these events is long past every limit.
    for (place, saga_id) in ["b", "a", "c"].into_iter().enumerate() {
        let after = i64::try_from(place).unwrap() * 1000;
        api.record([event(saga_id, "ORDER_CREATED", "STARTED", after)])
            .await;
        let owing = format!("owing-{saga_id}");
        api.record([
            event(&owing, "STOCK_RESERVED", "COMPLETED", 5000),
            event(&owing, "PAYMENT_FAILED", "FAILED", 9000 - after),
        ])
        .await;
    }
    for (query, expected) in [
        ("stuck=true&sort=due", ["b", "a", "c"]),
        ("stuck=true&sort=due,desc", ["c", "a", "b"]),
        ("ended=false&sort=due", ["b", "a", "c"]),
        ("owing=true&sort=due,asc", ["owing-c", "owing-a", "owing-b"]),
    ] {
        let path = format!("{SAGAS}?{query}&size=2");
        let first = api.json(&path).await;
        let cursor = first["nextCursor"].as_str().unwrap();
        let mut ids = api.ids(&path).await;
        ids.extend(api.ids(&format!("{path}&cursor={cursor}")).await);
        assert_eq!(ids, expected, "{query}");
        assert_eq!(first["page"]["totalElements"], 3, "{query}");
    }
}

#[tokio::test]
async fn sagas_are_found_by_whether_they_have_ended_and_where_they_failed() {
    let api = Api::new().await;
    api.record(completed("done", 0)).await;
    api.record(failed("failed", 1000)).await;
    api.record(compensated("undone", 2000)).await;
    api.record(started(1)).await;
    for (query, expected) in [
        ("ended=false", vec!["s00"]),
        ("ended=true", vec!["undone", "failed", "done"]),
        ("ended=true&status=STARTED", vec![]),
        ("failedStep=PAYMENT_FAILED", vec!["undone"]),
        ("owing=true", vec![]),
        ("owing=false&status=FAILED", vec!["failed"]),
    ] {
        assert_eq!(api.ids(&format!("{SAGAS}?{query}")).await, expected, "{query}");
    }
    for (query, parameter) in [
        ("ended=maybe", "ended"),
        ("owing=1", "owing"),
        ("sort=late", "sort"),
    ] {
        let details = api.refused(&format!("{SAGAS}?{query}")).await;
        assert!(details[parameter].is_string(), "{query}: {details}");
    }
}
