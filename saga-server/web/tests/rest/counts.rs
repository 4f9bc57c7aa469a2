//! What pages count, by how many questions, and where the counts lead.

use std::collections::BTreeSet;

use saga_store::ReconcileRequest;
use saga_types::Timestamp;
use serde_json::json;

use crate::{
    dead_letters::letter,
    harness::{Api, BEGIN, Event, event, failed},
    pages::{page, text},
};

const MINUTE: i64 = 60_000;

/// So long before now, after [`BEGIN`].
fn ago(millis: i64) -> i64 {
    Timestamp::now().as_millis() - BEGIN - millis
}

/// A saga in which the payment service records the first of so many steps.
fn paid(saga_type: &str, number: i64, version: &str, steps: i64) -> Vec<Event> {
    let saga_id = format!("{saga_type}-{number}");
    let begin = ago(MINUTE * 5) + number * 1_000;
    let order = json!({"producerService": "order-service"});
    let payment = json!({"producerService": "payment-service", "serviceVersion": version});
    let begun = event(&saga_id, "ORDER_CREATED", "STARTED", begin).with(order);
    let more = (0..steps).map(|step| {
        let name = format!("PAYMENT_{step}");
        event(&saga_id, &name, "IN_PROGRESS", begin + 40 + step * 10).with(payment.clone())
    });
    let events = std::iter::once(begun).chain(more);
    events.map(|event| event.of_type(saga_type)).collect()
}

