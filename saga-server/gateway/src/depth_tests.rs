//! However deeply what comes is nested: it is an event, or is refused in words, on half the stack that the threads of a server have.

use std::thread;

use crate::{
    batch,
    event::{self, Envelope},
    format::Format,
    mapping::{Input, Mapped, Mapping},
    otlp::{self, Encoding, Signal},
    source::{self, SourceFormat, SourceRecord, SourceValue},
};

const STACK: usize = 1024 * 1024;

/// Those around every bound that there is, and far beyond.
fn depths() -> impl Iterator<Item = usize> {
    (1..=135).chain([200, 1_000, 50_000])
}

fn on_a_small_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        thread.unwrap().join().unwrap()
    })
}

/// Lists and objects in turn, so many.
fn nested(depth: usize) -> String {
    let (mut open, mut close) = (String::new(), Vec::new());
    for level in 0..depth {
        let (begin, end) = if level % 2 == 0 {
            ("[", "]")
        } else {
            (r#"{"a":"#, "}")
        };
        open.push_str(begin);
        close.push(end);
    }
    close.reverse();
    format!("{open}1{}", close.concat())
}

fn event_with(metadata: &str) -> String {
    format!(
        r#"{{"eventId":"e-1","sagaId":"s-1","sagaType":"ORDER_CREATION","step":"ORDER_CREATED","status":"STARTED",
        "orderId":"o-1","recordedAt":"2026-11-22T08:26:40.5Z","metadata":{{"a":{metadata}}}}}"#
    )
}

#[test]
fn events() {
    let taken = depths().filter(|depth| {
        let body = format!("[{}]", event_with(&nested(*depth)));
        on_a_small_stack(|| {
            let objects = batch::objects(body.as_bytes(), Format::Json).unwrap();
            let read = event::read(objects[0], Envelope::default());
            if let Err(reason) = &read {
                assert!(reason.contains("metadata"), "{reason}");
            }
            read.is_ok()
        })
    });
    assert!(taken.eq(1..=63), "metadata has at most 64 levels");
}

/// Whatever an expression does with a value goes down into it.
const MAPPING: &str = "
defaults:
  sagaId: \"'s-1'\"
  orderId: \"'o-1'\"
  sagaType: ORDER_CREATION
  recordedAt: \"'2026-11-22T08:26:40Z'\"
  step: ORDER_CREATED
  status: STARTED
rules:
  - when: event.a != event.a || [event.a].exists(x, x != event.a) || event.a in [1]
  - when: \"has(event.copied)\"
    metadata: { copied: '[event.a]' }
  - sagaId: \"size([event.a].map(x, [x])) == 1 ? 's-2' : 's-1'\"
    metadata: { same: event.a }
";

#[test]
fn documents_of_mappings() {
    let mapping = Mapping::from_yaml("orders", MAPPING).unwrap();
    for copied in ["", r#""copied":1,"#] {
        let (mut taken, mut refused) = (0, 0);
        for depth in depths() {
            let document = format!("{{{copied}\"a\":{}}}", nested(depth));
            let mapped = on_a_small_stack(|| {
                mapping.apply(&Input {
                    event: &document,
                    ..Input::default()
                })
            });
            match mapped {
                Mapped::Event(_) => taken += 1,
                Mapped::Refused(reason) => refused += usize::from(!reason.is_empty()),
                Mapped::Ignored => panic!("{depth}"),
            }
        }
        assert!(taken >= 60 && refused >= 60, "{taken} taken, {refused} refused");
    }
}

