//! Erasing a person's data in dead letters.

use std::sync::LazyLock;

use sqlx::{QueryBuilder, Row as _};

use super::{
    Adapter, Db,
    dead_letters::{self, LetterRow},
    dialect::{self, any},
    erasure_transaction::{entry, log, overwrite_deleted, write_through},
    error, forget,
    rows::decode,
};
use crate::{
    ErasableLetter, Erasure, MetadataValue, Operation, StoreError, columns::Moment, detached::run_detached,
};

static ERASE_LETTERS: LazyLock<String> = LazyLock::new(|| {
    let (erased, chosen) = (dead_letters::ERASED, any!("1"));
    format!(
        "UPDATE dead_letter SET {erased}, erased_at = $2 WHERE erased_at IS NULL AND id {chosen} RETURNING id, saga_id, saga_type"
    )
});

const ERASE_WORDS: &str = concat!("DELETE FROM dead_letter_word WHERE letter_id ", any!("1"));

/// Letters that may hold the person's data, with whether their sagas have it.
pub(super) async fn find(
    store: &Adapter,
    value: &MetadataValue,
    after: i64,
    limit: u32,
) -> Result<Vec<ErasableLetter>, StoreError> {
    let (begin, end) = dialect::ONE_OF_FEW;
    let of_letters = format!("saga_id {begin}SELECT saga_id FROM letter WHERE saga_id IS NOT NULL{end}");
    let mut sql = QueryBuilder::<Db>::new(
        "WITH letter AS MATERIALIZED (SELECT * FROM dead_letter WHERE erased_at IS NULL AND id > ",
    );
    sql.push_bind(after)
        .push(" ORDER BY id LIMIT ")
        .push_bind(i64::from(limit))
        .push("), erased AS MATERIALIZED (");
    for (table, separator) in [("saga_instance", " UNION ALL "), ("saga_removed", "")] {
        sql.push(format_args!(
            "SELECT saga_id, erased_at FROM {table} WHERE erased_at IS NOT NULL AND {of_letters}{separator}"
        ));
    }
    sql.push(format_args!(
        "), named AS MATERIALIZED (SELECT DISTINCT saga_id FROM saga_steps AS step WHERE erased_at IS NULL AND {of_letters} AND "
    ));
    dialect::push_metadata(&mut sql, value.key(), value.value());
    sql.push(
        ") SELECT letter.*, (EXISTS (SELECT 1 FROM erased AS saga \
         WHERE saga.saga_id = letter.saga_id AND saga.erased_at >= letter.created_at) \
         OR EXISTS (SELECT 1 FROM named WHERE named.saga_id = letter.saga_id)) AS is_of_saga FROM letter ORDER BY id",
    );
    let rows = sql
        .build()
        .fetch_all(&store.readers)
        .await
        .map_err(error::store)?;
    let letters = rows.iter().map(|row| {
        Ok(ErasableLetter {
            is_of_saga: row.try_get("is_of_saga").map_err(error::store)?,
            stored: decode::<LetterRow>(row)?.try_into()?,
        })
    });
    letters.collect()
}

/// Erases the content of letters, with what was said of them; how many there were.
pub(super) async fn erase(store: &Adapter, ids: &[i64], erasure: &Erasure) -> Result<u64, StoreError> {
    let (store, ids, erasure) = (store.clone(), ids.to_vec(), erasure.clone());
    run_detached(async move {
        let begun = store.writers.begin_with(dialect::BEGIN).await;
        let mut transaction = begun.map_err(error::store)?;
        overwrite_deleted(&mut transaction).await.map_err(error::store)?;
        let erased: Vec<(i64, Option<String>, Option<String>)> = sqlx::query_as(ERASE_LETTERS.as_str())
            .bind(dialect::list(&ids))
            .bind(Moment(erasure.at))
            .fetch_all(&mut *transaction)
            .await
            .map_err(error::store)?;
        sqlx::query(ERASE_WORDS)
            .bind(dialect::list(&ids))
            .execute(&mut *transaction)
            .await
            .map_err(error::store)?;
        forget::of_letters(&mut transaction, &ids)
            .await
            .map_err(error::store)?;
        let count = erased.len() as u64;
        let entries = erased.into_iter().map(|(id, saga_id, saga_type)| Operation {
            letter_id: Some(id),
            saga_id,
            saga_type,
            ..entry(&erasure, "dead letter".to_owned())
        });
        log(&mut transaction, entries.collect())
            .await
            .map_err(error::store)?;
        transaction.commit().await.map_err(error::store)?;
        write_through(&store).await?;
        Ok(count)
    })
    .await
}
