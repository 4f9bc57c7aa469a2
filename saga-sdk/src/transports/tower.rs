//! The saga of each request, for any server that takes tower's layers: axum, tonic, hyper and others.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use crate::{SagaTrackerClient, TrackerState};

/// Puts the [`Saga`](crate::Saga) that a request belongs to into the request's extensions. A request that belongs to none
/// goes on without.
///
/// ```
/// use http::{Request, Response};
/// use saga_sdk::{ResumeLayer, Saga, SagaConfig, steps};
/// use tower_layer::Layer as _;
///
/// async fn reserve(request: Request<String>) -> Response<String> {
///     // In axum by `Extension<Saga>`, in tonic by `request.extensions()`.
///     if let Some(saga) = request.extensions().get::<Saga>() {
///         let _ = saga.complete(steps::STOCK_RESERVED).record().await;
///     }
///     Response::default()
/// }
///
/// let tracker = saga_sdk::connect(&SagaConfig::default())?;
/// let service = ResumeLayer::new(&tracker).layer(reserve);
/// # drop(service);
/// # Ok::<(), saga_sdk::ConnectError>(())
/// ```
#[derive(Clone)]
pub struct ResumeLayer {
    tracker: Arc<dyn SagaTrackerClient>,
}

impl ResumeLayer {
    /// A layer that resumes by the tracker that the state holds, or is.
    pub fn new(state: &impl TrackerState) -> Self {
        Self {
            tracker: state.tracker(),
        }
    }
}

impl<S> Layer<S> for ResumeLayer {
    type Service = ResumeService<S>;

    fn layer(&self, inner: S) -> ResumeService<S> {
        ResumeService {
            tracker: Arc::clone(&self.tracker),
            inner,
        }
    }
}

impl fmt::Debug for ResumeLayer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ResumeLayer").finish_non_exhaustive()
    }
}

/// A service whose requests have the saga that they belong to; made by [`ResumeLayer`].
#[derive(Clone)]
pub struct ResumeService<S> {
    tracker: Arc<dyn SagaTrackerClient>,
    inner: S,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for ResumeService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if let Ok(saga) = self.tracker.resume(request.headers()) {
            request.extensions_mut().insert(saga);
        }
        self.inner.call(request)
    }
}

impl<S: fmt::Debug> fmt::Debug for ResumeService<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ResumeService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};

    use super::*;
    use crate::{Saga, SagaType, WithSaga as _, test_client::Enabled};

    /// Answers with the saga of a request.
    struct SagaOf;

    impl Service<Request<()>> for SagaOf {
        type Response = Option<Saga>;
        type Error = ();
        type Future = Ready<Result<Option<Saga>, ()>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<()>) -> Self::Future {
            ready(Ok(request.extensions().get().cloned()))
        }
    }

    #[tokio::test]
    async fn a_request_has_its_saga_and_goes_on_without() {
        let tracker: Arc<dyn SagaTrackerClient> = Arc::new(Enabled);
        let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
        let mut service = ResumeLayer::new(&tracker).layer(SagaOf);
        let mut ask =
            async |builder: http::request::Builder| service.call(builder.body(()).unwrap()).await.unwrap();
        let resumed = ask(Request::get("/").with_saga(&saga)).await.unwrap();
        assert_eq!(resumed.context(), saga.context());
        assert!(ask(Request::get("/")).await.is_none());
        assert!(ask(Request::get("/").header("saga-id", "%0A")).await.is_none());
    }
}
