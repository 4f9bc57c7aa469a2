//! Each kind of letter gives its event, or a reason that says what can be done.

use saga_store::{Letter, LetterState, Origin};

use super::*;
use crate::{sources::MappedRecord, test_events::created};

/// What a mapper sees of a record is the order of its event.
struct Seen;

impl MapRecord for Seen {
    fn takes_avro(&self) -> bool {
        true
    }

    fn map(&self, record: &Record<'_>) -> MappedRecord {
        let value = match &record.value {
            Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            Some(Value::Avro(json)) => json.clone(),
            None => return MappedRecord::Ignored,
        };
        let headers = record
            .headers
            .iter()
            .map(|(name, _)| String::from_utf8_lossy(name));
        let headers = headers.collect::<Vec<_>>().join(",");
        let key = String::from_utf8_lossy(record.key.unwrap_or(b"none"));
        match value.as_str() {
            "ignored" => MappedRecord::Ignored,
            "wrong" => MappedRecord::Refused("rule 1: sagaId is missing".to_owned()),
            "not json" => MappedRecord::Undecodable("not a JSON object".to_owned()),
            "panics" => panic!("no such state"),
            "end of time" => MappedRecord::Event(Box::new(event("x", Timestamp::MAX))),
            _ => {
                let millis = record.timestamp_millis.unwrap_or_default();
                let order = format!(
                    "{} {} {} {key} [{headers}] {value}",
                    record.topic, record.partition, record.offset
                );
                let at = Timestamp::from_millis(millis).unwrap();
                MappedRecord::Event(Box::new(event(&order, at)))
            }
        }
    }
}

fn event(order: &str, at: Timestamp) -> SagaEvent {
    let mut event = created("event-1", at);
    event.order_id = order.parse().unwrap();
    event
}

fn reader() -> Reader {
    let source = |name: &str, group: &str| LetterSource {
        name: name.to_owned(),
        topic: "shop.orders".to_owned(),
        group: group.to_owned(),
        mapper: Arc::new(Seen),
    };
    Reader::new(None).with_sources(vec![source("orders", "one"), source("again", "two")])
}

fn stored(reason: &str, value: &[u8]) -> StoredLetter {
    let header = |name: &str| (name.to_owned(), Some(b"v".to_vec()));
    let mut headers = vec![header("kafka_dlt-original-topic"), header("mark")];
    headers.extend(ADDED.map(header));
    StoredLetter {
        id: 1,
        letter: Letter {
            topic: "events.dlt".to_owned(),
            partition: 0,
            offset: 0,
            dead_since: Timestamp::MIN,
            origin: Origin {
                topic: Some("shop.orders".to_owned()),
                partition: Some(2),
                offset: Some(17),
                time: Some(Timestamp::from_millis(1_760_000_000_000).unwrap()),
                group: Some("one".to_owned()),
            },
            reason: reason.to_owned(),
            message: "the reason in words".to_owned(),
            saga_id: None,
            saga_type: None,
            event_id: None,
            producer: None,
            key: Some(b"k".to_vec()),
            value: Some(value.to_vec()),
            value_bytes: value.len() as u64,
            headers,
        },
        state: LetterState::Waiting,
        attempts: 0,
        last_attempt: None,
        dismissal: None,
        erased_at: None,
    }
}

async fn read(stored: StoredLetter) -> Result<SagaEvent, Rejection> {
    let (mut events, away) = reader().read(&[stored]).await;
    assert_eq!(away, None);
    events.remove(0)
}

#[tokio::test]
async fn a_record_of_a_source_is_mapped_as_its_source_read_it() {
    let event = read(stored("REFUSED_BY_MAPPING", b"value")).await.unwrap();
    let seen = "shop.orders 2 17 k [kafka_dlt-original-topic,mark] value";
    assert_eq!(event.order_id.as_str(), seen);
    assert_eq!(event.recorded_at.as_millis(), 1_760_000_000_000);

    // Kept in the database, as its topic refused it: all headers are those of the record.
    let mut kept_back = stored("EVENT_TOO_LARGE", b"value");
    kept_back.letter.topic = "shop.orders".to_owned();
    kept_back.letter.headers.truncate(2);
    assert_eq!(read(kept_back).await.unwrap().order_id.as_str(), seen);

    // A compacted topic of dead letters makes a key of the place.
    let mut keyed = stored("NOT_THE_FORMAT", b"value");
    keyed.letter.key = Some(b"2-17".to_vec());
    let order = read(keyed).await.unwrap().order_id;
    assert!(order.as_str().contains(" none ["), "{order}");

    // The event's id is made of the time as it was read, also of one that no event may have.
    let mut odd = stored("NOT_THE_FORMAT", b"value");
    odd.letter.origin.time = None;
    let millis = odd.letter.headers.iter_mut();
    let (_, millis) = millis
        .rev()
        .find(|(name, _)| name == dead::ORIGINAL_TIMESTAMP)
        .unwrap();
    *millis = Some((-5_i64).to_be_bytes().to_vec());
    assert_eq!(read(odd).await.unwrap().recorded_at.as_millis(), -5);

    // Another group read the same topic; the mapping is found all the same.
    let mut other = stored("NOT_THE_FORMAT", b"value");
    other.letter.origin.group = Some("gone".to_owned());
    assert!(read(other).await.is_ok());
}

