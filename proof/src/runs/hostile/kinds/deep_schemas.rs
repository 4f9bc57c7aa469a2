//! Schemas by which a few bytes, or the schema itself, would take a collector's stack or memory: of events and of a source.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use fastrand::Rng;
use saga_types::avro::{self, Framing, SchemaVersion};
use serde_json::{Value, json};

use crate::{
    accounting::RawRecord,
    memory,
    runs::hostile::{account::Expect, sender::Sender, stage::Stage},
};

/// The topic of the source that reads documents of these schemas.
const SOURCE_TOPIC: &str = "hostile.deep-schemas.documents";

const SOURCE: &str = "documents";

/// No document is an event; those that can be read are ignored.
const MAPPING: &str = "rules:\n  - when: \"'none' == 'any'\"\n    sagaId: \"'s'\"\n    orderId: \"'o'\"\n    \
     sagaType: ORDER_CREATION\n    step: ORDER_CREATED\n    status: STARTED\n";

/// The most memory that a collector may take, in MiB.
const MOST_MIB: f64 = 256.0;

/// Beyond the ids that the registry has anyway.
const FIRST_ID: u32 = 20_000;

/// A type as text, since the library of this program would go down into it, too; what it refers to; and the bytes of a value of it,
/// if it is one that can be read.
struct Shape {
    of_type: String,
    references: Vec<(String, String)>,
    value: Option<&'static [u8]>,
}

impl From<String> for Shape {
    /// One that must be refused.
    fn from(of_type: String) -> Self {
        Self {
            of_type,
            references: Vec::new(),
            value: None,
        }
    }
}

const SHAPES: [fn(&mut Rng) -> Shape; 13] = [
    |rng| Shape {
        value: Some(&[0]),
        ..Shape::from(nested(rng.usize(1..50), list, STRING.to_owned()))
    },
    |rng| nested(rng.usize(64..2_000), list, STRING.to_owned()).into(),
    |rng| nested(rng.usize(10_000..30_000), list, STRING.to_owned()).into(),
    |rng| nested(rng.usize(64..2_000), wrapped, STRING.to_owned()).into(),
    |rng| nested(rng.usize(64..120), record_of, STRING.to_owned()).into(),
    |rng| nested(rng.usize(33..500), optional, STRING.to_owned()).into(),
    by_names,
    |rng| wide(rng.usize(10_001..20_000)).into(),
    |rng| {
        format!(
            r#"{{"type":"fixed","name":"F","size":{}}}"#,
            1_u64 << rng.u32(20..64)
        )
        .into()
    },
    long_names,
    |rng| nested(rng.usize(20..35), record_of, wide(3_000)).into(),
    unbounded,
    referring,
];

const STRING: &str = r#""string""#;

/// A type of so many levels, each made by this from the one within.
fn nested(levels: usize, around: fn(usize, &str) -> String, innermost: String) -> String {
    // From the inside to the outside at once, not level by level, which would copy all of it each time.
    let mark = "\u{0}";
    let (mut before, mut behind) = (String::new(), Vec::new());
    for level in (0..levels).rev() {
        let text = around(level, mark);
        let (opening, closing) = text.split_once(mark).unwrap_or_default();
        before.push_str(opening);
        behind.push(closing.to_owned());
    }
    before.push_str(&innermost);
    behind.iter().rev().for_each(|closing| before.push_str(closing));
    before
}

