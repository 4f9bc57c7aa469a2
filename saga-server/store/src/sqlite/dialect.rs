//! What the shared statements say in words of SQLite. Lists are JSON texts.

use saga_types::{
    Metadata,
    fold::{self, Anomaly},
};
use serde::Serialize;
use serde_json::Value;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, sqlite::SqliteRow};

use crate::{columns::Bound, json::significant_digits, layout::Layout, metadata};

/// As OpenTelemetry calls it.
pub(super) const SYSTEM: &str = "sqlite";

/// The write lock is taken at once.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// Of a transaction that changes sagas and what is counted of them.
pub(super) fn begin_changing(_layout: Layout) -> &'static str {
    BEGIN
}

/// The same for those who only read: they use the writer's connection.
pub(super) const BEGIN_READING: &str = BEGIN;

/// All reads of a reader see the database as it is at the first one.
pub(super) const BEGIN_SNAPSHOT: &str = "BEGIN";

/// The same for a question that is bounded by what it reads.
pub(super) const BEGIN_SHORT: &str = "BEGIN";

/// A writer holds the lock of the file.
pub(super) const LOCK_VIEWS: Option<&str> = None;

/// Rows need no locks: a writer holds the lock of the file.
pub(super) const FOR_UPDATE: &str = "";

/// Nothing is checked by a commit alone.
pub(super) const CHECK_DEFERRED: Option<&str> = None;

/// The later one of two moments, which are the first two parameters.
pub(super) const LATER: &str = "max($1, $2)";

/// "Is one of the few ids that a query gives", which goes before and after.
pub(super) const ONE_OF_FEW: (&str, &str) = ("IN (", ")");

/// How many compensations `saga` owes.
pub(super) const OWED: &str = "json_array_length(saga.outstanding)";

pub(super) const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/// "Is one of the list that this parameter holds."
macro_rules! any {
    ($parameter:literal) => {
        concat!("IN (SELECT value FROM json_each($", $parameter, "))")
    };
}

/// Reads a table by this index, which SQLite may not choose by itself: it does not know that the index has few of the rows.
macro_rules! indexed_by {
    ($index:literal) => {
        concat!("INDEXED BY ", $index)
    };
}

/// The texts of the list that this parameter holds, as rows.
macro_rules! texts {
    ($parameter:literal) => {
        concat!("SELECT value FROM json_each($", $parameter, ")")
    };
}

/// The moment by this machine's clock.
macro_rules! now {
    () => {
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    };
}

/// So many milliseconds, as the parameter says, after that moment.
macro_rules! now_plus {
    ($parameter:literal) => {
        concat!("CAST(unixepoch('subsec') * 1000 AS INTEGER) + ", $parameter)
    };
}

pub(super) use {any, indexed_by, now, now_plus, texts};

/// By this machine's clock, on which all processes that open the file run.
pub(super) const HOLD_LEASE: &str = r"
INSERT INTO lease AS held (name, holder, expires_at) VALUES ($1, $2, CAST(unixepoch('subsec') * 1000 AS INTEGER) + $3)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE held.holder = excluded.holder OR held.expires_at < CAST(unixepoch('subsec') * 1000 AS INTEGER)
RETURNING true";

/// The elements of the list `steps`, as `each.value`.
pub(super) const EACH_STEP: &str = "json_each(steps) AS each";

pub(super) const COUNT_OWING: &str = r"
SELECT saga_type, value AS effect, count(*) FROM saga_instance, json_each(outstanding) WHERE owed_since < $1
GROUP BY saga_type, effect";

pub(super) const TAKE_CHANGES: &str = r"
DELETE FROM producer_change WHERE rowid IN (SELECT rowid FROM producer_change ORDER BY rowid LIMIT $1) RETURNING change";

/// A writer holds the lock of the file.
pub(super) async fn try_lock_changes(_: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    Ok(true)
}

/// Roll-ups are changed at once.
pub(super) const ROLLUP_CHANGES: Option<&str> = None;

/// As a float, since it may be more than an integer holds.
pub(super) const SUM_OF_DURATIONS: &str = "total(duration_ms)";

/// As the event itself has it: SQLite would read the first of two equal keys, where the last one counts.
pub(super) const OF_METADATA: &str = "metadata";

/// Why the step failed and the saga's parent, as far as the metadata has them.
pub(super) fn of_metadata(
    row: &SqliteRow,
    step: &str,
) -> Result<(Option<String>, Option<String>), sqlx::Error> {
    let metadata: Option<&str> = row.try_get("metadata")?;
    // The fold does without metadata that cannot be read; it is an error where the step itself is read.
    let metadata = metadata.and_then(|text| Metadata::parse(text).ok());
    let failure_reason = metadata
        .as_ref()
        .and_then(|metadata| fold::failure_reason(step, metadata));
    let parent_saga_id = metadata.as_ref().and_then(Metadata::parent_saga_id);
    Ok((
        failure_reason.map(str::to_owned),
        parent_saga_id.map(str::to_owned),
    ))
}

