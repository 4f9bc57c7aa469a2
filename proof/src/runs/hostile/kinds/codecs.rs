//! Compression by producers and by the topic.

use anyhow::Result;

use crate::{
    accounting::RawRecord,
    runs::hostile::{account::Expect, sender::Sender, stage::Stage},
};

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

pub(super) async fn play(stage: &mut Stage) -> Result<String> {
    let (mut sent, mut letters) = (0, 0);
    for topic_codec in ["producer", "zstd", "gzip", "uncompressed"] {
        for topic in [&stage.topic, &stage.dead_letter_topic] {
            stage
                .configure(topic, &[("compression.type", topic_codec)])
                .await?;
        }
        for codec in CODECS {
            let sender = stage.sender_with(&[("compression.type", codec)])?;
            for _ in 0..stage.generator.rng.usize(5..30) {
                sender.event(&stage.generator.event(codec)?)?;
                sent += 1;
            }
            // The collector's own letter is compressed as the topic says.
            sender.bad(&noise(stage))?;
            sender.flush().await?;
            letters += others_letters(stage, codec).await?;
        }
    }
    Ok(format!(
        "{sent} events and {letters} letters of others by 5 codecs, on topics of 4 settings"
    ))
}

/// Letters that others write to the dead letter topic.
async fn others_letters(stage: &mut Stage, codec: &str) -> Result<usize> {
    let sender = Sender::connect(
        &stage.parts.bootstrap_servers,
        &stage.dead_letter_topic,
        &stage.account,
        &[("compression.type", codec)],
    )?;
    let count = stage.generator.rng.usize(2..10);
    for _ in 0..count {
        sender.record(&noise(stage), None, Expect::Nothing)?;
    }
    sender.flush().await?;
    stage.account.lock().foreign_letters += count;
    Ok(count)
}

/// Long and regular enough for a codec to make it smaller.
fn noise(stage: &mut Stage) -> RawRecord {
    let noise = stage.generator.noise(40);
    RawRecord {
        key: None,
        value: Some([&b"no event "[..], &noise].concat().repeat(20)),
        headers: Vec::new(),
    }
}