fn list(_: usize, inner: &str) -> String {
    format!(r#"{{"type":"array","items":{inner}}}"#)
}

fn wrapped(_: usize, inner: &str) -> String {
    format!(r#"{{"type":{inner}}}"#)
}

fn record_of(level: usize, inner: &str) -> String {
    format!(r#"{{"type":"record","name":"R{level}","fields":[{{"name":"f","type":{inner}}}]}}"#)
}

fn optional(level: usize, inner: &str) -> String {
    format!(r#"["null",{}]"#, record_of(level, inner))
}

fn wide(fields: usize) -> String {
    let fields: Vec<String> = (0..fields)
        .map(|field| format!(r#"{{"name":"f{field}","type":["null","long"]}}"#))
        .collect();
    format!(
        r#"{{"type":"record","name":"Wide","fields":[{}]}}"#,
        fields.join(",")
    )
}

/// Each record names the one before it.
fn by_names(rng: &mut Rng) -> Shape {
    let types = rng.usize(65..3_000);
    let further = (1..types).map(|level| record_of(level, &format!(r#""R{}""#, level - 1)));
    let all: Vec<String> = [record_of(0, STRING)].into_iter().chain(further).collect();
    format!("[{}]", all.join(",")).into()
}

/// Each value would have them again.
fn long_names(rng: &mut Rng) -> Shape {
    let name = "n".repeat(rng.usize(200..500_000));
    let element = match rng.u8(..3) {
        0 => format!(r#"{{"type":"record","name":"E","fields":[{{"name":"{name}","type":"boolean"}}]}}"#),
        1 => format!(r#"{{"type":"enum","name":"E","symbols":["{name}"]}}"#),
        _ => format!(r#"{{"type":"enum","name":"E","namespace":"{name}{name}{name}","symbols":["A"]}}"#),
    };
    list(0, &element).into()
}

/// A few bytes would be millions of values.
fn unbounded(rng: &mut Rng) -> Shape {
    let empty = r#"{"type":"record","name":"R0","fields":[]}"#;
    match rng.u8(..3) {
        0 => list(0, empty).into(),
        1 => r#"{"type":"record","name":"R","fields":[{"name":"r","type":["null","R"]}]}"#
            .to_owned()
            .into(),
        _ => {
            let fields = |of_type: &str| {
                format!(r#"[{{"name":"a","type":{of_type}}},{{"name":"b","type":{of_type}}}]"#)
            };
            let twice = |level: usize| {
                let fields = fields(&format!(r#""R{}""#, level - 1));
                format!(r#"{{"type":"record","name":"R{level}","fields":{fields}}}"#)
            };
            let all: Vec<String> = [empty.to_owned()].into_iter().chain((1..40).map(twice)).collect();
            format!("[{}]", all.join(",")).into()
        }
    }
}

/// Schemas that refer to one another, each of which is nested as deeply as JSON may be.
fn referring(rng: &mut Rng) -> Shape {
    let count = rng.usize(1..64);
    let name = |number: usize| format!("a.N{number}");
    let naming = |number: usize| nested(100, list, format!("{:?}", name(number)));
    let references = (1..=count).map(|number| (name(number), naming(number + 1)));
    Shape {
        references: references.collect(),
        ..Shape::from(naming(1))
    }
}

/// What its server is set to.
pub(super) fn settings(folder: &Path) -> Result<Vec<(&'static str, String)>> {
    let mappings = folder.join("hostile-mappings");
    std::fs::create_dir_all(&mappings)?;
    std::fs::write(mappings.join(format!("{SOURCE}.yml")), MAPPING)?;
    Ok(vec![
        ("SAGA_SERVER_GATEWAY_MAPPINGS_DIR", mappings.display().to_string()),
        ("SAGA_SERVER_SOURCES", format!("{SOURCE}={SOURCE_TOPIC},avro")),
    ])
}

pub(super) async fn play(stage: &mut Stage) -> Result<String> {
    stage.parts.create_topics(&[SOURCE_TOPIC]).await?;
    let documents = Sender::connect(&stage.parts.bootstrap_servers, SOURCE_TOPIC, &stage.account, &[])?;
    let rounds = stage.count(1, 8);
    let (mut schemas, mut of_source, mut id) = (0, 0, FIRST_ID);
    for _ in 0..rounds {
        for make in SHAPES {
            let shape = make(&mut stage.generator.rng);
            for (subject, schema) in &shape.references {
                stage.registry.serve_subject(subject, schema);
            }
            let names = shape.references.iter().map(|(name, _)| name);
            let names: Vec<Value> = names
                .map(|name| json!({"name": name, "subject": name, "version": 1}))
                .collect();
            id += 1;
            let schema = json!({"schema": event_with(&shape.of_type), "references": names});
            stage.registry.serve(id, &schema);
            send_events(stage, id, shape.value)?;
            if shape.value.is_none() {
                id += 1;
                let schema = json!({"schema": shape.of_type, "references": names});
                stage.registry.serve(id, &schema);
                documents.record(&record(&framed(id, &[0])), None, Expect::Nothing)?;
                of_source += 1;
            }
            schemas += 1;
            stage.sender.flush().await?;
            stage.pause(0.0, 0.5).await;
        }
    }
    documents.flush().await?;
    letters_of_source(stage, of_source).await?;
    let peak = memory::peak_mib(stage.server.id()?)?;
    ensure!(peak < MOST_MIB, "the collector took {peak:.0} MiB");
    Ok(format!(
        "{schemas} schemas of {} shapes by events, {of_source} of them by documents of a source",
        SHAPES.len()
    ))
}

/// An event of a schema that can be read, or records of one that cannot.
fn send_events(stage: &mut Stage, id: u32, value: Option<&[u8]>) -> Result<()> {
    for _ in 0..3 {
        let event = stage.generator.event("deep")?;
        let body = avro::encode(&event, SchemaVersion::V2, Framing::Confluent { schema_id: id })?;
        match value {
            Some(value) => {
                let (frame, body) = body.split_at(5);
                let record = record(&[frame, value, body].concat());
                stage.sender.record(&record, None, Expect::stored(&event))?;
            }
            None => stage.sender.bad(&record(&body))?,
        }
    }
    Ok(())
}

/// Waits until each document is a dead letter.
async fn letters_of_source(stage: &Stage, expected: usize) -> Result<()> {
    const LETTERS: &str = "SELECT count(*) FROM dead_letter WHERE origin_topic = $1 AND message <> ''";
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let letters: i64 = sqlx::query_scalar(LETTERS)
            .bind(SOURCE_TOPIC)
            .fetch_one(&stage.database)
            .await?;
        if usize::try_from(letters)? == expected {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "{letters} of {expected} documents are dead letters"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The event's schema with a field of this type before the others.
fn event_with(of_type: &str) -> String {
    let other = format!(r#""fields": [{{"name":"other","type":{of_type}}},"#);
    SchemaVersion::V2.json().replacen(r#""fields": ["#, &other, 1)
}

fn framed(id: u32, body: &[u8]) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..], body].concat()
}

fn record(value: &[u8]) -> RawRecord {
    RawRecord {
        key: Some(b"schema".to_vec()),
        value: Some(value.to_vec()),
        headers: Vec::new(),
    }
}
