//! Rows in the binary form of COPY, which takes them with less work for the database than any other statement.
//!
//! <https://www.postgresql.org/docs/current/sql-copy.html> describes the form, and the `recv` function of a type what a
//! value of it looks like.

use sqlx::PgConnection;

use crate::columns::Moment;

/// The signature, no flags, and no extension of the header.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const END: i16 = -1;
const NULL: i32 = -1;

/// The only version of jsonb's form.
const JSONB: u8 = 1;

/// From 1970 to 2000, where PostgreSQL's time begins.
const EPOCH_MILLIS: i64 = 946_684_800_000;

/// So many rows are worth a COPY. It sends its end in a packet of its own, which the driver keeps back until the database has
/// acknowledged the rows; that takes 40 ms, since the database has nothing to say yet. sqlx 0.9.0 lacks `TCP_NODELAY`.
const WORTH_IT: usize = 1_000;

pub(super) fn is_worth_it(rows: usize) -> bool {
    rows >= WORTH_IT
}

/// Rows as they are written.
pub(super) struct Rows {
    bytes: Vec<u8>,
}

impl Rows {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut rows = Self {
            bytes: Vec::with_capacity(bytes + HEADER.len()),
        };
        rows.bytes.extend_from_slice(HEADER);
        rows
    }

    /// Begins a row; so many values follow.
    pub(super) fn row(&mut self, columns: usize) {
        // PostgreSQL allows no table more than 1,600 columns.
        let columns = i16::try_from(columns).unwrap_or(i16::MAX);
        self.bytes.extend_from_slice(&columns.to_be_bytes());
    }

    pub(super) fn text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.value(&[text.as_bytes()]),
            None => self.null(),
        }
    }

    pub(super) fn json(&mut self, json: Option<&str>) {
        match json {
            Some(json) => self.value(&[&[JSONB], json.as_bytes()]),
            None => self.null(),
        }
    }

    pub(super) fn moment(&mut self, moment: Option<Moment>) {
        let micros = |moment: Moment| (moment.0.as_millis() - EPOCH_MILLIS) * 1_000;
        self.bigint(moment.map(micros));
    }

    pub(super) fn bigint(&mut self, number: Option<i64>) {
        match number {
            Some(number) => self.value(&[&number.to_be_bytes()]),
            None => self.null(),
        }
    }

    pub(super) fn boolean(&mut self, value: Option<bool>) {
        match value {
            Some(value) => self.value(&[&[u8::from(value)]]),
            None => self.null(),
        }
    }

    /// An array of texts without nulls: its dimensions, flags and type, the bounds of its only dimension, its entries.
    pub(super) fn texts(&mut self, texts: &[String]) {
        const TEXT: i32 = 25;
        // No list has more entries than a record of the topic has bytes.
        let length = i32::try_from(texts.len()).unwrap_or(i32::MAX);
        let begin = self.bytes.len();
        self.null();
        for number in [i32::from(length > 0), 0, TEXT] {
            self.bytes.extend_from_slice(&number.to_be_bytes());
        }
        if length > 0 {
            for number in [length, 1] {
                self.bytes.extend_from_slice(&number.to_be_bytes());
            }
        }
        for text in texts {
            self.text(Some(text));
        }
        let written = self.bytes.len() - begin - size_of::<i32>();
        // Nor is one longer than a record of the topic.
        let written = i32::try_from(written).unwrap_or(i32::MAX);
        self.bytes[begin..begin + size_of::<i32>()].copy_from_slice(&written.to_be_bytes());
    }

    fn null(&mut self) {
        self.bytes.extend_from_slice(&NULL.to_be_bytes());
    }

    fn value(&mut self, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        // No value is longer than a record of the topic.
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
    }

    /// Sends them; how many there were.
    pub(super) async fn copy(
        mut self,
        connection: &mut PgConnection,
        statement: &'static str,
    ) -> Result<u64, sqlx::Error> {
        self.bytes.extend_from_slice(&END.to_be_bytes());
        let mut copying = connection.copy_in_raw(statement).await?;
        copying.send(self.bytes).await?;
        copying.finish().await
    }
}
