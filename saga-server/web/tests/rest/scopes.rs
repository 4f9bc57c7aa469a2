//! Rights bound to saga types: every route, asked by every kind of caller, on sagas, letters and operations of two types, of
//! which each holds a word of its own wherever there is a text.

use std::collections::BTreeMap;

use reqwest::Method;
use saga_store::{
    Expired, LetterFilter, LetterQuery, NewLetter, OperationFilter, OperationQuery, Scope, StoredLetter,
};
use saga_types::{
    SagaType, Timestamp,
    avro::{self, Framing, SchemaVersion},
};
use saga_web::auth::{Access, Role, Token, TokenHash};
use serde_json::{Value, json};

use crate::{
    dead_letters::letter,
    harness::{Answer, Api, BEGIN, Event, event},
};

/// The word of the sagas that bound callers may see, of those that they may not, and one that is nowhere.
const OWN: &str = "ownedmark1";
const HIDDEN: &str = "hiddenmark";
const UNKNOWN: &str = "unknownone";

const OWN_TYPE: &str = "REFUND";

/// The type holds the word, too.
fn hidden_type() -> String {
    format!("{}_ORDERS", HIDDEN.to_uppercase())
}

const DEFINITION: &str = "
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
fn callers() -> [(&'static str, Role, Scope, &'static [&'static str]); 6] {
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

async fn bound() -> Api {
    let token = |(name, role, scope, _): (&str, Role, Scope, &[&str])| Token {
        name: name.to_owned(),
        role,
        scope,
        hash: TokenHash::of(&format!("{name}'s")),
    };
    let access = Access::Tokens(callers().map(token).into());
    Api::open_with(access, &[DEFINITION]).await
}

/// What callers ask about; letters have numbers.
struct Marked {
    api: Api,
    letters: BTreeMap<&'static str, i64>,
}

/// So many milliseconds before now.
fn before_now(millis: i64) -> i64 {
    Timestamp::now().as_millis() - BEGIN - millis
}

/// Sagas of a type that hold the word.
fn sagas(word: &str, saga_type: &str, begin: i64) -> Vec<Event> {
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
fn letter_of(word: &str, saga: &str, saga_type: &str, number: u8) -> NewLetter {
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
    async fn new() -> Self {
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
        }
        marked
    }

    async fn get(&self, caller: &str, path: &str) -> Answer {
        self.send(caller, Method::GET, path, "").await
    }

    /// As a program, or with a form as a browser.
    async fn send(&self, caller: &str, method: Method, path: &str, body: &str) -> Answer {
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
    fn filled(&self, template: &str, word: &'static str) -> String {
        template
            .replace('@', word)
            .replace('^', &word.to_uppercase())
            .replace('#', &self.letters[word].to_string())
    }

    async fn letters(&self) -> Vec<StoredLetter> {
        let query = LetterQuery {
            filter: LetterFilter::default(),
            after: None,
            size: 100,
        };
        self.api.store.letters(&query).await.unwrap().letters
    }
}

/// How often the word is in the answer, whatever its case.
fn count(answer: &Answer, word: &str) -> usize {
    let headers = answer
        .headers
        .iter()
        .map(|(_, value)| value.to_str().unwrap_or_default());
    let all = headers
        .chain([answer.text.as_str()])
        .collect::<Vec<_>>()
        .join("\n");
    all.to_lowercase().matches(word).count()
}

/// What is the same in two answers that differ in a word, in numbers and in times only.
fn shape(answer: &Answer) -> String {
    let location = answer.header("location");
    let mut text = format!("{} {location}\n{}", answer.status, answer.text);
    for word in [OWN, HIDDEN, UNKNOWN] {
        text = text.replace(word, "WORD").replace(&word.to_uppercase(), "WORD");
    }
    let mut shape = String::new();
    for character in text.chars() {
        match character {
            '0'..='9' if shape.ends_with('0') => {}
            '0'..='9' => shape.push('0'),
            other => shape.push(other),
        }
    }
    shape
}

const FILTERS: [&str; 24] = [
    "orderId=ORD-@-failed",
    "orderId=shared-order",
    "parentSagaId=@-failed",
    "parentSagaId=parent-of-all",
    "awaits=STOCK_RESERVED",
    "owner=@-service",
    "owes=ORDER_CREATED",
    "sagaType=^_ORDERS",
    "step=^_STEP",
    "step=ORDER_CREATED",
    "producerService=@-service",
    "traceId=@-trace",
    "failedStep=PAYMENT_FAILED",
    "failureReason=@-reason",
    "metadata.customerId=@-customer",
    "serviceVersion=@-version",
    "stuck=true&sort=due",
    "owing=true",
    "ended=true",
    "status=FAILED",
    "status=STARTED&size=1",
    "sort=updatedAt,desc&fromDate=2020-01-01",
    "sort=duration,desc&minDuration=1",
    "page=1&size=1",
];

/// Requests for every route that reads. Those of a route are all that begin with its path.
fn reads() -> Vec<String> {
    let mut reads: Vec<String> = [
        "/",
        "/?period=30d",
        "/flow",
        "/flow?period=30d",
        "/flow?type=REFUND&to=ORDER_CREATED",
        "/flow?type=^_ORDERS",
        "/flow?type=^_ORDERS&period=30d&to=ORDER_CREATED",
        "/flow?type=^_ORDERS&from=ORDER_CREATED&to=^_STEP",
        "/flow?type=^_ORDERS&period=30d&step=^_STEP",
        "/flow?type=^_ORDERS&period=30d&view=map&least=0",
        "/sagas",
        "/sagas/@-failed",
        "/sagas/@-done",
        "/sagas/@-removed",
        "/sagas/parent-of-all",
        "/sagas/ownedmark1-failed?compare=@-done",
        "/sagas/@-failed/events.json",
        "/sagas/@-removed/events.json",
        "/search?q=@-failed",
        "/search?q=@-removed",
        "/search?q=ORD-@-failed",
        "/search?q=@-trace",
        "/search?q=shared-order",
        "/services",
        "/services?service=@-service",
        "/services/@-service",
        "/services/order-service?period=30d",
        "/dead-letters",
        "/dead-letters?reason=^_REASON",
        "/dead-letters?sagaId=@-letter",
        "/dead-letters?sagaId=@-done",
        "/dead-letters?originTopic=@-topic",
        "/dead-letters/#",
        "/operations",
        "/operations?sagaId=@-begun",
        "/operations?jobId=#",
        "/operations/jobs",
        "/operations/jobs/#",
        "/operations/jobs/#?result=PENDING",
        "/sign-in",
        "/api/v1/sagas",
        "/api/v1/sagas/statistics",
        "/api/v1/sagas/statistics?sagaType=^_ORDERS",
        "/api/v1/sagas/@-failed",
        "/api/v1/sagas/@-failed?asOf=2100-01-01",
        "/api/v1/sagas/@-removed",
        "/api/v1/sagas/@-removed?asOf=2100-01-01",
        "/api/v1/sagas/parent-of-all",
        "/api/v1/sagas/@-child",
        "/api/v1/sagas/@-failed/steps",
        "/api/v1/sagas/@-failed/steps?limit=1",
        "/api/v1/sagas/@-removed/steps",
        "/api/v1/attention",
        "/api/v1/flow",
        "/api/v1/flow?sagaType=^_ORDERS",
        "/api/v1/flow?sagaType=REFUND&fromDate=2020-01-01",
        "/api/v1/failure-groups?fromDate=2020-01-01&toDate=2100-01-01",
        "/api/v1/failure-groups?sagaType=^_ORDERS&fromDate=2020-01-01&toDate=2100-01-01",
        "/api/v1/differences?a.fromDate=2020-01-01&b.status=FAILED&b.fromDate=2020-01-01",
        "/api/v1/differences?a.sagaType=^_ORDERS&b.step=^_STEP",
        "/api/v1/versions",
        "/api/v1/versions?service=@-service",
        "/api/v1/compare?service=@-service&baseline=1&candidate=2&fromDate=2020-01-01&toDate=2100-01-01",
        "/internal/v1/dlt",
        "/internal/v1/dlt?reason=^_REASON",
        "/internal/v1/dlt?sagaId=@-letter",
        "/internal/v1/dlt?sagaId=@-done",
        "/internal/v1/dlt?originTopic=@-topic",
        "/internal/v1/dlt/groups",
        "/internal/v1/dlt/groups?sagaId=@-letter",
        "/internal/v1/operations",
        "/internal/v1/operations?sagaId=@-begun",
        "/internal/v1/operations?jobId=#",
        "/internal/v1/jobs",
        "/internal/v1/jobs/#",
        "/internal/v1/jobs/#/items",
        "/internal/v1/operations.ndjson",
        "/internal/v1/operations.csv",
        "/internal/v1/producers",
        "/internal/v1/producers?service=@-service",
        "/health",
        "/health/liveness",
        "/health/readiness",
        "/actuator/health",
        "/actuator/health/liveness",
        "/actuator/health/readiness",
        "/actuator/prometheus",
        "/metrics",
        "/api-docs",
        "/swagger-ui",
        "/swagger-ui/",
        "/swagger-ui/index.html",
        "/assets/style.css",
    ]
    .map(str::to_owned)
    .into();
    for list in ["/api/v1/sagas", "/sagas"] {
        reads.extend(FILTERS.map(|filter| format!("{list}?{filter}")));
    }
    reads
}

/// Whether a template is of a route.
fn is_of(template: &str, route: &str) -> bool {
    let path = template.split('?').next().unwrap_or_default();
    let (path, route): (Vec<_>, Vec<_>) = (path.split('/').collect(), route.split('/').collect());
    path.len() == route.len()
        && path
            .iter()
            .zip(&route)
            .all(|(part, name)| part == name || name.starts_with('{'))
}

/// Those that are walked by tests of their own: what never ends, and what only writes.
const ELSEWHERE: [&str; 17] = [
    "/api/v1/sagas/stream",
    "/internal/v1/sagas/{sagaId}/status",
    "/internal/v1/sagas/replay",
    "/internal/v1/erase",
    "/internal/v1/dlt/dismiss",
    "/internal/v1/dlt/restore",
    "/dead-letters/dismiss",
    "/dead-letters/restore",
    "/dead-letters/{id}/dismiss",
    "/dead-letters/{id}/restore",
    "/internal/v1/jobs/preview",
    "/internal/v1/jobs/{id}/stop",
    "/internal/v1/jobs/{id}/revert",
    "/operations/jobs/preview",
    "/operations/jobs/{id}/stop",
    "/operations/jobs/{id}/revert",
    "/sign-out",
];

#[tokio::test]
async fn no_answer_holds_anything_of_a_type_that_its_caller_may_not_see() {
    let marked = Marked::new().await;
    let mut reads = reads();
    for route in saga_web::router::paths() {
        let is_walked = reads.iter().any(|template| is_of(template, &route));
        assert!(
            is_walked || ELSEWHERE.contains(&route.as_str()),
            "{route} is not walked"
        );
    }
    // Places in lists that are those of sagas and letters of the other type.
    for list in ["/api/v1/sagas", "/internal/v1/dlt", "/internal/v1/operations"] {
        let first = marked.get("all-operator", &format!("{list}?size=1")).await;
        assert!(count(&first, HIDDEN) > 0, "{}", first.text);
        let cursor = first.json()["nextCursor"].as_str().unwrap().to_owned();
        reads.push(format!("{list}?cursor={cursor}"));
    }
    let steps = marked
        .get("all-viewer", "/api/v1/sagas/hiddenmark-failed/steps?limit=1")
        .await;
    let cursor = steps.json()["nextCursor"].as_str().unwrap().to_owned();
    reads.push(format!("/api/v1/sagas/@-failed/steps?cursor={cursor}"));

    let (mut requests, mut unexpected) = (0, Vec::new());
    for (caller, _, _, allowed) in callers() {
        let mut seen = BTreeMap::from([(OWN, 0), (HIDDEN, 0)]);
        for template in &reads {
            let own = marked.filled(template, OWN);
            let answer = marked.get(caller, &own).await;
            requests += 1;
            // Health says so when a part does not work, as Kafka here.
            assert_ne!(answer.status.as_u16(), 500, "{own}: {}", answer.text);
            for (word, times) in &mut seen {
                // Every answer names the path that was asked for.
                let is_asked = own.to_lowercase().contains(word);
                *times += usize::from(!is_asked && count(&answer, word) > 0);
                if !allowed.contains(word) && !is_asked && count(&answer, word) > 0 {
                    unexpected.push(format!("{caller} {own}: {word}"));
                }
            }
            // What may not be seen is answered as what is not there.
            for word in [OWN, HIDDEN].into_iter().filter(|word| !allowed.contains(word)) {
                let (asked, nowhere) = (marked.filled(template, word), marked.filled(template, UNKNOWN));
                if asked == nowhere {
                    continue;
                }
                let (answer, other) = (
                    marked.get(caller, &asked).await,
                    marked.get(caller, &nowhere).await,
                );
                requests += 2;
                if !nowhere.to_lowercase().contains(word) && count(&other, word) > 0 {
                    unexpected.push(format!("{caller} {nowhere}: {word}"));
                }
                if shape(&answer) != shape(&other) {
                    unexpected.push(format!(
                        "{caller} {asked}:\n{}\n{}",
                        shape(&answer),
                        shape(&other)
                    ));
                }
            }
        }
        for (word, times) in seen {
            let is_seen = times > 10;
            assert_eq!(
                is_seen,
                allowed.contains(&word),
                "{caller} was shown {word} {times} times"
            );
        }
    }
    println!("{requests} requests, unexpected: {}", unexpected.len());
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n\n"));
}

#[tokio::test]
async fn the_numbers_of_a_bound_caller_are_those_of_their_types() {
    let marked = Marked::new().await;
    let json = async |path: &str| marked.get("own-operator", path).await.json();
    let statistics = json("/api/v1/sagas/statistics").await;
    assert_eq!(statistics["byType"], json!({"REFUND": 6}));
    assert_eq!(statistics["total"], 6);
    assert_eq!(
        json("/api/v1/sagas?step=ORDER_CREATED").await["page"]["totalElements"],
        5
    );
    let family = json("/api/v1/sagas/ownedmark1-failed").await["family"].clone();
    assert_eq!(
        (&family["childrenTotal"], &family["ancestorsEnd"]),
        (&json!(1), &json!("ROOT"))
    );
    let child = json("/api/v1/sagas/ownedmark1-child").await["family"].clone();
    assert_eq!(
        (
            &child["ancestors"],
            &child["ancestorsEnd"],
            &child["ancestorsEndAt"]
        ),
        (&json!([]), &json!("MISSING"), &json!("parent-of-all"))
    );
    let groups = json("/internal/v1/dlt/groups").await;
    assert_eq!((&groups["waiting"], &groups["replayed"]), (&json!(1), &json!(1)));
    assert_eq!(
        json("/internal/v1/operations").await["content"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let nothing = marked.get("none-viewer", "/api/v1/sagas/statistics").await.json();
    assert_eq!((&nothing["total"], &nothing["byType"]), (&json!(0), &json!({})));
    let removed = marked.get("own-viewer", "/api/v1/sagas/ownedmark1-removed").await;
    assert!(
        removed.json()["details"]["leftAt"].is_string(),
        "{}",
        removed.text
    );
}

#[tokio::test]
async fn a_bound_operator_changes_nothing_of_other_types() {
    let marked = Marked::new().await;
    let before = marked.letters().await;
    let saga = async |saga: &str| marked.api.store.saga(saga).await.unwrap();
    let (done, lost) = (saga("hiddenmark-done").await, saga("hiddenmark-letter").await);
    let log = async || {
        let query = OperationQuery {
            filter: OperationFilter::default(),
            after: None,
            size: 100,
        };
        marked.api.store.operations(&query).await.unwrap()
    };
    let logged = log().await;
    let correct = r#"{"status":"FAILED","reason":"because"}"#;
    let event_id = |word: &str| {
        let letters = before.iter().filter_map(|stored| stored.letter.event_id.clone());
        let mut ids = letters.filter(|id| id.starts_with(&format!("{word}-letter")));
        ids.next()
            .unwrap_or_else(|| format!("{word}-letter-0-GIFT_WRAPPED"))
    };
    let replay = "/internal/v1/sagas/replay";
    let attempts = |word: &'static str| {
        let filled = |text: &str| marked.filled(text, word);
        vec![
            (
                Method::PATCH,
                filled("/internal/v1/sagas/@-done/status"),
                correct.to_owned(),
            ),
            (
                Method::PATCH,
                filled("/internal/v1/sagas/@-removed/status"),
                correct.to_owned(),
            ),
            (
                Method::POST,
                filled("/sagas/@-done"),
                "status=FAILED&reason=because".to_owned(),
            ),
            (
                Method::POST,
                "/internal/v1/dlt/dismiss".to_owned(),
                filled(r#"{"deadLetterIds":[#],"note":"why"}"#),
            ),
            (
                Method::POST,
                "/internal/v1/dlt/dismiss".to_owned(),
                filled(r#"{"filter":{"sagaId":"@-letter"},"note":"why","dryRun":true}"#),
            ),
            (
                Method::POST,
                "/dead-letters/dismiss".to_owned(),
                filled("sagaId=@-letter&note=why&mode=confirmed"),
            ),
            (
                Method::POST,
                "/internal/v1/jobs/preview".to_owned(),
                filled(r#"{"action":"CORRECT","status":"FAILED","note":"why","sagaIds":["@-failed"]}"#),
            ),
            (
                Method::POST,
                "/internal/v1/jobs".to_owned(),
                filled(r#"{"action":"CORRECT","status":"FAILED","note":"why","filter":{"step":"^_STEP"}}"#),
            ),
            (
                Method::POST,
                "/internal/v1/jobs".to_owned(),
                filled(r#"{"action":"DISMISS","note":"why","deadLetterIds":[#]}"#),
            ),
            (Method::POST, filled("/internal/v1/jobs/#/stop"), String::new()),
            (
                Method::POST,
                filled("/internal/v1/jobs/#/revert"),
                "{}".to_owned(),
            ),
            (Method::POST, filled("/operations/jobs/#/stop"), "a".to_owned()),
            (
                Method::POST,
                "/operations/jobs/preview".to_owned(),
                filled("action=CORRECT&status=FAILED&note=why&saga.@-failed=on"),
            ),
            (
                Method::POST,
                replay.to_owned(),
                filled(r#"{"deadLetterIds":[#]}"#),
            ),
            (
                Method::POST,
                replay.to_owned(),
                filled(r#"{"deadLetterIds":[#],"dryRun":true}"#),
            ),
            (
                Method::POST,
                replay.to_owned(),
                json!({"eventIds": [event_id(word)]}).to_string(),
            ),
            (
                Method::POST,
                replay.to_owned(),
                filled(r#"{"filter":{"sagaId":"@-letter"}}"#),
            ),
            (
                Method::POST,
                replay.to_owned(),
                filled(r#"{"filter":{"sagaId":"@-done"}}"#),
            ),
            (
                Method::POST,
                replay.to_owned(),
                filled(r#"{"filter":{"originTopic":"@-topic"},"dryRun":true}"#),
            ),
            (Method::POST, filled("/dead-letters/#"), "mode=replay".to_owned()),
            (Method::POST, filled("/dead-letters/#"), "mode=try".to_owned()),
            (
                Method::POST,
                "/dead-letters".to_owned(),
                filled("mode=replay&ids=#"),
            ),
            (
                Method::POST,
                "/dead-letters".to_owned(),
                filled("mode=replay&sagaId=@-letter"),
            ),
        ]
    };
    for caller in ["own-operator", "none-operator"] {
        for ((method, path, body), (_, other_path, other_body)) in
            attempts(HIDDEN).into_iter().zip(attempts(UNKNOWN))
        {
            let answer = marked.send(caller, method.clone(), &path, &body).await;
            let other = marked.send(caller, method, &other_path, &other_body).await;
            assert_eq!(shape(&answer), shape(&other), "{caller} {path} {body}");
        }
    }
    // Neither the letter that cannot be read, nor the one whose saga is of the other type.
    let rest = marked
        .send("own-operator", Method::POST, replay, r#"{"filter":{}}"#)
        .await
        .json();
    assert_eq!(
        (&rest["requested"], &rest["successful"]),
        (&json!(1), &json!(1)),
        "{rest}"
    );
    assert_eq!(saga("hiddenmark-done").await, done);
    assert_eq!(saga("hiddenmark-letter").await, lost);
    let after = marked.letters().await;
    for (before, after) in before.iter().zip(&after) {
        let is_own = before.letter.saga_id.as_deref() == Some("ownedmark1-letter");
        assert_eq!(before != after, is_own, "{before:?}");
    }
    assert_eq!(log().await.operations.len(), logged.operations.len() + 1);
    // What is theirs they may change.
    let own = marked
        .send(
            "own-operator",
            Method::PATCH,
            "/internal/v1/sagas/ownedmark1-done/status",
            correct,
        )
        .await;
    assert_eq!(own.status.as_u16(), 200, "{}", own.text);
}

#[tokio::test]
async fn figures_of_all_types_need_a_token_that_is_not_bound() {
    let marked = Marked::new().await;
    for path in ["/metrics", "/actuator/prometheus"] {
        marked.api.get(path).await.is_error(401, "UNAUTHORIZED", path);
        let refused = marked.get("own-operator", path).await;
        assert_eq!(refused.status.as_u16(), 403, "{}", refused.text);
        assert_eq!(marked.get("all-viewer", path).await.status.as_u16(), 200);
    }
    for path in ["/services", "/internal/v1/producers"] {
        assert_eq!(marked.get("own-operator", path).await.status.as_u16(), 403);
        assert_eq!(marked.get("all-operator", path).await.status.as_u16(), 200);
    }
    let bar = marked.get("own-viewer", "/sagas").await.text;
    assert!(
        bar.contains(r#"href="/flow""#) && !bar.contains(r#"href="/services""#),
        "{bar}"
    );
    // Nobody's rights are bound here.
    let open = Api::with_tokens().await;
    assert_eq!(open.get("/metrics").await.status.as_u16(), 200);
}

impl Api {
    /// Removes a saga, as at the end of its retention.
    async fn remove(&self, saga_id: &str) {
        let chosen: Vec<Expired> = self.store.still_there(&[saga_id.to_owned()]).await.unwrap();
        assert_eq!(chosen.len(), 1);
        self.store.remove(&chosen, None).await.unwrap();
    }
}
