//! From a client to the handle of a saga: one that begins here, or one that came from another service.

use std::sync::Arc;

use saga_types::SagaType;

use crate::{ContextError, IntoOrderId, IntoSagaId, Saga, SagaContext, SagaTrackerClient, context};

impl dyn SagaTrackerClient {
    /// A handle for one saga. Ids are a [`SagaId`](crate::SagaId) and an [`OrderId`](crate::OrderId), which the compiler
    /// keeps apart, or texts, numbers or UUIDs.
    ///
    /// A bad id is an error of each record call on the handle, with a disabled tracker too.
    ///
    /// ```
    /// use saga_sdk::{SagaConfig, SagaType, steps};
    ///
    /// # async fn place_order() -> Result<(), Box<dyn std::error::Error>> {
    /// let tracker = saga_sdk::connect(&SagaConfig::default())?; // disabled
    /// let saga = tracker.saga(SagaType::ORDER_CREATION, "saga-1", 4711);
    /// saga.start(steps::ORDER_CREATED).with("customerId", "C-17").record().await?;
    /// saga.failed(steps::ORDER_CANCELLED, "the customer changed her mind").record().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Swapped ids do not compile:
    ///
    /// ```compile_fail,E0277
    /// # use saga_sdk::{OrderId, SagaConfig, SagaId, SagaType};
    /// # fn ids() -> (SagaId, OrderId) { ("saga-1".parse().unwrap(), "order-1".parse().unwrap()) }
    /// # let tracker = saga_sdk::connect(&SagaConfig::default()).unwrap();
    /// let (saga_id, order_id) = ids();
    /// tracker.saga(SagaType::ORDER_CREATION, order_id, saga_id);
    /// ```
    pub fn saga(
        self: &Arc<Self>,
        saga_type: impl Into<SagaType>,
        saga_id: impl IntoSagaId,
        order_id: impl IntoOrderId,
    ) -> Saga {
        begin(enabled(self), saga_type, saga_id, order_id)
    }

    /// Goes on with a saga that came from another service, in the headers that [`Saga::headers`] gave there.
    ///
    /// Takes the headers of HTTP or Kafka as pairs of name and value: `&http::HeaderMap`, `&HashMap<String, String>`,
    /// or any iterator. Names are compared without regard to case. The trace of the caller is used for steps that are
    /// recorded outside of any span.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use saga_sdk::{SagaConfig, steps};
    ///
    /// # async fn handle(headers: &HashMap<String, String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let tracker = saga_sdk::connect(&SagaConfig::default())?;
    /// let saga = tracker.resume(headers)?;
    /// saga.complete(steps::STOCK_RESERVED).record().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ContextError`] when a header of the saga is missing, given twice with different values, or not valid. A trace
    /// that is not valid is left out. A disabled tracker refuses nothing, and passes on what it can read.
    pub fn resume<N: AsRef<str>, V: AsRef<[u8]>>(
        self: &Arc<Self>,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Saga, ContextError> {
        resume(enabled(self), headers)
    }
}

/// `saga` and `resume` on any client that can be cloned: [`NoOpClient`](crate::NoOpClient), the test kit's `Recorder`, an [`Arc`] of a
/// client. An `Arc<dyn SagaTrackerClient>`, as [`connect`](crate::connect) gives it, has both without this trait.
///
/// ```
/// use saga_sdk::{NoOpClient, SagaTrackerClient, SagaTrackerClientExt as _, SagaType, steps};
///
/// fn place_order(tracker: &(impl SagaTrackerClient + Clone + 'static)) {
///     let saga = tracker.saga(SagaType::ORDER_CREATION, "saga-1", "order-1");
///     drop(saga.start(steps::ORDER_CREATED).record());
/// }
/// place_order(&NoOpClient);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not begin sagas",
    note = "a client begins sagas when it is in an `Arc` or can be cloned"
)]
pub trait SagaTrackerClientExt: SagaTrackerClient {
    /// A handle for one saga; see [`saga`](trait.SagaTrackerClient.html#method.saga).
    fn saga(
        &self,
        saga_type: impl Into<SagaType>,
        saga_id: impl IntoSagaId,
        order_id: impl IntoOrderId,
    ) -> Saga;

