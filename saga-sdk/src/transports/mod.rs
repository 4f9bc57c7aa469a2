//! A saga in the headers of what takes it to the next service: HTTP, gRPC, Kafka. Each behind the feature of its name.

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "rdkafka")]
mod rdkafka;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "tonic")]
mod tonic;
#[cfg(feature = "tower")]
mod tower;

#[cfg(feature = "axum")]
pub use self::axum::ResumedSaga;
#[cfg(feature = "tower")]
pub use self::tower::{ResumeLayer, ResumeService};
use crate::Saga;

/// Puts a saga into what goes to the next service; [`SagaHeaders`] reads it there.
///
#[cfg_attr(feature = "http", doc = "```")]
#[cfg_attr(not(feature = "http"), doc = "```ignore")]
/// use saga_sdk::{Saga, WithSaga as _};
///
/// fn request(saga: &Saga) -> http::request::Builder {
///     http::Request::post("http://product-service/reservations").with_saga(saga)
/// }
/// ```
///
/// | feature | for |
/// | --- | --- |
/// | `http` | `http::request::Builder`, `http::HeaderMap` |
/// | `reqwest` | `reqwest::RequestBuilder` |
/// | `tonic` | `tonic::Request` |
/// | `rdkafka` | `rdkafka::message::OwnedHeaders` |
pub trait WithSaga {
    /// The same with the headers of the saga.
    #[must_use]
    fn with_saga(self, saga: &Saga) -> Self;
}

/// The headers of what came from another service, for [`resume`](trait.SagaTrackerClient.html#method.resume): where they
/// cannot be given as they are, as `&http::HeaderMap` can.
///
/// | feature | for |
/// | --- | --- |
/// | `tonic` | `tonic::Request`, `tonic::metadata::MetadataMap` |
/// | `rdkafka` | `rdkafka::message::BorrowedMessage`; a header whose name is not UTF-8 is left out |
pub trait SagaHeaders {
    /// Pairs of name and value.
    fn saga_headers(&self) -> Vec<(&str, &[u8])>;
}
