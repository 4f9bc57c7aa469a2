//! What somebody on call does, by keyboard alone; and the changes that are shown while they read.

use std::time::Duration;

use fantoccini::key::Key;
use saga_sdk::{SagaType, steps};
use saga_types::SagaStatus;
use serde_json::json;

use crate::{
    browser::Browser,
    shop::Shop,
    viewports::{DESKTOP, PHONE},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_way_from_the_overview_to_the_failing_step() {
    let shop = Shop::open().await;
    let browser = Browser::open().await;
    browser.goto(&shop.at("/")).await;
    browser.tab_to("nav a[href='/sagas']").await;
    browser.press(Key::Enter).await;
    browser.find("table.rows").await;
    browser.tab_to("a[href='/sagas?failed=true']").await;
    browser.press(Key::Enter).await;
    browser.tab_to("a[href='/sagas/order-owing']").await;
    browser.press(Key::Enter).await;
    browser
        .shows("Failed at PAYMENT_FAILED (CARD_DECLINED), 23 min ")
        .await;
    let root = browser.find("tr.root").await.text().await.unwrap();
    assert!(
        root.contains("PAYMENT_FAILED") && root.contains("root cause"),
        "{root}"
    );
    browser.tab_to("tr.root summary").await;
    browser.press(Key::Enter).await;
    let root = browser.find("tr.root").await.text().await.unwrap();
    assert!(
        root.contains("failureReason") && root.contains("CARD_DECLINED"),
        "{root}"
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_search_box_leads_straight_to_a_saga() {
    let shop = Shop::open().await;
    let browser = Browser::open().await;
    browser.goto(&shop.at("/")).await;
    browser.tab_to("input[type=search]").await;
    browser.type_text("ORD-compensated").await;
    browser.press(Key::Enter).await;
    browser.shows("fully compensated 50 min ").await;
    assert_eq!(browser.path().await, "/sagas/order-compensated");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_leads_to_the_search_field_which_takes_half_an_id_and_filters() {
    let shop = Shop::open().await;
    let browser = Browser::open().await;
    browser.goto(&shop.at("/")).await;
    browser.tab_to("nav a[href='/sagas']").await;
    browser.type_text("/").await;
    browser.type_text("ORD-compens").await;
    browser.press(Key::Enter).await;
    browser.shows("fully compensated 50 min ").await;
    assert_eq!(browser.path().await, "/sagas/order-compensated");
    browser.tab_to("nav a[href='/sagas']").await;
    browser.type_text("/").await;
    browser.type_text("failed owes:STOCK_RESERVED").await;
    browser.press(Key::Enter).await;
    browser.find("a[href='/sagas/order-owing']").await;
    assert_eq!(browser.path().await, "/sagas?failed=true&owes=STOCK_RESERVED");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_row_of_a_list_is_four_keys_away_and_rows_are_chosen_when_that_is_asked_for() {
    let shop = Shop::open().await;
    let browser = Browser::open().await;
    browser.goto(&shop.at("/sagas")).await;
    browser.press(Key::Tab).await;
    browser.press(Key::Tab).await;
    browser.press(Key::Enter).await;
    browser.press(Key::Tab).await;
    let is_first = "return document.activeElement === document.querySelector('#rows a');";
    assert_eq!(browser.run(is_first).await, true);
    browser.press(Key::Tab).await;
    let is_second = "return document.activeElement === document.querySelector('#rows tr + tr a');";
    assert_eq!(browser.run(is_second).await, true);
    let box_is_there = "return document.querySelector('#rows input').checkVisibility();";
    assert_eq!(browser.run(box_is_there).await, false);
    browser.goto(&shop.at("/sagas")).await;
    browser.tab_to("summary:has(+ #many)").await;
    browser.press(Key::Enter).await;
    assert_eq!(browser.run(box_is_there).await, true);
    browser.tab_to("#rows input").await;
    browser.press(Key::Space).await;
    let is_chosen = "return new FormData(document.querySelector('#many')).has(document.querySelector('#rows input').name);";
    assert_eq!(browser.run(is_chosen).await, true);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_filter_bar_suggests_how_a_token_goes_on() {
    let shop = Shop::open().await;
    let browser = Browser::open().await;
    browser.goto(&shop.at("/sagas")).await;
    browser.tab_to("input[name=q][list]").await;
    browser.type_text("failed type:pay").await;
    browser
        .find("#beginnings option[value='failed type:PAYMENT_COMPLETION']")
        .await;
    browser.type_text("ment_completion").await;
    browser.press(Key::Enter).await;
    browser.shows("1 saga, newest first").await;
    browser.shows("failed at PAYMENT_FAILED (CARD_DECLINED)").await;
    let field = "return document.querySelector('input[name=q][list]').value;";
    assert_eq!(browser.run(field).await, "failed type:PAYMENT_COMPLETION");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_copied_is_there_to_be_taken_by_hand() {
    let shop = Shop::open().await;
    let browser = Browser::open().await;
    browser.goto(&shop.at("/sagas/order-owing")).await;
    // As without HTTPS, in a browser that lets no script copy.
    browser
        .run(
            "Object.defineProperty(navigator, 'clipboard', { value: undefined }); \
             document.execCommand = () => false;",
        )
        .await;
    browser.tab_to("button[data-copy]").await;
    browser.press(Key::Enter).await;
    browser.find("textarea.to-copy").await;
    let selected = "const field = document.querySelector('textarea.to-copy'); \
                    return document.activeElement === field && field.value !== '' && field.selectionEnd === field.value.length;";
    assert_eq!(browser.run(selected).await, true);
    shop.close().await;
}

/// Fills in the form for the status, whatever the saga is by then.
async fn correct(browser: &Browser, status: &str, reason: &str) {
    browser
        .tab_to("details.act:has(input[name=status]) > summary")
        .await;
    browser.press(Key::Enter).await;
    browser.tab_to("input[name=status]").await;
    let is_chosen = format!("return document.activeElement.value === '{status}';");
    while browser.run(&is_chosen).await != true {
        browser.press(Key::Down).await;
    }
    browser.press(Key::Space).await;
    browser.tab_to("textarea[name=reason]").await;
    browser.type_text(reason).await;
    browser
        .tab_to("form.correct:has(input[name=status]) button")
        .await;
    browser.press(Key::Enter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_corrected_and_a_second_correction_is_explained() {
    let shop = Shop::open().await;
    let browser = Browser::open().await;
    let mut wrong = Vec::new();
    browser.goto(&shop.at("/sagas/order-owing")).await;
    correct(&browser, "COMPENSATED", "stock given back by hand").await;
    browser.shows("manual: anonymous").await;
    assert_eq!(browser.path().await, "/sagas/order-owing");
    let saga = shop.store.saga("order-owing").await.unwrap().unwrap();
    assert_eq!(saga.current_status, SagaStatus::Compensated);
    for viewport in [DESKTOP[0], PHONE[1]] {
        browser.set_viewport(viewport).await;
        wrong.extend(browser.look("saga-corrected", viewport).await);
    }

    // Somebody else is faster.
    browser.set_viewport(DESKTOP[0]).await;
    browser.goto(&shop.at("/sagas/order-overdue")).await;
    let by_hand = shop.order("order-overdue").step(
        "order",
        "MANUAL_STATUS_OVERRIDE",
        "FAILED",
        0,
        json!({"actor": "dana", "correctedVia": "PAGE", "reason": "gave up"}),
    );
    shop.keep(by_hand.events).await;
    correct(&browser, "FAILED", "gave up").await;
    browser.shows("is FAILED already").await;
    wrong.extend(browser.look("saga-conflict", DESKTOP[0]).await);
    browser.tab_to("main a[href='/sagas/order-overdue']").await;
    browser.press(Key::Enter).await;
    browser.shows("manual: dana").await;
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_announced_and_nothing_moves_that_is_being_read() {
    let shop = Shop::open().await;
    let browser = Browser::open().await;
    browser.goto(&shop.at("/sagas")).await;
    let place = "return document.querySelector('table.rows').getBoundingClientRect().top + ' ' + document.querySelectorAll('table.rows tr').length;";
    let before = browser.run(place).await;
    let service = saga_sdk::connect(&shop.tracker.config("order-service")).unwrap();
    let saga = service
        .order("ORD-new")
        .saga(SagaType::ORDER_CREATION, "order-new");
    saga.start(steps::ORDER_CREATED).record().await.unwrap();
    browser.shows("1 update.").await;
    assert_eq!(browser.run(place).await, before);
    assert!(!browser.text().await.contains("order-new"));
    browser.photograph("sagas-news").await;
    browser.tab_to(".news a").await;
    browser.press(Key::Enter).await;
    browser.shows("order-new").await;

    browser.goto(&shop.at("/sagas/order-new")).await;
    browser.shows("At ORDER_CREATED").await;
    saga.failed(steps::ORDER_CANCELLED, "changed her mind")
        .record()
        .await
        .unwrap();
    browser.shows("1 update.").await;
    browser.tab_to(".news a").await;
    browser.press(Key::Enter).await;
    browser.shows("changed her mind").await;
    assert_eq!(service.close(Duration::from_secs(10)).await.left, 0);
    shop.close().await;
}
