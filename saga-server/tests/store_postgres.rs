//! The store on PostgreSQL, and what only PostgreSQL can do to it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod store_contract;

use sqlx::{Connection, Executor, PgConnection};
use store_contract::{Database, contract_tests};

contract_tests!(Postgres);

/// A schema of its own in the database of the environment.
struct Postgres {
    url: String,
}

impl Database for Postgres {
    async fn new() -> Self {
        let url = std::env::var("DATABASE_URL").expect(
            "DATABASE_URL is not set; run `scripts/parts run postgres -- cargo test -p saga-server`",
        );
        let schema = format!("test_{}", uuid::Uuid::now_v7().simple());
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
        connection.execute(create).await.unwrap();
        let separator = if url.contains('?') { '&' } else { '?' };
        Self {
            url: format!("{url}{separator}options=-c%20search_path%3D{schema}"),
        }
    }

    fn url(&self) -> String {
        self.url.clone()
    }
}
