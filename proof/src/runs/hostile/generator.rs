//! New events and bytes, from a seed.

use anyhow::Result;
use fastrand::Rng;
use saga_types::{Metadata, SagaEvent, SagaStatus, SagaType, Timestamp, steps};

/// Makes events that are each a saga of their own.
#[derive(Debug, Clone)]
pub(super) struct Generator {
    pub(super) rng: Rng,
}

impl Generator {
    pub(super) fn new(seed: u64, name: &str) -> Self {
        let mix = |seed: u64, byte: u8| (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        Self {
            rng: Rng::with_seed(name.bytes().fold(seed ^ 0xCBF2_9CE4_8422_2325, mix)),
        }
    }

    /// One that nothing is wrong with; its saga's id begins with the name.
    pub(super) fn event(&mut self, name: &str) -> Result<SagaEvent> {
        let id = format!("{name}-{:016x}", self.rng.u64(..));
        let mut event = SagaEvent::new(
            format!("e-{id}").parse()?,
            id.parse()?,
            format!("ORD-{}", self.rng.u32(..)).parse()?,
            SagaType::ORDER_CREATION,
            steps::ORDER_CREATED,
            SagaStatus::Started,
            Timestamp::now(),
        );
        let customer = self.rng.u32(..);
        let metadata = format!(r#"{{"producerService":"order-service","customerId":"C-{customer}"}}"#);
        event.metadata = Some(Metadata::parse(metadata)?);
        Ok(event)
    }

    /// Random bytes, which no codec makes smaller.
    pub(super) fn noise(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.rng.fill(&mut bytes);
        bytes
    }

    pub(super) fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.rng.usize(..among.len())]
    }
}
