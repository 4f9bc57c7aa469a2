//! What the shared statements say in words of PostgreSQL.

use saga_types::{fold::Anomaly, keys};
use sqlx::{
    PgConnection, Postgres, QueryBuilder, Row,
    postgres::{PgHasArrayType, PgRow},
};

use crate::{
    columns::Bound,
    layout::Layout,
    metadata::{objects_saying, text_object},
};

/// As OpenTelemetry calls it.
pub(super) const SYSTEM: &str = "postgresql";

pub(super) const BEGIN: &str = "BEGIN";

/// Of a transaction that changes sagas and what is counted of them. Where they are distributed, no snapshot has both: what
/// compares them waits until nobody holds this lock.
pub(super) fn begin_changing(layout: Layout) -> &'static str {
    match layout {
        Layout::Single => BEGIN,
        Layout::Distributed => {
            "BEGIN; SELECT pg_advisory_xact_lock_shared(hashtext('append'), 'saga_instance'::regclass::oid::integer)"
        }
    }
}

/// All reads see the database as it is at the first one.
pub(super) const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// The same for readers.
pub(super) const BEGIN_SNAPSHOT: &str = BEGIN_READING;

/// The same for a question that an index answers soon, or that is given up.
pub(super) const BEGIN_SHORT: &str =
    "BEGIN READ ONLY; SET LOCAL statement_timeout = '1s'; SET LOCAL enable_seqscan = off";

/// Held until the transaction ends: nobody else changes views meanwhile.
pub(super) const LOCK_VIEWS: Option<&str> = Some("LOCK TABLE saved_view IN SHARE ROW EXCLUSIVE MODE");

/// Locks the rows that are read.
pub(super) const FOR_UPDATE: &str = "FOR UPDATE";

/// Checks what otherwise only a commit would.
pub(super) const CHECK_DEFERRED: Option<&str> = Some("SET CONSTRAINTS ALL IMMEDIATE");

/// The later one of two moments, which are the first two parameters.
pub(super) const LATER: &str = "greatest($1::timestamptz, $2::timestamptz)";

/// "Is one of the few ids that a query gives", which goes before and after: they are found first, and not all sagas looked through.
pub(super) const ONE_OF_FEW: (&str, &str) = ("= ANY(ARRAY(", "))");

/// How many compensations `saga` owes.
pub(super) const OWED: &str = "cardinality(saga.outstanding)::bigint";

pub(super) const NOW: &str = "now()";

/// "Is one of the list that this parameter holds."
macro_rules! any {
    ($parameter:literal) => {
        concat!("= ANY($", $parameter, ")")
    };
}

/// PostgreSQL chooses the index by what it knows of the table.
macro_rules! indexed_by {
    ($index:literal) => {
        ""
    };
}

/// The texts of the list that this parameter holds, as rows.
macro_rules! texts {
    ($parameter:literal) => {
        concat!("SELECT * FROM UNNEST($", $parameter, "::text[])")
    };
}

/// The moment by the database's clock.
macro_rules! now {
    () => {
        "clock_timestamp()"
    };
}

/// So many milliseconds, as the parameter says, after that moment.
macro_rules! now_plus {
    ($parameter:literal) => {
        concat!("clock_timestamp() + ", $parameter, " * interval '1 millisecond'")
    };
}

pub(super) use {any, indexed_by, now, now_plus, texts};

/// By the database's own clock, which is the only one that all collectors share. A row and not an advisory lock, because that
/// belongs to a session: a pooler may hand it to others, and a process that hangs would keep it.
pub(super) const HOLD_LEASE: &str = r"
INSERT INTO lease AS held (name, holder, expires_at) VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE held.holder = excluded.holder OR held.expires_at < clock_timestamp()
RETURNING true";

/// The elements of the list `steps`, as `each.value`.
pub(super) const EACH_STEP: &str = "unnest(steps) AS each (value)";

pub(super) const COUNT_OWING: &str = r"
SELECT saga_type, effect, count(*) FROM saga_instance, unnest(outstanding) AS effect WHERE owed_since < $1
GROUP BY saga_type, effect";

pub(super) const TAKE_CHANGES: &str = r"
DELETE FROM producer_change WHERE ctid = ANY(ARRAY(SELECT ctid FROM producer_change LIMIT $1)) RETURNING change";

/// One collector at a time: two would wait for each other's rows.
const TRY_LOCK: &str = "SELECT pg_try_advisory_xact_lock(hashtext('producer_change'), 'producer_change'::regclass::oid::integer)";

pub(super) async fn try_lock_changes(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(TRY_LOCK).fetch_one(connection).await
}

/// Changes of roll-ups that are not merged yet.
pub(super) const ROLLUP_CHANGES: Option<&str> = Some("saga_rollup_change");

pub(super) const SUM_OF_DURATIONS: &str = "CAST(sum(duration_ms) AS float8)";

/// Of what stands in the metadata only a text counts, as in the events themselves.
pub(super) const OF_METADATA: &str = r"
CASE WHEN jsonb_typeof(metadata -> 'failureReason') = 'string' THEN metadata ->> 'failureReason'
     WHEN step = 'MANUAL_STATUS_OVERRIDE' AND jsonb_typeof(metadata -> 'reason') = 'string' THEN metadata ->> 'reason'
