//! Sagas, letters and operations of two types, each with a word of its own wherever there is a text, and who asks for them.

use std::collections::BTreeMap;

use reqwest::Method;
use saga_store::{Expired, LetterFilter, LetterQuery, NewLetter, Scope, StoredLetter};
use saga_types::{
    SagaType, Timestamp,
    avro::{self, Framing, SchemaVersion},
};
use saga_web::auth::{Access, Role};
use serde_json::{Value, json};

use crate::{
    dead_letters::letter,
    harness::{Answer, Api, BEGIN, Event, event, token},
};

/// The word of the sagas that bound callers may see, of those that they may not, and one that is nowhere.
pub(super) const OWN: &str = "ownedmark1";
pub(super) const HIDDEN: &str = "hiddenmark";
pub(super) const UNKNOWN: &str = "unknownone";

pub(super) const OWN_TYPE: &str = "REFUND";

/// The type holds the word, too.
pub(super) fn hidden_type() -> String {
    format!("{}_ORDERS", HIDDEN.to_uppercase())
}

pub(super) const DEFINITION: &str = "
sagaType: HIDDENMARK_ORDERS
startsWith: [ORDER_CREATED]
forward:
  - { step: ORDER_CREATED, service: hiddenmark-service }
  - { step: STOCK_RESERVED, service: hiddenmark-service }
  - { step: HIDDENMARK_STEP, service: hiddenmark-service }
completesWith: [HIDDENMARK_STEP]
failsWith: [PAYMENT_FAILED]
compensations:
  - { step: STOCK_RESERVED, by: [STOCK_RELEASED] }
alsoKnown: [HIDDENMARK_EXTRA]
limits:
  steps:
    - { step: HIDDENMARK_STEP, within: 1s }
";

