//! `/internal/v1/dlt` and `POST /internal/v1/sagas/replay`.

use reqwest::Method;
use saga_store::{Letter, LetterFilter, LetterQuery, LetterState, NewLetter, Origin, StoredLetter};
use saga_types::{
    Timestamp,
    avro::{self, Framing, SchemaVersion},
};
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Api, BEGIN, Event, completed, event, failed},
    pages::{page, text},
};

const LIST: &str = "/internal/v1/dlt";
const GROUPS: &str = "/internal/v1/dlt/groups";
const REPLAY: &str = "/internal/v1/sagas/replay";

/// A letter with these bytes, so many milliseconds after [`BEGIN`].
pub(crate) fn letter(value: &[u8], reason: &str, after_ms: u8) -> NewLetter {
    NewLetter {
        identity: [after_ms; 32],
        letter: Letter {
            topic: "events.dlt".to_owned(),
            partition: 0,
            offset: i64::from(after_ms),
            dead_since: Timestamp::from_millis(BEGIN + i64::from(after_ms)).unwrap(),
            origin: Origin {
                topic: Some("events".to_owned()),
                ..Origin::default()
            },
            reason: reason.to_owned(),
            message: "the reason in words".to_owned(),
            saga_type: None,
            saga_id: Some("saga-1".to_owned()),
            event_id: None,
            producer: None,
            key: Some(b"saga-1".to_vec()),
            value: Some(value.to_vec()),
            value_bytes: value.len() as u64,
            headers: vec![("saga-producer".to_owned(), Some(b"order-service".to_vec()))],
        },
    }
}

/// A letter whose cause has been fixed: its event can be stored.
fn replayable(event: &Event, after_ms: u8) -> NewLetter {
    let value = avro::encode(&event.0, SchemaVersion::V2, Framing::SingleObject).unwrap();
    let mut letter = letter(&value, "REFUSED_BY_DATABASE", after_ms);
    letter.letter.event_id = Some(event.0.event_id.as_str().to_owned());
    letter.letter.saga_id = Some(event.0.saga_id.as_str().to_owned());
    letter
}

async fn replay(api: &Api, body: Value) -> Value {
    let answer = post(api, &body).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    answer.json()
}

async fn post(api: &Api, body: &Value) -> Answer {
    let headers = [("content-type", "application/json")];
    api.request_with(Method::POST, REPLAY, &headers, body.to_string().into_bytes())
        .await
}

async fn kept(api: &Api) -> Vec<StoredLetter> {
    let query = LetterQuery {
        filter: LetterFilter::default(),
        after: None,
        size: 100,
    };
    api.store.letters(&query).await.unwrap().letters
}

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
    assert_eq!(
        content[1]["event"]["metadata"],
        json!({"cardNumber": "***", "itemCount": 3})
    );
    assert_eq!(
        content[0]["payload"],
        json!({"bytes": value.len(), "text": null, "hex": null})
    );
}

/// A letter whose bytes end too early.
fn cut(saga_id: &str, after_ms: u8, message: &str) -> NewLetter {
    let event = event(saga_id, "ORDER_CREATED", "STARTED", 0).with(json!({"cardNumber": "4711"}));
    let value = avro::encode(&event.0, SchemaVersion::V2, Framing::SingleObject).unwrap();
    let mut letter = letter(&value[..value.len() - 3], "TRUNCATED", after_ms);
    letter.letter.message = message.to_owned();
    letter.letter.producer = Some("order-service".to_owned());
    letter
}

