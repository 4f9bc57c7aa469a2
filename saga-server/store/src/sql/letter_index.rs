//! Causes and words of dead letters.

use sqlx::QueryBuilder;

use super::{Connection, Db, Pool, dead_letters::push_filter, dialect, error};
use crate::{
    LetterCause, LetterFilter, StoreError,
    columns::Moment,
    layout::Layout,
    letter_index::{Indexed, LetterIndex},
};

const CAUSES: &str = r"
SELECT cause, max(reason) AS reason, max(message) AS message, max(producer) AS producer,
    count(*) FILTER (WHERE state = 'WAITING') AS waiting,
    count(*) FILTER (WHERE state = 'WAITING' AND attempts > 0) AS failed_again,
    count(*) FILTER (WHERE state = 'REPLAYED') AS replayed,
    count(*) FILTER (WHERE state = 'DISMISSED') AS dismissed, min(dead_since) AS first_dead, max(dead_since) AS last_dead
FROM dead_letter WHERE true";

const WITHOUT_INDEX: &str = r"
SELECT id, reason, message, producer, saga_id, event_id, value FROM dead_letter WHERE cause IS NULL ORDER BY id LIMIT $1";

const SET_INDEX: &str = "UPDATE dead_letter SET cause = $2, order_id = $3 WHERE id = $1";

pub(super) async fn causes(
    (pool, layout): (&Pool, Layout),
    filter: &LetterFilter,
) -> Result<Vec<LetterCause>, StoreError> {
    let mut sql = QueryBuilder::new(CAUSES);
    push_filter(&mut sql, filter, layout);
    sql.push(" GROUP BY cause ORDER BY count(*) DESC, cause LIMIT ")
        .push_bind(i64::from(LetterCause::MAX));
    let rows: Vec<CauseRow> = sql.build_query_as().fetch_all(pool).await.map_err(error::store)?;
    Ok(rows.into_iter().map(LetterCause::from).collect())
}

/// Gives some letters that were kept without it what they are found by; how many.
pub(super) async fn index_some(connection: &mut Connection, limit: u32) -> Result<u64, StoreError> {
    let rows: Vec<UnindexedRow> = sqlx::query_as(WITHOUT_INDEX)
        .bind(i64::from(limit))
        .fetch_all(&mut *connection)
        .await
        .map_err(error::store)?;
    for row in &rows {
        let index = LetterIndex::of(&Indexed {
            reason: &row.reason,
            message: &row.message,
            producer: row.producer.as_deref(),
            saga_id: row.saga_id.as_deref(),
            event_id: row.event_id.as_deref(),
            value: row.value.as_deref(),
        });
        sqlx::query(SET_INDEX)
            .bind(row.id)
            .bind(&index.cause)
            .bind(&index.order_id)
            .execute(&mut *connection)
            .await
            .map_err(error::store)?;
        insert_words(connection, row.id, &index)
            .await
            .map_err(error::store)?;
    }
    Ok(rows.len() as u64)
}

/// Keeps the words of a letter.
pub(super) async fn insert_words(
    connection: &mut Connection,
    letter: i64,
    index: &LetterIndex,
) -> Result<(), sqlx::Error> {
    let words: Vec<String> = index.words.iter().cloned().collect();
    let mut sql = QueryBuilder::<Db>::new("INSERT INTO dead_letter_word (letter_id, word) SELECT ");
    sql.push_bind(letter).push(", name FROM (");
    dialect::push_texts(&mut sql, &words);
    sql.push(") AS words WHERE true ON CONFLICT DO NOTHING");
    sql.build().execute(connection).await?;
    Ok(())
}

/// Letters with all these words, each the beginning of one of theirs.
pub(super) fn push_words(sql: &mut QueryBuilder<Db>, words: &[String]) {
    for word in words {
        sql.push(" AND EXISTS (SELECT 1 FROM dead_letter_word WHERE letter_id = dead_letter.id AND word >= ")
            .push_bind(word.clone())
            .push(" AND word < ")
            .push_bind(format!("{word}\u{10ffff}"))
            .push(")");
    }
}

#[derive(sqlx::FromRow)]
struct UnindexedRow {
    id: i64,
    reason: String,
    message: String,
    producer: Option<String>,
    saga_id: Option<String>,
    event_id: Option<String>,
    value: Option<Vec<u8>>,
}

#[derive(sqlx::FromRow)]
struct CauseRow {
    cause: Option<String>,
    reason: String,
    message: String,
    producer: Option<String>,
    waiting: i64,
    failed_again: i64,
    replayed: i64,
    dismissed: i64,
    first_dead: Moment,
    last_dead: Moment,
}

impl From<CauseRow> for LetterCause {
    fn from(row: CauseRow) -> Self {
        Self {
            name: row.cause,
            reason: row.reason,
            message: row.message,
            producer: row.producer,
            waiting: row.waiting.cast_unsigned(),
            failed_again: row.failed_again.cast_unsigned(),
            replayed: row.replayed.cast_unsigned(),
            dismissed: row.dismissed.cast_unsigned(),
            first: row.first_dead.0,
            last: row.last_dead.0,
        }
    }
}