async fn assert_rejected(letter: StoredLetter, kind: &str, words: &str) {
    let shown = format!("{letter:?}");
    let rejection = read(letter).await.unwrap_err();
    assert_eq!(rejection.kind, kind, "{rejection:?}: {shown}");
    assert!(rejection.reason.contains(words), "{rejection:?}: {shown}");
}

#[tokio::test]
async fn a_record_that_gives_no_event_says_why() {
    let cases: [(&str, &[u8], &str, &str); 7] = [
        (
            "REFUSED_BY_MAPPING",
            b"wrong",
            "REFUSED_BY_MAPPING",
            "rule 1: sagaId",
        ),
        (
            "NOT_THE_FORMAT",
            b"not json",
            "NOT_THE_FORMAT",
            "not a JSON object",
        ),
        ("NOT_UNDERSTOOD", b"panics", "NOT_UNDERSTOOD", "no such state"),
        (
            "REFUSED_BY_MAPPING",
            b"ignored",
            "IGNORED_BY_MAPPING",
            "mapping orders",
        ),
        (
            "REFUSED_BY_MAPPING",
            b"end of time",
            "INVALID_TIMESTAMP",
            "last day",
        ),
        ("NO_REGISTRY", b"\0\0\0\0\x07x", "NO_REGISTRY", "7"),
        ("UNREADABLE_BATCH", b"", "NOT_KEPT", "the reason in words"),
    ];
    for (reason, value, kind, words) in cases {
        assert_rejected(stored(reason, value), kind, words).await;
    }
}

#[tokio::test]
async fn a_letter_that_lacks_what_its_event_is_made_of_says_what() {
    type Spoil = fn(&mut StoredLetter);
    let cases: [(Spoil, &str, &str); 11] = [
        (
            |stored| {
                stored.letter.origin.group = Some("two".to_owned());
                stored.letter.value = Some(b"ignored".to_vec());
                stored.letter.value_bytes = 7;
            },
            "IGNORED_BY_MAPPING",
            "mapping again",
        ),
        (
            |stored| stored.letter.origin.offset = None,
            "NOT_KEPT",
            "the offset of its record",
        ),
        (|stored| stored.letter.headers.truncate(4), "NOT_KEPT", "headers"),
        (
            // Kept in the database, as its topic did not take it.
            |stored| {
                stored.letter.topic = "shop.orders".to_owned();
                stored.letter.headers = vec![(HEADERS_BYTES.to_owned(), Some(b"40000".to_vec()))];
            },
            "NOT_KEPT",
            "headers",
        ),
        (
            |stored| stored.letter.key = Some(vec![b'k'; MAX_KEY_BYTES]),
            "NOT_KEPT",
            "key",
        ),
        (
            |stored| stored.letter.headers.push((VALUE_BYTES.to_owned(), None)),
            "NOT_KEPT",
            "only 5 bytes",
        ),
        (
            |stored| {
                stored.letter.value = None;
                stored.letter.value_bytes = 70_000;
            },
            "NOT_KEPT",
            "only 0 bytes",
        ),
        (
            |stored| stored.letter.value_bytes = 300_000,
            "TOO_LARGE",
            "300000 bytes",
        ),
        (
            |stored| stored.erased_at = Some(Timestamp::MIN),
            "ERASED",
            "dismiss it",
        ),
        (
            |stored| stored.letter.origin.topic = Some("shop.stock".to_owned()),
            "NO_SOURCE",
            "topic shop.stock, group one",
        ),
        (
            |stored| {
                stored.letter.reason = "UNKNOWN_SCHEMA".to_owned();
                stored.letter.origin.topic = Some("shop.stock".to_owned());
                stored.letter.origin.group = Some("saga-tracker-source-stock".to_owned());
            },
            "NO_SOURCE",
            "saga-tracker-source-stock",
        ),
    ];
    for (change, kind, words) in cases {
        let mut letter = stored("REFUSED_BY_MAPPING", b"value");
        change(&mut letter);
        assert_rejected(letter, kind, words).await;
    }
}

#[tokio::test]
async fn an_empty_record_of_the_topic_of_events_stays_empty() {
    let mut letter = stored("EMPTY", b"");
    letter.letter.origin.topic = Some("events".to_owned());
    letter.letter.value = None;
    assert_rejected(letter, "EMPTY", "value").await;
}

#[tokio::test]
async fn an_event_of_a_topic_that_no_source_reads_is_read_as_before() {
    let event = event("order-1", Timestamp::from_millis(1_760_000_000_000).unwrap());
    let mut letter = stored("REFUSED_BY_DATABASE", &encode_v2(&event, Framing::SingleObject));
    letter.letter.origin = Origin::default();
    assert_eq!(read(letter).await.unwrap(), event);
}
