//! Dead letters: kept once each, listed, marked.

use chrono::{DateTime, Utc};
use saga_types::Timestamp;
use sqlx::{Decode, PgPool, Postgres, QueryBuilder, Row, Type, postgres::PgRow};

use super::{error, producers, read::timestamp};
use crate::{
    AppendError, Attempt, LastAttempt, Letter, LetterFilter, LetterGroup, LetterPage, LetterQuery,
    LetterState, NewLetter, Origin, StoreError, StoredLetter,
    batch::TxOutcome,
    dead_letters::{headers_text, read_headers},
    producers::of_letters,
    rows::corrupt,
};

const KEEP: &str = r#"
INSERT INTO dead_letter (identity, topic, partition, "offset", dead_since, origin_topic, origin_partition,
    origin_offset, origin_time, origin_group, reason, message, saga_id, event_id, producer, key, value, value_bytes,
    headers)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
ON CONFLICT (identity) DO NOTHING"#;

const LETTERS: &str = r#"
SELECT id, topic, partition, "offset", dead_since, origin_topic, origin_partition, origin_offset, origin_time,
    origin_group, reason, message, saga_id, event_id, producer, key, value, value_bytes, headers, state, attempts,
    attempted_at, attempted_by, result
FROM dead_letter WHERE true"#;

const GROUPS: &str = r"
SELECT reason, count(*) FILTER (WHERE state = 'WAITING'), count(*) FILTER (WHERE state = 'REPLAYED'), min(dead_since),
    max(dead_since)
FROM dead_letter WHERE true";

const ATTEMPTED: &str = r"
UPDATE dead_letter SET state = $2, attempts = attempts + 1, attempted_at = $3, attempted_by = $4, result = $5
WHERE id = $1 AND state = 'WAITING'";

pub(super) async fn keep(
    pool: &PgPool,
    letters: &[NewLetter],
    outcome: TxOutcome,
) -> Result<u64, AppendError> {
    let failed = error::append;
    let mut transaction = pool.begin().await.map_err(failed)?;
    let mut kept = Vec::new();
    for new @ NewLetter { identity, letter } in letters {
        let Origin {
            topic,
            partition,
            offset,
            time,
            group,
        } = &letter.origin;
        let inserted = sqlx::query(KEEP)
            .bind(&identity[..])
            .bind(&letter.topic)
            .bind(letter.partition)
            .bind(letter.offset)
            .bind(letter.dead_since.to_datetime())
            .bind(topic)
            .bind(partition)
            .bind(offset)
            .bind(time.map(Timestamp::to_datetime))
            .bind(group)
            .bind(&letter.reason)
            .bind(&letter.message)
            .bind(&letter.saga_id)
            .bind(&letter.event_id)
            .bind(&letter.producer)
            .bind(&letter.key)
            .bind(&letter.value)
            .bind(letter.value_bytes.cast_signed())
            .bind(headers_text(&letter.headers))
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        if inserted.rows_affected() > 0 {
            kept.push(new);
        }
    }
    let counts = of_letters(kept.iter().copied());
    producers::note(&mut transaction, counts).await.map_err(failed)?;
    match outcome {
        TxOutcome::Committed => transaction.commit().await,
        TxOutcome::RolledBack => transaction.rollback().await,
    }
    .map_err(failed)?;
    Ok(kept.len() as u64)
}

pub(super) async fn letters(pool: &PgPool, query: &LetterQuery) -> Result<LetterPage, StoreError> {
    let mut sql = QueryBuilder::new(LETTERS);
    push_filter(&mut sql, &query.filter);
    if let Some(after) = query.after {
        sql.push(" AND (dead_since, id) < (")
            .push_bind(after.dead_since.to_datetime())
            .push(", ")
            .push_bind(after.id)
            .push(")");
    }
    sql.push(" ORDER BY dead_since DESC, id DESC LIMIT ")
        .push_bind(i64::from(query.size) + 1);
    let rows = sql.build().fetch_all(pool).await.map_err(error::store)?;
    let letters = rows.iter().map(stored).collect::<Result<_, _>>()?;
    Ok(LetterPage::of(letters, query.size))
}

pub(super) async fn groups(pool: &PgPool, filter: &LetterFilter) -> Result<Vec<LetterGroup>, StoreError> {
    let mut sql = QueryBuilder::new(GROUPS);
    push_filter(&mut sql, filter);
    sql.push(" GROUP BY reason ORDER BY count(*) DESC, reason LIMIT ")
        .push_bind(i64::from(LetterGroup::MAX_GROUPS));
    let rows = sql.build().fetch_all(pool).await.map_err(error::store)?;
    rows.iter().map(group).collect()
}

