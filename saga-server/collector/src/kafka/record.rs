//! Raw records on their way, and the offsets they stand for.

use std::collections::BTreeMap;

use rdkafka::{
    Timestamp,
    message::{BorrowedMessage, Header, Headers as _, Message, OwnedHeaders},
};

use super::headers;

/// A record as it was read: enough to dead-letter it byte for byte. Its bytes stand in one allocation.
#[derive(Debug, Clone)]
pub(crate) struct RawRecord {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: Timestamp,
    bytes: Vec<u8>,
    key: Option<Span>,
    value: Option<Span>,
    headers: Vec<(Span, Option<Span>)>,
    /// What the client could not read, from this offset on; then there is nothing else.
    pub(crate) unreadable: Option<Unreadable>,
    /// The same as the client holds them, where they could not be written again otherwise.
    odd_headers: Option<OwnedHeaders>,
}

/// Offsets that the client could not read.
#[derive(Debug, Clone)]
pub(crate) struct Unreadable {
    /// The first offset behind them.
    pub(crate) end: i64,
    pub(crate) reason: String,
}

/// A stretch of a record's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
}

impl RawRecord {
    pub(crate) fn of(message: &BorrowedMessage<'_>) -> Self {
        let parts_length = message.payload_len() + message.key_len();
        let mut record = Self {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp(),
            bytes: Vec::with_capacity(parts_length),
            key: None,
            value: None,
            headers: Vec::new(),
            unreadable: None,
            odd_headers: None,
        };
        record.key = message.key().map(|key| record.keep(key));
        record.value = message.payload().map(|value| record.keep(value));
        let is_whole = headers::read(message, |name, value| {
            let header = (record.keep(name), value.map(|value| record.keep(value)));
            record.headers.push(header);
        });
        if !is_whole {
            record.odd_headers = copy_headers(message);
        }
        record
    }

    /// Stands for offsets that are skipped.
    pub(super) fn skipped(partition: i32, offset: i64, unreadable: Unreadable) -> Self {
        Self {
            partition,
            offset,
            timestamp: Timestamp::NotAvailable,
            bytes: Vec::new(),
            key: None,
            value: None,
            headers: Vec::new(),
            unreadable: Some(unreadable),
            odd_headers: None,
        }
    }

    /// The first offset behind it.
    pub(crate) fn next_offset(&self) -> i64 {
        self.unreadable
            .as_ref()
            .map_or(self.offset + 1, |unreadable| unreadable.end)
    }

    #[cfg(test)]
    pub(crate) fn of_parts(
        timestamp: Timestamp,
        key: &[u8],
        value: &[u8],
        headers: &[(&str, &[u8])],
    ) -> Self {
        let mut record = Self {
            partition: 0,
            offset: 0,
            timestamp,
            bytes: Vec::new(),
            key: None,
            value: None,
            headers: Vec::new(),
            unreadable: None,
            odd_headers: None,
        };
        record.key = Some(record.keep(key));
        record.value = Some(record.keep(value));
        for (name, value) in headers {
            let name = record.keep(name.as_bytes());
            let value = record.keep(value);
            record.headers.push((name, Some(value)));
        }
        record
    }

    fn keep(&mut self, part: &[u8]) -> Span {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(part);
        Span {
            start,
            end: self.bytes.len(),
        }
    }

    fn part(&self, span: Span) -> &[u8] {
        &self.bytes[span.start..span.end]
    }

    /// How much memory it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        /// What the client takes for a header of its own, beside name and value.
        const ODD_HEADER_BYTES: usize = 64;
        let odd = self
            .odd_headers
            .as_ref()
            .map_or(0, |_| self.bytes.len() + self.headers.len() * ODD_HEADER_BYTES);
        self.bytes.len() + self.headers.len() * size_of::<(Span, Option<Span>)>() + size_of::<Self>() + odd
    }

    /// The headers as they came, to be written again.
    pub(super) fn owned_headers(&self) -> OwnedHeaders {
        if let Some(odd) = &self.odd_headers {
            return odd.clone();
        }
        self.headers().fold(OwnedHeaders::new(), |headers, (key, value)| {
            // Names that are no UTF-8 are among the odd headers, which were given above.
            let key = str::from_utf8(key).unwrap_or_default();
            headers.insert(Header { key, value })
        })
    }

    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.key.map(|span| self.part(span))
    }

    pub(crate) fn value(&self) -> Option<&[u8]> {
        self.value.map(|span| self.part(span))
    }

    /// Names, up to a NUL if one holds it, and values.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let part = |span| self.part(span);
        self.headers
            .iter()
            .map(move |(name, value)| (part(*name), value.map(part)))
    }
}

/// A copy of all headers byte for byte, as librdkafka holds them.
fn copy_headers(message: &BorrowedMessage<'_>) -> Option<OwnedHeaders> {
    message
        .headers()
        .filter(|headers| headers.count() > 0)
        .map(|headers| headers.detach())
}

/// Records that are stored in one go.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) records: Vec<RawRecord>,
}

/// How far each partition is once the batch is stored.
pub(crate) type Offsets = BTreeMap<i32, BatchProgress>;

/// How far one partition is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BatchProgress {
    /// The offset to commit: one after the last record.
    pub(crate) next_offset: i64,
    /// The latest moment at which one of the records came into the topic, in milliseconds since 1970.
    pub(crate) newest_millis: Option<i64>,
}

impl Batch {
    pub(crate) fn offsets(&self) -> Offsets {
        let mut offsets = Offsets::new();
        for record in &self.records {
            let progress = offsets.entry(record.partition).or_default();
            progress.next_offset = progress.next_offset.max(record.next_offset());
            progress.newest_millis = progress.newest_millis.max(record.timestamp.to_millis());
        }
        offsets
    }
}
