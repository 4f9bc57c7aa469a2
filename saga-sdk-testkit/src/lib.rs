//! Record and assert the steps of sagas in unit tests: in memory, without Kafka.
//!
//! Tests of services depend on this crate; it depends on `saga-sdk`, whose Kafka client it does not compile, and on
//! `saga-types`, whose fold it uses, the same that the server does.
//!
//! ```
//! use saga_sdk_testkit::{Recorder, expect};
//! use saga_sdk::{SagaStatus, SagaType, steps};
//!
//! # async fn code_under_test(saga: &saga_sdk::Saga) -> Result<(), saga_sdk::RecordError> {
//! #     saga.start(steps::ORDER_CREATED).with("customerId", "C-17").record().await?;
//! #     saga.failed(steps::STOCK_RESERVATION_FAILED, "out of stock").record().await
//! # }
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! let recorder = Recorder::new("order-service");
//! let tracker = recorder.client();      // what the code under test gets: Arc<dyn SagaTrackerClient>
//!
//! code_under_test(&tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1")).await?;
//!
//! recorder
//!     .assert_saga("saga-1")
//!     .of_order("order-1")
//!     .recorded(expect::started(steps::ORDER_CREATED).with("customerId", "C-17"))
//!     .then(expect::failed(steps::STOCK_RESERVATION_FAILED).because("out of stock"))
//!     .nothing_else();
//! assert_eq!(recorder.state_of("saga-1").current_status, SagaStatus::Failed);
//! # Ok(())
//! # }
//! # let mut test = std::pin::pin!(test());
//! # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
//! # assert!(matches!(test.as_mut().poll(&mut context), std::task::Poll::Ready(Ok(()))));
//! ```
//!
//! The parts, in the order in which a step meets them:
//!
//! | part | what |
//! | --- | --- |
//! | [`Recorder`] | a client that keeps events in memory, with fault injection |
//! | [`Recorded`] | what was recorded, by one recorder or joined from several |
//! | [`expect`] | what a test expects of an event |
//! | [`SagaAssert`] | assertions about one saga, with failures that show its timeline |
//!
//! A whole tracker inside a test, with REST, is `EmbeddedTracker` in the library of `saga-server`; it runs on this
//! crate's `EmbeddedKafka`.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `kafka` | off | `EmbeddedKafka`: a broker inside the test, for integration tests without containers; builds librdkafka |
//! | `outbox-postgres`, `outbox-sqlite` | off | `Recorder::drain`: what a service left in its outbox, as a relay publishes it |
//!
//! Use it from `tests/`, or from the unit tests of another crate: inside `saga-sdk` itself a unit test would see two
//! copies of the trait.

#![deny(unsafe_code)]

mod assert;
pub mod expect;
mod faults;
#[cfg(feature = "kafka")]
mod kafka;
mod late;
#[cfg(any(feature = "outbox-postgres", feature = "outbox-sqlite"))]
mod outbox;
mod recorded;
mod recorder;
mod timeline;

/// A century, as good as no limit: a longer time cannot be added to every clock.
const LONGEST_WAIT: std::time::Duration = std::time::Duration::from_secs(100 * 365 * 24 * 60 * 60);

pub use assert::SagaAssert;
pub use expect::Expected;
#[cfg(feature = "kafka")]
pub use kafka::{EmbeddedKafka, EmbeddedKafkaError};
pub use recorded::Recorded;
pub use recorder::Recorder;
