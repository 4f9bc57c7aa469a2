//! Sagas that left the database for the archive answer as before.

mod unavailable;

use std::{path::PathBuf, time::Duration};

use reqwest::Method;
use saga_collector::{
    archive::{Archive, ArchiveUrl},
    maintenance::{RetentionPeriods, retention::Retention},
};
use saga_store::Scope;
use saga_types::SagaType;
use saga_web::auth::{Access, Role, Services, Token, TokenHash};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::harness::{Answer, Api, Event, compensated, completed, event, failed};

pub(crate) struct Archived {
    pub(crate) api: Api,
    folder: tempfile::TempDir,
    archive: Archive,
}

impl Archived {
    pub(crate) async fn new(access: Access, hidden: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = ArchiveUrl::Folder(folder.path().join("archive"));
        let archive = Archive::open(&url).unwrap();
        let api = Api::with_archive(access, hidden, archive.clone()).await;
        Self { api, folder, archive }
    }

    pub(crate) async fn of(events: impl IntoIterator<Item = Event>) -> Self {
        let archived = Self::new(Access::ThisMachine, &[]).await;
        archived.api.record(events).await;
        archived
    }

    /// Everything that has ended leaves the database.
    pub(crate) async fn archive(&self) {
        let periods = RetentionPeriods {
            ended: Some(Duration::from_secs(3_600)),
            ..RetentionPeriods::default()
        };
        let retention = Retention::new(self.api.store.clone(), Some(self.archive.clone()), periods);
        let done = retention.run(&CancellationToken::new()).await.unwrap();
        assert!(done.archived > 0);
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    /// The answer without what may differ: when it was given, where the saga is, and the numbers of rows.
    async fn steady(&self, path: &str) -> Value {
        let mut answer = self.api.json(path).await;
        for name in ["freshness", "archived"] {
            if let Some(fields) = answer.as_object_mut() {
                fields.remove(name);
            }
        }
        let steps = answer.get_mut("steps").and_then(Value::as_array_mut);
        for step in steps.into_iter().flatten() {
            step.as_object_mut().unwrap().remove("id");
        }
        answer
    }

    pub(crate) async fn page(&self, path: &str) -> Answer {
        self.api
            .request(Method::GET, path, &[("accept", "text/html")])
            .await
    }
}

#[tokio::test]
async fn an_archived_saga_answers_as_it_did_in_the_database() {
    let mut events = compensated("saga-1", 0);
    events.extend(completed("saga-2", 5_000));
    let archived = Archived::of(events).await;
    let paths = [
        "/api/v1/sagas/saga-1",
        "/api/v1/sagas/saga-1?asOf=2025-10-09T08:53:20.100Z",
        "/api/v1/sagas/saga-1/steps",
        "/sagas/saga-1/events.json",
        "/api/v1/sagas/saga-2",
        "/api/v1/sagas/statistics",
    ];
    let mut before = Vec::new();
    for path in paths {
        before.push(archived.steady(path).await);
    }
    archived.archive().await;
    assert!(archived.api.store.saga("saga-1").await.unwrap().is_none());
    for (path, before) in paths.iter().zip(before) {
        assert_eq!(archived.steady(path).await, before, "{path}");
    }
    let found = archived.api.json("/api/v1/sagas/saga-1").await["archived"].clone();
    assert!(found["leftAt"].is_string(), "{found}");
    assert!(
        found["folder"].as_str().unwrap().starts_with("day=2025-10-09/"),
        "{found}"
    );
    let path = "/api/v1/sagas/saga-1";
    let before_its_start = archived.api.get(&format!("{path}?asOf=2025-10-08")).await;
    before_its_start.is_error(404, "NOT_FOUND", path);
    let unknown = "/api/v1/sagas/nobody";
    archived
        .api
        .get(unknown)
        .await
        .is_error(404, "NOT_FOUND", unknown);
}

#[tokio::test]
async fn its_steps_come_page_by_page() {
    let archived = Archived::of(compensated("saga-1", 0)).await;
    archived.archive().await;
    let all = archived.api.json("/api/v1/sagas/saga-1/steps").await["steps"].clone();
    let mut steps = Vec::new();
    let mut path = "/api/v1/sagas/saga-1/steps?limit=1".to_owned();
    loop {
        let page = archived.api.json(&path).await;
        steps.extend(page["steps"].as_array().unwrap().clone());
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/sagas/saga-1/steps?limit=1&cursor={cursor}");
    }
    assert_eq!(Value::from(steps), all);
    assert_eq!(all.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn the_page_says_that_it_is_archived_and_offers_no_change() {
    let archived = Archived::of(failed("saga-1", 0)).await;
    let before = archived.page("/sagas/saga-1").await;
    assert!(before.text.contains("Override status"), "{}", before.text);
    assert!(!before.text.contains(r#"id="archived""#));
    archived.archive().await;
    let page = archived.page("/sagas/saga-1").await;
    assert_eq!(page.status, 200, "{}", page.text);
    for text in [
        r#"id="archived""#,
        "saga-server archive restore",
        "OUT_OF_STOCK",
        "day=2025-10-09/",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    for text in ["Override status", "/acknowledgement\"", "data-live"] {
        assert!(!page.text.contains(text), "{text}");
    }
    archived.api.record(completed("saga-2", 0)).await;
    let compared = archived.page("/sagas/saga-2?compare=saga-1").await;
    assert!(compared.text.contains(r#"id="comparison""#), "{}", compared.text);
}

#[tokio::test]
async fn nothing_of_it_is_changed_and_the_answer_says_how_to_restore_it() {
    let archived = Archived::of(failed("saga-1", 0)).await;
    archived.archive().await;
    let json = [("content-type", "application/json")];
    let correction = br#"{"status": "COMPLETED", "reason": "paid"}"#.to_vec();
    let acknowledgement = br#"{"note": "later", "for": "1d"}"#.to_vec();
    for (method, path, body) in [
        (Method::PATCH, "/internal/v1/sagas/saga-1/status", correction),
        (
            Method::PUT,
            "/internal/v1/sagas/saga-1/acknowledgement",
            acknowledgement,
        ),
    ] {
        let answer = archived.api.request_with(method, path, &json, body).await;
        let error = answer.is_error(409, "CONFLICT", path);
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("saga-server archive restore"),
            "{path}: {message}"
        );
        assert!(error["details"]["archive"].is_string(), "{path}: {error}");
    }
}

#[tokio::test]
async fn it_is_found_by_its_id_and_by_each_of_its_orders() {
    let mut events = failed("saga-1", 0);
    events.push(event("saga-1", "STOCK_RELEASED", "IN_PROGRESS", 200).of_order("ORD-other"));
    events.extend(
        completed("saga-2", 0)
            .into_iter()
            .map(|event| event.of_order("ORD-both")),
    );
    let archived = Archived::of(events).await;
    archived.archive().await;
    let in_database = completed("saga-3", 0)
        .into_iter()
        .map(|event| event.of_order("ORD-both"));
    archived.api.record(in_database).await;
    for (text, place) in [
        ("saga-1", "ARCHIVED_SAGA_ID"),
        ("ORD-saga-1", "ARCHIVED_ORDER_ID"),
        ("ORD-other", "ARCHIVED_ORDER_ID"),
    ] {
        let found = archived.api.json(&format!("/api/v1/search?q={text}")).await;
        assert_eq!(found["page"], "/sagas/saga-1", "{found}");
        assert_eq!(found["sagas"][0]["place"], place, "{found}");
        assert_eq!(found["sagas"][0]["currentStatus"], "FAILED", "{found}");
    }
    let both = archived.api.json("/api/v1/search?q=ORD-both").await;
    let ids: Vec<&str> = both["sagas"]
        .as_array()
        .unwrap()
        .iter()
        .map(|saga| saga["sagaId"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["saga-3", "saga-2"]);
    let page = archived.page("/search?q=ORD-both").await;
    assert!(
        page.text.contains("/sagas/saga-2") && page.text.contains("/sagas/saga-3"),
        "{}",
        page.text
    );
    let nothing = archived.api.json("/api/v1/search?q=ORD-nobody").await;
    let places = nothing["searched"].as_array().unwrap();
    assert!(
        places.contains(&json!({"place": "ARCHIVED_ORDER_ID", "found": 0, "foundIsExact": true})),
        "{nothing}"
    );
}

#[tokio::test]
async fn an_archived_parent_is_still_one() {
    let archived = Archived::of(completed("parent", 0)).await;
    archived.archive().await;
    let child = event("child", "ORDER_CREATED", "STARTED", 0).with(json!({"parentSagaId": "parent"}));
    archived.api.record([child]).await;
    let family = archived.api.json("/api/v1/sagas/child").await["family"].clone();
    assert_eq!(family["ancestors"][0]["sagaId"], "parent", "{family}");
}

pub(crate) fn bound(name: &str, saga_type: &str) -> Token {
    Token {
        name: name.to_owned(),
        role: Role::Operator,
        scope: Scope::Types(std::sync::Arc::new([SagaType::new(saga_type).unwrap()].into())),
        services: Services::All,
        hash: TokenHash::of(name),
    }
}

#[tokio::test]
async fn rights_bound_to_types_hold_for_the_archive() {
    let tokens = vec![bound("orders", "ORDER_CREATION"), bound("refunds", "REFUND")];
    let archived = Archived::new(Access::Tokens(tokens), &[]).await;
    archived.api.record(failed("saga-1", 0)).await;
    archived.archive().await;
    // Also when it is no longer known that the saga left.
    for is_known in [true, false] {
        if !is_known {
            let all = saga_types::Timestamp::MAX;
            assert_eq!(archived.api.store.forget_removals(all, 10).await.unwrap(), 1);
        }
        for path in [
            "/api/v1/sagas/saga-1",
            "/api/v1/sagas/saga-1/steps",
            "/sagas/saga-1",
            "/sagas/saga-1/events.json",
        ] {
            let get = async |name: &str| {
                let bearer = format!("Bearer {name}");
                archived
                    .api
                    .request(Method::GET, path, &[("authorization", bearer.as_str())])
                    .await
            };
            assert_eq!(get("orders").await.status, 200, "{path} {is_known}");
            let refused = get("refunds").await;
            assert_eq!(refused.status, 404, "{path} {is_known}");
            assert!(
                refused.text.contains("there is no saga"),
                "{path}: {}",
                refused.text
            );
        }
        for text in ["saga-1", "ORD-saga-1"] {
            let path = format!("/api/v1/search?q={text}");
            let found = archived
                .api
                .request(Method::GET, &path, &[("authorization", "Bearer refunds")])
                .await;
            let found = found.json();
            assert_eq!(
                (&found["matched"], &found["sagas"]),
                (&Value::Null, &json!([])),
                "{found}"
            );
        }
    }
}

#[tokio::test]
async fn hidden_values_stay_hidden_in_the_archive() {
    let archived = Archived::new(Access::ThisMachine, &["failureReason", "customerName"]).await;
    let mut events = failed("saga-1", 0);
    events[0] = event("saga-1", "ORDER_CREATED", "STARTED", 0).with(json!({"customerName": "Alice Smith"}));
    archived.api.record(events).await;
    archived.archive().await;
    for path in [
        "/api/v1/sagas/saga-1",
        "/api/v1/sagas/saga-1/steps",
        "/sagas/saga-1",
        "/sagas/saga-1/events.json",
        "/api/v1/search?q=saga-1",
    ] {
        let answer = archived.api.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        for hidden in ["OUT_OF_STOCK", "Alice"] {
            assert!(!answer.text.contains(hidden), "{path}: {}", answer.text);
        }
    }
}
