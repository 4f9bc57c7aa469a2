//! Tables of an older version.

use saga_sdk::outbox::{self, OutboxConnection, OutboxPool};
use sqlx::{Database, Pool};

use crate::{databases, harness::record_all, topic::Topic};

const FIRST_VERSION_INSERT: &str = "INSERT INTO saga_outbox (saga_id, event) VALUES ('saga-1', '')";

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_the_first_version_in_postgres_are_brought_up_to_date() {
    let pool = databases::postgres().await;
    for script in [outbox::POSTGRES_MIGRATIONS[0], FIRST_VERSION_INSERT] {
        sqlx::raw_sql(script).execute(&pool).await.unwrap();
    }
    replicas_that_start_at_once_bring_the_tables_up_to_date(pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_the_first_version_in_sqlite_are_brought_up_to_date() {
    let pool = databases::sqlite().await;
    for script in [outbox::SQLITE_MIGRATIONS[0], FIRST_VERSION_INSERT] {
        sqlx::raw_sql(script).execute(&pool).await.unwrap();
    }
    replicas_that_start_at_once_bring_the_tables_up_to_date(pool).await;
}

async fn replicas_that_start_at_once_bring_the_tables_up_to_date<D>(pool: Pool<D>)
where
    D: Database,
    D::Connection: OutboxConnection,
    Pool<D>: OutboxPool,
{
    let replicas = [(); 4].map(|()| {
        let pool = pool.clone();
        tokio::spawn(async move { outbox::migrate(&pool).await.unwrap() })
    });
    for replica in replicas {
        replica.await.unwrap();
    }
    record_all(&pool, &Topic::default(), 1, 1).await;
    assert_eq!(pool.pending(9, &[]).await.unwrap().len(), 2);
}
