//! The example services with saga-sdk, and once more without it: spans, domain events and rows of an outbox, which become the same
//! sagas by the mappings of `examples/without-sdk`, whatever comes late, in disorder and again.

mod compared;
mod standing;
mod way;
mod with_sdk;

use anyhow::{Context as _, Result, ensure};
use without_sdk::{
    event::ServiceName,
    records::{OUTBOX_TOPIC, Record},
    spans::Tracing,
    story::{self, SCENARIOS},
};

use self::{
    compared::{compare, scenarios, standings},
    way::{Emitted, Wave, Way},
    with_sdk::Clients,
};
use super::common::FieldArgs;
use crate::{
    audit::LagProbe,
    parts::Parts,
    progress::Progress,
    report::{Report, Table},
    server::{Harness, Server},
    topic,
};

/// Where the services with saga-sdk record first, so that their records can be sent in any order.
const WIRE_TOPIC: &str = "proof.wire";

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    field: FieldArgs,
    /// How many orders there are, of all scenarios together
    #[arg(long, default_value_t = 1_000)]
    orders: usize,
    /// The short form: 200 orders
    #[arg(long)]
    short: bool,
}

/// The servers: the collector, and a gateway with the configuration of each of the example's folders.
struct Servers {
    collector: Server,
    gateways: Vec<(&'static str, Server)>,
}

pub(crate) async fn run(args: &Args, progress: &Progress) -> Result<Report> {
    let orders = if args.short { 200 } else { args.orders };
    ensure!(
        orders >= SCENARIOS.len(),
        "place at least {} orders",
        SCENARIOS.len()
    );
    let mut report = Report::new("without-sdk");
    progress.show("starting Kafka and PostgreSQL");
    let parts = Parts::kafka_and_postgres().await?;
    let harness = args.field.harness(&parts).await?;
    let [order, product, payment] = ServiceName::ALL.map(ServiceName::topic);
    parts
        .create_topics(&[WIRE_TOPIC, OUTBOX_TOPIC, order, product, payment])
        .await?;
    let servers = Servers::start(&harness).await?;

    let mut ways = vec![with_sdk(&parts, orders, progress).await?];
    ways.extend(without_sdk(&servers, orders, progress)?);
    let mut groups = groups(&parts)?;
    for wave in [Wave::Most, Wave::Late] {
        send(&ways, wave, args.field.seed, &parts, progress).await?;
        stored(&mut groups, progress).await?;
    }
    let states = standing::ask(&servers.collector.url).await?;
    let by_sdk = standings(&ways[0], &states)?;
    scenarios(&mut report, orders, &by_sdk);
    let mut table = Table::new(
        "The same orders by each way",
        &[
            "way",
            "orders",
            "emitted",
            "steps stored",
            "sagas equal",
            "different",
            "lines of mapping",
        ],
    );
    for way in &ways {
        compare(&mut report, &mut table, way, &by_sdk, &states)?;
    }
    report.table(table);

    send(&ways, Wave::Again, args.field.seed + 1, &parts, progress).await?;
    stored(&mut groups, progress).await?;
    let again = standing::ask(&servers.collector.url).await?;
    let changed: Vec<String> = states
        .iter()
        .filter(|(saga_id, state)| again.get(*saga_id) != Some(state))
        .map(|(saga_id, _)| saga_id.clone())
        .collect();
    report.promise_none(
        "a saga changed when everything came again",
        changed.len(),
        &changed,
    );
    let sagas: usize = ways.iter().map(|way| way.sagas.len()).sum();
    report.promise(
        "there are no other sagas",
        again.len() == sagas,
        format!("{} of {sagas}", again.len()),
    );
    let letters: i64 = sqlx::query_scalar("SELECT count(*) FROM dead_letter")
        .fetch_one(&parts.database().await?)
        .await?;
    report.promise(
        "nothing became a dead letter",
        letters == 0,
        format!("{letters} dead letters"),
    );
    let panics = harness.panics();
    report.promise("nothing panicked", panics == 0, format!("{panics} panics"));
    servers.end().await?;
    Ok(report)
}

impl Servers {
    async fn start(harness: &Harness) -> Result<Self> {
        let mut collector = harness.serve()?;
        collector.wait_until_ready(harness).await?;
        let mut gateways = Vec::new();
        for folder in ["spans", "events", "outbox"] {
            let mut gateway = harness.gateway_in(&way::of_example(folder))?;
            gateway.wait_until_ready(harness).await?;
            gateways.push((folder, gateway));
        }
        Ok(Self { collector, gateways })
    }

