//! Compression by producers and by the topic.

use anyhow::Result;

use crate::runs::hostile::stage::Stage;

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

pub(super) async fn play(stage: &mut Stage) -> Result<String> {
    let mut sent = 0;
    for topic_codec in ["producer", "zstd", "gzip", "uncompressed"] {
        let topic = stage.topic.clone();
        stage
            .configure(&topic, &[("compression.type", topic_codec)])
            .await?;
        for codec in CODECS {
            let sender = stage.sender_with(&[("compression.type", codec)])?;
            for _ in 0..stage.generator.rng.usize(5..30) {
                sender.event(&stage.generator.event(codec)?)?;
                sent += 1;
            }
            sender.flush().await?;
        }
    }
    Ok(format!("{sent} events by 5 codecs, on topics of 4 settings"))
}
