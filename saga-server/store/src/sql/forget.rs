//! Texts about sagas and dead letters in other tables, which are erased with them: messages of items of jobs, notes of
//! acknowledgements, and the note of a job about one of them alone.

use std::sync::LazyLock;

use super::{
    Connection,
    dialect::{self, any},
};

/// The statements for one column that names a subject. The item of a job is looked up by the job, since hardly any job has one
/// alone and items have no index of all their subjects. Rows are locked in the order in which jobs lock them.
fn statements(column: &str) -> [String; 3] {
    let chosen = any!("1");
    [
        format!("UPDATE acknowledgement SET note = '' WHERE {column} {chosen}"),
        format!("UPDATE job_item SET message = NULL WHERE message IS NOT NULL AND {column} {chosen}"),
        format!(
            "UPDATE job SET note = NULL WHERE items = 1 AND note IS NOT NULL \
             AND (SELECT min(item.{column}) FROM job_item AS item WHERE item.job_id = job.id) {chosen}"
        ),
    ]
}

static OF_SAGAS: LazyLock<[String; 3]> = LazyLock::new(|| statements("saga_id"));

static OF_LETTERS: LazyLock<[String; 3]> = LazyLock::new(|| statements("letter_id"));

pub(super) async fn of_sagas(connection: &mut Connection, saga_ids: &[&str]) -> Result<(), sqlx::Error> {
    for statement in &*OF_SAGAS {
        sqlx::query(statement.as_str())
            .bind(dialect::list(saga_ids))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

pub(super) async fn of_letters(connection: &mut Connection, ids: &[i64]) -> Result<(), sqlx::Error> {
    for statement in &*OF_LETTERS {
        sqlx::query(statement.as_str())
            .bind(dialect::list(ids))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
