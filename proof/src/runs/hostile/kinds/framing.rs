//! Random bytes, mutated events, frames that are cut: each is stored as the event that it still is, or a dead letter.

use anyhow::Result;
use saga_types::avro;

use crate::{
    accounting::RawRecord,
    runs::hostile::{
        account::{self, Expect},
        generator::Generator,
        sender::record_of,
        stage::Stage,
    },
};

pub(super) async fn play(stage: &mut Stage) -> Result<String> {
    let records = stage.count(600, 10_000);
    for _ in 0..records {
        let value = mutant(&mut stage.generator)?;
        let event = value
            .as_deref()
            .and_then(|value| avro::decode_single_object(value).ok());
        let record = RawRecord {
            key: stage.generator.rng.bool().then(|| stage.generator.noise(16)),
            value,
            headers: Vec::new(),
        };
        let expect = match &event {
            // What it holds may be refused for another reason, as a repeated id.
            Some(event) => Expect::Either(Some(account::key(event))),
            None => Expect::DeadLetter(record.clone()),
        };
        stage.sender.record(&record, None, expect)?;
    }
    stage.sender.flush().await?;
    Ok(format!("{records} records of random, mutated and cut bytes"))
}

fn mutant(generator: &mut Generator) -> Result<Option<Vec<u8>>> {
    let mut value = record_of(&generator.event("mutant")?)?.value.unwrap_or_default();
    match generator.rng.u8(..8) {
        0 => return Ok(None),
        1 => {
            let length = generator.rng.usize(..300);
            return Ok(Some(generator.noise(length)));
        }
        2 => value.truncate(generator.rng.usize(..value.len())),
        3 => {
            let more = generator.rng.usize(1..9);
            value.extend(generator.noise(more));
        }
        // Behind the frame, where the lengths of strings are.
        4 => {
            let at = generator.rng.usize(10..14);
            value.splice(at..at, [0xFF; 9]);
        }
        _ => {
            for _ in 0..generator.rng.usize(1..6) {
                let at = generator.rng.usize(..value.len());
                value[at] = generator.rng.u8(..);
            }
        }
    }
    Ok(Some(value))
}