    fn url_of(&self, folder: &str) -> String {
        let gateway = self.gateways.iter().find(|(name, _)| *name == folder);
        gateway
            .map(|(_, gateway)| gateway.url.clone())
            .unwrap_or_default()
    }

    async fn end(self) -> Result<()> {
        for (_, gateway) in self.gateways {
            gateway.end().await?;
        }
        self.collector.end().await
    }
}

/// The services with saga-sdk: what they record, byte for byte.
async fn with_sdk(parts: &Parts, orders: usize, progress: &Progress) -> Result<Way> {
    let clients = Clients::connect(&parts.bootstrap_servers, WIRE_TOPIC)?;
    let mut sagas = Vec::new();
    for (scenario, orders) in SCENARIOS.iter().zip(story::shares(orders)) {
        progress.show(format!("with saga-sdk: {}", scenario.name));
        let folder = databases()?;
        let played = with_sdk::play(folder.path(), &clients, scenario, orders).await;
        sagas.extend(played.with_context(|| scenario.name)?);
    }
    clients.close().await?;
    let mut records = Vec::new();
    topic::read(&parts.bootstrap_servers, WIRE_TOPIC, |record| {
        records.push(topic::raw(record));
        Ok(())
    })?;
    Ok(Way {
        name: "saga-sdk",
        folder: None,
        sagas,
        emitted: Emitted::Wire(records),
        url: String::new(),
    })
}

/// In memory, where there is such a folder: thousands of small transactions would mostly wait for the disk.
fn databases() -> std::io::Result<tempfile::TempDir> {
    let in_memory = std::path::Path::new("/dev/shm");
    if in_memory.is_dir() {
        tempfile::tempdir_in(in_memory)
    } else {
        tempfile::tempdir()
    }
}

/// The services without: each way has orders of its own, since the order is the saga.
fn without_sdk(servers: &Servers, orders: usize, progress: &Progress) -> Result<Vec<Way>> {
    let mut ways = Vec::new();
    for (name, folder) in [
        ("OpenTelemetry spans", "spans"),
        ("domain events", "events"),
        ("outbox by Debezium", "outbox"),
    ] {
        progress.show(format!("without saga-sdk: {name}"));
        let tracing = Tracing::default();
        let (mut sagas, mut events) = (Vec::new(), Vec::new());
        for (scenario, orders) in SCENARIOS.iter().zip(story::shares(orders)) {
            let played = story::play(&tracing, scenario, orders);
            sagas.extend(played.orders);
            events.extend(played.events);
        }
        let emitted = match folder {
            "spans" => Emitted::Spans(tracing.ended()),
            "events" => Emitted::Records(events.iter().map(Record::of_event).collect::<Result<_>>()?),
            _ => Emitted::Records(events.iter().map(Record::of_outbox_row).collect::<Result<_>>()?),
        };
        ways.push(Way {
            name,
            folder: Some(folder),
            sagas,
            emitted,
            url: servers.url_of(folder),
        });
    }
    Ok(ways)
}

async fn send(ways: &[Way], wave: Wave, seed: u64, parts: &Parts, progress: &Progress) -> Result<()> {
    for way in ways {
        progress.show(format!("sending {}: {wave:?}", way.name));
        way.send(&parts.bootstrap_servers, wave, seed)
            .await
            .with_context(|| way.name)?;
    }
    Ok(())
}

/// The consumers of a topic: first the sources, whose events the collector reads then.
fn groups(parts: &Parts) -> Result<Vec<LagProbe>> {
    let of_sources = [
        ("orders", ServiceName::Order.topic()),
        ("stock", ServiceName::Product.topic()),
        ("payments", ServiceName::Payment.topic()),
        ("outbox", OUTBOX_TOPIC),
    ];
    let servers = &parts.bootstrap_servers;
    let mut groups = Vec::new();
    for (source, topic) in of_sources {
        groups.push(LagProbe::of_group(
            servers,
            &format!("saga-tracker-source-{source}"),
            topic,
        )?);
    }
    groups.push(LagProbe::of(servers)?);
    Ok(groups)
}

async fn stored(groups: &mut [LagProbe], progress: &Progress) -> Result<()> {
    for group in groups {
        loop {
            let (_, left) = group.look();
            if left == 0 {
                break;
            }
            ensure!(!group.is_stuck(), "{left} records are left, and nothing moves");
            progress.update(format!("{left} records to be worked off"));
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
    Ok(())
}
