//! Plays every scenario, and emits what the services emit: by one of the three ways.

use anyhow::Result;
use clap::{Parser, ValueEnum};
use without_sdk::{
    event::DomainEvent,
    records::{self, Record},
    spans::{Exporters, Tracing},
    story::{self, SCENARIOS},
};

/// The shop without saga-sdk: plays every scenario and emits spans, domain events or rows of an outbox.
#[derive(Debug, Parser)]
#[command(name = "without-sdk")]
struct Args {
    /// What is emitted
    way: Way,
    /// How many orders there are, of all scenarios together
    #[arg(long, default_value_t = SCENARIOS.len())]
    orders: usize,
    /// Where domain events and rows go
    #[arg(long, env = "KAFKA_BOOTSTRAP_SERVERS", default_value = "127.0.0.1:9092")]
    bootstrap_servers: String,
    /// Where spans go
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        default_value = "http://127.0.0.1:8086"
    )]
    endpoint: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Way {
    /// Spans, by OTLP over HTTP
    Spans,
    /// Domain events as JSON, on shop.orders, shop.stock and shop.payments
    Events,
    /// Rows of an outbox as Debezium writes them, on shop.outbox
    Outbox,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let tracing = Tracing::default();
    let mut events: Vec<DomainEvent> = Vec::new();
    for (scenario, orders) in SCENARIOS.iter().zip(story::shares(args.orders)) {
        let played = story::play(&tracing, scenario, orders);
        if let Some(order) = played.orders.first() {
            println!("{order}  {:11}  {}", scenario.status, scenario.name);
        }
        events.extend(played.events);
    }
    let emitted = match args.way {
        Way::Spans => {
            let spans = tracing.ended();
            Exporters::to(&args.endpoint)?.export(&spans).await?;
            format!("{} spans", spans.len())
        }
        Way::Events => send(&args, &events, Record::of_event).await?,
        Way::Outbox => send(&args, &events, Record::of_outbox_row).await?,
    };
    println!("{} orders, {emitted}", args.orders);
    Ok(())
}

async fn send(
    args: &Args,
    events: &[DomainEvent],
    record: impl Fn(&DomainEvent) -> Result<Record>,
) -> Result<String> {
    let records = events.iter().map(record).collect::<Result<Vec<_>>>()?;
    records::send(&args.bootstrap_servers, &records).await?;
    Ok(format!("{} records", records.len()))
}
