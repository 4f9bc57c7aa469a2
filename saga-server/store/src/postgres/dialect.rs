//! What the shared statements say in words of PostgreSQL.

use sqlx::{PgConnection, Postgres, QueryBuilder, postgres::PgHasArrayType};

pub(super) const BEGIN: &str = "BEGIN";

/// "Is one of the list that this parameter holds."
macro_rules! any {
    ($parameter:literal) => {
        concat!("= ANY($", $parameter, ")")
    };
}

/// The texts of the list that this parameter holds, as rows.
macro_rules! texts {
    ($parameter:literal) => {
        concat!("SELECT * FROM UNNEST($", $parameter, "::text[])")
    };
}

pub(super) use {any, texts};

/// By the database's own clock, which is the only one that all collectors share. A row and not an advisory lock, because that
/// belongs to a session: a pooler may hand it to others, and a process that hangs would keep it.
pub(super) const HOLD_LEASE: &str = r"
INSERT INTO lease AS held (name, holder, expires_at) VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE held.holder = excluded.holder OR held.expires_at < clock_timestamp()
RETURNING true";

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

/// A list as a parameter.
pub(super) fn list<T: Clone>(items: &[T]) -> Vec<T> {
    items.to_vec()
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
