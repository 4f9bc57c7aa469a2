//! The commands.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    normal, plan,
    progress::Progress,
    report::Report,
    runs::{
        archive, dead_letters, export, faults, fill, gateway, hostile, outages, outbox_kills, produce,
        sdk_outage, speed, without_sdk,
    },
};

/// Shows on real parts what Saga Tracker promises.
///
/// Each run starts an Apache Kafka and a PostgreSQL of its own (scripts/parts), does damage, audits what is left, prints
/// tables, and ends with 1 when a promise was broken.
#[derive(Debug, Parser)]
#[command(name = "saga-proof", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Write the result to this file, too
    #[arg(long, value_name = "FILE", global = true)]
    json: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Kafka is unavailable and comes back: what a service that records through saga-sdk notices
    SdkOutage(sdk_outage::Args),
    /// Relays of the transactional outbox are killed at random: nothing is lost, and order is kept
    OutboxKills(outbox_kills::Args),
    /// The database is stopped and the broker restarted under saga-server
    Outages(outages::Args),
    /// Everything is killed again and again under saga-server, while bad, repeated and shuffled records come
    Faults(faults::Args),
    /// Events over HTTP while the gateway and the broker are killed: accepted is stored, once
    Gateway(gateway::Args),
    /// The example services without saga-sdk: spans, domain events and outbox rows become the same sagas by mappings
    WithoutSdk(without_sdk::Args),
    /// Everything that others may do to a collector: odd records, topics, registries, rows and connections
    Hostile(hostile::Args),
    /// A service writes a million bad records: what that takes of the database, and what retention gives back
    DeadLetters(dead_letters::Args),
    /// The list of 2 million sagas as CSV and as JSON lines: seconds, and memory that does not grow
    Export(export::Args),
    /// How fast the collector is and how small, beside raw COPY and one transaction for each event
    Speed(speed::Args),
    /// A million archived sagas: how many bytes an event takes, and how fast they answer; needs neither Kafka nor PostgreSQL
    Archive(archive::Args),
    /// What the collector says is normal, against populations that were made; needs neither Kafka nor PostgreSQL
    Normal(normal::Args),
    /// What 1,000, 100,000 and 1,000,000 events a second need, and the second of these while machines and a zone are lost; calculated
    Plan(plan::Args),
    /// Sends events to a topic, at a rate or as fast as it takes them
    Load(produce::Args),
    /// Fills an empty database with millions of sagas
    Fill(fill::Args),
    /// One relay, for outbox-kills to kill
    #[command(hide = true)]
    Relay(outbox_kills::RelayArgs),
}

impl Cli {
    /// Carries out the command; whether every promise was kept.
    pub(crate) async fn run(self) -> Result<bool> {
        let command = match self.command {
            Command::Relay(args) => return args.run().await.map(|()| true),
            command => command,
        };
        let progress = Progress::new();
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        // Dropping the run takes its parts down.
        let report = tokio::select! {
            report = command.run(&progress) => report?,
            _ = interrupted.recv() => anyhow::bail!("interrupted"),
            _ = terminated.recv() => anyhow::bail!("terminated"),
        };
        drop(progress);
        report.conclude(self.json.as_deref())
    }
}

impl Command {
    async fn run(self, progress: &Progress) -> Result<Report> {
        match self {
            Self::SdkOutage(args) => sdk_outage::run(&args, progress).await,
            Self::OutboxKills(args) => outbox_kills::run(&args, progress).await,
            Self::Outages(args) => outages::run(&args, progress).await,
            Self::Faults(args) => faults::run(&args, progress).await,
            Self::Gateway(args) => gateway::run(&args, progress).await,
            Self::WithoutSdk(args) => without_sdk::run(&args, progress).await,
            Self::Hostile(args) => hostile::run(&args, progress).await,
            Self::DeadLetters(args) => dead_letters::run(&args, progress).await,
            Self::Export(args) => export::run(&args, progress).await,
            Self::Speed(args) => speed::run(&args, progress).await,
            Self::Archive(args) => archive::run(&args, progress).await,
            Self::Normal(args) => normal::run(&args, progress).await,
            Self::Plan(args) => plan::run(&args),
            Self::Load(args) => produce::run(&args, progress).await,
            Self::Fill(args) => fill::run(&args, progress).await,
            Self::Relay(_) => unreachable!("handled before"),
        }
    }
}
