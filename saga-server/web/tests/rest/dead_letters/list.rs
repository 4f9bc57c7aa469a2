//! Lists of letters, their filters and pages.

use reqwest::Method;
use saga_types::Timestamp;
use serde_json::{Value, json};

use super::{GROUPS, LIST, letter, replayable};
use crate::{
    harness::{Api, event},
    pages::page,
};

#[tokio::test]
async fn letters_are_listed_newest_first_with_all_that_is_known() {
    let api = Api::new().await;
    let created = event("saga-1", "ORDER_CREATED", "STARTED", 0).with(json!({"orderAmount": 100}));
    let letters = vec![
        letter(b"\xc3\x01nonsense", "TRUNCATED", 1),
        replayable(&created, 2),
    ];
    api.store.keep_letters(letters).await.unwrap();
    let answer = api.json(LIST).await;
    let content = answer["content"].as_array().unwrap();
    assert_eq!((content.len(), &answer["nextCursor"]), (2, &Value::Null));
    let readable = &content[0];
    assert_eq!(readable["event"], serde_json::to_value(&created.0).unwrap());
    assert_eq!(readable["undecodable"], Value::Null);
    assert_eq!(readable["eventId"], created.0.event_id.as_str());
    let unreadable = content[1].clone();
    assert_eq!(
        unreadable,
        json!({
            "id": unreadable["id"], "state": "WAITING", "acknowledgement": null, "dismissal": null, "reason": "TRUNCATED", "message": "the reason in words",
            "deadSince": "2025-10-09T08:53:20.001Z", "topic": "events.dlt", "partition": 0, "offset": 1,
            "origin": {"topic": "events", "partition": null, "offset": null, "timestamp": null, "consumerGroup": null},
            "sagaId": "saga-1", "eventId": null, "producerService": null, "event": null,
            "undecodable": "unknown schema fingerprint 65736e65736e6f6e", "partial": null,
            "key": {"bytes": 6, "text": "saga-1", "hex": null}, "payload": {"bytes": 10, "text": null, "hex": "c3016e6f6e73656e7365"},
            "headers": [{"name": "saga-producer", "value": {"bytes": 13, "text": "order-service", "hex": null}}],
            "attempts": 0, "lastAttempt": null, "erasedAt": null,
        })
    );
}

#[tokio::test]
async fn one_letter_is_answered_as_the_list_has_it_in_any_state() {
    let api = Api::new().await;
    let letters = vec![letter(b"x", "EMPTY", 1), letter(b"y", "TRUNCATED", 2)];
    api.store.keep_letters(letters).await.unwrap();
    let listed = api.json(LIST).await["content"].clone();
    for letter in listed.as_array().unwrap() {
        assert_eq!(&api.json(&format!("{LIST}/{}", letter["id"])).await, letter);
    }
    let id = &listed[0]["id"];
    let body = json!({"deadLetterIds": [id], "note": "a test"}).to_string();
    let headers = [("content-type", "application/json")];
    let dismissed = api
        .request_with(
            Method::POST,
            "/internal/v1/dlt/dismiss",
            &headers,
            body.into_bytes(),
        )
        .await;
    assert_eq!(dismissed.status, 200, "{}", dismissed.text);
    let one = api.json(&format!("{LIST}/{id}")).await;
    assert_eq!(
        (&one["state"], &one["dismissal"]["note"]),
        (&json!("DISMISSED"), &json!("a test"))
    );

    let unknown = api.get(&format!("{LIST}/999")).await;
    assert_eq!(unknown.status, 404, "{}", unknown.text);
    assert!(
        unknown.text.contains("there is no dead letter 999"),
        "{}",
        unknown.text
    );
    for wrong in ["x", "9223372036854775808", "1.5", "%00"] {
        let refused = api.get(&format!("{LIST}/{wrong}")).await;
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.text);
    }
}