    /// Goes on with a saga that came from another service; see [`resume`](trait.SagaTrackerClient.html#method.resume).
    ///
    /// # Errors
    ///
    /// [`ContextError`] when a header of the saga is missing, given twice with different values, or not valid.
    fn resume<N: AsRef<str>, V: AsRef<[u8]>>(
        &self,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Saga, ContextError>;
}

impl<C: SagaTrackerClient + Clone + 'static> SagaTrackerClientExt for C {
    fn saga(
        &self,
        saga_type: impl Into<SagaType>,
        saga_id: impl IntoSagaId,
        order_id: impl IntoOrderId,
    ) -> Saga {
        begin(shared(self), saga_type, saga_id, order_id)
    }

    fn resume<N: AsRef<str>, V: AsRef<[u8]>>(
        &self,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Saga, ContextError> {
        resume(shared(self), headers)
    }
}

/// What holds a tracker: the state of a service, by which `ResumedSaga` finds it. An `Arc` of one is one.
///
/// ```
/// use std::sync::Arc;
/// use saga_sdk::{SagaTrackerClient, TrackerState};
///
/// struct AppState {
///     tracker: Arc<dyn SagaTrackerClient>,
/// }
///
/// impl TrackerState for AppState {
///     fn tracker(&self) -> Arc<dyn SagaTrackerClient> {
///         self.tracker.clone()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say where its saga tracker is",
    note = "implement `saga_sdk::TrackerState` for the state, by `fn tracker(&self) -> Arc<dyn SagaTrackerClient>`; \
            `Arc<State>` has it then too"
)]
pub trait TrackerState {
    /// The tracker.
    fn tracker(&self) -> Arc<dyn SagaTrackerClient>;
}

impl TrackerState for Arc<dyn SagaTrackerClient> {
    fn tracker(&self) -> Arc<dyn SagaTrackerClient> {
        Self::clone(self)
    }
}

impl<T: TrackerState> TrackerState for Arc<T> {
    fn tracker(&self) -> Arc<dyn SagaTrackerClient> {
        T::tracker(self)
    }
}

/// A disabled client is not kept.
type Enabled = Option<Arc<dyn SagaTrackerClient>>;

fn enabled(client: &Arc<dyn SagaTrackerClient>) -> Enabled {
    client.is_enabled().then(|| Arc::clone(client))
}

fn shared<C: SagaTrackerClient + Clone + 'static>(client: &C) -> Enabled {
    client
        .is_enabled()
        .then(|| Arc::new(client.clone()) as Arc<dyn SagaTrackerClient>)
}

fn begin(
    client: Enabled,
    saga_type: impl Into<SagaType>,
    saga_id: impl IntoSagaId,
    order_id: impl IntoOrderId,
) -> Saga {
    let context = saga_id.into_saga_id().and_then(|saga_id| {
        Ok(SagaContext {
            saga_type: saga_type.into(),
            saga_id,
            order_id: order_id.into_order_id()?,
        })
    });
    Saga {
        client,
        context: Some(context),
        parent: None,
        trace: None,
    }
}

fn resume<N: AsRef<str>, V: AsRef<[u8]>>(
    client: Enabled,
    headers: impl IntoIterator<Item = (N, V)>,
) -> Result<Saga, ContextError> {
    match context::extract(headers) {
        Ok(extracted) => Ok(Saga {
            client,
            context: Some(Ok(extracted.saga)),
            parent: extracted.parent,
            trace: extracted.trace,
        }),
        Err(_) if client.is_none() => Ok(Saga {
            client,
            context: None,
            parent: None,
            trace: None,
        }),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NoOpClient, test_client::Enabled as TestClient};

    fn begun(tracker: &(impl SagaTrackerClient + Clone + 'static)) -> Saga {
        let saga = tracker.saga(SagaType::ORDER_CREATION, "saga-1", "order-1");
        let resumed = tracker.resume(saga.headers()).unwrap();
        assert_eq!(resumed.context(), saga.context());
        resumed
    }

    #[test]
    fn every_client_begins_and_resumes_sagas() {
        assert!(!begun(&NoOpClient).is_enabled());
        assert!(begun(&Arc::new(TestClient)).is_enabled());
        let dynamic: Arc<dyn SagaTrackerClient> = Arc::new(TestClient);
        assert!(begun(&dynamic).is_enabled());
        assert!(!begun(&Arc::new(NoOpClient)).is_enabled());
    }
}
