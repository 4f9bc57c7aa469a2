//! `GET /api/v1/versions` and `GET /api/v1/compare`.

use std::collections::BTreeSet;

use saga_store::ReconcileRequest;
use saga_types::Timestamp;
use serde_json::{Value, json};

use crate::{
    harness::{Api, BEGIN, Event, event},
    pages::page,
};

const MINUTE: i64 = 60_000;

fn at(millis: i64) -> String {
    Timestamp::from_millis(BEGIN + millis).unwrap().to_string()
}

/// A payment by a version of payment-service.
fn payment(saga_id: &str, after: i64, version: &str, has_failed: bool) -> Vec<Event> {
    let (step, status) = match has_failed {
        true => ("PAYMENT_FAILED", "FAILED"),
        false => ("ORDER_CONFIRMED", "COMPLETED"),
    };
    let by = json!({"producerService": "payment-service", "serviceVersion": version});
    vec![
        event(saga_id, "ORDER_CREATED", "STARTED", after),
        event(saga_id, "PAYMENT_INITIALIZED", "IN_PROGRESS", after + 50).with(by.clone()),
        event(saga_id, step, status, after + 400).with(by),
    ]
}

/// So many minutes with ten sagas of either version; of the candidate's two in ten fail when it is worse, of the others none but
/// one in 50.
async fn canary(minutes: i64, is_worse: bool) -> Api {
    let api = Api::new().await;
    let mut events = Vec::new();
    for saga in 0..minutes * 10 {
        let after = saga / 10 * MINUTE + saga % 10 * 100;
        events.extend(payment(&format!("old-{saga}"), after, "2.7.0", saga % 50 == 0));
        let has_failed = if is_worse { saga % 5 == 0 } else { saga % 50 == 1 };
        events.extend(payment(&format!("new-{saga}"), after + 50, "2.8.0", has_failed));
    }
    events.extend(payment("later", minutes * MINUTE, "2.7.0", true));
    let mut mixed = payment("mixed", 100, "2.7.0", true);
    mixed.extend(payment("mixed", 200, "2.8.0", false).into_iter().skip(1));
    events.extend(mixed);
    for batch in events.chunks(2_000) {
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

const COMPARE: &str = "/api/v1/compare?service=payment-service&baseline=2.7.0&candidate=2.8.0";

#[tokio::test]
async fn a_candidate_that_fails_more_often_is_worse() {
    let api = canary(60, true).await;
    let answer = api
        .json_alone(&format!("{COMPARE}&toDate={}", at(120 * MINUTE)))
        .await;
    insta::assert_json_snapshot!("compare", answer);
}

#[tokio::test]
async fn a_candidate_that_fails_as_often_is_not_worse_once_there_are_enough() {
    let api = canary(160, false).await;
    let until = |minutes: i64| format!("{COMPARE}&toDate={}", at(minutes * MINUTE - 1));
    let verdict = |answer: Value| answer["verdict"].as_str().unwrap().to_owned();
    assert_eq!(verdict(api.json(&until(3)).await), "NOT_YET_KNOWN");
    let answer = api.json(&until(160)).await;
    assert_eq!(verdict(answer.clone()), "NOT_WORSE", "{answer}");
    assert_eq!(
        (&answer["mixed"], &answer["periodIsWhole"]),
        (&json!(1), &json!(true))
    );
    // A smaller margin needs more sagas.
    assert_eq!(
        verdict(api.json(&format!("{}&margin=0.001", until(160))).await),
        "NOT_YET_KNOWN"
    );
}

/// Of those that started just now only the fastest have ended.
#[tokio::test]
async fn sagas_that_started_too_recently_are_not_compared() {
    let api = Api::new().await;
    let now = Timestamp::now().as_millis() - BEGIN;
    let mut events = Vec::new();
    for (name, after) in [("early", now - 10 * MINUTE), ("late", now - MINUTE / 2)] {
        for saga in 0..20 {
            events.extend(payment(&format!("{name}-old-{saga}"), after, "2.7.0", false));
            events.extend(payment(&format!("{name}-new-{saga}"), after, "2.8.0", saga < 2));
        }
    }
    // One that goes on counts as much as one that has ended.
    events.extend(
        payment("early-going-on", now - 10 * MINUTE, "2.8.0", false)
            .into_iter()
            .take(2),
    );
    api.record(events).await;
    let answer = api
        .json(&format!("{COMPARE}&fromDate={}", at(now - 60 * MINUTE)))
        .await;
    assert_eq!(answer["tooRecent"], 40, "{answer}");
    assert_eq!(
        answer["candidate"]["sameMinutes"],
        json!({"sagas": 21, "failed": 2})
    );
    assert_eq!(
        answer["baseline"]["sameMinutes"],
        json!({"sagas": 20, "failed": 0})
    );
    let summary = answer["summary"].as_str().unwrap();
    assert!(
        summary.ends_with("40 sagas started too recently to be compared."),
        "{summary}"
    );
}

#[tokio::test]
async fn versions_are_known_with_when_they_were_seen() {
    let api = canary(3, false).await;
    let answer = api.json_alone("/api/v1/versions").await;
    let seen = |version: &str, first, last| json!({"version": version, "firstSeen": at(first), "lastSeen": at(last)});
    assert_eq!(
        answer,
        json!({"services": [{"service": "payment-service", "versions": [
            seen("2.8.0", 100, 2 * MINUTE + 900 + 450),
            seen("2.7.0", 50, 3 * MINUTE + 400),
        ]}]})
    );
    assert_eq!(
        api.json("/api/v1/versions?service=nobody").await["services"],
        json!([])
    );
}

#[tokio::test]
async fn what_cannot_be_compared_is_said() {
    let api = Api::new().await;
    let details = api.refused("/api/v1/compare?baseline=1&margin=7&when=now").await;
    for name in ["service", "candidate", "margin", "when"] {
        assert!(details[name].is_string(), "{name} in {details}");
    }
    let details = api
        .refused("/api/v1/compare?service=a&baseline=1&candidate=1")
        .await;
    assert_eq!(details["candidate"], "must be another version than the baseline");
    let answer = api.json("/api/v1/compare?service=a&baseline=1&candidate=2").await;
    assert_eq!(answer["verdict"], "NOT_YET_KNOWN");
    assert!(
        answer["summary"]
            .as_str()
            .unwrap()
            .contains("have no sagas of the same type"),
        "{answer}"
    );
    let hiding = Api::hiding(&["serviceVersion"]).await;
    let details = hiding
        .refused("/api/v1/compare?service=a&baseline=1&candidate=2")
        .await;
    assert!(
        details["candidate"]
            .as_str()
            .unwrap()
            .contains("redaction.metadataKeys"),
        "{details}"
    );
    assert_eq!(hiding.json("/api/v1/versions").await["services"], json!([]));
}

#[tokio::test]
async fn a_version_is_marked_on_the_charts_and_leads_to_before_and_after() {
    let api = canary(60, true).await;
    // The old version was there before the new one.
    let earlier = payment("earlier", -10 * MINUTE, "2.7.0", false);
    api.record(earlier).await;
    let request = ReconcileRequest {
        now: Timestamp::now(),
        evaluate_before: None,
        named: BTreeSet::new(),
    };
    api.store.reconcile_producers(&request).await.unwrap();
    let overview = page(
        &api,
        &format!("/?fromDate={}&toDate={}", at(-30 * MINUTE), at(90 * MINUTE)),
    )
    .await;
    for part in [
        r#"<a class="marker" href="/services/payment-service?fromDate="#,
        r#"class="line p95""#,
        "payment-service 2.8.0</bdi>: before and after",
        r#"<th scope="col" class="number">p95</th>"#,
    ] {
        assert!(overview.contains(part), "{part} in {overview}");
    }
    assert!(!overview.contains("payment-service 2.7.0</bdi>"), "{overview}");
    let marker = overview.split(r#"<a class="marker" href=""#).nth(1).unwrap();
    let path = marker.split('"').next().unwrap().replace("&#38;", "&");
    let service = page(&api, path.split('#').next().unwrap()).await;
    for part in [
        r#"id="versions""#,
        "payment-service 2.8.0 is worse than 2.7.0",
        "What differs from <bdi>2.7.0</bdi>",
        "a.serviceVersion=2.8.0",
        "the first version",
    ] {
        assert!(service.contains(part), "{part} in {service}");
    }
}
