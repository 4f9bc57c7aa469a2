//! Records the steps of sagas from a service: off by default, and never blocking it.
//!
//! ```
//! use std::time::Duration;
//! use saga_sdk::{ConfigLoader, SagaType, steps};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let config = ConfigLoader::new().load()?;           // application.yml, its profile, the environment
//! let tracker = saga_sdk::connect(&config)?;          // Kafka when enabled, else nothing
//!
//! let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
//! saga.start(steps::ORDER_CREATED).with("customerId", "C-17").record().await?;
//! saga.failed(steps::STOCK_RESERVATION_FAILED, "out of stock").record().await?;
//!
//! let report = tracker.close(Duration::from_secs(5)).await;
//! assert!(report.is_complete());
//! # Ok(())
//! # }
//! ```
//!
//! Services depend on this crate, and their tests on `saga-sdk-testkit`; this crate depends on `saga-types`. The parts,
//! in the order in which a step meets them:
//!
//! | part | what |
//! | --- | --- |
//! | [`SagaConfig`], [`ConfigLoader`] | what is configured, and from where |
//! | [`connect`] | the one constructor |
//! | [`doctor`] | why nothing arrives, checked on demand |
//! | [`SagaTrackerClient`] | the contract of every client |
//! | [`SagaTrackerClientExt`], [`TrackerState`] | `order` and `resume` on any client; where a service's state has it |
//! | [`OrderSagas`] | an order, whose sagas begin here |
//! | [`Saga`], [`StepBuilder`] | the handle of a saga, and a step in the making |
//! | [`step!`], [`saga_type!`] | names of the team's own, checked when they are compiled |
//! | [`DefinedSaga`], [`SagaOf`] | sagas whose steps are generated from definition files |
//! | [`StepRun`] | a step that is run, and recorded from its result |
//! | [`headers`], [`ContextError`], [`WithSaga`], [`SagaHeaders`] | a saga on its way to the next service |
//! | [`StepRecord`] | a step that becomes an event: id, times, service, trace |
//! | [`Recording`], [`RecordError`] | what a record call returns |
//! | [`Stats`], [`DropReason`] | what became of everything |
//!
//! # Publish modes
//!
//! * **Asynchronous** (default): a record call puts the event into a bounded buffer and returns. It never blocks and
//!   fails only for bad input. While Kafka is unavailable the buffer fills; what does not fit, or waits longer than
//!   `deliveryTimeout`, is dropped, counted by reason and logged at most once in ten seconds.
//! * **Synchronous**: a record call returns when the broker has acknowledged the event, or an error after `syncTimeout`.
//!   Concurrent calls share batches, so a hundred of them take hardly longer than one.
//!
//! In both, an idempotent producer retries with the same event id, and the events of one saga stay in order.
//!
//! # Schema registry
//!
//! Without a registry, events travel as Avro single objects, which the server reads by the schema's fingerprint. With
//! `schemaRegistry.url` and the feature `schema-registry` they travel in Confluent's wire format, under the id that the
//! registry gives the schema for the subject `<topic>-value`. The id is requested once, in the background. Until it is
//! known, events are buffered within the limits of `buffer`, in their order, no longer than `deliveryTimeout` (asynchronous) or
//! `syncTimeout` (synchronous: the caller gets an error then); what expires counts as dropped for `no_schema`. A
//! registry that is unavailable, slow or misconfigured delays events, and nothing else; its errors are logged, with what
//! to do about them, at most once in ten seconds.
//!
//! Unlike Confluent's clients this one does not register a schema unless `autoRegister` is `true`: register
//! `schemas/saga-tracker-v2.avsc` once, where other contracts are registered.
//!
//! # Accounting
//!
//! [`stats`](SagaTrackerClient::stats) gives a consistent snapshot: `recorded = acknowledged + pending + dropped`, at every
//! moment. [`Stats::to_prometheus`] renders it for a service's own metrics page; no metrics library is needed, and none
//! is imposed.
//!
//! Each event carries `saga-producer-instance` (one client's life) and `saga-sequence` (1, 2, 3, ... in the order of
//! recording). Every recorded event takes a number, whatever becomes of it. So a number that is still missing when later
//! ones of the same instance arrived more than `deliveryTimeout` ago is an event that was recorded and lost, for whatever
//! reason. Neighbouring numbers may arrive out of order, since they travel on several partitions and from several
//! threads. Events from the outbox are not numbered so: its relay sends each until it has arrived.
//!
//! # Configuration
//!
//! Off everywhere unless `enabled` is `true`. The files of a service usually leave it off in `application.yml`, for
//! local work, and turn it on in `application-dev.yml`, `application-staging.yml` and `application-prod.yml`. The profile
//! is given to [`ConfigLoader::profile`], or by the variable `PLATFORM_PROFILE`, else
//! `SPRING_PROFILES_ACTIVE`. Times are written with their unit (`500ms`, `5s`, `2min`).
//!
#![doc = include_str!("config/keys.md")]
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `kafka` | on | the client that writes to Kafka; builds librdkafka, which needs a C compiler and make |
//! | `ssl` | off | TLS, SCRAM and OAUTHBEARER to Kafka with the system's OpenSSL |
//! | `ssl-vendored` | off | the same with an OpenSSL that is built along |
//! | `opentelemetry` | off | trace and span id of the current OpenTelemetry context |
//! | `tracing-opentelemetry` | off | the same of the current `tracing` span |
//! | `http` | off | `Saga::header_map`, and [`WithSaga`] for the requests of the crate `http` |
//! | `axum` | off | `ResumedSaga`, an extractor of the saga that a request belongs to |
//! | `tower` | off | `ResumeLayer`, which puts the saga of a request into its extensions |
//! | `tonic`, `reqwest`, `rdkafka` | off | [`WithSaga`] and [`SagaHeaders`] for their calls, requests and records |
//! | `schema-registry` | off | Confluent's framing, with the schema's id from a registry over HTTP or HTTPS |
//! | `outbox-postgres` | off | `outbox`: events written in the caller's own sqlx transaction, and their relay; PostgreSQL |
//! | `outbox-sqlite` | off | the same with SQLite |
//! | `outbox` | off | both |
//! | `mock` | off | `MockSagaTrackerClient`, by mockall |

