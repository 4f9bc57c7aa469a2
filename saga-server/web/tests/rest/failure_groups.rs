//! `GET /api/v1/failure-groups`, and where groups lead to.

use saga_types::Timestamp;
use serde_json::{Value, json};

use crate::{
    harness::{Api, BEGIN, Event, completed, event},
    pages::{page, text},
};

const HOUR: i64 = 3_600_000;

/// An order whose payment failed.
fn failed(saga_id: &str, after: i64, reason: Option<&str>) -> Vec<Event> {
    let failure = event(saga_id, "PAYMENT_FAILED", "FAILED", after + 300);
    vec![
        event(saga_id, "ORDER_CREATED", "STARTED", after),
        match reason {
            Some(reason) => failure.with(json!({"failureReason": reason})),
            None => failure,
        },
    ]
}

/// A day with failures of four kinds, and the day before.
async fn two_days() -> Api {
    let api = Api::new().await;
    let (before, now) = (HOUR, 25 * HOUR);
    for saga in 0..200 {
        api.record(completed(&format!("fine-{saga}"), before + saga))
            .await;
        api.record(completed(&format!("fine-too-{saga}"), now + saga))
            .await;
    }
    for saga in 0..30 {
        let reason = format!("acquirer timeout after {} ms", 3_000 + saga);
        api.record(failed(
            &format!("late-{saga}"),
            now + saga * 60_000,
            Some(&reason),
        ))
        .await;
    }
    for saga in 0..3 {
        let reason = "acquirer timeout after 3000 ms";
        api.record(failed(&format!("early-{saga}"), before + saga, Some(reason)))
            .await;
        api.record(failed(&format!("limit-{saga}"), now + saga, Some("limit")))
            .await;
        api.record(failed(
            &format!("limit-before-{saga}"),
            before + saga,
            Some("limit"),
        ))
        .await;
    }
    api.record(failed("first", now, Some("unheard of\n  at Acquirer.java:12")))
        .await;
    api.record(failed("silent", now, None)).await;
    api.record(failed("silent-before", before, None)).await;
    api
}

fn at(millis: i64) -> String {
    Timestamp::from_millis(BEGIN + millis).unwrap().to_string()
}

fn day() -> String {
    format!("fromDate={}&toDate={}", at(24 * HOUR), at(48 * HOUR - 1))
}

fn encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| format!("%{byte:02X}"));
    bytes.collect()
}

#[tokio::test]
async fn groups_are_counted_beside_the_period_before_and_lead_to_their_sagas() {
    let api = two_days().await;
    let mut answer = api.json_alone(&format!("/api/v1/failure-groups?{}", day())).await;
    insta::assert_json_snapshot!("failure_groups", answer);
    for group in answer["groups"].as_array_mut().unwrap() {
        let name = group["failureGroup"].as_str().unwrap();
        let list = api
            .json(&format!("/api/v1/sagas?{}&failureGroup={}", day(), encoded(name)))
            .await;
        assert_eq!(list["page"]["totalElements"], group["now"], "{name}");
        let statistics = api
            .json(&format!(
                "/api/v1/sagas/statistics?{}&failureGroup={}",
                day(),
                encoded(name)
            ))
            .await;
        assert_eq!(statistics["total"], group["now"], "{name}");
    }
}

#[tokio::test]
async fn without_sagas_there_are_no_groups_and_bad_dates_are_named() {
    let api = Api::new().await;
    let answer = api.json("/api/v1/failure-groups").await;
    assert_eq!(
        (&answer["groups"], &answer["started"], &answer["others"]),
        (&json!([]), &json!(0), &json!(0))
    );
    let length = |name: &str| answer[name].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert_eq!(length("to").millis_since(length("from")), 24 * HOUR);
    let details = api
        .refused("/api/v1/failure-groups?fromDate=yesterday&of=x")
        .await;
    assert!(
        details["fromDate"].is_string() && details["of"].is_string(),
        "{details}"
    );
}

#[tokio::test]
async fn where_reasons_are_hidden_failures_are_grouped_by_their_step() {
    let api = Api::hiding(&["failureReason"]).await;
    for (saga, reason) in [("a", "card of Dana"), ("b", "card of Lee")] {
        api.record(failed(saga, 0, Some(reason))).await;
    }
    let dates = format!("fromDate={}&toDate={}", at(0), at(HOUR));
    let answer = api.get(&format!("/api/v1/failure-groups?{dates}")).await;
    assert!(!answer.text.contains("Dana"), "{}", answer.text);
    let groups: Value = answer.json()["groups"].clone();
    assert_eq!(groups.as_array().unwrap().len(), 1);
    let group = &groups[0];
    assert_eq!(
        (
            &group["failedStep"],
            &group["now"],
            &group["failureGroup"],
            &group["reason"]
        ),
        (&json!("PAYMENT_FAILED"), &json!(2), &Value::Null, &Value::Null)
    );
    let details = api
        .refused("/api/v1/sagas?failureGroup=PAYMENT_FAILED:%20card%20of%20Dana")
        .await;
    assert!(
        details["failureGroup"]
            .as_str()
            .unwrap()
            .contains("redaction.metadataKeys"),
        "{details}"
    );
    api.json("/api/v1/sagas?failureGroup=no%20failing%20step").await;
}

/// Each row of the overview's failures, whatever its reason, leads to as many sagas as it says.
#[tokio::test]
async fn every_failure_of_the_overview_leads_to_exactly_its_sagas() {
    let api = Api::new().await;
    let ago = |millis: i64| Timestamp::now().as_millis() - BEGIN - millis;
    let trace = format!(
        "java.lang.IllegalStateException: pool is empty\n{}",
        "\tat a.b.C.d(C.java)\n".repeat(200)
    );
    for saga in 0..6 {
        api.record(failed(
            &format!("trace-{saga}"),
            ago(60_000 * (saga + 2)),
            Some(&trace),
        ))
        .await;
        api.record(failed(
            &format!("other-{saga}"),
            ago(60_000 * (saga + 2)),
            Some("java.lang.Other"),
        ))
        .await;
    }
    api.record(failed("silent", ago(120_000), None)).await;
    api.record([
        event("undone", "ORDER_CREATED", "STARTED", ago(120_000)),
        event("undone", "STOCK_RELEASED", "COMPENSATED", ago(110_000)),
    ])
    .await;
    let whole = page(&api, "/?period=1h").await;
    let failures = whole.split(r#"aria-labelledby="failures""#).nth(1).unwrap();
    let failures = failures.split("</section>").next().unwrap();
    let mut found = Vec::new();
    for row in failures.split("<tr>").skip(2) {
        let link = row.split(r#"class="step" href=""#).nth(1).unwrap();
        let link = link.split('"').next().unwrap().replace("&#38;", "&");
        let sagas = row.split(r#"data-label="Sagas" class="number">"#).nth(1).unwrap();
        let sagas: u32 = sagas.split(['<', ' ']).next().unwrap().parse().unwrap();
        let words = if sagas == 1 {
            "1 saga".to_owned()
        } else {
            format!("{sagas} sagas")
        };
        let listed = text(&page(&api, &link).await);
        assert!(listed.contains(&words), "{link}: {listed}");
        found.push(sagas);
    }
    assert_eq!(found, [6, 6, 1, 1]);
}
