//! Dead letters of sources, replayed: what the mapping of today makes of their records.

use std::{collections::BTreeSet, fs, process::Command};

use saga_gateway::source::SourceFormat;
use serde_json::{Value, json};

use super::{RULES, Sources, is_refused_order, send, send_with, wait_for_outcome};
use crate::support::running::Running;

const REPLAY: &str = "/internal/v1/sagas/replay";

/// A field that no document has.
const WRONG: &str = "sagaId: event.order.id";
const RIGHT: &str = "sagaId: event.order";

const PLACED: &str = r#"{"type":"OrderPlaced","order":"late-1","total":1}"#;
const REFUSED: &str = r#"{"type":"PaymentRefused","order":"late-1","reason":"no funds"}"#;
const PAGE_VIEWED: &str = r#"{"type":"OrderPlaced","page":"/"}"#;

/// Three records whose mapping is wrong, as dead letters in the list.
async fn with_letters(sources: &mut Sources) -> Running {
    let rules = RULES.replace("DOC", "event").replace(RIGHT, WRONG);
    let producer = sources.add("orders", SourceFormat::Json, &rules).await;
    send_with(&producer, "k", Some(PLACED), &[("mark", "kept")]);
    send(&producer, "k", REFUSED);
    send(&producer, "k", PAGE_VIEWED);
    producer.flush();
    let server = sources.start().await;
    wait_for_outcome(&server.rest, "orders", "dead_letter", 3).await;
    wait_for_letters(&server, 3).await;
    server
}

async fn wait_for_letters(server: &Running, count: usize) -> Value {
    server
        .rest
        .wait_for("/internal/v1/dlt?size=50", "all are listed", |_, page| {
            page["content"]
                .as_array()
                .is_some_and(|letters| letters.len() == count)
        })
        .await
}

fn map_rightly(sources: &Sources) {
    let rules = RULES.replace("DOC", "event");
    fs::write(sources.folder.path().join("orders.yml"), rules).unwrap();
}

fn statuses(report: &Value) -> Vec<(&str, &str)> {
    let results = report["results"].as_array().unwrap().iter();
    let mut statuses: Vec<(&str, &str)> = results
        .map(|result| {
            let text = |key: &str| result[key].as_str().unwrap_or_default();
            (text("status"), text("message"))
        })
        .collect();
    statuses.sort_unstable();
    statuses
}

/// Of the `steps` of a saga, or of what a mapping gives.
fn event_ids(answer: &Value) -> BTreeSet<String> {
    let steps = answer["steps"].as_array().unwrap().iter();
    steps.map(|step| step["eventId"].to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_of_a_source_give_the_events_that_its_mapping_makes_of_them_today() {
    let mut sources = Sources::new().await;
    let server = with_letters(&mut sources).await;
    // The mapping is still wrong, so nothing is replayed, and the reason is said.
    let report = server
        .rest
        .post(REPLAY, &json!({"filter": {}, "dryRun": true}))
        .await;
    for (status, message) in statuses(&report) {
        assert_eq!(status, "FAILED", "{report}");
        assert!(message.starts_with("REFUSED_BY_MAPPING: rule "), "{report}");
    }
    server.stop().await;

    map_rightly(&sources);
    let server = sources.start().await;
    let expected = sources.map_topic(2);
    let letters = wait_for_letters(&server, 3).await;
    let placed = letters["content"].as_array().unwrap().iter();
    let mut placed = placed.filter(|letter| letter["payload"]["text"] == PLACED);
    let shown = placed.next().unwrap();
    assert_eq!(shown["event"]["sagaId"], "late-1", "{shown}");
    assert_eq!(
        shown["event"]["eventId"], expected["steps"][0]["eventId"],
        "{shown}"
    );

    let dry = server
        .rest
        .post(REPLAY, &json!({"filter": {}, "dryRun": true}))
        .await;
    let seen = statuses(&dry);
    assert_eq!([seen[1], seen[2]], [("REPLAYED", ""); 2], "{dry}");
    assert_eq!(seen[0].0, "FAILED", "{dry}");
    assert!(seen[0].1.contains("sagaId is missing"), "{dry}");
    assert_eq!(server.rest.get("/api/v1/sagas/late-1").await.0, 404);

    let report = server.rest.post(REPLAY, &json!({"filter": {}})).await;
    assert_eq!(statuses(&report), statuses(&dry), "{report}");
    is_refused_order(&server.rest, "late-1").await;
    let steps = server.rest.get("/api/v1/sagas/late-1/steps").await.1;
    assert_eq!(event_ids(&steps), event_ids(&expected), "{steps} {expected}");
    server.stop().await;

    // The topic read once more, by another group: the same events, which change nothing.
    sources.config.sources[0].group = format!("{}-again", sources.harness.group);
    let server = sources.start().await;
    wait_for_outcome(&server.rest, "orders", "mapped", 2).await;
    server
        .rest
        .wait_for("/metrics", "both are repetitions", |_, page| {
            page.as_str()
                .is_some_and(|page| page.contains("saga_tracker_duplicates_total 2\n"))
        })
        .await;
    is_refused_order(&server.rest, "late-1").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_not_configured_any_more_is_named_and_the_command_replays_by_its_file() {
    let mut sources = Sources::new().await;
    let server = with_letters(&mut sources).await;
    server.stop().await;
    let variables = sources.variables();
    let topic = sources.config.sources[0].topic.clone();
    sources.config.sources.clear();
    let server = sources.start().await;
    let report = server.rest.post(REPLAY, &json!({"filter": {}})).await;
    for (status, message) in statuses(&report) {
        assert_eq!(status, "FAILED", "{report}");
        assert!(
            message.starts_with("NO_SOURCE: ") && message.contains(&topic),
            "{report}"
        );
    }
    server.stop().await;

    map_rightly(&sources);
    let replay = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_saga-server"))
            .args(["dlt", "replay", "--all", "--json"])
            .args(more)
            .env("DATABASE_URL", &sources.harness.database_url)
            .env("KAFKA_BOOTSTRAP_SERVERS", &sources.harness.bootstrap_servers)
            .envs(variables.iter().map(|(name, value)| (*name, value.as_str())))
            .output()
            .unwrap();
        serde_json::from_slice::<Value>(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    };
    let dry = replay(&["--dry-run"]);
    assert_eq!(
        (&dry["successful"], &dry["failed"]),
        (&json!(2), &json!(1)),
        "{dry}"
    );
    let done = replay(&[]);
    assert_eq!(statuses(&done), statuses(&dry), "{done}");
    let server = sources.start().await;
    is_refused_order(&server.rest, "late-1").await;
    server.stop().await;
}
