//! The topic is deleted and made again, and gets more partitions.

use std::time::Duration;

use anyhow::{Result, ensure};
use rdkafka::admin::{AdminOptions, NewPartitions};

use crate::runs::hostile::{account::Expect, sender::record_of, stage::Stage};

const MORE: usize = 6;

pub(super) async fn play(stage: &mut Stage) -> Result<String> {
    // Deleting a topic loses the records that were not consumed; the run must not count them.
    stage.pause_stream(true);
    ensure!(
        stage.all_stored(Duration::from_secs(30)).await,
        "not everything is stored before"
    );
    let topic = stage.topic.clone();
    // At once, no consumer can have noticed: it reads on at its offset. Each topic holds more than the one before, and so that offset.
    for (short, full, count) in [(3.0, 70.0, 1_000), (0.0, 0.0, 2_000)] {
        stage.delete_topic(&topic).await?;
        stage.pause(short, full).await;
        stage.create_again(&topic).await?;
        let again = stage.sender_with(&[])?;
        for _ in 0..count {
            again.event(&stage.generator.event("again")?)?;
        }
        again.flush().await?;
        ensure!(
            stage.all_stored(Duration::from_secs(60)).await,
            "the new topic is not read within a minute"
        );
    }
    stage.pause_stream(false);
    let new = NewPartitions::new(&topic, MORE);
    for result in stage
        .admin()?
        .create_partitions(&[new], &AdminOptions::new())
        .await?
    {
        result.map_err(|(_, error)| anyhow::anyhow!("no partitions added: {error}"))?;
    }
    let more = stage.sender_with(&[])?;
    for partition in 0..i32::try_from(MORE)? {
        for _ in 0..5 {
            let event = stage.generator.event("more")?;
            more.record(&record_of(&event)?, Some(partition), Expect::stored(&event))?;
        }
    }
    more.flush().await?;
    Ok(format!(
        "twice deleted and made again, once at once, then {MORE} partitions instead of 3"
    ))
}
