//! Dead letters: kept once each, listed, marked.

use std::{collections::HashMap, sync::LazyLock};

use sqlx::QueryBuilder;

use super::{
    Connection, Db, Pool,
    acknowledged::push_acknowledged_letters,
    dialect::{self, any},
    error,
    letter_index::{self, Prefiltered},
    producers,
    rows::decode,
    scope::push_scope,
};
use crate::{
    AppendError, Attempt, Corrupt, Dismissal, LastAttempt, Letter, LetterPage, LetterQuery, LetterState,
    NewLetter, Origin, Scope, StoreError, StoredLetter,
    batch::TxOutcome,
    columns::Moment,
    dead_letters::{headers_text, read_headers},
    layout::Layout,
    letter_index::{Indexed, LetterIndex},
    producers::of_letters,
    table::Keyed,
};

const KEEP: &str = r#"
INSERT INTO dead_letter (identity, topic, partition, "offset", dead_since, origin_topic, origin_partition,
    origin_offset, origin_time, origin_group, reason, message, saga_id, event_id, producer, key, value, value_bytes,
    headers, saga_type, cause, order_id, order_is_partial) "#;

/// So many letters are kept by one statement: each has 23 parameters, of which SQLite takes 32,766.
const KEPT_AT_ONCE: usize = 200;

const LETTERS: &str = r#"
SELECT id, topic, partition, "offset", dead_since, origin_topic, origin_partition, origin_offset, origin_time,
    origin_group, reason, message, saga_id, event_id, producer, key, value, value_bytes, headers, state, attempts,
    attempted_at, attempted_by, result, saga_type, erased_at, dismissed_at, dismissed_by, note
FROM dead_letter WHERE true"#;

const ATTEMPTED: &str = r"
UPDATE dead_letter SET state = $2, attempts = attempts + 1, attempted_at = $3, attempted_by = $4, result = $5
WHERE id = $1 AND state = 'WAITING'";

/// What an erased letter still has: its reason, its place and its saga. One that waited can never be replayed.
pub(super) const ERASED: &str = "key = NULL, value = NULL, headers = '[]', message = '', result = NULL, attempted_at = NULL, \
                                 attempted_by = NULL, note = NULL, order_id = NULL, state = CASE WHEN state = 'WAITING' THEN 'DISMISSED' ELSE state END";

static FORGET_ERASED: LazyLock<String> = LazyLock::new(|| {
    let (chosen, now) = (any!("1"), dialect::NOW);
    format!(
        "UPDATE dead_letter SET {ERASED}, erased_at = {now} WHERE erased_at IS NULL AND saga_id IN \
         (SELECT saga_id FROM saga_removed WHERE erased_at IS NOT NULL AND saga_id {chosen})"
    )
});

/// The words of the letters of some sagas, where their content was erased.
static FORGET_WORDS: LazyLock<String> = LazyLock::new(|| {
    let chosen = any!("1");
    format!(
        "DELETE FROM dead_letter_word WHERE letter_id IN \
         (SELECT id FROM dead_letter WHERE erased_at IS NOT NULL AND saga_id {chosen})"
    )
});

/// Those that came before a moment.
pub(super) const REMOVE: &str = r"
DELETE FROM dead_letter WHERE id IN
    (SELECT id FROM dead_letter WHERE dead_since < $1 ORDER BY dead_since, id LIMIT $2)";

pub(super) async fn keep(pool: &Pool, letters: &[NewLetter], outcome: TxOutcome) -> Result<u64, AppendError> {
    let failed = error::append;
    let begun = pool.begin_with(dialect::BEGIN).await;
    let mut transaction = begun.map_err(error::store)?;
    let mut kept = Vec::new();
    for some in letters.chunks(KEPT_AT_ONCE) {
        kept.extend(insert(&mut transaction, some).await.map_err(failed)?);
    }
    forget_erased(&mut transaction, &kept).await.map_err(failed)?;
    let counts = of_letters(kept.iter().copied()).map_err(failed)?;
    producers::note(&mut transaction, counts.into_iter().collect())
        .await
        .map_err(failed)?;
    match outcome {
        TxOutcome::Committed => transaction.commit().await,
        TxOutcome::RolledBack => transaction.rollback().await,
    }
    .map_err(failed)?;
    Ok(kept.len() as u64)
}

