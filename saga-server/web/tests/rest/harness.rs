//! A collector's HTTP side without Kafka, and events to put into its store.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use reqwest::{Method, StatusCode, header::HeaderMap};
use saga_collector::http_client;
use saga_collector::{
    archive::Archive,
    dead_letters::DeadLetters,
    freshness::Progress,
    health::{Component, Health},
    live::Live,
    maintenance::WatchConfig,
    metrics::Metrics,
    redaction::Redaction,
};
use saga_gateway::{Gateway, GatewayConfig, mapping::Mapping, publish::Publisher};
use saga_sdk_testkit::Recorder;
use saga_store::{OperationStore, PartitionProgress, Scope, Store, StoreOptions};
use saga_types::{
    Metadata, SagaEvent, SagaStatus, SagaType, Step, Timestamp,
    definition::{Definitions, SagaDefinition},
};
use saga_web::{
    Limits, PagesConfig,
    auth::{Access, Role, Services, Token, TokenHash},
    scoped::Sources,
    state::AppState,
};
use serde_json::{Value, json};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::interrupted::Interrupted;

/// When the tests' sagas begin: 2025-10-09T08:53:20.000Z.
pub(crate) const BEGIN: i64 = 1_760_000_000_000;

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

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Api {
    /// On an empty database, for callers of this machine.
    pub(crate) async fn new() -> Self {
        Self::open_to(Access::ThisMachine).await
    }

    /// On an empty database, for the holders of the tokens `dana's` (operator) and `board's` (viewer).
    pub(crate) async fn with_tokens() -> Self {
        let token = |name: &str, role| Token {
            name: name.to_owned(),
            role,
            scope: Scope::All,
            services: Services::All,
            hash: TokenHash::of(&format!("{name}'s")),
        };
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

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, &[]).await
    }

    pub(crate) async fn request(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.request_with(method, path, headers, Vec::new()).await
    }

    pub(crate) async fn request_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = self
            .client
            .request(method, format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.body(body).send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer {
            status,
            headers,
            text: response.text().await.unwrap(),
        }
    }

    /// The answer of a request that must succeed.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        answer.json()
    }

    /// The details of a request that must be refused, in the form that every error has.
    pub(crate) async fn refused(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        answer.is_error(400, "BAD_REQUEST", path.split('?').next().unwrap())["details"].clone()
    }

    /// As [`Api::json`], without the freshness of the answer, the family that a saga without relatives has and the mark of an
    /// erasure that it does not have.
    pub(crate) async fn json_alone(&self, path: &str) -> Value {
        let mut answer = self.json(path).await;
        let fields = answer.as_object_mut().unwrap();
        assert_eq!(fields.remove("freshness").unwrap()["upToDate"], true);
        assert_eq!(fields.remove("family").unwrap_or_default(), Value::Null);
        assert_eq!(fields.remove("metadataErasedAt").unwrap_or_default(), Value::Null);
        fields.remove("expected");
        assert_eq!(fields.remove("archived").unwrap_or_default(), Value::Null);
        assert_eq!(fields.remove("acknowledgement").unwrap_or_default(), Value::Null);
        answer
    }

    /// The sagas of a list, by their ids.
    pub(crate) async fn ids(&self, path: &str) -> Vec<String> {
        let answer = self.json(path).await;
        let content = answer["content"].as_array().unwrap();
        content
            .iter()
            .map(|saga| saga["sagaId"].as_str().unwrap().to_owned())
            .collect()
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

impl Answer {
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks the one form of errors and returns the whole body.
    pub(crate) fn is_error(&self, status: u16, code: &str, path: &str) -> Value {
        let body = self.json();
        assert_eq!(
            (self.status.as_u16(), &body["error"]),
            (status, &json!(code)),
            "{}",
            self.text
        );
        assert_eq!(body["path"], path);
        assert!(
            body["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty())
        );
        assert!(body["timestamp"].as_str().unwrap().parse::<Timestamp>().is_ok());
        assert!(body["details"].is_object());
        let others = usize::from(body["results"].is_array());
        assert_eq!(body.as_object().unwrap().len(), 5 + others);
        body
    }
}

/// An event of an order, to be changed as a test needs it.
#[derive(Clone)]
pub(crate) struct Event(pub(crate) SagaEvent);

/// An event of the saga that happened so many milliseconds after [`BEGIN`]; its id tells saga, step and time.
pub(crate) fn event(saga_id: &str, step: &str, status: &str, after_ms: i64) -> Event {
    let step = Step::from_wire(step).unwrap();
    // Ids of events have at most 100 characters, as sagas' have.
    let place = saga_id.chars().take(60).collect::<String>();
    Event(SagaEvent::new(
        format!(
            "{place}-{after_ms}-{}",
            step.as_str().chars().take(20).collect::<String>()
        )
        .parse()
        .unwrap(),
        saga_id.parse().unwrap(),
        format!("ORD-{place}").parse().unwrap(),
        SagaType::ORDER_CREATION,
        step,
        status.parse::<SagaStatus>().unwrap(),
        Timestamp::from_millis(BEGIN + after_ms).unwrap(),
    ))
}

impl Event {
    pub(crate) fn of_type(mut self, saga_type: &str) -> Self {
        self.0.saga_type = SagaType::new(saga_type).unwrap();
        self
    }

    pub(crate) fn of_order(mut self, order_id: &str) -> Self {
        self.0.order_id = order_id.parse().unwrap();
        self
    }

    pub(crate) fn with(mut self, metadata: Value) -> Self {
        self.0.metadata = Some(Metadata::from_object(metadata.as_object().unwrap()).unwrap());
        self
    }
}

/// An order that succeeded within a second.
pub(crate) fn completed(saga_id: &str, after_ms: i64) -> Vec<Event> {
    vec![
        event(saga_id, "ORDER_CREATED", "STARTED", after_ms)
            .with(json!({"producerService": "order-service"})),
        event(saga_id, "ORDER_CONFIRMED", "COMPLETED", after_ms + 1000)
            .with(json!({"producerService": "order-service"})),
    ]
}

/// An order without stock.
pub(crate) fn failed(saga_id: &str, after_ms: i64) -> Vec<Event> {
    vec![
        event(saga_id, "ORDER_CREATED", "STARTED", after_ms)
            .with(json!({"producerService": "order-service"})),
        event(saga_id, "STOCK_RESERVATION_FAILED", "FAILED", after_ms + 500)
            .with(json!({"producerService": "product-service", "failureReason": "OUT_OF_STOCK"})),
    ]
}

/// An order whose stock was given back.
pub(crate) fn compensated(saga_id: &str, after_ms: i64) -> Vec<Event> {
    vec![
        event(saga_id, "STOCK_RESERVED", "COMPLETED", after_ms),
        event(saga_id, "PAYMENT_FAILED", "FAILED", after_ms + 200),
        event(saga_id, "STOCK_RELEASED", "COMPENSATED", after_ms + 3000),
    ]
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
