//! A TCP proxy before PostgreSQL: it can swallow, delay and cut connections, and refuse new ones.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Forwards connections until it is dropped.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) port: u16,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

/// Connections are numbered; what is done to those that are there is done to all below a number.
#[derive(Debug)]
struct State {
    upstream: String,
    next: AtomicU64,
    swallowed_below: AtomicU64,
    swallows_all: AtomicBool,
    refuses: AtomicBool,
    delay_ms: AtomicU64,
    cut_below: watch::Sender<u64>,
}

impl Proxy {
    pub(super) async fn before(upstream: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(State {
            upstream,
            next: AtomicU64::new(0),
            swallowed_below: AtomicU64::new(0),
            swallows_all: AtomicBool::new(false),
            refuses: AtomicBool::new(false),
            delay_ms: AtomicU64::new(0),
            cut_below: watch::Sender::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self {
            port,
            state,
            accepting,
        })
    }

    /// Present connections stay open and deliver nothing any more, in either direction.
    pub(super) fn swallow_present(&self) {
        let next = self.state.next.load(Ordering::Acquire);
        self.state.swallowed_below.store(next, Ordering::Release);
    }

    /// The same with new connections, until set back; those of that time stay silent.
    pub(super) fn swallow_all(&self, swallows: bool) {
        self.state.swallows_all.store(swallows, Ordering::Release);
        self.swallow_present();
    }

    /// Each piece of data comes so much later.
    pub(super) fn delay(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.state.delay_ms.store(millis, Ordering::Release);
    }

    /// Closes all present connections.
    pub(super) fn cut(&self) {
        let next = self.state.next.load(Ordering::Acquire);
        self.state.cut_below.send_replace(next);
    }

    /// New connections are closed at once, until set back.
    pub(super) fn refuse(&self, refuses: bool) {
        self.state.refuses.store(refuses, Ordering::Release);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        let id = state.next.fetch_add(1, Ordering::AcqRel);
        if !state.refuses.load(Ordering::Acquire) {
            tokio::spawn(forward(client, id, Arc::clone(&state)));
        }
    }
}

async fn forward(client: TcpStream, id: u64, state: Arc<State>) {
    let Ok(server) = TcpStream::connect(&state.upstream).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut cut = state.cut_below.subscribe();
    tokio::select! {
        _ = cut.wait_for(|below| id < *below) => {}
        () = async { tokio::join!(pump(from_client, to_server, id, &state), pump(from_server, to_client, id, &state)); } => {}
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, id: u64, state: &State) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let delay = state.delay_ms.load(Ordering::Acquire);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        let is_swallowed =
            state.swallows_all.load(Ordering::Acquire) || id < state.swallowed_below.load(Ordering::Acquire);
        if !is_swallowed && to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
    // The end is not delivered either.
    if id >= state.swallowed_below.load(Ordering::Acquire) {
        let _ = to.shutdown().await;
    }
}
