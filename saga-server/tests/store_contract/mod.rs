//! What every adapter of the store must do: one suite, run by `store_postgres.rs` and `store_sqlite.rs`.

pub(crate) mod appending;
pub(crate) mod events;

use std::sync::Arc;

use saga_server::store::{Store, StoreOptions};
use saga_types::definition::Definitions;

/// An empty database of its own for each test.
pub(crate) trait Database: Sized {
    /// Makes it.
    async fn new() -> Self;

    /// Its URL.
    fn url(&self) -> String;

    /// A migrated store with these definitions.
    async fn open(&self, definitions: Definitions) -> Arc<dyn Store> {
        let options = StoreOptions {
            definitions: Arc::new(definitions),
            max_connections: 8,
        };
        let store = saga_server::store::connect(&self.url(), options).await.unwrap();
        store.migrate().await.unwrap();
        store
    }

    /// A migrated store with the built-in definitions.
    async fn store(&self) -> Arc<dyn Store> {
        self.open(Definitions::built_in()).await
    }
}

/// One test for each case of the suite.
macro_rules! contract_tests {
    ($database:ty) => {
        contract_tests! { $database:
            appending::a_new_step_makes_a_saga,
            appending::a_repeated_event_changes_nothing,
        }
    };
    ($database:ty: $($module:ident::$case:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let database = <$database as store_contract::Database>::new().await;
                store_contract::$module::$case(&database).await;
            }
        )*
    };
}
pub(crate) use contract_tests;
