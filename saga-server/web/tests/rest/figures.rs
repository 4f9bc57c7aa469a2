//! Pages of figures: the overview of a period, lists by what is needed, and the flow.

use reqwest::StatusCode;
use saga_types::Timestamp;
use serde_json::json;

use crate::{
    harness::{Api, BEGIN, Event, completed, event},
    pages::{open, page, text},
    paths::PARCEL,
};

/// So long before now, after [`BEGIN`].
fn ago(millis: i64) -> i64 {
    Timestamp::now().as_millis() - BEGIN - millis
}

const MINUTE: i64 = 60_000;

/// An order whose payment was declined, with its stock given back or not.
fn declined(saga_id: &str, after: i64, is_undone: bool) -> Vec<Event> {
    let mut events = vec![
        event(saga_id, "ORDER_CREATED", "STARTED", after),
        event(saga_id, "STOCK_RESERVED", "COMPLETED", after + 100)
            .with(json!({"producerService": "product-service"})),
        event(saga_id, "PAYMENT_FAILED", "FAILED", after + 300)
            .with(json!({"failureReason": "CARD_DECLINED"})),
    ];
    if is_undone {
        events.push(event(saga_id, "STOCK_RELEASED", "COMPENSATED", after + 900));
    }
    events
}

async fn shop() -> Api {
    let api = Api::new().await;
    for place in 0..6 {
        api.record(completed(&format!("fine-{place}"), ago(MINUTE * (2 + place))))
            .await;
    }
    for place in 0..3 {
        api.record(declined(
            &format!("undone-{place}"),
            ago(MINUTE * (12 + place)),
            true,
        ))
        .await;
    }
    api.record(declined("owing", ago(30 * MINUTE), false)).await;
    api.record([event("stuck", "ORDER_CREATED", "STARTED", ago(20 * MINUTE))])
        .await;
    api.record([event(
        "stuck longer",
        "ORDER_CREATED",
        "STARTED",
        ago(40 * MINUTE),
    )])
    .await;
    api.record([event("in flight", "ORDER_CREATED", "STARTED", ago(MINUTE))])
        .await;
    api
}

