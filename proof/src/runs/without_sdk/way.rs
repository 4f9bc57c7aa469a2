//! The ways of one story: what is sent by each, in disorder, late and again, and the mappings that take it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use fastrand::Rng;
use rdkafka::{
    ClientConfig,
    producer::{FutureProducer, FutureRecord},
};
use without_sdk::{
    records::{self, Record},
    spans::{EndedSpan, Exporters},
};

use crate::{accounting::RawRecord, server::Harness, topic};

/// One of so many is sent twice at once, and one of so many late.
const REPEATED: usize = 5;
const LATE: usize = 10;

/// What is sent by a way.
pub(super) enum Emitted {
    /// Records of saga-sdk itself.
    Wire(Vec<RawRecord>),
    /// Spans.
    Spans(Vec<EndedSpan>),
    /// Domain events, or rows of an outbox.
    Records(Vec<Record>),
}

/// A way, and the sagas of its orders.
pub(super) struct Way {
    pub(super) name: &'static str,
    /// The folder of the example with its configuration and mappings; none for saga-sdk.
    pub(super) folder: Option<&'static str>,
    /// In the order of the scenarios.
    pub(super) sagas: Vec<String>,
    pub(super) emitted: Emitted,
    /// Where spans go.
    pub(super) url: String,
}

/// When something is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wave {
    /// Most of it, in disorder, some of it twice.
    Most,
    /// What is late.
    Late,
    /// All of it once more, in another order.
    Again,
}

impl Emitted {
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Wire(records) => records.len(),
            Self::Spans(spans) => spans.len(),
            Self::Records(records) => records.len(),
        }
    }
}

impl Way {
    /// Sends a wave of it.
    pub(super) async fn send(&self, bootstrap_servers: &str, wave: Wave, seed: u64) -> Result<()> {
        match &self.emitted {
            Emitted::Wire(events) => send_raw(bootstrap_servers, &chosen(events, wave, seed)).await,
            Emitted::Spans(spans) => Exporters::to(&self.url)?.export(&chosen(spans, wave, seed)).await,
            Emitted::Records(records) => records::send(bootstrap_servers, &chosen(records, wave, seed)).await,
        }
    }

    /// How many lines its mappings have together.
    pub(super) fn lines_of_mappings(&self) -> Result<usize> {
        let Some(folder) = self.folder else { return Ok(0) };
        let mut lines = 0;
        for entry in std::fs::read_dir(of_example(folder).join("mappings"))? {
            lines += std::fs::read_to_string(entry?.path())?.lines().count();
        }
        Ok(lines)
    }
}

/// A folder of the example.
pub(super) fn of_example(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples/without-sdk")
        .join(folder)
}

/// What a wave holds: the same for the same seed.
fn chosen<T: Clone>(all: &[T], wave: Wave, seed: u64) -> Vec<T> {
    let mut order = Rng::with_seed(seed);
    let mut numbers: Vec<usize> = (0..all.len()).collect();
    order.shuffle(&mut numbers);
    let (late, most) = numbers.split_at(numbers.len() / LATE);
    let mut wanted = match wave {
        Wave::Most => {
            let mut most = most.to_vec();
            most.extend_from_within(..most.len() / REPEATED);
            most
        }
        Wave::Late => late.to_vec(),
        Wave::Again => numbers,
    };
    order.shuffle(&mut wanted);
    wanted.into_iter().map(|number| all[number].clone()).collect()
}

async fn send_raw(bootstrap_servers: &str, records: &[RawRecord]) -> Result<()> {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .create()?;
    let mut deliveries = Vec::with_capacity(records.len());
    for record in records {
        let headers = topic::owned_headers(record);
        let mut sent: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(Harness::TOPIC).headers(headers);
        (sent.key, sent.payload) = (record.key.as_deref(), record.value.as_deref());
        deliveries.push(producer.send_result(sent).map_err(|(error, _)| error)?);
    }
    for delivery in deliveries {
        let delivered = delivery.await.context("the producer ended")?;
        delivered.map_err(|(error, _)| error)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waves_together_hold_everything() {
        let all: Vec<usize> = (0..100).collect();
        let wave = |wave| chosen(&all, wave, 7);
        assert_eq!((wave(Wave::Most).len(), wave(Wave::Late).len()), (108, 10));
        let mut both = [wave(Wave::Most), wave(Wave::Late)].concat();
        both.sort_unstable();
        both.dedup();
        assert_eq!(both, all);
        let mut again = wave(Wave::Again);
        assert_ne!(again, all);
        again.sort_unstable();
        assert_eq!(again, all);
    }
}
