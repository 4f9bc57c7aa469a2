//! Webhooks whose receivers are down, slow or hostile, and whose collectors are killed: nothing is lost, and what comes again has
//! the same id.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use saga_collector::{
    freshness::Progress,
    health::Health,
    http_client::plain_client,
    metrics::Metrics,
    owners::{Contact, Owners},
    redaction::Redaction,
    secret::Secret,
    webhooks::{SigningKey, WebhookConfig, WebhookParts, WebhookTimes, Webhooks, send_example},
};
use saga_server::server::Server;
use saga_store::{NoticeKind, Scope, Store};
use saga_types::{SagaEvent, SagaType, Timestamp};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    other_languages::python_program,
    retention::on_postgres,
    support::{
        Harness,
        events::{compensated, out_of_stock, saga, success},
        eventually, open,
    },
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What the receiver does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Takes,
    Answers(u16),
    Redirects,
    NeverAnswers,
}

/// A request whose signature was right.
#[derive(Debug, Clone)]
struct Got {
    id: String,
    body: Value,
}

/// A receiver that verifies signatures.
#[derive(Clone)]
struct Receiver {
    manner: Arc<Mutex<Manner>>,
    got: Arc<Mutex<Vec<Got>>>,
    taken: Arc<AtomicU64>,
    url: String,
}

impl Receiver {
    async fn start(manner: Manner) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            manner: Arc::new(Mutex::new(manner)),
            got: Arc::default(),
            taken: Arc::default(),
            url: format!("http://{}/hook", listener.local_addr().unwrap()),
        };
        let router = Router::new()
            .route("/hook", post(take))
            .route("/elsewhere", post(take))
            .with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    fn set(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// How many requests it has answered with 200.
    fn taken(&self) -> u64 {
        self.taken.load(Ordering::SeqCst)
    }

    /// How often each id came.
    fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for got in self.got() {
            *counts.entry(got.id).or_default() += 1;
        }
        counts
    }

    fn sagas(&self) -> BTreeSet<String> {
        let got = self.got().into_iter();
        got.map(|got| got.body["data"]["sagaId"].as_str().unwrap().to_owned())
            .collect()
    }

    fn webhook(&self, name: &str, kinds: &[NoticeKind]) -> WebhookConfig {
        WebhookConfig {
            name: name.to_owned(),
            url: Secret::new(self.url.clone()),
            ca_file: None,
            key: SigningKey::read(SECRET).unwrap(),
            kinds: kinds.to_vec(),
            scope: Scope::All,
            timeout: Duration::from_secs(1),
        }
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    let value = |name: &str| headers[name].to_str().unwrap().to_owned();
    let (id, timestamp) = (value("webhook-id"), value("webhook-timestamp"));
    let timestamp: i64 = timestamp.parse().unwrap();
    let age_s = Timestamp::now().as_millis() / 1_000 - timestamp;
    assert!((-300..300).contains(&age_s), "{age_s}");
    let key = SigningKey::read(SECRET).unwrap();
    assert_eq!(value("webhook-signature"), key.sign(&id, timestamp, &body));
    assert_eq!(value("content-type"), "application/json");
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["id"], id.as_str());
    receiver.got.lock().unwrap().push(Got { id, body });
    let manner = *receiver.manner.lock().unwrap();
    match manner {
        Manner::Takes => {
            receiver.taken.fetch_add(1, Ordering::SeqCst);
            StatusCode::OK.into_response()
        }
        Manner::Answers(status) => {
            let status = StatusCode::from_u16(status).unwrap();
            // A body without end, of which nothing is read.
            let endless =
                futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[0; 1024])));
            let body = axum::body::Body::from_stream(endless);
            (status, [(header::RETRY_AFTER, "0")], body).into_response()
        }
        Manner::Redirects => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/elsewhere")]).into_response()
        }
        Manner::NeverAnswers => std::future::pending().await,
    }
}

const QUICK: WebhookTimes = WebhookTimes {
    interval: Duration::from_millis(20),
    first_retry: Duration::from_millis(20),
    longest_retry: Duration::from_millis(200),
    claim_margin: Some(Duration::ZERO),
};

fn parts(store: &Arc<dyn Store>) -> WebhookParts {
    let contact = Contact {
        team: "Stock".to_owned(),
        channel: None,
        runbook: None,
    };
    WebhookParts {
        store: store.clone(),
        progress: Arc::new(Progress::default()),
        metrics: Arc::new(Metrics::new([])),
        health: Arc::new(Health::starting(&[])),
        redaction: Redaction::default(),
        owners: [("product-service".to_owned(), contact)]
            .into_iter()
            .collect::<Owners>(),
        external_url: Some("https://sagas.example".to_owned()),
        compensation_overdue_after: Duration::from_secs(300),
    }
}

