//! What a source needs of others: an event of a record, and events on the topic.

use futures_util::future::BoxFuture;
use saga_types::SagaEvent;

/// A record as it was read.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// The offset in it.
    pub offset: i64,
    /// The record's time, in milliseconds since 1970.
    pub timestamp_millis: Option<i64>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; none for a tombstone.
    pub value: Option<Value<'a>>,
    /// Names and values of the headers.
    pub headers: Vec<(&'a [u8], Option<&'a [u8]>)>,
}

/// A record's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// As it came.
    Bytes(&'a [u8]),
    /// An Avro value by the schema registry, as JSON.
    Avro(String),
}

/// What becomes of a record.
#[derive(Debug)]
pub enum MappedRecord {
    /// This event.
    Event(Box<SagaEvent>),
    /// It is about no saga.
    Ignored,
    /// It is not what its format says, for this reason.
    Undecodable(String),
    /// It says something of a saga, and is wrong, for this reason.
    Refused(String),
}

/// Makes events of records.
pub trait MapRecord: Send + Sync {
    /// Whether values by the schema registry are read before.
    fn takes_avro(&self) -> bool;

    /// Makes an event of a record: the same one whenever the record comes. Does not wait.
    fn map(&self, record: &Record<'_>) -> MappedRecord;
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publication {
    /// The broker has acknowledged it.
    Acknowledged,
    /// The topic never takes it, for this reason.
    Refused(String),
    /// It may be on the topic or not, and is to be sent again, for this reason.
    SendAgain(String),
}

/// Writes events to the topic.
pub trait PublishEvents: Send + Sync {
    /// Sends events and waits for the broker's word on each, in a bounded time.
    fn publish(&self, events: Vec<SagaEvent>) -> BoxFuture<'_, Vec<Publication>>;
}