#[tokio::test]
async fn of_broken_bytes_what_can_be_read_is_shown() {
    let api = Api::new().await;
    // The key is not the saga's id.
    let letters = vec![cut("saga-7", 1, "the bytes end within recordedAt")];
    api.store.keep_letters(letters).await.unwrap();
    let answer = api.json(LIST).await;
    let letter = &answer["content"][0];
    assert_eq!(letter["sagaId"], "saga-7");
    let partial = &letter["partial"];
    assert_eq!(partial["field"], "recordedAt");
    assert_eq!(partial["fault"], "the bytes end within recordedAt");
    assert_eq!(partial["schemaIsAssumed"], false);
    let fields = partial["fields"].as_array().unwrap();
    let names: Vec<&str> = fields
        .iter()
        .map(|field| field["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "eventId",
            "eventTimestamp",
            "sagaId",
            "sagaType",
            "step",
            "status",
            "orderId",
            "metadata"
        ]
    );
    assert_eq!(fields[6]["value"], "ORD-saga-7");
    assert!(partial["brokenAt"].as_u64() > fields[7]["offset"].as_u64());
    let page = page(&api, &format!("/dead-letters/{}", letter["id"])).await;
    for part in [
        r#"href="/sagas/saga-7""#,
        r#"href="/sagas?orderId=ORD-saga-7""#,
        "Broken at byte",
        "in recordedAt",
        "Fields that can be read",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let found = api.json(&format!("{LIST}?orderId=ORD-saga-7")).await;
    assert_eq!(found["content"].as_array().unwrap().len(), 1);
    let hiding = Api::hiding(&["card*"]).await;
    hiding
        .store
        .keep_letters(vec![cut("saga-7", 1, "x")])
        .await
        .unwrap();
    let answer = hiding.get(LIST).await;
    assert!(!answer.text.contains("4711"), "{}", answer.text);
    assert_eq!(answer.json()["content"][0]["partial"], Value::Null);
}

#[tokio::test]
async fn a_cause_leads_to_exactly_its_letters() {
    let api = Api::new().await;
    let letters = vec![
        cut("saga-1", 1, "the value has 12 bytes too few"),
        cut("saga-2", 2, "the value has 13 bytes too few"),
        cut("saga-3", 3, "the value is empty"),
    ];
    api.store.keep_letters(letters).await.unwrap();
    let causes = api.json("/internal/v1/dlt/causes").await;
    let mut shown = causes.clone();
    for cause in shown["causes"].as_array_mut().unwrap() {
        assert!(cause["cause"].is_string());
    }
    insta::assert_json_snapshot!("dead-letter-causes", shown);
    let name = causes["causes"][0]["cause"].as_str().unwrap();
    let listed = api.json(&format!("{LIST}?cause={name}&state=WAITING")).await;
    assert_eq!(listed["content"].as_array().unwrap().len(), 2);
    let list = page(&api, "/dead-letters").await;
    assert!(
        list.contains(&format!(r#"href="/dead-letters?cause={name}&#38;state=WAITING""#)),
        "{list}"
    );
    let of_cause = page(&api, &format!("/dead-letters?cause={name}")).await;
    assert!(
        text(&of_cause).contains("cause: TRUNCATED the value has &#60;n&#62; bytes too few"),
        "{of_cause}"
    );
    let tried = replay(&api, json!({"filter": {"cause": name}})).await;
    assert_eq!((&tried["requested"], &tried["failed"]), (&json!(2), &json!(2)));
    let outcomes = tried["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), 1, "{tried}");
    assert_eq!(
        (&outcomes[0]["status"], &outcomes[0]["letters"]),
        (&json!("FAILED"), &json!(2))
    );
    let causes = api.json("/internal/v1/dlt/causes").await;
    assert_eq!(causes["causes"][0]["failedAgain"], 2);
    assert!(text(&page(&api, "/dead-letters").await).contains("2 failed again"));
}

#[tokio::test]
async fn letters_are_searched_by_words_unless_something_is_hidden() {
    let api = Api::new().await;
    let letters = vec![
        cut("saga-1", 1, "card declined"),
        cut("saga-2", 2, "card expired"),
    ];
    api.store.keep_letters(letters.clone()).await.unwrap();
    for (query, found) in [
        ("card", 2),
        ("card%20decl", 1),
        ("ord-saga-2", 1),
        ("saga", 2),
        ("nothing", 0),
    ] {
        let answer = api.json(&format!("{LIST}?q={query}")).await;
        assert_eq!(answer["content"].as_array().unwrap().len(), found, "{query}");
    }
    for bad in ["ab", "'!'"] {
        let details = api.refused(&format!("{LIST}?q={bad}")).await;
        assert!(details["q"].is_string(), "{details}");
    }
    let hiding = Api::hiding(&["card*"]).await;
    hiding.store.keep_letters(letters).await.unwrap();
    let details = hiding.refused(&format!("{LIST}?q=card")).await;
    assert!(details["q"].as_str().unwrap().contains("redaction"), "{details}");
    // Nor by the count of a replay.
    let tried = replay(&hiding, json!({"filter": {"q": "card"}, "dryRun": true})).await;
    assert_eq!(tried["requested"], 0);
    let causes = hiding.json("/internal/v1/dlt/causes").await;
    assert_eq!(causes["causes"][0]["message"], Value::Null);
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
        ], "waiting": 5, "replayed": 0, "dismissed": 0})
    );
    assert_eq!(api.json(&format!("{GROUPS}?reason=EMPTY")).await["waiting"], 2);
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let api = Api::new().await;
    for (query, name) in [
        ("size=101", "size"),
        ("cursor=x", "cursor"),
        ("state=waiting", "state"),
        ("sagaId=%01", "sagaId"),
        ("fromDate=yesterday", "fromDate"),
        ("page=1", "page"),
    ] {
        assert!(
            api.refused(&format!("{LIST}?{query}")).await[name].is_string(),
            "{query}"
        );
    }
    assert!(api.refused(&format!("{GROUPS}?size=1")).await["size"].is_string());
    for (body, name) in [
        (json!({}), "eventIds"),
        (json!({"dryRun": true}), "eventIds"),
        (json!({"eventIds": "1"}), "eventIds"),
        (json!({"eventIds": [1]}), "eventIds"),
        (json!({"eventIds": ["a\u{0}b"]}), "eventIds"),
        (json!({"eventIds": vec!["x"; 501]}), "eventIds"),
        (json!({"deadLetterIds": ["1"]}), "deadLetterIds"),
        (json!({"deadLetterIds": [1.5]}), "deadLetterIds"),
        (json!({"eventIds": ["1"], "filter": {}}), "filter"),
        (json!({"eventIds": ["1"], "limit": 5}), "limit"),
        (json!({"eventIds": ["1"], "dryRun": "yes"}), "dryRun"),
        (json!({"filter": []}), "filter"),
        (json!({"filter": {"reasons": "EMPTY"}}), "filter"),
        (json!({"filter": {"sagaId": 1}}), "filter"),
        (json!({"filter": {"state": "DEAD"}}), "filter"),
        (json!({"filter": {}, "limit": 0}), "limit"),
        (json!({"filter": {}, "cursor": "x"}), "cursor"),
        (json!({"eventIds": ["1"], "force": true}), "force"),
    ] {
        let answer = post(&api, &body).await;
        let details = answer.is_error(400, "BAD_REQUEST", REPLAY)["details"].clone();
        assert!(details[name].is_string(), "{body}: {details}");
    }
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

#[tokio::test]
async fn only_operators_see_and_replay_letters() {
    let api = Api::with_tokens().await;
    let viewer = [
        ("authorization", "Bearer board's"),
        ("content-type", "application/json"),
    ];
    for (method, path) in [(Method::GET, LIST), (Method::GET, GROUPS), (Method::POST, REPLAY)] {
        let answer = api.request_with(method, path, &viewer, b"{}".to_vec()).await;
        answer.is_error(403, "FORBIDDEN", path);
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_a_503() {
    let api = Api::without_database().await;
    for path in [LIST, GROUPS] {
        api.get(path).await.is_error(503, "SERVICE_UNAVAILABLE", path);
    }
    let answer = post(&api, &json!({"filter": {}})).await;
    answer.is_error(503, "SERVICE_UNAVAILABLE", REPLAY);
}
