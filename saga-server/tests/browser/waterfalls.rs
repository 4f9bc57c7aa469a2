//! Sagas whose time is hard to show: each page answers where it went, on every screen.

use saga_types::Timestamp;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    harness::{Api, BEGIN, Event, event},
    viewports::{DESKTOP, PHONE, WIDE, WIDEST},
};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// An event of a service, with more metadata.
fn by(service: &str, event: Event, more: Value) -> Event {
    let mut metadata = more.as_object().unwrap().clone();
    metadata.insert("producerService".to_owned(), service.into());
    event.with(Value::Object(metadata))
}

/// Retries, an echo, and two waits of half a minute and more.
pub(crate) fn slow(saga_id: &str, begin: i64) -> Vec<Event> {
    let step = |service: &str, step: &str, status: &str, after: i64| {
        let work = match after % 1_000 {
            80 => json!({"durationMs": 60, "serviceVersion": "2.8.0"}),
            _ => json!({"serviceVersion": "2.8.0"}),
        };
        by(
            &format!("{service}-service"),
            event(saga_id, step, status, begin + after).of_order("ORD-slow"),
            work,
        )
    };
    let mut events = vec![
        step("order", "ORDER_CREATED", "STARTED", 0),
        step("product", "STOCK_RESERVATION", "IN_PROGRESS", 80),
        step("product", "STOCK_RESERVED", "COMPLETED", 480),
        step("order", "STOCK_RESERVED", "IN_PROGRESS", 583),
    ];
    for after in [900, 1_700, 3_600, 7_800, 15_600, 31_580] {
        events.push(step("payment", "PAYMENT_INITIALIZATION", "IN_PROGRESS", after));
    }
    events.push(step("payment", "PAYMENT_INITIALIZED", "IN_PROGRESS", 63_500));
    events.push(step("payment", "PAYMENT_COMPLETED", "COMPLETED", 63_650));
    events.push(step("order", "ORDER_CONFIRMED", "COMPLETED", 104_650));
    events
}

fn loan() -> Vec<Event> {
    let step = |service: &str, step: &str, status: &str, after: i64| {
        let event = event("loan", step, status, after)
            .of_type("LOAN")
            .of_order("ORD-loan");
        by(
            &format!("{service}-service"),
            event,
            json!({"failureReason": "x.LedgerException: no funds\n\tat x.Ledger.pay(Ledger.java:42)"}),
        )
    };
    vec![
        step("intake", "APPLICATION_RECEIVED", "STARTED", 0),
        step("kyc", "IDENTITY_VERIFIED", "IN_PROGRESS", 3_000),
        step("scoring", "CREDIT_SCORE_RETRY", "IN_PROGRESS", 5_000),
        step("scoring", "CREDIT_SCORE_RETRY", "IN_PROGRESS", 7_000),
        step("scoring", "CREDIT_SCORE_RETRY", "IN_PROGRESS", 10_000),
        step("scoring", "CREDIT_SCORED", "IN_PROGRESS", 9 * DAY),
        step("notify", "REMINDER_SENT", "IN_PROGRESS", 9 * DAY + 2_000),
        step(
            "documents",
            "DOCUMENTS_SIGNED",
            "IN_PROGRESS",
            16 * DAY + 2 * HOUR,
        ),
        step(
            "ledger",
            "FUNDS_RESERVED",
            "IN_PROGRESS",
            16 * DAY + 2 * HOUR + 400,
        ),
        step(
            "ledger",
            "LOAN_PAYOUT_FAILED",
            "FAILED",
            16 * DAY + 2 * HOUR + 1_900,
        ),
    ]
}

/// Twelve services with 25 steps, which are tried twelve times each.
fn many(saga_id: &str, events: i64) -> Vec<Event> {
    (0..events)
        .map(|number| {
            let step = number * 25 / events;
            let event = event(saga_id, &format!("STEP_{step}"), "IN_PROGRESS", number * 700).of_type("LONG");
            by(
                &format!("service-{}", step % 12),
                event,
                json!({"retryCount": number}),
            )
        })
        .collect()
}

/// A step that is awaited since two minutes, of five; and one that is late.
fn under_way() -> Vec<Event> {
    let now = Timestamp::now().as_millis() - BEGIN;
    let of = |saga: &str, step: &str, status: &str, at: i64| {
        by(
            "order-service",
            event(saga, step, status, at).of_order("ORD-slow"),
            json!({}),
        )
    };
    vec![
        of("under-way", "ORDER_CREATED", "STARTED", now - 2 * MINUTE),
        of(
            "under-way",
            "STOCK_RESERVATION",
            "IN_PROGRESS",
            now - 2 * MINUTE + 900,
        ),
        of("owing", "ORDER_CREATED", "STARTED", now - HOUR),
        of("owing", "STOCK_RESERVED", "COMPLETED", now - HOUR + 1_000),
        of("owing", "PAYMENT_FAILED", "FAILED", now - HOUR + 3_000),
    ]
}

const FORK: &str = "
sagaType: PARCEL
startsWith: [PACKED]
completesWith: [SENT]
forward:
  - {step: PACKED, service: warehouse-service}
  - {step: LABEL_PRINTED, service: label-service, after: [PACKED]}
  - {step: CUSTOMS_CLEARED, service: customs-service, after: [PACKED]}
  - {step: SENT, service: warehouse-service, after: [LABEL_PRINTED, CUSTOMS_CLEARED]}
";

