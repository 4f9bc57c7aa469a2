//! Letters decoded with the current schemas, rules and mappings: the event of each, or why a replay gives none.
//!
//! Rule of thumb: whatever a letter is, the reason says what an operator can do about it. A record of a source gives the event
//! that the source would make of it if it read the record again, so that it is stored once either way.

use std::{collections::BTreeSet, sync::Arc};

use saga_types::{
    SagaEvent, Timestamp,
    avro::{DecodeError, Framing, MAX_EVENT_BYTES, encode_v2},
    topic::dead_letter_headers as dead,
};
use tokio::task::yield_now;

use super::{
    read::{self, HEADERS_BYTES, MAX_KEY_BYTES},
    values,
};
use crate::{
    ingest::{RegistryConfig, decode::Decoder, rejection::Rejection, schema_registry::Registry},
    kafka::dead_letter_form::{VALUE_BYTES, key_of_none},
    sources::{
        MapRecord, Record, Value,
        map::{self, DocumentRegistry, Mapped, Schemas},
    },
};
use saga_store::{Letter, StoredLetter};

/// The headers that stand behind those of the record.
const ADDED: [&str; 8] = [
    dead::ORIGINAL_TOPIC,
    dead::ORIGINAL_PARTITION,
    dead::ORIGINAL_OFFSET,
    dead::ORIGINAL_TIMESTAMP,
    dead::ORIGINAL_TIMESTAMP_TYPE,
    dead::ORIGINAL_CONSUMER_GROUP,
    dead::EXCEPTION_FQCN,
    dead::EXCEPTION_MESSAGE,
];

/// The name and value of a header.
type Header<'a> = (&'a [u8], Option<&'a [u8]>);

/// A source whose letters can be replayed.
#[derive(Clone)]
pub struct LetterSource {
    /// Its name, which is that of its mapping.
    pub name: String,
    /// Its topic.
    pub topic: String,
    /// Its consumer group.
    pub group: String,
    /// Makes events of its records.
    pub mapper: Arc<dyn MapRecord>,
}

/// Reads letters.
pub(super) struct Reader {
    decoder: Decoder,
    documents: Option<DocumentRegistry>,
    sources: Vec<LetterSource>,
}

impl Reader {
    pub(super) fn new(registry: Option<RegistryConfig>) -> Self {
        Self {
            decoder: Decoder::new(registry.clone()),
            documents: registry.map(Registry::new),
            sources: Vec::new(),
        }
    }

    pub(super) fn with_sources(self, sources: Vec<LetterSource>) -> Self {
        Self { sources, ..self }
    }

    /// The events that values are, as ingest reads them.
    pub(super) async fn decode(&mut self, letters: &[StoredLetter]) -> Vec<Option<SagaEvent>> {
        // A registry that is unavailable hides the events of its writers, and nothing else.
        let _ = self.decoder.prepare_now(values(letters)).await;
        let events = letters.iter().map(|stored| {
            let value = stored.letter.value.as_deref().unwrap_or_default();
            self.decoder.decode_value(value).ok()
        });
        events.collect()
    }

    /// The events of letters, as a replay stores them; with it what keeps the registry from answering, if anything does.
    pub(super) async fn read(
        &mut self,
        letters: &[StoredLetter],
    ) -> (Vec<Result<SagaEvent, Rejection>>, Option<String>) {
        let of_services = letters
            .iter()
            .filter(|stored| self.source(&stored.letter).is_none());
        let of_services: Vec<&[u8]> = of_services
            .filter_map(|stored| stored.letter.value.as_deref())
            .collect();
        let mut away = self.decoder.prepare_now(of_services.into_iter()).await.err();
        let schemas = self.schemas(letters, &mut away).await;
        let mut events = Vec::with_capacity(letters.len());
        for stored in letters {
            events.push(self.event(stored, &schemas));
            // Expressions are bounded, and many of them take long nevertheless.
            yield_now().await;
        }
        (events, away)
    }

    async fn schemas(&mut self, letters: &[StoredLetter], away: &mut Option<String>) -> Schemas {
        let ids = self.document_schema_ids(letters);
        let Some(registry) = self.documents.as_mut().filter(|_| !ids.is_empty()) else {
            return Schemas::new();
        };
        if let Err(reason) = registry.learn_now(&ids).await {
            away.get_or_insert(reason);
        }
        map::schemas(registry, ids)
    }

    fn document_schema_ids(&self, letters: &[StoredLetter]) -> BTreeSet<u32> {
        let values = letters.iter().filter_map(|stored| {
            let source = self.source(&stored.letter)?;
            let value = stored.letter.value.as_deref();
            value.filter(|_| source.mapper.takes_avro())
        });
        map::schema_ids(values)
    }

    fn event(&self, stored: &StoredLetter, schemas: &Schemas) -> Result<SagaEvent, Rejection> {
        is_kept(stored)?;
        let letter = &stored.letter;
        let value = letter.value.as_deref().unwrap_or_default();
        match self.source(letter) {
            Some(source) => self.mapped(letter, source, schemas),
            None => self.decoder.decode_value(value).map_err(|rejection| {
                match read::is_of_a_source(&letter.reason, letter.origin.group.as_deref()) {
                    true => no_source(letter),
                    false => rejection,
                }
            }),
        }
    }

