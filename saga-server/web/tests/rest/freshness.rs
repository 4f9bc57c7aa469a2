//! What every answer says of how fresh it is.

use saga_store::PartitionProgress;
use saga_types::Timestamp;
use serde_json::json;

use crate::harness::{Api, BEGIN, completed, event};

fn at(after_ms: i64) -> Timestamp {
    Timestamp::from_millis(BEGIN + after_ms).unwrap()
}

/// Partition 0 is up to date; partition 1 holds everything until a minute after [`BEGIN`], and that is long ago.
fn behind(api: &Api) {
    let partition = |partition, events_behind, as_of| PartitionProgress {
        partition,
        events_behind,
        as_of: Some(as_of),
        observed_at: Timestamp::MAX,
    };
    api.progress.load(vec![
        partition(0, 0, Timestamp::MAX),
        partition(1, 12_400, at(60_000)),
    ]);
}

#[tokio::test]
async fn every_answer_says_up_to_which_moment_it_holds_everything() {
    let api = Api::new().await;
    api.record(completed("saga-1", 0)).await;
    for path in [
        "/api/v1/sagas",
        "/api/v1/sagas?size=100&page=1000",
        "/api/v1/sagas/saga-1",
        "/api/v1/sagas/saga-1?asOf=2025-10-10",
        "/api/v1/sagas/saga-1/steps",
        "/api/v1/sagas/statistics",
    ] {
        let freshness = &api.json(path).await["freshness"];
        assert_eq!(freshness["upToDate"], true, "{path}");
        assert_eq!(freshness["summary"], "up to date");
        assert_eq!(freshness["partitions"][0]["eventsBehind"], 0);
    }
    behind(&api);
    let freshness = &api.json("/api/v1/sagas/saga-1").await["freshness"];
    assert_eq!(freshness["upToDate"], false);
    assert_eq!(freshness["asOf"], "2025-10-09T08:54:20.000Z");
    assert_eq!(freshness["eventsBehind"], 12_400);
    let summary = freshness["summary"].as_str().unwrap();
    assert!(summary.starts_with("12,400 events behind, about "), "{summary}");
    assert_eq!(
        (
            &freshness["partitions"][0]["upToDate"],
            &freshness["partitions"][1]["upToDate"]
        ),
        (&json!(true), &json!(false))
    );
}

#[tokio::test]
async fn what_is_not_found_while_the_tracker_is_behind_may_still_come() {
    let api = Api::new().await;
    behind(&api);
    for path in ["/api/v1/sagas/saga-1", "/api/v1/sagas/saga-1/steps"] {
        let error = api.get(path).await.is_error(404, "NOT_FOUND", path);
        let message = error["message"].as_str().unwrap();
        let begin = "there is no saga \"saga-1\" yet; it may still come: 12,400 events behind";
        assert!(message.starts_with(begin), "{message}");
        assert_eq!(error["details"]["asOf"], "2025-10-09T08:54:20.000Z");
        assert!(error["details"]["freshness"].as_str().unwrap().contains("12,400"));
    }
}

#[tokio::test]
async fn lag_never_looks_like_a_saga_that_is_stuck() {
    let api = Api::new().await;
    // The stock must be reserved within three minutes; whether it was is not known yet.
    api.record([event("saga-1", "ORDER_CREATED", "STARTED", 0)]).await;
    assert_eq!(api.ids("/api/v1/sagas?stuck=true").await, ["saga-1"]);
    behind(&api);
    assert!(api.ids("/api/v1/sagas?stuck=true").await.is_empty());
    assert_eq!(api.ids("/api/v1/sagas?stuck=false").await, ["saga-1"]);
}
