//! Jobs that acknowledge sagas.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{JOBS, PREVIEW, filled, post, run};
use crate::forms::send;

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