    /// What the source's mapping makes of the record, checked as ingest checks what comes by the topic.
    fn mapped(
        &self,
        letter: &Letter,
        source: &LetterSource,
        schemas: &Schemas,
    ) -> Result<SagaEvent, Rejection> {
        let (Some(topic), Some(partition), Some(offset)) = (
            &letter.origin.topic,
            letter.origin.partition,
            letter.origin.offset,
        ) else {
            return Err(not_kept(
                "the offset of its record, from which the event's id is derived, is not known",
            ));
        };
        let Some(headers) = own_headers(letter) else {
            return Err(not_kept("not all of its headers are kept"));
        };
        let key = letter.key.as_deref();
        if key.is_some_and(|key| key.len() >= MAX_KEY_BYTES) {
            return Err(not_kept("only the beginning of its key is kept"));
        }
        let record = Record {
            topic,
            partition,
            offset,
            timestamp_millis: time_of(letter),
            key: key.filter(|key| *key != key_of_none(partition, offset).as_bytes()),
            value: letter.value.as_deref().map(Value::Bytes),
            headers,
        };
        match map::map(record, &*source.mapper, schemas)? {
            Mapped::Event(event) => self
                .decoder
                .decode_value(&encode_v2(&event, Framing::SingleObject)),
            Mapped::Ignored => Err(Rejection {
                kind: "IGNORED_BY_MAPPING",
                reason: format!(
                    "no rule of the mapping {} matches it any more; dismiss it if it is about no saga",
                    source.name
                ),
            }),
        }
    }

    /// The source that reads the topic of a letter's record: that of the same group, or any other.
    fn source(&self, letter: &Letter) -> Option<&LetterSource> {
        let topic = letter.origin.topic.as_deref()?;
        let group = letter.origin.group.as_deref();
        let mut of_topic = self.sources.iter().filter(|source| source.topic == topic);
        let of_group = of_topic
            .clone()
            .find(|source| Some(source.group.as_str()) == group);
        of_group.or_else(|| of_topic.next())
    }
}

/// Whether a letter has the whole value of its record.
fn is_kept(stored: &StoredLetter) -> Result<(), Rejection> {
    let letter = &stored.letter;
    if stored.erased_at.is_some() {
        return Err(Rejection {
            kind: "ERASED",
            reason: "its content was erased, so there is nothing to replay; dismiss it".to_owned(),
        });
    }
    if letter.reason == "UNREADABLE_BATCH" {
        return Err(not_kept(&format!(
            "nothing of it could be read: {}",
            letter.message
        )));
    }
    let kept = letter.value.as_ref().map_or(0, Vec::len);
    if letter.value_bytes > MAX_EVENT_BYTES as u64 {
        let bytes = usize::try_from(letter.value_bytes).unwrap_or(usize::MAX);
        return Err(DecodeError::TooLarge { bytes }.into());
    }
    let bytes_before = letter.headers.iter().any(|(name, _)| name == VALUE_BYTES);
    if bytes_before || letter.value_bytes > kept as u64 {
        return Err(not_kept(&format!("only {kept} bytes of its value are kept")));
    }
    Ok(())
}

fn no_source(letter: &Letter) -> Rejection {
    let (topic, group) = (&letter.origin.topic, &letter.origin.group);
    let named = |name: &Option<String>| name.clone().unwrap_or_else(|| "not known".to_owned());
    Rejection {
        kind: "NO_SOURCE",
        reason: format!(
            "it is a record of a source (topic {}, group {}) that this collector does not have: configure the source with its mapping, \
             then replay it",
            named(topic),
            named(group)
        ),
    }
}

fn not_kept(what: &str) -> Rejection {
    Rejection {
        kind: "NOT_KEPT",
        reason: format!("{what}; its record may still be in its original topic"),
    }
}

/// When the record was written, in milliseconds since 1970, as its source read it: also a time that is none of ours.
fn time_of(letter: &Letter) -> Option<i64> {
    let mut headers = letter.headers.iter();
    let given = headers.rfind(|(name, _)| name == dead::ORIGINAL_TIMESTAMP);
    let given = given.and_then(|(_, millis)| Some(i64::from_be_bytes(millis.as_deref()?.try_into().ok()?)));
    // A record without a time has this one.
    let given = given.filter(|millis| *millis != -1);
    given.or_else(|| letter.origin.time.map(Timestamp::as_millis))
}

/// The headers that the record had before it became a letter; `None` when some are not kept.
fn own_headers(letter: &Letter) -> Option<Vec<Header<'_>>> {
    if letter.headers.iter().any(|(name, _)| name == HEADERS_BYTES) {
        return None;
    }
    let is_on_its_topic = letter.origin.topic.as_deref() == Some(letter.topic.as_str());
    let mut added = match is_on_its_topic {
        true => Vec::new(),
        false => ADDED.to_vec(),
    };
    let mut headers = Vec::with_capacity(letter.headers.len());
    // From the end: a record that was a letter before has headers of the same names.
    for (name, value) in letter.headers.iter().rev() {
        match added.iter().position(|added| added == name) {
            Some(place) => _ = added.swap_remove(place),
            None => headers.push((name.as_bytes(), value.as_deref())),
        }
    }
    headers.reverse();
    // They stand last, and those that do not fit are left out from there.
    added.is_empty().then_some(headers)
}

#[cfg(test)]
mod tests;
