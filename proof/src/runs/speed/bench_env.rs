//! Kafka, PostgreSQL with databases for each purpose, and the server between them.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, PgPool, postgres::PgPoolOptions};

use super::{Args, Sizes};
use crate::{
    accounting::Accounting,
    audit::LagProbe,
    events::Plan,
    load::{Disorder, Load},
    memory,
    parts::Parts,
    progress::Progress,
    runs::fill,
    server::Harness,
};

pub(super) struct BenchEnv {
    pub(super) harness: Harness,
    /// A database is made from here.
    admin_url: String,
    /// Each plan has sagas of its own.
    plans: u64,
    /// The last, so that they are taken down when everything else is gone.
    pub(super) parts: Parts,
}

/// A database with the server's tables.
pub(super) struct Database {
    pub(super) url: String,
    pub(super) harness: Harness,
    pub(super) pool: PgPool,
}

impl BenchEnv {
    pub(super) async fn new(args: &Args, progress: &Progress) -> Result<Self> {
        progress.show("starting Kafka and PostgreSQL");
        let (mut parts, admin_url) = match &args.database_url {
            Some(url) => (Parts::kafka().await?, url.clone()),
            None => {
                let parts = Parts::kafka_and_postgres().await?;
                let url = parts.database_url.clone();
                (parts, url)
            }
        };
        parts.database_url = made_anew(&admin_url, "saga_speed").await?;
        let harness = Harness::prepare(&parts, args.server.as_deref(), args.log.as_deref()).await?;
        Ok(Self {
            harness: harness.with_properties(&args.kafka_properties),
            admin_url,
            plans: 0,
            parts,
        })
    }

    /// An empty database of this name.
    pub(super) async fn database(&self, name: &str) -> Result<Database> {
        self.open(made_anew(&self.admin_url, name).await?).await
    }

    /// A database with at least so many sagas in it, and not many more; as an earlier run left it, if one did.
    pub(super) async fn filled(&self, name: &str, sagas: i32, progress: &Progress) -> Result<Database> {
        let url = named(&self.admin_url, name);
        if is_filled(&url, sagas).await {
            return self.open(url).await;
        }
        progress.show(format!("filling a database with {sagas} sagas"));
        let database = self.database(name).await?;
        fill::fill(&database.pool, sagas, progress).await?;
        Ok(database)
    }

    async fn open(&self, url: String) -> Result<Database> {
        let harness = self.harness.on_database(&url);
        harness.migrate().await?;
        let pool = PgPoolOptions::new().max_connections(4);
        Ok(Database {
            pool: pool.connect(&url).await.context("PostgreSQL does not answer")?,
            url,
            harness,
        })
    }

    /// Sagas that were not sent before.
    pub(super) fn plan(&mut self, events: usize, sizes: &Sizes) -> Arc<Plan> {
        self.plans += 1;
        let seed = sizes.seed.wrapping_mul(1_000_003).wrapping_add(self.plans);
        Arc::new(Plan::new(events, sizes.mix.clone(), seed))
    }

    /// Begins to send a plan, each event about when it happened.
    pub(super) fn load(&self, plan: &Arc<Plan>, rate: u32) -> Result<Load> {
        let accounting = Arc::new(Accounting::new(plan.events()));
        let disorder = Disorder {
            in_order: true,
            ..Disorder::default()
        };
        Load::begin(
            &self.parts.bootstrap_servers,
            Harness::TOPIC,
            plan,
            &accounting,
            disorder,
            rate,
        )
    }

    /// Sends a plan as fast as Kafka takes it.
    pub(super) async fn send(&self, plan: &Arc<Plan>, progress: &Progress) -> Result<()> {
        sent(self.load(plan, u32::MAX)?, progress).await
    }

    /// Lets a load end and its events be stored, so that nothing of it is left for what is measured next.
    pub(super) async fn work_off(&self, load: Load, progress: &Progress) -> Result<()> {
        sent(load, progress).await?;
        let mut lag_probe = LagProbe::of(&self.parts.bootstrap_servers)?;
        while lag_probe.look().1 > 0 {
            ensure!(!lag_probe.is_stuck(), "the server stopped storing");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

impl Database {
    /// The same database, for servers with these definitions.
    pub(super) fn defined_by(&self, folder: String) -> Self {
        Self {
            url: self.url.clone(),
            harness: self
                .harness
                .with("graph", vec![("SAGA_SERVER_DEFINITIONS_DIR", folder)]),
            pool: self.pool.clone(),
        }
    }

    /// Empties the tables that events fill.
    pub(super) async fn empty(&self) -> Result<()> {
        let statement =
            "TRUNCATE saga_steps, saga_instance, saga_other_order, saga_rollup, saga_rollup_change";
        self.pool.execute(statement).await?;
        self.settle().await
    }

    /// Writes out what was changed, so that what is measured next does not do it.
    pub(super) async fn settle(&self) -> Result<()> {
        self.pool.execute("CHECKPOINT").await?;
        Ok(())
    }

    /// The processor time that sessions of this name have taken; none when they do not run on this machine.
    pub(super) async fn processor_time(&self, application: &str) -> Result<Option<Duration>> {
        let sessions =
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1";
        let sessions: Vec<i32> = sqlx::query_scalar(sessions)
            .bind(application)
            .fetch_all(&self.pool)
            .await?;
        let times = sessions
            .into_iter()
            .map(|session| memory::processor_time(session.cast_unsigned(), Some("postgres")));
        Ok(times.sum())
    }

    pub(super) async fn steps(&self) -> Result<i64> {
        let count = sqlx::query_scalar("SELECT count(*) FROM saga_steps");
        Ok(count.fetch_one(&self.pool).await?)
    }
}

async fn sent(load: Load, progress: &Progress) -> Result<()> {
    while !load.has_ended() {
        progress.update(format!("{} events sent", load.sent()));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    load.join()
}

async fn made_anew(admin_url: &str, name: &str) -> Result<String> {
    let mut admin = PgConnection::connect(admin_url)
        .await
        .context("PostgreSQL does not answer")?;
    let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    admin.execute(AssertSqlSafe(drop)).await?;
    admin
        .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await?;
    Ok(named(admin_url, name))
}

async fn is_filled(url: &str, sagas: i32) -> bool {
    let Ok(mut connection) = PgConnection::connect(url).await else {
        return false;
    };
    let count = sqlx::query_scalar("SELECT count(*) FROM saga_instance").fetch_one(&mut connection);
    let sagas = i64::from(sagas);
    count
        .await
        .is_ok_and(|stored: i64| (sagas..sagas * 13 / 10).contains(&stored))
}

/// The same server's database of another name.
fn named(url: &str, name: &str) -> String {
    let (address, options) = url
        .split_once('?')
        .map_or((url, None), |(address, options)| (address, Some(options)));
    let after_scheme = address.find("://").map_or(0, |index| index + 3);
    let end = address[after_scheme..]
        .find('/')
        .map_or(address.len(), |index| after_scheme + index);
    let options = options.map_or_else(String::new, |options| format!("?{options}"));
    format!("{}/{name}{options}", &address[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_has_the_same_address() {
        for (url, other) in [
            (
                "postgres://saga@127.0.0.1:5432/tracker",
                "postgres://saga@127.0.0.1:5432/speed",
            ),
            ("postgres://localhost", "postgres://localhost/speed"),
            (
                "postgres:///tracker?host=/run/pg&user=saga",
                "postgres:///speed?host=/run/pg&user=saga",
            ),
        ] {
            assert_eq!(named(url, "speed"), other);
        }
    }
}
