//! What letters are grouped and found by: their cause, what their bytes name, and words.

use saga_store::NewLetter;
use saga_types::avro::{self, Framing, SchemaVersion};
use serde_json::{Value, json};

use super::{LIST, letter, replay::replay};
use crate::{
    harness::{Api, event},
    pages::{page, text},
};

/// A letter whose bytes end too early.
fn cut(saga_id: &str, after_ms: u8, message: &str) -> NewLetter {
    let event = event(saga_id, "ORDER_CREATED", "STARTED", 0).with(json!({"cardNumber": "4711"}));
    let value = avro::encode(&event.0, SchemaVersion::V2, Framing::SingleObject).unwrap();
    let mut letter = letter(&value[..value.len() - 3], "TRUNCATED", after_ms);
    letter.letter.message = message.to_owned();
    letter.letter.producer = Some("order-service".to_owned());
    letter
}

#[tokio::test]
async fn of_broken_bytes_what_can_be_read_is_shown() {
    let api = Api::new().await;
    // The key is not the saga's id.
    let letters = vec![cut("saga-7", 1, "the bytes end within recordedAt")];
    api.store.keep_letters(letters).await.unwrap();
    let answer = api.json(LIST).await;
    let letter = &answer["content"][0];
    assert_eq!(letter["sagaId"], "saga-7");
    let partial = &letter["partial"];
    assert_eq!(partial["field"], "recordedAt");
    assert_eq!(partial["fault"], "the bytes end within recordedAt");
    assert_eq!(partial["schemaIsAssumed"], false);
    let fields = partial["fields"].as_array().unwrap();
    let names: Vec<&str> = fields
        .iter()
        .map(|field| field["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "eventId",
            "eventTimestamp",
            "sagaId",
            "sagaType",
            "step",
            "status",
            "orderId",
            "metadata"
        ]
    );
    assert_eq!(fields[6]["value"], "ORD-saga-7");
    assert!(partial["brokenAt"].as_u64() > fields[7]["offset"].as_u64());
    let page = page(&api, &format!("/dead-letters/{}", letter["id"])).await;
    for part in [
        r#"href="/sagas/saga-7""#,
        r#"href="/sagas?orderId=ORD-saga-7""#,
        "Broken at byte",
        "in recordedAt",
        "Fields that can be read",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let found = api.json(&format!("{LIST}?orderId=ORD-saga-7")).await;
    assert_eq!(found["content"].as_array().unwrap().len(), 1);
    let hiding = Api::hiding(&["card*"]).await;
    hiding
        .store
        .keep_letters(vec![cut("saga-7", 1, "x")])
        .await
        .unwrap();
    let answer = hiding.get(LIST).await;
    assert!(!answer.text.contains("4711"), "{}", answer.text);
    assert_eq!(answer.json()["content"][0]["partial"], Value::Null);
}

#[tokio::test]
async fn a_cause_leads_to_exactly_its_letters() {
    let api = Api::new().await;
    let letters = vec![
        cut("saga-1", 1, "the value has 12 bytes too few"),
        cut("saga-2", 2, "the value has 13 bytes too few"),
        cut("saga-3", 3, "the value is empty"),
    ];
    api.store.keep_letters(letters).await.unwrap();
    let causes = api.json("/internal/v1/dlt/causes").await;
    let mut shown = causes.clone();
    for cause in shown["causes"].as_array_mut().unwrap() {
        assert!(cause["cause"].is_string());
    }
    insta::assert_json_snapshot!("dead-letter-causes", shown);
    let name = causes["causes"][0]["cause"].as_str().unwrap();
    let listed = api.json(&format!("{LIST}?cause={name}&state=WAITING")).await;
    assert_eq!(listed["content"].as_array().unwrap().len(), 2);
    let list = page(&api, "/dead-letters").await;
    assert!(
        list.contains(&format!(r#"href="/dead-letters?cause={name}&#38;state=WAITING""#)),
        "{list}"
    );
    let of_cause = page(&api, &format!("/dead-letters?cause={name}")).await;
    assert!(
        text(&of_cause).contains("cause: TRUNCATED the value has &#60;n&#62; bytes too few"),
        "{of_cause}"
    );
    let tried = replay(&api, json!({"filter": {"cause": name}})).await;
    assert_eq!((&tried["requested"], &tried["failed"]), (&json!(2), &json!(2)));
    let outcomes = tried["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), 1, "{tried}");
    assert_eq!(
        (&outcomes[0]["status"], &outcomes[0]["letters"]),
        (&json!("FAILED"), &json!(2))
    );
    let causes = api.json("/internal/v1/dlt/causes").await;
    assert_eq!(causes["causes"][0]["failedAgain"], 2);
    assert!(text(&page(&api, "/dead-letters").await).contains("2 failed again"));
}

#[tokio::test]
async fn letters_are_searched_by_words_unless_something_is_hidden() {
    let api = Api::new().await;
    let letters = vec![
        cut("saga-1", 1, "card declined"),
        cut("saga-2", 2, "card expired"),
    ];
    api.store.keep_letters(letters.clone()).await.unwrap();
    for (query, found) in [
        ("card", 2),
        ("card%20decl", 1),
        ("ord-saga-2", 1),
        ("saga", 2),
        ("nothing", 0),
    ] {
        let answer = api.json(&format!("{LIST}?q={query}")).await;
        assert_eq!(answer["content"].as_array().unwrap().len(), found, "{query}");
    }
    for bad in ["ab", "'!'"] {
        let details = api.refused(&format!("{LIST}?q={bad}")).await;
        assert!(details["q"].is_string(), "{details}");
    }
    let hiding = Api::hiding(&["card*"]).await;
    hiding.store.keep_letters(letters).await.unwrap();
    hiding.refused(&format!("{LIST}.ndjson?q=card")).await;
    let details = hiding.refused(&format!("{LIST}?q=card")).await;
    assert!(details["q"].as_str().unwrap().contains("redaction"), "{details}");
    // What stands where broken bytes have the order may be what is hidden.
    let whole = event("saga-3", "ORDER_CREATED", "STARTED", 0);
    let value = avro::encode(&whole.0, SchemaVersion::V2, Framing::SingleObject).unwrap();
    let whole = letter(&value, "STORE_REFUSED", 3);
    for api in [&api, &hiding] {
        api.store.keep_letters(vec![whole.clone()]).await.unwrap();
    }
    for (order, found, found_hiding) in [("ORD-saga-1", 1, 0), ("ORD-saga-3", 1, 1)] {
        let path = format!("{LIST}?orderId={order}");
        for (api, found) in [(&api, found), (&hiding, found_hiding)] {
            let answer = api.json(&path).await;
            assert_eq!(answer["content"].as_array().unwrap().len(), found, "{order}");
        }
        let groups = hiding.json(&path.replace("/dlt", "/dlt/groups")).await;
        assert_eq!(groups["waiting"], found_hiding, "{order}");
    }
    // Nor by the count of a replay.
    let tried = replay(&hiding, json!({"filter": {"q": "card"}, "dryRun": true})).await;
    assert_eq!(tried["requested"], 0);
    let causes = hiding.json("/internal/v1/dlt/causes").await;
    assert_eq!(causes["causes"][0]["message"], Value::Null);
}