/// What is left of the metadata of events: three lists of one length, and when the rest was erased.
pub(super) const ERASE_STEPS: &str = r"
UPDATE saga_steps SET metadata = erased.metadata, erased_at = $4
FROM (
    SELECT saga.value AS saga_id, event.value AS event_id, left.value AS metadata
    FROM json_each($1) AS saga JOIN json_each($2) AS event USING (key) JOIN json_each($3) AS left USING (key)
) AS erased
WHERE saga_steps.saga_id = erased.saga_id AND saga_steps.event_id = erased.event_id";

/// What is deleted is overwritten with zeros from now on, on this connection.
pub(super) const OVERWRITE_DELETED: Option<&str> = Some("PRAGMA secure_delete = ON");

/// Until then the file has the pages as they were, and the new ones are in the log alone. It does less, and is no error, while
/// somebody reads.
pub(super) const WRITE_THROUGH: Option<&str> = Some("PRAGMA wal_checkpoint(TRUNCATE)");

/// There is no index of metadata.
pub(super) const BEFORE_METADATA: Option<&str> = None;

/// What stands before the exponent of a number, as it came.
const MANTISSA: &str = "substr(step.metadata -> entry.fullkey, 1, \
    instr(lower(step.metadata -> entry.fullkey) || 'e', 'e') - 1)";

pub(super) const HAS_INDEX_OF_METADATA: bool = false;

/// "This row of `saga_steps` is of the trace."
pub(super) fn push_trace(sql: &mut QueryBuilder<Sqlite>, trace_id: &str) {
    sql.push("step.trace_id = ").push_bind(trace_id.to_owned());
}

/// When something is, in milliseconds.
pub(super) fn millis_of(column: &str) -> String {
    column.to_owned()
}

/// "The metadata of this row of `saga_steps` has the value at the key": a text, or a number or boolean written like this.
pub(super) fn push_metadata(sql: &mut QueryBuilder<Sqlite>, key: &str, value: &str) {
    sql.push("EXISTS (SELECT 1 FROM json_each(step.metadata) AS entry WHERE entry.key = ")
        .push_bind(key.to_owned())
        .push(" AND (entry.type = 'text' AND entry.value = ")
        .push_bind(value.to_owned());
    match metadata::scalar(value) {
        Some(Value::Bool(_)) => {
            sql.push(" OR entry.type = ").push_bind(value.to_owned());
        }
        Some(Value::Number(number)) => {
            sql.push(" OR entry.type IN ('integer', 'real') AND entry.value = ");
            match number.as_i64() {
                Some(whole) => sql.push_bind(whole),
                None => sql.push_bind(number.as_f64()),
            };
            // Beyond a double's digits SQLite compares no more.
            sql.push(" AND trim(replace(replace(")
                .push(MANTISSA)
                .push(", '-', ''), '.', ''), '0') = ")
                .push_bind(significant_digits(value));
        }
        _ => {}
    }
    sql.push("))");
}

/// A list as a parameter.
pub(super) fn list(items: &(impl Serialize + ?Sized)) -> String {
    serde_json::json!(items).to_string()
}

pub(super) fn push_failure_reason(sql: &mut QueryBuilder<Sqlite>, reason: &str) {
    sql.push(" AND failure_reason = ").push_bind(reason);
}

/// The list in a column contains a text.
pub(super) fn push_contains(sql: &mut QueryBuilder<Sqlite>, column: &str, text: &str) {
    sql.push(format_args!(
        " AND EXISTS (SELECT 1 FROM json_each({column}) WHERE value = "
    ))
    .push_bind(text.to_owned())
    .push(")");
}

pub(super) fn push_anomaly(sql: &mut QueryBuilder<Sqlite>, anomaly: Anomaly) {
    sql.push(" AND EXISTS (SELECT 1 FROM json_each(anomalies) WHERE value = ")
        .push_bind(anomaly.as_str())
        .push(")");
}

/// Metadata that is no longer than what is read of many sagas.
pub(super) const SHORT_METADATA: &str = "CASE WHEN length(metadata) <= 8192 THEN metadata END";

/// Milliseconds from a moment to the start of a saga.
pub(super) fn push_millis_since(sql: &mut QueryBuilder<Sqlite>, moment: Bound) {
    sql.push("(started_at - ").push_bind(moment).push(")");
}

/// Some texts, as rows with a name.
pub(super) fn push_texts(sql: &mut QueryBuilder<Sqlite>, texts: &[String]) {
    sql.push("SELECT value AS name FROM json_each(")
        .push_bind(list(texts))
        .push(")");
}

/// Texts, each with the id of what it belongs to, as rows.
pub(super) fn push_named_texts(sql: &mut QueryBuilder<Sqlite>, texts: &[(i64, &str)]) {
    // Without a condition SQLite would take ON CONFLICT for that of a join.
    sql.push("SELECT value ->> 0, value ->> 1 FROM json_each(")
        .push_bind(list(texts))
        .push(") WHERE true");
}

/// As [`any!`], for statements that are built.
pub(super) fn push_any(sql: &mut QueryBuilder<Sqlite>, items: &(impl Serialize + ?Sized)) {
    sql.push("IN (SELECT value FROM json_each(")
        .push_bind(list(items))
        .push("))");
}
