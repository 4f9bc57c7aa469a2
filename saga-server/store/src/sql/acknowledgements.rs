//! Acknowledgements: what was seen is kept, and compared with what is now by each statement that asks.

use async_trait::async_trait;
use saga_types::{SagaId, SagaType, Timestamp};
use sqlx::QueryBuilder;

use super::{
    Adapter, Connection, Db,
    acknowledgeable::{Found, Logged, Seen, look},
    acknowledged::{find, in_force},
    dialect, error, job_items, old_rows, operations,
};
use crate::{
    AcknowledgeOrder, Acknowledged, Acknowledgement, AcknowledgementPage, AcknowledgementQuery,
    AcknowledgementStore, Actor, DoneItem, ItemResult, JobAcknowledgement, JobStep, Operation, OperationKind,
    StoreError, Subject, WithdrawOrder, Withdrawn, columns::Moment, detached::run_detached, layout::Layout,
};

#[async_trait]
impl AcknowledgementStore for Adapter {
    async fn acknowledge(&self, order: &AcknowledgeOrder) -> Result<Acknowledged, StoreError> {
        let (store, order) = (self.clone(), order.clone());
        run_detached(async move {
            let layout = store.layout().await?;
            let begun = store.writers.begin_with(dialect::BEGIN).await;
            let mut transaction = begun.map_err(error::store)?;
            let done = acknowledge(&mut transaction, layout, &order, None).await?;
            if let Acknowledged::Done(_) = done {
                transaction.commit().await.map_err(error::store)?;
            }
            Ok(done)
        })
        .await
    }

    async fn withdraw_acknowledgement(&self, order: &WithdrawOrder) -> Result<Withdrawn, StoreError> {
        let (store, order) = (self.clone(), order.clone());
        run_detached(async move {
            let layout = store.layout().await?;
            let begun = store.writers.begin_with(dialect::BEGIN).await;
            let mut transaction = begun.map_err(error::store)?;
            let done = withdraw(&mut transaction, layout, &order).await?;
            if let Withdrawn::Done(_) = done {
                transaction.commit().await.map_err(error::store)?;
            }
            Ok(done)
        })
        .await
    }

    async fn acknowledgements(
        &self,
        query: &AcknowledgementQuery,
    ) -> Result<AcknowledgementPage, StoreError> {
        let layout = self.layout().await?;
        let mut connection = self.readers.acquire().await.map_err(error::store)?;
        find(&mut connection, layout, query).await
    }

    async fn remove_acknowledgements(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        const REMOVE: &str = "DELETE FROM acknowledgement WHERE id IN \
                              (SELECT id FROM acknowledgement WHERE ends_at < $1 ORDER BY ends_at LIMIT $2)";
        old_rows::remove(&self.writers, REMOVE, before, limit).await
    }
}

/// The sagas of items of a job, with the results of those that were acknowledged. None of them replaces another one.
pub(super) async fn acknowledge_items(
    store: &Adapter,
    job: &JobAcknowledgement,
) -> Result<Vec<(i64, Acknowledged)>, StoreError> {
    let (store, job) = (store.clone(), job.clone());
    run_detached(async move {
        let layout = store.layout().await?;
        let begun = store.writers.begin_with(dialect::BEGIN).await;
        let mut transaction = begun.map_err(error::store)?;
        let mut outcomes = Vec::with_capacity(job.items.len());
        for (number, saga_id) in &job.items {
            let order = order(&job, saga_id);
            let outcome = acknowledge(&mut transaction, layout, &order, Some(job.job)).await?;
            outcomes.push((*number, outcome));
        }
        let done = outcomes
            .iter()
            .filter(|(_, outcome)| matches!(outcome, Acknowledged::Done(_)));
        let step = JobStep {
            job: job.job,
            at: job.judged.now,
            done: done.map(|(number, _)| acknowledged(*number)).collect(),
        };
        let recorded = job_items::record_all(&mut transaction, &step).await;
        recorded.map_err(error::store)?;
        transaction.commit().await.map_err(error::store)?;
        Ok(outcomes)
    })
    .await
}

fn acknowledged(number: i64) -> DoneItem {
    DoneItem {
        number,
        result: ItemResult::Changed,
        message: None,
        before: None,
        after: Some("ACKNOWLEDGED".to_owned()),
    }
}

fn order(job: &JobAcknowledgement, saga_id: &SagaId) -> AcknowledgeOrder {
    AcknowledgeOrder {
        subject: Subject::Saga(saga_id.clone()),
        scope: job.scope.clone(),
        judged: job.judged,
        until: job.care.until,
        assignee: job.care.assignee.clone(),
        note: job.note.clone(),
        replaces: None,
        actor: job.actor.clone(),
    }
}

async fn acknowledge(
    connection: &mut Connection,
    layout: Layout,
    order: &AcknowledgeOrder,
    job: Option<i64>,
) -> Result<Acknowledged, StoreError> {
    let seen = match look(connection, layout, &order.subject, &order.scope, order.judged).await? {
        Found::Missing => return Ok(Acknowledged::Missing),
        Found::Over => return Ok(Acknowledged::Over),
        Found::Open(_) if order.until <= order.judged.now => return Ok(Acknowledged::Over),
        Found::Open(seen) => seen,
    };
    let stored = stored(connection, &order.subject).await?;
    let there = in_force(connection, layout, &order.subject, order.judged).await?;
    if there.as_ref().map(|there| there.id) != order.replaces {
        return Ok(Acknowledged::Taken(there));
    }
    // One that is replaced, or over, is deleted first; when it is not there any more, another caller was faster.
    if let Some(stored) = stored
        && !delete(connection, stored).await?
    {
        return Ok(Acknowledged::Taken(
            in_force(connection, layout, &order.subject, order.judged).await?,
        ));
    }
    let Some(id) = insert(connection, order, &seen).await? else {
        return Ok(Acknowledged::Taken(
            in_force(connection, layout, &order.subject, order.judged).await?,
        ));
    };
    let done = Acknowledgement {
        id,
        subject: order.subject.clone(),
        at: order.judged.now,
        by: order.actor.name.clone(),
        assignee: order.assignee.clone(),
        note: order.note.clone(),
        until: order.until,
        is_worse: false,
    };
    let detail = detail(&done, &order.note);
    let entry = entry(
        &done,
        seen.logged,
        OperationKind::Acknowledgement,
        order.actor.clone(),
        detail,
    );
    write(connection, entry, job).await?;
    Ok(Acknowledged::Done(done))
}