#[tokio::test]
async fn what_is_hidden_elsewhere_is_hidden_here() {
    let api = Api::hiding(&["card*"]).await;
    let paid =
        event("saga-1", "ORDER_CREATED", "STARTED", 0).with(json!({"cardNumber": "4711", "itemCount": 3}));
    let value = b"almost an event with cardNumber 4711";
    api.store
        .keep_letters(vec![replayable(&paid, 1), letter(value, "TRUNCATED", 2)])
        .await
        .unwrap();
    let answer = api.get(LIST).await;
    assert!(
        !answer.text.contains("4711") && !answer.text.contains("34373131"),
        "{}",
        answer.text
    );
    let content = answer.json()["content"].clone();
    for letter in content.as_array().unwrap() {
        assert_eq!(&api.json(&format!("{LIST}/{}", letter["id"])).await, letter);
    }
    assert_eq!(
        content[1]["event"]["metadata"],
        json!({"cardNumber": "***", "itemCount": 3})
    );
    assert_eq!(
        content[0]["payload"],
        json!({"bytes": value.len(), "text": null, "hex": null})
    );
}

#[tokio::test]
async fn a_period_may_be_relative_or_between_two_times() {
    let api = Api::new().await;
    let mut new = letter(b"x", "EMPTY", 1);
    new.letter.dead_since = Timestamp::now();
    api.store
        .keep_letters(vec![new, letter(b"x", "EMPTY", 2)])
        .await
        .unwrap();
    for path in [
        "/internal/v1/dlt?period=1h",
        "/internal/v1/dlt?fromDate=2026-01-01",
        "/internal/v1/dlt?toDate=2026-01-01",
    ] {
        let answer = api.json(path).await;
        assert_eq!(answer["content"].as_array().unwrap().len(), 1, "{path}");
    }
    let details = api
        .refused("/internal/v1/dlt?period=1h&fromDate=2026-01-01")
        .await;
    assert!(details["period"].is_string(), "{details}");
    let list = page(&api, "/dead-letters?period=1h&reason=EMPTY").await;
    for part in [
        r#"aria-label="Time range""#,
        r#"href="/dead-letters?reason=EMPTY&#38;period=24h""#,
        "data-copy-address",
        r#"rel="prev""#,
        // Forms mean what is listed now.
        r#"type="hidden" name="fromDate""#,
    ] {
        assert!(list.contains(part), "{part} in {list}");
    }
    let all = page(&api, "/dead-letters").await;
    assert!(all.contains(r#"aria-current="page">Any time<"#), "{all}");
}

#[tokio::test]
async fn filters_and_pages_of_letters() {
    let api = Api::new().await;
    let letters = (0..5).map(|number| letter(b"x", if number < 2 { "EMPTY" } else { "TRUNCATED" }, number));
    api.store.keep_letters(letters.collect()).await.unwrap();
    let offsets = async |path: &str| -> Vec<i64> {
        let answer = api.json(path).await;
        let content = answer["content"].as_array().unwrap().clone();
        content
            .iter()
            .map(|letter| letter["offset"].as_i64().unwrap())
            .collect()
    };
    for (filter, expected) in [
        ("reason=EMPTY", vec![1, 0]),
        (
            "state=WAITING&sagaId=saga-1&originTopic=events",
            vec![4, 3, 2, 1, 0],
        ),
        ("state=REPLAYED", vec![]),
        ("sagaId=other", vec![]),
        ("originTopic=other", vec![]),
        ("fromDate=2025-10-09T08:53:20.003Z", vec![4, 3]),
        ("toDate=2025-10-09T08:53:20.000Z", vec![0]),
    ] {
        assert_eq!(offsets(&format!("{LIST}?{filter}")).await, expected, "{filter}");
    }
    let first = api.json(&format!("{LIST}?size=3")).await;
    let cursor = first["nextCursor"].as_str().unwrap();
    assert_eq!(offsets(&format!("{LIST}?size=3&cursor={cursor}")).await, [1, 0]);

    let groups = api.json(GROUPS).await;
    assert_eq!(
        groups,
        json!({"groups": [
            {"reason": "TRUNCATED", "waiting": 3, "replayed": 0, "dismissed": 0,
             "first": "2025-10-09T08:53:20.002Z", "last": "2025-10-09T08:53:20.004Z"},
            {"reason": "EMPTY", "waiting": 2, "replayed": 0, "dismissed": 0,
             "first": "2025-10-09T08:53:20.000Z", "last": "2025-10-09T08:53:20.001Z"},
        ], "waiting": 5, "replayed": 0, "dismissed": 0, "countsAreExact": true})
    );
    assert_eq!(api.json(&format!("{GROUPS}?reason=EMPTY")).await["waiting"], 2);
}
