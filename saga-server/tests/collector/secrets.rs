//! A secret goes in by every way there is, and is looked for at every way out.
//!
//! Rule of thumb: each way in has a secret of its own, so that what is found says where it came in. What a dead letter's record holds
//! stays in its topic byte for byte, which is what it is for; everything that is said of it does not.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    process::{Command, Stdio},
};

use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::BaseRecord,
};
use saga_types::{
    Metadata, SagaEvent, SagaStatus,
    avro::{self, Framing, SchemaVersion},
    steps,
    topic::dead_letter_headers,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Harness, TIMEOUT, events::event, eventually, process::ServerProcess};

const HIDDEN: &str = "card*;failureReason;reason;actor";

/// The secrets, by the way in which they come.
struct Secrets(BTreeMap<&'static str, String>);

impl Secrets {
    /// A new one.
    fn of(&mut self, way: &'static str) -> String {
        let secret = format!("zq{}", uuid::Uuid::now_v7().simple());
        self.0.insert(way, secret.clone());
        secret
    }

    /// Which of them a text holds, as it is or in hex.
    fn found_in(&self, text: &str) -> Vec<&'static str> {
        let hex = |secret: &str| {
            secret
                .bytes()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        let holds = |secret: &String| text.contains(secret.as_str()) || text.contains(&hex(secret));
        let found = self.0.iter().filter(|(_, secret)| holds(secret));
        found.map(|(way, _)| *way).collect()
    }
}

fn of(saga_id: &str, position: usize, status: SagaStatus, metadata: &str) -> SagaEvent {
    let step = match status {
        SagaStatus::Failed => steps::ORDER_CANCELLED,
        _ => steps::ORDER_CREATED,
    };
    event(saga_id, position, step, status).with_metadata(Metadata::parse(metadata).unwrap())
}

fn bytes(event: &SagaEvent) -> Vec<u8> {
    avro::encode(event, SchemaVersion::V2, Framing::SingleObject).unwrap()
}

/// Something with a secret in it.
type Form = fn(&str) -> String;

/// By the topics: events with hidden keys, headers, and bytes that are no events.
fn by_the_topics(harness: &Harness, secrets: &mut Secrets) {
    let producer = harness.producer();
    let forms: [(&str, Form); 6] = [
        ("metadata", |secret| format!(r#"{{"cardNumber":"{secret}"}}"#)),
        ("metadata, nested", |secret| {
            format!(r#"{{"order":{{"list":[{{"Card":["{secret}"]}}]}}}}"#)
        }),
        ("metadata, escaped key", |secret| {
            format!(r#"{{"c\u0061rd":"{secret}"}}"#)
        }),
        ("metadata, repeated key", |secret| {
            format!(r#"{{"order":{{"card":"{secret}"}},"order":{{"x":1}}}}"#)
        }),
        ("metadata, as a key below a hidden one", |secret| {
            format!(r#"{{"card":{{"{secret}":1}}}}"#)
        }),
        ("metadata, beside long numbers", |secret| {
            format!(r#"{{"n":123456789012345678901234567890,"card":"{secret}"}}"#)
        }),
    ];
    for (place, (way, form)) in forms.into_iter().enumerate() {
        let metadata = form(&secrets.of(way));
        producer.send(&of(&format!("hidden-{place}"), 0, SagaStatus::Started, &metadata));
    }
    let reason = format!(r#"{{"failureReason":"{}"}}"#, secrets.of("failure reason"));
    producer.send(&of("failed", 0, SagaStatus::Started, "{}"));
    producer.send(&of("failed", 1, SagaStatus::Failed, &reason));
    let claim = format!(
        r#"{{"actor":"{}","reason":"{}"}}"#,
        secrets.of("actor of an override"),
        secrets.of("reason of an override")
    );
    let step = steps::MANUAL_STATUS_OVERRIDE;
    let overridden = event("overridden", 0, step, SagaStatus::Failed);
    producer.send(&overridden.with_metadata(Metadata::parse(claim).unwrap()));

    // What is no event, or none that can be stored.
    let (header, name) = (secrets.of("header's value"), secrets.of("header of an event"));
    let known = of("with-header", 0, SagaStatus::Started, "{}");
    let record = |key: &'static str| BaseRecord::<[u8], [u8]>::to(producer.topic()).key(key.as_bytes());
    let headers = |value: &str| {
        OwnedHeaders::new().insert(Header {
            key: "x-customer",
            value: Some(value),
        })
    };
    producer.send_record(
        record("with-header")
            .payload(&bytes(&known))
            .headers(headers(&name)),
    );
    producer.send_record(record("bad-1").payload(b"no event").headers(headers(&header)));
    let noise = secrets.of("bytes of no framing");
    producer.send_raw(Some(b"bad-2"), noise.as_bytes());
    let json = format!(r#"{{"card":"{}"}}"#, secrets.of("JSON in place of Avro"));
    producer.send_raw(Some(b"bad-3"), json.as_bytes());
    let cut = of(
        "bad-4",
        0,
        SagaStatus::Started,
        &format!(r#"{{"card":"{}"}}"#, secrets.of("an event that is cut off")),
    );
    let cut = bytes(&cut);
    producer.send_raw(Some(b"bad-4"), &cut[..cut.len() - 2]);
    let mut unknown = vec![0, 0, 0, 0, 99];
    unknown.extend(secrets.of("an unknown schema").bytes());
    producer.send_raw(Some(b"bad-5"), &unknown);
    // The text of the metadata is replaced by one that is no JSON and as long.
    let secret = secrets.of("metadata that is no JSON");
    let broken = bytes(&of(
        "bad-6",
        0,
        SagaStatus::Started,
        &format!(r#"{{"card":"{secret}"}}"#),
    ));
    let broken = replaced(
        &broken,
        &format!(r#""{secret}"}}"#),
        &format!(r#""{secret}",,"#)[..secret.len() + 3],
    );
    producer.send_raw(Some(b"bad-6"), &broken);
    // The same id with other content: its sentence names what differs.
    let conflict = |secret: &str| {
        of(
            "conflict",
            0,
            SagaStatus::Started,
            &format!(r#"{{"card":"{secret}"}}"#),
        )
    };
    producer.send(&conflict(&secrets.of("the first of two in conflict")));
    producer.send(&conflict(&secrets.of("the second of two in conflict")));

    let message = secrets.of("message of another's dead letter");
    let trace = secrets.of("stack trace of another's dead letter");
    let payload = secrets.of("value of another's dead letter");
    let foreign = BaseRecord::<[u8], [u8]>::to(&harness.dead_letter_topic)
        .key(b"foreign")
        .payload(payload.as_bytes())
        .headers(
            OwnedHeaders::new()
                .insert(Header {
                    key: dead_letter_headers::EXCEPTION_FQCN,
                    value: Some("org.springframework.X"),
                })
                .insert(Header {
                    key: dead_letter_headers::EXCEPTION_MESSAGE,
                    value: Some(&message),
                })
                .insert(Header {
                    key: "kafka_dlt-exception-stacktrace",
                    value: Some(&trace),
                }),
        );
    producer.send_record(foreign);
    producer.flush();
}

/// The bytes with a text replaced by another of its length.
fn replaced(bytes: &[u8], text: &str, by: &str) -> Vec<u8> {
    assert_eq!(text.len(), by.len());
    let at = bytes
        .windows(text.len())
        .position(|window| window == text.as_bytes())
        .unwrap();
    let mut replaced = bytes.to_vec();
    replaced[at..at + by.len()].copy_from_slice(by.as_bytes());
    replaced
}

/// What was found, and at how many ways out it was looked for.
#[derive(Default)]
struct Search {
    ways_out: BTreeSet<String>,
    leaks: BTreeSet<String>,
}

impl Search {
    fn look(&mut self, secrets: &Secrets, way_out: &str, text: &str) {
        self.ways_out.insert(way_out.to_owned());
        for way_in in secrets.found_in(text) {
            self.leaks.insert(format!("{way_in} at {way_out}"));
        }
    }
}

/// HTTP as an operator.
struct Operator {
    base: String,
    token: String,
    client: reqwest::Client,
}

impl Operator {
    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        let request = request.bearer_auth(&self.token).timeout(TIMEOUT);
        let answer = request.send().await.unwrap();
        let headers = format!("{:?}", answer.headers());
        (answer.status().as_u16(), answer.text().await.unwrap() + &headers)
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.send(self.client.get(format!("{}{path}", self.base))).await
    }

    /// An answer that never ends.
    async fn stream(&self) -> reqwest::Response {
        let request = self.client.get(format!("{}/api/v1/sagas/stream", self.base));
        request.bearer_auth(&self.token).send().await.unwrap()
    }
}

/// Its beginning, up to a text.
async fn beginning(mut stream: reqwest::Response, holds: &str) -> String {
    let mut text = String::new();
    while !text.contains(holds) {
        let piece = tokio::time::timeout(TIMEOUT, stream.chunk())
            .await
            .unwrap()
            .unwrap();
        text.push_str(&String::from_utf8_lossy(&piece.unwrap_or_default()));
    }
    text
}

const SAGAS: [&str; 5] = ["hidden-0", "hidden-3", "failed", "overridden", "conflict"];

/// What a GET needs to be answered.
fn query(path: &str) -> &'static str {
    match path {
        "/api/v1/compare" => "?service=order-service&baseline=1&candidate=2",
        "/api/v1/differences" => "?a.status=FAILED&b.status=COMPLETED",
        "/api/v1/flow" => "?sagaType=ORDER_CREATION",
        _ => "",
    }
}

/// Every GET of the description, those of one saga for some.
async fn rest(operator: &Operator, secrets: &Secrets, search: &mut Search) {
    let (_, description) = operator.get("/api-docs").await;
    let description: Value = serde_json::Deserializer::from_str(&description)
        .into_iter()
        .next()
        .unwrap()
        .unwrap();
    let paths = description["paths"].as_object().unwrap();
    let mut asked = 0;
    for (path, methods) in paths {
        if methods["get"].is_null() || path.ends_with("/stream") {
            continue;
        }
        for saga in SAGAS
            .iter()
            .take(if path.contains('{') { SAGAS.len() } else { 1 })
        {
            let asked_for = path.replace("{sagaId}", saga) + query(path);
            let (status, answer) = operator.get(&asked_for).await;
            assert!(
                status < 400 || path.contains('{') && status == 404,
                "{path}: {status} {answer}"
            );
            search.look(secrets, path, &answer);
            asked += 1;
        }
    }
    assert!(asked > 20, "only {asked} paths are described");
}

/// All pages that lead from one to the other.
async fn pages(operator: &Operator, secrets: &Secrets, search: &mut Search) {
    let mut queue: VecDeque<String> = [
        "/",
        "/sagas",
        "/dead-letters",
        "/operations",
        "/services",
        "/flow",
    ]
    .map(str::to_owned)
    .into();
    let mut seen: BTreeSet<String> = queue.iter().cloned().collect();
    while let Some(path) = queue.pop_front() {
        let (status, page) = operator.get(&path).await;
        assert!(status < 500, "{path}: {status}");
        search.look(secrets, &format!("page {path}"), &page);
        for link in page.split("href=\"").skip(1) {
            let link = link
                .split(['"', '#'])
                .next()
                .unwrap_or_default()
                .replace("&amp;", "&");
            let is_page = link.starts_with('/') && !link.starts_with("//") && !link.contains("/assets/");
            if is_page && !link.contains("stream") && seen.len() < 250 && seen.insert(link.clone()) {
                queue.push_back(link);
            }
        }
    }
    assert!(
        seen.iter().any(|path| path.starts_with("/dead-letters/")),
        "{seen:?}"
    );
    assert!(seen.iter().any(|path| path.starts_with("/sagas/")), "{seen:?}");
}

/// What changes something, and its answers.
async fn changes(operator: &Operator, secrets: &mut Secrets, search: &mut Search) {
    for dry_run in [true, false] {
        let body = json!({"filter": {}, "dryRun": dry_run});
        let url = format!("{}/internal/v1/sagas/replay", operator.base);
        let (_, answer) = operator.send(operator.client.post(url).json(&body)).await;
        search.look(secrets, &format!("replay, dryRun {dry_run}"), &answer);
    }
    let reason = secrets.of("reason of a correction");
    let url = format!("{}/internal/v1/sagas/failed/status", operator.base);
    let body = json!({"status": "COMPENSATED", "reason": reason});
    let (status, answer) = operator.send(operator.client.patch(url).json(&body)).await;
    assert_eq!(status, 200, "{answer}");
    search.look(secrets, "correction", &answer);
    let asked = secrets.of("value of a filter by a hidden key");
    let (status, answer) = operator
        .get(&format!("/api/v1/sagas?metadata.cardNumber={asked}"))
        .await;
    assert_eq!(status, 400, "{answer}");
    // The path of an error is the caller's own.
    search.look(secrets, "filter by a hidden key", &answer.replace(&asked, ""));
    secrets.0.remove("value of a filter by a hidden key");
}

/// `saga-server` with what it prints to both streams.
fn command(settings: &[(&str, String)], words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_saga-server"))
        .args(words)
        .envs(settings.iter().map(|(name, value)| (*name, value)))
        .env("SAGA_SERVER_LOG_LEVEL", "trace")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

fn commands(settings: &[(&str, String)], exported: &TempDir, secrets: &Secrets, search: &mut Search) {
    let file = exported.path().join("events.json").display().to_string();
    for words in [
        &["rebuild", "--dry-run"][..],
        &["rebuild", "--dry-run", "--list"],
        &["rebuild", "--dry-run", "--json"],
        &["dlt", "list"],
        &["dlt", "list", "--json"],
        &["dlt", "replay", "--all", "--dry-run"],
        &["dlt", "replay", "--all", "--dry-run", "--json"],
        &["config", "check"],
        &["definitions", "check"],
        &["migrate"],
        &["fold", "--events", &file],
        &["archive", "run"],
        &["archive", "list"],
    ] {
        let printed = command(settings, words);
        search.look(
            secrets,
            &format!("saga-server {}", words[..2.min(words.len())].join(" ")),
            &printed,
        );
    }
}

/// A database, broker, registry and archive that refuse what stands in their addresses.
fn passwords_in_addresses(secrets: &mut Secrets, search: &mut Search) {
    let tries: [(&'static str, &str, Form); 5] = [
        ("password of the database", "DATABASE_URL", |secret| {
            format!("postgres://tracker:{secret}@127.0.0.1:1/none")
        }),
        ("database's address that is malformed", "DATABASE_URL", |secret| {
            format!("postgres://tracker:{secret}@127.0.0.1:port/none")
        }),
        ("password of the registry", "SCHEMA_REGISTRY_URL", |secret| {
            format!("http://tracker:{secret}@127.0.0.1:1")
        }),
        ("password of Kafka", "SAGA_SERVER_KAFKA_PROPERTIES", |secret| {
            format!(
                "sasl.password={secret};sasl.mechanism=PLAIN;security.protocol=sasl_plaintext;sasl.username=x"
            )
        }),
        ("certificate's key", "SAGA_SERVER_KAFKA_PROPERTIES", |secret| {
            format!("ssl.key.pem={secret}")
        }),
    ];
    for (way, variable, value) in tries {
        let value = value(&secrets.of(way));
        for words in [
            &["config", "check"][..],
            &["migrate"],
            &["dlt", "list"],
            &["serve", "--listen", "127.0.0.1:no"],
        ] {
            let printed = command(&[(variable, value.clone())], words);
            search.look(
                secrets,
                &format!("saga-server {} ({variable})", words[0]),
                &printed,
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_that_comes_in_goes_out() {
    let harness = Harness::new().await;
    let (mut secrets, mut search) = (Secrets(BTreeMap::new()), Search::default());
    let made = command(&[], &["token", "--name", "dana", "--role", "operator"]);
    let words: Vec<&str> = made.split_whitespace().collect();
    let entry = words
        .iter()
        .find(|word| word.starts_with("dana:operator:"))
        .unwrap();
    let token = words
        .iter()
        .find(|word| word.len() > 30 && !word.contains(':'))
        .unwrap();
    secrets.0.insert("token", (*token).to_owned());
    let archive = tempfile::tempdir().unwrap();
    let mut settings = vec![
        ("SAGA_SERVER_REDACTION_METADATA_KEYS", HIDDEN.to_owned()),
        ("SAGA_SERVER_AUTH_TOKENS", (*entry).to_owned()),
        ("SAGA_SERVER_LOG_LEVEL", "trace".to_owned()),
        ("SAGA_SERVER_LOG_FORMAT", "json".to_owned()),
        (
            "SAGA_SERVER_KAFKA_PROPERTIES",
            "session.timeout.ms=6000".to_owned(),
        ),
    ];
    let variables: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let log = tempfile::NamedTempFile::new().unwrap();
    let server = ServerProcess::serve_with(&harness, &variables, log.reopen().unwrap().into());
    server.rest.wait_until_ready().await;
    let operator = Operator {
        base: server.rest.base().to_owned(),
        token: (*token).to_owned(),
        client: saga_collector::http_client::plain_client(),
    };
    let stream = operator.stream().await;
    by_the_topics(&harness, &mut secrets);
    eventually("everything is stored or a dead letter", async || {
        harness.sql_count("SELECT count(*) FROM saga_steps").await == 11
            && harness.sql_count("SELECT count(*) FROM dead_letter").await == 8
    })
    .await;
    search.look(&secrets, "stream", &beginning(stream, "\"failed\"").await);
    // A rebuild has something to report then.
    harness
        .sql("UPDATE saga_instance SET failure_reason = failure_reason || '.', last_step = 'X' WHERE saga_id = 'failed'")
        .await;
    rest(&operator, &secrets, &mut search).await;
    for path in [
        "/api/v1/sagas.csv",
        "/api/v1/sagas.ndjson",
        "/internal/v1/operations.csv",
    ] {
        let (_, answer) = operator.get(path).await;
        search.look(&secrets, path, &answer);
    }
    let exported = tempfile::tempdir().unwrap();
    for saga in SAGAS {
        let (status, events) = operator.get(&format!("/sagas/{saga}/events.json")).await;
        assert_eq!(status, 200, "{events}");
        search.look(&secrets, "events.json", &events);
        let events = events
            .rsplit_once(']')
            .map_or(String::new(), |(events, _)| format!("{events}]"));
        std::fs::write(exported.path().join("events.json"), events).unwrap();
    }
    pages(&operator, &secrets, &mut search).await;
    changes(&operator, &mut secrets, &mut search).await;
    rest(&operator, &secrets, &mut search).await;
    pages(&operator, &secrets, &mut search).await;
    settings.extend([
        ("DATABASE_URL", harness.database_url.clone()),
        ("KAFKA_BOOTSTRAP_SERVERS", harness.bootstrap_servers.clone()),
        (
            "SAGA_SERVER_ARCHIVE_URL",
            format!("file://{}", archive.path().display()),
        ),
    ]);
    tokio::task::block_in_place(|| {
        commands(&settings, &exported, &secrets, &mut search);
        passwords_in_addresses(&mut secrets, &mut search);
    });
    // What is said of a dead letter, not what it holds.
    for letter in harness.dead_letters(8).await {
        let said: Vec<String> = letter
            .headers
            .iter()
            .filter(|(name, _)| name.starts_with("kafka_dlt-") || name.starts_with("saga-tracker-"))
            .filter(|_| letter.key.as_deref() != Some(b"foreign"))
            .map(|(name, value)| {
                format!(
                    "{name} {}",
                    String::from_utf8_lossy(value.as_deref().unwrap_or_default())
                )
            })
            .collect();
        search.look(&secrets, "headers of dead letters", &said.join("\n"));
    }
    drop(server);
    search.look(
        &secrets,
        "log at trace",
        &std::fs::read_to_string(log.path()).unwrap(),
    );
    println!(
        "ways in {}, ways out {}, pairs {}, leaks {}",
        secrets.0.len(),
        search.ways_out.len(),
        secrets.0.len() * search.ways_out.len(),
        search.leaks.len()
    );
    assert!(search.leaks.is_empty(), "{:#?}", search.leaks);
}
