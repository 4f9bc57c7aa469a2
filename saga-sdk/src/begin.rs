//! From a client to the handle of a saga: one that begins here, or one that came from another service.

use std::{fmt, sync::Arc};

use saga_types::{OrderId, SagaType};

use crate::{
    ContextError, InputError, IntoOrderId, IntoSagaId, Saga, SagaContext, SagaTrackerClient, context,
};

impl dyn SagaTrackerClient {
    /// An order, by its business key, for handles of the sagas about it. Each id stands in a call of its own name, so
    /// that the two cannot be swapped unnoticed; a [`SagaId`](crate::SagaId) is no order's id, and an
    /// [`OrderId`](crate::OrderId) no saga's. Ids of those types, texts, numbers and UUIDs are taken.
    ///
    /// A bad id is an error of each record call on the handle, with a disabled tracker too.
    ///
    /// ```
    /// use saga_sdk::{SagaConfig, SagaType, steps};
    ///
    /// # async fn place_order() -> Result<(), Box<dyn std::error::Error>> {
    /// let tracker = saga_sdk::connect(&SagaConfig::default())?; // disabled
    /// let saga = tracker.order(4711).saga(SagaType::ORDER_CREATION, "saga-1");
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
    /// let saga = tracker.order(saga_id).saga(SagaType::ORDER_CREATION, order_id);
    /// ```
    pub fn order(self: &Arc<Self>, order_id: impl IntoOrderId) -> OrderSagas {
        OrderSagas::new(enabled(self), order_id)
    }

    /// A handle for one saga, by two ids that differ by their position only.
    ///
    /// Two texts that are swapped compile, and the tracker then shows the order under the saga's id:
    ///
    /// ```compile_fail
    /// #![deny(deprecated)]
    /// # use saga_sdk::{SagaConfig, SagaType};
    /// # let tracker = saga_sdk::connect(&SagaConfig::default()).unwrap();
    /// let saga = tracker.saga(SagaType::ORDER_CREATION, "order-1", "saga-1");
    /// ```
    #[deprecated(
        note = "its ids can be swapped unnoticed: use `tracker.order(order_id).saga(saga_type, saga_id)`"
    )]
    #[must_use]
    pub fn saga(
        self: &Arc<Self>,
        saga_type: impl Into<SagaType>,
        saga_id: impl IntoSagaId,
        order_id: impl IntoOrderId,
    ) -> Saga {
        self.order(order_id).saga(saga_type, saga_id)
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

/// `order` and `resume` on any client that can be cloned: [`NoOpClient`](crate::NoOpClient), the test kit's `Recorder`, an [`Arc`] of a
/// client. An `Arc<dyn SagaTrackerClient>`, as [`connect`](crate::connect) gives it, has both without this trait.
///
/// ```
/// use saga_sdk::{NoOpClient, SagaTrackerClient, SagaTrackerClientExt as _, SagaType, steps};
///
/// fn place_order(tracker: &(impl SagaTrackerClient + Clone + 'static)) {
///     let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
///     drop(saga.start(steps::ORDER_CREATED).record());
/// }
/// place_order(&NoOpClient);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not begin sagas",
    note = "a client begins sagas when it is in an `Arc` or can be cloned"
)]
pub trait SagaTrackerClientExt: SagaTrackerClient {
    /// An order, for handles of the sagas about it; see [`order`](trait.SagaTrackerClient.html#method.order).
    fn order(&self, order_id: impl IntoOrderId) -> OrderSagas;

    /// A handle for one saga; see [`saga`](trait.SagaTrackerClient.html#method.saga).
    #[deprecated(
        note = "its ids can be swapped unnoticed: use `tracker.order(order_id).saga(saga_type, saga_id)`"
    )]
    #[must_use]
    fn saga(
        &self,
        saga_type: impl Into<SagaType>,
        saga_id: impl IntoSagaId,
        order_id: impl IntoOrderId,
    ) -> Saga {
        self.order(order_id).saga(saga_type, saga_id)
    }

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
    fn order(&self, order_id: impl IntoOrderId) -> OrderSagas {
        OrderSagas::new(shared(self), order_id)
    }

    fn resume<N: AsRef<str>, V: AsRef<[u8]>>(
        &self,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Saga, ContextError> {
        resume(shared(self), headers)
    }
}

/// An order, for handles of the sagas about it; made by [`order`](trait.SagaTrackerClient.html#method.order). Clone it for
/// a second saga.
#[derive(Clone)]
#[must_use = "a saga is begun by `saga`"]
pub struct OrderSagas {
    client: Enabled,
    order_id: Result<OrderId, InputError>,
}

impl OrderSagas {
    fn new(client: Enabled, order_id: impl IntoOrderId) -> Self {
        Self {
            client,
            order_id: order_id.into_order_id(),
        }
    }

    /// A handle for one saga about the order.
    #[must_use]
    pub fn saga(self, saga_type: impl Into<SagaType>, saga_id: impl IntoSagaId) -> Saga {
        let context = saga_id.into_saga_id().and_then(|saga_id| {
            Ok(SagaContext {
                saga_type: saga_type.into(),
                saga_id,
                order_id: self.order_id?,
            })
        });
        Saga {
            client: self.client,
            context: Some(context),
            parent: None,
            trace: None,
        }
    }
}

impl fmt::Debug for OrderSagas {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OrderSagas")
            .field("is_enabled", &self.client.is_some())
            .field("order_id", &self.order_id)
            .finish()
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
        let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
        let resumed = tracker.resume(saga.headers()).unwrap();
        assert_eq!(resumed.context(), saga.context());
        resumed
    }

    #[test]
    #[expect(deprecated, reason = "callers of before compile, and get the same saga")]
    fn the_ids_by_their_position_give_the_same_saga() {
        let tracker: Arc<dyn SagaTrackerClient> = Arc::new(TestClient);
        let saga = tracker.order("order-1").saga(SagaType::REFUND, "saga-1");
        let deprecated = tracker.saga(SagaType::REFUND, "saga-1", "order-1");
        assert_eq!(deprecated.context(), saga.context());
        assert_eq!(
            NoOpClient.saga(SagaType::REFUND, "saga-1", "order-1").context(),
            saga.context()
        );
        assert_eq!(saga.context().unwrap().order_id, "order-1");
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