/// Of a collector of its own, which asks from now on.
async fn webhooks(store: &Arc<dyn Store>, configs: &[WebhookConfig]) -> Webhooks {
    let webhooks = Webhooks::new(configs, parts(store)).unwrap().with_times(QUICK);
    webhooks.note(None).await.unwrap();
    webhooks
}

async fn on_sqlite() -> (tempfile::TempDir, Arc<dyn Store>) {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("sagas.db").display());
    (folder, open(&database).await)
}

async fn fail(store: &dyn Store, sagas: std::ops::Range<usize>) {
    let events = sagas.flat_map(|number| saga(&format!("saga-{number}"), &out_of_stock()));
    let events: Vec<SagaEvent> = events.collect();
    store.append(events.into()).await.unwrap();
}

async fn nothing_is_pending(store: &dyn Store) -> bool {
    store.count_pending_deliveries().await.unwrap().is_empty()
        && store.noted_failures(1).await.unwrap().is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_a_saga_is_sent_signed_to_those_who_ask_for_it() {
    let (_folder, store) = on_sqlite().await;
    let (all, refunds) = (
        Receiver::start(Manner::Takes).await,
        Receiver::start(Manner::Takes).await,
    );
    let of_refunds = WebhookConfig {
        scope: Scope::of([SagaType::REFUND]),
        ..refunds.webhook("refunds", &NoticeKind::ALL)
    };
    let webhooks = webhooks(&store, &[all.webhook("all", &NoticeKind::ALL), of_refunds]).await;
    fail(&*store, 1..2).await;
    let waiting = saga("saga 2", &success()[..2]);
    let owing = saga("saga-3", &compensated()[..6]);
    let undone = saga("saga-4", &compensated());
    let fine = saga("saga-5", &success());
    store
        .append([waiting, owing, undone, fine].concat().into())
        .await
        .unwrap();
    // Within the next hour one is stuck, and one owes its compensation for too long.
    let later = Timestamp::now().saturating_add(Duration::from_secs(3_600));
    assert_eq!(webhooks.note(Some(later)).await.unwrap(), 5);
    assert_eq!(webhooks.note(Some(later)).await.unwrap(), 0);

    let stop = CancellationToken::new();
    let running = tokio::spawn(webhooks.run(stop.clone()));
    eventually("all is sent", async || nothing_is_pending(&*store).await).await;
    stop.cancel();
    running.await.unwrap();
    assert!(refunds.got().is_empty());
    let got = all.got();
    let mut said: Vec<String> = got
        .iter()
        .map(|got| format!("{} {}", got.body["data"]["sagaId"], got.body["type"]).replace('"', ""))
        .collect();
    said.sort_unstable();
    assert_eq!(
        said,
        [
            "saga 2 saga.stuck",
            "saga-1 saga.failed",
            "saga-3 saga.compensation_overdue",
            "saga-3 saga.failed",
            "saga-4 saga.failed",
        ]
    );
    let of = |saga_id: &str| {
        let got = got.iter().find(|got| got.body["data"]["sagaId"] == saga_id);
        got.unwrap().body["data"].clone()
    };
    let stuck = of("saga 2");
    assert_eq!(stuck["link"], "https://sagas.example/sagas/saga%202");
    assert_eq!(stuck["sagaType"], "ORDER_CREATION");
    assert_eq!(stuck["awaitedStep"], "STOCK_RESERVED");
    assert_eq!(stuck["service"], "product-service");
    assert_eq!(stuck["owner"]["team"], "Stock");
    let failed = of("saga-1");
    assert_eq!(failed["failureReason"], "NOT_TODAY");
    assert_eq!(failed["failedStep"], "STOCK_RESERVATION_FAILED");
    assert_eq!(failed["status"], "FAILED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_reason_is_sent_by_no_webhook_and_stored_for_none() {
    let (_folder, store) = on_sqlite().await;
    let receiver = Receiver::start(Manner::Takes).await;
    let mut parts = parts(&store);
    parts.redaction = Redaction::of(&["failureReason"]).unwrap();
    let webhook = receiver.webhook("oncall", &[NoticeKind::Failed]);
    let webhooks = Webhooks::new(&[webhook], parts).unwrap().with_times(QUICK);
    webhooks.note(None).await.unwrap();
    fail(&*store, 0..1).await;
    webhooks.note(None).await.unwrap();
    let pending = store.pending_deliveries(None, 10).await.unwrap();
    assert!(!pending[0].content.contains("NOT_TODAY"), "{pending:?}");
    let running = tokio::spawn(webhooks.run(CancellationToken::new()));
    eventually("it is sent", async || receiver.taken() == 1).await;
    running.abort();
    let got = receiver.got();
    assert!(!got[0].body.to_string().contains("NOT_TODAY"));
    assert!(got[0].body["data"]["failureReason"].is_string());
}

async fn a_receiver_that_is_down_gets_everything_once_it_is_up(store: Arc<dyn Store>) {
    const SAGAS: usize = 30;
    let receiver = Receiver::start(Manner::Answers(503)).await;
    let webhooks = webhooks(&store, &[receiver.webhook("oncall", &[NoticeKind::Failed])]).await;
    let running = tokio::spawn(webhooks.run(CancellationToken::new()));
    fail(&*store, 0..SAGAS).await;
    for manner in [
        Manner::Answers(503),
        Manner::Answers(429),
        Manner::Answers(400),
        Manner::Redirects,
    ] {
        receiver.set(manner);
        let so_far = receiver.got().len();
        eventually("it is tried", async || receiver.got().len() >= so_far + 3).await;
    }
    assert_eq!(receiver.taken(), 0);
    assert_eq!(
        store.count_pending_deliveries().await.unwrap()[0].count,
        SAGAS as u64
    );
    receiver.set(Manner::Takes);
    eventually("all is sent", async || nothing_is_pending(&*store).await).await;
    running.abort();
    assert_eq!(receiver.taken(), SAGAS as u64);
    assert_eq!(receiver.sagas().len(), SAGAS);
    assert_eq!(receiver.counts().len(), SAGAS, "each saga has one id");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_gets_everything_of_sqlite_once_it_is_up() {
    let (_folder, store) = on_sqlite().await;
    a_receiver_that_is_down_gets_everything_once_it_is_up(store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_gets_everything_of_postgres_once_it_is_up() {
    a_receiver_that_is_down_gets_everything_once_it_is_up(on_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_never_answers_delays_no_other_one() {
    const SAGAS: usize = 20;
    let (_folder, store) = on_sqlite().await;
    let (slow, quick) = (
        Receiver::start(Manner::NeverAnswers).await,
        Receiver::start(Manner::Takes).await,
    );
    let nobody = WebhookConfig {
        url: Secret::new("http://127.0.0.1:1/hook"),
        ..quick.webhook("nobody", &[NoticeKind::Failed])
    };
    let kinds = [NoticeKind::Failed];
    let patient = WebhookConfig {
        timeout: Duration::from_secs(600),
        ..slow.webhook("slow", &kinds)
    };
    let webhooks = webhooks(&store, &[patient, nobody, quick.webhook("quick", &kinds)]).await;
    let running = tokio::spawn(webhooks.run(CancellationToken::new()));
    fail(&*store, 0..1).await;
    eventually("the slow one has a request", async || slow.got().len() == 1).await;
    fail(&*store, 1..SAGAS).await;
    eventually("the quick one has all", async || quick.taken() == SAGAS as u64).await;
    assert_eq!(slow.got().len(), 1, "it is waited for");
    let pending = store.count_pending_deliveries().await.unwrap();
    let pending: Vec<(&str, u64)> = pending
        .iter()
        .map(|pending| (pending.webhook.as_str(), pending.count))
        .collect();
    assert!(pending.contains(&("slow", SAGAS as u64)), "{pending:?}");
    assert!(pending.contains(&("nobody", SAGAS as u64)), "{pending:?}");
    running.abort();
}

async fn what_a_killed_collector_was_sending_comes_again_with_its_id(store: Arc<dyn Store>) {
    const SAGAS: usize = 5;
    let receiver = Receiver::start(Manner::NeverAnswers).await;
    let config = [receiver.webhook("oncall", &[NoticeKind::Failed])];
    let killed = webhooks(&store, &config).await;
    fail(&*store, 0..SAGAS).await;
    killed.note(None).await.unwrap();
    let running = tokio::spawn(killed.run(CancellationToken::new()));
    eventually("all is being sent", async || receiver.got().len() >= SAGAS).await;
    running.abort();
    let before = receiver.counts();
    assert_eq!(before.len(), SAGAS);

    receiver.set(Manner::Takes);
    let next = webhooks(&store, &config).await;
    let running = tokio::spawn(next.run(CancellationToken::new()));
    eventually("all is sent", async || nothing_is_pending(&*store).await).await;
    running.abort();
    let after = receiver.counts();
    assert_eq!(receiver.taken(), SAGAS as u64);
    assert!(after.keys().eq(before.keys()), "{before:?} {after:?}");
    assert!(after.values().all(|count| *count >= 2), "{after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_collector_on_sqlite_was_sending_comes_again_with_its_id() {
    let (_folder, store) = on_sqlite().await;
    what_a_killed_collector_was_sending_comes_again_with_its_id(store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_collector_on_postgres_was_sending_comes_again_with_its_id() {
    what_a_killed_collector_was_sending_comes_again_with_its_id(on_postgres().await).await;
}

async fn two_collectors_send_everything_once(store: Arc<dyn Store>) {
    const SAGAS: usize = 200;
    let receiver = Receiver::start(Manner::Takes).await;
    let config = WebhookConfig {
        // So long that no claim ends by time.
        timeout: Duration::from_secs(600),
        ..receiver.webhook("oncall", &NoticeKind::ALL)
    };
    let config = [config];
    let (first, second) = (webhooks(&store, &config).await, webhooks(&store, &config).await);
    let stop = CancellationToken::new();
    let running = [&first, &second].map(|one| tokio::spawn(one.clone().run(stop.clone())));
    for start in (0..SAGAS).step_by(50) {
        fail(&*store, start..start + 50).await;
        // Both look at once, as after a lease that ended while its holder was held up.
        let noted = tokio::join!(first.note(None), second.note(None));
        noted.0.unwrap();
        noted.1.unwrap();
    }
    eventually("all is sent", async || nothing_is_pending(&*store).await).await;
    stop.cancel();
    for one in running {
        one.await.unwrap();
    }
    let counts = receiver.counts();
    assert_eq!(counts.len(), SAGAS);
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_collectors_on_sqlite_send_everything_once() {
    let (_folder, store) = on_sqlite().await;
    two_collectors_send_everything_once(store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_collectors_on_postgres_send_everything_once() {
    two_collectors_send_everything_once(on_postgres().await).await;
}

/// Killed with the test, however it ends.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_of_the_documents_takes_what_is_genuine_and_nothing_else() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let mut command = python_program("python/webhook_receiver.py");
    let _receiver = Killed(command.arg(port.to_string()).spawn().unwrap());
    let address = ("127.0.0.1", port);
    eventually("it listens", async || {
        std::net::TcpStream::connect(address).is_ok()
    })
    .await;
    let genuine = WebhookConfig {
        url: Secret::new(format!("http://127.0.0.1:{port}/")),
        ..Receiver::start(Manner::Takes)
            .await
            .webhook("oncall", &[NoticeKind::Stuck])
    };
    send_example(&genuine, Owners::default(), None).await.unwrap();
    let forged = WebhookConfig {
        key: SigningKey::read("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap(),
        ..genuine
    };
    let refused = send_example(&forged, Owners::default(), None).await.unwrap_err();
    assert_eq!(refused.to_string(), "answered 401 Unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_or_becomes_late_on_the_topic_reaches_the_webhook_and_the_metrics() {
    let harness = Harness::new().await;
    let receiver = Receiver::start(Manner::Takes).await;
    let mut config = harness.config();
    config.webhooks = vec![receiver.webhook("oncall", &[NoticeKind::Failed, NoticeKind::Stuck])];
    let store = open(&harness.database_url).await;
    let server = Server::start(config).await.unwrap();
    let subscribed = "SELECT count(*) FROM webhook_subscription";
    eventually("it asks", async || harness.sql_count(subscribed).await == 2).await;
    let producer = harness.producer();
    for event in saga("saga-1", &out_of_stock()) {
        producer.send(&event);
    }
    // The stock must be reserved within three minutes.
    for mut event in saga("saga-2", &success()[..2]) {
        event.recorded_at = event.recorded_at.saturating_sub(Duration::from_secs(175));
        producer.send(&event);
    }
    producer.flush();
    eventually("both are sent", async || receiver.taken() == 2).await;
    let got = receiver.got();
    let mut types: Vec<&str> = got.iter().map(|got| got.body["type"].as_str().unwrap()).collect();
    types.sort_unstable();
    assert_eq!(types, ["saga.failed", "saga.stuck"]);
    eventually("both are done", async || nothing_is_pending(&*store).await).await;
    let url = format!("http://{}/metrics", server.address());
    for line in [
        r#"saga_tracker_webhook_attempts_total{webhook="oncall",result="received"} 2"#,
        r#"saga_tracker_webhook_oldest_pending_seconds{webhook="oncall"} 0"#,
    ] {
        eventually(line, async || {
            let answer = plain_client().get(&url).send().await.unwrap();
            answer.text().await.unwrap().contains(line)
        })
        .await;
    }
    server.run_until(std::future::ready(())).await.unwrap();
}
