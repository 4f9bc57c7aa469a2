//! Connections: how many there may be, and how slow the other side may be.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, header},
    response::Response,
};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::{Id, JoinError, JoinSet},
    time::{Instant, Sleep, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    ApiError, access,
    guard::Peer,
    places::{BusyBody, Connection, Places},
};

/// How many connections there may be, and how slow they may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// With more than this at once, the longest idle gives way to a new one.
    pub connections: usize,
    /// So many more are taken when all others are busy, for what orchestrators and Prometheus ask and nothing else.
    pub reserved_connections: usize,
    /// How long the head of the first request of a connection may take.
    pub first_head_within: Duration,
    /// How long the head of a later request may take, however its bytes trickle in; also how long a connection may lie
    /// idle.
    pub head_within: Duration,
    /// How long the other side may take nothing of what is sent to it.
    pub taken_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            reserved_connections: 64,
            first_head_within: Duration::from_secs(5),
            head_within: Duration::from_secs(30),
            taken_within: Duration::from_secs(30),
        }
    }
}

/// How long to wait when no connection can be taken, as when there are too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers on a listener until `stop`; requests that were begun by then are still answered.
pub(crate) async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: CancellationToken) {
    let mut places = Places::new(limits.connections, limits.reserved_connections);
    let mut connections = JoinSet::new();
    loop {
        let is_full = places.is_full();
        let (socket, peer) = tokio::select! {
            accepted = accept(&listener), if !is_full => accepted,
            Some(ended) = connections.join_next_with_id() => {
                places.remove(task_of(&ended));
                continue;
            }
            () = sleep(PAUSE), if is_full => continue,
            () = stop.cancelled() => break,
        };
        let connection = places.enter();
        let socket = WriteTimeoutStream::new(socket, limits.taken_within);
        let service = service(router.clone(), peer, connection.clone());
        let answering = answer(socket, connection.clone(), service, limits, stop.clone());
        let task = connections.spawn(answering);
        places.insert(task.id(), connection);
    }
    // No new connection is taken while the others are served.
    drop(listener);
    while connections.join_next().await.is_some() {}
}

fn task_of(ended: &Result<(Id, ()), JoinError>) -> Id {
    match ended {
        Ok((id, ())) => *id,
        Err(error) => error.id(),
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, Peer) {
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => return (socket, Peer(peer.ip())),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn answer(
    socket: WriteTimeoutStream,
    place: Arc<Connection>,
    service: impl Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send>,
    limits: Limits,
    stop: CancellationToken,
) {
    let answering = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_within)
        .serve_connection(TokioIo::new(socket), service);
    let mut answering = std::pin::pin!(answering);
    let ended = tokio::select! {
        ended = answering.as_mut() => ended,
        () = nothing_asked(&place, limits.first_head_within) => return,
        () = place.evicted.cancelled() => return,
        () = stop.cancelled() => {
            answering.as_mut().graceful_shutdown();
            answering.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection failed");
    }
}

/// Ends when no head of a request came in time, and else never.
async fn nothing_asked(place: &Connection, within: Duration) {
    sleep(within).await;
    if place.has_asked() {
        std::future::pending::<()>().await;
    }
}

/// The router for one connection, which is busy until an answer is sent.
fn service(
    router: Router,
    peer: Peer,
    place: Arc<Connection>,
) -> impl Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send> {
    let router = TowerToHyperService::new(router);
    service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let busy = place.begin();
        let is_reserved = place.is_reserved;
        let path = request.uri().path().to_owned();
        let answering = (!is_reserved || access::is_probe(&path)).then(|| router.call(request));
        async move {
            let mut response = match answering {
                Some(answering) => answering.await?,
                None => ApiError::unavailable("there are too many connections").answer(&path),
            };
            if is_reserved {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Ok(response.map(|body| Body::new(BusyBody { body, _busy: busy })))
        }
    })
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
