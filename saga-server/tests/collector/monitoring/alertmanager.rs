//! An Alertmanager of a test's own, and the webhook that it notifies.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::post,
};
use serde_json::Value;
use tempfile::TempDir;

use super::prometheus::{Process, free_address};
use crate::support::{Rest, part};

type Notifications = Arc<Mutex<Vec<(String, Value)>>>;

/// Takes the notifications of receivers, each at a path of its own.
#[derive(Clone, Default)]
pub(crate) struct Webhook {
    reported: Notifications,
}

impl Webhook {
    /// Gives its address too.
    pub(crate) async fn start() -> (Self, String) {
        let webhook = Self::default();
        let router = Router::new()
            .route("/{receiver}", post(take))
            .with_state(webhook.reported.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (webhook, url)
    }

    /// The receivers that were notified of an alert, with the alert.
    pub(crate) fn notified_of(&self, alert: &str) -> Vec<(String, Value)> {
        let reported = self.reported.lock().unwrap();
        reported
            .iter()
            .flat_map(|(receiver, message)| {
                let alerts = message["alerts"].as_array().unwrap().iter();
                alerts.map(|alert| (receiver.clone(), alert.clone()))
            })
            .filter(|(_, reported)| reported["labels"]["alertname"] == alert)
            .collect()
    }
}

async fn take(
    State(reported): State<Notifications>,
    Path(receiver): Path<String>,
    Json(message): Json<Value>,
) {
    reported.lock().unwrap().push((receiver, message));
}

pub(crate) struct Alertmanager {
    _process: Process,
    _folder: TempDir,
    pub(crate) address: String,
}

impl Alertmanager {
    pub(crate) async fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("alertmanager.yml"), config).unwrap();
        let address = free_address();
        let arguments = [
            "--config.file=alertmanager.yml".to_owned(),
            "--storage.path=data".to_owned(),
            format!("--web.listen-address={address}"),
            // Alone, on no port of others.
            "--cluster.listen-address=".to_owned(),
        ];
        let program = part("SAGA_TEST_ALERTMANAGER", "Alertmanager");
        let process = Process::start(&program, &arguments, folder.path());
        Rest::at(format!("http://{address}"))
            .wait_for("/-/ready", "Alertmanager ready", |status, _| status == 200)
            .await;
        Self {
            _process: process,
            _folder: folder,
            address,
        }
    }
}
