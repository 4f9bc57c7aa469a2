//! Requests over HTTP, by the types that hyper, reqwest, tonic, axum and others share.

use http::{HeaderMap, HeaderName, HeaderValue, request::Builder};

use super::WithSaga;
use crate::Saga;

impl Saga {
    /// [`headers`](Self::headers) as those of an HTTP request: of reqwest, hyper, tonic and others.
    #[must_use]
    pub fn header_map(&self) -> HeaderMap {
        HeaderMap::new().with_saga(self)
    }

    /// A trace state that no header can hold is left out; everything else is encoded.
    fn header_values(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        self.headers().into_iter().filter_map(|(name, value)| {
            Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
        })
    }
}

impl WithSaga for HeaderMap {
    fn with_saga(mut self, saga: &Saga) -> Self {
        for (name, value) in saga.header_values() {
            self.insert(name, value);
        }
        self
    }
}

impl WithSaga for Builder {
    fn with_saga(mut self, saga: &Saga) -> Self {
        // There are none when the builder has failed before, which its end reports.
        if let Some(headers) = self.headers_mut() {
            *headers = std::mem::take(headers).with_saga(saga);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{SagaTrackerClient, SagaType, test_client::Enabled};

    #[test]
    fn a_request_to_the_next_service_carries_the_saga() {
        let tracker: Arc<dyn SagaTrackerClient> = Arc::new(Enabled);
        let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "사가 1");
        let request = http::Request::post("/").with_saga(&saga).body(()).unwrap();
        for headers in [request.headers(), &saga.header_map()] {
            assert_eq!(tracker.resume(headers).unwrap().context(), saga.context());
        }
    }

    #[test]
    fn a_saga_that_is_there_already_is_replaced() {
        let tracker: Arc<dyn SagaTrackerClient> = Arc::new(Enabled);
        let saga = |id| tracker.order("order-1").saga(SagaType::ORDER_CREATION, id);
        let request = http::Request::get("/")
            .with_saga(&saga("saga-1"))
            .with_saga(&saga("saga-2"));
        let resumed = tracker.resume(request.headers_ref().unwrap()).unwrap();
        assert_eq!(resumed.context().unwrap().saga_id, "saga-2");
    }
}
