//! Saved views.

use async_trait::async_trait;
use saga_types::SagaType;
use sqlx::QueryBuilder;

use super::{Adapter, Connection, Db, dialect, error, operations, rows::decode, scope::push_scope};
use crate::{
    Conclusion, Corrupt, Operation, OperationKind, SavedView, Scope, StoreError, ViewChange, ViewOrder,
    ViewOutcome, ViewStore, columns::Moment, detached::run_detached, table::Keyed,
};

const VIEWS: &str = "SELECT name, query, saga_type, changed_at, changed_by FROM saved_view WHERE true";

const SAVE: &str =
    "INSERT INTO saved_view (name, query, saga_type, changed_at, changed_by) VALUES ($1, $2, $3, $4, $5)";

const RENAME: &str = "UPDATE saved_view SET name = $2, changed_at = $3, changed_by = $4 WHERE name = $1";

#[async_trait]
impl ViewStore for Adapter {
    async fn views(&self, scope: &Scope) -> Result<Vec<SavedView>, StoreError> {
        let mut sql = QueryBuilder::<Db>::new(VIEWS);
        push_scope(&mut sql, "saga_type", scope);
        sql.push(" ORDER BY name");
        let rows = sql.build().fetch_all(&self.readers).await.map_err(error::store)?;
        let views = rows.iter().map(|row| decode::<ViewRow>(row)?.try_into());
        views.collect()
    }

    async fn change_view(&self, order: &ViewOrder) -> Result<ViewOutcome, StoreError> {
        let (store, order) = (self.clone(), order.clone());
        run_detached(async move {
            let begun = store.writers.begin_with(dialect::BEGIN).await;
            let mut transaction = begun.map_err(error::store)?;
            if let Some(lock) = dialect::LOCK_VIEWS {
                let locked = sqlx::query(lock).execute(&mut *transaction).await;
                locked.map_err(error::store)?;
            }
            let changed = change(&mut transaction, &order).await?;
            let (outcome, entry) = match changed {
                Ok(entry) => (ViewOutcome::Done, entry),
                Err(outcome) => return Ok(outcome),
            };
            let conclusion = Conclusion {
                operations: vec![entry],
                ..Conclusion::default()
            };
            let written = operations::conclude(&mut transaction, &conclusion).await;
            written.map_err(error::store)?;
            transaction.commit().await.map_err(error::store)?;
            Ok(outcome)
        })
        .await
    }
}

/// The entry of the log, or why nothing was changed. Nobody else changes views meanwhile.
async fn change(
    connection: &mut Connection,
    order: &ViewOrder,
) -> Result<Result<Operation, ViewOutcome>, StoreError> {
    let all: Vec<(String, Option<String>)> = sqlx::query_as("SELECT name, saga_type FROM saved_view")
        .fetch_all(&mut *connection)
        .await
        .map_err(error::store)?;
    let is_taken = |name: &str| all.iter().any(|(other, _)| other == name);
    let known = all.iter().find(|(name, _)| *name == order.name);
    let known = known.map(|(_, saga_type)| saga_type.as_deref());
    let sees = |saga_type: Option<&str>| {
        order
            .scope
            .names()
            .is_none_or(|names| saga_type.is_some_and(|saga_type| names.iter().any(|name| name == saga_type)))
    };
    let (at, by) = (Moment(order.at), &order.actor.name);
    let (statement, saga_type, result, detail) = match &order.change {
        ViewChange::Save { .. } if is_taken(&order.name) => return Ok(Err(ViewOutcome::Taken)),
        ViewChange::Save { .. } if all.len() >= SavedView::MOST as usize => {
            return Ok(Err(ViewOutcome::TooMany));
        }
        ViewChange::Save { query, saga_type } => {
            let saga_type = saga_type.as_ref().map(SagaType::as_str);
            let save = sqlx::query(SAVE).bind(&order.name).bind(query).bind(saga_type);
            let detail = format!("{}: {query}", order.name);
            (save.bind(at).bind(by), saga_type, "SAVED", detail)
        }
        _ if !known.is_some_and(sees) => return Ok(Err(ViewOutcome::Unknown)),
        ViewChange::Rename(new) if is_taken(new) => return Ok(Err(ViewOutcome::Taken)),
        ViewChange::Rename(new) => {
            let rename = sqlx::query(RENAME).bind(&order.name).bind(new);
            let detail = format!("{} is now {new}", order.name);
            (rename.bind(at).bind(by), known.flatten(), "RENAMED", detail)
        }
        ViewChange::Remove => {
            let remove = sqlx::query("DELETE FROM saved_view WHERE name = $1").bind(&order.name);
            (remove, known.flatten(), "REMOVED", order.name.clone())
        }
    };
    statement.execute(connection).await.map_err(error::store)?;
    let actor = order.actor.clone();
    Ok(Ok(Operation {
        saga_type: saga_type.map(str::to_owned),
        detail: Some(detail),
        ..Operation::of(OperationKind::SavedView, actor, order.at, result)
    }))
}

/// A row of `saved_view`.
#[derive(sqlx::FromRow)]
struct ViewRow {
    name: String,
    query: String,
    saga_type: Option<String>,
    changed_at: Moment,
    changed_by: String,
}

impl Keyed for ViewRow {
    const NAME: &'static str = "saved_view";
    const KEY: &'static [&'static str] = &["name"];
}

impl TryFrom<ViewRow> for SavedView {
    type Error = StoreError;

    fn try_from(row: ViewRow) -> Result<Self, StoreError> {
        let saga_type = row.saga_type.map(SagaType::try_from).transpose();
        let saga_type =
            saga_type.map_err(|error| Corrupt::new(ViewRow::NAME, "saga_type", row.name.clone(), error))?;
        Ok(Self {
            name: row.name,
            query: row.query,
            saga_type,
            changed_at: row.changed_at.0,
            changed_by: row.changed_by,
        })
    }
}
