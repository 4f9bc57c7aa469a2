//! Bad records that are larger than a dead letter may be, also only after unpacking.

use anyhow::Result;

use crate::{accounting::RawRecord, runs::hostile::stage::Stage};

/// Just below what a topic takes by default.
const NEARLY_MAX: usize = 1_048_300;

pub(super) async fn play(stage: &mut Stage) -> Result<String> {
    let packed = stage.sender_with(&[("compression.type", "gzip"), ("message.max.bytes", "20000000")])?;
    let rounds = stage.count(1, 4);
    for _ in 0..rounds {
        let less = stage.generator.rng.usize(..2_000);
        // The letter of a record that just fits does not fit, since it has more headers.
        stage.sender.bad(&of(vec![0; NEARLY_MAX - less]))?;
        let noise = stage.generator.noise(NEARLY_MAX - less);
        stage.sender.bad(&of(noise))?;
        let mut keyed = of(vec![1; 10]);
        keyed.key = Some(stage.generator.noise(NEARLY_MAX - 1_000 - less));
        stage.sender.bad(&keyed)?;
        // A few KB in the topic.
        packed.bad(&of(vec![0; 3 << 20]))?;
        let mut with_header = of(vec![2; 10]);
        with_header.headers.push((
            b"large".to_vec(),
            Some(stage.generator.noise(NEARLY_MAX - 1_000 - less)),
        ));
        stage.sender.bad(&with_header)?;
        stage.sender.flush().await?;
        packed.flush().await?;
    }
    let seen = format!("{rounds} each: 1 MiB of zeros, of noise, as key, as header; 3 MiB of zeros by gzip");
    Ok(seen)
}

fn of(value: Vec<u8>) -> RawRecord {
    RawRecord {
        key: Some(b"large".to_vec()),
        value: Some(value),
        headers: Vec::new(),
    }
}
