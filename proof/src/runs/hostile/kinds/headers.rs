//! Headers are bytes.

use anyhow::Result;

use crate::{
    accounting::RawRecord,
    runs::hostile::{
        account::Expect,
        generator::Generator,
        sender::{Sender, record_of},
        stage::Stage,
    },
};

type Header = (Vec<u8>, Option<Vec<u8>>);

pub(super) async fn play(stage: &mut Stage) -> Result<String> {
    let rounds = stage.count(12, 60);
    for round in 0..rounds {
        let most = if round % 6 == 0 { 3_000 } else { 12 };
        let event = stage.generator.event("odd-headers")?;
        let mut good = record_of(&event)?;
        good.headers = odd(&mut stage.generator, most);
        stage.sender.record(&good, None, Expect::stored(&event))?;
        let bad = RawRecord {
            value: Some(
                stage
                    .generator
                    .noise(40)
                    .into_iter()
                    .map(|byte| byte | 4)
                    .collect(),
            ),
            headers: odd(&mut stage.generator, most),
            ..good
        };
        stage.sender.bad(&bad)?;
    }
    stage.sender.flush().await?;
    // Others write dead letters, too, and theirs name no origin.
    let foreign = Sender::connect(
        &stage.parts.bootstrap_servers,
        &stage.dead_letter_topic,
        &stage.account,
        &[],
    )?;
    for _ in 0..rounds {
        let letter = RawRecord {
            key: None,
            value: Some(stage.generator.noise(30)),
            headers: odd(&mut stage.generator, 12),
        };
        foreign.record(&letter, None, Expect::Nothing)?;
        stage.account.lock().foreign_letters += 1;
    }
    foreign.flush().await?;
    Ok(format!(
        "{rounds} events, {rounds} bad records, {rounds} letters of others, up to 3,000 headers each"
    ))
}

/// Names that are not UTF-8, empty, doubled, with NUL; values of any bytes, empty and null.
fn odd(generator: &mut Generator, most: usize) -> Vec<Header> {
    let count = generator.rng.usize(most / 2..=most);
    let mut headers: Vec<Header> = (0..count).map(|_| header(generator)).collect();
    if let Some(doubled) = headers.first().cloned() {
        headers.push(doubled);
    }
    headers
}

fn header(generator: &mut Generator) -> Header {
    let length = generator.rng.usize(1..12);
    let name = match generator.rng.u8(..6) {
        0 => Vec::new(),
        1 => b"nul\0nul".to_vec(),
        // Names that mean something to the collector.
        2 => generator
            .pick(&[
                "traceparent",
                "saga-producer",
                "saga-sequence",
                "saga-producer-instance",
                "saga-producer-version",
            ])
            .as_bytes()
            .to_vec(),
        // The letters of dead letters' own headers must not be taken for those.
        _ => generator
            .noise(length)
            .into_iter()
            .map(|byte| byte.max(1))
            .collect(),
    };
    let length = generator.rng.usize(..20);
    let value = match generator.rng.u8(..4) {
        0 => None,
        1 => Some(Vec::new()),
        _ => Some(generator.noise(length)),
    };
    (name, value)
}
