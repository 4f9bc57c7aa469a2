//! A batch that was damaged on the broker's disk: with the setting it is skipped, and a dead letter names its offsets.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::process::Command;

use crate::{
    damage::damage,
    runs::hostile::{account::Expect, sender::record_of, stage::Stage},
};

pub(super) async fn play(stage: &mut Stage) -> Result<String> {
    let batches = stage.count(1, 4);
    let mut damaged = 0;
    for batch in 1..=batches {
        // Or the batch would be fetched before it is damaged. What waits at the broker is answered first.
        signal(stage, "STOP").await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let sent = send_and_damage(stage).await;
        signal(stage, "CONT").await?;
        damaged += sent?;
        until_skipped(stage, batch).await?;
    }
    Ok(format!(
        "{damaged} events in {batches} batches, each with a byte that changed on the disk"
    ))
}

async fn signal(stage: &Stage, signal: &str) -> Result<()> {
    let process = stage.server.id()?.to_string();
    let status = Command::new("kill")
        .args(["-s", signal, &process])
        .status()
        .await?;
    ensure!(status.success(), "the server cannot be sent {signal}");
    Ok(())
}

/// Sends one batch, and changes a byte of its last event.
async fn send_and_damage(stage: &mut Stage) -> Result<usize> {
    let sender = stage.sender_with(&[("linger.ms", "500")])?;
    let count = stage.generator.rng.usize(2..20);
    let mut saga_id = String::new();
    for place in 0..count {
        let event = stage.generator.event("damaged")?;
        saga_id = event.saga_id.to_string();
        // One letter stands for all, at the place of the first.
        let expect = match place {
            0 => Expect::Either(None),
            _ => Expect::Nothing,
        };
        sender.record(&record_of(&event)?, Some(0), expect)?;
    }
    sender.flush().await?;
    let partition = format!("{}-0", stage.topic);
    damage(stage.parts.folder(), &partition, &saga_id)?;
    Ok(count)
}

async fn until_skipped(stage: &Stage, batches: usize) -> Result<()> {
    const SKIPPED: &str = "SELECT count(*) FROM dead_letter WHERE reason = 'UNREADABLE_BATCH'";
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let skipped: i64 = sqlx::query_scalar(SKIPPED).fetch_one(&stage.database).await?;
        if usize::try_from(skipped)? >= batches {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "{skipped} of {batches} batches skipped"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
