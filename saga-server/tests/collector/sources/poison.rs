//! Records that are wrong: dead letters with words, which hold up nothing.

use saga_gateway::source::SourceFormat;
use saga_types::topic::dead_letter_headers as headers;
use serde_json::json;

use super::{RULES, Sources, is_refused_order, send, send_with, wait_for_outcome};
use crate::support::{
    DeadLetter,
    process::{ServerProcess, free_port},
};

const PLACED: &str = r#"{"type":"OrderPlaced","order":"good-1","total":1}"#;
const REFUSED: &str = r#"{"type":"PaymentRefused","order":"good-1","reason":"no funds"}"#;

/// What is wrong, with the kind of its dead letter, and a word of its reason.
const WRONG: [(&str, &str, &str); 6] = [
    ("", "NOT_THE_FORMAT", "empty"),
    ("no json", "NOT_THE_FORMAT", "not a JSON object"),
    ("[]", "NOT_THE_FORMAT", "not a JSON object"),
    (r#"{"type":"OrderPlaced""#, "NOT_THE_FORMAT", "not a JSON object"),
    (
        r#"{"type":"OrderPlaced"}"#,
        "REFUSED_BY_MAPPING",
        "sagaId is missing",
    ),
    (
        r#"{"type":"OrderPlaced","order":"\u0000"}"#,
        "REFUSED_BY_MAPPING",
        "sagaId",
    ),
];

/// Wrong records, between two that are right.
async fn with_wrong_records(sources: &mut Sources) -> String {
    let rules = RULES.replace("DOC", "event");
    let producer = sources.add("orders", SourceFormat::Json, &rules).await;
    send(&producer, "good-1", PLACED);
    for (value, ..) in WRONG {
        send_with(&producer, "wrong", Some(value), &[("mark", "kept")]);
    }
    let long = format!(
        r#"{{"type":"OrderPlaced","order":"long","text":"{}"}}"#,
        "x".repeat(70_000)
    );
    send(&producer, "wrong", &long);
    producer.send_raw(None, b"\xff\xfe");
    send_with(&producer, "good-1", None, &[]);
    send(&producer, "good-1", REFUSED);
    producer.flush();
    producer.topic().to_owned()
}

fn are_as_expected(letters: &[DeadLetter], topic: &str, group: &str) {
    assert_eq!(letters.len(), WRONG.len() + 2);
    for (value, kind, word) in WRONG {
        let letter = letters
            .iter()
            .find(|letter| letter.value.as_deref() == Some(value.as_bytes()))
            .unwrap();
        assert_eq!(
            letter.text(headers::EXCEPTION_FQCN),
            format!("saga.tracker.{kind}"),
            "{value}"
        );
        let reason = letter.text(headers::EXCEPTION_MESSAGE);
        assert!(reason.contains(word), "{value}: {reason}");
        assert_eq!(letter.text(headers::ORIGINAL_TOPIC), topic);
        assert_eq!(letter.text(headers::ORIGINAL_CONSUMER_GROUP), group);
        assert_eq!(letter.text("mark"), "kept");
        assert_eq!(letter.header(headers::ORIGINAL_OFFSET).len(), 8);
    }
    let long = letters
        .iter()
        .find(|letter| letter.value.as_ref().is_some_and(|value| value.len() > 70_000));
    let reason = long.unwrap().text(headers::EXCEPTION_MESSAGE);
    assert!(reason.contains("a mapping takes at most 65536"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_records_are_dead_letters_with_their_origin_and_hold_up_nothing() {
    let mut sources = Sources::new().await;
    let server_sources = with_wrong_records(&mut sources).await;
    let server = sources.start().await;
    is_refused_order(&server.rest, "good-1").await;
    wait_for_outcome(&server.rest, "orders", "dead_letter", WRONG.len() + 2).await;
    wait_for_outcome(&server.rest, "orders", "ignored", 1).await;
    wait_for_outcome(&server.rest, "orders", "mapped", 2).await;
    let letters = sources.harness.dead_letters(WRONG.len() + 2).await;
    are_as_expected(&letters, &server_sources, &sources.config.sources[0].group);

    // They are in the list of dead letters as those of ingest are.
    let listed = server
        .rest
        .wait_for("/internal/v1/dlt?size=50", "all are listed", |_, page| {
            let letters = page["content"].as_array();
            letters.is_some_and(|letters| letters.len() == WRONG.len() + 2)
        })
        .await;
    assert!(listed.to_string().contains(&server_sources), "{listed}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_alone_reads_sources_and_writes_dead_letters_to_their_topic() {
    let mut sources = Sources::new().await;
    let topic = with_wrong_records(&mut sources).await;
    let variables = sources.variables();
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let mut gateway = ServerProcess::gateway_with(
        &sources.harness,
        free_port(),
        &variables,
        std::process::Stdio::inherit(),
    );
    wait_for_outcome(&gateway.rest, "orders", "dead_letter", WRONG.len() + 2).await;
    wait_for_outcome(&gateway.rest, "orders", "mapped", 2).await;
    let letters = sources.harness.dead_letters(WRONG.len() + 2).await;
    are_as_expected(&letters, &topic, &sources.config.sources[0].group);
    assert_eq!(sources.harness.records(&sources.harness.topic, 2).await.len(), 2);
    assert_eq!(gateway.terminate(), Some(0));

    // A collector without sources stores what it wrote.
    sources.config.sources.clear();
    let server = sources.start().await;
    is_refused_order(&server.rest, "good-1").await;
    assert_eq!(server.rest.get("/health").await.1.get("sources"), None);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_known_with_other_content_is_a_dead_letter_of_ingest() {
    let mut sources = Sources::new().await;
    let rules = RULES
        .replace("DOC", "event")
        .replace("defaults:", "defaults:\n  eventId: event.id");
    let producer = sources.add("orders", SourceFormat::Json, &rules).await;
    let server = sources.start().await;
    for total in [1, 1, 2] {
        let value = json!({"id": "e-1", "type": "OrderPlaced", "order": "good-1", "total": total, "at": 7});
        send(&producer, "good-1", &value.to_string());
        producer.flush();
        server.rest.saga_with_steps("good-1", 1).await;
    }
    let letters = sources.harness.dead_letters(1).await;
    let kinds: Vec<_> = letters
        .iter()
        .map(|letter| letter.text(headers::EXCEPTION_FQCN))
        .collect();
    assert!(
        kinds.iter().all(|kind| *kind == "saga.tracker.CONFLICTING_EVENT"),
        "{kinds:?}"
    );
    server.stop().await;
}
