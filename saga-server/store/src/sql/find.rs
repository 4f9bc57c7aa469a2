//! Sagas by an id, or by a value of metadata.

use async_trait::async_trait;
use saga_types::{SagaStatus, SagaType};
use sqlx::{QueryBuilder, Row};

use super::{Adapter, Db, dialect, error, read, rows::decode, scope::push_scope, search};
use crate::{
    Corrupt, FindPlace, FindQuery, FindStore, Found, FoundSaga, SagaQuery, StoreError, Stretch,
    columns::Moment, detached::run_detached, table::Keyed,
};

#[async_trait]
impl FindStore for Adapter {
    async fn find(&self, query: &FindQuery) -> Result<Found, StoreError> {
        let query = FindQuery {
            // PostgreSQL takes no U+0000, and nothing that is stored has one.
            texts: query
                .texts
                .iter()
                .filter(|text| !read::cannot_be(text))
                .cloned()
                .collect(),
            ..query.clone()
        };
        let places = match &query.place {
            FindPlace::Metadata(keys) => keys.len(),
            _ => 1,
        };
        if query.texts.is_empty() || places == 0 {
            return Ok(Found {
                is_all: true,
                ..Found::default()
            });
        }
        let store = self.clone();
        run_detached(async move { found(&store, &query).await }).await
    }

    async fn list(&self, query: &SagaQuery) -> Result<Stretch, StoreError> {
        match query.within_scope() {
            Some(query) => search::list(self, &query).await,
            None => Ok(Stretch {
                sagas: Vec::new(),
                next: None,
            }),
        }
    }
}

/// In a transaction, whose settings bound how long it takes.
async fn found(store: &Adapter, query: &FindQuery) -> Result<Found, StoreError> {
    let begun = store.readers.begin_with(dialect::BEGIN_SHORT).await;
    let mut transaction = begun.map_err(error::store)?;
    let rows = statement(query).build().fetch_all(&mut *transaction).await;
    let rows = match rows {
        Err(failure) if error::is_out_of_time(&failure) => return Ok(Found::default()),
        rows => rows.map_err(error::store)?,
    };
    transaction.rollback().await.map_err(error::store)?;
    let mut is_cut = false;
    let mut sagas = Vec::new();
    for row in &rows {
        is_cut = row.try_get("is_cut").map_err(error::store)?;
        let saga_id: Option<&str> = row.try_get("saga_id").map_err(error::store)?;
        if saga_id.is_some() {
            sagas.push(decode::<FoundRow>(row)?.try_into()?);
        }
    }
    let size = query.size as usize;
    let is_all = !is_cut && sagas.len() <= size;
    sagas.truncate(size);
    Ok(Found { sagas, is_all })
}

/// Where sagas are looked up.
enum Source<'a> {
    /// A table that has the text in a column.
    Column(&'static str, &'static str),
    Trace,
    /// At this key.
    Metadata(&'a str),
}

fn sources(place: &FindPlace) -> Vec<Source<'_>> {
    match place {
        FindPlace::SagaId => vec![Source::Column("saga_instance", "saga_id")],
        FindPlace::OrderId => vec![
            Source::Column("saga_instance", "order_id"),
            Source::Column("saga_other_order", "order_id"),
        ],
        FindPlace::EventId => vec![Source::Column("saga_steps", "event_id")],
        FindPlace::TraceId => vec![Source::Trace],
        FindPlace::Metadata(keys) => keys.iter().map(|key| Source::Metadata(key)).collect(),
    }
}