#![deny(unsafe_code)]

#[cfg(any(feature = "kafka", feature = "outbox-postgres", feature = "outbox-sqlite"))]
mod backoff;
mod begin;
mod blocking;
mod client;
mod config;
mod connect;
mod context;
#[cfg(any(feature = "kafka", feature = "outbox-postgres", feature = "outbox-sqlite"))]
mod deadline;
mod defined;
mod doctor;
mod error;
mod failure;
mod ids;
#[cfg(feature = "kafka")]
mod kafka;
mod log_throttle;
mod names;
mod noop;
#[cfg(any(feature = "outbox-postgres", feature = "outbox-sqlite"))]
pub mod outbox;
#[cfg(feature = "kafka")]
mod process;
mod record;
mod recording;
mod run;
mod saga;
#[cfg(feature = "kafka")]
mod schema_registry;
mod stats;
#[cfg(test)]
mod test_client;
mod thread_locals;
mod trace;
mod transports;

pub use begin::{OrderSagas, SagaTrackerClientExt, TrackerState};
pub use blocking::CloseGuard;
#[cfg(feature = "mock")]
pub use client::MockSagaTrackerClient;
pub use client::{FlushReport, SagaTrackerClient};
pub use config::{
    BufferConfig, Compression, ConfigError, ConfigLoader, KEYS, Key, OAuthToken, Properties, PublishMode,
    SagaConfig, SchemaRegistryConfig, Secret, SecurityConfig, SecurityProtocol,
};
pub use connect::connect;
pub use context::{ContextError, headers};
pub use defined::{DefinedSaga, SagaOf, StepOf};
pub use doctor::{Diagnosis, doctor};
pub use error::{ConnectError, InputError, RecordError};
pub use failure::FailureCause;
pub use ids::{IntoOrderId, IntoSagaId};
pub use names::{SagaTypeName, StepName};
pub use noop::NoOpClient;
pub use record::{MAX_REASON_CHARS, SagaContext, StepRecord};
pub use recording::Recording;
pub use run::StepRun;
pub use saga::{IntoStep, IntoTimestamp, Saga, StepBuilder};
pub use stats::{DropReason, Stats};
pub use trace::TraceContext;
#[cfg(feature = "axum")]
pub use transports::ResumedSaga;
#[cfg(feature = "tower")]
pub use transports::{ResumeLayer, ResumeService};
pub use transports::{SagaHeaders, WithSaga};

/// The shared types that appear in this crate's signatures.
pub use saga_types::{
    EventId, Metadata, MetadataBuilder, NameError, OrderId, SagaEvent, SagaId, SagaStatus, SagaType, Step,
    Timestamp, keys, steps,
};
