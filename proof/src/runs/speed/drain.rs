//! How fast a server stores what waits on the topic.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use super::bench_env::{BenchEnv, Database};
use crate::{audit::LagProbe, events::Plan, memory, progress::Progress, server::Harness};

/// How often the server's offsets are looked at.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) struct Drained {
    /// From the first commit of offsets to the last.
    pub(super) events_per_second: f64,
    /// The most memory that the server held.
    pub(super) peak_mib: f64,
    /// Processor time for each event, in microseconds: the server's, and that of its sessions in PostgreSQL if they run here.
    pub(super) server_micros: Option<f64>,
    pub(super) database_micros: Option<f64>,
}

/// Sends a plan while no server runs, then starts one, and waits until all is committed. `database` is that of the server, when
/// it is a PostgreSQL.
pub(super) async fn drain(
    bench_env: &BenchEnv,
    harness: &Harness,
    database: Option<&Database>,
    plan: &Arc<Plan>,
    progress: &Progress,
) -> Result<Drained> {
    bench_env.send(plan, progress).await?;
    if let Some(database) = database {
        database.settle().await?;
    }
    let mut lag_probe = LagProbe::of(&bench_env.parts.bootstrap_servers)?;
    let (before, _) = lag_probe.look();
    let mut server = harness.serve()?;
    server.wait_until_ready(harness).await?;
    let ready = Instant::now();
    let mut first = None;
    let (last, committed) = loop {
        let (done, left) = lag_probe.look();
        let now = Instant::now();
        if done > before {
            first.get_or_insert((now, done));
        }
        if left == 0 {
            break (now, done);
        }
        if lag_probe.is_stuck() || server.has_ended()? {
            bail!(
                "the server stopped storing; its log ends:\n{}",
                harness.last_words()
            );
        }
        progress.update(format!("{left} events to be stored"));
        tokio::time::sleep(PAUSE).await;
    };
    let peak_mib = memory::peak_mib(server.id()?)?;
    let of_each = |time: Duration| time.as_secs_f64() * 1e6 / plan.events() as f64;
    let server_micros = memory::processor_time(server.id()?, None).map(of_each);
    let database_micros = match database {
        Some(database) => database.processor_time("saga-server").await?.map(of_each),
        None => None,
    };
    server.end().await?;
    // Few events may be stored at once; then its first look at the topic counts, too.
    let (begin, at_begin) = first
        .filter(|(begin, _)| *begin < last)
        .unwrap_or((ready, before));
    Ok(Drained {
        events_per_second: (committed - at_begin) as f64 / (last - begin).as_secs_f64(),
        peak_mib,
        server_micros,
        database_micros,
    })
}
