//! The page of one saga: its first sentence, the waterfall, the events, and two sagas compared.

use reqwest::StatusCode;
use serde_json::json;

use crate::{
    harness::{Api, compensated, completed, event},
    pages::{open, page, text},
};

#[tokio::test]
async fn a_saga_says_in_its_first_sentence_what_is_wrong_and_who_owes_what() {
    let api = Api::new().await;
    api.record([
        event("saga-1", "ORDER_CREATED", "STARTED", 0).with(json!({"producerService": "order-service"})),
        event("saga-1", "STOCK_RESERVED", "COMPLETED", 100)
            .with(json!({"producerService": "product-service"})),
        event("saga-1", "PAYMENT_FAILED", "FAILED", 200)
            .with(json!({"producerService": "payment-service", "failureReason": "CARD_DECLINED"})),
    ])
    .await;
    let page = page(&api, "/sagas/saga-1").await;
    let said = text(&page);
    let exact = "2025-10-09T08:53:20.200Z";
    assert!(
        said.contains("Failed at PAYMENT_FAILED ( CARD_DECLINED ), "),
        "{said}"
    );
    assert!(
        said.contains("Not yet compensated: STOCK_RESERVED, by STOCK_RELEASED from product-service for "),
        "{said}"
    );
    assert!(
        page.contains(&format!(r#"<time datetime="{exact}" title="{exact}">"#)),
        "{page}"
    );
    for step in [
        "ORDER_CREATED done · order-service",
        "STOCK_RESERVATION skipped · product-service",
        "STOCK_RESERVED compensation pending · product-service",
        "PAYMENT_COMPLETED not started · payment-service",
        "PAYMENT_FAILED failed · payment-service",
        "root cause",
    ] {
        assert!(said.contains(step), "{step:?} in {said}");
    }
    assert!(
        said.contains("went into one wait: waiting for STOCK_RELEASED"),
        "{said}"
    );
}

#[tokio::test]
async fn what_was_undone_is_shown_as_undone() {
    let api = Api::new().await;
    api.record(compensated("saga-1", 0)).await;
    let said = text(&page(&api, "/sagas/saga-1").await);
    assert!(
        said.contains("STOCK_RESERVED compensated · product-service"),
        "{said}"
    );
    assert!(!said.contains("compensation pending"), "{said}");
}

#[tokio::test]
async fn an_event_that_came_late_is_marked_and_an_unknown_step_is_explained() {
    let api = Api::new().await;
    api.record([event("saga-1", "ORDER_CONFIRMED", "COMPLETED", 500)])
        .await;
    api.record([event("saga-1", "GIFT_WRAPPED", "IN_PROGRESS", 100)])
        .await;
    let said = text(&page(&api, "/sagas/saga-1").await);
    let (late, on_time) = said.split_once("ORDER_CONFIRMED ✓ Completed").unwrap();
    assert!(late.contains("GIFT_WRAPPED arrived late"), "{said}");
    assert!(!on_time.contains("arrived late"), "{said}");
    assert!(
        said.contains("UNKNOWN_STEP A step is not named by the definition"),
        "{said}"
    );
    assert!(said.contains("GIFT_WRAPPED unexpected"), "{said}");
}

#[tokio::test]
async fn a_saga_of_thousands_of_events_stays_a_page() {
    let api = Api::new().await;
    let events = (0..2_500).map(|place| event("saga-1", "PAYMENT_INITIALIZED", "IN_PROGRESS", place));
    api.record(events).await;
    let page = page(&api, "/sagas/saga-1").await;
    assert!(
        text(&page).contains("1,000 of 2,500 events. Next events Last events"),
        "{}",
        text(&page)
    );
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}

/// An event by a service, in the saga that these tests look at.
fn by(service: &str, step: &str, status: &str, after_ms: i64) -> crate::harness::Event {
    let metadata = json!({"producerService": service, "serviceVersion": "2.8.0", "durationMs": 40});
    event("saga-1", step, status, after_ms).with(metadata)
}

/// A payment that is tried six times, with a wait after it; the order service records the reservation, too.
async fn with_retries() -> Api {
    let api = Api::new().await;
    api.record([
        by("order-service", "ORDER_CREATED", "STARTED", 0),
        by("product-service", "STOCK_RESERVATION", "IN_PROGRESS", 80),
        by("product-service", "STOCK_RESERVED", "COMPLETED", 480),
        by("order-service", "STOCK_RESERVED", "IN_PROGRESS", 583),
    ])
    .await;
    let tries = [900, 1_700, 3_600, 7_800, 15_600, 31_580];
    api.record(tries.map(|after| by("payment-service", "PAYMENT_INITIALIZATION", "IN_PROGRESS", after)))
        .await;
    api.record([
        by("payment-service", "PAYMENT_INITIALIZED", "IN_PROGRESS", 63_500),
        by("payment-service", "PAYMENT_COMPLETED", "COMPLETED", 63_650),
        by("order-service", "ORDER_CONFIRMED", "COMPLETED", 104_650),
    ])
    .await;
    api
}

/// The rows of the waterfall, each as its text.
pub(crate) fn rows(page: &str) -> Vec<String> {
    let table = page.split(r#"<table class="fall-rows"#).nth(1).unwrap();
    let body = table
        .split("<tbody>")
        .nth(1)
        .unwrap()
        .split("</tbody>")
        .next()
        .unwrap();
    body.split("<tr")
        .skip(1)
        .map(|row| text(&format!("<tr{row}")))
        .collect()
}

#[tokio::test]
async fn the_waterfall_says_where_the_time_went() {
    let api = with_retries().await;
    let page = page(&api, "/sagas/saga-1").await;
    let said = text(&page);
    assert!(
        said.contains(
            "1 min 12 s of 1 min 44 s (70 %) went into two waits: ORDER_CONFIRMED 41 s ( order-service ) · \
             PAYMENT_INITIALIZED 31.9 s ( payment-service )"
        ),
        "{said}"
    );
    assert!(said.contains("completed after 1 min 44 s"), "{said}");
    assert!(said.contains("order-service 2.8.0"), "{said}");
    assert_eq!(
        rows(&page),
        [
            "ORDER_CREATED order-service",
            "STOCK_RESERVATION product-service 80 ms",
            "STOCK_RESERVED also recorded by order-service +103 ms product-service 400 ms",
            "PAYMENT_INITIALIZATION ×6 payment-service 30.9 s",
            "PAYMENT_INITIALIZED payment-service 31.9 s",
            "PAYMENT_COMPLETED payment-service 150 ms",
            "ORDER_CONFIRMED order-service 41 s",
        ]
    );
    // A wait from 63.65 s to the end, of 104.65 s.
    assert!(
        page.contains(r#"<path class="wait" d="M608 10H1000"/>"#),
        "{page}"
    );
    assert!(!page.contains(" style=") && !page.contains("<script>"), "{page}");
    let services = open(&api, "/sagas/saga-1?rows=services").await.text;
    assert_eq!(rows(&services).len(), 3);
}

#[tokio::test]
async fn events_are_filtered_folded_and_each_has_an_address() {
    let api = with_retries().await;
    let whole = page(&api, "/sagas/saga-1").await;
    let id = "saga-1-7800-PAYMENT_INITIALIZATI";
    assert!(
        text(&whole).contains("4 more PAYMENT_INITIALIZATION by payment-service"),
        "{whole}"
    );
    assert!(!whole.contains(&format!(r#"id="event-{id}""#)), "{whole}");
    let unfolded = page(&api, "/sagas/saga-1?repeats=shown").await;
    assert!(
        unfolded.contains(&format!(r#"<tr id="event-{id}">"#)),
        "{unfolded}"
    );
    assert!(
        unfolded.contains(&format!(r#"href="/sagas/saga-1?repeats=shown#event-{id}""#)),
        "{unfolded}"
    );
    let filtered = text(&page(&api, "/sagas/saga-1?service=product-service&step=&only=").await);
    assert!(filtered.contains("2 of 13 events match"), "{filtered}");
    let unusual = text(&page(&api, "/sagas/saga-1?only=unusual").await);
    assert!(
        unusual.contains("5 of 13 events match") && unusual.contains("attempt 6"),
        "{unusual}"
    );
    for (query, what) in [
        ("only=odd", "only must be unusual"),
        ("gaps=none", "gaps must be linear or folded"),
        ("rows=1", "rows must be steps or services"),
        ("compare=nobody", "compare there is no saga nobody"),
        ("against=others", "against must be usual"),
        ("lane=1", "lane is not known here"),
    ] {
        let refused = open(&api, &format!("/sagas/saga-1?{query}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(
            text(&refused.text).contains(what),
            "{query}: {}",
            text(&refused.text)
        );
    }
}

#[tokio::test]
async fn two_sagas_stand_beside_each_other() {
    let api = with_retries().await;
    api.record(completed("saga-2", 0)).await;
    let said = text(&page(&api, "/sagas/saga-1?compare=saga-2").await);
    assert!(
        said.contains("This saga 1 min 44 s , the other 1 s . Greatest differences: ORDER_CONFIRMED +40 s"),
        "{said}"
    );
    assert!(
        said.contains("STOCK_RESERVED product-service – 400 ms not recorded"),
        "{said}"
    );
}

#[tokio::test]
async fn of_a_stack_trace_the_first_line_is_in_the_sentence_and_all_of_it_below() {
    let api = Api::new().await;
    let reason = "x.NoFunds: מזומן\n\tat x.Pay.run(Pay.java:42)";
    api.record([event("saga-1", "PAYMENT_FAILED", "FAILED", 0).with(json!({"failureReason": reason}))])
        .await;
    let page = page(&api, "/sagas/saga-1").await;
    let heading = page.split(r#"<h1 class="sentence">"#).nth(1).unwrap();
    let (heading, below) = heading.split_once("</h1>").unwrap();
    assert!(heading.contains("(<bdi>x.NoFunds: מזומן…</bdi>)"), "{heading}");
    assert!(!heading.contains("Pay.java"), "{heading}");
    assert!(
        below.contains("The reason in full") && below.contains("Pay.java:42"),
        "{below}"
    );
}

#[tokio::test]
async fn what_is_long_is_folded_on_a_phone_behind_what_it_comes_to() {
    let api = with_retries().await;
    let short = page(&api, "/sagas/saga-1").await;
    assert_eq!(
        short.matches(r#"<details class="fold" open>"#).count(),
        3,
        "{short}"
    );
    let many = (0..60).map(|place| {
        let step = ["PAYMENT_INITIALIZATION", "PAYMENT_INITIALIZED"][usize::try_from(place % 2).unwrap()];
        event("saga-2", step, "IN_PROGRESS", place * 100)
    });
    api.record(many).await;
    let long = page(&api, "/sagas/saga-2").await;
    assert!(
        text(&long).contains("60 of 60 events in 60 rows"),
        "{}",
        text(&long)
    );
    assert!(
        text(&long).contains("Only the 58 unusual : failed, compensated, repeated"),
        "{}",
        text(&long)
    );
    let events = long.split(r#"aria-labelledby="events""#).nth(1).unwrap();
    assert!(events.contains(r#"<details class="fold">"#), "{events}");
    let asked = page(&api, "/sagas/saga-2?only=unusual").await;
    let events = asked.split(r#"aria-labelledby="events""#).nth(1).unwrap();
    assert!(events.contains(r#"<details class="fold" open>"#), "{events}");
}