async fn withdraw(
    connection: &mut Connection,
    layout: Layout,
    order: &WithdrawOrder,
) -> Result<Withdrawn, StoreError> {
    let seen = match look(connection, layout, &order.subject, &order.scope, order.judged).await? {
        Found::Open(seen) => seen,
        Found::Over | Found::Missing => return Ok(Withdrawn::Missing),
    };
    let Some(there) = in_force(connection, layout, &order.subject, order.judged).await? else {
        return Ok(Withdrawn::Missing);
    };
    if order.id.is_some_and(|id| id != there.id) {
        return Ok(Withdrawn::Changed(there));
    }
    if !delete(connection, there.id).await? {
        return Ok(Withdrawn::Missing);
    }
    let detail = detail(&there, &there.note);
    let mut entry = entry(
        &there,
        seen.logged,
        OperationKind::Withdrawal,
        order.actor.clone(),
        detail,
    );
    entry.at = order.judged.now;
    write(connection, entry, None).await?;
    Ok(Withdrawn::Done(there))
}

async fn delete(connection: &mut Connection, id: i64) -> Result<bool, StoreError> {
    let deleted = sqlx::query("DELETE FROM acknowledgement WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await
        .map_err(error::store)?;
    Ok(deleted.rows_affected() > 0)
}

async fn write(connection: &mut Connection, entry: Operation, job: Option<i64>) -> Result<(), StoreError> {
    operations::write(connection, &[entry], job)
        .await
        .map_err(error::store)
}

/// Who takes care and until when; of a group, which has no column of the log, also of what.
fn detail(of: &Acknowledgement, note: &str) -> String {
    let group = match &of.subject {
        Subject::FailureGroup { name, .. } => format!("{name}; "),
        Subject::Saga(_) | Subject::Letter(_) => String::new(),
    };
    format!("{group}{} until {}: {note}", of.assignee, of.until)
}

fn entry(
    of: &Acknowledgement,
    Logged { saga_id, saga_type }: Logged,
    kind: OperationKind,
    actor: Actor,
    detail: String,
) -> Operation {
    let result = match kind {
        OperationKind::Acknowledgement => "ACKNOWLEDGED",
        _ => "WITHDRAWN",
    };
    Operation {
        saga_id,
        saga_type,
        letter_id: match of.subject {
            Subject::Letter(id) => Some(id),
            Subject::Saga(_) | Subject::FailureGroup { .. } => None,
        },
        detail: Some(detail),
        ..Operation::of(kind, actor, of.at, result)
    }
}

/// None when another caller was faster.
async fn insert(
    connection: &mut Connection,
    order: &AcknowledgeOrder,
    seen: &Seen,
) -> Result<Option<i64>, StoreError> {
    const INSERT: &str = "INSERT INTO acknowledgement (saga_id, letter_id, failure_group, group_type, acknowledged_at, \
                          acknowledged_by, assignee, note, ends_at, seen_status, seen_late, seen_due, seen_owed, seen_from, \
                          seen_failures) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
                          ON CONFLICT DO NOTHING RETURNING id";
    let (saga_id, letter_id, group) = match &order.subject {
        Subject::Saga(id) => (Some(id.as_str()), None, None),
        Subject::Letter(id) => (None, Some(*id), None),
        Subject::FailureGroup { name, saga_type } => (
            None,
            None,
            Some((name.as_str(), saga_type.as_ref().map_or("", SagaType::as_str))),
        ),
    };
    sqlx::query_scalar(INSERT)
        .bind(saga_id)
        .bind(letter_id)
        .bind(group.map(|(name, _)| name))
        .bind(group.map_or("", |(_, saga_type)| saga_type))
        .bind(Moment(order.judged.now))
        .bind(&order.actor.name)
        .bind(&order.assignee)
        .bind(&order.note)
        .bind(Moment(order.until))
        .bind(&seen.status)
        .bind(seen.is_late)
        .bind(seen.due)
        .bind(seen.owed)
        .bind(seen.from)
        .bind(seen.failures)
        .fetch_optional(connection)
        .await
        .map_err(error::store)
}

/// The row of a subject, over or not.
async fn stored(connection: &mut Connection, subject: &Subject) -> Result<Option<i64>, StoreError> {
    let mut sql = QueryBuilder::<Db>::new("SELECT id FROM acknowledgement WHERE ");
    match subject {
        Subject::Saga(id) => sql.push("saga_id = ").push_bind(id.as_str().to_owned()),
        Subject::Letter(id) => sql.push("letter_id = ").push_bind(*id),
        Subject::FailureGroup { name, saga_type } => sql
            .push("failure_group = ")
            .push_bind(name.clone())
            .push(" AND group_type = ")
            .push_bind(saga_type.as_ref().map_or("", SagaType::as_str).to_owned()),
    };
    let found = sql.build_query_scalar().fetch_optional(connection).await;
    found.map_err(error::store)
}
