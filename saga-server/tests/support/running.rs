//! A collector in this process.

use saga_server::{config::Config, server::Server};
use tokio::sync::oneshot;

use super::{Harness, Rest};

/// A server in this process, stopped in order when dropped by [`Running::stop`].
pub struct Running {
    pub rest: Rest,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
}

impl Running {
    pub async fn on(harness: &Harness) -> Self {
        Self::with(harness.config()).await
    }

    pub async fn with(config: Config) -> Self {
        let server = Server::start(config).await.unwrap();
        let rest = Rest::at(format!("http://{}", server.address()));
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            server.run_until(stopped).await.unwrap();
        });
        rest.wait_until_ready().await;
        Self { rest, stop, ended }
    }

    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap();
    }
}
