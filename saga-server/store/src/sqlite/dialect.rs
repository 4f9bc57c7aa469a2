//! What the shared statements say in words of SQLite. Lists are JSON texts.

use serde::Serialize;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

/// The write lock is taken at once.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// "Is one of the list that this parameter holds."
macro_rules! any {
    ($parameter:literal) => {
        concat!("IN (SELECT value FROM json_each($", $parameter, "))")
    };
}

/// The texts of the list that this parameter holds, as rows.
macro_rules! texts {
    ($parameter:literal) => {
        concat!("SELECT value FROM json_each($", $parameter, ")")
    };
}

pub(super) use {any, texts};

/// By this machine's clock, on which all processes that open the file run.
pub(super) const HOLD_LEASE: &str = r"
INSERT INTO lease AS held (name, holder, expires_at) VALUES ($1, $2, CAST(unixepoch('subsec') * 1000 AS INTEGER) + $3)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE held.holder = excluded.holder OR held.expires_at < CAST(unixepoch('subsec') * 1000 AS INTEGER)
RETURNING true";

pub(super) const COUNT_OWING: &str = r"
SELECT saga_type, value AS effect, count(*) FROM saga_instance, json_each(outstanding) WHERE owed_since < $1
GROUP BY saga_type, effect";

pub(super) const TAKE_CHANGES: &str = r"
DELETE FROM producer_change WHERE rowid IN (SELECT rowid FROM producer_change ORDER BY rowid LIMIT $1) RETURNING change";

/// Whoever writes has the file's lock.
pub(super) async fn try_lock_changes(_: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    Ok(true)
}

/// A list as a parameter.
pub(super) fn list(items: &(impl Serialize + ?Sized)) -> String {
    serde_json::json!(items).to_string()
}

/// As [`any!`], for statements that are built.
pub(super) fn push_any(sql: &mut QueryBuilder<Sqlite>, items: &(impl Serialize + ?Sized)) {
    sql.push("IN (SELECT value FROM json_each(")
        .push_bind(list(items))
        .push("))");
}