/// Inserts letters by one statement, and their words by another one; gives the letters that were new.
async fn insert<'l>(
    connection: &mut Connection,
    letters: &'l [NewLetter],
) -> Result<Vec<&'l NewLetter>, sqlx::Error> {
    let rows = letters.iter().map(|new| {
        let letter = &new.letter;
        let index = LetterIndex::of(&Indexed {
            reason: &letter.reason,
            message: &letter.message,
            producer: letter.producer.as_deref(),
            saga_id: letter.saga_id.as_deref(),
            event_id: letter.event_id.as_deref(),
            value: letter.value.as_deref(),
        });
        headers_text(&letter.headers).map(|headers| (new, index, headers))
    });
    let rows = rows.collect::<Result<Vec<_>, sqlx::Error>>()?;
    let mut sql = QueryBuilder::<Db>::new(KEEP);
    sql.push_values(
        &rows,
        |mut row, (NewLetter { identity, letter }, index, headers)| {
            let origin = &letter.origin;
            row.push_bind(&identity[..])
                .push_bind(&letter.topic)
                .push_bind(letter.partition)
                .push_bind(letter.offset)
                .push_bind(Moment(letter.dead_since))
                .push_bind(&origin.topic)
                .push_bind(origin.partition)
                .push_bind(origin.offset)
                .push_bind(origin.time.map(Moment))
                .push_bind(&origin.group)
                .push_bind(&letter.reason)
                .push_bind(&letter.message)
                .push_bind(&letter.saga_id)
                .push_bind(&letter.event_id)
                .push_bind(&letter.producer)
                .push_bind(&letter.key)
                .push_bind(&letter.value)
                .push_bind(letter.value_bytes.cast_signed())
                .push_bind(headers)
                .push_bind(&letter.saga_type)
                .push_bind(&index.cause)
                .push_bind(&index.order_id)
                .push_bind(index.order_is_partial);
        },
    );
    sql.push(" ON CONFLICT (identity) DO NOTHING RETURNING identity, id");
    // Its text depends on how many they are: it is not worth a place among the prepared ones.
    let inserted = sql.build_query_as::<(Vec<u8>, i64)>().persistent(false);
    let inserted = inserted.fetch_all(&mut *connection).await?;
    let mut ids: HashMap<Vec<u8>, i64> = inserted.into_iter().collect();
    let (mut kept, mut indexes) = (Vec::new(), Vec::new());
    for (new, index, _) in &rows {
        // Of two letters with one identity the first is kept.
        if let Some(id) = ids.remove(&new.identity[..]) {
            kept.push(*new);
            indexes.push((id, index));
        }
    }
    letter_index::insert_words(connection, &indexes).await?;
    Ok(kept)
}

