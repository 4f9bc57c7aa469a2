//! One operation on many: `/internal/v1/jobs`, and the forms of the pages.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, Method, StatusCode, redirect::Policy};
use saga_collector::{dead_letters::DeadLetters, jobs::JobRunner, metrics::Metrics, redaction::Redaction};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    dead_letters::letter,
    harness::{Answer, Api, completed, event, eventually, failed},
};

const JOBS: &str = "/internal/v1/jobs";
const PREVIEW: &str = "/internal/v1/jobs/preview";
const PAGE: &str = "/operations/jobs";

async fn post_with(api: &Api, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
    let json = ("content-type", "application/json");
    let headers: Vec<_> = [json].iter().chain(headers).copied().collect();
    api.request_with(Method::POST, path, &headers, body.to_string().into_bytes())
        .await
}

async fn post(api: &Api, path: &str, body: Value) -> Answer {
    post_with(api, path, &[], body).await
}

/// As a page of ours sends it.
/// Sends a form; where its answer leads is not followed.
async fn send(api: &Api, path: &str, form: &str) -> Answer {
    let origin = format!("http://{}", api.address);
    let client = Client::builder().redirect(Policy::none()).tls_certs_only([]);
    let request = client
        .build()
        .unwrap()
        .post(format!("{origin}{path}"))
        .header("accept", "text/html")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", origin);
    let response = request.body(form.to_owned()).send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer {
        status,
        headers,
        text: response.text().await.unwrap(),
    }
}

async fn page(api: &Api, path: &str) -> String {
    let answer = api.request(Method::GET, path, &[("accept", "text/html")]).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    answer.text
}

/// Runs jobs until this one has ended.
async fn run(api: &Api, id: &Value) -> Value {
    let metrics = Arc::new(Metrics::new([]));
    let letters = DeadLetters::new(
        api.store.clone(),
        None,
        metrics.clone(),
        Arc::new(Redaction::default()),
    );
    let runner = JobRunner::new(api.store.clone(), Arc::new(letters), metrics)
        .with_times(Duration::from_secs(10), Duration::from_millis(10));
    let stop = CancellationToken::new();
    let running = tokio::spawn(runner.run(stop.clone()));
    let path = format!("{JOBS}/{id}");
    eventually(async || !api.json(&path).await["finishedAt"].is_null()).await;
    stop.cancel();
    running.await.unwrap();
    api.json(&path).await
}

/// Three failed sagas and a completed one.
async fn filled() -> Api {
    let api = Api::new().await;
    for saga in ["a", "b", "c"] {
        api.record(failed(saga, 0)).await;
    }
    api.record(completed("d", 0)).await;
    api
}

fn correction() -> Value {
    json!({"action": "CORRECT", "status": "COMPENSATED", "note": "refunded", "filter": {"status": "FAILED"}})
}

async fn status(api: &Api, saga: &str) -> String {
    let saga = api.json(&format!("/api/v1/sagas/{saga}")).await;
    saga["currentStatus"].as_str().unwrap().to_owned()
}

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
async fn many_are_acknowledged_and_those_who_have_somebody_are_left() {
    let api = filled().await;
    let one = json!({"note": "mine", "for": "1h", "assignee": "ben"});
    let taken = api
        .request_with(
            Method::PUT,
            "/internal/v1/sagas/b/acknowledgement",
            &[("content-type", "application/json")],
            one.to_string().into_bytes(),
        )
        .await;
    assert!(taken.status.is_success(), "{}", taken.text);
    let mut order = json!({"action": "ACKNOWLEDGE", "note": "looks at it", "for": "4h", "assignee": "anna", "filter": {}});
    let preview = post(&api, PREVIEW, order.clone()).await.json();
    let count = |result: &str| -> u64 {
        let outcomes = preview["outcomes"].as_array().unwrap().iter();
        let of_it = outcomes.filter(|outcome| outcome["result"] == result);
        of_it.map(|outcome| outcome["count"].as_u64().unwrap()).sum()
    };
    assert_eq!((count("CHANGED"), count("REFUSED")), (2, 2), "{preview}");
    order["previewToken"] = preview["previewToken"].clone();
    let created = post(&api, JOBS, order.clone()).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let again = post(&api, JOBS, order).await;
    assert_eq!(again.json()["id"], created.json()["id"]);
    let job = run(&api, &created.json()["id"]).await;
    assert_eq!(
        (&job["changed"], &job["refused"]),
        (&json!(2), &json!(2)),
        "{job}"
    );
    assert_eq!((&job["assignee"], &job["status"]), (&json!("anna"), &Value::Null));
    assert!(job["until"].is_string());
    let items = api
        .json(&format!("{JOBS}/{}/items?result=REFUSED", job["id"]))
        .await;
    let messages = items["content"].to_string();
    assert!(
        messages.contains("ben takes care of it until") && messages.contains("nothing to take care of"),
        "{messages}"
    );
    let there = api.json("/internal/v1/acknowledgements").await.to_string();
    assert_eq!(there.matches("\"assignee\":\"anna\"").count(), 2, "{there}");
    let refused = post(&api, &format!("{JOBS}/{}/revert", job["id"]), json!({})).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);

    let form = "action=ACKNOWLEDGE&selected=rows&status=COMPENSATED&note=mine&for=1h&assignee=&saga.b=on";
    let preview = send(&api, "/operations/jobs/preview", form).await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.text);
    assert!(preview.text.contains("Acknowledge 1 saga"), "{}", preview.text);
    assert!(
        preview.text.contains("ben takes care of it until"),
        "{}",
        preview.text
    );
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

fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn rows_of_a_list_are_chosen_previewed_and_changed_by_forms() {
    let api = filled().await;
    let list = page(&api, "/sagas?status=FAILED").await;
    assert!(list.contains("name=\"saga.a\""), "{list}");
    assert_eq!(hidden(&list, "filter"), "status=FAILED");
    let form = "action=CORRECT&selected=rows&status=COMPENSATED&note=refunded&filter=status%3DFAILED&saga.a=on&saga.b=on";
    let preview = send(&api, "/operations/jobs/preview", form).await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.text);
    assert!(
        preview.text.contains("Set the status of 2 sagas to COMPENSATED"),
        "{}",
        preview.text
    );
    let token = hidden(&preview.text, "previewToken");
    let form =
        format!("action=CORRECT&status=COMPENSATED&note=refunded&saga.a=on&saga.b=on&previewToken={token}");
    let created = send(&api, PAGE, &form).await;
    assert_eq!(created.status, StatusCode::SEE_OTHER, "{}", created.text);
    let path = created.header("location").to_owned();
    let replayed = send(&api, PAGE, &form).await;
    assert_eq!(
        replayed.header("location"),
        path,
        "a form that is sent again does nothing more"
    );
    let waiting = page(&api, &path).await;
    assert!(waiting.contains("http-equiv=\"refresh\""), "{waiting}");
    assert!(
        !page(&api, &format!("{path}?refresh=off"))
            .await
            .contains("http-equiv")
    );
    let id: Value = path.rsplit_once('/').unwrap().1.parse::<i64>().unwrap().into();
    run(&api, &id).await;
    let done = page(&api, &path).await;
    assert!(
        done.contains("All 2 done.") && !done.contains("http-equiv"),
        "{done}"
    );
    assert!(page(&api, "/operations").await.contains(&path));
    assert!(page(&api, PAGE).await.contains(&path));
    let reverted = send(&api, &format!("{path}/revert"), "note=").await;
    assert_eq!(reverted.status, StatusCode::SEE_OTHER, "{}", reverted.text);
    let again = send(&api, &format!("{path}/revert"), "note=").await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let reverting = reverted.header("location").to_owned();
    let stopped = send(&api, &format!("{reverting}/stop"), "").await;
    assert_eq!(stopped.header("location"), reverting);
    assert!(page(&api, &reverting).await.contains("Stopped after 0 of 2"));

    let all = "action=CORRECT&selected=all&status=COMPLETED&note=n&filter=status%3DFAILED";
    let preview = send(&api, "/operations/jobs/preview", all).await;
    assert!(
        preview.text.contains("Set the status of 1 saga to COMPLETED"),
        "{}",
        preview.text
    );
    for form in [
        "action=CORRECT&selected=rows&status=FAILED&note=n",
        "selected=all",
    ] {
        let refused = send(&api, "/operations/jobs/preview", form).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{form}");
    }
    let without = send(&api, PAGE, "action=CORRECT&status=COMPLETED&note=n&saga.c=on").await;
    assert_eq!(
        without.status,
        StatusCode::BAD_REQUEST,
        "nothing is created without a preview"
    );
    let elsewhere = [
        ("accept", "text/html"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", "https://elsewhere.test"),
    ];
    let forged = api
        .request_with(Method::POST, PAGE, &elsewhere, all.as_bytes().to_vec())
        .await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN, "{}", forged.text);
}

#[tokio::test]
async fn letters_of_a_list_are_chosen_by_forms() {
    let api = Api::new().await;
    api.store
        .keep_letters(vec![letter(b"nonsense", "EMPTY", 1)])
        .await
        .unwrap();
    let list = page(&api, "/dead-letters?reason=EMPTY").await;
    assert!(list.contains("name=\"letter.1\""), "{list}");
    let form = "action=DISMISS&selected=all&note=a+test&filter=reason%3DEMPTY";
    let preview = send(&api, "/operations/jobs/preview", form).await;
    assert!(preview.text.contains("Dismiss 1 dead letter"), "{}", preview.text);
    let by_row = send(
        &api,
        "/operations/jobs/preview",
        "action=REPLAY&selected=rows&filter=&letter.1=on",
    )
    .await;
    assert_eq!(by_row.status, StatusCode::OK, "{}", by_row.text);
    assert!(by_row.text.contains("Failed"), "{}", by_row.text);
}
