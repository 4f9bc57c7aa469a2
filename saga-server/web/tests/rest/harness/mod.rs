//! A collector's HTTP side without Kafka: how it is started, asked, and what is put into its store.

mod requests;
mod sagas;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use saga_collector::{
    archive::Archive,
    dead_letters::DeadLetters,
    freshness::Progress,
    health::{Component, Health},
    http_client,
    live::Live,
    maintenance::WatchConfig,
    metrics::Metrics,
    redaction::Redaction,
};
use saga_gateway::{Gateway, GatewayConfig, mapping::Mapping, publish::Publisher};
use saga_sdk_testkit::Recorder;
use saga_store::{OperationStore, PartitionProgress, Scope, Store, StoreOptions};
use saga_types::{
    Timestamp,
    definition::{Definitions, SagaDefinition},
};
use saga_web::{
    Limits, PagesConfig,
    auth::{Access, Role, Services, Token, TokenHash},
    scoped::Sources,
    state::AppState,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use self::{
    requests::Answer,
    sagas::{BEGIN, Event, compensated, completed, event, failed},
};
use crate::interrupted::Interrupted;

/// What makes events of JSON of the source `orders`.
const ORDERS: &str = "
defaults:
  sagaId: event.order
  orderId: event.order
  sagaType: ORDER_CREATION
rules:
  - when: event.type == 'placed' || attributes.type == 'com.example.placed'
    step: ORDER_CREATED
    status: STARTED
    recordedAt: event.at
  - when: attributes.type == 'com.example.refused'
    step: PAYMENT_FAILED
    status: FAILED
";

pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) health: Arc<Health>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) live: Arc<Live>,
    /// What came over HTTP.
    pub(crate) recorder: Recorder,
    /// Ends it.
    pub(crate) stop: CancellationToken,
    /// Until it has ended.
    pub(crate) serving: JoinHandle<()>,
    pub(crate) client: reqwest::Client,
    _folder: Option<tempfile::TempDir>,
}

/// The token of a caller: their name, and `'s`.
pub(crate) fn token(name: &str, role: Role, scope: Scope) -> Token {
    Token {
        name: name.to_owned(),
        role,
        scope,
        services: Services::All,
        hash: TokenHash::of(&format!("{name}'s")),
    }
}

impl Api {
    /// On an empty database, for callers of this machine.
    pub(crate) async fn new() -> Self {
        Self::open_to(Access::ThisMachine).await
    }

    /// On an empty database, for the holders of the tokens `dana's` (operator) and `board's` (viewer).
    pub(crate) async fn with_tokens() -> Self {
        let token = |name, role| token(name, role, Scope::All);
        let tokens = vec![token("board", Role::Viewer), token("dana", Role::Operator)];
        Self::open_to(Access::Tokens(tokens)).await
    }

    /// On an empty database, for these callers.
    pub(crate) async fn open_to(access: Access) -> Self {
        Self::empty(access, Redaction::default()).await
    }

    /// On an empty database, for callers of this machine, who are not shown the values of these keys.
    pub(crate) async fn hiding(keys: &[&str]) -> Self {
        Self::empty(Access::ThisMachine, Redaction::of(keys).unwrap()).await
    }

    /// On an empty database, for callers of this machine, with these limits of connections.
    pub(crate) async fn limited(limits: Limits) -> Self {
        Self::empty_within(Access::ThisMachine, Redaction::default(), limits).await
    }

    /// On an empty database, for callers of this machine, with these definitions beside the built-in ones.
    pub(crate) async fn defined_by(files: &[&str]) -> Self {
        Self::open_with(Access::ThisMachine, files).await
    }

    /// On an empty database, for these callers, with these definitions beside the built-in ones.
    pub(crate) async fn open_with(access: Access, files: &[&str]) -> Self {
        let mut definitions = Definitions::built_in();
        for file in files {
            definitions.insert(SagaDefinition::from_yaml(file).unwrap());
        }
        let (store, folder) = Self::sqlite(definitions).await;
        Self {
            _folder: Some(folder),
            ..Self::serving(store, access, Redaction::default(), hasty()).await
        }
    }

    async fn empty(access: Access, redaction: Redaction) -> Self {
        Self::empty_within(access, redaction, hasty()).await
    }

    async fn empty_within(access: Access, redaction: Redaction, limits: Limits) -> Self {
        let (store, folder) = Self::sqlite(Definitions::built_in()).await;
        Self {
            _folder: Some(folder),
            ..Self::serving(store, access, redaction, limits).await
        }
    }