/// An event that comes once more after its saga was archived and erased must not bring back what was erased.
async fn forget_erased(connection: &mut Connection, kept: &[&NewLetter]) -> Result<(), sqlx::Error> {
    let sagas = kept.iter().filter_map(|new| new.letter.saga_id.as_deref());
    let sagas: Vec<&str> = sagas.collect();
    if sagas.is_empty() {
        return Ok(());
    }
    for erase in [FORGET_ERASED.as_str(), FORGET_WORDS.as_str()] {
        sqlx::query(erase)
            .bind(dialect::list(&sagas))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

pub(super) async fn letters(
    (pool, layout): (&Pool, Layout),
    query: &LetterQuery,
) -> Result<LetterPage, StoreError> {
    let prefiltered = letter_index::prefilter(pool, &query.filter).await?;
    let mut sql = QueryBuilder::new(LETTERS);
    push_filter(&mut sql, &prefiltered, layout);
    if let Some(after) = query.after {
        sql.push(" AND (dead_since, id) < (")
            .push_bind(Moment(after.dead_since))
            .push(", ")
            .push_bind(after.id)
            .push(")");
    }
    sql.push(" ORDER BY dead_since DESC, id DESC LIMIT ")
        .push_bind(i64::from(query.size) + 1);
    let rows = sql.build().fetch_all(pool).await.map_err(error::store)?;
    let letters = rows.iter().map(|row| decode::<LetterRow>(row)?.try_into());
    let letters = letters.collect::<Result<_, StoreError>>()?;
    Ok(LetterPage::of(letters, query.size))
}

pub(super) async fn waiting((pool, layout): (&Pool, Layout), scope: &Scope) -> Result<u64, StoreError> {
    let mut sql = QueryBuilder::new("SELECT count(*) FROM dead_letter WHERE state = 'WAITING'");
    push_letter_scope(&mut sql, scope, layout);
    count(pool, &mut sql).await
}

pub(super) async fn stored(pool: &Pool) -> Result<u64, StoreError> {
    count(pool, &mut QueryBuilder::new("SELECT count(*) FROM dead_letter")).await
}

async fn count(pool: &Pool, sql: &mut QueryBuilder<Db>) -> Result<u64, StoreError> {
    let letters: i64 = sql
        .build_query_scalar()
        .fetch_one(pool)
        .await
        .map_err(error::store)?;
    Ok(letters.cast_unsigned())
}

pub(super) async fn attempted(connection: &mut Connection, attempts: &[Attempt]) -> Result<(), sqlx::Error> {
    for attempt in attempts {
        sqlx::query(ATTEMPTED)
            .bind(attempt.id)
            .bind(attempt.state.as_str())
            .bind(Moment(attempt.at))
            .bind(&attempt.by)
            .bind(&attempt.result)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// A letter is of the type of its event. One whose saga has another type, or may have had, is shown to nobody who may not see
/// that type: replaying it would change that saga.
///
/// Citus compares no row of the coordinator with a table of the workers one by one: there the sagas of all letters of the types
/// are looked up first.
pub(super) fn push_letter_scope(sql: &mut QueryBuilder<Db>, scope: &Scope, layout: Layout) {
    let Some(types) = scope.names() else { return };
    push_scope(sql, "dead_letter.saga_type", scope);
    let (before, after) = dialect::ONE_OF_FEW;
    for table in ["saga_instance", "saga_removed"] {
        match layout {
            Layout::Single => sql.push(format_args!(
                " AND NOT EXISTS (SELECT 1 FROM {table} AS saga WHERE saga.saga_id = dead_letter.saga_id"
            )),
            Layout::Distributed => {
                sql.push(format_args!(
                    " AND NOT COALESCE(dead_letter.saga_id {before}SELECT saga_id FROM {table} AS saga WHERE saga_id {before}\
                     SELECT saga_id FROM dead_letter AS other WHERE saga_id IS NOT NULL"
                ));
                push_scope(sql, "other.saga_type", scope);
                sql.push(after)
            }
        };
        sql.push(" AND (saga.saga_type IS NULL OR NOT saga.saga_type ");
        dialect::push_any(sql, &types);
        match layout {
            Layout::Single => sql.push("))"),
            Layout::Distributed => sql.push(format_args!("){after}, false)")),
        };
    }
}

pub(super) fn push_filter(sql: &mut QueryBuilder<Db>, prefiltered: &Prefiltered<'_>, layout: Layout) {
    let filter = prefiltered.filter;
    push_letter_scope(sql, &filter.scope, layout);
    if let Some(named) = &filter.named {
        sql.push(" AND (id ");
        dialect::push_any(sql, &named.ids);
        sql.push(" OR event_id ");
        dialect::push_any(sql, &named.event_ids);
        sql.push(")");
    }
    let texts = [
        (" AND reason = ", filter.reason.as_deref()),
        (" AND saga_id = ", filter.saga_id.as_deref()),
        (" AND order_id = ", filter.order_id.as_deref()),
        (" AND cause = ", filter.cause.as_deref()),
        (" AND origin_topic = ", filter.origin_topic.as_deref()),
    ];
    for (condition, text) in texts {
        if let Some(text) = text {
            sql.push(condition).push_bind(text.to_owned());
        }
    }
    if filter.without_partial_orders {
        sql.push(" AND order_is_partial = false");
    }
    match filter.state {
        // Written out, so that the index of the waiting ones serves it.
        Some(LetterState::Waiting) => _ = sql.push(" AND state = 'WAITING'"),
        Some(LetterState::Replayed) => _ = sql.push(" AND state = 'REPLAYED'"),
        Some(LetterState::Dismissed) => _ = sql.push(" AND state = 'DISMISSED'"),
        None => {}
    }
    letter_index::push_words(sql, prefiltered);
    if filter.without_dismissed {
        sql.push(" AND state <> 'DISMISSED'");
    }
    if let Some((is_acknowledged, now)) = filter.acknowledged {
        push_acknowledged_letters(sql, is_acknowledged, now);
    }
    if let Some(from) = filter.from {
        sql.push(" AND dead_since >= ").push_bind(Moment(from));
    }
    if let Some(to) = filter.to {
        sql.push(" AND dead_since <= ").push_bind(Moment(to));
    }
}

/// A row of `dead_letter`.
#[derive(sqlx::FromRow)]
pub(super) struct LetterRow {
    id: i64,
    topic: String,
    partition: i32,
    offset: i64,
    dead_since: Moment,
    origin_topic: Option<String>,
    origin_partition: Option<i32>,
    origin_offset: Option<i64>,
    origin_time: Option<Moment>,
    origin_group: Option<String>,
    reason: String,
    message: String,
    saga_id: Option<String>,
    event_id: Option<String>,
    producer: Option<String>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    value_bytes: i64,
    headers: String,
    state: String,
    attempts: i32,
    attempted_at: Option<Moment>,
    attempted_by: Option<String>,
    result: Option<String>,
    saga_type: Option<String>,
    erased_at: Option<Moment>,
    dismissed_at: Option<Moment>,
    dismissed_by: Option<String>,
    note: Option<String>,
}

impl Keyed for LetterRow {
    const NAME: &'static str = "dead_letter";
    const KEY: &'static [&'static str] = &["id"];
}

impl TryFrom<LetterRow> for StoredLetter {
    type Error = StoreError;

    fn try_from(row: LetterRow) -> Result<Self, StoreError> {
        let corrupt = |column: &str, cause| Corrupt::new(LetterRow::NAME, column, row.id.to_string(), cause);
        let state = LetterState::read(&row.state).map_err(|error| corrupt("state", error))?;
        let headers = read_headers(&row.headers).map_err(|error| corrupt("headers", error))?;
        let dismissed = row.dismissed_at.zip(row.dismissed_by);
        let attempt = row.attempted_at.zip(row.attempted_by).zip(row.result);
        Ok(Self {
            id: row.id,
            state,
            attempts: row.attempts.cast_unsigned(),
            erased_at: row.erased_at.map(|moment| moment.0),
            dismissal: dismissed.map(|(at, by)| Dismissal {
                at: at.0,
                by,
                note: row.note,
            }),
            last_attempt: attempt.map(|((at, by), result)| LastAttempt { at: at.0, by, result }),
            letter: Letter {
                topic: row.topic,
                partition: row.partition,
                offset: row.offset,
                dead_since: row.dead_since.0,
                origin: Origin {
                    topic: row.origin_topic,
                    partition: row.origin_partition,
                    offset: row.origin_offset,
                    time: row.origin_time.map(|time| time.0),
                    group: row.origin_group,
                },
                reason: row.reason,
                message: row.message,
                saga_id: row.saga_id,
                saga_type: row.saga_type,
                event_id: row.event_id,
                producer: row.producer,
                key: row.key,
                value: row.value,
                value_bytes: row.value_bytes.cast_unsigned(),
                headers,
            },
        })
    }
}
