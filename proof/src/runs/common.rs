//! What runs under `saga-server` have in common: parts, a load with its accounting, and the wait until all is worked off.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Result;

use crate::{
    accounting::Accounting,
    audit::LagProbe,
    events::Plan,
    load::{Disorder, Load},
    parts::Parts,
    progress::Progress,
    server::Harness,
    shapes::Mix,
};

/// The arguments of every such run.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FieldArgs {
    /// The saga-server to test; the one beside this program when not given
    #[arg(long, value_name = "PROGRAM", env = "SAGA_PROOF_SERVER")]
    server: Option<PathBuf>,
    /// Where the servers log, to be kept; their level is SAGA_SERVER_LOG_LEVEL, or error
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// The shapes of the sagas and their weights
    #[arg(long, default_value_t = Mix::default())]
    mix: Mix,
    /// What the sagas, their order and the damage are made from
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

impl FieldArgs {
    /// Topics, tables, and where servers log.
    pub(crate) async fn harness(&self, parts: &Parts) -> Result<Harness> {
        Harness::prepare(parts, self.server.as_deref(), self.log.as_deref()).await
    }
}

/// The parts, and what is sent to them.
pub(crate) struct Field {
    pub(crate) harness: Harness,
    pub(crate) plan: Arc<Plan>,
    pub(crate) accounting: Arc<Accounting>,
    /// The last, so that they are taken down when everything else is gone.
    pub(crate) parts: Arc<Parts>,
}

impl Field {
    pub(crate) async fn prepare(args: &FieldArgs, events: usize, progress: &Progress) -> Result<Self> {
        progress.show("starting Kafka and PostgreSQL");
        let parts = Arc::new(Parts::kafka_and_postgres().await?);
        let harness = args.harness(&parts).await?;
        let plan = Arc::new(Plan::new(events, args.mix.clone(), args.seed));
        let accounting = Arc::new(Accounting::new(plan.events()));
        Ok(Self {
            harness,
            plan,
            accounting,
            parts,
        })
    }

    pub(crate) fn load(&self, disorder: Disorder, rate: u32) -> Result<Load> {
        let servers = &self.parts.bootstrap_servers;
        Load::begin(
            servers,
            Harness::TOPIC,
            &self.plan,
            &self.accounting,
            disorder,
            rate,
        )
    }

    /// Waits until every record was acknowledged.
    pub(crate) async fn sent(&self, load: Load, progress: &Progress) -> Result<()> {
        while !load.has_ended() {
            progress.update(format!(
                "{} events sent, {} acknowledged",
                load.sent(),
                self.accounting.events.count()
            ));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        load.join()
    }

    /// How far the servers are.
    pub(crate) fn lag_probe(&self) -> Result<LagProbe> {
        LagProbe::of(&self.parts.bootstrap_servers)
    }

    /// Waits until the group has committed everything. Gives how many records were left when nothing moved any more,
    /// which should be 0.
    pub(crate) async fn worked_off(&self, progress: &Progress) -> Result<i64> {
        let mut lag_probe = self.lag_probe()?;
        loop {
            let (_, left) = lag_probe.look();
            if left == 0 || lag_probe.is_stuck() {
                return Ok(left);
            }
            progress.update(format!("{left} records to be worked off"));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
