//! Relay processes, which are killed and started again.

use std::{convert::Infallible, process::Stdio, time::Duration};

use anyhow::{Context as _, Result};
use fastrand::Rng;
use saga_sdk::outbox::{Relay, RelayOptions};
use sqlx::PgPool;
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, Command},
};

use super::{TOPIC, config};
use crate::parts::Parts;

/// A killed relay keeps the others waiting for so long.
const LEASE: Duration = Duration::from_secs(1);

/// The arguments of a relay process.
#[derive(Debug, clap::Args)]
pub(crate) struct RelayArgs {
    #[arg(long)]
    bootstrap_servers: String,
    #[arg(long)]
    database_url: String,
    #[arg(long)]
    topic: String,
}

impl RelayArgs {
    /// Relays until its standard input ends, as it does when the process that started it is gone.
    pub(crate) async fn run(&self) -> Result<()> {
        let mut options = RelayOptions::default();
        options.batch = 100;
        options.poll_interval = Duration::from_millis(20);
        options.lease = LEASE;
        let pool = PgPool::connect(&self.database_url).await?;
        let relay = Relay::connect(pool, &config(&self.bootstrap_servers, &self.topic))?;
        let starter_gone = async {
            let _ = tokio::io::stdin().read(&mut [0]).await;
        };
        relay.options(options).run(starter_gone).await;
        Ok(())
    }
}

/// The relay processes; they are killed when this is dropped.
pub(crate) struct Relays {
    command: Vec<String>,
    running: Vec<Child>,
    kills: usize,
    rng: Rng,
}

impl Relays {
    pub(crate) fn spawn(parts: &Parts, count: usize, seed: u64) -> Result<Self> {
        let command = [
            "relay",
            "--bootstrap-servers",
            &parts.bootstrap_servers,
            "--database-url",
            &parts.database_url,
            "--topic",
            TOPIC,
        ];
        let mut relays = Self {
            command: command.map(str::to_owned).to_vec(),
            running: Vec::new(),
            kills: 0,
            rng: Rng::with_seed(seed),
        };
        for _ in 0..count {
            let relay = relays.start()?;
            relays.running.push(relay);
        }
        Ok(relays)
    }

    pub(crate) fn kills(&self) -> usize {
        self.kills
    }

    /// Now and then kills one, and starts another one instead; ends only with an error.
    pub(crate) async fn kill_at_random(&mut self) -> Result<Infallible> {
        loop {
            self.pause(100..1_500).await;
            let victim = self.rng.usize(..self.running.len());
            self.running[victim].kill().await?;
            self.kills += 1;
            self.pause(0..500).await;
            self.running[victim] = self.start()?;
        }
    }

    async fn pause(&mut self, millis: std::ops::Range<u64>) {
        tokio::time::sleep(Duration::from_millis(self.rng.u64(millis))).await;
    }

    fn start(&self) -> Result<Child> {
        Command::new(std::env::current_exe()?)
            .args(&self.command)
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("a relay cannot be started")
    }
}
