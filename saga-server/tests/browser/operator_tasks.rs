//! Tasks of somebody on call, each by keyboard alone, without script, on a phone; and how many actions each takes.
//!
//! An action is a link or button, a field that is filled in, or a choice. How long a task took is printed, and is the machine's time:
//! people read in between.

use std::{
    cell::Cell,
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use fantoccini::key::Key;
use saga_store::{JobQuery, JobState, Store};
use saga_types::SagaStatus;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, TIMEOUT},
    shop::Shop,
    viewports::PHONE,
};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Somebody at the keyboard.
struct Operator<'a> {
    browser: &'a Browser,
    actions: Cell<u32>,
    begun: Instant,
}

impl<'a> Operator<'a> {
    /// Begins at an address that they have, which is the first action.
    async fn at(browser: &'a Browser, address: &str) -> Self {
        let operator = Self {
            browser,
            actions: Cell::new(1),
            begun: Instant::now(),
        };
        browser.goto(address).await;
        operator
    }

    fn count(&self) {
        self.actions.set(self.actions.get() + 1);
    }

    /// A link, a button, or what opens.
    async fn open(&self, selector: &str) {
        self.browser.tab_to(selector).await;
        self.browser.press(Key::Enter).await;
        self.count();
    }

    async fn fill(&self, selector: &str, text: &str) {
        self.browser.tab_to(selector).await;
        self.browser.type_text(text).await;
        self.count();
    }

    async fn press(&self, key: Key) {
        self.browser.press(key).await;
        self.count();
    }

    /// Goes through the options of a field, or through radio buttons, to a value.
    async fn choose(&self, selector: &str, value: &str) {
        self.browser.tab_to(selector).await;
        let is_chosen = format!("return document.activeElement.value === {};", Value::from(value));
        for _ in 0..20 {
            if self.browser.run(&is_chosen).await == true {
                self.count();
                return;
            }
            self.browser.press(Key::Down).await;
        }
        panic!("{value} is no choice of {selector}");
    }

    /// The task is done, with so many actions at most.
    async fn done(self, task: &str, most: u32) {
        let fits = "return document.documentElement.scrollWidth <= innerWidth;";
        assert_eq!(
            self.browser.run(fits).await,
            true,
            "{task}: the page is wider than the phone"
        );
        let actions = self.actions.get();
        eprintln!(
            "{task}: {actions} actions, {:.1} s",
            self.begun.elapsed().as_secs_f64()
        );
        assert!(actions <= most, "{task}: {actions} actions, at most {most}");
    }
}

