//! Records that no collector can store, each of which belongs into the dead letter topic.

use anyhow::Result;
use fastrand::Rng;
use saga_types::{
    SagaEvent, Step,
    avro::{self, Framing, SchemaVersion},
};

use crate::accounting::RawRecord;

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Poison {
    /// Bytes of no known framing, without a key.
    Noise,
    /// No value at all.
    Tombstone,
    /// An event that is cut off.
    Cut,
    /// An event with more behind it.
    Surplus,
    /// The fingerprint of an unknown schema.
    UnknownSchema,
    /// A schema's id, where there is no registry.
    NoRegistry,
    /// U+0000 in the metadata, which PostgreSQL cannot store.
    Nul,
    /// The id of an event with other content.
    Contradiction,
}

impl Poison {
    const ALL: [Self; 8] = [
        Self::Noise,
        Self::Tombstone,
        Self::Cut,
        Self::Surplus,
        Self::UnknownSchema,
        Self::NoRegistry,
        Self::Nul,
        Self::Contradiction,
    ];

    pub(crate) fn pick(rng: &mut Rng) -> Self {
        Self::ALL[rng.usize(..Self::ALL.len())]
    }
}

/// A bad record made from a good event. Its headers differ from those of all others.
pub(crate) fn spoil(poison: Poison, event: &SagaEvent, rng: &mut Rng) -> Result<RawRecord> {
    let mut bytes = encode(event)?;
    let mut key = Some(event.saga_id.as_str().as_bytes().to_vec());
    let value = match poison {
        Poison::Noise => {
            key = None;
            let mut noise: Vec<u8> = (0..rng.usize(1..200)).map(|_| rng.u8(..)).collect();
            // Neither 0 nor C3, with which the known framings begin.
            noise[0] = b'{';
            Some(noise)
        }
        Poison::Tombstone => None,
        Poison::Cut => {
            bytes.truncate(bytes.len() - rng.usize(1..10));
            Some(bytes)
        }
        Poison::Surplus => {
            bytes.push(0);
            Some(bytes)
        }
        Poison::UnknownSchema => {
            bytes[2..10].fill(0x11);
            Some(bytes)
        }
        Poison::NoRegistry => {
            bytes.splice(..10, [0, 0, 0, 0, 7]);
            Some(bytes)
        }
        Poison::Nul => Some(with_nul(bytes)?),
        Poison::Contradiction => {
            let mut other = event.clone();
            other.step = Step::new("SOMETHING_ELSE")?;
            Some(encode(&other)?)
        }
    };
    Ok(RawRecord {
        key,
        value,
        headers: vec![
            (b"proof-poison".to_vec(), Some(format!("{poison:?}").into_bytes())),
            (b"proof-bytes".to_vec(), Some(rng.u64(..).to_be_bytes().to_vec())),
            (b"proof-nothing".to_vec(), None),
        ],
    })
}

fn encode(event: &SagaEvent) -> Result<Vec<u8>> {
    Ok(avro::encode(event, SchemaVersion::V2, Framing::SingleObject)?)
}

/// Puts an escaped U+0000 over six characters of the customer's id, so that all lengths stay right.
fn with_nul(mut bytes: Vec<u8>) -> Result<Vec<u8>> {
    let customer = b"\"C-";
    let place = bytes
        .windows(customer.len())
        .position(|window| window == customer);
    let place = place.ok_or_else(|| anyhow::anyhow!("a planned event without a customer"))? + customer.len();
    bytes[place..place + 6].copy_from_slice(b"\\u0000");
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{events::Plan, shapes::Mix};

    #[test]
    fn nothing_but_a_contradiction_can_be_read() {
        let event = &Plan::new(1, Mix::default(), 7).saga(0).unwrap()[0];
        let mut rng = Rng::with_seed(1);
        for poison in Poison::ALL {
            let bad = spoil(poison, event, &mut rng).unwrap();
            let read = avro::decode_single_object(bad.value.as_deref().unwrap_or_default());
            match read {
                Ok(read) => {
                    assert_eq!(
                        (poison, read.event_id.as_str()),
                        (Poison::Contradiction, event.event_id.as_str())
                    );
                    assert_ne!(read, *event);
                }
                Err(_) => assert_ne!(poison, Poison::Contradiction),
            }
        }
    }
}
