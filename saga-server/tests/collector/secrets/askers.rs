//! What asks a running tracker: commands, questions of language models, and the receiver of a webhook.

use std::{
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{
    Search, Secrets,
    ways_out::{Operator, SAGAS, command},
};
use crate::support::eventually;

/// A receiver of webhooks that keeps what it is sent.
pub(super) struct Receiver {
    address: String,
    got: Arc<Mutex<String>>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap().to_string(),
            got: Arc::default(),
        };
        let router = Router::new()
            .route("/{secret}", post(take))
            .with_state(receiver.got.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    /// A file of configuration with a webhook: its key and its path are secrets.
    pub(super) fn configuration(&self, secrets: &mut Secrets) -> String {
        let key = STANDARD.encode(secrets.of("bytes of a webhook's key"));
        secrets.0.insert("key of a webhook", key.clone());
        let path = secrets.of("path of a webhook");
        format!(
            "webhooks:\n  - name: oncall\n    url: http://{}/{path}\n    secret: whsec_{key}\n    events: [failed]\n",
            self.address
        )
    }

    /// What it was sent, once something of a saga was sent.
    pub(super) async fn told_of(&self, saga_id: &str) -> String {
        eventually("the receiver got a delivery", async || {
            self.got.lock().unwrap().contains(saga_id)
        })
        .await;
        self.got.lock().unwrap().clone()
    }
}

async fn take(State(got): State<Arc<Mutex<String>>>, headers: HeaderMap, body: Bytes) {
    let said = format!("{headers:?} {}\n", String::from_utf8_lossy(&body));
    got.lock().unwrap().push_str(&said);
}

/// `get` and `search`, in each of their forms.
pub(super) fn ask(operator: &Operator, secrets: &Secrets, search: &mut Search) {
    let settings = [("SAGA_TRACKER_TOKEN", operator.token.clone())];
    let at = ["--url", operator.base.as_str()];
    let mut questions = vec![
        vec!["search"],
        vec!["search", "failed"],
        vec!["search", "type:ORDER_CREATION"],
    ];
    questions.extend(SAGAS.map(|saga| vec!["get", saga]));
    for question in questions {
        for form in [&[][..], &["--json"], &["--wide"]] {
            let words = [&question[..], &at, form].concat();
            let printed = command(&settings, &words);
            search.look(secrets, &format!("saga-server {}", question[0]), &printed);
        }
    }
}

/// `tail`, which prints what changes until it is ended.
pub(super) struct Tail {
    child: std::process::Child,
    printed: [tempfile::NamedTempFile; 2],
}

impl Tail {
    pub(super) fn start(operator: &Operator) -> Self {
        let printed = [(), ()].map(|()| tempfile::NamedTempFile::new().unwrap());
        let child = Command::new(env!("CARGO_BIN_EXE_saga-server"))
            .args(["tail", "--json", "--url", &operator.base])
            .env("SAGA_TRACKER_TOKEN", &operator.token)
            .env("SAGA_SERVER_LOG_LEVEL", "trace")
            .stdin(Stdio::null())
            .stdout(printed[0].reopen().unwrap())
            .stderr(printed[1].reopen().unwrap())
            .spawn()
            .unwrap();
        Self { child, printed }
    }

    /// What it printed, once it holds a text.
    pub(super) async fn until(&self, holds: &str) -> String {
        let files = self.printed.each_ref();
        let printed = || {
            files
                .map(|file| std::fs::read_to_string(file.path()).unwrap_or_default())
                .concat()
        };
        eventually("tail prints it", async || printed().contains(holds)).await;
        printed()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every tool, by HTTP.
pub(super) async fn question(operator: &Operator, secrets: &Secrets, search: &mut Search) {
    let mut questions = vec![
        ("find_sagas", json!({})),
        ("needs_attention", json!({})),
        ("compare_versions", json!({"service": "order-service"})),
        ("differences", json!({"a": "status:failed"})),
        ("dead_letter_causes", json!({})),
        ("dead_letters", json!({})),
    ];
    questions.extend(SAGAS.map(|saga| ("explain_saga", json!({"id": saga}))));
    for (tool, arguments) in questions {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}});
        let request = operator.client.post(format!("{}/mcp", operator.base));
        let request = request.header("accept", "application/json, text/event-stream");
        let (status, answer) = operator.send(request.json(&call)).await;
        assert_eq!(status, 200, "{tool}: {answer}");
        search.look(secrets, &format!("tool {tool}"), &answer);
    }
}
