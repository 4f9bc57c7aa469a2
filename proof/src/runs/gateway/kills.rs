//! Kills in turn, spread over the events that are accepted.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use fastrand::Rng;

use super::Args;
use crate::{parts::Part, progress::Progress, runs::common::Field, server::Server};

/// How long it may take until more events are accepted.
const TIMEOUT: Duration = Duration::from_secs(180);

/// What was killed, and how often.
#[derive(Debug, Default)]
pub(super) struct Killed {
    pub(super) times: usize,
    pub(super) gateway: usize,
    pub(super) broker: usize,
    /// The gateway started again while the broker was unavailable.
    pub(super) both: usize,
    /// All events were accepted already.
    pub(super) too_late: usize,
    /// How often the gateway ended without being killed.
    pub(super) ended: usize,
}

/// Kills so often as the arguments say, and has everything started again at the end.
pub(super) async fn kill(
    field: &Field,
    args: &Args,
    gateway: &mut Server,
    progress: &Progress,
) -> Result<Killed> {
    let mut rng = Rng::with_seed(args.field.seed);
    let mut killed = Killed::default();
    for number in 1..=args.kills {
        let wanted = args.events * number / (args.kills + 1);
        killed.ended += accepted(field, wanted, gateway, progress).await?;
        let away = Duration::from_millis(rng.u64(500..3_000));
        let what = match number % 3 {
            1 => "the gateway",
            2 => "the broker",
            _ => "the broker and the gateway",
        };
        progress.show(format!("{wanted} events are accepted: {what} killed"));
        match number % 3 {
            1 => killed.gateway(field, gateway).await?,
            2 => {
                field.parts.kill(Part::Kafka).await?;
                tokio::time::sleep(away).await;
                field.parts.start(Part::Kafka).await?;
                killed.broker += 1;
            }
            _ => {
                field.parts.kill(Part::Kafka).await?;
                killed.gateway(field, gateway).await?;
                tokio::time::sleep(away).await;
                field.parts.start(Part::Kafka).await?;
                killed.broker += 1;
                killed.both += 1;
            }
        }
        killed.times += 1;
        killed.too_late += usize::from(field.accounting.events.count() >= args.events);
    }
    Ok(killed)
}

impl Killed {
    /// The gateway is started again at once, where it was.
    async fn gateway(&mut self, field: &Field, gateway: &mut Server) -> Result<()> {
        gateway.kill().await?;
        *gateway = field.harness.gateway(Some(&gateway.url))?;
        self.gateway += 1;
        Ok(())
    }
}

/// Waits until so many events are accepted; how often the gateway ended meanwhile.
async fn accepted(field: &Field, wanted: usize, gateway: &mut Server, progress: &Progress) -> Result<usize> {
    let mut ended = 0;
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let accepted = field.accounting.events.count();
        if accepted >= wanted {
            return Ok(ended);
        }
        ensure!(
            Instant::now() < deadline,
            "events are not accepted any more, after {accepted}; the log ends:\n{}",
            field.harness.last_words()
        );
        if gateway.has_ended()? {
            ended += 1;
            *gateway = field.harness.gateway(Some(&gateway.url))?;
        }
        progress.update(format!("{accepted} events accepted"));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
