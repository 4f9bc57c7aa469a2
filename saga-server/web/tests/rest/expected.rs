//! What other sagas say of one that goes on: `expected` of one saga and of `/api/v1/attention`.

use saga_types::Timestamp;
use serde_json::{Value, json};

use crate::harness::{Api, BEGIN, Event, event};

const PARCEL: &str = "sagaType: PARCEL
startsWith: [ORDERED]
forward:
  - { step: ORDERED, service: shop }
  - { step: PACKED, service: warehouse }
  - { step: SENT, service: carrier }
completesWith: [SENT]
";

fn of_parcel(saga_id: &str, step: &str, status: &str, after_ms: i64) -> Event {
    event(saga_id, step, status, after_ms).of_type("PARCEL")
}

/// So many that were packed after a second and sent half a second later, one a second.
async fn parcels(api: &Api, name: &str, from: i64, count: i64) {
    let events = (0..count).flat_map(|number| {
        let (saga_id, at) = (format!("{name}-{number}"), from + number * 1_000);
        [
            of_parcel(&saga_id, "ORDERED", "STARTED", at),
            of_parcel(&saga_id, "PACKED", "IN_PROGRESS", at + 1_000 + number),
            of_parcel(&saga_id, "SENT", "COMPLETED", at + 1_500 + number),
        ]
    });
    api.record(events.collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn a_saga_that_goes_on_says_what_is_usual_and_when_it_will_have_ended() {
    let api = Api::defined_by(&[PARCEL]).await;
    let now = Timestamp::now().as_millis() - BEGIN;
    api.record([of_parcel("open", "ORDERED", "STARTED", now)]).await;
    let expected = api.json("/api/v1/sagas/open").await["expected"].clone();
    assert_eq!(
        expected,
        json!({"waits": [{"step": "PACKED", "after": "ORDERED", "usual": null}], "end": null, "stuck": null})
    );
    parcels(&api, "before", now - 600_000, 300).await;
    api.store.learn_usual(Timestamp::now()).await.unwrap();
    let expected = api.json("/api/v1/sagas/open").await["expected"].clone();
    assert_eq!(
        expected["waits"][0]["usual"],
        json!({"observations": 300, "p50Ms": 1149, "p95Ms": 1284, "p999Ms": 1299, "neverMs": 10_000})
    );
    let ended = api.json("/api/v1/sagas/before-0").await;
    assert_eq!(ended["expected"], Value::Null);
    let as_of = api.json("/api/v1/sagas/open?asOf=2199-01-01").await;
    assert_eq!(as_of["expected"], Value::Null);
}

#[tokio::test]
async fn a_stuck_saga_says_by_what_it_is_stuck() {
    let api = Api::defined_by(&[PARCEL]).await;
    let now = Timestamp::now().as_millis() - BEGIN;
    parcels(&api, "before", now - 1_200_000, 300).await;
    api.store.learn_usual(Timestamp::now()).await.unwrap();
    api.record([of_parcel("stalled", "ORDERED", "STARTED", now - 600_000)])
        .await;
    api.record([event("late", "ORDER_CREATED", "STARTED", now - 600_000)])
        .await;
    parcels(&api, "later", now - 599_000, 30).await;
    api.store.mark_unusual(Timestamp::now()).await.unwrap();
    let moment = |after_ms: i64| Timestamp::from_millis(BEGIN + after_ms).unwrap().to_string();
    for (saga_id, by, since) in [
        ("stalled", "USUAL", now - 590_000),
        ("late", "LIMIT", now - 600_000 + 180_000),
    ] {
        let saga = api.json(&format!("/api/v1/sagas/{saga_id}")).await;
        let stuck = json!({"by": by, "since": moment(since)});
        assert_eq!(saga["expected"]["stuck"], stuck, "{saga_id}");
        let attention = api.json("/api/v1/attention").await;
        let sagas = attention["stuck"]["sagas"].as_array().unwrap();
        let entry = sagas.iter().find(|entry| entry["sagaId"] == saga_id).unwrap();
        assert_eq!(entry["expected"]["stuck"], stuck, "{saga_id}");
        assert!(entry["lateMs"].as_i64().unwrap() > 0);
    }
    assert_eq!(
        api.ids("/api/v1/sagas?stuck=true&sort=due").await,
        ["stalled", "late"]
    );
}
