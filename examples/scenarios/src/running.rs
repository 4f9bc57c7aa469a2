//! Something that runs in the background until it is stopped in order.

use tokio::{sync::oneshot, task::JoinHandle};

pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start<F>(run: impl FnOnce(oneshot::Receiver<()>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        Self {
            stop,
            ended: tokio::spawn(run(stopped)),
        }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap();
    }
}

/// Ready when it is to stop.
pub(crate) async fn stop_signal(stopped: oneshot::Receiver<()>) {
    // An error means that the test has ended early, and that is to stop too.
    let _ = stopped.await;
}
