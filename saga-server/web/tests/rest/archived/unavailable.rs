//! What is said of archived sagas while the archive is away, or damaged.

use reqwest::Method;
use saga_collector::health::Concern;
use saga_web::auth::Access;
use serde_json::json;

use super::{Archived, bound};
use crate::harness::{completed, event, failed};

#[tokio::test]
async fn a_saga_of_other_types_is_as_one_that_never_was_also_while_the_archive_is_away() {
    let archived = Archived::new(Access::Tokens(vec![bound("refunds", "REFUND")]), &[]).await;
    archived.api.record(failed("saga-1", 0)).await;
    archived.archive().await;
    let statuses = async || {
        let mut statuses = Vec::new();
        for path in ["/api/v1/sagas/saga-1", "/api/v1/sagas/nobody"] {
            let bearer = [("authorization", "Bearer refunds")];
            statuses.push(archived.api.request(Method::GET, path, &bearer).await.status);
        }
        statuses
    };
    assert_eq!(statuses().await, [404, 404]);
    std::fs::remove_dir_all(archived.path()).unwrap();
    std::fs::write(archived.path(), "in the way").unwrap();
    assert_eq!(statuses().await, [503, 503]);
}

#[tokio::test]
async fn an_archive_that_is_away_is_waited_for_once_and_is_not_said_to_lack_a_parent() {
    let archived = Archived::of(completed("parent", 0)).await;
    archived.archive().await;
    let child = event("child", "ORDER_CREATED", "STARTED", 0).with(json!({"parentSagaId": "parent"}));
    archived.api.record([child]).await;
    std::fs::remove_dir_all(archived.path()).unwrap();
    std::fs::write(archived.path(), "in the way").unwrap();
    let family = archived.api.json("/api/v1/sagas/child").await["family"].clone();
    assert_eq!(
        (&family["ancestorsEnd"], &family["ancestorsEndAt"]),
        (&json!("NO_ANSWER"), &json!("parent")),
        "{family}"
    );
    let found = archived.api.json("/api/v1/search?q=parent").await;
    let places = found["searched"].as_array().unwrap();
    for place in ["ARCHIVED_SAGA_ID", "ARCHIVED_ORDER_ID"] {
        let searched = json!({"place": place, "found": 0, "foundIsExact": false});
        assert!(places.contains(&searched), "{place}: {found}");
    }
    let metrics = archived.api.get("/metrics").await.text;
    assert!(!metrics.contains(r#"query="archived_order""#), "{metrics}");
}

#[tokio::test]
async fn while_the_archive_is_unavailable_the_answer_and_health_report_it() {
    let archived = Archived::of(failed("saga-1", 0)).await;
    archived.archive().await;
    let elsewhere = archived.folder.path().join("elsewhere");
    std::fs::rename(archived.path(), &elsewhere).unwrap();
    let path = "/api/v1/sagas/saga-1";
    // As a folder that is not mounted.
    std::fs::create_dir(archived.path()).unwrap();
    archived
        .api
        .get(path)
        .await
        .is_error(503, "SERVICE_UNAVAILABLE", path);
    std::fs::remove_dir(archived.path()).unwrap();
    std::fs::write(archived.path(), "in the way").unwrap();
    for path in [path, "/api/v1/sagas/saga-1/steps"] {
        let error = archived
            .api
            .get(path)
            .await
            .is_error(503, "SERVICE_UNAVAILABLE", path);
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("the archive"), "{message}");
        assert!(
            !message.contains("elsewhere") && !message.contains("/tmp"),
            "{message}"
        );
    }
    assert_eq!(archived.page("/sagas/saga-1").await.status, 503);
    let found = archived.api.json("/api/v1/search?q=ORD-saga-1").await;
    let places = found["searched"].as_array().unwrap();
    assert!(
        places.contains(&json!({"place": "ARCHIVED_ORDER_ID", "found": 0, "foundIsExact": false})),
        "{found}"
    );
    assert!(archived.api.health.warnings().contains_key(&Concern::Archive));
    std::fs::remove_file(archived.path()).unwrap();
    std::fs::rename(&elsewhere, archived.path()).unwrap();
    assert_eq!(archived.api.get("/api/v1/sagas/saga-1").await.status, 200);
    assert!(!archived.api.health.warnings().contains_key(&Concern::Archive));
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_not_a_missing_saga() {
    let archived = Archived::of(failed("saga-1", 0)).await;
    archived.archive().await;
    let folder = archived.archive.manifests().await.unwrap().remove(0).folder;
    let file = archived.path().join(folder).join("sagas.parquet");
    let whole = std::fs::read(&file).unwrap();
    let path = "/api/v1/sagas/saga-1";
    for damaged in [&whole[..whole.len() / 2], &[]] {
        std::fs::write(&file, damaged).unwrap();
        archived
            .api
            .get(path)
            .await
            .is_error(503, "SERVICE_UNAVAILABLE", path);
    }
    std::fs::remove_file(&file).unwrap();
    archived
        .api
        .get(path)
        .await
        .is_error(503, "SERVICE_UNAVAILABLE", path);
    std::fs::write(&file, whole).unwrap();
    assert_eq!(archived.api.get(path).await.status, 200);
}

#[tokio::test]
async fn a_batch_that_was_deleted_from_the_archive_is_gone() {
    let archived = Archived::of(failed("saga-1", 0)).await;
    archived.archive().await;
    std::fs::remove_dir_all(archived.path().join("day=2025-10-09")).unwrap();
    let path = "/api/v1/sagas/saga-1";
    let error = archived.api.get(path).await.is_error(404, "NOT_FOUND", path);
    assert!(error["details"]["leftAt"].is_string(), "{error}");
}
