//! `map --dry-run`.

use serde_json::{Value, json};

use crate::command::Run;

const MAPPING: &str = "
defaults:
  sagaId: event.order
  orderId: event.order
  sagaType: ORDER_CREATION
  recordedAt: event.at
rules:
  - when: event.type == 'placed'
    step: ORDER_CREATED
    status: STARTED
  - when: event.type == 'refused'
    step: PAYMENT_FAILED
    status: FAILED
    metadata: { failureReason: event.why }
";

const DOCUMENTS: &str = r#"{"type":"refused","at":"2026-11-22T08:26:42Z","order":"s-1","why":"no funds"}
{"type":"placed","at":"2026-11-22T08:26:40Z","order":"s-1"}
{"type":"viewed"}
{"type":"placed","at":"2026-11-22T08:26:40Z"}
"#;

fn run() -> Run {
    Run::new()
        .file("orders.yml", MAPPING)
        .file("orders.ndjson", DOCUMENTS)
}

const MAP: &str = "map --dry-run --mapping orders.yml --input";

#[test]
fn it_shows_steps_and_sagas_and_what_became_nothing() {
    let done = run().run(&format!("{MAP} orders.ndjson --json"));
    assert_eq!(done.code, 3, "{done:?}");
    let shown: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(shown["documents"], 4);
    assert_eq!(
        shown["steps"][0]["metadata"],
        json!({"failureReason": "no funds"})
    );
    assert_eq!(shown["sagas"][0]["currentStatus"], "FAILED");
    assert_eq!(shown["sagas"][0]["startedAt"], "2026-11-22T08:26:40.000Z");
    assert_eq!(shown["ignored"][0]["index"], 2);
    assert_eq!(
        shown["refused"][0]["reason"],
        "rule 1 (line 8): sagaId is missing"
    );
    let words = run().run_with(&format!("{MAP} -"), DOCUMENTS);
    for line in [
        "s-1  ORDER_CREATED STARTED",
        "document 2: no rule takes it: {\"type\":\"viewed\"}",
        "4 documents: 2 steps of 1 sagas, 1 that no rule takes, 1 wrong",
    ] {
        assert!(words.stdout.contains(line), "{line} in {words:?}");
    }
}

#[test]
fn documents_come_as_an_array_as_one_and_in_envelopes() {
    let placed = r#"{"type":"placed","at":7,"order":"s-1"}"#;
    let steps = |input: &str, flags: &str| {
        let done = run().run_with(&format!("{MAP} - --json {flags}"), input);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
        let shown: Value = serde_json::from_str(&done.stdout).unwrap();
        shown["steps"].as_array().unwrap().len()
    };
    assert_eq!(steps(&format!("[{placed}, {placed}]"), ""), 2);
    assert_eq!(steps(&placed.replace(',', ",\n"), ""), 1);
    let envelope = format!(r#"{{"specversion":"1.0","id":"1","source":"/a","type":"t","data":{placed}}}"#);
    assert_eq!(steps(&envelope, "--cloud-events"), 1);
}

#[test]
fn recorded_spans_and_log_records_are_taken_with_and_without_a_mapping() {
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let span = |name: &str, attributes: Value| {
        json!({
            "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": name,
            "endTimeUnixNano": "1760000000000000000", "attributes": attributes,
        })
    };
    let named = json!([
        attribute("saga.id", "s-1"),
        attribute("saga.type", "ORDER_CREATION"),
        attribute("saga.step", "ORDER_CREATED"),
        attribute("saga.order.id", "o-1"),
    ]);
    let spans = json!([
        span("a", named),
        span("GET /", json!([])),
        span("b", json!([attribute("saga.id", "s-2")]))
    ]);
    let traces = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string();
    let run = Run::new()
        .file(
            "traces.yml",
            &MAPPING
                .replace("event.type == 'placed'", "event.name == 'GET /'")
                .replace("event.order", "event.traceId"),
        )
        .file("spans.ndjson", &format!("{traces}\n{{}}\n"));
    let shown = |flags: &str| {
        let done = run.run(&format!(
            "map --dry-run --otlp --input spans.ndjson --json {flags}"
        ));
        assert_eq!(done.code, 3, "{done:?}");
        serde_json::from_str::<Value>(&done.stdout).unwrap()
    };
    let alone = shown("");
    assert_eq!(
        (&alone["documents"], &alone["steps"][0]["sagaId"]),
        (&json!(4), &json!("s-1"))
    );
    assert_eq!(alone["ignored"][0]["index"], 1);
    assert!(
        alone["refused"][0]["reason"]
            .as_str()
            .unwrap()
            .starts_with("saga.type is missing")
    );
    assert_eq!(alone["refused"][1]["reason"], "holds no span and no log record");
    let mapped = shown("--mapping traces.yml");
    assert_eq!(
        mapped["refused"][0]["reason"],
        "rule 1 (line 8): recordedAt is missing"
    );
}

#[test]
fn a_wrong_mapping_is_refused_with_file_and_line() {
    let run = Run::new()
        .file("orders.yml", &MAPPING.replace("event.why", "evnt.why"))
        .file("orders.ndjson", DOCUMENTS);
    let words = [
        "orders.yml: line 14",
        "rule 2, metadata.failureReason",
        "column 1",
        "no variable \"evnt\"",
    ];
    run.run(&format!("{MAP} orders.ndjson")).is_refused(2, &words);
    run.run("map --dry-run --mapping none.yml --input orders.ndjson")
        .is_refused(2, &["none.yml: cannot be read"]);
}
