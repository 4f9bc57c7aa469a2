//! From a record of the dead letter topic to a letter. Whatever program wrote it, any header may be missing or malformed: then
//! less is known, and nothing is lost.

use saga_types::{
    SagaEvent, SagaId, Timestamp,
    avro::{MAX_EVENT_BYTES, PartialEvent},
    topic::{dead_letter_headers as dead, headers},
};
use sha2::{Digest, Sha256};

use crate::kafka::{dead_letter_producer::DeadLetter, record::RawRecord};
use saga_store::{Letter, NewLetter, Origin, producer_name};

/// What stands before our own kinds of errors, as if they were classes.
pub(super) const OWN_KINDS: &str = "saga.tracker.";

/// The class that Spring adds when the error it names only wraps the cause.
pub(super) const CAUSE_FQCN: &str = "kafka_dlt-exception-cause-fqcn";

/// The reason of a letter that names none.
const NO_REASON: &str = "UNKNOWN";

const MAX_NAME_CHARS: usize = 250;
const MAX_MESSAGE_CHARS: usize = 2_000;
pub(super) const MAX_KEY_BYTES: usize = 4 * 1024;
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Stands behind headers that are not all kept: how many bytes all of them have, in decimal.
pub(super) const HEADERS_BYTES: &str = "saga-tracker-headers-bytes";

/// The beginning of groups of sources that the configuration does not name.
const SOURCE_GROUP: &str = "saga-tracker-source-";

/// Reasons that only records of sources have.
const OF_SOURCES: [&str; 3] = ["NOT_THE_FORMAT", "REFUSED_BY_MAPPING", "EVENT_TOO_LARGE"];

/// Whether a source gave up on a record, as far as reason and group say it.
pub(super) fn is_of_a_source(reason: &str, group: Option<&str>) -> bool {
    OF_SOURCES.contains(&reason) || group.is_some_and(|group| group.starts_with(SOURCE_GROUP))
}

/// What is to be kept of a record; the event is what its value says, if it says any. Where something `is_hidden`, broken bytes name no
/// saga: any field of them may hold what belongs to another one, and the saga's name is shown.
pub(super) fn letter(
    topic: &str,
    record: &RawRecord,
    event: Option<&SagaEvent>,
    is_hidden: bool,
) -> NewLetter {
    let origin = origin(record);
    let value = record.value();
    let key_as_saga = || SagaId::new(str::from_utf8(record.key()?).ok()?).ok();
    let read_in_part = || {
        let partial = PartialEvent::read(value?).filter(|partial| !is_hidden || partial.is_whole())?;
        SagaId::new(partial.value("sagaId")?).ok()
    };
    let saga_id = event.map(|event| event.saga_id.clone());
    let saga_id = saga_id.or_else(read_in_part).or_else(key_as_saga);
    let reason = reason(record);
    NewLetter {
        identity: identity(topic, record, &origin, &reason),
        letter: Letter {
            topic: topic.to_owned(),
            partition: record.partition,
            offset: record.offset,
            dead_since: dead_since(record),
            origin,
            reason,
            message: text(record, dead::EXCEPTION_MESSAGE, MAX_MESSAGE_CHARS).unwrap_or_default(),
            saga_id: saga_id.map(String::from),
            saga_type: event.map(|event| event.saga_type.as_str().to_owned()),
            event_id: event.map(|event| event.event_id.as_str().to_owned()),
            producer: text(record, headers::PRODUCER, MAX_NAME_CHARS).or_else(|| producer(event?)),
            key: record.key().map(|key| beginning(key, MAX_KEY_BYTES)),
            value: value.map(|value| beginning(value, MAX_EVENT_BYTES)),
            value_bytes: value.map_or(0, <[u8]>::len) as u64,
            headers: kept_headers(record),
        },
    }
}

/// What is to be kept of a record that the dead letter topic does not take: the same letter, which lies in its source topic.
pub(crate) fn kept_back(dead: &DeadLetter<'_>, source_topic: &str, group: &str) -> NewLetter {
    let record = dead.record;
    // Whether something is hidden is not known here.
    let mut new = letter(source_topic, record, None, true);
    new.letter.origin = Origin {
        topic: Some(source_topic.to_owned()),
        partition: Some(record.partition),
        offset: Some(record.offset),
        time: record_time(record),
        group: Some(group.to_owned()),
    };
    new.letter.dead_since = Timestamp::now();
    new.letter.reason = dead.kind.to_owned();
    new.letter.message = dead
        .reason
        .chars()
        .filter(|character| !character.is_control())
        .take(MAX_MESSAGE_CHARS)
        .collect();
    new.identity = identity(source_topic, record, &new.letter.origin, &new.letter.reason);
    new
}

/// What is kept of a letter that the database refuses: where its record lies, and why.
pub(crate) fn origin_only(refused: &NewLetter, reason: &str) -> NewLetter {
    let mut new = refused.clone();
    let message = format!("{}; the database refuses its bytes: {reason}", new.letter.message);
    new.letter.message = message.chars().take(MAX_MESSAGE_CHARS).collect();
    new.letter.saga_id = None;
    new.letter.saga_type = None;
    new.letter.event_id = None;
    new.letter.producer = None;
    new.letter.key = None;
    new.letter.value = None;
    new.letter.headers = Vec::new();
    new
}