    async fn sqlite(definitions: Definitions) -> (Arc<dyn Store>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("sagas.db").display());
        let options = StoreOptions {
            definitions: Arc::new(definitions),
            max_connections: 4,
        };
        let store = saga_store::connect(&url, options).await.unwrap();
        store.migrate().await.unwrap();
        (store, folder)
    }

    /// The same store for the same callers, but before each change of an operator one of these batches is stored.
    pub(crate) async fn with_others_writing(self, batches: Vec<Vec<Event>>) -> Self {
        let batches = batches
            .into_iter()
            .map(|batch| batch.into_iter().map(|event| event.0).collect());
        let operations = Arc::new(Interrupted::new(self.store.clone(), batches));
        let (access, redaction) = (Access::ThisMachine, Redaction::default());
        Self {
            _folder: self._folder,
            ..Self::changing_by(
                operations,
                self.store,
                access,
                redaction,
                hasty(),
                PagesConfig::default(),
                None,
            )
            .await
        }
    }

    /// On an empty database, for callers of this machine, with pages of this configuration.
    pub(crate) async fn with_pages(pages: PagesConfig) -> Self {
        let (store, folder) = Self::sqlite(Definitions::built_in()).await;
        let (access, redaction) = (Access::ThisMachine, Redaction::default());
        Self {
            _folder: Some(folder),
            ..Self::changing_by(store.clone(), store, access, redaction, hasty(), pages, None).await
        }
    }

    /// On a database that refuses connections.
    pub(crate) async fn without_database() -> Self {
        let options = StoreOptions {
            definitions: Arc::new(Definitions::built_in()),
            max_connections: 4,
        };
        let store = saga_store::connect("postgres://saga:hidden@127.0.0.1:1/saga", options);
        Self::over(store.await.unwrap()).await
    }

    /// On this store.
    pub(crate) async fn over(store: Arc<dyn Store>) -> Self {
        Self::serving(store, Access::ThisMachine, Redaction::default(), hasty()).await
    }

    /// On an empty database with an archive, for these callers, who are not shown the values of these keys.
    pub(crate) async fn with_archive(access: Access, hidden: &[&str], archive: Archive) -> Self {
        let (store, folder) = Self::sqlite(Definitions::built_in()).await;
        let (redaction, pages) = (Redaction::of(hidden).unwrap(), PagesConfig::default());
        let archive = Some(archive);
        Self {
            _folder: Some(folder),
            ..Self::changing_by(store.clone(), store, access, redaction, hasty(), pages, archive).await
        }
    }

    async fn serving(store: Arc<dyn Store>, access: Access, redaction: Redaction, limits: Limits) -> Self {
        let pages = PagesConfig::default();
        Self::changing_by(store.clone(), store, access, redaction, limits, pages, None).await
    }

    async fn changing_by(
        operations: Arc<dyn OperationStore>,
        store: Arc<dyn Store>,
        access: Access,
        redaction: Redaction,
        limits: Limits,
        pages: PagesConfig,
        archive: Option<Archive>,
    ) -> Self {
        let health = Arc::new(Health::starting(&[Component::Db, Component::Kafka]));
        let metrics = Arc::new(Metrics::new([]));
        let progress = Arc::new(up_to_date());
        let redaction = Arc::new(redaction);
        let stop = CancellationToken::new();
        let live = Arc::new(Live::new(redaction.clone(), stop.clone()));
        tokio::spawn(live.clone().run(store.clone()));
        let letters = DeadLetters::new(store.clone(), None, metrics.clone(), redaction.clone());
        let recorder = Recorder::new("gateway");
        let config = GatewayConfig {
            max_body_bytes: 64 * 1024,
            max_buffered_bytes: 1024 * 1024,
            ..GatewayConfig::default()
        };
        let gateway = Gateway::new(config, Publisher::with_client(recorder.client())).with_mappings(
            [Mapping::from_yaml("orders", ORDERS).unwrap()]
                .into_iter()
                .collect(),
        );
        let state = AppState {
            sources: Sources::new(store.clone(), Arc::new(letters), live.clone())
                .with_operations(operations)
                .with_archive(archive),
            health: health.clone(),
            metrics,
            access: Arc::new(access),
            redaction,
            streams: Arc::default(),
            pages: Arc::new(pages),
            gateway: Arc::new(gateway),
            progress: progress.clone(),
            watch: WatchConfig {
                compensation_overdue_after: Duration::from_secs(300),
                events_lost_after: Duration::from_secs(360),
            },
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(saga_web::serve(listener, state, limits, stop.clone()));
        Self {
            address,
            store,
            health,
            progress,
            live,
            recorder,
            stop,
            serving,
            client: http_client::plain_client(),
            _folder: None,
        }
    }

    pub(crate) async fn record(&self, events: impl IntoIterator<Item = Event>) {
        let batch = events.into_iter().map(|event| event.0).collect();
        self.store.append(batch).await.unwrap();
    }
}

/// Tests about slow clients cannot wait for half a minute.
pub(crate) fn hasty() -> Limits {
    Limits {
        head_within: Duration::from_secs(3),
        taken_within: Duration::from_secs(3),
        ..Limits::default()
    }
}

/// Everything until now is stored, whenever that is.
fn up_to_date() -> Progress {
    let progress = Progress::default();
    progress.load(vec![PartitionProgress {
        partition: 0,
        events_behind: 0,
        as_of: Some(Timestamp::MAX),
        observed_at: Timestamp::MAX,
    }]);
    progress
}

/// Waits until something holds, for a minute at most.
pub(crate) async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("it did not come true within a minute");
}