#[tokio::test]
async fn the_overview_says_who_has_to_act_and_how_it_went() {
    let api = shop().await;
    let whole = page(&api, "/?period=hour").await;
    let said = text(&whole);
    for words in [
        "Needs action 3",
        "2 product-service Overdue STOCK_RESERVATION ORDER_CREATION 37 min",
        "1 product-service Compensation pending STOCK_RESERVED ORDER_CREATION 29 min",
        "sagas wait for STOCK_RESERVATION, the oldest overdue by 37 min",
        "Orders: ORD-stuck longer, ORD-stuck. /sagas?",
        "13 sagas started, by current status 0 in the period before",
        "6 ✓ Completed",
        "PAYMENT_FAILED CARD_DECLINED 4 100 %",
        "ORDER_CREATION 13 3 4 · 31 %",
    ] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    // Each group leads to exactly its sagas.
    let groups: Vec<String> = whole
        .split(r#"data-label="Sagas" class="number"><a href=""#)
        .skip(1)
        .map(|link| link.split('"').next().unwrap().replace("&#38;", "&"))
        .collect();
    for (path, sagas) in groups.iter().zip(["2 sagas", "1 saga"]) {
        let listed = text(&page(&api, path).await);
        assert!(listed.contains(sagas), "{path}: {listed}");
    }
    assert_eq!(groups.len(), 2);
    assert!(whole.contains("class=\"chart\"") && whole.contains("aria-label=\"Sagas started per minute"));
    // Each failure leads to its sagas.
    let link = whole.split(r#"class="step" href=""#).nth(1).unwrap();
    let link = link.split('"').next().unwrap().replace("&#38;", "&");
    assert!(
        link.contains("failedStep=PAYMENT_FAILED&failureReason=CARD_DECLINED"),
        "{link}"
    );
    assert!(text(&page(&api, &link).await).contains("4 sagas"));
}

#[tokio::test]
async fn a_period_is_chosen_in_the_address() {
    let api = shop().await;
    api.record(completed("yesterday", ago(20 * 60 * MINUTE))).await;
    for (period, started) in [("hour", "13"), ("day", "14"), ("week", "14"), ("month", "14")] {
        let said = text(&page(&api, &format!("/?period={period}")).await);
        assert!(
            said.contains(&format!("{started} sagas started")),
            "{period}: {said}"
        );
    }
    let refused = open(&api, "/?period=century").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn quick_views_show_what_they_say() {
    let api = shop().await;
    for (query, sagas) in [
        ("ended=false", vec!["in flight", "stuck", "stuck longer"]),
        ("sort=due&stuck=true", vec!["stuck longer", "stuck"]),
        ("owing=true&sort=due", vec!["owing"]),
        ("status=FAILED", vec!["owing"]),
    ] {
        let list = page(&api, &format!("/sagas?{query}")).await;
        let shown: Vec<&str> = list
            .split(r#"data-label="Saga" class="saga"><a class="id" href=""#)
            .skip(1)
            .map(|link| link.split("title=\"").nth(1).unwrap().split('"').next().unwrap())
            .collect();
        assert_eq!(shown, sagas, "{query}");
        assert!(
            list.contains(&format!(
                r#"href="/sagas?{}" aria-current="page""#,
                query.replace('&', "&#38;")
            )),
            "{list}"
        );
    }
}

#[tokio::test]
async fn a_saga_in_flight_shows_its_age_against_its_limit() {
    let api = shop().await;
    let list = page(&api, "/sagas?ended=false").await;
    assert!(list.contains("<meter"), "{list}");
    assert!(text(&list).contains("overdue by 37 min"), "{}", text(&list));
}

#[tokio::test]
async fn a_form_may_be_sent_with_empty_fields_and_keeps_what_is_in_force() {
    let api = shop().await;
    let list = page(
        &api,
        "/sagas?orderId=&sagaType=ORDER_CREATION&step=&stuck=true&toDate=",
    )
    .await;
    assert!(text(&list).contains("2 sagas"), "{}", text(&list));
    assert!(
        list.contains(r#"name="sagaType" value="ORDER_CREATION""#),
        "{list}"
    );
    assert!(
        list.contains(r#"type="hidden" name="stuck" value="true""#),
        "{list}"
    );
    assert!(text(&list).contains("time limit: overdue"), "{}", text(&list));
}

#[tokio::test]
async fn the_flow_shows_the_transitions_that_sagas_made() {
    let api = shop().await;
    let flow = page(&api, "/flow?period=hour").await;
    let said = text(&flow);
    for words in [
        "Flow of ORDER_CREATION",
        "Figures of all 13 sagas that started in the last hour.",
        "Start ORDER_CREATED",
        "ORDER_CREATED STOCK_RESERVED → continues 4 31 % 100 ms 100 ms",
        "STOCK_RESERVED PAYMENT_FAILED ✕ fails 4 31 % 200 ms 200 ms",
        "PAYMENT_FAILED STOCK_RELEASED ↺ compensates 3 23 %",
        "compensated by STOCK_RELEASED or COMPENSATION_STOCK",
    ] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    assert!(
        flow.contains("way failing") && flow.contains("way compensating"),
        "{flow}"
    );
    // A transition leads to its sagas.
    let links = flow.split(r#"<a class="step" href=""#).skip(1);
    let mut links = links.map(|link| link.split('"').next().unwrap().replace("&#38;", "&"));
    let link = links.find(|link| link.contains("&to=STOCK_RELEASED")).unwrap();
    let sagas = text(&page(&api, link.split('#').next().unwrap()).await);
    assert!(sagas.contains("From PAYMENT_FAILED to STOCK_RELEASED"), "{sagas}");
    for saga in ["undone-0", "undone-1", "undone-2"] {
        assert!(sagas.contains(saga), "{saga} in {sagas}");
    }
    assert!(!sagas.contains(" owing "), "{sagas}");
}

#[tokio::test]
async fn a_flow_of_nothing_says_so() {
    let api = Api::new().await;
    assert!(text(&page(&api, "/flow").await).contains("No saga of this type started"));
    assert!(text(&page(&api, "/flow?type=OWN").await).contains("Flow of OWN"));
    let refused = open(&api, "/flow?from=A").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_reason_that_is_hidden_is_on_no_page() {
    let api = Api::hiding(&["failureReason"]).await;
    api.record(declined("owing", ago(30 * MINUTE), false)).await;
    for path in ["/", "/sagas", "/flow?to=PAYMENT_FAILED&from=STOCK_RESERVED"] {
        let said = page(&api, path).await;
        assert!(!said.contains("CARD_DECLINED"), "{path}: {said}");
    }
    assert!(text(&page(&api, "/").await).contains("PAYMENT_FAILED ***"));
}

#[tokio::test]
async fn the_flow_says_of_each_step_what_it_follows_what_stands_for_it_and_whether_it_is_optional() {
    let api = Api::defined_by(&[PARCEL]).await;
    api.record([event("saga-1", "ORDERED", "STARTED", ago(MINUTE)).of_type("PARCEL")])
        .await;
    let page = page(&api, "/flow?type=PARCEL&period=hour").await;
    let said = text(&page);
    for what in [
        "✓ ORDERED 100 % · shop",
        "○ COURIER_BOOKED 0 % · carrier or POST_BOOKED",
        "○ WRAPPED 0 % · warehouse after PICKED, optional",
        "○ SENT 0 % · shop after WRAPPED and carrier",
    ] {
        assert!(said.contains(what), "{what:?} in {said}");
    }
}