/// The service that the event itself names.
fn producer(event: &SagaEvent) -> Option<String> {
    let service = event.metadata.as_ref()?.producer_service()?;
    producer_name(service).map(str::to_owned)
}

/// A record may be dead-lettered twice, when the collector died before it could commit, and a letter may be read twice. Both
/// are known by where the record was before. The times and bytes distinguish records of a topic that was created again. Of two sources
/// of the same topic each has its letter, since each makes an event of its own.
fn identity(topic: &str, record: &RawRecord, origin: &Origin, reason: &str) -> [u8; 32] {
    let from_origin = || {
        Some((
            origin.topic.as_deref()?,
            origin.partition?,
            origin.offset?,
            origin.time,
        ))
    };
    let alone = || {
        let time = record_time(record).unwrap_or(Timestamp::MIN);
        (topic, record.partition, record.offset, Some(time))
    };
    let (topic, partition, offset, time) = from_origin().unwrap_or_else(alone);
    let group = origin.group.as_deref();
    let source = group.filter(|_| is_of_a_source(reason, group));
    let mut hash = Sha256::new();
    let parts = [
        topic.as_bytes(),
        &partition.to_be_bytes(),
        &offset.to_be_bytes(),
        &time.map_or(-1, Timestamp::as_millis).to_be_bytes(),
        record.key().unwrap_or_default(),
        record.value().unwrap_or_default(),
    ];
    for part in parts.into_iter().chain(source.map(str::as_bytes)) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn origin(record: &RawRecord) -> Origin {
    let millis = number(record, dead::ORIGINAL_TIMESTAMP).map(i64::from_be_bytes);
    Origin {
        topic: text(record, dead::ORIGINAL_TOPIC, MAX_NAME_CHARS),
        partition: number(record, dead::ORIGINAL_PARTITION)
            .map(i32::from_be_bytes)
            .filter(|partition| *partition >= 0),
        offset: number(record, dead::ORIGINAL_OFFSET)
            .map(i64::from_be_bytes)
            .filter(|offset| *offset >= 0),
        time: millis
            .filter(|millis| *millis >= 0)
            .and_then(|millis| Timestamp::from_millis(millis).ok()),
        group: text(record, dead::ORIGINAL_CONSUMER_GROUP, MAX_NAME_CHARS),
    }
}

/// When the record was put on the topic, as it says; a letter of a time to come would never leave at the end of its retention, and
/// one without a time would leave at once.
fn dead_since(record: &RawRecord) -> Timestamp {
    let now = Timestamp::now();
    record_time(record).map_or(now, |time| time.min(now))
}

fn record_time(record: &RawRecord) -> Option<Timestamp> {
    let millis = record.timestamp.to_millis()?;
    Timestamp::from_millis(millis).ok()
}

fn reason(record: &RawRecord) -> String {
    let named = text(record, dead::EXCEPTION_FQCN, MAX_NAME_CHARS);
    if let Some(own) = named.as_deref().and_then(|name| name.strip_prefix(OWN_KINDS)) {
        return own.to_owned();
    }
    text(record, CAUSE_FQCN, MAX_NAME_CHARS)
        .or(named)
        .unwrap_or_else(|| NO_REASON.to_owned())
}

/// The last header of the name: a record that died before carries the headers of its first death, too.
fn header<'a>(record: &'a RawRecord, name: &str) -> Option<&'a [u8]> {
    let name = name.as_bytes();
    let found = record.headers().filter(|(header, _)| *header == name).last();
    found.and_then(|(_, value)| value)
}

fn number<const BYTES: usize>(record: &RawRecord, name: &str) -> Option<[u8; BYTES]> {
    header(record, name)?.try_into().ok()
}

