//! Connections: how many there may be, and how slow the other side may be.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, Sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{router::router, state::AppState};

/// How many connections there may be, and how slow they may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// More than this at once wait to be taken, in the system's own queue.
    pub connections: usize,
    /// How long the head of a request may take, however its bytes trickle in; also how long a connection may lie idle.
    pub head_within: Duration,
    /// How long the other side may take nothing of what is sent to it.
    pub taken_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            head_within: Duration::from_secs(30),
            taken_within: Duration::from_secs(30),
        }
    }
}

/// How long to wait when no connection can be taken, as when there are too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers on a listener until `stop`; requests that were begun by then are still answered.
pub async fn serve(listener: TcpListener, state: AppState, limits: Limits, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let router = router(state);
    let mut connections = JoinSet::new();
    while let Some((socket, place)) = accept(&listener, &places, &stop).await {
        let socket = WriteTimeoutStream::new(socket, limits.taken_within);
        connections.spawn(answer(socket, place, router.clone(), limits, stop.clone()));
        while connections.try_join_next().is_some() {}
    }
    // No new connection is taken while the others are served.
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// None after `stop`.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let accepting = async {
        let place = places.clone().acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((socket, _)) => return Some((socket, place)),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        accepted = accepting => accepted,
        () = stop.cancelled() => None,
    }
}

async fn answer(
    socket: WriteTimeoutStream,
    place: OwnedSemaphorePermit,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_within)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection");
    }
    drop(place);
}

/// A socket whose writes time out, so that a client that does not read cannot hold memory.
struct WriteTimeoutStream {
    socket: TcpStream,
    taken_within: Duration,
    deadline: Pin<Box<Sleep>>,
    is_waiting: bool,
}

impl WriteTimeoutStream {
    fn new(socket: TcpStream, taken_within: Duration) -> Self {
        // Events of a stream are small, and must not wait for each other.
        let _ = socket.set_nodelay(true);
        Self {
            socket,
            taken_within,
            deadline: Box::pin(tokio::time::sleep(taken_within)),
            is_waiting: false,
        }
    }

    /// The result of a write; an error once it has been pending for too long.
    fn with_timeout<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.is_waiting = false;
            return written;
        }
        if !self.is_waiting {
            self.is_waiting = true;
            let until = Instant::now() + self.taken_within;
            self.deadline.as_mut().reset(until);
        }
        ready!(self.deadline.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for WriteTimeoutStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl AsyncWrite for WriteTimeoutStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.with_timeout(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, parts);
        self.with_timeout(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
