//! `GET /api/v1/attention`.

use saga_store::PartitionProgress;
use saga_types::Timestamp;
use serde_json::json;

use crate::harness::{Api, BEGIN, completed, event};

const PATH: &str = "/api/v1/attention";

#[tokio::test]
async fn stuck_sagas_are_reported_with_the_step_its_owner_and_how_late() {
    let api = Api::new().await;
    api.record(completed("fine", 0)).await;
    api.record([event("younger", "ORDER_CREATED", "STARTED", 1000)])
        .await;
    api.record([event("older", "ORDER_CREATED", "STARTED", 0)]).await;
    let answer = api.json(PATH).await;
    let stuck = &answer["stuck"];
    assert_eq!(
        (&stuck["total"], &stuck["totalIsExact"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(
        (&stuck["sagas"][0]["sagaId"], &stuck["sagas"][1]["sagaId"]),
        (&json!("older"), &json!("younger"))
    );
    assert_eq!(
        stuck["sagas"][0]["awaiting"],
        json!([{
            "step": "STOCK_RESERVATION", "service": "product-service", "choice": null,
            "since": "2025-10-09T08:53:20.000Z", "deadline": "2025-10-09T08:56:20.000Z",
        }])
    );
    let judged_at: Timestamp = answer["judgedAt"].as_str().unwrap().parse().unwrap();
    let deadline = BEGIN + 180_000;
    assert_eq!(stuck["sagas"][0]["lateMs"], judged_at.as_millis() - deadline);
    assert_eq!(answer["owing"]["total"], 0);
    assert_eq!(answer["freshness"]["upToDate"], true);

    assert_eq!(
        answer["stuck"]["groups"],
        json!([{
            "step": "STOCK_RESERVATION", "owner": "product-service", "sagaType": "ORDER_CREATION", "contact": null, "sagas": 2,
            "since": "2025-10-09T08:56:20.000Z", "overdue": true,
            "page": "/sagas?awaits=STOCK_RESERVATION&stuck=true&sagaType=ORDER_CREATION&sort=due",
        }])
    );
    assert_eq!(answer["owing"]["groups"], json!([]));

    let one = api.json("/api/v1/attention?size=1").await;
    assert_eq!(one["stuck"]["sagas"].as_array().unwrap().len(), 1);
    assert_eq!(one["stuck"]["total"], 2);
    let details = api.refused("/api/v1/attention?size=0&stuck=true").await;
    assert!(
        details["size"].is_string() && details["stuck"].is_string(),
        "{details}"
    );
}

#[tokio::test]
async fn compensations_are_late_when_they_are_owed_for_longer_than_allowed() {
    let api = Api::new().await;
    let now = Timestamp::now().as_millis() - BEGIN;
    for (saga_id, failed_at) in [("new", now - 60_000), ("old", now - 3_600_000)] {
        let reserved = event(saga_id, "STOCK_RESERVED", "COMPLETED", failed_at - 1000);
        let failed = event(saga_id, "PAYMENT_FAILED", "FAILED", failed_at);
        api.record([reserved, failed]).await;
    }
    let answer = api.json(PATH).await;
    assert_eq!(answer["compensationOverdueAfterSeconds"], 300);
    let owing = &answer["owing"]["sagas"];
    assert_eq!(
        (&owing[0]["sagaId"], &owing[0]["outstandingCompensations"]),
        (&json!("old"), &json!(["STOCK_RESERVED"]))
    );
    assert_eq!(owing[0]["awaiting"][0]["service"], "product-service");
    let late = owing[0]["lateMs"].as_i64().unwrap();
    assert!(late >= 3_300_000, "{late}");
    assert_eq!(
        (&owing[1]["sagaId"], &owing[1]["lateMs"]),
        (&json!("new"), &json!(0))
    );
    assert_eq!(answer["stuck"]["total"], 0);
    let group = &answer["owing"]["groups"][0];
    assert_eq!(
        (&group["step"], &group["sagas"], &group["overdue"]),
        (&json!("STOCK_RESERVED"), &json!(2), &json!(true))
    );
    // The page lists exactly the sagas of the group.
    let page = group["page"].as_str().unwrap();
    let listed = api.json(&page.replace("/sagas?", "/api/v1/sagas?")).await;
    assert_eq!(listed["page"]["totalElements"], 2, "{page}");
}

#[tokio::test]
async fn while_ingest_lags_nothing_becomes_stuck() {
    let api = Api::new().await;
    api.record([event("saga-1", "ORDER_CREATED", "STARTED", 0)]).await;
    let as_of = Timestamp::from_millis(BEGIN + 179_000).unwrap();
    api.progress.load(vec![PartitionProgress {
        partition: 0,
        events_behind: 9,
        as_of: Some(as_of),
        observed_at: Timestamp::MAX,
    }]);
    let answer = api.json(PATH).await;
    assert_eq!(answer["stuck"]["total"], 0);
    assert_eq!(answer["judgedAt"], as_of.to_string());
    assert_eq!(answer["freshness"]["upToDate"], false);
}
