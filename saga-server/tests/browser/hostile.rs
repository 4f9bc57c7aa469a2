//! What no shop should record, and trackers that are not well: each looks right.
use saga_store::PartitionProgress;
use saga_types::Timestamp;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    harness::{Api, Event, event},
    viewports::{DESKTOP, PHONE},
};

/// Checks pages in all viewports, and fails on what is wrong with any.
async fn are_sound(api: &Api, pages: &[(&str, &str)]) -> Browser {
    let browser = Browser::open().await;
    let mut wrong = Vec::new();
    for viewport in DESKTOP.into_iter().chain(PHONE) {
        for (name, path) in pages {
            let address = format!("http://{}{path}", api.address);
            wrong.extend(browser.look_at(&address, name, viewport).await);
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    browser
}

/// An event of which every text is given.
fn with_text(saga_id: &str, text: &str, step: &str, status: &str, after_ms: i64) -> Event {
    let nested: Value = (0..40).fold(json!(text), |inner, _| json!({ text: inner }));
    event(saga_id, step, status, after_ms).of_order(saga_id).with(json!({
        "producerService": text, "traceId": text, "failureReason": text, text: nested, "list": [text, [text, null, 1.5]],
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_texts_were_recorded_stay_in_their_place() {
    const MARKUP: &str = "\"><img src=x onerror=alert(1)><script>alert(1)</script>";
    let api = Api::new().await;
    let long = "LONG-".repeat(20);
    let texts = [
        ("long", long.as_str()),
        ("markup", MARKUP),
        ("korean", "주문-서비스-재고-예약-실패-결제-취소-고객-요청"),
        ("emoji", "🧾👩‍👩‍👧‍👦🏳️‍🌈-заказ-注文"),
        ("rtl", "طلب-١٢٣-\u{202e}evil\u{2066}-הזמנה"),
    ];
    for (_, text) in texts {
        api.record([
            with_text(text, text, "ORDER_CREATED", "STARTED", 0),
            with_text(text, text, "STOCK_RESERVED", "COMPLETED", 900),
            with_text(text, text, "PAYMENT_FAILED", "FAILED", 40_000),
            with_text(
                text,
                text,
                &"VERY_LONG_STEP_".repeat(6)[..89],
                "IN_PROGRESS",
                50_000,
            ),
        ])
        .await;
    }
    let services = (0..200).map(|number| {
        event("crowd", "PAYMENT_INITIALIZED", "IN_PROGRESS", number)
            .with(json!({"producerService": format!("service-number-{number}-of-a-company-that-has-many")}))
    });
    api.record(services).await;
    let encoded = |text: &str| {
        text.bytes()
            .map(|byte| format!("%{byte:02x}"))
            .collect::<String>()
    };
    let paths: Vec<(String, String)> = texts
        .iter()
        .map(|(name, text)| (format!("hostile-{name}"), format!("/sagas/{}", encoded(text))))
        .chain(
            [
                ("hostile-list", "/sagas"),
                ("hostile-overview", "/"),
                ("hostile-crowd", "/sagas/crowd"),
            ]
            .map(|(name, path)| (name.to_owned(), path.to_owned())),
        )
        .chain([(
            "hostile-filter".to_owned(),
            format!("/sagas?orderId={}", encoded(&long)),
        )])
        .collect();
    let pages: Vec<(&str, &str)> = paths
        .iter()
        .map(|(name, path)| (name.as_str(), path.as_str()))
        .collect();
    let browser = are_sound(&api, &pages).await;
    // No text of an event becomes an element.
    browser
        .goto(&format!("http://{}{}", api.address, paths[1].1))
        .await;
    assert!(!browser.has("img, main script").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_of_very_many_events_can_be_read() {
    const EVENTS: i64 = 100_000;
    let api = Api::new().await;
    for begin in (0..EVENTS).step_by(10_000) {
        let events = (begin..begin + 10_000).map(|number| {
            event("loop", "PAYMENT_INITIALIZED", "IN_PROGRESS", number * 20)
                .with(json!({"producerService": "payment-service", "retryCount": number}))
        });
        api.record(events).await;
    }
    let browser = are_sound(&api, &[("many-events", "/sagas/loop")]).await;
    browser.goto(&format!("http://{}/sagas/loop", api.address)).await;
    browser.shows("1,000 of 100,000 events").await;
    browser.shows("998 more PAYMENT_INITIALIZED").await;
    let last = browser.find("nav.pages a:last-child").await;
    last.click().await.unwrap();
    browser.shows("retryCount 99999").await;
    assert!(browser.text().await.contains("First events"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_tracker_says_what_would_appear() {
    let api = Api::new().await;
    are_sound(
        &api,
        &[
            ("empty-overview", "/"),
            ("empty-sagas", "/sagas"),
            ("empty-dead-letters", "/dead-letters"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tracker_that_lags_says_so_on_every_page() {
    let api = Api::new().await;
    api.record([event("saga-1", "ORDER_CREATED", "STARTED", 0)]).await;
    let ago = Timestamp::from_millis(Timestamp::now().as_millis() - 40_000).unwrap();
    api.progress.load(vec![PartitionProgress {
        partition: 0,
        events_behind: 12_400,
        as_of: Some(ago),
        // However long looking takes.
        observed_at: Timestamp::MAX,
    }]);
    let browser = are_sound(
        &api,
        &[("lagging-sagas", "/sagas"), ("lagging-nobody", "/sagas/nobody")],
    )
    .await;
    browser.goto(&format!("http://{}/sagas", api.address)).await;
    browser.shows("12,400 events behind, about").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_say_what_to_do_while_the_database_is_unavailable() {
    let api = Api::without_database().await;
    let browser = are_sound(
        &api,
        &[
            ("away-overview", "/"),
            ("away-saga", "/sagas/saga-1"),
            ("away-dead-letters", "/dead-letters"),
        ],
    )
    .await;
    browser.goto(&format!("http://{}/sagas", api.address)).await;
    browser.shows("No event is lost").await;
}