/// A shop, and a phone on which no script runs.
async fn on_a_phone() -> (Shop, Browser) {
    let shop = Shop::open().await;
    let browser = Browser::open().await;
    browser.set_viewport(PHONE[0]).await;
    browser
        .command("Emulation.setScriptExecutionDisabled", json!({"value": true}))
        .await;
    browser.goto(&shop.at("/sagas")).await;
    browser.find("button[data-copy]").await;
    let hidden = "return [...document.querySelectorAll('button[data-copy]')].every(button => button.hidden);";
    assert_eq!(browser.run(hidden).await, true, "a script of the page has run");
    (shop, browser)
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_alert_to_a_message_for_the_owner() {
    let (shop, browser) = on_a_phone().await;
    // The link of SagaCompensationTimeout, as deploy/prometheus has it.
    let link = "/sagas?owes=STOCK_RESERVED&owing=true&sagaType=ORDER_CREATION&sort=due";
    let operator = Operator::at(&browser, &shop.at(link)).await;
    browser.shows("1 saga").await;
    operator
        .open("summary:has(+ .panel > [aria-label='For chat'])")
        .await;
    let message = browser.find("textarea[aria-label='For chat']").await;
    let message = message.prop("value").await.unwrap().unwrap();
    for part in [
        "1 saga: ",
        "ORD-owing: Failed at PAYMENT_FAILED (CARD_DECLINED)",
        "product-service",
        &shop.at("/sagas?owes=STOCK_RESERVED"),
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    operator.done("a. alert to message", 2).await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_customer_and_a_reason_to_a_file() {
    let (shop, browser) = on_a_phone().await;
    for (saga, customer, ago) in [
        ("order-asked", "C-17", DAY),
        ("order-before", "C-17", 3 * DAY),
        ("order-of-another", "C-18", DAY),
    ] {
        let order = shop
            .order(saga)
            .step(
                "order",
                "ORDER_CREATED",
                "STARTED",
                ago,
                json!({"customerId": customer}),
            )
            .step(
                "payment",
                "PAYMENT_FAILED",
                "FAILED",
                ago - 900,
                json!({"failureReason": "CARD_DECLINED"}),
            );
        shop.keep(order.events).await;
    }
    let operator = Operator::at(&browser, &shop.at("/sagas")).await;
    operator
        .fill(
            "input[name=q][list]",
            "customerId:C-17 failed reason:CARD_DECLINED started:yesterday",
        )
        .await;
    operator.press(Key::Enter).await;
    browser.shows("1 saga, newest first").await;
    browser.tab_to("a[href^='/api/v1/sagas.csv']").await;
    let link = "return document.activeElement.getAttribute('href');";
    let link = browser.run(link).await;
    operator.press(Key::Enter).await;
    operator.done("e. customer to file", 4).await;
    let file = get(&shop, link.as_str().unwrap());
    let (head, body) = file.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("HTTP/1.1 200") && head.contains("text/csv"),
        "{head}"
    );
    assert!(body.contains("\"order-asked\""), "{body}");
    for other in ["order-before", "order-of-another"] {
        assert!(!body.contains(other), "{body}");
    }
    shop.close().await;
}

/// What a path answers to a plain request.
fn get(shop: &Shop, path: &str) -> String {
    let address = shop.at("");
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_of_a_cause_are_previewed_dismissed_and_restored() {
    let (shop, browser) = on_a_phone().await;
    let operator = Operator::at(&browser, &shop.at("/dead-letters")).await;
    operator
        .open("button[aria-label='Preview replay of UNKNOWN_SCHEMA_ID']")
        .await;
    browser.shows("Nothing was changed").await;
    operator.done("f. preview of a replay by outcome", 2).await;

    let operator = Operator::at(&browser, &shop.at("/dead-letters")).await;
    operator
        .open("tr:has(button[aria-label='Preview replay of UNKNOWN_SCHEMA_ID']) [data-label='Reason'] a")
        .await;
    operator
        .open("summary:has(+ form[action='/dead-letters/dismiss'])")
        .await;
    operator
        .fill(
            "form[action='/dead-letters/dismiss'] textarea",
            "a schema that was never used",
        )
        .await;
    operator.open("form[action='/dead-letters/dismiss'] button").await;
    operator.open("button.main").await;
    browser.shows("5 dead letters").await;
    operator.done("f. dismissal with a note", 6).await;
    assert_eq!(
        shop.store.letters_waiting(&saga_store::Scope::All).await.unwrap(),
        4
    );

    let operator = Operator::at(&browser, &shop.at("/dead-letters?state=DISMISSED")).await;
    operator.open("form[action='/dead-letters/restore'] button").await;
    operator.open("button.main").await;
    browser.shows("5 dead letters").await;
    operator.done("f. restoration", 3).await;
    assert_eq!(
        shop.store.letters_waiting(&saga_store::Scope::All).await.unwrap(),
        9
    );
    shop.close().await;
}

/// Waits until the newest job is done.
async fn job_is_done(store: &dyn Store) -> u64 {
    let deadline = Instant::now() + TIMEOUT;
    let query = JobQuery {
        size: 1,
        ..JobQuery::default()
    };
    loop {
        let job = store.jobs(&query).await.unwrap().remove(0);
        if job.state == JobState::Done {
            return job.changed;
        }
        assert!(Instant::now() < deadline, "{job:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_thirty_sagas_is_set_and_reverted() {
    let (shop, browser) = on_a_phone().await;
    let sagas: Vec<String> = (0..30).map(|number| format!("order-lost-{number:02}")).collect();
    for saga in &sagas {
        let lost = shop.order(saga).step(
            "order",
            "ORDER_CREATED",
            "STARTED",
            50 * MINUTE,
            json!({"customerId": "C-30"}),
        );
        shop.keep(lost.events).await;
    }
    let count = async |status: SagaStatus| {
        let ids = sagas.iter().map(|saga| saga.parse().unwrap()).collect();
        let states = shop.store.sagas(&ids).await.unwrap();
        states
            .iter()
            .filter(|state| state.current_status == status)
            .count()
    };
    let operator = Operator::at(&browser, &shop.at("/sagas")).await;
    operator.fill("input[name=q][list]", "customerId:C-30").await;
    operator.press(Key::Enter).await;
    browser.shows("30 sagas, newest first").await;
    operator.open("summary:has(+ #many)").await;
    operator.choose("#many [name=selected]", "all").await;
    operator.choose("#many-status", "COMPENSATED").await;
    operator.fill("#many-note", "refunded by hand").await;
    operator.open("#many button.main").await;
    browser.shows("30").await;
    operator.open("button.main").await;
    assert_eq!(job_is_done(&*shop.store).await, 30);
    operator.done("i. status of 30 sagas, with their filter", 9).await;
    assert_eq!(count(SagaStatus::Compensated).await, 30);

    let path = browser.path().await;
    assert!(path.starts_with("/operations/jobs/"), "{path}");
    let operator = Operator::at(&browser, &shop.at(&path)).await;
    operator.open("summary:has(+ form[action$='/revert'])").await;
    operator.open("form[action$='/revert'] button").await;
    assert_eq!(job_is_done(&*shop.store).await, 30);
    operator.done("i. all of it reverted", 3).await;
    assert_eq!(count(SagaStatus::Started).await, 30);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_the_last_day_is_shared_with_its_times() {
    let (shop, browser) = on_a_phone().await;
    let operator = Operator::at(&browser, &shop.at("/sagas?failed=true&period=24h")).await;
    operator.open("a.copy-link").await;
    browser.find("form input[name=fromDate][value]").await;
    let path = browser.path().await;
    for part in ["failed=true", "fromDate=", "toDate="] {
        assert!(path.contains(part), "{path}");
    }
    assert!(!path.contains("period="), "{path}");
    operator.done("k. link with fixed times", 2).await;
    shop.close().await;
}
