//! Webhooks: what is sent, and that nothing is lost when receivers or collectors fail.

mod deliveries;
mod failures;
mod receiver;

use std::{sync::Arc, time::Duration};

use saga_collector::{
    freshness::Progress,
    health::Health,
    metrics::Metrics,
    owners::{Contact, Owners},
    redaction::Redaction,
    webhooks::{WebhookConfig, WebhookParts, WebhookTimes, Webhooks},
};
use saga_store::Store;
use saga_types::SagaEvent;

use crate::support::{
    events::{out_of_stock, saga},
    open,
};

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
