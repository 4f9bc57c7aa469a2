//! What a bound operator may change.

use reqwest::Method;
use saga_store::{OperationFilter, OperationQuery};
use serde_json::json;

use super::{
    marked::{HIDDEN, Marked, UNKNOWN},
    walk::shape,
};

#[tokio::test]
async fn a_bound_operator_changes_nothing_of_other_types() {
    let marked = Marked::new().await;
    let before = marked.letters().await;
    let saga = async |saga: &str| marked.api.store.saga(saga).await.unwrap();
    let (done, lost) = (saga("hiddenmark-done").await, saga("hiddenmark-letter").await);
    let log = async || {
        let query = OperationQuery {
            filter: OperationFilter::default(),
            after: None,
            size: 100,
        };
        marked.api.store.operations(&query).await.unwrap()
    };
    let logged = log().await;
    let correct = r#"{"status":"FAILED","reason":"because"}"#;
    let event_id = |word: &str| {
        let letters = before.iter().filter_map(|stored| stored.letter.event_id.clone());
        let mut ids = letters.filter(|id| id.starts_with(&format!("{word}-letter")));
        ids.next()
            .unwrap_or_else(|| format!("{word}-letter-0-GIFT_WRAPPED"))
    };
    let replay = "/internal/v1/sagas/replay";
    let acknowledge = r#"{"note":"why","for":"1h"}"#;
    let attempts = |word: &'static str| {
        let filled = |text: &str| marked.filled(text, word);
        vec![
            (
                Method::PATCH,
                filled("/internal/v1/sagas/@-done/status"),
                correct.to_owned(),
            ),
            (
                Method::PATCH,
                filled("/internal/v1/sagas/@-removed/status"),
                correct.to_owned(),
            ),
            (
                Method::POST,
                filled("/sagas/@-done"),
                "status=FAILED&reason=because".to_owned(),
            ),
            (
                Method::PATCH,
                filled("/internal/v1/views/@-view"),
                r#"{"name":"mine"}"#.to_owned(),
            ),
            (Method::DELETE, filled("/internal/v1/views/@-view"), String::new()),
            (
                Method::POST,
                filled("/views/@-view/rename"),
                "name=mine".to_owned(),
            ),
            (
                Method::PUT,
                filled("/internal/v1/sagas/@-begun/acknowledgement"),
                acknowledge.to_owned(),
            ),
            (
                Method::PUT,
                filled("/internal/v1/sagas/@-failed/acknowledgement"),
                acknowledge.to_owned(),
            ),
            (
                Method::DELETE,
                filled("/internal/v1/sagas/@-failed/acknowledgement"),
                String::new(),
            ),
            (
                Method::PUT,
                filled("/internal/v1/dlt/#/acknowledgement"),
                acknowledge.to_owned(),
            ),
            (
                Method::DELETE,
                filled("/internal/v1/dlt/#/acknowledgement"),
                String::new(),
            ),
            (
                Method::PUT,
                filled(
                    "/internal/v1/failure-groups/acknowledgement?failureGroup=PAYMENT_FAILED:%20@-reason&sagaType=^_ORDERS",
                ),
                acknowledge.to_owned(),
            ),
            (
                Method::PUT,
                filled("/internal/v1/failure-groups/acknowledgement?failureGroup=PAYMENT_FAILED:%20@-reason"),
                acknowledge.to_owned(),
            ),
            (
                Method::DELETE,
                filled(
                    "/internal/v1/failure-groups/acknowledgement?failureGroup=PAYMENT_FAILED:%20@-reason&sagaType=^_ORDERS",
                ),
                String::new(),
            ),
            (
                Method::POST,
                filled("/sagas/@-failed/acknowledgement"),
                "mode=withdraw".to_owned(),
            ),
            (
                Method::POST,
                filled("/dead-letters/#/acknowledgement"),
                "note=why&for=1h".to_owned(),
            ),
            (
                Method::POST,
                "/acknowledgements".to_owned(),
                filled("failureGroup=PAYMENT_FAILED:+@-reason&note=why&for=1h"),
            ),
            (
                Method::POST,
                "/internal/v1/dlt/dismiss".to_owned(),
                filled(r#"{"deadLetterIds":[#],"note":"why"}"#),
            ),
            (
                Method::POST,
                "/internal/v1/dlt/dismiss".to_owned(),
                filled(r#"{"filter":{"sagaId":"@-letter"},"note":"why","dryRun":true}"#),
            ),
            (
                Method::POST,
                "/dead-letters/dismiss".to_owned(),
                filled("sagaId=@-letter&note=why&mode=confirmed"),
            ),
            (
                Method::POST,
                "/internal/v1/jobs/preview".to_owned(),
                filled(r#"{"action":"CORRECT","status":"FAILED","note":"why","sagaIds":["@-failed"]}"#),
            ),
            (
                Method::POST,
                "/internal/v1/jobs".to_owned(),
                filled(r#"{"action":"CORRECT","status":"FAILED","note":"why","filter":{"step":"^_STEP"}}"#),
            ),
            (
                Method::POST,
                "/internal/v1/jobs".to_owned(),
                filled(r#"{"action":"DISMISS","note":"why","deadLetterIds":[#]}"#),
            ),
            (Method::POST, filled("/internal/v1/jobs/#/stop"), String::new()),
            (
                Method::POST,
                filled("/internal/v1/jobs/#/revert"),
                "{}".to_owned(),
            ),
            (Method::POST, filled("/operations/jobs/#/stop"), "a".to_owned()),
            (
                Method::POST,
                "/operations/jobs/preview".to_owned(),
                filled("action=CORRECT&status=FAILED&note=why&saga.@-failed=on"),
            ),
            (
                Method::POST,
                replay.to_owned(),
                filled(r#"{"deadLetterIds":[#]}"#),
            ),
            (
                Method::POST,
                replay.to_owned(),
                filled(r#"{"deadLetterIds":[#],"dryRun":true}"#),
            ),
            (
                Method::POST,
                replay.to_owned(),
                json!({"eventIds": [event_id(word)]}).to_string(),
            ),
            (
                Method::POST,
                replay.to_owned(),
                filled(r#"{"filter":{"sagaId":"@-letter"}}"#),
            ),
            (
                Method::POST,
                replay.to_owned(),
                filled(r#"{"filter":{"sagaId":"@-done"}}"#),
            ),
            (
                Method::POST,
                replay.to_owned(),
                filled(r#"{"filter":{"originTopic":"@-topic"},"dryRun":true}"#),
            ),
            (Method::POST, filled("/dead-letters/#"), "mode=replay".to_owned()),
            (Method::POST, filled("/dead-letters/#"), "mode=try".to_owned()),
            (
                Method::POST,
                "/dead-letters".to_owned(),
                filled("mode=replay&ids=#"),
            ),
            (
                Method::POST,
                "/dead-letters".to_owned(),
                filled("mode=replay&sagaId=@-letter"),
            ),
        ]
    };
    for caller in ["own-operator", "none-operator"] {
        for ((method, path, body), (_, other_path, other_body)) in
            attempts(HIDDEN).into_iter().zip(attempts(UNKNOWN))
        {
            let answer = marked.send(caller, method.clone(), &path, &body).await;
            let other = marked.send(caller, method, &other_path, &other_body).await;
            assert_eq!(shape(&answer), shape(&other), "{caller} {path} {body}");
        }
    }
    // Neither the letter that cannot be read, nor the one whose saga is of the other type.
    let rest = marked
        .send("own-operator", Method::POST, replay, r#"{"filter":{}}"#)
        .await
        .json();
    assert_eq!(
        (&rest["requested"], &rest["successful"]),
        (&json!(1), &json!(1)),
        "{rest}"
    );
    assert_eq!(saga("hiddenmark-done").await, done);
    assert_eq!(saga("hiddenmark-letter").await, lost);
    let after = marked.letters().await;
    for (before, after) in before.iter().zip(&after) {
        let is_own = before.letter.saga_id.as_deref() == Some("ownedmark1-letter");
        assert_eq!(before != after, is_own, "{before:?}");
    }
    assert_eq!(log().await.operations.len(), logged.operations.len() + 1);
    // What is theirs they may change.
    let own = marked
        .send(
            "own-operator",
            Method::PATCH,
            "/internal/v1/sagas/ownedmark1-done/status",
            correct,
        )
        .await;
    assert_eq!(own.status.as_u16(), 200, "{}", own.text);
}