fn parcel(saga_id: &str, parent: &str) -> Vec<Event> {
    let step = |service: &str, step: &str, status: &str, after: i64| {
        let event = event(saga_id, step, status, after)
            .of_type("PARCEL")
            .of_order("ORD-slow");
        by(
            &format!("{service}-service"),
            event,
            json!({"parentSagaId": parent}),
        )
    };
    vec![
        step("warehouse", "PACKED", "STARTED", 20_000),
        step("label", "LABEL_PRINTED", "IN_PROGRESS", 21_000),
        step("customs", "CUSTOMS_CLEARED", "IN_PROGRESS", 29_000),
        step("warehouse", "SENT", "COMPLETED", 29_500),
    ]
}

async fn hard_to_show() -> Api {
    let api = Api::defined_by(&[FORK]).await;
    api.record(slow("slow", 0)).await;
    api.record(loan()).await;
    api.record(many("three-hundred", 300)).await;
    api.record(many("twenty-thousand", 20_000)).await;
    api.record(under_way()).await;
    api.record(parcel("parcel-1", "slow")).await;
    api.record(parcel("parcel-2", "slow")).await;
    api.record(parcel("parcel-3", "parcel-1")).await;
    let long = "A_STEP_WITH_A_LONG_NAME_".repeat(5);
    let names = [
        &long[..100],
        "결제 서비스 — 재고 예약 실패 🧾",
        "طلب-١٢٣-\u{202e}evil\u{2066}",
    ];
    for (place, name) in (0..).zip(names) {
        let step = if place == 0 { name } else { "STOCK_RESERVED" };
        api.record([
            by(
                name,
                event("names", "ORDER_CREATED", "STARTED", place * 10_000),
                json!({}),
            ),
            by(
                name,
                event("names", step, "COMPLETED", place * 10_000 + 4_000),
                json!({"note": name}),
            ),
        ])
        .await;
    }
    api
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_time_went_is_seen_on_every_screen() {
    let api = hard_to_show().await;
    let browser = Browser::open().await;
    let at = |path: &str| format!("http://{}/sagas/{path}", api.address);
    let mut wrong = Vec::new();
    let views = [WIDEST, WIDE, DESKTOP[1], PHONE[0], PHONE[1]];
    for (name, path) in [
        ("slow", "slow"),
        ("slow-services", "slow?rows=services"),
        ("slow-compared", "slow?compare=parcel-1"),
        ("slow-filtered", "slow?step=PAYMENT_INITIALIZATION&only=unusual"),
        ("loan", "loan"),
        ("loan-folded", "loan?gaps=folded"),
        ("three-hundred", "three-hundred"),
        ("three-hundred-whole", "three-hundred?repeats=shown"),
        ("twenty-thousand", "twenty-thousand"),
        ("under-way", "under-way"),
        ("owing", "owing"),
        ("fork", "parcel-1"),
        ("names", "names"),
    ] {
        for view in views {
            wrong.extend(browser.look_at(&at(path), &format!("fall-{name}"), view).await);
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// How wide the elements are that a selector matches within their row's line of time, in percent of it.
const WIDTHS: &str = "
  const row = [...document.querySelectorAll('.fall-rows tbody tr')].find(row => row.querySelector('.step')?.textContent === arguments_step);
  const lane = row.querySelector('.lane').getBoundingClientRect();
  return row.querySelector('.wait').getBoundingClientRect().width / lane.width * 100;";

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_is_as_wide_as_it_was_long() {
    let api = hard_to_show().await;
    let browser = Browser::open().await;
    browser.goto(&format!("http://{}/sagas/slow", api.address)).await;
    browser
        .shows("went into two waits: ORDER_CONFIRMED 41 s (order-service) · PAYMENT_INITIALIZED 31.9 s (payment-service)")
        .await;
    for (step, percent) in [("ORDER_CONFIRMED", 39.3), ("PAYMENT_INITIALIZED", 30.6)] {
        let script = WIDTHS.replace("arguments_step", &format!("'{step}'"));
        let wide = browser.run(&script).await.as_f64().unwrap();
        assert!((wide - percent).abs() < 0.5, "{step}: {wide} %");
    }
    // From a row to its event, and to the same event by its permalink.
    let row = browser
        .find(".fall-rows a.step[href*='PAYMENT_INITIALIZED']")
        .await;
    row.click().await.unwrap();
    let found = browser.find("tr:target").await.text().await.unwrap();
    assert!(found.contains("PAYMENT_INITIALIZED"), "{found}");
    let own = "return document.querySelector('tr:target .permalink').href === location.href;";
    assert_eq!(browser.run(own).await, true);
}

/// On a phone the answer comes first, and what is long is behind what it comes to, also without a script.
#[tokio::test(flavor = "multi_thread")]
async fn a_saga_of_very_many_steps_is_read_on_a_phone_at_a_glance() {
    let api = Api::new().await;
    // Nothing repeats, so that no row stands for several events.
    let events = (0..300).map(|number| {
        let step = format!("STEP_{}", number % 25);
        let event = event("busy", &step, "IN_PROGRESS", number * 700).of_type("LONG");
        by(
            &format!("service-{}", number % 12),
            event,
            json!({"number": number}),
        )
    });
    api.record(events).await;
    let browser = Browser::open().await;
    browser.set_viewport(PHONE[0]).await;
    browser.goto(&format!("http://{}/sagas/busy", api.address)).await;
    let screens = "return document.documentElement.scrollHeight / innerHeight;";
    let short = browser.run(screens).await.as_f64().unwrap();
    assert!(short < 3.0, "{short} screens");
    // The link to an event opens what it is in.
    let target = "location.hash = document.querySelector('.events tr[id]').id;
        return document.querySelector('tr:target').checkVisibility();";
    assert_eq!(browser.run(target).await, true);
    browser.set_viewport(DESKTOP[0]).await;
    browser.goto(&format!("http://{}/sagas/busy", api.address)).await;
    let unfolded =
        "return [...document.querySelectorAll('.fold table')].every(table => table.checkVisibility());";
    assert_eq!(browser.run(unfolded).await, true);
}
