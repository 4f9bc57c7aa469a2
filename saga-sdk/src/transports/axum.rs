//! The saga that a request belongs to, as an extractor of axum.

use std::convert::Infallible;

use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};

use crate::{ContextError, Saga, TrackerState};

/// The saga that a request belongs to, from its headers; see [`resume`](trait.SagaTrackerClient.html#method.resume).
///
/// The state of the router says by [`TrackerState`] where its tracker is, be it `Arc<dyn SagaTrackerClient>` itself, a
/// service's `AppState` or an `Arc<AppState>`; without such a state there is the feature `tower`. A request without valid
/// headers is answered with 400 and what is wrong with them; a handler that can do without takes
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

impl<S: TrackerState + Send + Sync> FromRequestParts<S> for ResumedSaga {
    type Rejection = ContextError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ContextError> {
        state.tracker().resume(&parts.headers).map(Self)
    }
}

impl<S: TrackerState + Send + Sync> OptionalFromRequestParts<S> for ResumedSaga {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Infallible> {
        Ok(<Self as FromRequestParts<S>>::from_request_parts(parts, state)
            .await
            .ok())
    }
}

impl IntoResponse for ContextError {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.to_string()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::Request;

    use super::*;
    use crate::{NoOpClient, SagaTrackerClient, test_client::Enabled};

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

    struct AppState(State);

    impl TrackerState for AppState {
        fn tracker(&self) -> State {
            self.0.clone()
        }
    }

    #[tokio::test]
    async fn the_tracker_is_found_in_a_shared_state() {
        let state = Arc::new(AppState(Arc::new(Enabled)));
        let mut parts = request(&SAGA);
        let extracted =
            <ResumedSaga as FromRequestParts<Arc<AppState>>>::from_request_parts(&mut parts, &state).await;
        assert!(extracted.unwrap().0.is_enabled());
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
