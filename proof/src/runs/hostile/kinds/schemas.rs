//! Writers' schemas in a real, Confluent-compatible registry: all that is no part of the bytes may differ.

use anyhow::{Context as _, Result, ensure};
use saga_types::avro::{self, Framing, SchemaVersion};
use serde_json::{Value, json};

use crate::{
    accounting::RawRecord,
    http,
    runs::hostile::{account::Expect, stage::Stage},
};

pub(super) async fn play(stage: &mut Stage) -> Result<String> {
    let schemas = stage.count(6, 60);
    let mut with_references = 0;
    for number in 0..schemas {
        let subject = format!("hostile.schemas.{number}.{}", stage.generator.rng.u32(..));
        let mut schema = written_otherwise(stage)?;
        let references = match stage.generator.rng.bool() {
            true => refer(stage, &subject, &mut schema).await?,
            false => Vec::new(),
        };
        with_references += usize::from(!references.is_empty());
        let schema_id = register(stage, &subject, &schema, &references).await?;
        for _ in 0..3 {
            let event = stage.generator.event("schema")?;
            let value = avro::encode(&event, SchemaVersion::V2, Framing::Confluent { schema_id })?;
            stage
                .sender
                .record(&record(&value), None, Expect::stored(&event))?;
            // Its schema is known, and it is no event.
            stage.sender.bad(&record(&value[..value.len() / 2]))?;
        }
    }
    stage.sender.flush().await?;
    Ok(format!(
        "{schemas} schemas of writers in a real registry, {with_references} of them with references"
    ))
}

/// The record's schema with other words: comments, properties, another namespace.
fn written_otherwise(stage: &mut Stage) -> Result<Value> {
    let mut schema: Value = serde_json::from_str(SchemaVersion::V2.json())?;
    let rng = &mut stage.generator.rng;
    schema["doc"] = format!("written by {}", rng.u64(..)).into();
    if rng.bool() {
        schema["namespace"] = format!("com.example.n{}", rng.u32(..)).into();
    }
    for field in schema["fields"].as_array_mut().context("a record has fields")? {
        if rng.bool() {
            field["doc"] = "\u{ac00}\"\\".into();
        }
        if rng.bool() && field["type"] == "string" {
            field["type"] = json!({"type": "string", "avro.java.string": "String"});
        }
    }
    Ok(schema)
}

/// Registers the enums as subjects of their own, and names them in the record.
async fn refer(stage: &Stage, subject: &str, schema: &mut Value) -> Result<Vec<Value>> {
    let namespace = schema["namespace"].as_str().unwrap_or_default().to_owned();
    let mut references = Vec::new();
    for field in schema["fields"].as_array_mut().context("a record has fields")? {
        if field["type"]["type"] != "enum" {
            continue;
        }
        let mut definition = field["type"].take();
        definition["namespace"] = namespace.clone().into();
        let name = format!("{namespace}.{}", definition["name"].as_str().unwrap_or_default());
        field["type"] = name.clone().into();
        let subject = format!("{subject}.{name}");
        register(stage, &subject, &definition, &[]).await?;
        references.push(json!({"name": name, "subject": subject, "version": 1}));
    }
    Ok(references)
}

async fn register(stage: &Stage, subject: &str, schema: &Value, references: &[Value]) -> Result<u32> {
    let url = format!("{}/subjects/{subject}/versions", stage.parts.registry_url);
    let body = json!({"schema": schema.to_string(), "schemaType": "AVRO", "references": references});
    let request = http::client()
        .post(url)
        .header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(
        status.is_success(),
        "the registry does not take a schema: {status}: {text}"
    );
    let answer: Value = serde_json::from_str(&text)?;
    let id = answer["id"].as_u64().context("the registry gives no id")?;
    Ok(u32::try_from(id)?)
}

fn record(value: &[u8]) -> RawRecord {
    RawRecord {
        key: Some(b"schema".to_vec()),
        value: Some(value.to_vec()),
        headers: Vec::new(),
    }
}
