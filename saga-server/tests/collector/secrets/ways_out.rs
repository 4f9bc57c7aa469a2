//! REST, pages, changes and commands, searched for the secrets.

use std::{
    collections::{BTreeSet, VecDeque},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Search, Secrets};
use crate::support::TIMEOUT;

/// HTTP as an operator.
pub(super) struct Operator {
    pub(super) base: String,
    pub(super) token: String,
    pub(super) client: reqwest::Client,
}

impl Operator {
    pub(super) async fn send(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        let request = request.bearer_auth(&self.token).timeout(TIMEOUT);
        let answer = request.send().await.unwrap();
        let headers = format!("{:?}", answer.headers());
        (answer.status().as_u16(), answer.text().await.unwrap() + &headers)
    }

    pub(super) async fn get(&self, path: &str) -> (u16, String) {
        self.send(self.client.get(format!("{}{path}", self.base))).await
    }

    /// An answer that never ends.
    pub(super) async fn stream(&self) -> reqwest::Response {
        let request = self.client.get(format!("{}/api/v1/sagas/stream", self.base));
        request.bearer_auth(&self.token).send().await.unwrap()
    }
}

/// Its beginning, up to a text.
pub(super) async fn beginning(mut stream: reqwest::Response, holds: &str) -> String {
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

pub(super) const SAGAS: [&str; 5] = ["hidden-0", "hidden-3", "failed", "overridden", "conflict"];

/// What a GET needs to be answered.
pub(super) fn query(path: &str) -> &'static str {
    match path {
        "/api/v1/compare" => "?service=order-service&baseline=1&candidate=2",
        "/api/v1/differences" => "?a.status=FAILED&b.status=COMPLETED",
        "/api/v1/flow" | "/api/v1/flow.csv" | "/api/v1/flow.ndjson" => "?sagaType=ORDER_CREATION",
        "/api/v1/search" => "?q=hidden-0",
        _ => "",
    }
}

/// Every GET of the description, those of one saga for some.
pub(super) async fn rest(operator: &Operator, secrets: &Secrets, search: &mut Search) {
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
            let asked_for = path.replace("{sagaId}", saga).replace("{id}", "1") + query(path);
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
/// Gives their paths.
pub(super) async fn pages(operator: &Operator, secrets: &Secrets, search: &mut Search) -> BTreeSet<String> {
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
    assert!(seen.iter().any(|path| path.starts_with("/sagas/")), "{seen:?}");
    seen
}

/// What changes something, and its answers.
pub(super) async fn changes(operator: &Operator, secrets: &mut Secrets, search: &mut Search) {
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
pub(super) fn command(settings: &[(&str, String)], words: &[&str]) -> String {
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

pub(super) fn commands(
    settings: &[(&str, String)],
    exported: &TempDir,
    secrets: &Secrets,
    search: &mut Search,
) {
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
