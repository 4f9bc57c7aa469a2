//! A schema registry that answers whatever the run wants.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use saga_types::avro::SchemaVersion;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// Ids from here on, so many, are schemas of events; all others are unknown.
pub(super) const KNOWN_IDS: std::ops::Range<u32> = 7_000..7_100;

/// What stands at the registry's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// A registry that knows [`KNOWN_IDS`], and what it was given beside them.
    Registry,
    /// Something that gives this answer to everything: status, type and body.
    Answers(u16, &'static str, String),
    /// Something that takes requests and gives no answer.
    Silent,
}

/// Answers until it is dropped.
#[derive(Debug)]
pub(super) struct Registry {
    pub(super) url: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    standing: Mutex<Standing>,
    /// What it answers beside [`KNOWN_IDS`], by the path that is asked for.
    further: Mutex<BTreeMap<String, String>>,
    requests: AtomicUsize,
}

impl Registry {
    pub(super) async fn start() -> Result<Self> {
        let shared = Arc::new(Shared {
            standing: Mutex::new(Standing::Registry),
            further: Mutex::default(),
            requests: AtomicUsize::new(0),
        });
        let router = Router::new()
            .route("/schemas/ids/{id}", get(by_id))
            .route("/subjects/{subject}/versions/{version}", get(of_subject))
            .with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("the registry of the run ended: {error}");
            }
        });
        Ok(Self { url, shared, serving })
    }

    pub(super) fn stand(&self, standing: Standing) {
        *self
            .shared
            .standing
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = standing;
    }

    /// Takes a schema under an id, whatever it is.
    pub(super) fn serve(&self, id: u32, answer: &Value) {
        self.shared.keep(id.to_string(), answer);
    }

    /// Takes a schema as the version 1 of a subject.
    pub(super) fn serve_subject(&self, subject: &str, schema: &str) {
        self.shared.keep(subject.to_owned(), &json!({"schema": schema}));
    }

    /// How often it was asked for an id.
    pub(super) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn keep(&self, name: String, answer: &Value) {
        let mut further = self.further.lock().unwrap_or_else(PoisonError::into_inner);
        further.insert(name, answer.to_string());
    }

    fn further(&self, name: &str) -> Option<Response> {
        let further = self.further.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = further.get(name)?.clone();
        Some(([(header::CONTENT_TYPE, "application/json")], answer).into_response())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn not_found() -> Response {
    let answer = json!({"error_code": 40403, "message": "Schema not found"});
    (StatusCode::NOT_FOUND, Json(answer)).into_response()
}

async fn of_subject(
    State(shared): State<Arc<Shared>>,
    Path((subject, _)): Path<(String, String)>,
) -> Response {
    shared.further(&subject).unwrap_or_else(not_found)
}

async fn by_id(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    /// As far away as another zone of a cloud.
    const DISTANCE: Duration = Duration::from_millis(10);
    shared.requests.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(DISTANCE).await;
    let standing = shared
        .standing
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let is_known = id.parse::<u32>().is_ok_and(|id| KNOWN_IDS.contains(&id));
    match standing {
        Standing::Registry if is_known => Json(json!({"schema": SchemaVersion::V2.json()})).into_response(),
        Standing::Registry => shared.further(&id).unwrap_or_else(not_found),
        Standing::Answers(status, kind, body) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, [(header::CONTENT_TYPE, kind)], body).into_response()
        }
        Standing::Silent => std::future::pending().await,
    }
}
