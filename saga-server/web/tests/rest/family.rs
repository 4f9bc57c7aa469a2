//! What a saga is a part of, and its parts: REST and the page.

use serde_json::{Value, json};

use crate::{
    harness::{Api, Event, event},
    pages::{page, text},
};

/// A saga that began and is a part of another one.
fn part(saga: &str, parent: &str, at: i64) -> Event {
    event(saga, "ORDER_CREATED", "STARTED", at).with(json!({"parentSagaId": parent}))
}

fn failed(saga: &str, at: i64) -> Event {
    event(saga, "PAYMENT_FAILED", "FAILED", at)
}

async fn family(api: &Api, saga: &str) -> Value {
    api.json(&format!("/api/v1/sagas/{saga}")).await["family"].clone()
}

fn ids(list: &Value) -> Vec<&str> {
    let ids = list
        .as_array()
        .unwrap()
        .iter()
        .map(|saga| saga["sagaId"].as_str().unwrap());
    ids.collect()
}

#[tokio::test]
async fn a_saga_names_its_parents_and_its_children_with_their_states() {
    let api = Api::new().await;
    api.record([event("whole", "ORDER_CREATED", "STARTED", 0)]).await;
    api.record([
        part("part", "whole", 1),
        part("other", "whole", 2),
        part("detail", "part", 3),
    ])
    .await;
    api.record([failed("part", 4)]).await;
    let whole = family(&api, "whole").await;
    assert_eq!(
        (ids(&whole["children"]), &whole["ancestors"]),
        (vec!["other", "part"], &json!([]))
    );
    assert_eq!(
        (&whole["childrenTotal"], &whole["childrenFailed"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(whole["ancestorsEnd"], "ROOT");
    assert_eq!(whole["children"][1]["currentStatus"], "FAILED");
    let detail = family(&api, "detail").await;
    assert_eq!(ids(&detail["ancestors"]), ["part", "whole"]);
    let as_of = api.json("/api/v1/sagas/whole?asOf=2030-01-01").await;
    assert_eq!(as_of["family"], Value::Null);
    let children = api.json("/api/v1/sagas?parentSagaId=whole").await;
    assert_eq!(ids(&children["content"]), ["other", "part"]);
}

#[tokio::test]
async fn the_page_says_that_children_failed_and_links_parents_and_children() {
    let api = Api::new().await;
    api.record([event("whole", "ORDER_CREATED", "STARTED", 0)]).await;
    api.record([
        part("part", "whole", 1),
        failed("part", 2),
        part("other", "whole", 3),
    ])
    .await;
    let whole = page(&api, "/sagas/whole").await;
    assert!(
        whole.contains(r##"<a class="chip late" href="#related">1 of 2 children failed</a>"##),
        "{whole}"
    );
    assert!(
        whole.contains(r#"href="/sagas?parentSagaId=whole&#38;status=FAILED""#),
        "{whole}"
    );
    let said = text(&whole);
    assert!(said.contains("2 children: 1 of 2 children failed ."), "{said}");
    assert!(
        whole.contains(r#"href="/sagas/part""#) && whole.contains(r#"href="/sagas/other""#),
        "{whole}"
    );
    let part = page(&api, "/sagas/part").await;
    let said = text(&part);
    assert!(said.contains("Parent ○ Started ORDER_CREATION whole"), "{said}");
    let alone = page(&api, "/sagas/other").await;
    assert!(!alone.contains("children failed"), "{alone}");
}

#[tokio::test]
async fn loops_and_missing_parents_are_shown_as_what_they_are() {
    let api = Api::new().await;
    api.record([
        part("a", "b", 0),
        part("b", "c", 1),
        part("c", "b", 2),
        part("own", "own", 3),
        part("orphan", "gone", 4),
    ])
    .await;
    let of = async |saga: &str| {
        let family = family(&api, saga).await;
        let ancestors = ids(&family["ancestors"]).join(" ");
        (
            ancestors,
            family["ancestorsEnd"].clone(),
            family["ancestorsEndAt"].clone(),
        )
    };
    assert_eq!(of("a").await, ("b c".to_owned(), json!("LOOP"), json!("b")));
    assert_eq!(of("own").await, (String::new(), json!("LOOP"), json!("own")));
    assert_eq!(
        of("orphan").await,
        (String::new(), json!("MISSING"), json!("gone"))
    );
    let page_of_loop = text(&page(&api, "/sagas/own").await);
    assert!(
        page_of_loop.contains("The parents form a loop: own is above itself."),
        "{page_of_loop}"
    );
    let orphan = text(&page(&api, "/sagas/orphan").await);
    assert!(
        orphan.contains("gone is neither in the database nor in the archive"),
        "{orphan}"
    );
}

#[tokio::test]
async fn the_way_up_and_the_children_are_bounded() {
    let api = Api::new().await;
    let chain = (1..=12).map(|level| part(&format!("level-{level}"), &format!("level-{}", level - 1), level));
    api.record(chain).await;
    let children = (0..30).map(|number| part(&format!("child-{number}"), "level-12", 100 + number));
    api.record(children).await;
    let family = family(&api, "level-12").await;
    assert_eq!(family["ancestors"].as_array().unwrap().len(), 10);
    assert_eq!(
        (&family["ancestorsEnd"], &family["ancestorsEndAt"]),
        (&json!("MORE"), &json!("level-1"))
    );
    assert_eq!(family["children"].as_array().unwrap().len(), 20);
    assert_eq!(family["childrenTotal"], 30);
    let page = page(&api, "/sagas/level-12").await;
    assert!(
        page.contains(r#"<a href="/sagas?parentSagaId=level-12">View all</a>"#),
        "{page}"
    );
}
