//! The pages, as a browser gets them. What they look like is seen in a browser.

use reqwest::{Method, StatusCode};
use saga_web::{Environment, PagesConfig};
use serde_json::json;

use crate::harness::{Answer, Api, completed, event, failed};

/// As a browser asks.
pub(crate) async fn open(api: &Api, path: &str) -> Answer {
    let headers = [("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")];
    let answer = api.request(Method::GET, path, &headers).await;
    if answer.status != StatusCode::SEE_OTHER {
        assert_eq!(
            answer.header("content-type"),
            "text/html; charset=utf-8",
            "{path}"
        );
    }
    answer
}

pub(crate) async fn page(api: &Api, path: &str) -> String {
    let answer = open(api, path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    answer.text
}

/// The text of a page, without its tags.
pub(crate) fn text(page: &str) -> String {
    let mut text = String::new();
    let mut is_tag = false;
    for character in page.chars() {
        match character {
            '<' => {
                is_tag = true;
                text.push(' ');
            }
            '>' => is_tag = false,
            character if !is_tag => text.push(character),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_list_says_of_each_saga_what_is_needed_now() {
    let api = Api::new().await;
    api.record(completed("saga-a", 0)).await;
    api.record(failed("saga-b", 10)).await;
    api.record([
        event("saga-c", "STOCK_RESERVED", "COMPLETED", 20),
        event("saga-c", "PAYMENT_FAILED", "FAILED", 30).with(json!({"failureReason": "CARD_DECLINED"})),
    ])
    .await;
    api.record([event("saga-d", "ORDER_CREATED", "STARTED", 40)])
        .await;
    let list = text(&page(&api, "/sagas").await);
    for said in [
        "4 sagas",
        "1 s",
        "failed at STOCK_RESERVATION_FAILED ( OUT_OF_STOCK )",
        "failed at PAYMENT_FAILED ( CARD_DECLINED )",
        "Compensation pending: STOCK_RESERVED (product-service)",
        "waiting for STOCK_RESERVATION from product-service",
        "overdue by",
    ] {
        assert!(list.contains(said), "{said:?} in {list}");
    }
}

#[tokio::test]
async fn a_list_is_a_message_with_its_first_sagas_and_its_address() {
    let api = Api::new().await;
    for number in 0..7 {
        api.record(failed(&format!("saga-{number}"), number)).await;
    }
    let list = page(&api, "/sagas?status=FAILED&sagaType=ORDER_CREATION").await;
    let (_, rest) = list.split_once("aria-label=\"For chat\"").unwrap();
    let message = rest
        .split_once('>')
        .unwrap()
        .1
        .split_once("</textarea>")
        .unwrap()
        .0;
    let lines: Vec<&str> = message.lines().collect();
    assert!(lines[0].starts_with("7 sagas: "), "{message}");
    assert!(
        lines[1].starts_with("ORD-saga-6: Failed at STOCK_RESERVATION_FAILED"),
        "{message}"
    );
    assert_eq!((lines.len(), lines[6]), (8, "…"), "{message}");
    let address = format!(
        "http://{}/sagas?sagaType=ORDER_CREATION&#38;status=FAILED",
        api.address
    );
    assert_eq!(lines[7], address);
}

#[tokio::test]
async fn the_list_takes_the_filters_of_rest_and_shows_each_with_a_way_to_remove_it() {
    let api = Api::new().await;
    api.record(completed("saga-a", 0)).await;
    api.record(failed("saga-b", 10)).await;
    let list = page(&api, "/sagas?status=FAILED&orderId=ORD-saga-b").await;
    assert!(
        list.contains("/sagas/saga-b") && !list.contains("/sagas/saga-a"),
        "{list}"
    );
    assert!(list.contains(r#"href="/sagas?orderId=ORD-saga-b""#), "{list}");
    // Without script a browser sends the empty fields, too.
    let sent = page(
        &api,
        "/sagas?orderId=ORD-saga-b&sagaType=&status=&step=&fromDate=",
    )
    .await;
    assert!(
        sent.contains("/sagas/saga-b") && !sent.contains("/sagas/saga-a"),
        "{sent}"
    );
    let refused = open(&api, "/sagas?status=LOST").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(
        text(&refused.text).contains("status must be one of STARTED"),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn a_long_list_goes_on_by_cursor_and_keeps_its_filters() {
    let api = Api::new().await;
    for place in 0..5 {
        api.record(completed(&format!("saga-{place}"), place)).await;
    }
    let first = page(&api, "/sagas?sagaType=ORDER_CREATION&size=3").await;
    let next = first.split(r#"rel="next" href=""#).nth(1).unwrap();
    let next = next.split('"').next().unwrap().replace("&#38;", "&");
    assert!(
        next.contains("sagaType=ORDER_CREATION") && next.contains("size=3"),
        "{next}"
    );
    let second = page(&api, &next).await;
    assert!(
        second.contains("/sagas/saga-0") && second.contains("/sagas/saga-1"),
        "{second}"
    );
    assert!(!second.contains("/sagas/saga-2"), "{second}");
}

#[tokio::test]
async fn nothing_that_was_recorded_can_become_markup() {
    let api = Api::new().await;
    let hostile = r#""><script>alert(1)</script>/&?#"#;
    api.record([
        event(hostile, "ORDER_CREATED", "STARTED", 0)
            .of_order(hostile)
            .with(json!({"producerService": hostile, "traceId": hostile, hostile: {"deep": hostile}})),
        event(hostile, "PAYMENT_FAILED", "FAILED", 90)
            .with(json!({"producerService": "주문 \u{1f600} \u{202e}dlrow", "failureReason": hostile})),
    ])
    .await;
    let list = page(&api, "/sagas").await;
    let path = list
        .split(r#"<a class="id" href=""#)
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    for page in [page(&api, path).await, page(&api, "/").await, list.clone()] {
        assert!(
            !page.contains("<script>") && !page.contains("alert(1)</script"),
            "{page}"
        );
        assert!(!page.contains(" style=") && !page.contains(" onclick="), "{page}");
    }
}

#[tokio::test]
async fn a_page_takes_nothing_from_elsewhere_and_cannot_be_framed() {
    let api = Api::new().await;
    let answer = open(&api, "/").await;
    let policy = answer.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    assert!(
        !answer.text.contains("//"),
        "no address of elsewhere: {}",
        answer.text
    );
    let style = answer
        .text
        .split(r#"rel="stylesheet" href=""#)
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let style = api.get(style).await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(style.header("cache-control").contains("immutable"));
    assert_eq!(api.get("/assets/other.css").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_empty_tracker_says_how_a_saga_appears() {
    let api = Api::new().await;
    for path in ["/", "/sagas"] {
        assert!(page(&api, path).await.contains("saga_sdk::connect"), "{path}");
    }
    assert!(text(&page(&api, "/sagas?orderId=nobody").await).contains("No saga matches"));
}

#[tokio::test]
async fn the_overview_names_what_needs_action_first() {
    let api = Api::new().await;
    api.record(completed("saga-a", 0)).await;
    assert!(text(&page(&api, "/").await).contains("All clear: nothing overdue"));
    api.record([event("saga-b", "ORDER_CREATED", "STARTED", 0)]).await;
    let overview = text(&page(&api, "/").await);
    for said in [
        "Needs action 1",
        "1 product-service Overdue STOCK_RESERVATION ORDER_CREATION",
        "product-service: 1 ORDER_CREATION saga waits for STOCK_RESERVATION, overdue by",
        "Orders: ORD-saga-b.",
    ] {
        assert!(overview.contains(said), "{said:?} in {overview}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_a_page_for_people_and_json_for_programs() {
    let api = Api::new().await;
    let answer = open(&api, "/sagas/nobody").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(
        text(&answer.text).contains(r#"there is no saga"#),
        "{}",
        answer.text
    );
    assert_eq!(open(&api, "/nowhere").await.status, StatusCode::NOT_FOUND);
    let headers = [("accept", "text/html")];
    let answer = api.request(Method::GET, "/api/v1/sagas/nobody", &headers).await;
    answer.is_error(404, "NOT_FOUND", "/api/v1/sagas/nobody");
}

#[tokio::test]
async fn the_search_box_goes_straight_to_a_saga_by_any_id() {
    let api = Api::new().await;
    api.record([event("saga 1/2", "ORDER_CREATED", "STARTED", 0)
        .of_order("ORD 7")
        .with(json!({"traceId": "4bf92f35"}))])
        .await;
    api.record([event("twin-1", "ORDER_CREATED", "STARTED", 0).of_order("ORD-T")])
        .await;
    api.record([event("twin-2", "ORDER_CREATED", "STARTED", 0).of_order("ORD-T")])
        .await;
    for asked in ["saga+1%2F2", "+ORD+7", "4bf92f35"] {
        let found = page(&api, &format!("/search?q={asked}")).await;
        assert!(text(&found).contains("At ORDER_CREATED"), "{asked}: {found}");
    }
    let both = page(&api, "/search?q=ORD-T").await;
    assert!(
        both.contains("/sagas/twin-1") && both.contains("/sagas/twin-2"),
        "{both}"
    );
    assert!(text(&page(&api, "/search?q=nobody").await).contains("Nothing found"));
}

#[tokio::test]
async fn pages_need_a_known_caller_where_tokens_are_configured() {
    let api = Api::with_tokens().await;
    for path in ["/", "/sagas", "/sagas/saga-1", "/search?q=x"] {
        let answer = open(&api, path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        let headers = [("accept", "text/html"), ("authorization", "Bearer board's")];
        let answer = api.request(Method::GET, path, &headers).await;
        assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn pages_are_compressed_for_those_who_take_them_so_and_streams_are_not() {
    let api = Api::new().await;
    api.record(completed("saga-a", 0)).await;
    let plain = open(&api, "/sagas").await;
    assert_eq!(
        (plain.header("content-encoding"), plain.header("vary")),
        ("", "accept-encoding")
    );
    let get = |path| api.client.get(format!("http://{}{path}", api.address));
    let small = get("/sagas")
        .header("accept-encoding", "br, gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(small.headers()["content-encoding"], "gzip");
    let length = small.bytes().await.unwrap().len();
    assert!(length * 2 < plain.text.len(), "{length} of {}", plain.text.len());
    let stream = get("/api/v1/sagas/stream")
        .header("accept-encoding", "gzip")
        .send()
        .await
        .unwrap();
    assert!(
        !stream.headers().contains_key("content-encoding"),
        "{:?}",
        stream.headers()
    );
}

#[tokio::test]
async fn a_page_leads_to_the_same_address_in_other_environments() {
    let environment = |name: &str, url: &str| Environment {
        name: name.to_owned(),
        url: url.to_owned(),
    };
    let api = Api::with_pages(PagesConfig {
        environments: vec![
            environment("production", "https://saga.example"),
            environment("staging", "https://staging.example/saga"),
        ],
        environment: Some("production".to_owned()),
        ..PagesConfig::default()
    })
    .await;
    let list = page(&api, "/sagas?status=FAILED&orderId=a%20b").await;
    assert!(
        list.contains(r#"href="https://staging.example/saga/sagas?status=FAILED&#38;orderId=a%20b""#),
        "{list}"
    );
    assert!(!list.contains("https://saga.example"), "{list}");
    // A page of an error, too.
    let missing = open(&api, "/sagas/nobody").await;
    assert!(
        missing
            .text
            .contains(r#"href="https://staging.example/saga/sagas/nobody""#),
        "{}",
        missing.text
    );
    let alone = page(&Api::new().await, "/sagas").await;
    assert!(!alone.contains("environments"), "{alone}");
}
