//! From an alert to the sagas that it is about.

use std::{collections::BTreeSet, process::Stdio};

use saga_types::{SagaEvent, SagaStatus, Timestamp, steps};

use super::{
    alertmanager::{Alertmanager, Webhook},
    deployed::{impatient_rules, routes_to},
    prometheus::{Alerting, Prometheus},
};
use crate::support::{
    Rest,
    dev::Dev,
    events::{event, saga, success},
    eventually,
};

const PAGES: &str = "https://sagas.example";

/// It happened an hour ago.
fn long_ago(mut event: SagaEvent) -> SagaEvent {
    event.recorded_at = Timestamp::from_millis(Timestamp::now().as_millis() - 3_600_000).unwrap();
    event
}

/// The sagas of the list to which an alert leads.
async fn listed(rest: &Rest, link: &str) -> BTreeSet<String> {
    let path = link.strip_prefix(&format!("{PAGES}/sagas?")).unwrap();
    let (status, page) = rest.get(&format!("/api/v1/sagas?{path}")).await;
    assert_eq!(status, 200, "{link}: {page}");
    let sagas = page["content"].as_array().unwrap().iter();
    sagas
        .map(|saga| saga["sagaId"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_leads_to_exactly_its_sagas_and_names_whom_to_ask() {
    let folder = tempfile::tempdir().unwrap();
    let owner = "product-service=Stock,#stock,https://wiki.example/stock";
    let arguments = ["--pages-external-url", PAGES, "--owner", owner];
    let dev = Dev::start_with(folder.path(), &arguments, &[], Stdio::inherit());
    let producer = dev.producer();
    for saga_id in ["late-1", "late-2"] {
        producer.send(&long_ago(event(
            saga_id,
            0,
            steps::ORDER_CREATED,
            SagaStatus::Started,
        )));
    }
    producer.send(&long_ago(event(
        "owing",
        0,
        steps::STOCK_RESERVED,
        SagaStatus::Completed,
    )));
    producer.send(&long_ago(event(
        "owing",
        1,
        steps::PAYMENT_FAILED,
        SagaStatus::Failed,
    )));
    for event in saga("done", &success()) {
        producer.send(&event);
    }
    producer.flush();

    let (webhook, url) = Webhook::start().await;
    let alertmanager = Alertmanager::start(&routes_to(&url)).await;
    let alerting = Alerting {
        rules: impatient_rules(),
        alertmanager: alertmanager.address.clone(),
    };
    let _prometheus = Prometheus::start(dev.text("url"), Some(alerting)).await;
    let rest = dev.rest();
    for (alert, sagas) in [
        (
            "SagaStuck",
            BTreeSet::from(["late-1".to_owned(), "late-2".to_owned()]),
        ),
        ("SagaCompensationTimeout", BTreeSet::from(["owing".to_owned()])),
    ] {
        eventually("the alert is reported", async || {
            !webhook.notified_of(alert).is_empty()
        })
        .await;
        let (_, alert) = webhook.notified_of(alert).remove(0);
        let annotation = |name: &str| alert["annotations"][name].as_str().unwrap_or_default().to_owned();
        let link = annotation("link");
        eventually("the link leads to the sagas", async || {
            listed(&rest, &link).await == sagas
        })
        .await;
        assert_eq!(
            ["team", "channel", "runbook_url"].map(annotation),
            ["Stock", "#stock", "https://wiki.example/stock"]
        );
    }
    dev.interrupt();
}