END AS failure_reason,
CASE WHEN jsonb_typeof(metadata -> 'parentSagaId') = 'string' THEN metadata ->> 'parentSagaId' END AS parent_saga_id";

/// Why the step failed and the saga's parent, as far as the metadata has them.
pub(super) fn of_metadata(row: &PgRow, _step: &str) -> Result<(Option<String>, Option<String>), sqlx::Error> {
    Ok((row.try_get("failure_reason")?, row.try_get("parent_saga_id")?))
}

/// What is left of the metadata of events: three lists of one length, and when the rest was erased.
pub(super) const ERASE_STEPS: &str = r"
UPDATE saga_steps SET metadata = erased.metadata::jsonb, erased_at = $4
FROM UNNEST($1::text[], $2::text[], $3::text[]) AS erased (saga_id, event_id, metadata)
WHERE saga_steps.saga_id = erased.saga_id AND saga_steps.event_id = erased.event_id";

/// As the SQLite adapter overwrites what is deleted; here that is left to vacuuming.
pub(super) const OVERWRITE_DELETED: Option<&str> = None;

/// As the SQLite adapter brings the file up to date; here checkpoints do.
pub(super) const WRITE_THROUGH: Option<&str> = None;

/// A step whose metadata has a value; to be found by its index alone.
pub(super) const BEFORE_METADATA: Option<&str> = Some("SET LOCAL enable_seqscan = off");

/// "The metadata of this row of `saga_steps` has the value at the key."
pub(super) fn push_metadata(sql: &mut QueryBuilder<Postgres>, key: &str, value: &str) {
    sql.push("(");
    for (index, object) in objects_saying(key, value).into_iter().enumerate() {
        sql.push(if index == 0 { "" } else { " OR " })
            .push("step.metadata @> ")
            .push_bind(object)
            .push("::jsonb");
    }
    sql.push(")");
}

pub(super) const HAS_INDEX_OF_METADATA: bool = true;

/// "This row of `saga_steps` is of the trace." The column comes from the metadata, so that its index serves it too.
pub(super) fn push_trace(sql: &mut QueryBuilder<Postgres>, trace_id: &str) {
    sql.push("step.metadata @> ")
        .push_bind(text_object(keys::TRACE_ID, trace_id))
        .push("::jsonb");
}

/// When something is, in milliseconds.
pub(super) fn millis_of(column: &str) -> String {
    format!("(extract(epoch FROM {column}) * 1000)::bigint")
}

/// A list as a parameter.
pub(super) fn list<T: Clone>(items: &[T]) -> Vec<T> {
    items.to_vec()
}

/// The index holds the beginnings of the reasons.
pub(super) fn push_failure_reason(sql: &mut QueryBuilder<Postgres>, reason: &str) {
    sql.push(" AND left(failure_reason, 200) = left(")
        .push_bind(reason)
        .push(", 200) AND failure_reason = ")
        .push_bind(reason);
}

/// The list in a column contains a text.
pub(super) fn push_contains(sql: &mut QueryBuilder<Postgres>, column: &str, text: &str) {
    sql.push(format_args!(" AND {column} @> ARRAY["))
        .push_bind(text.to_owned())
        .push("]");
}

/// The index holds those that have any.
pub(super) fn push_anomaly(sql: &mut QueryBuilder<Postgres>, anomaly: Anomaly) {
    sql.push(" AND anomalies <> '{}' AND anomalies @> ARRAY[")
        .push_bind(anomaly.as_str())
        .push("]");
}

/// Metadata that is no longer than what is read of many sagas.
/// What is short as it is stored may be long as a text.
pub(super) const SHORT_METADATA: &str = "CASE WHEN pg_column_size(metadata) <= 8192 THEN \
    CASE WHEN length(metadata::text) <= 8192 THEN metadata::text END END";

/// Milliseconds from a moment to the start of a saga, as a whole number.
pub(super) fn push_millis_since(sql: &mut QueryBuilder<Postgres>, moment: Bound) {
    sql.push("(extract(epoch FROM started_at - ")
        .push_bind(moment)
        .push(") * 1000)::bigint");
}

/// Some texts, as rows with a name.
pub(super) fn push_texts(sql: &mut QueryBuilder<Postgres>, texts: &[String]) {
    sql.push("SELECT name FROM unnest(")
        .push_bind(texts.to_vec())
        .push("::text[]) AS texts (name)");
}

/// Texts, each with the id of what it belongs to, as rows.
pub(super) fn push_named_texts(sql: &mut QueryBuilder<Postgres>, texts: &[(i64, &str)]) {
    let (ids, texts): (Vec<i64>, Vec<String>) =
        texts.iter().map(|(id, text)| (*id, (*text).to_owned())).unzip();
    sql.push("SELECT * FROM UNNEST(")
        .push_bind(ids)
        .push("::bigint[], ")
        .push_bind(texts)
        .push("::text[])");
}

/// As [`any!`], for statements that are built.
pub(super) fn push_any<T>(sql: &mut QueryBuilder<Postgres>, items: &[T])
where
    T: Clone
        + Send
        + Sync
        + PgHasArrayType
        + for<'q> sqlx::Encode<'q, Postgres>
        + sqlx::Type<Postgres>
        + 'static,
{
    sql.push("= ANY(").push_bind(items.to_vec()).push(")");
}
