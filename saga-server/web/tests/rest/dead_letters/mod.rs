//! `/internal/v1/dlt` and `POST /internal/v1/sagas/replay`.

mod causes;
mod list;
mod replay;

use reqwest::Method;
use saga_store::{Letter, LetterFilter, LetterQuery, NewLetter, Origin, StoredLetter};
use saga_types::{
    Timestamp,
    avro::{self, Framing, SchemaVersion},
};
use serde_json::{Value, json};

use crate::harness::{Answer, Api, BEGIN, Event};

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
async fn a_database_that_is_unavailable_is_a_503() {
    let api = Api::without_database().await;
    for path in [LIST, GROUPS] {
        api.get(path).await.is_error(503, "SERVICE_UNAVAILABLE", path);
    }
    let answer = post(&api, &json!({"filter": {}})).await;
    answer.is_error(503, "SERVICE_UNAVAILABLE", REPLAY);
}