/// How many questions the database was asked.
async fn asked(api: &Api) -> u64 {
    let metrics = api.get("/metrics").await.text;
    let counts = metrics
        .lines()
        .filter(|line| line.starts_with("saga_tracker_db_query_seconds_count"));
    counts
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

async fn reconcile(api: &Api) {
    let request = ReconcileRequest {
        now: Timestamp::now(),
        evaluate_before: None,
        named: BTreeSet::new(),
    };
    api.store.reconcile_producers(&request).await.unwrap();
}

#[tokio::test]
async fn a_page_asks_no_more_of_many_types_than_of_one() {
    let mut counts = Vec::new();
    for types in [1, 9] {
        let api = Api::new().await;
        for of_type in 0..types {
            let saga_type = format!("TYPE_{}", char::from(b'A' + of_type));
            for number in 0..3 {
                api.record(paid(&saga_type, number, "2.7.0", 5)).await;
            }
        }
        reconcile(&api).await;
        let mut of_pages = Vec::new();
        for path in ["/services/payment-service?period=1h", "/?period=1h"] {
            let before = asked(&api).await;
            page(&api, path).await;
            of_pages.push(asked(&api).await - before);
        }
        counts.push(of_pages);
    }
    assert_eq!(counts[0], counts[1]);
}

#[tokio::test]
async fn a_service_is_shown_by_what_it_recorded_in_every_type() {
    let api = Api::new().await;
    for (saga_type, version) in [("REFUND", "2.7.0"), ("LOYALTY", "2.8.0")] {
        for number in 0..4 {
            api.record(paid(saga_type, number, version, 2)).await;
        }
    }
    reconcile(&api).await;
    let said = text(&page(&api, "/services/payment-service?period=1h").await);
    for words in [
        "PAYMENT_0 REFUND 4 100 % 40 ms 40 ms",
        "PAYMENT_1 LOYALTY 4 100 % 10 ms 10 ms",
        "Versions in REFUND share of each one's sagas, and median wait Step 2.7.0 · 4 sagas PAYMENT_0 100 % · 40 ms",
        "16 events ( their sagas )",
    ] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    assert!(!said.contains("Estimated from"), "{said}");
    // Another one recorded it first.
    let orders = text(&page(&api, "/services/order-service?period=1h").await);
    assert!(
        orders.contains("ORDER_CREATED REFUND 4 100 %") && !orders.contains("PAYMENT_0"),
        "{orders}"
    );
}

#[tokio::test]
async fn versions_that_are_hidden_are_on_no_page() {
    let api = Api::hiding(&["serviceVersion"]).await;
    api.record(paid("REFUND", 1, "2.7.0-secret", 2)).await;
    reconcile(&api).await;
    for path in [
        "/services/payment-service?period=1h",
        "/flow?type=REFUND&period=1h&step=PAYMENT_0",
        "/?period=1h",
    ] {
        let page = page(&api, path).await;
        assert!(page.contains("PAYMENT_0"), "{path}: {page}");
        assert!(!page.contains("2.7.0-secret"), "{path}: {page}");
    }
}

#[tokio::test]
async fn the_slowest_steps_are_sorted_as_asked() {
    let api = Api::new().await;
    // One is mostly slow, the other one seldom and then very slow.
    for number in 0..20 {
        let begin = ago(MINUTE * 50) + number * 1_000;
        let saga_id = format!("saga-{number}");
        let seldom = if number < 2 { 900_000 } else { 10_000 };
        api.record([
            event(&saga_id, "START", "STARTED", begin),
            event(&saga_id, "SELDOM", "IN_PROGRESS", begin + seldom),
            event(&saga_id, "MOSTLY", "IN_PROGRESS", begin + seldom + 20_000),
        ])
        .await;
    }
    let table = async |query: &str| {
        let page = page(&api, &format!("/?period=1h{query}")).await;
        page.split(r#"aria-labelledby="slowest""#)
            .nth(1)
            .unwrap()
            .to_owned()
    };
    for (query, [first, second]) in [
        ("", ["SELDOM", "MOSTLY"]),
        ("&slowest=p95", ["SELDOM", "MOSTLY"]),
        ("&slowest=median", ["MOSTLY", "SELDOM"]),
    ] {
        let table = table(query).await;
        let rows = text(table.split("<tbody>").nth(1).unwrap());
        assert!(rows.find(first) < rows.find(second), "{query}: {rows}");
    }
    let table = table("&slowest=median").await;
    let sorted = r##"aria-sort="descending"><a href="/?period=1h&#38;slowest=median#slowest">Wait, median"##;
    assert!(table.contains(sorted), "{table}");
    let refused = api.get("/?slowest=name").await;
    assert_eq!(refused.status, 400, "{}", refused.text);
}

#[tokio::test]
async fn counts_lead_to_what_they_count() {
    let api = Api::new().await;
    for number in 0..3 {
        api.record(failed(&format!("failed-{number}"), ago(MINUTE * (2 + number))))
            .await;
    }
    api.record([event("late", "ORDER_CREATED", "STARTED", ago(MINUTE * 40))
        .with(json!({"producerService": "product-service"}))])
        .await;
    api.record([event("on time", "ORDER_CREATED", "STARTED", ago(1_000))])
        .await;
    reconcile(&api).await;
    let overview = page(&api, "/?period=1h").await;
    let types = overview.split(r#"aria-labelledby="types""#).nth(1).unwrap();
    let link = types
        .split(r#"<td data-label="Failed" class="number named"><a href=""#)
        .nth(1)
        .unwrap();
    let link = link.split('"').next().unwrap().replace("&#38;", "&");
    assert!(text(&page(&api, &link).await).contains("3 sagas"), "{link}");
    let services = page(&api, "/services").await;
    assert!(
        services.contains(r#"<a href="/services/product-service#needs" tabindex="-1">1 saga</a>"#),
        "{services}"
    );
    let needs = text(&page(&api, "/services/product-service").await);
    assert!(needs.contains("1 Overdue STOCK_RESERVATION"), "{needs}");
}

#[tokio::test]
async fn dead_letters_of_the_overview_are_those_that_nobody_takes_care_of() {
    let api = Api::new().await;
    let letters = (1..4).map(|place| letter(b"x", "TRUNCATED", place));
    api.store.keep_letters(letters.collect()).await.unwrap();
    let overview = page(&api, "/").await;
    let path = "/dead-letters?state=WAITING&#38;acknowledged=false";
    assert!(overview.contains(path), "{overview}");
    let list = page(&api, &path.replace("&#38;", "&")).await;
    assert_eq!(list.matches(r#"name="letter."#).count(), 3, "{list}");
}
