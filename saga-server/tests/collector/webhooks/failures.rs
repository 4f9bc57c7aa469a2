//! Receivers that are down or slow, and collectors that are killed or work side by side: nothing is lost, and what comes again has
//! the same id.

use std::{sync::Arc, time::Duration};

use saga_collector::{secret::Secret, webhooks::WebhookConfig};
use saga_store::{NoticeKind, Store};
use tokio_util::sync::CancellationToken;

use super::{
    fail, nothing_is_pending, on_sqlite,
    receiver::{Manner, Receiver},
    webhooks,
};
use crate::{retention::on_postgres, support::eventually};

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