/// A header's text, made fit for a line and for a database; none when nothing is left.
fn text(record: &RawRecord, name: &str, max_chars: usize) -> Option<String> {
    let text = String::from_utf8_lossy(header(record, name)?);
    let in_line = |character: char| if character.is_control() { ' ' } else { character };
    let text: String = text.chars().take(max_chars).map(in_line).collect();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn beginning(bytes: &[u8], max: usize) -> Vec<u8> {
    bytes[..bytes.len().min(max)].to_vec()
}

/// As many as fit, and a word of it when that is not all.
fn kept_headers(record: &RawRecord) -> Vec<(String, Option<Vec<u8>>)> {
    let bytes = |(name, value): (&[u8], Option<&[u8]>)| name.len() + value.map_or(0, <[u8]>::len);
    let mut room = MAX_HEADER_BYTES;
    let mut kept = Vec::new();
    for (name, value) in record.headers() {
        let Some(left) = room.checked_sub(bytes((name, value))) else {
            let all: usize = record.headers().map(bytes).sum();
            kept.push((HEADERS_BYTES.to_owned(), Some(all.to_string().into_bytes())));
            break;
        };
        room = left;
        let name = String::from_utf8_lossy(name).into_owned();
        kept.push((name, value.map(<[u8]>::to_vec)));
    }
    kept
}

#[cfg(test)]
mod tests {
    use rdkafka::Timestamp as KafkaTime;
    use saga_types::avro::{Framing, encode_v2};

    use super::*;
    use crate::test_events::created;

    fn record(headers: &[(&str, &[u8])]) -> RawRecord {
        RawRecord::of_parts(KafkaTime::CreateTime(7), b"key", b"value", headers)
    }

    fn refused(kind: &'static str, group: &str) -> NewLetter {
        let record = record(&[]);
        let dead = DeadLetter {
            record: &record,
            kind,
            reason: "why",
        };
        kept_back(&dead, "shop.orders", group)
    }

    #[test]
    fn each_source_of_a_topic_has_its_letter_of_a_record() {
        let identity = |kind, group| refused(kind, group).identity;
        assert_ne!(
            identity("REFUSED_BY_MAPPING", "one"),
            identity("REFUSED_BY_MAPPING", "two")
        );
        assert_ne!(
            identity("UNKNOWN_SCHEMA_ID", "saga-tracker-source-a"),
            identity("UNKNOWN_SCHEMA_ID", "saga-tracker-source-b")
        );
        // The same source may give another reason when it reads the record again, and whose letter an event of the tracker's own
        // topic is does not depend on who read it.
        assert_eq!(
            identity("NOT_THE_FORMAT", "one"),
            identity("REFUSED_BY_MAPPING", "one")
        );
        assert_eq!(identity("INVALID_NAME", "one"), identity("INVALID_NAME", "two"));
    }

    #[test]
    fn a_letter_is_the_same_by_its_topic_and_kept_back() {
        let origin: [(&str, &[u8]); 6] = [
            (dead::ORIGINAL_TOPIC, b"shop.orders"),
            (dead::ORIGINAL_PARTITION, &0_i32.to_be_bytes()),
            (dead::ORIGINAL_OFFSET, &0_i64.to_be_bytes()),
            (dead::ORIGINAL_TIMESTAMP, &7_i64.to_be_bytes()),
            (dead::ORIGINAL_CONSUMER_GROUP, b"one"),
            (dead::EXCEPTION_FQCN, b"saga.tracker.REFUSED_BY_MAPPING"),
        ];
        let by_topic = letter("events.dlt", &record(&origin), None, false);
        assert_eq!(by_topic.identity, refused("REFUSED_BY_MAPPING", "one").identity);
    }

    #[test]
    fn broken_bytes_name_a_saga_unless_something_is_hidden() {
        let event = created("evt-1", Timestamp::from_millis(7).unwrap());
        let bytes = encode_v2(&event, Framing::SingleObject);
        let broken = RawRecord::of_parts(KafkaTime::NotAvailable, b"key", &bytes[..bytes.len() - 10], &[]);
        let saga = |is_hidden| letter("events.dlt", &broken, None, is_hidden).letter.saga_id;
        assert_eq!(saga(false).as_deref(), Some("saga-1"));
        assert_eq!(saga(true).as_deref(), Some("key"));
    }

    #[test]
    fn headers_that_do_not_fit_are_said_to_be_missing() {
        let long = vec![b'x'; MAX_HEADER_BYTES];
        let all = kept_headers(&record(&[("a", b"1"), ("b", b"2")]));
        assert!(all.iter().map(|(name, _)| name.as_str()).eq(["a", "b"]));
        let some = kept_headers(&record(&[("a", b"1"), ("long", &long), ("b", b"2")]));
        let bytes = (MAX_HEADER_BYTES + 8).to_string().into_bytes();
        assert_eq!(
            some,
            [
                ("a".to_owned(), Some(b"1".to_vec())),
                (HEADERS_BYTES.to_owned(), Some(bytes)),
            ]
        );
    }

    fn letter_of(time: KafkaTime) -> NewLetter {
        letter(
            "sagas.dlt",
            &RawRecord::of_parts(time, b"saga-1", b"no event", &[]),
            None,
            false,
        )
    }

    #[test]
    fn a_letter_leaves_at_the_end_of_its_retention_whatever_its_record_says() {
        let begin = Timestamp::now();
        for time in [
            KafkaTime::NotAvailable,
            KafkaTime::CreateTime(Timestamp::MAX.as_millis()),
            KafkaTime::CreateTime(begin.as_millis() + 86_400_000),
            KafkaTime::CreateTime(i64::MAX),
            KafkaTime::LogAppendTime(i64::MIN),
        ] {
            let new = letter_of(time);
            assert!(
                (begin..=Timestamp::now()).contains(&new.letter.dead_since),
                "{time:?}"
            );
            // Read once more, it is the same.
            assert_eq!(letter_of(time).identity, new.identity);
        }
        let earlier = Timestamp::from_millis(1_760_000_000_000).unwrap();
        let new = letter_of(KafkaTime::CreateTime(earlier.as_millis()));
        assert_eq!(new.letter.dead_since, earlier);
    }
}
