//! The broker is killed and started again while bad records come.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::{accounting::RawRecord, parts::Part, runs::hostile::stage::Stage};

pub(super) async fn play(stage: &mut Stage) -> Result<String> {
    let restarts = stage.count(1, 3);
    let (mut sent, mut away) = (0, Duration::ZERO);
    for _ in 0..restarts {
        for _ in 0..40 {
            bad(stage)?;
            sent += 1;
        }
        let killed = Instant::now();
        stage.parts.kill(Part::Kafka).await?;
        stage.pause(1.0, 5.0).await;
        stage.parts.start(Part::Kafka).await?;
        away = away.max(killed.elapsed());
        for _ in 0..10 {
            bad(stage)?;
            sent += 1;
            stage.pause(0.1, 0.2).await;
        }
        stage.sender.flush().await?;
    }
    Ok(format!(
        "{restarts} kills of the broker, back after {:.1} s at most, {sent} bad records around them",
        away.as_secs_f64()
    ))
}

fn bad(stage: &mut Stage) -> Result<()> {
    let mut value = stage.generator.noise(60);
    value[0] = b'{';
    stage.sender.bad(&RawRecord {
        key: Some(b"bad".to_vec()),
        value: Some(value),
        headers: Vec::new(),
    })
}
