//! Jobs are previewed and created.

use reqwest::StatusCode;
use serde_json::json;

use super::{JOBS, PREVIEW, correction, filled, post, post_with};
use crate::{
    dead_letters::letter,
    harness::{Api, failed},
};

#[tokio::test]
async fn a_selection_that_changed_since_the_preview_makes_no_job_unless_asked_for() {
    let api = filled().await;
    let preview = post(&api, PREVIEW, correction()).await.json();
    api.record(failed("e", 0)).await;
    let mut order = correction();
    order["previewToken"] = preview["previewToken"].clone();
    let conflict = post(&api, JOBS, order.clone()).await;
    assert_eq!(conflict.status, StatusCode::CONFLICT, "{}", conflict.text);
    assert!(
        conflict.text.contains("has changed since the preview"),
        "{}",
        conflict.text
    );
    assert_eq!(api.json(JOBS).await["content"], json!([]));
    order["evenIfChanged"] = json!(true);
    let created = post(&api, JOBS, order).await;
    assert_eq!(
        (created.status, &created.json()["items"]),
        (StatusCode::CREATED, &json!(4))
    );
}

#[tokio::test]
async fn a_key_makes_one_job_and_is_not_used_for_another() {
    let api = filled().await;
    let key = [("idempotency-key", "one")];
    let first = post_with(&api, JOBS, &key, correction()).await;
    let again = post_with(&api, JOBS, &key, correction()).await;
    assert_eq!(
        (first.status, again.status),
        (StatusCode::CREATED, StatusCode::OK)
    );
    assert_eq!(first.json()["id"], again.json()["id"]);
    let mut other = correction();
    other["status"] = json!("COMPLETED");
    let reused = post_with(&api, JOBS, &key, other).await;
    assert_eq!(reused.status, StatusCode::CONFLICT, "{}", reused.text);
    let long = "k".repeat(201);
    let bad = post_with(&api, JOBS, &[("idempotency-key", &long)], correction()).await;
    assert!(
        bad.json()["details"]["Idempotency-Key"].is_string(),
        "{}",
        bad.text
    );
    let without = post(&api, JOBS, correction()).await;
    assert_eq!(
        without.status,
        StatusCode::CREATED,
        "without a key each request is one of its own"
    );
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_created() {
    let api = filled().await;
    for (body, field) in [
        (json!({"status": "FAILED", "note": "n", "filter": {}}), "action"),
        (json!({"action": "ERASE", "note": "n", "filter": {}}), "action"),
        (json!({"action": "CORRECT", "note": "n", "filter": {}}), "status"),
        (
            json!({"action": "CORRECT", "status": "FAILED", "filter": {}}),
            "note",
        ),
        (
            json!({"action": "CORRECT", "status": "FAILED", "note": " ", "filter": {}}),
            "note",
        ),
        (
            json!({"action": "REPLAY", "status": "FAILED", "filter": {}}),
            "status",
        ),
        (json!({"action": "DISMISS", "filter": {}}), "note"),
        (
            json!({"action": "ACKNOWLEDGE", "for": "4h", "filter": {}}),
            "note",
        ),
        (
            json!({"action": "ACKNOWLEDGE", "note": "n", "filter": {}}),
            "until",
        ),
        (
            json!({"action": "ACKNOWLEDGE", "note": "n", "assignee": "anna", "filter": {}}),
            "until",
        ),
        (
            json!({"action": "ACKNOWLEDGE", "note": "n", "for": "31d", "filter": {}}),
            "for",
        ),
        (
            json!({"action": "ACKNOWLEDGE", "note": "n", "for": "4h", "until": "2099-01-01", "filter": {}}),
            "until",
        ),
        (
            json!({"action": "ACKNOWLEDGE", "note": "n", "for": "4h", "deadLetterIds": [1]}),
            "deadLetterIds",
        ),
        (json!({"action": "REPLAY", "for": "4h", "filter": {}}), "for"),
        (
            json!({"action": "DISMISS", "note": "n", "assignee": "anna", "filter": {}}),
            "assignee",
        ),
        (json!({"action": "REPLAY"}), "filter"),
        (
            json!({"action": "REPLAY", "filter": {}, "deadLetterIds": [1]}),
            "filter",
        ),
        (json!({"action": "REPLAY", "sagaIds": ["a"]}), "sagaIds"),
        (
            json!({"action": "CORRECT", "status": "FAILED", "note": "n", "deadLetterIds": [1]}),
            "deadLetterIds",
        ),
        (
            json!({"action": "CORRECT", "status": "FAILED", "note": "n", "sagaIds": []}),
            "sagaIds",
        ),
        (
            json!({"action": "CORRECT", "status": "FAILED", "note": "n", "filter": {"state": "x"}}),
            "state",
        ),
        (
            json!({"action": "CORRECT", "status": "FAILED", "note": "n", "filter": {"size": "5"}}),
            "filter",
        ),
        (json!({"action": "REPLAY", "filter": {"reason": 5}}), "filter"),
        (
            json!({"action": "REPLAY", "filter": {}, "previewToken": "x"}),
            "previewToken",
        ),
    ] {
        for path in [JOBS, PREVIEW] {
            let answer = post(&api, path, body.clone()).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}: {}", answer.text);
            assert!(
                answer.json()["details"][field].is_string(),
                "{body}: {}",
                answer.text
            );
        }
    }
    let unknown = json!({"action": "CORRECT", "status": "FAILED", "note": "n", "sagaIds": ["a", "nowhere"]});
    assert_eq!(post(&api, JOBS, unknown).await.status, StatusCode::NOT_FOUND);
    let nothing = json!({"action": "REPLAY", "filter": {}});
    assert_eq!(post(&api, JOBS, nothing).await.status, StatusCode::CONFLICT);
    assert_eq!(api.json(JOBS).await["content"], json!([]));
    for path in ["/9", "/9/items", "/x"] {
        let answer = api.get(&format!("{JOBS}{path}")).await;
        assert!(
            [400, 404].contains(&answer.status.as_u16()),
            "{path}: {}",
            answer.text
        );
    }
    for query in ["?state=x", "?size=0", "?cursor=x", "?more=1"] {
        api.refused(&format!("{JOBS}{query}")).await;
    }
}

#[tokio::test]
async fn what_is_hidden_is_neither_searched_for_by_a_job_nor_shown_by_the_log() {
    let api = Api::hiding(&["reason"]).await;
    api.record(failed("a", 0)).await;
    let letters = vec![letter(b"x", "EMPTY", 1)];
    api.store.keep_letters(letters).await.unwrap();
    for (filter, total) in [(json!({}), 1), (json!({"q": "reason"}), 0)] {
        let replay = json!({"action": "REPLAY", "filter": filter});
        assert_eq!(
            post(&api, PREVIEW, replay).await.json()["total"],
            total,
            "{filter}"
        );
    }
    let job = post(&api, JOBS, correction()).await;
    assert_eq!(job.status, StatusCode::CREATED, "{}", job.text);
    let log = api.get("/internal/v1/operations").await;
    assert!(
        log.text.contains("CREATED") && !log.text.contains("refunded"),
        "{}",
        log.text
    );
}
