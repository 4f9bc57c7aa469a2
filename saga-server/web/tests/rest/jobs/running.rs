//! Jobs are run, stopped and reverted.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{JOBS, PREVIEW, correction, filled, post, run, status};
use crate::{
    dead_letters::letter,
    harness::{Api, event},
};

#[tokio::test]
async fn many_are_previewed_corrected_once_and_reverted() {
    let api = filled().await;
    let preview = post(&api, PREVIEW, correction()).await.json();
    assert_eq!((&preview["total"], &preview["examined"]), (&json!(3), &json!(3)));
    let outcome =
        json!({"result": "CHANGED", "before": "FAILED", "after": "COMPENSATED", "message": null, "count": 3});
    assert_eq!(preview["outcomes"], json!([outcome]));
    assert_eq!(preview["sample"].as_array().unwrap().len(), 3);
    assert_eq!(status(&api, "a").await, "FAILED", "a preview changes nothing");

    let mut order = correction();
    order["previewToken"] = preview["previewToken"].clone();
    let created = post(&api, JOBS, order.clone()).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let job = created.json();
    assert_eq!(created.header("location"), format!("{JOBS}/{}", job["id"]));
    assert_eq!(
        (&job["state"], &job["items"], &job["done"]),
        (&json!("WAITING"), &json!(3), &json!(0))
    );
    assert_eq!(job["selection"], json!({"filter": {"status": "FAILED"}}));
    let job = run(&api, &job["id"]).await;
    assert_eq!((&job["state"], &job["changed"]), (&json!("DONE"), &json!(3)));
    let again = post(&api, JOBS, order).await;
    assert_eq!((again.status, &again.json()["id"]), (StatusCode::OK, &job["id"]));
    for saga in ["a", "b", "c"] {
        let saga = api.json(&format!("/api/v1/sagas/{saga}/steps")).await;
        let steps = saga["steps"].as_array().unwrap();
        let overrides: Vec<_> = steps
            .iter()
            .filter(|step| step["step"] == "MANUAL_STATUS_OVERRIDE")
            .collect();
        assert_eq!(overrides.len(), 1);
        assert_eq!(overrides[0]["metadata"]["reason"], "refunded");
    }
    let items = api.json(&format!("{JOBS}/{}/items?size=2", job["id"])).await;
    assert_eq!(items["content"][1]["result"], "CHANGED");
    let cursor = items["nextCursor"].as_str().unwrap();
    let rest = api
        .json(&format!("{JOBS}/{}/items?cursor={cursor}", job["id"]))
        .await;
    assert_eq!(rest["content"].as_array().unwrap().len(), 1);
    let log = api
        .json(&format!(
            "/internal/v1/operations?jobId={}&kind=CORRECTION",
            job["id"]
        ))
        .await;
    assert_eq!(log["content"].as_array().unwrap().len(), 3);

    // Somebody else changes one of them: what is not as the job left it stays.
    let path = "/internal/v1/sagas/b/status";
    let other = json!({"status": "COMPLETED", "reason": "was delivered"});
    let json = [("content-type", "application/json")];
    let other = api
        .request_with(Method::PATCH, path, &json, other.to_string().into_bytes())
        .await;
    assert_eq!(other.status, StatusCode::OK, "{}", other.text);
    let revert = format!("{JOBS}/{}/revert", job["id"]);
    let reverting = post(&api, &revert, json!({"note": "wrong sagas"})).await;
    assert_eq!(reverting.status, StatusCode::CREATED, "{}", reverting.text);
    let reverting = run(&api, &reverting.json()["id"]).await;
    assert_eq!(
        (
            &reverting["reverts"],
            &reverting["changed"],
            &reverting["refused"]
        ),
        (&job["id"], &json!(2), &json!(1))
    );
    assert_eq!(status(&api, "a").await, "FAILED");
    assert_eq!(status(&api, "b").await, "COMPLETED");
    let refused = api
        .json(&format!("{JOBS}/{}/items?result=REFUSED", reverting["id"]))
        .await;
    assert_eq!(refused["content"][0]["sagaId"], "b");
    assert_eq!(
        refused["content"][0]["message"],
        "it was COMPENSATED when the job was created, and is COMPLETED now"
    );
    let steps = api.json("/api/v1/sagas/a/steps").await;
    let last = steps["steps"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        last["metadata"]["reason"],
        format!("reverts job {}: wrong sagas", job["id"])
    );
    assert_eq!(
        api.json(&format!("{JOBS}/{}", job["id"])).await["revertedBy"],
        reverting["id"]
    );
    let ids: Vec<Value> = api.json(JOBS).await["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["id"].clone())
        .collect();
    assert_eq!(ids, [reverting["id"].clone(), job["id"].clone()]);
}

#[tokio::test]
async fn two_operators_at_the_same_sagas_change_each_once() {
    let api = filled().await;
    let first = post(&api, JOBS, correction()).await.json();
    let mut other = correction();
    other["status"] = json!("COMPLETED");
    let second = post(&api, JOBS, other).await.json();
    let (first, second) = (run(&api, &first["id"]).await, run(&api, &second["id"]).await);
    assert_eq!((&first["changed"], &second["changed"]), (&json!(3), &json!(0)));
    assert_eq!(second["refused"], 3);
    let third = json!({"action": "CORRECT", "status": "COMPENSATED", "note": "again", "sagaIds": ["a", "d"]});
    let third = post(&api, JOBS, third).await.json();
    let third = run(&api, &third["id"]).await;
    assert_eq!((&third["changed"], &third["unchanged"]), (&json!(1), &json!(1)));
    assert_eq!(status(&api, "d").await, "COMPENSATED");
}

#[tokio::test]
async fn letters_are_replayed_dismissed_and_restored_as_jobs() {
    let api = Api::new().await;
    let lost = event("a", "ORDER_CREATED", "STARTED", 0);
    let value = saga_types::avro::encode(
        &lost.0,
        saga_types::avro::SchemaVersion::V2,
        saga_types::avro::Framing::SingleObject,
    )
    .unwrap();
    let letters = vec![
        letter(&value, "INVALID_NAME", 1),
        letter(b"nonsense", "UNKNOWN_FRAMING", 2),
    ];
    api.store.keep_letters(letters).await.unwrap();
    let replay = json!({"action": "REPLAY", "filter": {}});
    let preview = post(&api, PREVIEW, replay.clone()).await.json();
    assert_eq!(preview["total"], 2, "{preview}");
    let results: Vec<&Value> = preview["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| &o["result"])
        .collect();
    assert!(
        results.contains(&&json!("CHANGED")) && results.contains(&&json!("FAILED")),
        "{preview}"
    );
    let job = post(&api, JOBS, replay).await.json();
    let job = run(&api, &job["id"]).await;
    assert_eq!((&job["changed"], &job["failed"]), (&json!(1), &json!(1)));
    assert_eq!(status(&api, "a").await, "STARTED");
    let revert = post(&api, &format!("{JOBS}/{}/revert", job["id"]), json!({})).await;
    assert_eq!(revert.status, StatusCode::CONFLICT);
    assert!(revert.text.contains("cannot be taken back"), "{}", revert.text);

    let dismiss = json!({"action": "DISMISS", "note": "a test", "deadLetterIds": [1, 2]});
    let job = post(&api, JOBS, dismiss).await.json();
    let job = run(&api, &job["id"]).await;
    assert_eq!((&job["changed"], &job["refused"]), (&json!(1), &json!(1)));
    let refused = api
        .json(&format!("{JOBS}/{}/items?result=REFUSED", job["id"]))
        .await;
    assert_eq!(refused["content"][0]["message"], "it was replayed before");
    let revert = post(&api, &format!("{JOBS}/{}/revert", job["id"]), json!({})).await;
    let back = run(&api, &revert.json()["id"]).await;
    assert_eq!(
        (&back["action"], &back["changed"]),
        (&json!("RESTORE"), &json!(1))
    );
    let letters = api.json("/internal/v1/dlt?state=WAITING").await;
    assert_eq!(letters["content"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_waiting_job_is_stopped_at_once() {
    let api = filled().await;
    let job = post(&api, JOBS, correction()).await.json();
    let early = post(&api, &format!("{JOBS}/{}/revert", job["id"]), json!({})).await;
    assert_eq!(early.status, StatusCode::CONFLICT);
    let stop = format!("{JOBS}/{}/stop", job["id"]);
    let stopped = api.request(Method::POST, &stop, &[]).await;
    assert_eq!(stopped.json()["state"], "STOPPED", "{}", stopped.text);
    let again = api.request(Method::POST, &stop, &[]).await;
    assert_eq!(again.json()["finishedAt"], stopped.json()["finishedAt"]);
    let pending = api
        .json(&format!("{JOBS}/{}/items?result=PENDING", job["id"]))
        .await;
    assert_eq!(pending["content"].as_array().unwrap().len(), 3);
    let nothing = post(&api, &format!("{JOBS}/{}/revert", job["id"]), json!({})).await;
    assert!(nothing.text.contains("changed nothing"), "{}", nothing.text);
    assert_eq!(status(&api, "a").await, "FAILED");
}
