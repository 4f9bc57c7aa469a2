//! `GET /internal/v1/producers`, and `/services`, which shows the same to people.

use saga_store::{ProducerObservation, ReconcileRequest, Wire};
use saga_types::Timestamp;
use serde_json::json;

use crate::harness::{Api, completed, event};

const PATH: &str = "/internal/v1/producers";

fn observation(service: &str, instance: Option<&str>, numbers: &[u64]) -> ProducerObservation {
    let now = Timestamp::now();
    ProducerObservation {
        service: service.to_owned(),
        instance: instance.map(str::to_owned),
        sdk_version: instance.map(|_| "0.1.0".to_owned()),
        wire: Some(Wire {
            schema_version: Some(if instance.is_some() { 2 } else { 1 }),
            schema_id: instance.is_none().then_some(7),
        }),
        first: now,
        last: now,
        sequences: numbers.iter().copied().collect(),
    }
}

/// Brings the accounts up to date, and judges everything that was seen.
async fn reconcile(api: &Api) {
    let now = Timestamp::now();
    let soon = Timestamp::from_millis(now.as_millis() + 1000).unwrap();
    for evaluate_before in [None, Some(soon)] {
        let tending = ReconcileRequest {
            now,
            evaluate_before,
            named: ["order-service".to_owned()].into(),
        };
        api.store.reconcile_producers(&tending).await.unwrap();
    }
}

/// Three services: one that lost events, one of another language, one whose name is hostile. Gives the instance of the first.
async fn services(api: &Api) -> String {
    let instance = uuid::Uuid::now_v7().to_string();
    api.record(completed("saga-1", 0)).await;
    api.record([
        event("saga-2", "STOCK_RESERVED", "COMPLETED", 0).with(json!({"producerService": "legacy-service"}))
    ])
    .await;
    let seen = [
        observation("order-service", Some(&instance), &[1, 2, 5, 7, 8]),
        observation("legacy-service", None, &[]),
        observation("<script>alert(1)</script>", Some("\"><img src=x>"), &[1]),
    ];
    api.store.observe_producers(&seen).await.unwrap();
    reconcile(api).await;
    instance
}

#[tokio::test]
async fn services_are_shown_with_their_instances_steps_and_gaps() {
    let api = Api::new().await;
    let empty = api.json(PATH).await;
    assert_eq!(
        (&empty["content"], &empty["nextCursor"]),
        (&json!([]), &json!(null))
    );
    assert_eq!(empty["eventsLostAfterSeconds"], 360);
    assert_eq!(empty["freshness"]["upToDate"], true);

    let instance = services(&api).await;
    let answer = api.json(&format!("{PATH}?service=order-service")).await;
    let service = &answer["content"][0];
    for (field, value) in [
        ("service", json!("order-service")),
        ("events", json!(2)),
        ("possiblyLost", json!(3)),
        ("deadLetters", json!(0)),
        ("steps", json!({"ORDER_CONFIRMED": 1, "ORDER_CREATED": 1})),
        ("instanceCount", json!(1)),
    ] {
        assert_eq!(service[field], value, "{field}");
    }
    assert!(service["eventsPerSecond"].as_f64().unwrap() > 0.0);
    let reported = &service["instances"][0];
    for (field, value) in [
        ("instance", json!(instance)),
        ("sdkVersion", json!("0.1.0")),
        ("wireFormat", json!("SINGLE_OBJECT")),
        ("schemaVersion", json!(2)),
        ("schemaId", json!(null)),
        ("received", json!(5)),
        ("possiblyLost", json!(3)),
    ] {
        assert_eq!(reported[field], value, "{field}");
    }
    let gaps: Vec<_> = reported["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| (&gap["first"], &gap["last"]))
        .collect();
    assert_eq!(gaps, [(&json!(3), &json!(4)), (&json!(6), &json!(6))]);
}

#[tokio::test]
async fn what_has_no_numbers_says_so() {
    let api = Api::new().await;
    services(&api).await;
    let answer = api.json(&format!("{PATH}?service=legacy-service")).await;
    let service = &answer["content"][0];
    assert_eq!(
        (&service["events"], &service["instanceCount"]),
        (&json!(1), &json!(0))
    );
    let unnamed = &service["instances"][0];
    for field in [
        "instance",
        "sdkVersion",
        "received",
        "receivedPerSecond",
        "possiblyLost",
    ] {
        assert_eq!(unnamed[field], json!(null), "{field}");
    }
    assert_eq!(
        (
            &unnamed["wireFormat"],
            &unnamed["schemaVersion"],
            &unnamed["schemaId"]
        ),
        (&json!("CONFLUENT"), &json!(1), &json!(7))
    );
}

#[tokio::test]
async fn pages_lead_from_one_to_the_next() {
    let api = Api::new().await;
    services(&api).await;
    let mut names = Vec::new();
    let mut path = format!("{PATH}?size=1");
    loop {
        let answer = api.json(&path).await;
        names.push(answer["content"][0]["service"].as_str().unwrap().to_owned());
        let Some(cursor) = answer["nextCursor"].as_str() else {
            break;
        };
        path = format!("{PATH}?size=1&cursor={cursor}");
    }
    assert_eq!(
        names,
        ["<script>alert(1)</script>", "legacy-service", "order-service"]
    );
}

#[tokio::test]
async fn parameters_that_make_no_sense_are_refused_by_name() {
    let api = Api::new().await;
    let details = api
        .refused(&format!("{PATH}?size=101&cursor=x&service=a%0Ab&page=1"))
        .await;
    for name in ["size", "cursor", "service", "page"] {
        assert!(details[name].is_string(), "{details}");
    }
}

#[tokio::test]
async fn the_call_is_for_operators_and_the_page_for_viewers() {
    let api = Api::with_tokens().await;
    let status = async |path: &str, token: &str| {
        let header = format!("Bearer {token}");
        let answer = api
            .request(reqwest::Method::GET, path, &[("authorization", header.as_str())])
            .await;
        answer.status.as_u16()
    };
    assert_eq!(status(PATH, "board's").await, 403);
    assert_eq!(status(PATH, "dana's").await, 200);
    assert_eq!(status("/services", "board's").await, 200);
}

#[tokio::test]
async fn the_page_says_first_whether_anything_is_missing() {
    let api = Api::new().await;
    let empty = api.get("/services").await.text;
    assert!(
        empty.contains("No service yet") && empty.contains("saga_sdk::connect"),
        "{empty}"
    );
    api.record(completed("saga-1", 0)).await;
    reconcile(&api).await;
    let quiet = api.get("/services").await.text;
    assert!(quiet.contains("No missing events detected."), "{quiet}");

    let instance = services(&api).await;
    let page = api.get("/services").await.text;
    assert!(page.contains(r#"href="/internal/v1/producers.csv""#), "{page}");
    for words in [
        "3 events of order-service are possibly lost.",
        "did not come within 6 min",
        "/services/order-service",
        "version 1 (registry id 7)",
        "no sequence numbers",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let service = api.get("/services/order-service").await.text;
    for words in [
        "did not come within 6 min",
        "no. 3 to 4, noticed",
        "/sagas?producerService=order-service&#38;step=ORDER_CREATED",
        &instance,
    ] {
        assert!(service.contains(words), "{words}: {service}");
    }
    let hostile = api
        .get("/services/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
        .await
        .text;
    for page in [page, service, hostile] {
        assert!(
            !page.contains("<script>alert") && !page.contains("<img src=x>"),
            "{page}"
        );
    }
}
