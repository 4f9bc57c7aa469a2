//! A receiver of webhooks, which verifies each request and answers in several ways.

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
    secret::Secret,
    webhooks::{SigningKeys, WebhookConfig},
};
use saga_store::{NoticeKind, Scope};
use saga_types::Timestamp;
use serde_json::Value;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What the receiver does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Takes,
    Answers(u16),
    Redirects,
    NeverAnswers,
}

/// A request whose signature was right.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub(super) id: String,
    pub(super) body: Value,
}

/// A receiver that verifies signatures.
#[derive(Clone)]
pub(super) struct Receiver {
    manner: Arc<Mutex<Manner>>,
    got: Arc<Mutex<Vec<Got>>>,
    taken: Arc<AtomicU64>,
    pub(super) url: String,
}

impl Receiver {
    pub(super) async fn start(manner: Manner) -> Self {
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

    pub(super) fn set(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// How many requests it has answered with 200.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::SeqCst)
    }

    /// How often each id came.
    pub(super) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for got in self.got() {
            *counts.entry(got.id).or_default() += 1;
        }
        counts
    }

    pub(super) fn sagas(&self) -> BTreeSet<String> {
        let got = self.got().into_iter();
        got.map(|got| got.body["data"]["sagaId"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(super) fn webhook(&self, name: &str, kinds: &[NoticeKind]) -> WebhookConfig {
        WebhookConfig {
            name: name.to_owned(),
            url: Secret::new(self.url.clone()),
            ca_file: None,
            keys: SigningKeys::read(SECRET).unwrap(),
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
    let keys = SigningKeys::read(SECRET).unwrap();
    assert_eq!(value("webhook-signature"), keys.sign(&id, timestamp, &body));
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
