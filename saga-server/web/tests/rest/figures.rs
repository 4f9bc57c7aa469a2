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
    let whole = page(&api, "/?period=1h").await;
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
    let needs_action = whole.split(r#"aria-labelledby="counts""#).next().unwrap();
    let groups: Vec<String> = needs_action
        .split(r#"<a class="step" href=""#)
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
    let failures = whole.split(r#"aria-labelledby="failures""#).nth(1).unwrap();
    let link = failures.split(r#"class="step" href=""#).nth(1).unwrap();
    let link = link.split('"').next().unwrap().replace("&#38;", "&");
    assert!(link.contains("failureGroup=PAYMENT_FAILED"), "{link}");
    assert!(text(&page(&api, &link).await).contains("4 sagas"));
}

#[tokio::test]
async fn a_period_is_chosen_in_the_address() {
    let api = shop().await;
    api.record(completed("yesterday", ago(20 * 60 * MINUTE))).await;
    for (period, started) in [("1h", "13"), ("24h", "14"), ("7d", "14"), ("30d", "14")] {
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
            .split(r#"data-label="Saga" class="saga">"#)
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
async fn the_flow_shows_how_many_sagas_reached_each_step_and_where_they_left_the_path() {
    let api = shop().await;
    let flow = page(&api, "/flow?period=1h").await;
    let said = text(&flow);
    for words in [
        "Flow of ORDER_CREATION 13 sagas · 31 % fail at PAYMENT_FAILED",
        // Reached by, median and p95 of the wait, and what is overdue.
        "ORDER_CREATED order-service 100 % – –",
        "STOCK_RESERVATION product-service 0 % – – 2 overdue",
        "STOCK_RESERVED product-service 31 % 100 ms 100 ms ✕ fails: PAYMENT_FAILED 31 %",
        "Off the path",
        "fails: PAYMENT_FAILED 31 % 200 ms 200 ms from STOCK_RESERVED",
        "compensates: STOCK_RELEASED 23 % 600 ms 600 ms from PAYMENT_FAILED",
        // The table of transitions.
        "Start ORDER_CREATED",
        "ORDER_CREATED STOCK_RESERVED → continues 4 31 % 100 ms 100 ms",
    ] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    // A transition leads to its sagas.
    let sagas = text(&page(&api, &link(&flow, "&to=STOCK_RELEASED")).await);
    assert!(sagas.contains("From PAYMENT_FAILED to STOCK_RELEASED"), "{sagas}");
    for saga in ["undone-0", "undone-1", "undone-2"] {
        assert!(sagas.contains(saga), "{saga} in {sagas}");
    }
    assert!(!sagas.contains(" owing "), "{sagas}");
    // What is overdue leads to exactly these.
    let overdue = text(&page(&api, &link(&flow, "awaits=STOCK_RESERVATION")).await);
    assert!(overdue.contains("2 sagas"), "{overdue}");
}

/// The first link whose address contains a text, without its fragment.
fn link(page: &str, part: &str) -> String {
    let links = page.split(r#"href=""#).skip(1);
    let mut links = links.map(|link| link.split('"').next().unwrap().replace("&#38;", "&"));
    let found = links.find(|link| link.contains(part));
    let found = found.unwrap_or_else(|| panic!("{part} in {page}"));
    found.split('#').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_panel_of_a_step_has_waits_reasons_and_the_longest_waits() {
    let api = shop().await;
    let flow = page(&api, "/flow?period=1h").await;
    let said = text(&page(&api, &link(&flow, "step=PAYMENT_FAILED")).await);
    for words in [
        "reached by 4 of 13 sagas (31 %)",
        "wait: median 200 ms, p95 200 ms, p99 200 ms",
        "Before it ✕ fails: STOCK_RESERVED 31 % median 200 ms",
        "After it ↺ compensates: STOCK_RELEASED 23 %",
        "≤ 256 ms 4",
        "Reasons Reason Sagas Share CARD_DECLINED 4 100 %",
        "Longest waits owing 200 ms",
        "All sagas that failed at PAYMENT_FAILED",
    ] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    let unreached = text(&page(&api, "/flow?period=1h&step=NOWHERE").await);
    assert!(!unreached.contains("Longest waits"), "{unreached}");
}

#[tokio::test]
async fn the_steps_are_sorted_and_the_map_is_the_same_flow() {
    let api = shop().await;
    let order = |said: &str, one: &str, other: &str| said.find(one).unwrap() < said.find(other).unwrap();
    let steps = async |query: &str| {
        let page = page(&api, &format!("/flow?period=1h{query}")).await;
        let table = page.split("flow-steps").nth(1).unwrap();
        text(table.split("</table>").next().unwrap())
    };
    let slowest = steps("&sort=slowest").await;
    assert!(
        order(&slowest, "STOCK_RELEASED 23 %", "PAYMENT_FAILED 31 %"),
        "{slowest}"
    );
    assert!(!slowest.contains("Off the path"), "{slowest}");
    let failing = steps("&sort=failing").await;
    assert!(
        order(&failing, "STOCK_RESERVED product", "ORDER_CREATED order"),
        "{failing}"
    );
    let map = page(&api, "/flow?period=1h&view=map&least=0").await;
    for part in [
        "edge failing",
        "edge compensating",
        "class=\"fitted\"",
        "Size of the map",
    ] {
        assert!(map.contains(part), "{part} in {map}");
    }
    for wrong in ["sort=name", "view=3d", "zoom=49", "least=51", "step=", "from=A"] {
        let refused = open(&api, &format!("/flow?{wrong}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn an_empty_flow_is_reported_as_empty() {
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
    let page = page(&api, "/flow?type=PARCEL&period=1h").await;
    let said = text(&page);
    for what in [
        "ORDERED shop 100 %",
        "COURIER_BOOKED or POST_BOOKED carrier 0 %",
        "WRAPPED after PICKED, optional warehouse 0 %",
        "SENT after WRAPPED and carrier shop 0 %",
    ] {
        assert!(said.contains(what), "{what:?} in {said}");
    }
}

#[tokio::test]
async fn a_period_that_makes_no_sense_is_named() {
    let api = Api::new().await;
    for (query, wrong) in [
        ("period=hour", "period must be a number with m, h or d"),
        ("period=1h&toDate=2026-01-01", "period cannot be used together"),
        ("fromDate=2999-01-01", "fromDate is in the future"),
        (
            "fromDate=2020-01-01",
            "fromDate must be at most 366 days before toDate",
        ),
        (
            "fromDate=2026-01-02&toDate=2026-01-01",
            "fromDate must not be after toDate",
        ),
        ("toDate=tomorrow", "must be an RFC 3339 time"),
        ("compare=year", "compare must be one of previous, day, week, none"),
    ] {
        for path in ["/", "/flow", "/services/order-service"] {
            let refused = open(&api, &format!("{path}?{query}")).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path} {query}");
            assert!(text(&refused.text).contains(wrong), "{wrong}: {}", refused.text);
        }
    }
}

#[tokio::test]
async fn a_period_is_compared_with_another_one_and_can_be_shared() {
    let api = shop().await;
    for place in 0..4 {
        api.record(completed(&format!("before-{place}"), ago(MINUTE * (70 + place))))
            .await;
    }
    let hour = page(&api, "/?period=1h").await;
    assert!(text(&hour).contains("13 sagas started, by current status 4 in the period before"));
    assert!(text(&hour).contains("What changed against the period before"));
    let alone = text(&page(&api, "/?period=1h&compare=none").await);
    assert!(
        !alone.contains("What changed") && !alone.contains("in the period before"),
        "{alone}"
    );
    // The copied link has both times, and shows the same.
    let fixed = hour.split("copy-link").nth(1).unwrap();
    let fixed = fixed
        .split(r#"href=""#)
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let fixed = fixed.replace("&#38;", "&");
    assert!(
        fixed.contains("fromDate=") && fixed.contains("toDate="),
        "{fixed}"
    );
    assert!(text(&page(&api, &fixed).await).contains("13 sagas started"));
    // Lists take the same.
    let list = page(&api, "/sagas?period=1h").await;
    assert!(text(&list).contains("13 sagas"), "{}", text(&list));
    assert!(list.contains(r#"aria-current="page">1 h<"#), "{list}");
}

#[tokio::test]
async fn a_service_has_a_page_with_what_it_owes_and_how_its_steps_went() {
    let api = shop().await;
    let said = text(&page(&api, "/services/product-service?period=1h").await);
    for words in [
        "2 Overdue STOCK_RESERVATION ORDER_CREATION",
        "1 Compensation pending STOCK_RESERVED ORDER_CREATION",
        "STOCK_RESERVED ORDER_CREATION 4 31 %",
        "No saga that started in the last hour failed at one of its steps.",
    ] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    assert_eq!(open(&api, "/services/nobody").await.status, StatusCode::NOT_FOUND);
    let long = "x".repeat(101);
    for wrong in [long.as_str(), "a%0Ab"] {
        let refused = open(&api, &format!("/services/{wrong}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}