/// Callers, with what of the words they may be shown.
pub(super) fn callers() -> [(&'static str, Role, Scope, &'static [&'static str]); 6] {
    let own = || Scope::of([SagaType::REFUND]);
    [
        ("all-viewer", Role::Viewer, Scope::All, &[OWN, HIDDEN]),
        ("all-operator", Role::Operator, Scope::All, &[OWN, HIDDEN]),
        ("own-viewer", Role::Viewer, own(), &[OWN]),
        ("own-operator", Role::Operator, own(), &[OWN]),
        ("none-viewer", Role::Viewer, Scope::of([]), &[]),
        ("none-operator", Role::Operator, Scope::of([]), &[]),
    ]
}

pub(super) async fn bound() -> Api {
    let access = Access::Tokens(
        callers()
            .map(|(name, role, scope, _)| token(name, role, scope))
            .into(),
    );
    Api::open_with(access, &[DEFINITION]).await
}

/// What callers ask about; letters have numbers.
pub(super) struct Marked {
    pub(super) api: Api,
    pub(super) letters: BTreeMap<&'static str, i64>,
}

/// So many milliseconds before now.
pub(super) fn before_now(millis: i64) -> i64 {
    Timestamp::now().as_millis() - BEGIN - millis
}

/// Sagas of a type that hold the word.
pub(super) fn sagas(word: &str, saga_type: &str, begin: i64) -> Vec<Event> {
    let name = |what: &str| format!("{word}-{what}");
    let upper = word.to_uppercase();
    let metadata = json!({
        "producerService": name("service"), "traceId": name("trace"), "customerId": name("customer"),
        "failureReason": name("reason"), "serviceVersion": name("version"),
    });
    let at = |saga: &str, step: &str, status: &str, millis: i64| {
        event(&name(saga), step, status, begin + millis)
            .of_type(saga_type)
            .with(metadata.clone())
    };
    let child = |mut metadata: Value, parent: &str| {
        metadata["parentSagaId"] = json!(parent);
        metadata
    };
    vec![
        at("begun", "ORDER_CREATED", "STARTED", 0),
        at("failed", "ORDER_CREATED", "STARTED", 100),
        at("failed", &format!("{upper}_STEP"), "IN_PROGRESS", 200),
        at("failed", "STOCK_RESERVED", "COMPLETED", 250),
        at("failed", "PAYMENT_FAILED", "FAILED", 300).of_order("shared-order"),
        at("done", "ORDER_CREATED", "STARTED", 400),
        at("done", &format!("{upper}_STEP"), "COMPLETED", 500),
        at("child", "ORDER_CREATED", "STARTED", 600)
            .with(child(metadata.clone(), "parent-of-all"))
            .of_order("shared-order"),
        at("failed-child", "ORDER_CREATED", "STARTED", 700)
            .with(child(metadata.clone(), &format!("{OWN}-failed")))
            .of_order("shared-order"),
        at("removed", "ORDER_CREATED", "STARTED", 800),
    ]
}

/// A letter of the type whose event can be stored.
pub(super) fn letter_of(word: &str, saga: &str, saga_type: &str, number: u8) -> NewLetter {
    let lost = event(
        &format!("{word}-{saga}"),
        "GIFT_WRAPPED",
        "IN_PROGRESS",
        before_now(60_000 - 1_000 * i64::from(number)),
    )
    .of_type(saga_type)
    .with(json!({"customerId": format!("{word}-customer")}));
    let value = avro::encode(&lost.0, SchemaVersion::V2, Framing::SingleObject).unwrap();
    let mut letter = letter(&value, &format!("{}_REASON", word.to_uppercase()), number);
    letter.letter.message = format!("{word} in words");
    letter.letter.saga_id = Some(lost.0.saga_id.as_str().to_owned());
    letter.letter.saga_type = Some(saga_type.to_owned());
    letter.letter.event_id = Some(lost.0.event_id.as_str().to_owned());
    letter.letter.origin.topic = Some(format!("{word}-topic"));
    letter.letter.key = Some(lost.0.saga_id.as_str().into());
    letter.letter.headers = vec![("header".to_owned(), Some(word.into()))];
    letter
}

impl Marked {
    pub(super) async fn new() -> Self {
        let api = bound().await;
        let hidden = hidden_type();
        // The newest are those that may not be seen, so that they come first in every list.
        api.record(sagas(OWN, OWN_TYPE, before_now(1_200_000))).await;
        api.record(sagas(HIDDEN, &hidden, before_now(900_000))).await;
        let parent = event("parent-of-all", "ORDER_CREATED", "STARTED", before_now(950_000));
        api.record([parent
            .of_type(&hidden)
            .with(json!({"traceId": "hiddenmark-trace"}))])
            .await;
        for word in [OWN, HIDDEN] {
            api.remove(&format!("{word}-removed")).await;
        }
        let letters = vec![
            letter_of(OWN, "letter", OWN_TYPE, 1),
            letter_of(HIDDEN, "letter", &hidden, 2),
            // Its event names the type that may be seen, its saga is of the other one.
            letter_of(HIDDEN, "done", OWN_TYPE, 3),
            letter(b"hiddenmark nonsense", "HIDDENMARK_UNREADABLE", 4),
            letter_of(OWN, "replayed", OWN_TYPE, 5),
            letter_of(HIDDEN, "replayed", &hidden, 6),
        ];
        api.store.keep_letters(letters).await.unwrap();
        let marked = Self {
            letters: [(OWN, 1), (HIDDEN, 2), (UNKNOWN, 999_999)].into(),
            api,
        };
        // So that the log has entries of both.
        for word in [OWN, HIDDEN] {
            let correction = json!({"status": "COMPLETED", "reason": format!("{word} by hand")});
            let path = format!("/internal/v1/sagas/{word}-begun/status");
            let answer = marked
                .send("all-operator", Method::PATCH, &path, &correction.to_string())
                .await;
            assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
            let replay = json!({"filter": {"sagaId": format!("{word}-replayed")}}).to_string();
            let answer = marked
                .send("all-operator", Method::POST, "/internal/v1/sagas/replay", &replay)
                .await;
            assert_eq!(answer.json()["successful"], 1, "{}", answer.text);
            let job = json!({
                "action": "CORRECT", "status": "FAILED", "note": format!("{word} by a job"), "sagaIds": [format!("{word}-done")],
            });
            let answer = marked
                .send(
                    "all-operator",
                    Method::POST,
                    "/internal/v1/jobs",
                    &job.to_string(),
                )
                .await;
            assert_eq!(answer.json()["id"], marked.letters[word], "{}", answer.text);
            marked.acknowledge(word).await;
        }
        for (word, saga_type) in [(OWN, OWN_TYPE.to_owned()), (HIDDEN, hidden)] {
            let view =
                json!({"name": format!("{word}-view"), "query": format!("sagaType={saga_type}&step={word}")});
            let answer = marked
                .send(
                    "all-operator",
                    Method::POST,
                    "/internal/v1/views",
                    &view.to_string(),
                )
                .await;
            assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
        }
        marked
    }

    /// A saga, the letter and the failures of the type.
    pub(super) async fn acknowledge(&self, word: &'static str) {
        let saga_type = match word {
            OWN => OWN_TYPE.to_owned(),
            _ => hidden_type(),
        };
        let body =
            json!({"note": format!("{word} in a note"), "assignee": format!("{word} team"), "for": "1d"})
                .to_string();
        let groups = self
            .get(
                "all-viewer",
                &format!("/api/v1/failure-groups?sagaType={saga_type}"),
            )
            .await
            .json();
        let group = groups["groups"][0]["failureGroup"]
            .as_str()
            .unwrap()
            .replace(' ', "%20")
            .replace('<', "%3C");
        for path in [
            "/internal/v1/sagas/@-failed/acknowledgement".to_owned(),
            "/internal/v1/dlt/#/acknowledgement".to_owned(),
            format!("/internal/v1/failure-groups/acknowledgement?failureGroup={group}&sagaType={saga_type}"),
        ] {
            let path = self.filled(&path, word);
            let answer = self.send("all-operator", Method::PUT, &path, &body).await;
            assert_eq!(answer.status.as_u16(), 200, "{path}: {}", answer.text);
        }
    }

    pub(super) async fn get(&self, caller: &str, path: &str) -> Answer {
        self.send(caller, Method::GET, path, "").await
    }

    /// As a program, or with a form as a browser.
    pub(super) async fn send(&self, caller: &str, method: Method, path: &str, body: &str) -> Answer {
        let token = format!("Bearer {caller}'s");
        let origin = format!("http://{}", self.api.address);
        let is_page = !path.starts_with("/api/") && !path.starts_with("/internal/");
        let mut headers = vec![("authorization", token.as_str()), ("origin", origin.as_str())];
        headers.push(match is_page {
            true => ("accept", "text/html"),
            false => ("accept", "*/*"),
        });
        if !body.is_empty() {
            headers.push(match body.starts_with('{') {
                true => ("content-type", "application/json"),
                false => ("content-type", "application/x-www-form-urlencoded"),
            });
        }
        self.api
            .request_with(method, path, &headers, body.as_bytes().to_vec())
            .await
    }

    /// A request of a template with a word in it: `@` is the word, `^` the same in capitals, `#` the number of its letter.
    pub(super) fn filled(&self, template: &str, word: &'static str) -> String {
        template
            .replace('@', word)
            .replace('^', &word.to_uppercase())
            .replace('#', &self.letters[word].to_string())
    }

    pub(super) async fn letters(&self) -> Vec<StoredLetter> {
        let query = LetterQuery {
            filter: LetterFilter::default(),
            after: None,
            size: 100,
        };
        self.api.store.letters(&query).await.unwrap().letters
    }
}

impl Api {
    /// Removes a saga, as at the end of its retention.
    pub(super) async fn remove(&self, saga_id: &str) {
        let chosen: Vec<Expired> = self.store.still_there(&[saga_id.to_owned()]).await.unwrap();
        assert_eq!(chosen.len(), 1);
        self.store.remove(&chosen, None).await.unwrap();
    }
}
