//! Jobs by the forms of the pages.

use reqwest::{Client, Method, StatusCode, redirect::Policy};
use serde_json::{Value, json};

use super::{filled, run};
use crate::{
    dead_letters::letter,
    harness::{Answer, Api},
    pages::page,
};

const PAGE: &str = "/operations/jobs";

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
    Answer::of(request.body(form.to_owned()).send().await.unwrap()).await
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
async fn no_page_of_another_site_stops_a_job() {
    let api = filled().await;
    let order = json!({"action": "CORRECT", "status": "COMPLETED", "note": "n", "sagaIds": ["a"]});
    let json = ("content-type", "application/json");
    let job = api
        .request_with(
            Method::POST,
            "/internal/v1/jobs",
            &[json],
            order.to_string().into(),
        )
        .await
        .json();
    let path = format!("/internal/v1/jobs/{}/stop", job["id"]);
    let own = format!("http://{}", api.address);
    for headers in [
        &[("origin", "https://elsewhere.test")][..],
        &[
            ("sec-fetch-site", "cross-site"),
            ("content-type", "text/plain;charset=UTF-8"),
        ],
        &[
            ("origin", "https://elsewhere.test"),
            ("content-type", "text/plain; a=\u{e9}"),
        ],
        &[
            ("origin", "null"),
            ("content-type", "application/x-www-form-urlencoded"),
        ],
    ] {
        let forged = api.request(Method::POST, &path, headers).await;
        forged.is_error(403, "FORBIDDEN", &path);
    }
    let seen = api.json(&format!("/internal/v1/jobs/{}", job["id"])).await;
    assert_eq!(seen["state"], "WAITING");
    let by_our_page = api
        .request(Method::POST, &path, &[("origin", own.as_str())])
        .await;
    assert_eq!(by_our_page.json()["state"], "STOPPED");
    let by_a_program = api.request(Method::POST, &path, &[]).await;
    assert_eq!(by_a_program.status, StatusCode::OK);
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

#[tokio::test]
async fn a_form_with_a_row_that_is_none_changes_nothing() {
    let api = filled().await;
    let too_many: String = (0..1_001).map(|number| format!("&saga.x-{number}=on")).collect();
    for rows in [
        "action=CORRECT&status=COMPENSATED&note=n&saga.a=on&saga.%01=on".to_owned(),
        "action=DISMISS&note=n&letter.1=on&letter.first=on".to_owned(),
        "action=CORRECT&status=COMPENSATED&note=n".to_owned(),
        format!("action=CORRECT&status=COMPENSATED&note=n{too_many}"),
    ] {
        let answer = send(&api, "/operations/jobs/preview", &format!("selected=rows&{rows}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert!(answer.text.contains("selected"), "{}", answer.text);
    }
}
