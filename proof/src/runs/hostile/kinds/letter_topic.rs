//! A dead letter topic that refuses dead letters: they are kept in the database, and nothing waits for them.

use anyhow::Result;

use crate::{accounting::RawRecord, runs::hostile::stage::Stage};

/// Settings by which it takes no letter, or none as it is.
const REFUSALS: [(&str, &[(&str, &str)]); 4] = [
    ("compacted", &[("cleanup.policy", "compact")]),
    ("of 200 bytes", &[("max.message.bytes", "200")]),
    (
        "only for times within 1 ms",
        &[
            ("message.timestamp.before.max.ms", "1"),
            ("message.timestamp.after.max.ms", "1"),
        ],
    ),
    (
        "compacted, of 400 bytes",
        &[("cleanup.policy", "compact"), ("max.message.bytes", "400")],
    ),
];

pub(super) async fn refuse(stage: &mut Stage) -> Result<String> {
    let mut sent = 0;
    let mut played = Vec::new();
    for (name, settings) in REFUSALS {
        let topic = stage.dead_letter_topic.clone();
        stage.configure(&topic, settings).await?;
        for _ in 0..stage.generator.rng.usize(2..8) {
            let length = stage.generator.rng.usize(1..2_000);
            bad(stage, length)?;
            sent += 1;
        }
        stage.sender.flush().await?;
        stage.pause(1.5, 5.0).await;
        played.push(name);
    }
    let topic = stage.dead_letter_topic.clone();
    stage.configure(&topic, &[]).await?;
    Ok(format!(
        "{sent} bad records while the topic is {}",
        played.join("; ")
    ))
}

pub(super) async fn delete(stage: &mut Stage) -> Result<String> {
    let topic = stage.dead_letter_topic.clone();
    stage.delete_topic(&topic).await?;
    let count = stage.count(5, 50);
    for _ in 0..count {
        bad(stage, 100)?;
    }
    stage.sender.flush().await?;
    stage.pause(5.0, 40.0).await;
    stage.create_again(&topic).await?;
    for _ in 0..count {
        bad(stage, 100)?;
    }
    stage.sender.flush().await?;
    Ok(format!(
        "{count} bad records while it is deleted, {count} when it is there again"
    ))
}

/// Without a key half of the time.
fn bad(stage: &mut Stage, length: usize) -> Result<()> {
    let has_key = stage.generator.rng.bool();
    let mut value = stage.generator.noise(length);
    // Neither 0 nor C3, with which the known framings begin.
    value[0] = b'{';
    stage.sender.bad(&RawRecord {
        key: has_key.then(|| b"bad".to_vec()),
        value: Some(value),
        headers: Vec::new(),
    })
}
