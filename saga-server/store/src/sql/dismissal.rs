//! Dead letters dismissed and restored.

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::{
    Adapter, Connection, Db, dead_letters, dialect, error,
    letter_index::{Prefiltered, prefilter},
    operations,
};
use crate::{
    Conclusion, DismissalStore, Disposal, DisposalOrder, DoneItem, ItemResult, JobDisposal, JobStep,
    LetterFilter, Named, Operation, OperationKind, StoreError, columns::Moment, detached::run_detached,
    layout::Layout,
};

#[async_trait]
impl DismissalStore for Adapter {
    async fn count_disposable(&self, filter: &LetterFilter, disposal: Disposal) -> Result<u64, StoreError> {
        let prefiltered = prefilter(&self.readers, filter).await?;
        let mut sql = QueryBuilder::<Db>::new("SELECT count(*) FROM (SELECT 1 FROM dead_letter WHERE ");
        sql.push(disposable(disposal));
        dead_letters::push_filter(&mut sql, &prefiltered, self.layout().await?);
        sql.push(format_args!(" LIMIT {}) AS counted", Disposal::COUNTED + 1));
        let count: i64 = sql
            .build_query_scalar()
            .fetch_one(&self.readers)
            .await
            .map_err(error::store)?;
        Ok(count.cast_unsigned())
    }

    async fn dispose(
        &self,
        filter: &LetterFilter,
        order: &DisposalOrder,
        limit: u32,
    ) -> Result<Vec<i64>, StoreError> {
        let (store, filter, order) = (self.clone(), filter.clone(), order.clone());
        run_detached(async move {
            let layout = store.layout().await?;
            let prefiltered = prefilter(&store.readers, &filter).await?;
            let begun = store.writers.begin_with(dialect::BEGIN).await;
            let mut transaction = begun.map_err(error::store)?;
            let disposed = dispose(&mut transaction, layout, &prefiltered, &order, limit).await?;
            let conclusion = Conclusion {
                operations: entries(&order, &disposed),
                ..Conclusion::default()
            };
            let written = operations::conclude(&mut transaction, &conclusion).await;
            written.map_err(error::store)?;
            transaction.commit().await.map_err(error::store)?;
            Ok(disposed.into_iter().map(|(id, ..)| id).collect())
        })
        .await
    }
}

/// The same for items of a job, with their results; the numbers of those to which it was done.
pub(super) async fn dispose_items(store: &Adapter, job: &JobDisposal) -> Result<Vec<i64>, StoreError> {
    let (store, job) = (store.clone(), job.clone());
    run_detached(async move {
        let order = DisposalOrder {
            disposal: job.disposal,
            at: job.at,
            actor: job.actor,
            note: job.note,
        };
        let named = Named {
            ids: job.items.iter().map(|(_, letter)| *letter).collect(),
            event_ids: Vec::new(),
        };
        let filter = LetterFilter {
            scope: job.scope,
            named: Some(named),
            ..LetterFilter::default()
        };
        let limit = u32::try_from(job.items.len()).unwrap_or(u32::MAX);
        let layout = store.layout().await?;
        let prefiltered = prefilter(&store.readers, &filter).await?;
        let begun = store.writers.begin_with(dialect::BEGIN).await;
        let mut transaction = begun.map_err(error::store)?;
        let disposed = dispose(&mut transaction, layout, &prefiltered, &order, limit).await?;
        let (before, after) = order.disposal.states();
        let is_disposed = |letter: i64| disposed.iter().any(|(id, ..)| *id == letter);
        let numbers: Vec<i64> = job
            .items
            .iter()
            .filter(|(_, letter)| is_disposed(*letter))
            .map(|(number, _)| *number)
            .collect();
        let done = numbers.iter().map(|number| DoneItem {
            number: *number,
            result: ItemResult::Changed,
            message: None,
            before: Some(before.as_str().to_owned()),
            after: Some(after.as_str().to_owned()),
        });
        let conclusion = Conclusion {
            operations: entries(&order, &disposed),
            job: Some(JobStep {
                job: job.job,
                at: order.at,
                done: done.collect(),
            }),
            ..Conclusion::default()
        };
        let written = operations::conclude(&mut transaction, &conclusion).await;
        written.map_err(error::store)?;
        transaction.commit().await.map_err(error::store)?;
        Ok(numbers)
    })
    .await
}

