//! Making again what follows from the steps.
//!
//! Rule of thumb: a saga that is to be written is locked before its steps are read, so that all of its steps are there
//! which any fold has taken; a dry run reads everything in one snapshot.

use std::{collections::HashMap, sync::LazyLock};

use async_trait::async_trait;
use sqlx::Row as _;

use super::{
    Adapter,
    abort::Abort,
    dialect::{self, any},
    erasure, fold, instances, read, rollups,
    rows::decode,
};
use crate::{
    Fault, Rebuild, RebuildStore, Rebuilt, StoreError,
    detached::run_detached,
    layout::Layout,
    rebuild::{self, Next, Stored},
    rows::InstanceRow,
    table::Table,
};

/// How often a transaction is tried that conflicts with others.
const ATTEMPTS: u32 = 10;

/// The ids of the next sagas, of those that have steps and of those that are stored, each found by one look into an index.
const NEXT: &str = r"
WITH RECURSIVE stepped (saga_id) AS (
    SELECT min(saga_id) FROM saga_steps WHERE saga_id > $1
    UNION ALL
    SELECT (SELECT min(saga_id) FROM saga_steps WHERE saga_id > stepped.saga_id)
    FROM stepped WHERE stepped.saga_id IS NOT NULL
)
SELECT next.saga_id, COALESCE(event_count, 1)
FROM (
    SELECT saga_id FROM (SELECT saga_id FROM stepped WHERE saga_id IS NOT NULL LIMIT $2) AS of_steps
    UNION
    SELECT saga_id FROM (SELECT saga_id FROM saga_instance WHERE saga_id > $1 ORDER BY saga_id LIMIT $2) AS of_sagas
) AS next LEFT JOIN saga_instance USING (saga_id)
ORDER BY next.saga_id LIMIT $2";

/// The same without recursion, which Citus does not take over ids. Each worker finds the next ones of its part.
const NEXT_DISTRIBUTED: &str = r"
WITH next AS MATERIALIZED (
    SELECT saga_id FROM (
        SELECT saga_id FROM (SELECT DISTINCT saga_id FROM saga_steps WHERE saga_id > $1 ORDER BY saga_id LIMIT $2) AS of_steps
        UNION
        SELECT saga_id FROM (SELECT saga_id FROM saga_instance WHERE saga_id > $1 ORDER BY saga_id LIMIT $2) AS of_sagas
    ) AS every ORDER BY saga_id LIMIT $2
), known AS MATERIALIZED (
    SELECT saga_id, event_count FROM saga_instance WHERE saga_id = ANY(ARRAY(SELECT saga_id FROM next))
)
SELECT next.saga_id, COALESCE(event_count, 1) FROM next LEFT JOIN known ON known.saga_id = next.saga_id ORDER BY next.saga_id";

static STORED: LazyLock<String> = LazyLock::new(|| {
    let (columns, chosen) = (InstanceRow::columns(), any!("1"));
    format!("SELECT {columns} FROM saga_instance WHERE saga_id {chosen} ORDER BY saga_id")
});

#[async_trait]
impl RebuildStore for Adapter {
    async fn rebuild(
        &self,
        after: Option<&str>,
        limit: u32,
        rebuild: Rebuild,
    ) -> Result<Rebuilt, StoreError> {
        // Every id comes after the empty text.
        let (store, after) = (self.clone(), after.unwrap_or("").to_owned());
        run_detached(async move { again(&store, &after, limit, rebuild).await }).await
    }

    async fn recount(&self, rebuild: Rebuild) -> Result<u64, StoreError> {
        let store = self.clone();
        run_detached(async move { rollups::recount((&store.writers, store.layout().await?), rebuild).await })
            .await
    }
}

async fn again(store: &Adapter, after: &str, limit: u32, rebuild: Rebuild) -> Result<Rebuilt, StoreError> {
    let mut conflict = None;
    for _ in 0..ATTEMPTS {
        match attempt(store, after, limit, rebuild).await {
            Ok(rebuilt) => return Ok(rebuilt),
            Err(abort) => conflict = Some(abort.conflict()?),
        }
    }
    Err(StoreError::Unavailable(Fault::conflicts(ATTEMPTS, conflict)))
}

async fn attempt(store: &Adapter, after: &str, limit: u32, rebuild: Rebuild) -> Result<Rebuilt, Abort> {
    let layout = store.layout().await?;
    let begin = match rebuild {
        Rebuild::DryRun => dialect::BEGIN_READING,
        Rebuild::Write => dialect::begin_changing(layout),
    };
    let mut transaction = store.writers.begin_with(begin).await?;
    let next = match layout {
        Layout::Single => NEXT,
        Layout::Distributed => NEXT_DISTRIBUTED,
    };
    let next: Next = sqlx::query_as(next)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&mut *transaction)
        .await?;
    let saga_ids = rebuild::held_at_once(next);
    let rows = match rebuild {
        Rebuild::DryRun => {
            let stored = sqlx::query(STORED.as_str()).bind(dialect::list(&saga_ids));
            stored.fetch_all(&mut *transaction).await?
        }
        Rebuild::Write => {
            instances::lock_rows::<InstanceRow<'_>>(&mut transaction, layout, &saga_ids).await?
        }
    };
    let mut stored = HashMap::with_capacity(rows.len());
    for row in &rows {
        let saga_id: &str = row.try_get("saga_id")?;
        stored.insert(saga_id, Stored::new(row.try_get("version")?, decode(row)));
    }
    let histories = read::histories(&mut transaction, &saga_ids).await?;
    let compared = rebuild::compare(&saga_ids, stored, histories, &store.definitions.get())?;
    if rebuild == Rebuild::Write && !compared.updated.is_empty() {
        fold::write(&mut transaction, &compared.updated).await?;
        // A row that is made anew must say again that it was erased.
        let made = compared.updated.iter().filter(|saga| saga.version == 1);
        let made: Vec<&str> = made.map(|saga| saga.state.saga_id.as_str()).collect();
        erasure::mark_again(&mut transaction, &made).await?;
    }
    transaction.commit().await?;
    Ok(Rebuilt {
        sagas: saga_ids.len(),
        last: saga_ids.last().cloned(),
        differences: compared.differences,
    })
}
