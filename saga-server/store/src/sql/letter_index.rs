//! Causes and words of dead letters.

use std::collections::BTreeSet;

use sqlx::QueryBuilder;

use super::{Connection, Db, Pool, dialect, error};
use crate::{
    LetterFilter, StoreError,
    letter_index::{Indexed, LetterIndex},
};

/// A text that is the beginning of more words than these is common: among the newest letters there are some that have it.
const RARE: usize = 1_000;

const WITHOUT_INDEX: &str = r"
SELECT id, reason, message, producer, saga_id, event_id, value FROM dead_letter WHERE cause IS NULL ORDER BY id LIMIT $1";

const SET_INDEX: &str =
    "UPDATE dead_letter SET cause = $2, order_id = $3, order_is_partial = $4 WHERE id = $1";

/// Gives some letters that were kept without it what they are found by; how many.
pub(super) async fn index_some(connection: &mut Connection, limit: u32) -> Result<u64, StoreError> {
    let rows: Vec<UnindexedRow> = sqlx::query_as(WITHOUT_INDEX)
        .bind(i64::from(limit))
        .fetch_all(&mut *connection)
        .await
        .map_err(error::store)?;
    let mut indexes = Vec::with_capacity(rows.len());
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
            .bind(index.order_is_partial)
            .execute(&mut *connection)
            .await
            .map_err(error::store)?;
        indexes.push((row.id, index));
    }
    let indexes: Vec<(i64, &LetterIndex)> = indexes.iter().map(|(id, index)| (*id, index)).collect();
    insert_words(connection, &indexes).await.map_err(error::store)?;
    Ok(rows.len() as u64)
}

/// Keeps the words of letters, by one statement.
pub(super) async fn insert_words(
    connection: &mut Connection,
    letters: &[(i64, &LetterIndex)],
) -> Result<(), sqlx::Error> {
    let mut words: Vec<(i64, &str)> = Vec::new();
    for (id, index) in letters {
        words.extend(index.words.iter().map(|word| (*id, word.as_str())));
    }
    if words.is_empty() {
        return Ok(());
    }
    let mut sql = QueryBuilder::<Db>::new("INSERT INTO dead_letter_word (letter_id, word) ");
    dialect::push_named_texts(&mut sql, &words);
    sql.push(" ON CONFLICT DO NOTHING");
    sql.build().execute(connection).await?;
    Ok(())
}

/// A filter whose rare words were looked up, since among the newest letters they would be looked for in all of them.
pub(super) struct Prefiltered<'a> {
    pub(super) filter: &'a LetterFilter,
    common_words: Vec<&'a String>,
    /// The letters that have all rare words; none when no word is rare.
    with_rare_words: Option<BTreeSet<i64>>,
}

/// Looks up which letters have the words that few have.
pub(super) async fn prefilter<'a>(
    pool: &Pool,
    filter: &'a LetterFilter,
) -> Result<Prefiltered<'a>, StoreError> {
    let mut prefiltered = Prefiltered {
        filter,
        common_words: Vec::new(),
        with_rare_words: None,
    };
    for word in &filter.words {
        let mut sql = QueryBuilder::<Db>::new("SELECT letter_id FROM dead_letter_word WHERE ");
        push_begins(&mut sql, word);
        // In the order of the key, so that it is read and not the table.
        sql.push(format_args!(" ORDER BY word, letter_id LIMIT {}", RARE + 1));
        let letters: Vec<i64> = sql
            .build_query_scalar()
            .fetch_all(pool)
            .await
            .map_err(error::store)?;
        if letters.len() > RARE {
            prefiltered.common_words.push(word);
            continue;
        }
        let letters: BTreeSet<i64> = letters.into_iter().collect();
        prefiltered.with_rare_words = Some(match prefiltered.with_rare_words {
            Some(others) => &others & &letters,
            None => letters,
        });
    }
    Ok(prefiltered)
}

/// Letters with all these words, each the beginning of one of theirs.
pub(super) fn push_words(sql: &mut QueryBuilder<Db>, prefiltered: &Prefiltered<'_>) {
    if let Some(letters) = &prefiltered.with_rare_words {
        let letters: Vec<i64> = letters.iter().copied().collect();
        sql.push(" AND id ");
        dialect::push_any(sql, &letters);
    }
    for word in &prefiltered.common_words {
        sql.push(" AND EXISTS (SELECT 1 FROM dead_letter_word WHERE letter_id = dead_letter.id AND ");
        push_begins(sql, word);
        sql.push(")");
    }
}

fn push_begins(sql: &mut QueryBuilder<Db>, word: &str) {
    sql.push("word >= ")
        .push_bind(word.to_owned())
        .push(" AND word < ")
        .push_bind(format!("{word}\u{10ffff}"));
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
