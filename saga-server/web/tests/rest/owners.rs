//! Whom to ask about services and saga types, beside what they owe.

use saga_collector::owners::Contact;
use saga_web::PagesConfig;
use serde_json::json;

use crate::harness::{Api, event};

#[tokio::test]
async fn who_owes_something_is_shown_with_whom_to_ask() {
    let contact = |team: &str| Contact {
        team: team.to_owned(),
        channel: Some("#stock-<b>".to_owned()),
        runbook: Some("https://wiki.example/stock".to_owned()),
    };
    let owners = [
        ("product-service".to_owned(), contact("Stock team")),
        ("REFUND".to_owned(), contact("Refund team")),
    ];
    let api = Api::with_pages(PagesConfig {
        owners: owners.into_iter().collect(),
        ..PagesConfig::default()
    })
    .await;
    api.record([event("late", "ORDER_CREATED", "STARTED", 0)]).await;
    let attention = api.json("/api/v1/attention").await;
    assert_eq!(
        attention["stuck"]["groups"][0]["contact"],
        json!({"team": "Stock team", "channel": "#stock-<b>", "runbook": "https://wiki.example/stock"})
    );
    for path in ["/", "/sagas/late", "/services/product-service"] {
        let page = api.get(path).await.text;
        assert!(
            page.contains("Stock team") && page.contains("https://wiki.example/stock"),
            "{path}: {page}"
        );
        assert!(
            !page.contains("#stock-<b>") && !page.contains("Refund team"),
            "{path}: {page}"
        );
    }
    let nobody = api.get("/services/payment-service").await.text;
    assert!(!nobody.contains("class=\"contact\""), "{nobody}");
}
