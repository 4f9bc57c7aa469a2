//! What is on the topic, compared with what was recorded.

use std::collections::HashSet;

use anyhow::{Context as _, Result};
use rdkafka::{Message as _, message::BorrowedMessage};
use saga_sdk::{SagaStatus, SagaType, Stats, steps};
use saga_types::{SagaEvent, avro, keys, topic::headers};

use super::{SERVICE, TOPIC, caller};
use crate::{parts::Parts, report::Report, topic};

/// What was found.
pub(crate) struct Found {
    numbers: HashSet<u64>,
    twice: usize,
    differing: Vec<String>,
    out_of_order: usize,
}

/// Reads the whole topic; `recorded` is how many events were handed over, numbered from 0.
pub(crate) fn topic(parts: &Parts, recorded: u64) -> Result<Found> {
    let mut found = Found {
        numbers: HashSet::new(),
        twice: 0,
        differing: Vec::new(),
        out_of_order: 0,
    };
    let mut last_of_partition = [0; 3];
    topic::read(&parts.bootstrap_servers, TOPIC, |record| {
        let (number, difference) = compare(record, recorded)?;
        found.differing.extend(difference);
        if !found.numbers.insert(number) {
            found.twice += 1;
        }
        // One caller: so even the events of a partition are in the order of the calls.
        let last = &mut last_of_partition[usize::try_from(record.partition())?];
        found.out_of_order += usize::from(number < *last);
        *last = number;
        Ok(())
    })?;
    Ok(found)
}

/// The number of the call, and what is not as it was recorded.
fn compare(record: &BorrowedMessage<'_>, recorded: u64) -> Result<(u64, Option<String>)> {
    let event = avro::decode_single_object(record.payload().unwrap_or_default())?;
    let metadata = event
        .metadata
        .as_ref()
        .context("an event without metadata")?
        .to_object();
    let number = metadata["number"]
        .as_u64()
        .context("an event without its number")?;
    // Recorded by one client from one thread, so the sequence counts the calls.
    let sequence = topic::header(record, headers::SEQUENCE).and_then(|text| text.parse().ok());
    let is_as_recorded = number < recorded
        && sequence == Some(number + 1)
        && topic::header(record, headers::PRODUCER) == Some(SERVICE)
        && record.key() == Some(event.saga_id.as_str().as_bytes())
        && metadata["customerId"] == "C-17"
        && metadata[keys::PRODUCER_SERVICE] == SERVICE
        && is_the_step(&event, number);
    Ok((number, (!is_as_recorded).then(|| format!("{event:?}"))))
}

fn is_the_step(event: &SagaEvent, number: u64) -> bool {
    event.saga_id == *caller::saga_id(number)
        && event.order_id == *caller::order_id(number)
        && event.saga_type == SagaType::ORDER_CREATION
        && event.step == steps::STOCK_RESERVATION
        && event.status == SagaStatus::InProgress
}

impl Found {
    pub(crate) fn promises(&self, report: &mut Report, stats: &Stats) {
        let arrived = self.numbers.len() as u64;
        report.promise(
            "every acknowledged event is on the topic, and no other",
            arrived == stats.acknowledged,
            format!("{} acknowledged, {arrived} on the topic", stats.acknowledged),
        );
        report.promise_none("no event is on the topic twice", self.twice, &[]);
        report.promise_none(
            "every event is as it was recorded",
            self.differing.len(),
            &self.differing[..self.differing.len().min(3)],
        );
        report.promise_none("events are in the order of the calls", self.out_of_order, &[]);
    }
}
