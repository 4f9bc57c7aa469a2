//! The background tasks of a collector, and what happens when one of them ends before the stop.
//!
//! | task | what | when it ends |
//! | --- | --- | --- |
//! | `http` | REST and pages | the process ends |
//! | `live` | sagas as they change, to clients and other collectors | started again |
//! | `freshness` | how far each partition is stored, to the database and the metrics | started again |
//! | `watch` | late sagas, on one collector of several | started again |
//! | `usual` | how long waits usually take, learnt by one collector of several | started again |
//! | `jobs` | one operation on many sagas or dead letters, on one collector of several | started again |
//! | `webhooks` | what happened to sagas, sent to those who asked for it, if there are any | started again |
//! | `definitions` | definitions as the files say, and collectors that run with others | started again |
//! | `producers` | who records events and which never came, on one collector of several | started again |
//! | `failure_groups` | groups of failures for sagas that failed before rows had one, on one collector of several | started again |
//! | `database` | whether the database answers, and the numbers of sagas | started again |
//! | `sources` | topics that exist already, if any are configured | started again |
//! | `issuer` | the keys of an issuer of tokens, if one is configured | started again |
//! | `retention` | sagas, dead letters and operations that leave, unless nothing is removed | started again |
//!
//! Ingest and the consumer of dead letters watch their own threads; their end ends the process.

use std::{sync::Arc, time::Duration};

use saga_collector::{
    archive::{Archive, ArchiveError},
    dead_letters::DeadLetters,
    freshness,
    health::{Component, Concern, Health},
    jobs::JobRunner,
    live::Live,
    maintenance::{
        Monitor, RetentionConfig, failure_groups, keep_usual,
        producers::ProducerReconciler,
        retention::{self, Retention},
    },
    metrics::Metrics,
    webhooks::Webhooks,
};
use saga_store::{Scope, Store};
use saga_types::Timestamp;
use saga_web::{auth::Access, state::AppState};
use tokio_util::sync::CancellationToken;

use super::{definitions::DefinitionsKeeper, supervisor::Task};
use crate::config::Config;

/// How often the database is asked how it is, and for the numbers of sagas.
const DATABASE_CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// After how long a job that does nothing is a concern.
const JOB_IDLE_MS: i64 = 5 * 60 * 1_000;

/// Every background task but `http`.
pub(super) fn of(
    config: &Config,
    state: &AppState,
    (store, live, letters, webhooks): (Arc<dyn Store>, Arc<Live>, Arc<DeadLetters>, Option<Webhooks>),
    definitions_loaded: u64,
    stop: &CancellationToken,
) -> Result<Vec<Task>, ArchiveError> {
    let metrics = state.metrics.clone();
    let live = (live, store.clone());
    let freshness = (
        config.kafka.topic.clone(),
        state.progress.clone(),
        store.clone(),
        metrics.clone(),
    );
    let monitor = Monitor {
        store: store.clone(),
        progress: state.progress.clone(),
        metrics: metrics.clone(),
        compensation_overdue_after: config.watch.compensation_overdue_after,
    };
    let reconciler = ProducerReconciler {
        store: store.clone(),
        progress: state.progress.clone(),
        metrics: metrics.clone(),
        lost_after: config.watch.events_lost_after,
    };
    let jobs = JobRunner::new(store.clone(), letters, metrics.clone());
    let database = (store.clone(), state.health.clone(), metrics.clone());
    let definitions = DefinitionsKeeper {
        folders: config.definitions_dirs.clone(),
        loaded: definitions_loaded,
        redaction: config.redaction.entry().unwrap_or_default(),
        store: store.clone(),
        health: state.health.clone(),
        metrics: metrics.clone(),
    };
    let mut tasks = vec![
        Task::restarted("definitions", stop, definitions, DefinitionsKeeper::run),
        Task::restarted("live", stop, live, |(live, store), _| live.run(store)),
        Task::restarted(
            "freshness",
            stop,
            freshness,
            |(topic, progress, store, metrics), stop| freshness::keep(topic, progress, store, metrics, stop),
        ),
        Task::restarted("watch", stop, monitor, Monitor::run),
        Task::restarted("usual", stop, store.clone(), keep_usual),
        Task::restarted("jobs", stop, jobs, JobRunner::run),
        Task::restarted("producers", stop, reconciler, ProducerReconciler::run),
        Task::restarted("failure_groups", stop, store.clone(), failure_groups::keep),
        Task::restarted("database", stop, database, |(store, health, metrics), stop| {
            watch_database(store, health, metrics, stop)
        }),
    ];
    tasks.extend(issuer(&config.access, stop));
    if let Some(webhooks) = webhooks {
        tasks.push(Task::restarted("webhooks", stop, webhooks, Webhooks::run));
    }
    if let Some(retention) = retention(&config.retention, &store)? {
        let retention = (retention, metrics);
        tasks.push(Task::restarted(
            "retention",
            stop,
            retention,
            |(retention, metrics), stop| retention::keep(retention, metrics, stop),
        ));
    }
    Ok(tasks)
}

/// Keeps the keys of an issuer of tokens fresh, if one is configured.
pub(super) fn issuer(access: &Access, stop: &CancellationToken) -> Option<Task> {
    let Access::Issued { issuer, .. } = access else {
        return None;
    };
    Some(Task::restarted("issuer", stop, issuer.clone(), |issuer, stop| {
        issuer.keep_fresh(stop)
    }))
}

/// None when nothing is removed.
fn retention(config: &RetentionConfig, store: &Arc<dyn Store>) -> Result<Option<Retention>, ArchiveError> {
    if config.periods.are_endless() {
        return Ok(None);
    }
    let archive = config.archive.as_ref().map(Archive::open).transpose()?;
    Ok(Some(
        Retention::new(store.clone(), archive, config.periods).alone(),
    ))
}

/// Keeps health and the numbers of sagas right, also while no event comes.
async fn watch_database(
    store: Arc<dyn Store>,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        match store.check().await {
            Ok(()) => {
                health.up(Component::Db);
            }
            Err(error) => {
                if health.down(Component::Db, error.to_string()) {
                    tracing::error!(%error, "the database is not usable");
                }
            }
        }
        if let Ok(counts) = store.count_by_status().await {
            for (status, count) in counts {
                metrics.sagas.set_active(status, count);
            }
        }
        if let Ok(attention) = store.attention(Timestamp::now()).await {
            metrics.sagas.set_last_failed(&attention);
        }
        if let Ok(waiting) = store.letters_waiting(&Scope::All).await {
            metrics.dead_letters.set_waiting(waiting);
        }
        if let Ok(stored) = store.letters_stored().await {
            metrics.dead_letters.set_stored(stored);
        }
        if let Ok(jobs) = store.job_activity().await {
            let now = Timestamp::now();
            metrics.jobs.set_active(&jobs, now);
            let idle = jobs
                .idlest
                .filter(|(_, since)| now.millis_since(*since) >= JOB_IDLE_MS);
            let warning = idle
                .map(|(job, since)| format!("job {job} has made no progress since {since}; see the logs"));
            if health.warn(Concern::Jobs, warning)
                && let Some((job, _)) = idle
            {
                tracing::warn!(job, "job makes no progress");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(DATABASE_CHECK_INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}
