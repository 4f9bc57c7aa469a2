//! Every page, with every viewport.

use serde_json::json;

use crate::{
    browser::Browser,
    shop::Shop,
    viewports::{DESKTOP, OTHERS, PHONE, Viewport},
};

/// All pages that are checked: the names of their screenshots, and their addresses. See `shop` for the sagas.
const PAGES: &[(&str, &str)] = &[
    ("overview", "/"),
    ("overview-hour", "/?period=1h"),
    ("overview-month", "/?period=30d"),
    ("sagas", "/sagas"),
    ("sagas-in-flight", "/sagas?ended=false"),
    ("sagas-overdue", "/sagas?sort=due&stuck=true"),
    ("sagas-owing", "/sagas?owing=true&sort=due"),
    (
        "sagas-filtered",
        "/sagas?failedStep=PAYMENT_FAILED&failureReason=CARD_DECLINED&fromDate=2026-01-01",
    ),
    ("sagas-failed", "/sagas?status=FAILED&sagaType=ORDER_CREATION"),
    ("sagas-none", "/sagas?orderId=nobody"),
    ("sagas-of-an-hour", "/sagas?period=1h"),
    ("flow", "/flow"),
    (
        "flow-transition",
        "/flow?type=ORDER_CREATION&period=24h&from=PAYMENT_INITIALIZED&to=PAYMENT_FAILED",
    ),
    ("flow-slowest", "/flow?sort=slowest"),
    ("flow-step", "/flow?step=PAYMENT_FAILED"),
    ("flow-map", "/flow?view=map&least=0"),
    ("flow-map-large", "/flow?view=map&zoom=150"),
    ("flow-none", "/flow?type=REFUND"),
    ("saga-completed", "/sagas/order-completed"),
    ("saga-owing", "/sagas/order-owing"),
    ("saga-compensated", "/sagas/order-compensated"),
    ("saga-overdue", "/sagas/order-overdue"),
    ("saga-odd", "/sagas/order-odd"),
    ("saga-unknown", "/sagas/nobody"),
    ("dead-letters", "/dead-letters"),
    (
        "dead-letters-of-a-reason",
        "/dead-letters?reason=UNKNOWN_SCHEMA_ID&state=WAITING",
    ),
    ("dead-letter", "/dead-letters/1"),
    ("dead-letter-in-hex", "/dead-letters/8"),
    ("dead-letter-in-part", "/dead-letters/9"),
    ("dead-letters-of-a-week", "/dead-letters?period=7d"),
    ("dead-letters-found", "/dead-letters?q=schema"),
    ("dead-letters-none", "/dead-letters?sagaId=nobody"),
    ("operations", "/operations"),
    ("operations-of-a-day", "/operations?period=24h"),
    (
        "differences",
        "/differences?a.status=FAILED&a.period=24h&b.period=24h&rest=true",
    ),
    ("differences-open", "/differences"),
    ("services", "/services"),
    ("service", "/services/payment-service"),
    ("service-owing", "/services/product-service?period=7d"),
    ("wrong-address", "/sagas?status=LOST"),
    ("wrong-period", "/?fromDate=2999-01-01"),
];

async fn all_are_sound(viewports: &[Viewport]) {
    let shop = Shop::open().await;
    let browser = Browser::open().await;
    let mut wrong = Vec::new();
    for viewport in viewports {
        for (name, path) in PAGES {
            wrong.extend(browser.look_at(&shop.at(path), name, *viewport).await);
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_sound_on_a_desktop() {
    all_are_sound(&DESKTOP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_sound_on_a_phone() {
    all_are_sound(&PHONE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_sound_in_windows_of_other_widths() {
    all_are_sound(&OTHERS).await;
}

/// A failure must be visible on the page.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_seen() {
    let browser = Browser::open().await;
    let page = "data:text/html,<html><body><p style='color:%23999;width:900px'>pale and wide</p><img src=x>\
                <script>console.error('loud')</script><table class=rows><tbody id=rows><tr><td><a href=/>one</a> <a href=/>two</a>\
                </table></body></html>";
    let seen = browser.look_at(page, "wrong", PHONE[0]).await.join("\n");
    for what in [
        "loud",
        "px wide: P",
        "color-contrast",
        "image-alt",
        "2 stops of the tab key",
    ] {
        assert!(seen.contains(what), "{what} in {seen}");
    }
}

/// Somebody who is woken up sees on the first screens what is wrong; what comes later is folded.
#[tokio::test(flavor = "multi_thread")]
async fn the_overview_of_a_phone_is_short_and_that_of_a_desktop_is_unfolded() {
    let shop = Shop::open().await;
    let browser = Browser::open().await;
    let folded = "return [...document.querySelectorAll('.fold')].map(part => part.querySelector('.scroll').checkVisibility());";
    browser.set_viewport(PHONE[0]).await;
    browser.goto(&shop.at("/")).await;
    let screens = "return document.documentElement.scrollHeight / innerHeight;";
    let screens = browser.run(screens).await.as_f64().unwrap();
    assert!(screens < 3.0, "{screens} screens");
    assert_eq!(browser.run(folded).await, json!([false, false, false, false]));
    browser.find(".fold > summary").await.click().await.unwrap();
    assert_eq!(browser.run(folded).await[0], true);
    browser.set_viewport(DESKTOP[0]).await;
    browser.goto(&shop.at("/")).await;
    assert_eq!(browser.run(folded).await, json!([true, true, true, true]));
    let summary = "return document.querySelector('.fold > summary').checkVisibility();";
    assert_eq!(browser.run(summary).await, false);
    shop.close().await;
}