/// A letter that something was done to: its id, its saga and the type of its event.
type Disposed = (i64, Option<String>, Option<String>);

async fn dispose(
    connection: &mut Connection,
    layout: Layout,
    prefiltered: &Prefiltered<'_>,
    order: &DisposalOrder,
    limit: u32,
) -> Result<Vec<Disposed>, StoreError> {
    let ids = lock(connection, layout, prefiltered, order, limit).await?;
    // Another operator's transaction may have disposed of some of them meanwhile: those are left to it.
    let mut sql = update(order);
    dialect::push_any(&mut sql, &ids);
    sql.push(" AND ")
        .push(disposable(order.disposal))
        .push(" RETURNING id, saga_id, saga_type");
    let disposed: Vec<Disposed> = sql
        .build_query_as()
        .fetch_all(&mut *connection)
        .await
        .map_err(error::store)?;
    end_acknowledgements(connection, &disposed).await?;
    Ok(disposed)
}

/// The first letters that are chosen, locked in their order; Citus locks none while it looks at sagas.
async fn lock(
    connection: &mut Connection,
    layout: Layout,
    prefiltered: &Prefiltered<'_>,
    order: &DisposalOrder,
    limit: u32,
) -> Result<Vec<i64>, StoreError> {
    let mut sql = QueryBuilder::<Db>::new("SELECT id FROM dead_letter WHERE ");
    sql.push(disposable(order.disposal));
    dead_letters::push_filter(&mut sql, prefiltered, layout);
    sql.push(" ORDER BY dead_since, id LIMIT ")
        .push_bind(i64::from(limit));
    if layout == Layout::Single {
        sql.push(format_args!(" {}", dialect::FOR_UPDATE));
    }
    let found = sql.build_query_scalar().fetch_all(connection).await;
    found.map_err(error::store)
}

/// A letter that is restored later is not acknowledged.
async fn end_acknowledgements(connection: &mut Connection, disposed: &[Disposed]) -> Result<(), StoreError> {
    let ids: Vec<i64> = disposed.iter().map(|(id, ..)| *id).collect();
    let mut sql = QueryBuilder::<Db>::new("DELETE FROM acknowledgement WHERE letter_id ");
    dialect::push_any(&mut sql, &ids);
    sql.build().execute(connection).await.map_err(error::store)?;
    Ok(())
}

fn entries(order: &DisposalOrder, disposed: &[Disposed]) -> Vec<Operation> {
    let entries = disposed
        .iter()
        .map(|(id, saga_id, saga_type)| entry(order, *id, saga_id.clone(), saga_type.clone()));
    entries.collect()
}

/// Which letters something can be done to.
const fn disposable(disposal: Disposal) -> &'static str {
    match disposal {
        Disposal::Dismiss => "state = 'WAITING'",
        Disposal::Restore => "state = 'DISMISSED' AND erased_at IS NULL",
    }
}

/// Of letters that are chosen by what follows.
fn update(order: &DisposalOrder) -> QueryBuilder<Db> {
    let mut sql = QueryBuilder::<Db>::new("UPDATE dead_letter SET state = ");
    match order.disposal {
        Disposal::Dismiss => sql
            .push("'DISMISSED', dismissed_at = ")
            .push_bind(Moment(order.at))
            .push(", dismissed_by = ")
            .push_bind(order.actor.name.clone())
            .push(", note = ")
            .push_bind(order.note.clone()),
        Disposal::Restore => sql.push("'WAITING', dismissed_at = NULL, dismissed_by = NULL, note = NULL"),
    };
    sql.push(" WHERE id ");
    sql
}

fn entry(order: &DisposalOrder, id: i64, saga_id: Option<String>, saga_type: Option<String>) -> Operation {
    let (kind, result) = match order.disposal {
        Disposal::Dismiss => (OperationKind::Dismissal, "DISMISSED"),
        Disposal::Restore => (OperationKind::Restoration, "RESTORED"),
    };
    Operation {
        saga_id,
        saga_type,
        letter_id: Some(id),
        detail: order.note.clone(),
        ..Operation::of(kind, order.actor.clone(), order.at, result)
    }
}
