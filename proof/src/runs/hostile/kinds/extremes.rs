//! Events at the ends of what is allowed, and a little beyond.

use anyhow::Result;
use saga_types::{Metadata, SagaEvent, SagaType, Timestamp, avro};

use crate::runs::hostile::{
    account::{self, Expect},
    generator::Generator,
    sender::record_of,
    stage::Stage,
};

/// Milliseconds since 1970: the years 1 and 9999, and around 1970.
const TIMES: [i64; 7] = [
    -62_135_596_800_000,
    LATEST,
    253_402_300_799_999,
    -1,
    0,
    1,
    4_102_444_800_000,
];

/// The latest moment at which an event may be recorded: the day behind it is kept for corrections.
const LATEST: i64 = 253_402_214_399_999;

const SEQUENCES: [&str; 7] = [
    "0",
    "18446744073709551615",
    "18446744073709551616",
    "-1",
    "9223372036854775807",
    "1e3",
    "\u{0663}",
];

pub(super) async fn play(stage: &mut Stage) -> Result<String> {
    let events = stage.count(200, 2_000);
    for _ in 0..events {
        let event = extreme(&mut stage.generator)?;
        let mut record = record_of(&event)?;
        let sequence = *stage.generator.pick(&SEQUENCES);
        let pairs: [(&str, &[u8]); 4] = [
            ("saga-producer", b"extremes"),
            ("saga-producer-version", b"999999999999999999999.0"),
            ("saga-producer-instance", sequence.as_bytes()),
            ("saga-sequence", sequence.as_bytes()),
        ];
        record.headers = pairs
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), Some(value.to_vec())))
            .collect();
        // Whether an event may be so is for the reader of the topic to say.
        let is_read = record
            .value
            .as_deref()
            .is_some_and(|value| avro::decode_single_object(value).is_ok());
        let expect = if is_read && event.recorded_at.as_millis() <= LATEST {
            Expect::Stored(account::key(&event))
        } else {
            Expect::DeadLetter(record.clone())
        };
        stage.sender.record(&record, None, expect)?;
    }
    stage.sender.flush().await?;
    Ok(format!(
        "{events} events with far times, huge numbers and sequences, long names, deep metadata"
    ))
}

fn extreme(generator: &mut Generator) -> Result<SagaEvent> {
    let mut event = generator.event("extreme")?;
    match generator.rng.u8(..6) {
        0 => {
            event.recorded_at = Timestamp::from_millis(*generator.pick(&TIMES))?;
            event.event_timestamp = Timestamp::from_millis(*generator.pick(&TIMES))?;
        }
        1 => {
            let fill = 100 - event.saga_id.as_str().len();
            event.saga_id = format!("{}{}", event.saga_id, "\u{1F600}".repeat(fill)).parse()?;
            event.saga_type = SagaType::new(format!("T{}", generator.rng.u32(..)))?;
        }
        _ => event.metadata = Metadata::parse(metadata(generator)).ok(),
    }
    Ok(event)
}

fn metadata(generator: &mut Generator) -> String {
    let digits = generator.rng.usize(1..40);
    let number: String = (0..digits)
        .map(|_| char::from(generator.rng.u8(b'1'..=b'9')))
        .collect();
    match generator.rng.u8(..6) {
        0 => format!(r#"{{"huge":{number}}}"#),
        1 => format!(
            r#"{{"fraction":0.{number},"negative":-0.0,"exponent":{}e307}}"#,
            &number[..1]
        ),
        2 => {
            let depth = generator.rng.usize(1..63);
            format!(r#"{{"deep":{}{}}}"#, "[".repeat(depth), "]".repeat(depth))
        }
        3 => format!(
            r#"{{"producerService":"{}","traceId":"{}"}}"#,
            "s".repeat(100),
            "t".repeat(300)
        ),
        4 => format!(r#"{{"long":"{}"}}"#, "\u{AC00}".repeat(9_000)),
        _ => format!(r#"{{"durationMs":{number},"retryCount":-{number},"parentSagaId":"{number}"}}"#),
    }
}