pub(super) async fn waiting(pool: &PgPool) -> Result<u64, StoreError> {
    let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM dead_letter WHERE state = 'WAITING'")
        .fetch_one(pool)
        .await
        .map_err(error::store)?;
    Ok(waiting.cast_unsigned())
}

pub(super) async fn attempted(pool: &PgPool, attempts: &[Attempt]) -> Result<(), StoreError> {
    let mut transaction = pool.begin().await.map_err(error::store)?;
    for attempt in attempts {
        sqlx::query(ATTEMPTED)
            .bind(attempt.id)
            .bind(attempt.state.as_str())
            .bind(attempt.at.to_datetime())
            .bind(&attempt.by)
            .bind(&attempt.result)
            .execute(&mut *transaction)
            .await
            .map_err(error::store)?;
    }
    transaction.commit().await.map_err(error::store)
}

fn push_filter(sql: &mut QueryBuilder<Postgres>, filter: &LetterFilter) {
    if let Some(named) = &filter.named {
        sql.push(" AND (id = ANY(")
            .push_bind(named.ids.clone())
            .push(") OR event_id = ANY(")
            .push_bind(named.event_ids.clone())
            .push("))");
    }
    let texts = [
        (" AND reason = ", filter.reason.as_deref()),
        (" AND saga_id = ", filter.saga_id.as_deref()),
        (" AND origin_topic = ", filter.origin_topic.as_deref()),
    ];
    for (condition, text) in texts {
        if let Some(text) = text {
            sql.push(condition).push_bind(text.to_owned());
        }
    }
    match filter.state {
        // Written out, so that the index of the waiting ones serves it.
        Some(LetterState::Waiting) => _ = sql.push(" AND state = 'WAITING'"),
        Some(LetterState::Replayed) => _ = sql.push(" AND state = 'REPLAYED'"),
        None => {}
    }
    if let Some(from) = filter.from {
        sql.push(" AND dead_since >= ").push_bind(from.to_datetime());
    }
    if let Some(to) = filter.to {
        sql.push(" AND dead_since <= ").push_bind(to.to_datetime());
    }
}

fn stored(row: &PgRow) -> Result<StoredLetter, StoreError> {
    Ok(StoredLetter {
        id: column(row, 0)?,
        letter: Letter {
            topic: column(row, 1)?,
            partition: column(row, 2)?,
            offset: column(row, 3)?,
            dead_since: timestamp(row, 4)?,
            origin: Origin {
                topic: column(row, 5)?,
                partition: column(row, 6)?,
                offset: column(row, 7)?,
                time: optional_timestamp(row, 8)?,
                group: column(row, 9)?,
            },
            reason: column(row, 10)?,
            message: column(row, 11)?,
            saga_id: column(row, 12)?,
            event_id: column(row, 13)?,
            producer: column(row, 14)?,
            key: column(row, 15)?,
            value: column(row, 16)?,
            value_bytes: count(row, 17)?,
            headers: read_headers(column(row, 18)?)?,
        },
        state: LetterState::read(column(row, 19)?)?,
        attempts: column::<i32>(row, 20)?.cast_unsigned(),
        last_attempt: last_attempt(row)?,
    })
}

fn last_attempt(row: &PgRow) -> Result<Option<LastAttempt>, StoreError> {
    let Some(at) = optional_timestamp(row, 21)? else {
        return Ok(None);
    };
    Ok(Some(LastAttempt {
        at,
        by: column(row, 22)?,
        result: column(row, 23)?,
    }))
}

fn group(row: &PgRow) -> Result<LetterGroup, StoreError> {
    Ok(LetterGroup {
        reason: column(row, 0)?,
        waiting: count(row, 1)?,
        replayed: count(row, 2)?,
        first: timestamp(row, 3)?,
        last: timestamp(row, 4)?,
    })
}

fn column<'row, T>(row: &'row PgRow, index: usize) -> Result<T, StoreError>
where
    T: Decode<'row, Postgres> + Type<Postgres>,
{
    row.try_get(index).map_err(error::store)
}

fn count(row: &PgRow, index: usize) -> Result<u64, StoreError> {
    column::<i64>(row, index).map(i64::cast_unsigned)
}

fn optional_timestamp(row: &PgRow, index: usize) -> Result<Option<Timestamp>, StoreError> {
    let moment: Option<DateTime<Utc>> = column(row, index)?;
    moment.map(Timestamp::try_from).transpose().map_err(corrupt)
}
