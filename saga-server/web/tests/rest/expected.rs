//! What other sagas say of one: `expected` of one saga and of `/api/v1/attention`, and what is usual on its page.

use saga_types::Timestamp;
use serde_json::{Value, json};

use crate::{
    harness::{Api, BEGIN, Event, event},
    pages::{page, text},
    saga_page::rows,
};

const PARCEL: &str = "sagaType: PARCEL
startsWith: [ORDERED]
forward:
  - { step: ORDERED, service: shop }
  - { step: PACKED, service: warehouse }
  - { step: SENT, service: carrier }
completesWith: [SENT]
";

fn of_parcel(saga_id: &str, step: &str, status: &str, after_ms: i64) -> Event {
    event(saga_id, step, status, after_ms).of_type("PARCEL")
}

/// So many that were packed after a second and sent half a second later, one a second.
async fn parcels(api: &Api, name: &str, from: i64, count: i64) {
    let events = (0..count).flat_map(|number| {
        let (saga_id, at) = (format!("{name}-{number}"), from + number * 1_000);
        [
            of_parcel(&saga_id, "ORDERED", "STARTED", at),
            of_parcel(&saga_id, "PACKED", "IN_PROGRESS", at + 1_000 + number),
            of_parcel(&saga_id, "SENT", "COMPLETED", at + 1_500 + number),
        ]
    });
    api.record(events.collect::<Vec<_>>()).await;
}

fn moment(after_ms: i64) -> String {
    Timestamp::from_millis(BEGIN + after_ms).unwrap().to_string()
}

fn by(service: &str, event: Event) -> Event {
    event.with(json!({ "producerService": service }))
}

