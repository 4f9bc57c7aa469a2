//! A step that is run: recorded as under way, then as done or failed.
//!
//! What the step does comes first. A step that cannot be recorded is run all the same, and its result
//! is returned unchanged.

use std::{
    any::Any,
    fmt,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    sync::LazyLock,
    time::Instant,
};

use saga_types::{MetadataBuilder, SagaStatus, Step, keys};
use serde::Serialize;

use crate::{
    FailureCause, InputError, IntoStep, Recording, Saga, StepBuilder, StepRecord, log_throttle::LogThrottle,
};

/// Runs a step; made by [`Saga::run`].
///
/// Records the step as `IN_PROGRESS` before, and after it as `COMPLETED`, or as `FAILED` with the error and its causes as
/// `failureReason`; both with `durationMs`. A step that panics, or whose future is dropped before it is done, is
/// recorded as failed too.
///
/// ```
/// use saga_sdk::{Saga, steps};
///
/// # async fn reserve() -> Result<u32, std::io::Error> { Ok(3) }
/// async fn reserve_stock(saga: &Saga) -> Result<u32, std::io::Error> {
///     saga.run(steps::STOCK_RESERVATION)
///         .completed_as(steps::STOCK_RESERVED)
///         .failed_as(steps::STOCK_RESERVATION_FAILED)
///         .with("itemCount", 3)
///         .of(reserve())
///         .await
/// }
/// ```
#[must_use = "a step is run by `of`, or within a transaction by `Outbox::run`"]
pub struct StepRun<'a> {
    pub(crate) saga: &'a Saga,
    pub(crate) plan: Option<Box<Result<Plan, InputError>>>,
}

/// What is recorded; none of it exists with a disabled tracker.
pub(crate) struct Plan {
    progress: Step,
    completion: Step,
    failure: Step,
    metadata: MetadataBuilder,
}

impl Saga {
    /// Runs a step: records it as under way, then as done or as failed; see [`StepRun`].
    pub fn run(&self, step: impl IntoStep) -> StepRun<'_> {
        let plan = |step: Step| Plan {
            progress: step.clone(),
            completion: step.clone(),
            failure: step,
            metadata: MetadataBuilder::default(),
        };
        StepRun {
            saga: self,
            plan: self.is_enabled().then(|| Box::new(step.into_step().map(plan))),
        }
    }
}

impl StepRun<'_> {
    /// Names the step that is recorded when it is done, if that is another one.
    pub fn completed_as(self, step: impl IntoStep) -> Self {
        self.change(|plan| {
            plan.completion = step.into_step()?;
            Ok(())
        })
    }

    /// Names the step that is recorded when it fails, if that is another one.
    pub fn failed_as(self, step: impl IntoStep) -> Self {
        self.change(|plan| {
            plan.failure = step.into_step()?;
            Ok(())
        })
    }

    /// Adds an entry to the metadata of each event.
    pub fn with(self, key: &str, value: impl Serialize) -> Self {
        self.change(|plan| plan.metadata.insert(key, &value).map_err(InputError::Metadata))
    }

    /// Runs the step and returns its result. In synchronous mode it waits for the acknowledgements.
    ///
    /// Whether recording worked does not change the result: an event that could not be recorded is logged, at a bounded
    /// rate.
    ///
    /// # Errors
    ///
    /// Those of the step.
    pub async fn of<T, E: FailureCause<Kind>, Kind>(
        self,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let plan = match self.plan.map(|plan| *plan) {
            None => return step.await,
            Some(Ok(plan)) => plan,
            Some(Err(error)) => {
                report(Recording::failed(error)).await;
                return step.await;
            }
        };
        let mut running = Running {
            saga: self.saga,
            plan,
            begun: Instant::now(),
            is_over: false,
        };
        report(running.record(SagaStatus::InProgress, None)).await;
        let mut step = pin!(step);
        // Caught only to be recorded; it goes on below.
        let outcome =
            poll_fn(
                |context| match catch_unwind(AssertUnwindSafe(|| step.as_mut().poll(context))) {
                    Ok(polled) => polled.map(Ok),
                    Err(panic) => std::task::Poll::Ready(Err(panic)),
                },
            )
            .await;
        running.is_over = true;
        match outcome {
            Ok(result) => {
                let recording = match &result {
                    Ok(_) => running.record(SagaStatus::Completed, None),
                    Err(error) => running.record(SagaStatus::Failed, Some(&error.chain())),
                };
                report(recording).await;
                result
            }
            Err(panic) => {
                drop(running.record(
                    SagaStatus::Failed,
                    Some(&format!("panicked: {}", text_of(&*panic))),
                ));
                resume_unwind(panic)
            }
        }
    }

    fn change(mut self, change: impl FnOnce(&mut Plan) -> Result<(), InputError>) -> Self {
        if let Some(result) = &mut self.plan
            && let Ok(plan) = &mut **result
            && let Err(error) = change(plan)
        {
            **result = Err(error);
        }
        self
    }
}

impl fmt::Debug for StepRun<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StepRun")
            .field("saga", self.saga)
            .finish_non_exhaustive()
    }
}

/// A step that has begun. Dropped before its end, it was cancelled.
struct Running<'a> {
    saga: &'a Saga,
    plan: Plan,
    begun: Instant,
    is_over: bool,
}

impl Running<'_> {
    fn record(&self, status: SagaStatus, reason: Option<&str>) -> Recording {
        self.plan.step(self.saga, self.begun, status, reason).record()
    }
}

impl Plan {
    /// The event of the beginning or of an end.
    pub(crate) fn step<'a>(
        &self,
        saga: &'a Saga,
        begun: Instant,
        status: SagaStatus,
        reason: Option<&str>,
    ) -> StepBuilder<'a> {
        let step = match status {
            SagaStatus::Completed => &self.completion,
            SagaStatus::Failed => &self.failure,
            _ => &self.progress,
        };
        saga.build(step, |saga, step| {
            let mut record = StepRecord::new(saga, step, status);
            record.metadata = self.metadata.clone();
            if let Some(reason) = reason {
                record.set_reason(reason)?;
            }
            if status != SagaStatus::InProgress {
                record.insert(keys::DURATION_MS, &begun.elapsed().as_millis())?;
            }
            Ok(record)
        })
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            drop(self.record(SagaStatus::Failed, Some("cancelled")));
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a text")
}

async fn report(recording: Recording) {
    static THROTTLE: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
    if let Err(error) = recording.await
        && let Some(steps) = THROTTLE.count()
    {
        tracing::warn!(steps, %error, "steps of sagas were run and not recorded");
    }
}
