//! How many connections there are, and which of them gives way when there are too many.
//!
//! Rule of thumb: a connection on which nothing is asked gives way to a new one, the longest idle first. When all places
//! are taken by requests, what orchestrators and Prometheus ask is still answered, on places that nothing else gets.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::{task::Id, time::Instant};
use tokio_util::sync::CancellationToken;

/// One connection, as far as its place is concerned.
#[derive(Debug)]
pub(super) struct Connection {
    /// None while a request is answered.
    idle_since: Mutex<Option<Instant>>,
    has_asked: AtomicBool,
    /// It must give way to another one.
    pub(super) evicted: CancellationToken,
    /// Only what orchestrators and Prometheus ask is answered.
    pub(super) is_reserved: bool,
}

impl Connection {
    fn new(is_reserved: bool) -> Self {
        Self {
            idle_since: Mutex::new(Some(Instant::now())),
            has_asked: AtomicBool::new(false),
            evicted: CancellationToken::new(),
            is_reserved,
        }
    }

    /// Whether the head of a request has come.
    pub(super) fn has_asked(&self) -> bool {
        self.has_asked.load(Ordering::Relaxed)
    }

    /// A request begins; it ends when what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.has_asked.store(true, Ordering::Relaxed);
        self.set_idle(None);
        Busy(self.clone())
    }

    fn idle_since(&self) -> Option<Instant> {
        *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_idle(&self, since: Option<Instant>) {
        *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// A request that is answered.
pub(super) struct Busy(Arc<Connection>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set_idle(Some(Instant::now()));
    }
}

/// A body that keeps its connection busy until it is sent.
pub(super) struct BusyBody {
    pub(super) body: Body,
    pub(super) _busy: Busy,
}

impl HttpBody for BusyBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// All connections, by their tasks.
pub(super) struct Places {
    open: HashMap<Id, Arc<Connection>>,
    ordinary: usize,
    reserved: usize,
}

impl Places {
    pub(super) fn new(ordinary: usize, reserved: usize) -> Self {
        Self {
            open: HashMap::new(),
            ordinary,
            reserved,
        }
    }

    /// Whether no connection can be taken until one ends or lies idle.
    pub(super) fn is_full(&self) -> bool {
        self.open.len() >= self.ordinary + self.reserved && self.longest_idle().is_none()
    }

    /// A place for a new connection. One that lies idle gives way when there are too many.
    pub(super) fn enter(&self) -> Arc<Connection> {
        let staying = self.staying().count();
        if staying < self.ordinary {
            return Connection::new(false).into();
        }
        let idle = self.longest_idle();
        if let Some(idle) = idle {
            idle.evicted.cancel();
        }
        // In place of a reserved one, a place of that kind is free, and no other.
        let is_reserved = idle.is_none_or(|idle| idle.is_reserved) || staying > self.ordinary;
        Connection::new(is_reserved).into()
    }

    pub(super) fn insert(&mut self, task: Id, connection: Arc<Connection>) {
        self.open.insert(task, connection);
    }

    pub(super) fn remove(&mut self, task: Id) {
        self.open.remove(&task);
    }

    fn staying(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.open
            .values()
            .filter(|connection| !connection.evicted.is_cancelled())
    }

    fn longest_idle(&self) -> Option<&Arc<Connection>> {
        let idle = self
            .staying()
            .filter_map(|connection| Some((connection.idle_since()?, connection)));
        idle.min_by_key(|(since, _)| *since)
            .map(|(_, connection)| connection)
    }
}
