//! What is sent, to which webhook, and how a receiver verifies it.

use std::time::Duration;

use saga_collector::{
    http_client::plain_client,
    owners::Owners,
    redaction::Redaction,
    secret::Secret,
    webhooks::{SigningKeys, WebhookConfig, Webhooks, send_example},
};
use saga_server::server::Server;
use saga_store::{NoticeKind, Scope};
use saga_types::{SagaType, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{
    QUICK, fail, nothing_is_pending, on_sqlite, parts,
    receiver::{Manner, Receiver},
    webhooks,
};
use crate::{
    other_languages::python_program,
    support::{
        Harness,
        events::{compensated, out_of_stock, saga, success},
        eventually, open,
    },
};

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
    let (own, other) = (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    );
    let replaced = WebhookConfig {
        keys: SigningKeys::read(&format!("{other} {own}")).unwrap(),
        ..genuine.clone()
    };
    send_example(&replaced, Owners::default(), None).await.unwrap();
    let forged = WebhookConfig {
        keys: SigningKeys::read(other).unwrap(),
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
