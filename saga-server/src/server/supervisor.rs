//! Background tasks: started, watched and stopped together.
//!
//! Rule of thumb: no task ends unseen. One that ends before the stop, or panics, is logged with its name and counted; then
//! it is started again, or the process ends, by the table in `tasks`.

use std::{collections::HashMap, pin::Pin, sync::Arc, time::Duration};

use saga_collector::metrics::Metrics;
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// How long to wait before a task is started again, so that one that fails at once costs nothing.
const RESTART_AFTER: Duration = Duration::from_millis(500);

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What happens when a task ends before the stop.
pub(super) enum OnEnd {
    /// It is started again by this.
    Restart(Box<dyn Fn(CancellationToken) -> Work + Send + Sync>),
    /// The process ends, as nothing is of use without it.
    EndProcess,
}

/// A background task.
pub(super) struct Task {
    /// As the log and the metric call it.
    pub(super) name: &'static str,
    on_end: OnEnd,
    work: Work,
}

impl Task {
    /// One that is started again, with the same state, when it ends before the stop.
    pub(super) fn restarted<S, W>(
        name: &'static str,
        stop: &CancellationToken,
        state: S,
        start: fn(S, CancellationToken) -> W,
    ) -> Self
    where
        S: Clone + Send + Sync + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        let start = move |stop| -> Work { Box::pin(start(state.clone(), stop)) };
        Self {
            name,
            work: start(stop.clone()),
            on_end: OnEnd::Restart(Box::new(start)),
        }
    }

    /// One whose end before the stop ends the process.
    pub(super) fn essential(name: &'static str, work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            name,
            work: Box::pin(work),
            on_end: OnEnd::EndProcess,
        }
    }

    /// The same task, which panics when it is first started.
    #[cfg(test)]
    pub(super) fn panicking(self) -> Self {
        Self {
            work: Box::pin(async { panic!("part of the test") }),
            ..self
        }
    }
}

/// The running tasks.
pub(super) struct Supervisor {
    running: JoinSet<()>,
    tasks: HashMap<Id, (&'static str, OnEnd)>,
    pub(super) metrics: Arc<Metrics>,
    stop: CancellationToken,
}

impl Supervisor {
    /// Starts the tasks. They end when `stop` is cancelled.
    pub(super) fn start(tasks: Vec<Task>, metrics: Arc<Metrics>, stop: CancellationToken) -> Self {
        let mut supervisor = Self {
            running: JoinSet::new(),
            tasks: HashMap::new(),
            metrics,
            stop,
        };
        for Task { name, on_end, work } in tasks {
            supervisor.metrics.process.task_started(name);
            supervisor.spawn(name, on_end, work);
        }
        supervisor
    }

    fn spawn(&mut self, name: &'static str, on_end: OnEnd, work: Work) {
        let id = self.running.spawn(work).id();
        self.tasks.insert(id, (name, on_end));
    }

    /// Watches the tasks, until one ends without which the process must end; gives its name.
    pub(super) async fn failed(&mut self) -> &'static str {
        loop {
            let Some(ended) = self.running.join_next_with_id().await else {
                return std::future::pending().await;
            };
            if let Some(name) = self.ended(ended) {
                return name;
            }
        }
    }

    /// The task's name when the process must end.
    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) -> Option<&'static str> {
        let (id, panic) = match ended {
            Ok((id, ())) => (id, None),
            Err(error) => (error.id(), Some(error.to_string())),
        };
        let (name, on_end) = self.tasks.remove(&id)?;
        if self.stop.is_cancelled() {
            return None;
        }
        self.metrics.process.task_ended(name);
        let reason = panic.as_deref().unwrap_or("it returned before the stop");
        match on_end {
            OnEnd::Restart(start) => {
                tracing::error!(task = name, reason, "background task ended, restarting");
                let work = start(self.stop.clone());
                let later = Box::pin(async move {
                    tokio::time::sleep(RESTART_AFTER).await;
                    work.await;
                });
                self.spawn(name, OnEnd::Restart(start), later);
                None
            }
            OnEnd::EndProcess => {
                tracing::error!(task = name, reason, "background task ended, ending the process");
                Some(name)
            }
        }
    }

    /// Waits for the tasks after the stop, until the deadline.
    pub(super) async fn join(mut self, deadline: Instant) {
        while let Ok(Some(ended)) = tokio::time::timeout_at(deadline, self.running.join_next_with_id()).await
        {
            let id = match &ended {
                Ok((id, ())) => *id,
                Err(error) => error.id(),
            };
            let name = self.tasks.remove(&id).map(|(name, _)| name);
            if let (Some(task), Err(error)) = (name, ended) {
                tracing::error!(task, %error, "background task panicked at the stop");
            }
        }
        for (task, _) in self.tasks.into_values() {
            tracing::warn!(task, "background task did not stop within the shutdown timeout");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn metrics() -> Arc<Metrics> {
        Arc::new(Metrics::new([]))
    }

    #[tokio::test]
    async fn a_task_that_panics_is_counted_and_started_again() {
        let (metrics, stop) = (metrics(), CancellationToken::new());
        let starts = Arc::new(AtomicUsize::new(0));
        let task = Task::restarted(
            "watch",
            &stop,
            starts.clone(),
            |starts: Arc<AtomicUsize>, stop| async move {
                assert!(starts.fetch_add(1, Ordering::SeqCst) > 0, "part of the test");
                stop.cancelled().await;
            },
        );
        let mut supervisor = Supervisor::start(vec![task], metrics.clone(), stop);
        let second_start = async {
            while starts.load(Ordering::SeqCst) < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            task = supervisor.failed() => panic!("{task} ends the process"),
            () = second_start => {}
        }
        let line = r#"saga_tracker_tasks_ended_total{task="watch"} 1"#;
        assert!(metrics.render().contains(line), "{}", metrics.render());
    }

    #[tokio::test]
    async fn the_end_of_an_essential_task_is_reported_by_its_name() {
        let task = Task::essential("http", async {});
        let mut supervisor = Supervisor::start(vec![task], metrics(), CancellationToken::new());
        assert_eq!(supervisor.failed().await, "http");
    }

    #[tokio::test]
    async fn what_ends_after_the_stop_is_no_failure() {
        let (metrics, stop) = (metrics(), CancellationToken::new());
        let task = Task::restarted(
            "watch",
            &stop,
            (),
            |(), stop| async move { stop.cancelled().await },
        );
        let supervisor = Supervisor::start(vec![task], metrics.clone(), stop.clone());
        stop.cancel();
        supervisor.join(Instant::now() + Duration::from_secs(1)).await;
        let line = r#"saga_tracker_tasks_ended_total{task="watch"} 0"#;
        assert!(metrics.render().contains(line), "{}", metrics.render());
    }
}
