//! The store on PostgreSQL whose tables are distributed: by a real Citus where the server has one, and else by what the adapter asks
//! of it.

use std::sync::Arc;

use saga_store::Store;
use saga_types::definition::Definitions;

use crate::{
    postgres::Postgres,
    suite::{Database, connect, contract_tests},
};

contract_tests!(Distributed);

/// A schema of its own.
pub(crate) struct Distributed(Postgres);

impl Database for Distributed {
    async fn new() -> Self {
        let database = Postgres::new().await;
        if database.count(HAS_CITUS).await == 0 {
            database.execute(include_str!("citus.sql")).await;
        }
        Self(database)
    }

    fn url(&self) -> String {
        self.0.url()
    }

    async fn execute(&self, sql: &str) {
        self.0.execute(sql).await;
    }

    async fn open(&self, definitions: Definitions) -> Arc<dyn Store> {
        let store = connect(&self.url(), definitions).await;
        store.distribute().await.unwrap();
        store
    }
}

/// Of the server, and not of the schema that stands for it.
const HAS_CITUS: &str = "SELECT count(*) FROM pg_extension WHERE extname = 'citus' AND $1 <> ''";
