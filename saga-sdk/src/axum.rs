//! The saga that a request belongs to: an extractor for axum, and the headers of a request to the next service.

use std::{convert::Infallible, sync::Arc};

use axum_core::{
    extract::{FromRef, FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, request::Parts};

use crate::{ContextError, Saga, SagaTrackerClient};

/// The saga that a request belongs to, from its headers; see [`resume`](trait.SagaTrackerClient.html#method.resume).
///
/// The state of the router must hold the tracker (`Arc<dyn SagaTrackerClient>`, by axum's `FromRef`). A request without
/// valid headers is answered with 400 and what is wrong with them; a handler that can do without takes
/// `Option<ResumedSaga>`, which is `None` then.
///
/// ```
/// use saga_sdk::{ResumedSaga, steps};
///
/// async fn reserve(ResumedSaga(saga): ResumedSaga) -> Result<(), String> {
///     let recorded = saga.complete(steps::STOCK_RESERVED).record().await;
///     recorded.map_err(|error| error.to_string())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct ResumedSaga(pub Saga);

impl<S> FromRequestParts<S> for ResumedSaga
where
    S: Send + Sync,
    Arc<dyn SagaTrackerClient>: FromRef<S>,
{
    type Rejection = ContextError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ContextError> {
        Arc::<dyn SagaTrackerClient>::from_ref(state)
            .resume(&parts.headers)
            .map(Self)
    }
}

impl<S> OptionalFromRequestParts<S> for ResumedSaga
where
    S: Send + Sync,
    Arc<dyn SagaTrackerClient>: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Infallible> {
        Ok(<Self as FromRequestParts<S>>::from_request_parts(parts, state)
            .await
            .ok())
    }
}

impl Saga {
    /// [`headers`](Self::headers) as those of an HTTP request: of reqwest, hyper, tonic and others.
    #[must_use]
    pub fn header_map(&self) -> HeaderMap {
        let headers = self.headers().into_iter();
        // A trace state that no header can hold is left out; everything else is encoded.
        let valid = headers.filter_map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            Some((name, HeaderValue::from_str(&value).ok()?))
        });
        valid.collect()
    }
}

impl IntoResponse for ContextError {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.to_string()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::{NoOpClient, Recording};

    /// Enabled, so that headers are read; nothing is recorded here.
    struct Enabled;

    #[async_trait::async_trait]
    impl SagaTrackerClient for Enabled {
        fn is_enabled(&self) -> bool {
            true
        }
        fn record_step(&self, _: crate::StepRecord) -> Recording {
            Recording::done()
        }
        fn record_event(&self, _: crate::SagaEvent) -> Recording {
            Recording::done()
        }
        fn stats(&self) -> crate::Stats {
            crate::Stats::default()
        }
        async fn flush(&self, _: std::time::Duration) -> crate::FlushReport {
            crate::FlushReport::default()
        }
        async fn close(&self, _: std::time::Duration) -> crate::FlushReport {
            crate::FlushReport::default()
        }
    }

    type State = Arc<dyn SagaTrackerClient>;

    fn request(headers: &[(&str, &str)]) -> Parts {
        let builder = headers.iter().fold(Request::builder(), |builder, (name, value)| {
            builder.header(*name, *value)
        });
        builder.body(()).unwrap().into_parts().0
    }

    const SAGA: [(&str, &str); 3] = [
        ("Saga-Id", "saga%201"),
        ("Saga-Type", "ORDER_CREATION"),
        ("Saga-Order-Id", "order-1"),
    ];

    #[tokio::test]
    async fn the_saga_of_a_request_is_resumed() {
        let state: State = Arc::new(Enabled);
        let extracted =
            <ResumedSaga as FromRequestParts<State>>::from_request_parts(&mut request(&SAGA), &state).await;
        assert_eq!(extracted.unwrap().0.context().unwrap().saga_id, "saga 1");
    }

    #[tokio::test]
    async fn a_request_without_a_saga_is_refused_or_none() {
        let state: State = Arc::new(Enabled);
        let mut parts = request(&SAGA[1..]);
        let refused = <ResumedSaga as FromRequestParts<State>>::from_request_parts(&mut parts, &state).await;
        assert_eq!(
            refused.unwrap_err().into_response().status(),
            StatusCode::BAD_REQUEST
        );
        let none =
            <ResumedSaga as OptionalFromRequestParts<State>>::from_request_parts(&mut parts, &state).await;
        assert!(none.unwrap().is_none());
    }

    #[test]
    fn a_request_to_the_next_service_carries_the_saga() {
        let state: State = Arc::new(Enabled);
        let saga = state.saga(crate::SagaType::ORDER_CREATION, "사가 1", "order-1");
        let resumed = state.resume(&saga.header_map()).unwrap();
        assert_eq!(resumed.context(), saga.context());
    }

    #[tokio::test]
    async fn a_disabled_tracker_refuses_nothing() {
        let state: State = Arc::new(NoOpClient);
        let mut parts = request(&[]);
        let extracted =
            <ResumedSaga as FromRequestParts<State>>::from_request_parts(&mut parts, &state).await;
        assert!(extracted.is_ok());
    }
}