/// When a saga will probably be done, as its page says.
fn outlook(page: &str) -> String {
    let (_, outlook) = page.split_once(r#"<p class="quiet" id="outlook">"#).unwrap();
    outlook.split_once("</p>").unwrap().0.to_owned()
}

#[tokio::test]
async fn the_page_of_a_saga_shows_what_is_usual_beside_each_wait() {
    let api = Api::defined_by(&[PARCEL]).await;
    let now = Timestamp::now().as_millis() - BEGIN;
    let at = now - 60_000;
    api.record([
        by("shop", of_parcel("slow", "ORDERED", "STARTED", at)),
        by(
            "warehouse",
            of_parcel("slow", "PACKED", "IN_PROGRESS", at + 1_200),
        ),
        by(
            "warehouse",
            of_parcel("slow", "WRAPPED", "IN_PROGRESS", at + 8_200),
        ),
        by("carrier", of_parcel("slow", "SENT", "COMPLETED", at + 48_200)),
    ])
    .await;
    let unknown = page(&api, "/sagas/slow").await;
    assert!(
        !unknown.contains("Usual</th>") && !unknown.contains("▲") && !unknown.contains("usually"),
        "{unknown}"
    );
    assert_eq!(rows(&unknown)[3], "SENT carrier 40 s");
    let beside = text(&page(&api, "/sagas/slow?against=usual").await);
    assert!(
        beside.contains("Not known: fewer than 200 waits of this type"),
        "{beside}"
    );
    parcels(&api, "before", now - 600_000, 300).await;
    api.store.learn_usual(Timestamp::now()).await.unwrap();
    let slow = page(&api, "/sagas/slow").await;
    assert_eq!(
        rows(&slow),
        [
            "ORDERED shop",
            "PACKED warehouse 1.2 s usually 1.1 s",
            "WRAPPED warehouse 7 s –",
            "SENT carrier 40 s ▲ longer than usual usually 500 ms",
        ]
    );
    let said = text(&slow);
    assert!(
        said.contains("went into one wait: SENT 40 s ( carrier , usually 500 ms)"),
        "{said}"
    );
    for title in [
        "median of 301 waits in 7 days, p95 500 ms",
        "not known: fewer than 200 waits in 7 days",
    ] {
        assert!(slow.contains(&format!(r#"title="{title}""#)), "{title}");
    }
    assert!(
        !slow.contains(" style=") && !slow.contains(r#"id="outlook""#),
        "{slow}"
    );
    let usual = text(&page(&api, "/sagas/slow?against=usual").await);
    for part in [
        "Compared with what is usual of PARCEL median waits of the last 7 days",
        "Greatest differences: SENT +",
        "In each pair this saga is above, what is usual below.",
    ] {
        assert!(usual.contains(part), "{part} in {usual}");
    }
    let normal = page(&api, "/sagas/before-0").await;
    assert_eq!(rows(&normal)[2], "SENT unknown service 500 ms usually 500 ms");
    assert!(!normal.contains("▲"), "{normal}");
}

#[tokio::test]
async fn the_page_of_a_saga_that_goes_on_says_when_it_will_probably_be_done_and_by_what_it_gets_overdue() {
    let api = Api::defined_by(&[PARCEL]).await;
    let now = Timestamp::now().as_millis() - BEGIN;
    api.record([of_parcel("open", "ORDERED", "STARTED", now)]).await;
    let unknown = page(&api, "/sagas/open").await;
    assert!(!unknown.contains(r#"id="outlook""#), "{unknown}");
    let events = (0..300).flat_map(|number| {
        let (saga_id, at) = (format!("before-{number}"), now - 7_200_000 + number);
        [
            of_parcel(&saga_id, "ORDERED", "STARTED", at),
            of_parcel(&saga_id, "PACKED", "IN_PROGRESS", at + 600_000),
            of_parcel(&saga_id, "SENT", "COMPLETED", at + 900_000 + number * 1_000),
        ]
    });
    api.record(events.collect::<Vec<_>>()).await;
    api.store.learn_usual(Timestamp::now()).await.unwrap();
    let open = page(&api, "/sagas/open").await;
    let outlook_of_open = outlook(&open);
    // Half of them ended within 1,049 s, 90 of 100 within 1,169 s; none waits for more than 3.816 times 600 s.
    let places = [1_049_000, 1_169_000, 2_289_600].map(|after| outlook_of_open.find(&moment(now + after)));
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{outlook_of_open}"
    );
    let said = text(&outlook_of_open);
    for part in [
        "Probably done in ",
        "(p50) or in ",
        "(p90), as other sagas of the type that waited as long.",
        "Counts as overdue in ",
        "by what is usual for PACKED , if other sagas go on meanwhile.",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(rows(&open)[1].ends_with("usually 10 min"), "{:?}", rows(&open));
    api.record([event("limited", "ORDER_CREATED", "STARTED", now)])
        .await;
    let limited = text(&outlook(&page(&api, "/sagas/limited").await));
    assert!(
        limited.starts_with("Counts as overdue in ")
            && limited.contains("by the limit for STOCK_RESERVATION"),
        "{limited}"
    );
}

#[tokio::test]
async fn an_outage_in_which_no_saga_goes_on_is_reported_as_a_standstill() {
    let api = Api::defined_by(&[PARCEL]).await;
    let now = Timestamp::now().as_millis() - BEGIN;
    parcels(&api, "before", now - 3_600_000, 300).await;
    api.store.learn_usual(Timestamp::now()).await.unwrap();
    let held = (0..6).map(|number| {
        of_parcel(
            &format!("held-{number}"),
            "ORDERED",
            "STARTED",
            now - 600_000 + number,
        )
    });
    api.record(held.collect::<Vec<_>>()).await;
    api.store.mark_unusual(Timestamp::now()).await.unwrap();
    let attention = api.json("/api/v1/attention").await;
    assert_eq!(attention["stuck"]["total"], 0);
    let standstill = &attention["standstills"][0];
    assert_eq!(
        (
            &standstill["step"],
            &standstill["owner"],
            &standstill["sagas"],
            &standstill["since"]
        ),
        (
            &json!("PACKED"),
            &json!("warehouse"),
            &json!(6),
            &json!(moment(now - 600_000))
        )
    );
    assert_eq!(standstill["othersP50Ms"], Value::Null);
    let list = standstill["page"].as_str().unwrap();
    let listed = api.json(&format!("/api/v1{list}")).await;
    assert_eq!(listed["page"]["totalElements"], 6, "{listed}");
    for (filter, count) in [("", 1), ("?acknowledged=false", 1), ("?acknowledged=true", 0)] {
        let file = api.get(&format!("/api/v1/attention.ndjson{filter}")).await.text;
        let lines: Vec<Value> = file
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), count, "{file}");
        for line in lines {
            assert_eq!((&line["kind"], &line["sagas"]), (&json!("STANDSTILL"), &json!(6)));
            assert_eq!(line["page"], standstill["page"]);
        }
    }
    let overview = page(&api, "/").await;
    let said = text(&overview);
    for part in [
        "Standstills",
        "6 PARCEL wait for PACKED of warehouse",
        "fewer than 20 that came later have gone on",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!said.contains("All clear"), "{said}");
}

#[tokio::test]
async fn a_saga_that_goes_on_says_what_is_usual_and_when_it_will_have_ended() {
    let api = Api::defined_by(&[PARCEL]).await;
    let now = Timestamp::now().as_millis() - BEGIN;
    api.record([of_parcel("open", "ORDERED", "STARTED", now)]).await;
    let expected = api.json("/api/v1/sagas/open").await["expected"].clone();
    assert_eq!(
        expected,
        json!({"waits": [{"step": "PACKED", "after": "ORDERED", "usual": null}], "end": null, "stuck": null})
    );
    parcels(&api, "before", now - 600_000, 300).await;
    api.store.learn_usual(Timestamp::now()).await.unwrap();
    let expected = api.json("/api/v1/sagas/open").await["expected"].clone();
    assert_eq!(
        expected["waits"][0]["usual"],
        json!({"observations": 300, "p50Ms": 1149, "p95Ms": 1284, "p999Ms": 1299, "neverMs": 10_000})
    );
    let ended = api.json("/api/v1/sagas/before-0").await;
    assert_eq!(ended["expected"], Value::Null);
    let as_of = api.json("/api/v1/sagas/open?asOf=2199-01-01").await;
    assert_eq!(as_of["expected"], Value::Null);
}

#[tokio::test]
async fn a_stuck_saga_says_by_what_it_is_stuck() {
    let api = Api::defined_by(&[PARCEL]).await;
    let now = Timestamp::now().as_millis() - BEGIN;
    parcels(&api, "before", now - 1_200_000, 300).await;
    api.store.learn_usual(Timestamp::now()).await.unwrap();
    api.record([of_parcel("stalled", "ORDERED", "STARTED", now - 600_000)])
        .await;
    api.record([event("late", "ORDER_CREATED", "STARTED", now - 600_000)])
        .await;
    parcels(&api, "later", now - 599_000, 30).await;
    api.store.mark_unusual(Timestamp::now()).await.unwrap();
    for (saga_id, by, since, words) in [
        ("stalled", "USUAL", now - 590_000, "by what is usual."),
        (
            "late",
            "LIMIT",
            now - 600_000 + 180_000,
            "by the limit for STOCK_RESERVATION.",
        ),
    ] {
        let saga = api.json(&format!("/api/v1/sagas/{saga_id}")).await;
        let stuck = json!({"by": by, "since": moment(since)});
        assert_eq!(saga["expected"]["stuck"], stuck, "{saga_id}");
        let attention = api.json("/api/v1/attention").await;
        let sagas = attention["stuck"]["sagas"].as_array().unwrap();
        let entry = sagas.iter().find(|entry| entry["sagaId"] == saga_id).unwrap();
        assert_eq!(entry["expected"]["stuck"], stuck, "{saga_id}");
        assert!(entry["lateMs"].as_i64().unwrap() > 0);
        let outlook = outlook(&page(&api, &format!("/sagas/{saga_id}")).await);
        assert!(outlook.contains(&moment(since)), "{outlook}");
        let said = text(&outlook);
        assert!(
            said.starts_with("Became overdue ") && said.replace(" .", ".").ends_with(words),
            "{said}"
        );
    }
    assert_eq!(
        api.ids("/api/v1/sagas?stuck=true&sort=due").await,
        ["stalled", "late"]
    );
}

#[tokio::test]
async fn a_saga_of_a_type_without_a_definition_is_stuck_by_what_is_usual() {
    let api = Api::defined_by(&[]).await;
    let now = Timestamp::now().as_millis() - BEGIN;
    parcels(&api, "before", now - 1_200_000, 300).await;
    api.store.learn_usual(Timestamp::now()).await.unwrap();
    api.record([of_parcel("stalled", "ORDERED", "STARTED", now - 600_000)])
        .await;
    parcels(&api, "later", now - 599_000, 30).await;
    api.store.mark_unusual(Timestamp::now()).await.unwrap();
    let stuck = json!({"by": "USUAL", "since": moment(now - 590_000)});
    let saga = api.json("/api/v1/sagas/stalled").await;
    assert_eq!(saga["expected"]["stuck"], stuck, "{saga}");
    let attention = api.json("/api/v1/attention").await;
    assert_eq!(attention["stuck"]["total"], 1);
    assert_eq!(attention["stuck"]["sagas"][0]["expected"]["stuck"], stuck);
    let group = &attention["stuck"]["groups"][0];
    assert_eq!((&group["step"], &group["sagas"]), (&json!("PACKED"), &json!(1)));
    let list = group["page"].as_str().unwrap();
    let listed = api.json(&format!("/api/v1{list}")).await;
    assert_eq!(listed["page"]["totalElements"], 1, "{listed}");
    let said = text(&outlook(&page(&api, "/sagas/stalled").await));
    assert!(
        said.starts_with("Became overdue ") && said.replace(" .", ".").ends_with("by what is usual."),
        "{said}"
    );
}
