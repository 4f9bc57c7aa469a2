//! One or two servers, one of which is killed now and then.

use anyhow::Result;
use fastrand::Rng;

use crate::server::{Harness, Server};

pub(super) struct Servers {
    harness: Harness,
    running: Vec<Server>,
    rng: Rng,
    /// How often one was killed.
    pub(super) kills: usize,
    /// How often one ended by itself, such as at a start without its database.
    pub(super) ended: usize,
}

impl Servers {
    /// The first one, when it is ready.
    pub(super) async fn start(harness: Harness, seed: u64) -> Result<Self> {
        let mut first = harness.serve()?;
        first.wait_until_ready(&harness).await?;
        Ok(Self {
            harness,
            running: vec![first],
            rng: Rng::with_seed(seed),
            kills: 0,
            ended: 0,
        })
    }

    /// Kills any one, and starts another one instead.
    pub(super) async fn kill_one(&mut self) -> Result<()> {
        let victim = self.rng.usize(..self.running.len());
        self.kill(victim).await?;
        self.running[victim] = self.harness.serve()?;
        Ok(())
    }

    pub(super) fn add(&mut self) -> Result<()> {
        self.running.push(self.harness.serve()?);
        Ok(())
    }

    /// Kills any one of two, which is not started again.
    pub(super) async fn remove(&mut self) -> Result<()> {
        let victim = self.rng.usize(..self.running.len());
        self.kill(victim).await?;
        self.running.swap_remove(victim);
        Ok(())
    }

    async fn kill(&mut self, victim: usize) -> Result<()> {
        self.running[victim].kill().await?;
        self.kills += 1;
        Ok(())
    }

    pub(super) fn replace_ended(&mut self) -> Result<()> {
        for server in &mut self.running {
            if server.has_ended()? {
                self.ended += 1;
                *server = self.harness.serve()?;
            }
        }
        Ok(())
    }

    /// The address of one that is ready.
    pub(super) async fn ready_url(&mut self) -> Result<String> {
        let server = &mut self.running[0];
        server.wait_until_ready(&self.harness).await?;
        Ok(server.url.clone())
    }

    /// How many panics the servers logged.
    pub(super) fn panics(&self) -> usize {
        self.harness.panics()
    }
}
