//! Requests of reqwest.

use reqwest::RequestBuilder;

use super::WithSaga;
use crate::Saga;

impl WithSaga for RequestBuilder {
    fn with_saga(self, saga: &Saga) -> Self {
        self.headers(saga.header_map())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use reqwest::{Method, Request};

    use super::*;
    use crate::{SagaTrackerClient, SagaType, test_client::Enabled};

    #[test]
    fn a_request_carries_the_saga() {
        let tracker: Arc<dyn SagaTrackerClient> = Arc::new(Enabled);
        let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga 1");
        let request = Request::new(Method::POST, "http://product-service/".parse().unwrap());
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request = RequestBuilder::from_parts(reqwest::Client::new(), request);
        let request = request.with_saga(&saga).build().unwrap();
        let resumed = tracker.resume(request.headers()).unwrap();
        assert_eq!(resumed.context(), saga.context());
    }
}
