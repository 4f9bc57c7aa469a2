//! A secret goes in by every way there is, and is looked for at every way out.
//!
//! Rule of thumb: each way in has a secret of its own, so that what is found says where it came in. What a dead letter's record holds
//! stays in its topic byte for byte, which is what it is for; everything that is said of it does not.

mod askers;
mod by_http;
mod restored;
mod ways_in;
mod ways_out;

use std::collections::{BTreeMap, BTreeSet};

use self::{
    askers::{Receiver, Tail, ask, question},
    by_http::{Source, by_http, by_tokens},
    restored::archive_and_dev,
    ways_in::{Form, by_the_topics},
    ways_out::{Operator, SAGAS, beginning, changes, command, commands, pages, rest},
};
use crate::support::{Harness, eventually, process::ServerProcess};

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

/// What was found, and at how many ways out it was looked for.
#[derive(Default)]
struct Search {
    ways_out: BTreeSet<String>,
    leaks: BTreeSet<String>,
}

impl Search {
    /// What was found at the ways out of something else.
    fn add(&mut self, of: &str, found: Self) {
        let named = |name: String| format!("{of}: {name}");
        self.ways_out.extend(found.ways_out.into_iter().map(named));
        self.leaks.extend(found.leaks.into_iter().map(named));
    }

    fn look(&mut self, secrets: &Secrets, way_out: &str, text: &str) {
        self.ways_out.insert(way_out.to_owned());
        for way_in in secrets.found_in(text) {
            self.leaks.insert(format!("{way_in} at {way_out}"));
        }
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
    let source = Source::new(&harness).await;
    let receiver = Receiver::start().await;
    let configuration = tempfile::Builder::new().suffix(".yml").tempfile().unwrap();
    std::fs::write(configuration.path(), receiver.configuration(&mut secrets)).unwrap();
    let mut settings = vec![
        ("SAGA_SERVER_CONFIG", configuration.path().display().to_string()),
        ("SAGA_SERVER_REDACTION_METADATA_KEYS", HIDDEN.to_owned()),
        ("SAGA_SERVER_AUTH_TOKENS", (*entry).to_owned()),
        ("SAGA_SERVER_LOG_LEVEL", "trace".to_owned()),
        ("SAGA_SERVER_LOG_FORMAT", "json".to_owned()),
        (
            "SAGA_SERVER_KAFKA_PROPERTIES",
            "session.timeout.ms=6000".to_owned(),
        ),
    ];
    settings.extend(source.variables());
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
    let tail = Tail::start(&operator);
    by_the_topics(&harness, &mut secrets);
    source.send(&harness, &mut secrets);
    by_http(&operator, &mut secrets, &mut search).await;
    by_tokens(&operator, &mut secrets, &mut search).await;
    eventually("everything is stored or a dead letter", async || {
        harness.sql_count("SELECT count(*) FROM saga_steps").await == 16
            && harness.sql_count("SELECT count(*) FROM dead_letter").await == 10
    })
    .await;
    search.look(&secrets, "stream", &beginning(stream, "\"failed\"").await);
    search.look(&secrets, "webhook", &receiver.told_of("failed-now").await);
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
    let seen = pages(&operator, &secrets, &mut search).await;
    assert!(
        seen.iter().any(|path| path.starts_with("/dead-letters/")),
        "{seen:?}"
    );
    question(&operator, &secrets, &mut search).await;
    tokio::task::block_in_place(|| ask(&operator, &secrets, &mut search));
    changes(&operator, &mut secrets, &mut search).await;
    rest(&operator, &secrets, &mut search).await;
    pages(&operator, &secrets, &mut search).await;
    search.look(&secrets, "saga-server tail", &tail.until("COMPENSATED").await);
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
    for letter in harness.dead_letters(10).await {
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
    archive_and_dev(&settings, &archive, &operator.token, &secrets, &mut search).await;
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
