//! A version that is worse than the one before: on the charts, on its service's page, and in what differs.

use std::collections::BTreeSet;

use saga_store::ReconcileRequest;
use saga_types::Timestamp;
use serde_json::json;

use crate::{
    browser::Browser,
    harness::{Api, BEGIN, Event, event},
    viewports::{DESKTOP, PHONE},
};

const MINUTE: i64 = 60_000;

/// A payment so many minutes ago.
fn payment(number: i64, minutes: i64, version: &str) -> Vec<Event> {
    let began = Timestamp::now().as_millis() - BEGIN - minutes * MINUTE + number % 40 * 900;
    let saga_id = format!("order-{number}");
    let is_new = version == "2.8.0";
    let has_failed = number / 2 % if is_new { 4 } else { 25 } == 0;
    let (step, status) = match has_failed {
        true => ("PAYMENT_FAILED", "FAILED"),
        false => ("ORDER_CONFIRMED", "COMPLETED"),
    };
    let took = if is_new { 3_000 } else { 900 } + number % 7 * 110;
    let by = json!({"producerService": "payment-service", "serviceVersion": version, "failureReason": "ACQUIRER_TIMEOUT"});
    vec![
        event(&saga_id, "ORDER_CREATED", "STARTED", began).with(json!({"producerService": "order-service"})),
        event(&saga_id, "PAYMENT_INITIALIZED", "IN_PROGRESS", began + 40).with(by.clone()),
        event(&saga_id, step, status, began + took).with(by),
    ]
}

async fn deployed() -> Api {
    let api = Api::new().await;
    let mut events = Vec::new();
    for number in 0..600 {
        let minutes = 55 - number / 12;
        // Rolled out over half an hour, in which both versions serve.
        let is_new = match minutes {
            41.. => false,
            11..=40 => number % 2 == 0,
            _ => true,
        };
        let version = if is_new { "2.8.0" } else { "2.7.1" };
        events.extend(payment(number, minutes, version));
    }
    for batch in events.chunks(600) {
        api.record(batch.to_vec()).await;
    }
    let request = ReconcileRequest {
        now: Timestamp::now(),
        evaluate_before: None,
        named: BTreeSet::new(),
    };
    api.store.reconcile_producers(&request).await.unwrap();
    api
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_is_seen_before_and_after_on_every_window() {
    let api = deployed().await;
    let browser = Browser::open().await;
    let of_version = "producerService=payment-service&a.period=6h&b.period=6h";
    let paths = [
        ("deploy-overview", "/?period=1h".to_owned()),
        ("deploy-service", "/services/payment-service?period=1h".to_owned()),
        (
            "deploy-differences",
            "/differences?a.status=FAILED&a.period=6h&b.period=6h&rest=true".to_owned(),
        ),
        (
            "deploy-versions",
            format!("/differences?a.serviceVersion=2.8.0&b.serviceVersion=2.7.1&a.{of_version}"),
        ),
    ];
    let mut wrong = Vec::new();
    for viewport in DESKTOP.into_iter().chain(PHONE) {
        for (name, path) in &paths {
            let address = format!("http://{}{path}", api.address);
            wrong.extend(browser.look_at(&address, name, viewport).await);
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marker_on_the_chart_leads_to_before_and_after() {
    let api = deployed().await;
    let browser = Browser::open().await;
    let overview = format!("http://{}/?period=1h", api.address);
    browser.goto(&overview).await;
    browser.click_on(".chart .marker rect").await;
    browser.shows("payment-service 2.8.0 is worse than 2.7.1").await;
    assert!(
        browser
            .path()
            .await
            .starts_with("/services/payment-service?fromDate=")
    );
}
