//! Replay of letters, also as a dry run.

use reqwest::Method;
use saga_store::LetterState;
use serde_json::{Value, json};

use super::{REPLAY, kept, letter, post, replayable};
use crate::harness::{Api, completed, event, failed};

pub(super) async fn replay(api: &Api, body: Value) -> Value {
    let answer = post(api, &body).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn a_dry_run_shows_each_saga_before_and_after_and_writes_nothing() {
    let api = Api::new().await;
    let [created, confirmed] = completed("saga-1", 0).try_into().ok().unwrap();
    api.record([created]).await;
    let other = failed("saga-2", 0);
    let letters = vec![
        replayable(&confirmed, 1),
        replayable(&other[0], 2),
        replayable(&other[1], 3),
        letter(b"nonsense", "EMPTY", 4),
    ];
    api.store.keep_letters(letters).await.unwrap();
    let before = kept(&api).await;
    let answer = replay(&api, json!({"filter": {}, "dryRun": true})).await;
    let counts = [
        &answer["requested"],
        &answer["successful"],
        &answer["failed"],
        &answer["dryRun"],
    ];
    assert_eq!(counts, [&json!(4), &json!(3), &json!(1), &json!(true)]);
    let results = answer["results"].as_array().unwrap();
    let reported = |result: &Value| {
        ["sagaId", "status", "before", "after"].map(|field| result[field].as_str().unwrap_or("-").to_owned())
    };
    // Both letters of saga-1 tell how the saga as a whole would change.
    assert_eq!(
        results.iter().map(reported).collect::<Vec<_>>(),
        [
            ["saga-1", "FAILED", "STARTED", "COMPLETED"],
            ["saga-2", "REPLAYED", "-", "FAILED"],
            ["saga-2", "REPLAYED", "-", "FAILED"],
            ["saga-1", "REPLAYED", "STARTED", "COMPLETED"],
        ]
    );
    let message = results[0]["message"].as_str().unwrap();
    assert!(message.starts_with("UNKNOWN_FRAMING: "), "{message}");
    assert_eq!(kept(&api).await, before);
    assert_eq!(api.get("/api/v1/sagas/saga-2").await.status.as_u16(), 404);
    assert_eq!(api.json("/api/v1/sagas/saga-1").await["stepCount"], 1);
}

#[tokio::test]
async fn a_replayed_event_is_stored_once_and_its_letter_says_by_whom() {
    let api = Api::with_tokens().await;
    let events = completed("saga-1", 0);
    api.store
        .keep_letters(vec![replayable(&events[0], 1), replayable(&events[1], 2)])
        .await
        .unwrap();
    let headers = [
        ("content-type", "application/json"),
        ("authorization", "Bearer dana's"),
    ];
    let confirmed = events[1].0.event_id.as_str();
    let body =
        json!({"eventIds": [confirmed, "unheard-of"], "deadLetterIds": [9999], "dryRun": false}).to_string();
    for (status, successful) in [("REPLAYED", 1), ("ALREADY_REPLAYED", 1)] {
        let body = body.clone().into_bytes();
        let answer = api
            .request_with(Method::POST, REPLAY, &headers, body)
            .await
            .json();
        let counts = [&answer["requested"], &answer["successful"], &answer["failed"]];
        assert_eq!(counts, [&json!(3), &json!(successful), &json!(2)]);
        let statuses: Vec<_> = answer["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| &result["status"])
            .collect();
        assert_eq!(statuses, [status, "NOT_FOUND", "NOT_FOUND"]);
        assert_eq!(answer["results"][1]["eventId"], "unheard-of");
        assert_eq!(answer["results"][2]["deadLetterId"], 9999);
        assert_eq!(api.store.saga("saga-1").await.unwrap().unwrap().step_count, 1);
    }
    let kept = kept(&api).await;
    let last = kept[0].last_attempt.clone().unwrap();
    assert_eq!((kept[0].state, kept[0].attempts), (LetterState::Replayed, 1));
    assert_eq!((last.by.as_str(), last.result.as_str()), ("dana", "REPLAYED"));
    assert_eq!((kept[1].state, kept[1].attempts), (LetterState::Waiting, 0));
    let metrics = api.get("/metrics").await.text;
    let counted = "saga_events_processed_total{step=\"ORDER_CONFIRMED\",status=\"COMPLETED\"} 1\n";
    assert!(metrics.contains(counted), "{metrics}");
    assert!(
        metrics.contains("saga_tracker_dead_letters_replayed_total 1\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn what_still_fails_says_why_and_waits_on() {
    let api = Api::new().await;
    let [created, confirmed] = completed("saga-1", 0).try_into().ok().unwrap();
    api.record([created.clone()]).await;
    let contradiction = created.clone().of_order("another");
    let letters = vec![
        replayable(&contradiction, 1),
        letter(b"", "EMPTY", 2),
        replayable(&confirmed, 3),
    ];
    api.store.keep_letters(letters).await.unwrap();
    let ids: Vec<i64> = kept(&api).await.iter().map(|stored| stored.id).collect();
    let answer = replay(&api, json!({"deadLetterIds": ids})).await;
    assert_eq!((&answer["successful"], &answer["failed"]), (&json!(1), &json!(2)));
    let messages: Vec<_> = kept(&api)
        .await
        .into_iter()
        .map(|stored| (stored.state, stored.last_attempt.unwrap().result))
        .collect();
    assert_eq!(messages[0], (LetterState::Replayed, "REPLAYED".to_owned()));
    assert_eq!(
        messages[1],
        (LetterState::Waiting, "EMPTY: the value is empty".to_owned())
    );
    assert_eq!(messages[2].0, LetterState::Waiting);
    assert!(
        messages[2].1.starts_with("CONFLICTING_EVENT: event "),
        "{}",
        messages[2].1
    );
    let saga = api.json("/api/v1/sagas/saga-1").await;
    assert_eq!(
        (&saga["currentStatus"], &saga["orderId"]),
        (&json!("COMPLETED"), &json!("ORD-saga-1"))
    );
}

#[tokio::test]
async fn an_event_that_came_in_otherwise_is_stored_already() {
    let api = Api::new().await;
    let created = event("saga-1", "ORDER_CREATED", "STARTED", 0);
    api.record([created.clone()]).await;
    api.store
        .keep_letters(vec![replayable(&created, 1)])
        .await
        .unwrap();
    let answer = replay(&api, json!({"filter": {"sagaId": "saga-1"}})).await;
    assert_eq!(answer["results"][0]["status"], "ALREADY_STORED");
    assert_eq!(kept(&api).await[0].state, LetterState::Replayed);
}

#[tokio::test]
async fn more_letters_than_the_limit_go_on_at_a_cursor() {
    let api = Api::new().await;
    let letters = (0..5).map(|number| letter(b"x", "EMPTY", number)).collect();
    api.store.keep_letters(letters).await.unwrap();
    let mut body = json!({"filter": {"reason": "EMPTY"}, "limit": 2});
    let mut counts = Vec::new();
    loop {
        let answer = replay(&api, body.clone()).await;
        counts.push(answer["requested"].as_u64().unwrap());
        match answer["nextCursor"].as_str() {
            Some(cursor) => body["cursor"] = json!(cursor),
            None => break,
        }
    }
    assert_eq!(counts, [2, 2, 1]);
    assert!(kept(&api).await.iter().all(|stored| stored.attempts == 1));
}

/// Producers that send an event again and again leave a letter of it each time.
#[tokio::test]
async fn events_with_more_letters_than_are_replayed_at_once_are_refused_as_a_whole() {
    let api = Api::new().await;
    let of_event = |number: u16| {
        let mut letter = letter(b"x", "EMPTY", 0);
        letter.identity[..2].copy_from_slice(&number.to_be_bytes());
        letter.letter.event_id = Some(if number < 600 { "one" } else { "two" }.to_owned());
        letter
    };
    api.store
        .keep_letters((0..1_001).map(of_event).collect())
        .await
        .unwrap();
    let answer = post(&api, &json!({"eventIds": ["one", "two"]})).await;
    let error = answer.is_error(400, "BAD_REQUEST", REPLAY);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("more than 1000 dead letters"),
        "{error}"
    );
    assert!(kept(&api).await.iter().all(|stored| stored.attempts == 0));
    let one = replay(&api, json!({"eventIds": ["one"], "dryRun": true})).await;
    assert_eq!((&one["requested"], &one["failed"]), (&json!(600), &json!(600)));
}
