//! `GET /api/v1/sagas/statistics`.

use serde_json::{Value, json};

use crate::harness::{Api, compensated, completed, event, failed};

const STATISTICS: &str = "/api/v1/sagas/statistics";

#[tokio::test]
async fn without_sagas_everything_is_zero_and_every_status_and_type_is_there() {
    let api = Api::new().await;
    assert_eq!(
        api.json_alone(STATISTICS).await,
        json!({
            "period": {"from": null, "to": null},
            "total": 0,
            "byStatus": {"STARTED": 0, "IN_PROGRESS": 0, "COMPLETED": 0, "FAILED": 0, "COMPENSATED": 0},
            "byType": {"ORDER_CREATION": 0, "PAYMENT_COMPLETION": 0, "REFUND": 0, "STORE_REGISTRATION": 0},
            "failureRate": 0.0,
            "compensationRate": 0.0,
            "avgDurationSeconds": null,
            "durationPercentilesSeconds": {"p50": null, "p95": null, "p99": null},
        })
    );
}

async fn with_sagas() -> Api {
    let api = Api::new().await;
    api.record(completed("done", 0)).await;
    api.record(failed("failed-1", 1000)).await;
    api.record(failed("failed-2", 2000)).await;
    api.record(compensated("undone", 3000)).await;
    api.record([event("loan", "LOAN_ASKED", "STARTED", 86_400_000).of_type("LOAN_APPROVAL")])
        .await;
    api
}

#[tokio::test]
async fn rates_and_durations_are_those_of_the_period() {
    let api = with_sagas().await;
    let answer = api.json(STATISTICS).await;
    assert_eq!(answer["total"], 5);
    assert_eq!(
        answer["byStatus"],
        json!({"STARTED": 1, "IN_PROGRESS": 0, "COMPLETED": 1, "FAILED": 2, "COMPENSATED": 1})
    );
    assert_eq!(
        (
            &answer["byType"]["ORDER_CREATION"],
            &answer["byType"]["LOAN_APPROVAL"]
        ),
        (&json!(4), &json!(1))
    );
    assert_eq!(
        (&answer["failureRate"], &answer["compensationRate"]),
        (&json!(0.6), &json!(1.0 / 3.0))
    );
    // 1 s, 0.5 s twice, 3 s.
    assert_eq!(answer["avgDurationSeconds"], json!(1.25));
    let percentiles: Vec<f64> = ["p50", "p95", "p99"]
        .iter()
        .filter_map(|name| answer["durationPercentilesSeconds"][name].as_f64())
        .collect();
    assert!(
        percentiles.is_sorted() && percentiles.len() == 3,
        "{percentiles:?}"
    );
}

#[tokio::test]
async fn filters_limit_what_is_counted() {
    let api = with_sagas().await;
    for (query, total) in [
        ("fromDate=2025-10-09&toDate=2025-10-09", 4),
        ("fromDate=2025-10-10", 1),
        ("sagaType=LOAN_APPROVAL", 1),
        ("sagaType=REFUND", 0),
        ("toDate=2025-10-09T08:53:21Z", 2),
    ] {
        assert_eq!(
            api.json(&format!("{STATISTICS}?{query}")).await["total"],
            total,
            "{query}"
        );
    }
    let period = api
        .json(&format!("{STATISTICS}?fromDate=2025-10-09&toDate=2025-10-09"))
        .await["period"]
        .clone();
    assert_eq!(
        period,
        json!({"from": "2025-10-09T00:00:00.000Z", "to": "2025-10-09T23:59:59.999Z"})
    );
}

#[tokio::test]
async fn a_saga_that_was_compensated_has_failed() {
    let api = Api::new().await;
    api.record(compensated("undone", 0)).await;
    let answer = api.json(STATISTICS).await;
    assert_eq!(
        (
            answer["failureRate"].as_f64(),
            answer["compensationRate"].as_f64()
        ),
        (Some(1.0), Some(1.0))
    );
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let api = Api::new().await;
    for (query, name) in [
        ("fromDate=x", "fromDate"),
        ("status=FAILED", "status"),
        ("sagaType=%0A", "sagaType"),
    ] {
        let details: Value = api.refused(&format!("{STATISTICS}?{query}")).await;
        assert_eq!(details.as_object().unwrap().keys().collect::<Vec<_>>(), [name]);
    }
}
