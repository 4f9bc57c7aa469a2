//! Filters in one line of text, as parameters of lists and in the filter bar of the pages.

use serde_json::json;

use super::filled;
use crate::{harness::Api, pages::page};

#[tokio::test]
async fn tokens_find_what_the_parameters_find_that_they_stand_for() {
    let api = Api::new().await;
    filled(&api).await;
    for (tokens, parameters) in [
        ("customerId:C-17", "metadata.customerId=C-17"),
        ("failed", "failed=true"),
        ("-failed", "failed=false"),
        (
            "failed reason:OUT_OF_STOCK",
            "failed=true&failureReason=OUT_OF_STOCK",
        ),
        (
            "type:REFUND version:2.8.0",
            "sagaType=REFUND&serviceVersion=2.8.0",
        ),
        ("duration:<1s status:failed", "maxDuration=1s&status=FAILED"),
        ("started:2025-10-09", "fromDate=2025-10-09&toDate=2025-10-09"),
        ("older:1h", ""),
        ("newer:1h", "period=1h"),
        ("step:NOWHERE", "step=NOWHERE"),
    ] {
        let encoded = tokens.replace(' ', "+").replace('<', "%3C");
        let by_tokens = api.ids(&format!("/api/v1/sagas?q={encoded}")).await;
        assert_eq!(
            by_tokens,
            api.ids(&format!("/api/v1/sagas?{parameters}")).await,
            "{tokens}"
        );
    }
    assert_eq!(api.ids("/api/v1/sagas?failed=true").await, ["saga-3", "saga-2"]);
    for (tokens, details) in [
        (
            "stauts:FAILED",
            json!({"q": "holds the token stauts:FAILED: no filter is named stauts; status: is one, and metadata.stauts: asks for a key of the metadata"}),
        ),
        (
            "status:DONE",
            json!({"q": "holds the token status:DONE: must be one of STARTED, IN_PROGRESS, COMPLETED, FAILED, COMPENSATED"}),
        ),
        (
            "type:A&sagaType=B",
            json!({"q": "holds the token type:A: the parameter sagaType asks for something else"}),
        ),
    ] {
        assert_eq!(api.refused(&format!("/api/v1/sagas?q={tokens}")).await, details);
    }
    // Groups of sagas are compared by the same filters.
    let compared = api
        .json("/api/v1/differences?a.q=failed&a.fromDate=2025-10-09&b.q=-failed+started:2025-10-09")
        .await;
    assert_eq!(
        (&compared["a"]["sagas"], &compared["b"]["sagas"]),
        (&json!(2), &json!(3))
    );
}

#[tokio::test]
async fn the_filter_bar_has_the_filters_in_force_as_tokens() {
    let api = Api::new().await;
    filled(&api).await;
    let page = page(
        &api,
        "/sagas?q=customerId:C-17+-failed+reason:%22a+b%22&sort=duration,desc",
    )
    .await;
    let field = r#"value="-failed reason:&#34;a b&#34; customerId:C-17""#;
    assert!(page.contains(field), "{page}");
    assert!(
        page.contains(r#"<input type="hidden" name="sort" value="duration,desc">"#),
        "{page}"
    );
    for option in ["customerId:", "failed", "type:"] {
        assert!(
            page.contains(&format!(r#"<option value="{option}">"#)),
            "{option}: {page}"
        );
    }
    let wrong = api
        .request(
            reqwest::Method::GET,
            "/sagas?q=stauts:x",
            &[("accept", "text/html")],
        )
        .await;
    assert_eq!(wrong.status.as_u16(), 400);
    assert!(wrong.text.contains("no filter is named stauts"), "{}", wrong.text);
}