#[test]
fn expressions() {
    let shapes: [fn(usize) -> String; 8] = [
        |depth| format!("1{}", "+1".repeat(depth)),
        |depth| format!("{}true", "!".repeat(depth)),
        |depth| format!("{}1", "event.b==1?2:".repeat(depth)),
        |depth| format!("{}1{}", "int(".repeat(depth), ")".repeat(depth)),
        |depth| format!("{}event.a{}", "[".repeat(depth), "]".repeat(depth)),
        |depth| format!("{}event.a{}", "{'a':".repeat(depth), "}".repeat(depth)),
        |depth| format!("event{}", ".a".repeat(depth)),
        |depth| format!("[1].exists(x, x{} == 1)", "+0".repeat(depth)),
    ];
    let document = format!(r#"{{"a":{}}}"#, nested(60));
    for shape in shapes {
        let mut taken = 0;
        for depth in 1..=60 {
            let expression = serde_json::to_string(&shape(depth)).unwrap();
            let yaml = MAPPING.replace("{ same: event.a }", &format!("{{ deep: {expression} }}"));
            on_a_small_stack(|| {
                let Ok(mapping) = Mapping::from_yaml("orders", &yaml) else {
                    return;
                };
                taken += 1;
                let _ = mapping.apply(&Input {
                    event: &document,
                    ..Input::default()
                });
            });
        }
        assert!(taken >= 15, "{}: {taken}", shape(1));
    }
}

#[test]
fn records_of_sources() {
    for format in [
        SourceFormat::Json,
        SourceFormat::CloudEvents,
        SourceFormat::Debezium,
        SourceFormat::DebeziumOutbox,
    ] {
        for depth in depths() {
            let nested = nested(depth);
            let packed = serde_json::to_string(&nested).unwrap();
            for value in [
                nested.clone(),
                format!(r#"{{"a":{nested}}}"#),
                format!(
                    r#"{{"specversion":"1.0","id":"1","source":"/a","type":"t","x":{nested},"data":{nested}}}"#
                ),
                format!(
                    r#"{{"schema":{nested},"payload":{{"op":"c","after":{{"payload":{packed},"id":{nested}}},"ts_ms":{nested}}}}}"#
                ),
                format!(r#"{{"op":"c","after":{packed},"before":{nested},"source":{nested}}}"#),
            ] {
                let record = SourceRecord {
                    topic: "orders",
                    value: Some(SourceValue::Bytes(value.as_bytes())),
                    headers: vec![(b"id", Some(nested.as_bytes()))],
                    ..SourceRecord::default()
                };
                let opened = on_a_small_stack(|| source::opened(format, &record, "orders").map(drop));
                if let Err(reason) = opened {
                    assert!(!reason.is_empty() && reason.len() < 10_000, "{reason}");
                }
            }
        }
    }
}

fn spans_with(attribute: &str) -> String {
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"0af7651916cd43dd8448eb211c80319c",
        "spanId":"b7ad6b7169203331","name":"reserve","startTimeUnixNano":"1760000000000999999",
        "endTimeUnixNano":"1760000000250000000","attributes":[{{"key":"saga.id","value":{{"stringValue":"s-1"}}}},
        {{"key":"saga.type","value":{{"stringValue":"ORDER_CREATION"}}}},{{"key":"saga.step","value":{{"stringValue":"STOCK_RESERVED"}}}},
        {{"key":"saga.order.id","value":{{"stringValue":"o-1"}}}},{{"key":"saga.metadata.deep","value":{attribute}}}]}}]}}]}}]}}"#
    )
}

/// How many events a request gives, or why it is not read.
fn exported(body: &[u8], encoding: Encoding) -> Result<usize, String> {
    on_a_small_stack(|| {
        let mut events = 0;
        let read = otlp::read(body, encoding, Signal::Traces, &mut |item| {
            let Ok(item) = item else { return };
            events += usize::from(matches!(item.apply(None), Mapped::Event(_)));
        });
        read.map(|()| events).map_err(|error| error.to_string())
    })
}

#[test]
fn attributes_in_json() {
    let (mut taken, mut refused) = (0, 0);
    for depth in depths().filter(|depth| *depth <= 1_000) {
        for (open, close) in [
            (r#"{"arrayValue":{"values":["#, "]}}"),
            (r#"{"kvlistValue":{"values":[{"key":"k","value":"#, "}]}}"),
        ] {
            let value = format!("{}{{\"intValue\":1}}{}", open.repeat(depth), close.repeat(depth));
            match exported(spans_with(&value).as_bytes(), Encoding::Json) {
                Ok(events) => taken += events,
                Err(reason) => refused += usize::from(!reason.is_empty()),
            }
        }
    }
    assert!(taken >= 40 && refused >= 100, "{taken} taken, {refused} refused");
}

/// A message in a field of another one.
fn within(tag: u8, message: &[u8]) -> Vec<u8> {
    let mut field = vec![(tag << 3) | 2];
    prost::encoding::encode_varint(message.len() as u64, &mut field);
    field.extend_from_slice(message);
    field
}

#[test]
fn attributes_in_protobuf() {
    let text = |text: &str| within(1, text.as_bytes());
    let attribute = |key: &str, value: &[u8]| within(9, &[text(key), within(2, value)].concat());
    let named = [
        attribute("saga.id", &text("s-1")),
        attribute("saga.type", &text("ORDER_CREATION")),
        attribute("saga.step", &text("STOCK_RESERVED")),
        attribute("saga.order.id", &text("o-1")),
        within(1, &[7; 16]),
        within(2, &[7; 8]),
        vec![(8 << 3) | 1, 0, 0, 0, 0, 1, 0, 0, 24],
    ];
    let (mut taken, mut refused) = (0, 0);
    for depth in depths().filter(|depth| *depth <= 1_000) {
        let list = |inner: Vec<u8>| within(5, &within(1, &inner));
        let map = |inner: Vec<u8>| within(6, &within(1, &[text("k"), within(2, &inner)].concat()));
        for around in [&list as &dyn Fn(Vec<u8>) -> Vec<u8>, &map] {
            let value = (0..depth).fold(text("x"), |inner, _| around(inner));
            let span = [named.concat(), attribute("saga.metadata.deep", &value)].concat();
            let body = within(1, &within(2, &within(2, &span)));
            match exported(&body, Encoding::Protobuf) {
                Ok(events) => taken += events,
                Err(reason) => refused += usize::from(!reason.is_empty()),
            }
        }
    }
    assert!(taken >= 40 && refused >= 100, "{taken} taken, {refused} refused");
}
