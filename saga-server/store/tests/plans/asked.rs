//! A store in a schema of its own, and what PostgreSQL counts as read of its tables.

use std::{sync::Arc, time::Duration};

use saga_store::{Store, StoreOptions};
use saga_types::definition::Definitions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::COUNTED;

/// The tables that grow.
const LARGE: [&str; 6] = [
    "saga_steps",
    "saga_instance",
    "dead_letter",
    "dead_letter_word",
    "operation",
    "job",
];

pub(crate) struct Asked {
    pub(crate) admin: PgConnection,
    pub(crate) url: String,
    schema: String,
}

#[derive(Debug, Clone, Copy, sqlx::FromRow)]
struct Read {
    /// Rows of a table read from its beginning.
    in_its_own_order: i64,
    /// Rows found through an index.
    rows: i64,
    /// Entries of indexes.
    entries: i64,
}

impl Asked {
    /// No sagas, in a schema of their own.
    pub(crate) async fn empty() -> Self {
        let url = std::env::var("DATABASE_URL")
            .expect("DATABASE_URL is not set; run `scripts/parts run postgres -- cargo test -p saga-store`");
        let schema = format!("test_{}", uuid::Uuid::now_v7().simple());
        let mut admin = PgConnection::connect(&url).await.unwrap();
        let create = format!("CREATE SCHEMA {schema}; SET search_path = {schema}");
        admin.execute(AssertSqlSafe(create)).await.unwrap();
        let separator = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{separator}options=-c%20search_path%3D{schema}&application_name={schema}");
        let asked = Self { admin, url, schema };
        asked.store().await.migrate().await.unwrap();
        asked
    }

    pub(crate) async fn drop(mut self) {
        let drop = AssertSqlSafe(format!("DROP SCHEMA {} CASCADE", self.schema));
        self.admin.execute(drop).await.unwrap();
    }

    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        let options = StoreOptions {
            definitions: Definitions::built_in().into(),
            max_connections: 2,
        };
        saga_store::connect(&self.url, options).await.unwrap()
    }

    /// What a question reads of the large tables.
    async fn reads<T>(&mut self, question: impl AsyncFnOnce(Arc<dyn Store>) -> T) -> Read {
        let before = self.read_so_far().await;
        question(self.store().await).await;
        let after = self.read_so_far().await;
        Read {
            in_its_own_order: after.in_its_own_order - before.in_its_own_order,
            rows: after.rows - before.rows,
            entries: after.entries - before.entries,
        }
    }

    /// A session reports what it has read at the latest when it ends.
    async fn read_so_far(&mut self) -> Read {
        let open = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
        let mut waited = 0;
        while sqlx::query_scalar::<_, i64>(open)
            .bind(&self.schema)
            .fetch_one(&mut self.admin)
            .await
            .unwrap()
            > 0
        {
            waited += 1;
            assert!(waited < 3000, "a session does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let read = "SELECT sum(seq_tup_read)::bigint AS in_its_own_order, sum(idx_tup_fetch)::bigint AS rows, \
                    (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE schemaname = $1 \
                    AND relname = ANY($2)) AS entries \
                    FROM pg_stat_user_tables WHERE schemaname = $1 AND relname = ANY($2)";
        sqlx::query_as(read)
            .bind(&self.schema)
            .bind(LARGE)
            .fetch_one(&mut self.admin)
            .await
            .unwrap()
    }

    /// Says what is wrong with what a question reads.
    pub(crate) async fn complaint<T>(
        &mut self,
        what: &str,
        most: i64,
        question: impl AsyncFnOnce(Arc<dyn Store>) -> T,
    ) -> Option<String> {
        let read = self.reads(question).await;
        // A count of what nearly all sagas are may read on in the table until it has enough.
        let may_read_on = most == COUNTED || read.in_its_own_order == 0;
        let is_fine = may_read_on && read.in_its_own_order + read.rows.max(read.entries) <= most;
        (!is_fine).then(|| format!("{what}: {read:?}, and may read {most}"))
    }
}
