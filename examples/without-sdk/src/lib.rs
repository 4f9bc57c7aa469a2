//! The order, product and payment services once more, without `saga-sdk`: they know nothing of sagas, and emit what such
//! services emit anyway. A mapping for each way makes the same sagas of it.
//!
//! | part | what |
//! | --- | --- |
//! | [`orders`], [`products`], [`payments`] | the services; their state is in memory |
//! | [`service`] | what each of them has: a tracer, an inbox and an outbox |
//! | [`event`] | the domain events that they publish |
//! | [`delivery`] | what waits for each of them |
//! | [`shop`] | all three together |
//! | [`story`] | what happens to an order: every scenario |
//! | [`spans`], [`records`] | what leaves them: spans by OTLP, records on Kafka's topics |
//!
//! The README beside it has the mappings, the configuration of the server, and the commands.

#![forbid(unsafe_code)]

pub mod delivery;
pub mod event;
pub mod orders;
pub mod payments;
pub mod products;
pub mod records;
pub mod service;
pub mod shop;
pub mod spans;
pub mod story;
