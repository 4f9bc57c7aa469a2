//! Rights bound to saga types: every route, asked by every kind of caller, on sagas, letters and operations of two types, of
//! which each holds a word of its own wherever there is a text.

mod changes;
mod marked;
mod questions;
mod requests;
mod walk;

use serde_json::json;

use self::marked::Marked;
use crate::harness::Api;

#[tokio::test]
async fn the_numbers_of_a_bound_caller_are_those_of_their_types() {
    let marked = Marked::new().await;
    let json = async |path: &str| marked.get("own-operator", path).await.json();
    let statistics = json("/api/v1/sagas/statistics").await;
    assert_eq!(statistics["byType"], json!({"REFUND": 6}));
    assert_eq!(statistics["total"], 6);
    assert_eq!(
        json("/api/v1/sagas?step=ORDER_CREATED").await["page"]["totalElements"],
        5
    );
    let family = json("/api/v1/sagas/ownedmark1-failed").await["family"].clone();
    assert_eq!(
        (&family["childrenTotal"], &family["ancestorsEnd"]),
        (&json!(1), &json!("ROOT"))
    );
    let child = json("/api/v1/sagas/ownedmark1-child").await["family"].clone();
    assert_eq!(
        (
            &child["ancestors"],
            &child["ancestorsEnd"],
            &child["ancestorsEndAt"]
        ),
        (&json!([]), &json!("MISSING"), &json!("parent-of-all"))
    );
    let groups = json("/internal/v1/dlt/groups").await;
    assert_eq!((&groups["waiting"], &groups["replayed"]), (&json!(1), &json!(1)));
    assert_eq!(
        json("/internal/v1/operations").await["content"]
            .as_array()
            .unwrap()
            .len(),
        6
    );
    let acknowledged = json("/internal/v1/acknowledgements").await;
    assert_eq!(
        acknowledged["content"].as_array().unwrap().len(),
        3,
        "{acknowledged}"
    );
    let nothing = marked.get("none-viewer", "/api/v1/sagas/statistics").await.json();
    assert_eq!((&nothing["total"], &nothing["byType"]), (&json!(0), &json!({})));
    let removed = marked.get("own-viewer", "/api/v1/sagas/ownedmark1-removed").await;
    assert!(
        removed.json()["details"]["leftAt"].is_string(),
        "{}",
        removed.text
    );
}

#[tokio::test]
async fn figures_of_all_types_need_a_token_that_is_not_bound() {
    let marked = Marked::new().await;
    for path in ["/metrics", "/actuator/prometheus"] {
        marked.api.get(path).await.is_error(401, "UNAUTHORIZED", path);
        let refused = marked.get("own-operator", path).await;
        assert_eq!(refused.status.as_u16(), 403, "{}", refused.text);
        assert_eq!(marked.get("all-viewer", path).await.status.as_u16(), 200);
    }
    for path in ["/services", "/internal/v1/producers"] {
        assert_eq!(marked.get("own-operator", path).await.status.as_u16(), 403);
        assert_eq!(marked.get("all-operator", path).await.status.as_u16(), 200);
    }
    let bar = marked.get("own-viewer", "/sagas").await.text;
    assert!(
        bar.contains(r#"href="/flow""#) && !bar.contains(r#"href="/services""#),
        "{bar}"
    );
    // Nobody's rights are bound here.
    let open = Api::with_tokens().await;
    assert_eq!(open.get("/metrics").await.status.as_u16(), 200);
}