/// The sagas of the entries are looked up one by one, whichever types the reader may see. A row without a saga says whether an
/// index has more entries than are looked at, also when no saga is found.
fn statement(query: &FindQuery) -> QueryBuilder<Db> {
    let (before, after) = dialect::ONE_OF_FEW;
    let mut sql = QueryBuilder::new("WITH entry AS MATERIALIZED (");
    push_entries(&mut sql, query);
    sql.push(format_args!(
        "), found AS (SELECT saga_id, saga_type, current_status, started_at, \
         (SELECT min(matched) FROM entry WHERE entry.saga_id = saga.saga_id) AS matched \
         FROM saga_instance AS saga WHERE saga_id {before}SELECT saga_id FROM entry{after}"
    ));
    push_scope(&mut sql, "saga_type", &query.scope);
    sql.push(" ORDER BY started_at DESC, saga_id DESC LIMIT ")
        .push_bind(i64::from(query.size) + 1);
    sql.push(format_args!(
        ") SELECT is_cut, saga_id, saga_type, current_status, started_at, matched FROM \
         (SELECT EXISTS (SELECT 1 FROM entry GROUP BY source HAVING count(*) > {}) AS is_cut) AS cut \
         LEFT JOIN found ON true ORDER BY started_at DESC, saga_id DESC",
        Found::LOOKED_AT
    ));
    sql
}

/// Entries of all indexes, of each one more than are looked at.
fn push_entries(sql: &mut QueryBuilder<Db>, query: &FindQuery) {
    let all = query.texts.iter().flat_map(|text| {
        let sources = sources(&query.place).into_iter();
        sources.map(move |source| (source, text))
    });
    for (number, (source, text)) in all.enumerate() {
        let separator = if number == 0 { "" } else { " UNION ALL " };
        sql.push(format_args!(
            "{separator}SELECT saga_id, matched, {number} AS source FROM ("
        ));
        push_source(sql, &source, text, query.is_beginning);
        sql.push(format_args!(" LIMIT {}) AS entries", Found::LOOKED_AT + 1));
    }
}

fn push_source(sql: &mut QueryBuilder<Db>, source: &Source<'_>, text: &str, is_beginning: bool) {
    match source {
        Source::Column(table, column) => {
            sql.push(format_args!(
                "SELECT saga_id, {column} AS matched FROM {table} WHERE {column} "
            ));
            if is_beginning {
                // No text that begins so comes after this one.
                let end = format!("{text}{}", char::MAX);
                sql.push(">= ").push_bind(text.to_owned());
                sql.push(format_args!(" AND {column} < ")).push_bind(end);
                sql.push(format_args!(" ORDER BY {column}"));
            } else {
                sql.push("= ").push_bind(text.to_owned());
            }
        }
        Source::Trace => {
            sql.push("SELECT saga_id, CAST(").push_bind(text.to_owned());
            sql.push(" AS text) AS matched FROM saga_steps AS step WHERE ");
            dialect::push_trace(sql, text);
        }
        Source::Metadata(key) => {
            sql.push("SELECT saga_id, CAST(").push_bind((*key).to_owned());
            sql.push(" AS text) AS matched FROM ");
            match dialect::HAS_INDEX_OF_METADATA {
                true => sql.push("saga_steps"),
                false => sql.push(format_args!(
                    "(SELECT saga_id, metadata FROM saga_steps ORDER BY id DESC LIMIT {})",
                    FindPlace::RECENT_STEPS
                )),
            };
            sql.push(" AS step WHERE ");
            dialect::push_metadata(sql, key, text);
        }
    }
}

/// A saga that was found.
#[derive(sqlx::FromRow)]
struct FoundRow {
    saga_id: String,
    saga_type: String,
    current_status: String,
    started_at: Moment,
    matched: String,
}

impl Keyed for FoundRow {
    const NAME: &'static str = "saga_instance";
    const KEY: &'static [&'static str] = &["saga_id"];
}

impl TryFrom<FoundRow> for FoundSaga {
    type Error = StoreError;

    fn try_from(row: FoundRow) -> Result<Self, StoreError> {
        let key = || row.saga_id.clone();
        let status = row.current_status.parse::<SagaStatus>();
        let status = status.map_err(|error| Corrupt::new(FoundRow::NAME, "current_status", key(), error))?;
        let saga_type = SagaType::try_from(row.saga_type.clone());
        let saga_type = saga_type.map_err(|error| Corrupt::new(FoundRow::NAME, "saga_type", key(), error))?;
        Ok(Self {
            saga_id: row.saga_id,
            saga_type,
            status,
            started_at: row.started_at.0,
            matched: row.matched,
        })
    }
}
