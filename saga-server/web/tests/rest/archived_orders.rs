//! The list of an order has its sagas of the archive beside it.

use reqwest::Method;
use saga_web::auth::Access;
use serde_json::{Value, json};

use crate::{
    archived::{Archived, bound},
    harness::{Api, Event, completed, event, failed},
};

fn ids(sagas: &Value) -> Vec<&str> {
    let sagas = sagas.as_array().unwrap().iter();
    sagas.map(|saga| saga["sagaId"].as_str().unwrap()).collect()
}

/// Of one order, one failed and one completed saga in the archive and one in the database.
async fn of_one_order() -> Archived {
    let of_order = |events: Vec<Event>| events.into_iter().map(|event| event.of_order("ORD-1"));
    let archived = Archived::of(of_order(failed("saga-1", 0))).await;
    archived.api.record(of_order(completed("saga-2", 5_000))).await;
    archived.archive().await;
    archived.api.record(of_order(completed("saga-3", 9_000))).await;
    archived
}

#[tokio::test]
async fn the_sagas_of_an_order_are_found_wherever_they_are() {
    let archived = of_one_order().await;
    let path = "/api/v1/sagas?orderId=ORD-1";
    let found = archived.api.json(path).await;
    assert_eq!(ids(&found["content"]), ["saga-3"], "{found}");
    assert_eq!(found["page"]["totalElements"], 1, "{found}");
    assert_eq!(
        ids(&found["archived"]["content"]),
        ["saga-2", "saga-1"],
        "{found}"
    );
    assert_eq!(found["archived"]["foundIsExact"], true, "{found}");
    for (filter, expected, is_exact) in [
        ("status=FAILED", vec!["saga-1"], true),
        ("failed=false", vec!["saga-2"], true),
        ("sagaType=REFUND", vec![], true),
        ("fromDate=2025-10-09T08:53:24Z", vec!["saga-2"], true),
        ("sort=duration,asc", vec!["saga-2", "saga-1"], true),
        // The archive is not searched by them.
        ("step=STOCK_RESERVED", vec![], false),
        ("metadata.customerId=C-17", vec![], false),
    ] {
        let found = archived.api.json(&format!("{path}&{filter}")).await;
        let of_archive = &found["archived"];
        assert_eq!(ids(&of_archive["content"]), expected, "{filter}: {found}");
        assert_eq!(of_archive["foundIsExact"], is_exact, "{filter}: {found}");
    }
    for other in [
        "/api/v1/sagas?orderId=ORD-1&page=1",
        "/api/v1/sagas?sagaType=ORDER_CREATION",
    ] {
        assert_eq!(archived.api.json(other).await["archived"], Value::Null, "{other}");
    }
    let nobody = archived.api.json("/api/v1/sagas?orderId=nobody").await;
    assert_eq!(nobody["archived"], json!({"content": [], "foundIsExact": true}));
}

#[tokio::test]
async fn the_page_of_the_list_shows_them_and_says_what_it_does_not_list() {
    let archived = of_one_order().await;
    let page = archived.page("/sagas?orderId=ORD-1").await.text;
    for text in [
        r#"id="archived""#,
        "/sagas/saga-1\"",
        "/sagas/saga-2\"",
        "/sagas/saga-3\"",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let all = archived.page("/sagas").await.text;
    assert!(all.contains("Sagas of the archive are not listed"), "{all}");
    // Only in the archive.
    let failed = archived.page("/sagas?orderId=ORD-1&status=FAILED").await.text;
    assert!(
        !failed.contains("No saga matches") && failed.contains("/sagas/saga-1\""),
        "{failed}"
    );
    let filtered = archived.page("/sagas?orderId=ORD-1&step=NOTHING").await.text;
    assert!(
        filtered.contains("is not searched by these filters"),
        "{filtered}"
    );
}

#[tokio::test]
async fn what_the_caller_may_not_see_is_not_among_them() {
    let access = Access::Tokens(vec![
        bound("orders", "ORDER_CREATION"),
        bound("refunds", "REFUND"),
    ]);
    let archived = Archived::new(access, &[]).await;
    archived.api.record(failed("saga-1", 0)).await;
    archived.archive().await;
    for (caller, expected) in [("orders", vec!["saga-1"]), ("refunds", vec![])] {
        let bearer = format!("Bearer {caller}");
        let headers = [("authorization", bearer.as_str())];
        let path = "/api/v1/sagas?orderId=ORD-saga-1";
        let found = archived.api.request(Method::GET, path, &headers).await.json();
        assert_eq!(ids(&found["archived"]["content"]), expected, "{found}");
        assert_eq!(found["archived"]["foundIsExact"], true, "{found}");
    }
}

#[tokio::test]
async fn an_archive_that_is_away_leaves_the_list_and_is_not_said_to_have_none() {
    let archived = of_one_order().await;
    std::fs::remove_dir_all(archived.path()).unwrap();
    std::fs::write(archived.path(), "in the way").unwrap();
    let found = archived.api.json("/api/v1/sagas?orderId=ORD-1").await;
    assert_eq!(ids(&found["content"]), ["saga-3"], "{found}");
    assert_eq!(found["archived"], json!({"content": [], "foundIsExact": false}));
}

#[tokio::test]
async fn the_flow_says_how_many_sagas_it_is_without() {
    let archived = Archived::of(failed("saga-1", 0)).await;
    archived.archive().await;
    let flow = "/flow?fromDate=2025-10-09T08:00:00Z&toDate=2025-10-09T10:00:00Z";
    let page = archived.page(flow).await.text;
    assert!(
        page.contains("No saga of this type and period is in the database")
            && page.contains("1 that started in this period left it for the archive"),
        "{page}"
    );
    archived.api.record(completed("saga-2", 5_000)).await;
    let page = archived.page(flow).await.text;
    assert!(
        page.contains("Without 1 that left the database for the archive."),
        "{page}"
    );
}

#[tokio::test]
async fn without_an_archive_there_is_nothing_beside_the_list() {
    let api = Api::new().await;
    api.record([event("saga-1", "ORDER_CREATED", "STARTED", 0)]).await;
    let found = api.json("/api/v1/sagas?orderId=ORD-saga-1").await;
    assert_eq!(found["archived"], Value::Null, "{found}");
}
