//! What a record call returns: mostly a result that is there already.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use crate::RecordError;

/// The outcome of a record call, as a future.
///
/// The event is on its way when this is returned; dropping it does not take the event back. It is ready at once when
/// the tracker is disabled and in asynchronous mode, so awaiting it then costs nothing. In synchronous mode it is ready
/// when the broker has acknowledged the event, or the deadline has passed.
#[must_use = "await it, or look at its error at least: input may have been refused"]
pub struct Recording(State);

type Acknowledgement = Pin<Box<dyn Future<Output = Result<(), RecordError>> + Send>>;

/// Small, since a disabled tracker returns it too.
enum State {
    Done,
    Failed(Box<RecordError>),
    Waiting(Acknowledgement),
}

impl Recording {
    /// Recorded, or nothing to do.
    #[inline]
    pub const fn done() -> Self {
        Self(State::Done)
    }

    /// Not recorded.
    pub fn failed(error: impl Into<RecordError>) -> Self {
        Self(State::Failed(Box::new(error.into())))
    }

    /// Recorded when the future is ready, with its result; for clients that wait for something.
    pub fn waiting(future: impl Future<Output = Result<(), RecordError>> + Send + 'static) -> Self {
        Self(State::Waiting(Box::pin(future)))
    }
}

impl Recording {
    #[cold]
    fn take_error(&mut self) -> Poll<Result<(), RecordError>> {
        match std::mem::replace(&mut self.0, State::Done) {
            State::Failed(error) => Poll::Ready(Err(*error)),
            State::Done | State::Waiting(_) => Poll::Ready(Ok(())),
        }
    }
}

impl Future for Recording {
    type Output = Result<(), RecordError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Done => Poll::Ready(Ok(())),
            State::Waiting(acknowledgement) => acknowledgement.as_mut().poll(context),
            State::Failed(_) => self.take_error(),
        }
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            State::Done => formatter.write_str("Recording(done)"),
            State::Failed(error) => formatter.debug_tuple("Recording").field(error).finish(),
            State::Waiting(_) => formatter.write_str("Recording(waiting)"),
        }
    }
}
