//! Sagas whose steps the compiler knows, by constants that are generated from the team's definition files.

use std::{fmt, marker::PhantomData};

use saga_types::{SagaId, SagaType, Step};

use crate::{
    ContextError, FailureCause, InputError, IntoOrderId, IntoSagaId, IntoStep, OrderSagas, Saga, SagaContext,
    SagaTrackerClientExt, SagaTypeName, StepBuilder, StepName, StepRun,
};

/// A saga type with its steps; generated from a definition file by `saga_types::codegen`, as the guide shows.
///
/// Where the definition of `LOYALTY` knows a step `POINTS_GRANTED`:
///
/// ```
/// # mod sagas {
/// #     pub enum Loyalty {}
/// #     impl saga_sdk::DefinedSaga for Loyalty {
/// #         const TYPE: saga_sdk::SagaTypeName = saga_sdk::SagaTypeName::new("LOYALTY");
/// #         const STEPS: &'static [saga_sdk::StepName] = &[Self::POINTS_GRANTED.name()];
/// #     }
/// #     impl Loyalty {
/// #         pub const POINTS_GRANTED: saga_sdk::StepOf<Self> = saga_sdk::StepOf::new("POINTS_GRANTED");
/// #     }
/// # }
/// // mod sagas { include!(concat!(env!("OUT_DIR"), "/sagas.rs")); }
/// use sagas::Loyalty;
/// use saga_sdk::SagaConfig;
///
/// let tracker = saga_sdk::connect(&SagaConfig::default())?;
/// let saga = tracker.order("order-1").saga_of::<Loyalty>("saga-1");
/// drop(saga.complete(Loyalty::POINTS_GRANTED).record());
/// # Ok::<(), saga_sdk::ConnectError>(())
/// ```
///
/// A step that the definition does not know does not compile, nor does one of another saga type:
///
/// ```compile_fail,E0308
/// # enum Loyalty {}
/// # impl saga_sdk::DefinedSaga for Loyalty {
/// #     const TYPE: saga_sdk::SagaTypeName = saga_sdk::SagaTypeName::new("LOYALTY");
/// #     const STEPS: &'static [saga_sdk::StepName] = &[];
/// # }
/// # let tracker = saga_sdk::connect(&saga_sdk::SagaConfig::default()).unwrap();
/// let saga = tracker.order("order-1").saga_of::<Loyalty>("saga-1");
/// drop(saga.complete(saga_sdk::steps::STOCK_RESERVED).record());
/// ```
pub trait DefinedSaga {
    /// The saga type's name.
    const TYPE: SagaTypeName;
    /// Every step that its definitions name, sorted.
    const STEPS: &'static [StepName];
}

/// A step of one saga type.
pub struct StepOf<D> {
    name: StepName,
    of: PhantomData<fn() -> D>,
}

impl<D> StepOf<D> {
    /// A step that the definition names; for generated code.
    ///
    /// # Panics
    ///
    /// When it is compiled, as [`StepName::new`].
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name: StepName::new(name),
            of: PhantomData,
        }
    }

    /// The name.
    #[must_use]
    pub const fn name(self) -> StepName {
        self.name
    }
}

impl<D> Clone for StepOf<D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for StepOf<D> {}

impl<D> fmt::Debug for StepOf<D> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(formatter)
    }
}

impl<D> From<StepOf<D>> for Step {
    fn from(step: StepOf<D>) -> Self {
        step.name.into()
    }
}

impl<D> IntoStep for StepOf<D> {
    fn into_step(self) -> Result<Step, InputError> {
        self.name.into_step()
    }
}

/// A [`Saga`] of one type, which takes the steps of that type only; see [`DefinedSaga`].
pub struct SagaOf<D> {
    saga: Saga,
    of: PhantomData<fn() -> D>,
}

impl OrderSagas {
    /// A handle for one saga about the order, of a type that is generated from the team's definitions; see
    /// [`DefinedSaga`].
    #[must_use]
    pub fn saga_of<D: DefinedSaga>(self, saga_id: impl IntoSagaId) -> SagaOf<D> {
        SagaOf::of(self.saga(D::TYPE, saga_id))
    }
}

