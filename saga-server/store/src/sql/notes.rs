//! Erasing what operators wrote by hand.

use async_trait::async_trait;

use super::{
    Adapter, Connection,
    dialect::{self, any},
    erasure_transaction::{entry, log, overwrite_deleted, write_through},
    error,
};
use crate::{Erasure, Note, NotePlace, NoteStore, Operation, StoreError, detached::run_detached};

const JOBS: i64 = 1;
const ACKNOWLEDGEMENTS: i64 = 2;
const VIEWS: i64 = 3;

const NOTES: &str = r"
SELECT kind, id, name, note, query FROM (
    SELECT CAST(1 AS bigint) AS kind, id, '' AS name, COALESCE(note, '') AS note, selection AS query FROM job
    UNION ALL SELECT 2, id, '', note, '' FROM acknowledgement
    UNION ALL SELECT 3, 0, name, name, query FROM saved_view
) AS written WHERE (kind, id, name) > ($1, $2, $3) ORDER BY kind, id, name LIMIT $4";

const ERASE_JOBS: &str = concat!(
    r#"UPDATE job SET note = NULL, selection = '{"erased":true}' WHERE id "#,
    any!("1"),
    " RETURNING id"
);

const ERASE_ACKNOWLEDGEMENTS: &str = concat!(
    "UPDATE acknowledgement SET note = '' WHERE id ",
    any!("1"),
    " RETURNING saga_id, letter_id"
);

const REMOVE_VIEWS: &str = concat!(
    "DELETE FROM saved_view WHERE name ",
    any!("1"),
    " RETURNING saga_type"
);

#[async_trait]
impl NoteStore for Adapter {
    async fn notes(&self, after: &NotePlace, limit: u32) -> Result<Vec<Note>, StoreError> {
        let (kind, id, name) = match after {
            NotePlace::Job(id) => (JOBS, *id, ""),
            NotePlace::Acknowledgement(id) => (ACKNOWLEDGEMENTS, *id, ""),
            NotePlace::View(name) => (VIEWS, 0, name.as_str()),
        };
        let rows: Vec<(i64, i64, String, String, String)> = sqlx::query_as(NOTES)
            .bind(kind)
            .bind(id)
            .bind(name)
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        let notes = rows.into_iter().map(|(kind, id, name, text, query)| Note {
            place: match kind {
                JOBS => NotePlace::Job(id),
                ACKNOWLEDGEMENTS => NotePlace::Acknowledgement(id),
                _ => NotePlace::View(name),
            },
            text,
            query,
        });
        Ok(notes.collect())
    }

    async fn erase_notes(&self, places: &[NotePlace], erasure: &Erasure) -> Result<u64, StoreError> {
        let (store, places, erasure) = (self.clone(), places.to_vec(), erasure.clone());
        run_detached(async move {
            let begun = store.writers.begin_with(dialect::BEGIN).await;
            let mut transaction = begun.map_err(error::store)?;
            overwrite_deleted(&mut transaction).await.map_err(error::store)?;
            let erased = erase(&mut transaction, &places, &erasure).await;
            let entries = erased.map_err(error::store)?;
            let count = entries.len() as u64;
            log(&mut transaction, entries).await.map_err(error::store)?;
            transaction.commit().await.map_err(error::store)?;
            write_through(&store).await?;
            Ok(count)
        })
        .await
    }
}

/// The entries of the log. None of them names a view: its name may be what was erased.
async fn erase(
    connection: &mut Connection,
    places: &[NotePlace],
    erasure: &Erasure,
) -> Result<Vec<Operation>, sqlx::Error> {
    let (mut jobs, mut acknowledgements, mut views) = (Vec::new(), Vec::new(), Vec::new());
    for place in places {
        match place {
            NotePlace::Job(id) => jobs.push(*id),
            NotePlace::Acknowledgement(id) => acknowledgements.push(*id),
            NotePlace::View(name) => views.push(name.clone()),
        }
    }
    let jobs: Vec<i64> = sqlx::query_scalar(ERASE_JOBS)
        .bind(dialect::list(&jobs))
        .fetch_all(&mut *connection)
        .await?;
    let acknowledgements: Vec<(Option<String>, Option<i64>)> = sqlx::query_as(ERASE_ACKNOWLEDGEMENTS)
        .bind(dialect::list(&acknowledgements))
        .fetch_all(&mut *connection)
        .await?;
    let views: Vec<Option<String>> = sqlx::query_scalar(REMOVE_VIEWS)
        .bind(dialect::list(&views))
        .fetch_all(connection)
        .await?;
    let jobs = jobs
        .into_iter()
        .map(|id| entry(erasure, format!("note and selection of job {id}")));
    let acknowledgements = acknowledgements
        .into_iter()
        .map(|(saga_id, letter_id)| Operation {
            saga_id,
            letter_id,
            ..entry(erasure, "note of an acknowledgement".to_owned())
        });
    let views = views.into_iter().map(|saga_type| Operation {
        saga_type,
        ..entry(erasure, "saved view".to_owned())
    });
    Ok(jobs.chain(acknowledgements).chain(views).collect())
}
