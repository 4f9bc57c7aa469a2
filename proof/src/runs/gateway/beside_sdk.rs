//! How many events a second the broker acknowledges: over HTTP, and by the SDK, in turns and undisturbed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use saga_sdk::{SagaConfig, SagaTrackerClient};

use super::{Args, clients, clients::Clients};
use crate::{
    accounting::Accounting,
    events::Plan,
    progress::Progress,
    report::Report,
    runs::{
        common::Field,
        rates::{self, Rates},
    },
};

/// No collector reads it, so that none takes part.
const TOPIC: &str = "proof.rates";

/// The most events of a round: the SDK's buffer takes all of them.
const MAX_EVENTS: usize = 20_000;

/// With one event in a body there are fewer, as each waits for the broker.
const ONE_BY_ONE: usize = 10;

const TIMEOUT: Duration = Duration::from_secs(180);

pub(super) async fn measure(
    field: &Field,
    args: &Args,
    report: &mut Report,
    progress: &Progress,
) -> Result<()> {
    field.parts.create_topics(&[TOPIC]).await?;
    let harness = field
        .harness
        .with("rates", vec![("SAGA_SERVER_KAFKA_TOPIC", TOPIC.to_owned())]);
    let mut gateway = harness.gateway(None)?;
    gateway.wait_until_ready(&harness).await?;
    let config = SagaConfig::default()
        .enabled(true)
        .bootstrap_servers(&field.parts.bootstrap_servers)
        .topic(TOPIC)
        .service_name("order-service");
    let sdk = saga_sdk::connect(&config)?;

    let events = args.events.min(MAX_EVENTS);
    progress.show(format!(
        "sending {events} events over HTTP and by the SDK, in turns"
    ));
    let plan = |events: usize| Arc::new(field.plan.resized(events));
    let (many, few) = (plan(events), plan((events / ONE_BY_ONE).max(1)));
    // The first events connect.
    over_http(&gateway.url, &few, args.clients, clients::BATCH).await?;
    by_sdk(&*sdk, &few).await?;
    let (mut bodies, mut single, mut direct) = (Rates::default(), Rates::default(), Rates::default());
    for round in 1..=args.rounds {
        bodies.push(over_http(&gateway.url, &many, args.clients, clients::BATCH).await?);
        direct.push(by_sdk(&*sdk, &many).await?);
        single.push(over_http(&gateway.url, &few, args.clients, 1).await?);
        progress.show(format!(
            "round {round} of {}: {:.0} events/s over HTTP, {:.0} with one in a body, {:.0} by the SDK",
            args.rounds,
            bodies.last(),
            single.last(),
            direct.last()
        ));
    }
    let _ = sdk.close(TIMEOUT).await;
    gateway.end().await?;
    report.table(rates::table(
        &format!(
            "Acknowledged by the broker, {} clients over HTTP, nothing killed",
            args.clients
        ),
        "events/s",
        &[
            ("over HTTP, 100 events in a body", &bodies),
            ("over HTTP, one event in a body", &single),
            ("by the SDK, asynchronously", &direct),
        ],
    ));
    report.table(rates::table(
        "To the SDK in the same round",
        "ratio",
        &[
            ("100 events in a body", &bodies.ratio_to(&direct)),
            ("one event in a body", &single.ratio_to(&direct)),
        ],
    ));
    Ok(())
}

async fn over_http(url: &str, plan: &Arc<Plan>, count: u32, batch: usize) -> Result<f64> {
    let accounting = Arc::new(Accounting::new(plan.events()));
    let clients = Clients {
        url: url.to_owned(),
        plan: Arc::clone(plan),
        accounting: Arc::clone(&accounting),
        answers: Arc::default(),
        count,
        batch,
        rate: None,
    };
    let began = Instant::now();
    clients::finish(clients.send()).await?;
    let rate = plan.events() as f64 / began.elapsed().as_secs_f64();
    let accepted = accounting.events.count();
    ensure!(
        accepted == plan.events(),
        "{accepted} of {} events are accepted",
        plan.events()
    );
    Ok(rate)
}

async fn by_sdk(sdk: &dyn SagaTrackerClient, plan: &Plan) -> Result<f64> {
    let before = sdk.stats().acknowledged;
    let began = Instant::now();
    for saga in 0..plan.sagas() {
        for event in plan.saga(saga)? {
            sdk.record_event(event).await?;
        }
    }
    let _ = sdk.flush(TIMEOUT).await;
    let rate = plan.events() as f64 / began.elapsed().as_secs_f64();
    let acknowledged = sdk.stats().acknowledged - before;
    ensure!(
        acknowledged == plan.events() as u64,
        "{acknowledged} of {} events of the SDK are acknowledged",
        plan.events()
    );
    Ok(rate)
}
