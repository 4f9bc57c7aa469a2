//! Calls of tonic: the saga in their metadata.

use tonic::{
    Request,
    metadata::{KeyAndValueRef, MetadataMap},
};

use super::{SagaHeaders, WithSaga};
use crate::Saga;

impl<T> WithSaga for Request<T> {
    fn with_saga(mut self, saga: &Saga) -> Self {
        let headers = std::mem::take(self.metadata_mut()).into_headers();
        *self.metadata_mut() = MetadataMap::from_headers(headers.with_saga(saga));
        self
    }
}

impl SagaHeaders for MetadataMap {
    fn saga_headers(&self) -> Vec<(&str, &[u8])> {
        let text = |entry| match entry {
            KeyAndValueRef::Ascii(name, value) => Some((name.as_str(), value.as_encoded_bytes())),
            KeyAndValueRef::Binary(..) => None,
        };
        self.iter().filter_map(text).collect()
    }
}

impl<T> SagaHeaders for Request<T> {
    fn saga_headers(&self) -> Vec<(&str, &[u8])> {
        self.metadata().saga_headers()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{SagaTrackerClient, SagaType, test_client::Enabled};

    #[test]
    fn a_call_carries_the_saga() {
        let tracker: Arc<dyn SagaTrackerClient> = Arc::new(Enabled);
        let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "사가 1");
        let mut call = Request::new(());
        call.metadata_mut().insert("x-request-id", "7".parse().unwrap());
        call.metadata_mut()
            .insert_bin("saga-bin", tonic::metadata::MetadataValue::from_bytes(b"\xff"));
        let call = call.with_saga(&saga);
        assert_eq!(call.metadata().get("x-request-id").unwrap(), "7");
        let resumed = tracker.resume(call.saga_headers()).unwrap();
        assert_eq!(resumed.context(), saga.context());
    }
}
