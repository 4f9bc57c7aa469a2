//! The log of operations: written by the transactions of changes, and read.

use std::sync::Arc;

use async_trait::async_trait;
use saga_types::{SagaEvent, Timestamp};
use sqlx::QueryBuilder;

use super::{
    Adapter, Connection, Db, dead_letters, error, job_items, old_rows, rows::decode, scope::push_scope,
};
use crate::{
    Actor, AppendError, Appended, Conclude, Conclusion, Corrupt, Operation, OperationFilter, OperationKind,
    OperationPage, OperationQuery, OperationStore, StoreError, StoredOperation, Way, batch::Beside,
    columns::Moment, table::Keyed,
};

/// So many entries are written by one statement, which takes a bounded number of parameters.
const AT_ONCE: usize = 500;

const WRITE: &str = "INSERT INTO operation (at, actor, role, way, address, kind, saga_id, saga_type, letter_id, before, after, \
                     result, detail, job_id) ";

const OPERATIONS: &str = r"
SELECT id, at, actor, role, way, address, kind, saga_id, saga_type, letter_id, before, after, result, detail, job_id
FROM operation WHERE true";

const REMOVE: &str = r"
DELETE FROM operation WHERE id IN (SELECT id FROM operation WHERE at < $1 ORDER BY at, id LIMIT $2)";

#[async_trait]
impl OperationStore for Adapter {
    async fn append_by(&self, batch: Arc<[SagaEvent]>, conclude: Conclude) -> Result<Appended, AppendError> {
        let beside = Beside {
            conclude: Some(conclude),
            ..Beside::default()
        };
        self.store_batch(batch, beside).await
    }

    async fn operations(&self, query: &OperationQuery) -> Result<OperationPage, StoreError> {
        let mut sql = QueryBuilder::new(OPERATIONS);
        push_filter(&mut sql, &query.filter);
        if let Some(after) = query.after {
            sql.push(" AND (at, id) < (")
                .push_bind(Moment(after.at))
                .push(", ")
                .push_bind(after.id)
                .push(")");
        }
        sql.push(" ORDER BY at DESC, id DESC LIMIT ")
            .push_bind(i64::from(query.size) + 1);
        let rows = sql.build().fetch_all(&self.readers).await.map_err(error::store)?;
        let operations = rows.iter().map(|row| decode::<OperationRow>(row)?.try_into());
        let operations = operations.collect::<Result<_, StoreError>>()?;
        Ok(OperationPage::of(operations, query.size))
    }

    async fn remove_operations(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        old_rows::remove(&self.writers, REMOVE, before, limit).await
    }
}

/// Writes a conclusion down, within the transaction of the change.
pub(super) async fn conclude(
    connection: &mut Connection,
    conclusion: &Conclusion,
) -> Result<(), sqlx::Error> {
    let job = conclusion.job.as_ref();
    if let Some(step) = job {
        job_items::record_all(connection, step).await?;
    }
    dead_letters::attempted(connection, &conclusion.attempts).await?;
    write(connection, &conclusion.operations, job.map(|step| step.job)).await
}

/// Writes entries of the log, of a job where they are a part of one.
pub(super) async fn write(
    connection: &mut Connection,
    operations: &[Operation],
    job: Option<i64>,
) -> Result<(), sqlx::Error> {
    for operations in operations.chunks(AT_ONCE) {
        let mut sql = QueryBuilder::<Db>::new(WRITE);
        sql.push_values(operations, |mut row, operation| {
            let Operation {
                at,
                actor,
                kind,
                saga_id,
                saga_type,
                letter_id,
                before,
                after,
                result,
                detail,
            } = operation;
            row.push_bind(Moment(*at))
                .push_bind(&actor.name)
                .push_bind(&actor.role)
                .push_bind(actor.way.as_str())
                .push_bind(&actor.address)
                .push_bind(kind.as_str())
                .push_bind(saga_id)
                .push_bind(saga_type)
                .push_bind(letter_id)
                .push_bind(before)
                .push_bind(after)
                .push_bind(result)
                .push_bind(detail)
                .push_bind(job);
        });
        sql.build().execute(&mut *connection).await?;
    }
    Ok(())
}

fn push_filter(sql: &mut QueryBuilder<Db>, filter: &OperationFilter) {
    push_scope(sql, "saga_type", &filter.scope);
    let texts = [
        (" AND actor = ", filter.actor.as_deref()),
        (" AND kind = ", filter.kind.map(OperationKind::as_str)),
        (" AND saga_id = ", filter.saga_id.as_deref()),
    ];
    for (condition, text) in texts {
        if let Some(text) = text {
            sql.push(condition).push_bind(text.to_owned());
        }
    }
    if let Some(job) = filter.job_id {
        sql.push(" AND job_id = ").push_bind(job);
    }
    if let Some(from) = filter.from {
        sql.push(" AND at >= ").push_bind(Moment(from));
    }
    if let Some(to) = filter.to {
        sql.push(" AND at <= ").push_bind(Moment(to));
    }
}

/// A row of `operation`.
#[derive(sqlx::FromRow)]
struct OperationRow {
    id: i64,
    at: Moment,
    actor: String,
    role: Option<String>,
    way: String,
    address: Option<String>,
    kind: String,
    saga_id: Option<String>,
    saga_type: Option<String>,
    letter_id: Option<i64>,
    before: Option<String>,
    after: Option<String>,
    result: String,
    detail: Option<String>,
    job_id: Option<i64>,
}

impl Keyed for OperationRow {
    const NAME: &'static str = "operation";
    const KEY: &'static [&'static str] = &["id"];
}

impl TryFrom<OperationRow> for StoredOperation {
    type Error = StoreError;

    fn try_from(row: OperationRow) -> Result<Self, StoreError> {
        let corrupt =
            |column: &str, cause| Corrupt::new(OperationRow::NAME, column, row.id.to_string(), cause);
        let way = Way::read(&row.way).map_err(|error| corrupt("way", error))?;
        let kind = OperationKind::read(&row.kind).map_err(|error| corrupt("kind", error))?;
        Ok(Self {
            id: row.id,
            job_id: row.job_id,
            operation: Operation {
                at: row.at.0,
                actor: Actor {
                    name: row.actor,
                    role: row.role,
                    way,
                    address: row.address,
                },
                kind,
                saga_id: row.saga_id,
                saga_type: row.saga_type,
                letter_id: row.letter_id,
                before: row.before,
                after: row.after,
                result: row.result,
                detail: row.detail,
            },
        })
    }
}
