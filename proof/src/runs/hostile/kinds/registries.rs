//! What stands at the registry's address: only what a registry says about an id is about the id.

use std::time::Duration;

use anyhow::Result;
use saga_types::avro::{self, Framing, SchemaVersion};

use crate::{
    accounting::RawRecord,
    runs::hostile::{
        account::Expect,
        registry::{KNOWN_IDS, Standing},
        stage::Stage,
    },
};

const HTML: &str = "<html><title>Sign in</title></html>";

/// What is no answer of a registry about an id.
fn outages() -> Vec<Standing> {
    let answer = |status, kind, body: &str| Standing::Answers(status, kind, body.to_owned());
    vec![
        answer(404, "text/html", HTML),
        answer(200, "text/html", HTML),
        answer(500, "application/json", r#"{"error_code":50001,"message":"no"}"#),
        answer(401, "application/json", r#"{"error_code":40101,"message":"no"}"#),
        answer(403, "text/plain", "no"),
        answer(429, "application/json", "{}"),
        answer(503, "text/html", HTML),
        answer(302, "text/html", ""),
        answer(200, "application/json", ""),
        answer(200, "application/json", r#"{"schema":"#),
        answer(200, "application/json", "[]"),
        answer(404, "application/json", "{}"),
        answer(418, "application/json", "null"),
        answer(200, "application/json", &"[".repeat(100_000)),
        answer(200, "application/octet-stream", "\0\u{1}\u{2}"),
        Standing::Silent,
    ]
}

pub(super) async fn away(stage: &mut Stage) -> Result<String> {
    let mut outages = outages();
    stage.generator.rng.shuffle(&mut outages);
    outages.truncate(stage.count(4, outages.len()));
    let played = outages.len();
    for (standing, id) in outages.into_iter().zip(KNOWN_IDS) {
        stage.registry.stand(standing);
        let event = stage.generator.event("by-registry")?;
        let record = framed(&avro::encode(
            &event,
            SchemaVersion::V2,
            Framing::Confluent { schema_id: id },
        )?);
        stage.sender.record(&record, None, Expect::stored(&event))?;
        stage.sender.flush().await?;
        stage.pause(1.5, 8.0).await;
        stage.registry.stand(Standing::Registry);
        stage.all_stored(Duration::from_secs(60)).await;
    }
    Ok(format!(
        "{played} answers that no registry gives, each while an event waits for its schema"
    ))
}

pub(super) async fn unknown_ids(stage: &mut Stage) -> Result<String> {
    let ids = stage.count(500, 3_000);
    for _ in 0..ids {
        // Half of them above what a registry ever gives.
        let id = stage.generator.rng.u32(100_000..);
        let event = stage.generator.event("unknown-id")?;
        let value = avro::encode(&event, SchemaVersion::V2, Framing::Confluent { schema_id: id })?;
        stage
            .sender
            .bad(&framed(&value[..stage.generator.rng.usize(6..value.len())]))?;
    }
    stage.sender.flush().await?;
    stage.all_stored(Duration::from_secs(100)).await;
    Ok(format!(
        "{ids} records, each with another unknown id; the registry was asked {} times",
        stage.registry.requests()
    ))
}

fn framed(value: &[u8]) -> RawRecord {
    RawRecord {
        key: Some(b"framed".to_vec()),
        value: Some(value.to_vec()),
        headers: Vec::new(),
    }
}