impl<D: DefinedSaga> SagaOf<D> {
    /// A handle for one saga of the type.
    #[deprecated(
        note = "its ids can be swapped unnoticed: use `tracker.order(order_id).saga_of::<D>(saga_id)`"
    )]
    pub fn begin(
        tracker: &impl SagaTrackerClientExt,
        saga_id: impl IntoSagaId,
        order_id: impl IntoOrderId,
    ) -> Self {
        tracker.order(order_id).saga_of(saga_id)
    }

    /// A handle for a saga of the type that another saga begins; see [`Saga::child`].
    #[must_use]
    pub fn child_of(parent: &impl AsRef<Saga>, saga_id: impl IntoSagaId) -> Self {
        Self::of(parent.as_ref().child(D::TYPE, saga_id))
    }

    /// Goes on with a saga that came from another service; see [`resume`](trait.SagaTrackerClient.html#method.resume).
    ///
    /// # Errors
    ///
    /// [`ContextError`], also when the saga is of another type.
    pub fn resume<N: AsRef<str>, V: AsRef<[u8]>>(
        tracker: &impl SagaTrackerClientExt,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, ContextError> {
        let saga = tracker.resume(headers)?;
        match saga.context().map(|context| &context.saga_type) {
            Some(found) if found.as_str() != D::TYPE.as_str() => Err(ContextError::OtherType {
                expected: D::TYPE.into(),
                found: found.clone(),
            }),
            _ => Ok(Self::of(saga)),
        }
    }

    const fn of(saga: Saga) -> Self {
        Self {
            saga,
            of: PhantomData,
        }
    }

    /// `STARTED`; see [`Saga::start`].
    pub fn start(&self, step: StepOf<D>) -> StepBuilder<'_> {
        self.saga.start(step)
    }

    /// `IN_PROGRESS`; see [`Saga::progress`].
    pub fn progress(&self, step: StepOf<D>) -> StepBuilder<'_> {
        self.saga.progress(step)
    }

    /// `COMPLETED`; see [`Saga::complete`].
    pub fn complete(&self, step: StepOf<D>) -> StepBuilder<'_> {
        self.saga.complete(step)
    }

    /// `COMPENSATED`; see [`Saga::compensated`].
    pub fn compensated(&self, step: StepOf<D>) -> StepBuilder<'_> {
        self.saga.compensated(step)
    }

    /// `FAILED`; see [`Saga::failed`].
    pub fn failed<Kind>(&self, step: StepOf<D>, reason: impl FailureCause<Kind>) -> StepBuilder<'_> {
        self.saga.failed(step, reason)
    }

    /// Runs a step; see [`Saga::run`].
    pub fn run(&self, step: StepOf<D>) -> StepRun<'_> {
        self.saga.run(step)
    }
}

/// What does not depend on the definition.
impl<D> SagaOf<D> {
    /// Whether steps are recorded; see [`Saga::is_enabled`].
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.saga.is_enabled()
    }

    /// Ids and type; see [`Saga::context`].
    #[must_use]
    pub fn context(&self) -> Option<&SagaContext> {
        self.saga.context()
    }

    /// The saga that began this one; see [`Saga::parent`].
    #[must_use]
    pub fn parent(&self) -> Option<&SagaId> {
        self.saga.parent()
    }

    /// A handle for a saga of any type that this one begins; see [`Saga::child`], and [`SagaOf::child_of`] for a type with a
    /// definition.
    #[must_use]
    pub fn child(&self, saga_type: impl Into<SagaType>, saga_id: impl IntoSagaId) -> Saga {
        self.saga.child(saga_type, saga_id)
    }

    /// Headers for the next service; see [`Saga::headers`].
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        self.saga.headers()
    }
}

impl<D> AsRef<Saga> for SagaOf<D> {
    fn as_ref(&self) -> &Saga {
        &self.saga
    }
}

impl<D> Clone for SagaOf<D> {
    fn clone(&self) -> Self {
        Self {
            saga: self.saga.clone(),
            of: PhantomData,
        }
    }
}

impl<D> fmt::Debug for SagaOf<D> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.saga.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{SagaTrackerClient, SagaType, test_client::Enabled};

    enum Loyalty {}

    impl DefinedSaga for Loyalty {
        const TYPE: SagaTypeName = SagaTypeName::new("LOYALTY");
        const STEPS: &'static [StepName] = &[];
    }

    #[test]
    fn a_saga_of_another_type_is_not_resumed() {
        let tracker: Arc<dyn SagaTrackerClient> = Arc::new(Enabled);
        let saga = tracker.order("order-1").saga_of::<Loyalty>("saga-1");
        let resumed = SagaOf::<Loyalty>::resume(&tracker, saga.headers()).unwrap();
        assert_eq!(resumed.context(), saga.context());
        let other = tracker.order("order-1").saga(SagaType::REFUND, "saga-2");
        let refused = SagaOf::<Loyalty>::resume(&tracker, other.headers()).unwrap_err();
        assert_eq!(refused.to_string(), "the saga is of type REFUND, not LOYALTY");
        let child = SagaOf::<Loyalty>::child_of(&other, "saga-3");
        assert_eq!(child.parent().unwrap(), "saga-2");
    }
}
