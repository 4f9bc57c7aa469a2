//! The dead letter topic, byte for byte.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use saga_types::topic::dead_letter_headers as headers;

use super::Examples;
use crate::{
    accounting::{Accounting, Origin, RawRecord},
    report::{Report, Table},
    server::Harness,
    topic,
};

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    letters: usize,
    /// How often each bad record came.
    dead_lettered: HashMap<Origin, usize>,
    missing: Examples,
    differing: Examples,
    unexpected: Examples,
}

pub(super) fn audit(bootstrap_servers: &str, accounting: &Accounting) -> Result<Found> {
    let sent = accounting.poisoned();
    let mut found = Found::default();
    topic::read(bootstrap_servers, Harness::DEAD_LETTER_TOPIC, |record| {
        found.take(topic::raw(record), &sent)
    })?;
    for (origin, record) in sent.iter() {
        if !found.dead_lettered.contains_key(origin) {
            found.missing.add(|| format!("{origin:?}: {record:?}"));
        }
    }
    Ok(found)
}

impl Found {
    fn take(&mut self, mut letter: RawRecord, sent: &HashMap<Origin, RawRecord>) -> Result<()> {
        self.letters += 1;
        let added = letter
            .headers
            .iter()
            .position(|(name, _)| name.starts_with(b"kafka_dlt-"));
        let added = letter.headers.split_off(added.unwrap_or(letter.headers.len()));
        let origin = origin(&added)?;
        match sent.get(&origin) {
            Some(record) if *record == letter && is_of_our_topic(&added) => {
                *self.dead_lettered.entry(origin).or_default() += 1;
            }
            Some(record) => self.differing.add(|| format!("{letter:?} instead of {record:?}")),
            None => self.unexpected.add(|| format!("{origin:?}: {added:?}")),
        }
        Ok(())
    }

    pub(super) fn figures(&self, table: &mut Table) {
        table.figure("dead letters", self.letters);
        let again = self.dead_lettered.values().map(|times| times - 1).sum::<usize>();
        table.figure("of them again, after a kill", again);
    }

    pub(super) fn promises(&self, report: &mut Report) {
        self.missing
            .promise_none("every acknowledged bad record is a dead letter", report);
        self.differing
            .promise_none("every dead letter is the record byte for byte", report);
        self.unexpected.promise_none("no event is a dead letter", report);
    }
}

pub(crate) fn value<'a>(added: &'a [(Vec<u8>, Option<Vec<u8>>)], name: &str) -> Option<&'a [u8]> {
    let header = added.iter().find(|(key, _)| key == name.as_bytes());
    header.and_then(|(_, value)| value.as_deref())
}

pub(crate) fn origin(added: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<Origin> {
    let partition = value(added, headers::ORIGINAL_PARTITION).and_then(|bytes| bytes.try_into().ok());
    let offset = value(added, headers::ORIGINAL_OFFSET).and_then(|bytes| bytes.try_into().ok());
    Ok(Origin {
        partition: i32::from_be_bytes(partition.context("a dead letter without its partition")?),
        offset: i64::from_be_bytes(offset.context("a dead letter without its offset")?),
    })
}

fn is_of_our_topic(added: &[(Vec<u8>, Option<Vec<u8>>)]) -> bool {
    value(added, headers::ORIGINAL_TOPIC) == Some(Harness::TOPIC.as_bytes())
        && value(added, headers::EXCEPTION_MESSAGE).is_some_and(|reason| !reason.is_empty())
}
