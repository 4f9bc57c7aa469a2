//! Events over HTTP while the broker and the gateway are killed: what was accepted is stored, once. And how many a second, beside
//! the SDK.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use saga_sdk::{SagaConfig, SagaType, steps};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::{sync::Mutex, task::JoinSet};

use super::common::FieldArgs;
use crate::{
    http,
    parts::{Part, Parts},
    progress::Progress,
    report::{Report, Table},
    server::{Harness, Server},
};

/// How long anything may take.
const TIMEOUT: Duration = Duration::from_secs(180);

/// How many events stand in one body.
const BATCH: usize = 100;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    field: FieldArgs,
    /// How many events are sent
    #[arg(long, default_value_t = 50_000)]
    events: usize,
    /// How many clients send at once
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// How often the gateway is killed, and the broker half as often
    #[arg(long, default_value_t = 6)]
    kills: usize,
}

/// What the clients have seen.
#[derive(Default)]
struct Seen {
    accepted: AtomicUsize,
    answers: [AtomicUsize; 4],
    ids: Mutex<HashSet<String>>,
}

/// The answers that are counted, in the order of `Seen::answers`.
const ANSWERS: [&str; 4] = ["202", "429", "503", "none"];

pub(crate) async fn run(args: &Args, progress: &Progress) -> Result<Report> {
    ensure!(
        args.events >= BATCH * args.clients,
        "send more events, or by fewer clients"
    );
    let mut report = Report::new("gateway");
    progress.show("starting Kafka and PostgreSQL");
    let parts = Parts::kafka_and_postgres().await?;
    let harness = args.field.harness(&parts).await?;
    let mut collector = harness.serve()?;
    collector.wait_until_ready(&harness).await?;
    let mut gateway = harness.gateway(None)?;
    gateway.wait_until_ready(&harness).await?;

    let mut rates = Table::of_figures("Events a second, acknowledged by the broker");
    let calm = args.events.min(20_000);
    progress.show("sending over HTTP, undisturbed");
    rates.figure(
        "over HTTP, 100 in a body",
        over_http(&gateway.url, "calm", calm, args.clients).await?,
    );
    progress.show("sending by the SDK, undisturbed");
    rates.figure("by the SDK", by_sdk(&parts, calm).await?);
    report.table(rates);

    let seen = Arc::new(Seen::default());
    let sending = send(&gateway.url, "kill", args.events, args.clients, &seen);
    let (gateway_kills, broker_kills) = damage(args, &parts, &harness, &mut gateway, &seen, progress).await?;
    finish(sending).await?;
    gateway.end().await?;

    let pool = parts.database().await?;
    let accepted = seen.ids.lock().await;
    progress.show("waiting until all is stored");
    let stored = stored(&pool, args.events).await?;
    let mut table = Table::of_figures("Killed");
    table.figure("events sent", args.events);
    table.figure("gateway killed", gateway_kills);
    table.figure("broker killed", broker_kills);
    for (answer, count) in ANSWERS.iter().zip(&seen.answers) {
        table.figure(&format!("answers: {answer}"), count.load(Ordering::Relaxed));
    }
    report.table(table);
    let missing: Vec<String> = accepted.difference(&stored).cloned().collect();
    report.promise(
        "every event is accepted in the end",
        accepted.len() == args.events,
        format!("{} of {}", accepted.len(), args.events),
    );
    report.promise_none("an event that was accepted is missing", missing.len(), &missing);
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM saga_steps WHERE event_id LIKE 'kill-%'")
        .fetch_one(&pool)
        .await?;
    report.promise(
        "no event is stored twice",
        usize::try_from(rows)? == stored.len(),
        format!("{rows} rows, {} events", stored.len()),
    );
    let letters: i64 = sqlx::query_scalar("SELECT count(*) FROM dead_letter")
        .fetch_one(&pool)
        .await?;
    report.promise(
        "nothing became a dead letter",
        letters == 0,
        format!("{letters} dead letters"),
    );
    let panics = harness.panics();
    report.promise("nothing panicked", panics == 0, format!("{panics} panics"));
    Ok(report)
}

fn event(run: &str, number: usize) -> Value {
    json!({
        "eventId": format!("{run}-{number}"), "sagaId": format!("{run}-saga-{}", number / 5), "sagaType": "ORDER_CREATION",
        "step": "ORDER_CREATED", "status": "STARTED", "orderId": format!("order-{}", number / 5),
        "recordedAt": 1_760_000_000_000_i64 + i64::try_from(number).unwrap_or_default(),
        "metadata": {"producerService": "order-service", "customerId": format!("C-{number}"), "itemCount": 2},
    })
}

/// The clients, each with its part of the events.
fn send(
    url: &str,
    run: &'static str,
    events: usize,
    clients: usize,
    seen: &Arc<Seen>,
) -> JoinSet<Result<()>> {
    let mut sending = JoinSet::new();
    for client in 0..clients {
        let (from, to) = (events * client / clients, events * (client + 1) / clients);
        let (url, seen) = (format!("{url}/api/v1/events"), seen.clone());
        sending.spawn(async move {
            let http = http::client();
            for begin in (from..to).step_by(BATCH) {
                let batch: Vec<Value> = (begin..to.min(begin + BATCH))
                    .map(|number| event(run, number))
                    .collect();
                until_accepted(&http, &url, &Value::Array(batch), &seen).await?;
            }
            Ok(())
        });
    }
    sending
}

/// As the answers ask it: the same body again, until all of it was accepted.
async fn until_accepted(http: &reqwest::Client, url: &str, batch: &Value, seen: &Seen) -> Result<()> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let answer = http
            .post(url)
            .json(batch)
            .timeout(Duration::from_secs(40))
            .send()
            .await;
        let (status, body) = match answer {
            Ok(answer) => (
                answer.status().as_u16(),
                answer.json::<Value>().await.unwrap_or_default(),
            ),
            Err(_) => (0, Value::Null),
        };
        let place = ANSWERS.iter().position(|answer| *answer == status.to_string());
        ensure!(
            place.is_some() || status == 0,
            "the gateway answers {status}: {body}"
        );
        seen.answers[place.unwrap_or(3)].fetch_add(1, Ordering::Relaxed);
        let results = body["results"].as_array().into_iter().flatten();
        let ids = results
            .filter(|result| result["outcome"] == "ACCEPTED")
            .filter_map(|result| result["eventId"].as_str().map(str::to_owned));
        let mut known = seen.ids.lock().await;
        known.extend(ids);
        seen.accepted.store(known.len(), Ordering::Relaxed);
        drop(known);
        if status == 202 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "nothing is accepted for {TIMEOUT:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn finish(mut sending: JoinSet<Result<()>>) -> Result<()> {
    while let Some(ended) = sending.join_next().await {
        ended??;
    }
    Ok(())
}

/// Kills in turn while events come; gives how often.
async fn damage(
    args: &Args,
    parts: &Parts,
    harness: &Harness,
    gateway: &mut Server,
    seen: &Seen,
    progress: &Progress,
) -> Result<(usize, usize)> {
    let (mut gateway_kills, mut broker_kills) = (0, 0);
    for kill in 1..=args.kills {
        let wanted = args.events * kill / (args.kills + 1);
        let deadline = Instant::now() + TIMEOUT;
        while seen.accepted.load(Ordering::Relaxed) < wanted {
            ensure!(Instant::now() < deadline, "events are not accepted any more");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        progress.show(format!("{wanted} events are accepted: kill {kill}"));
        if kill % 2 == 0 {
            parts.kill(Part::Kafka).await?;
            broker_kills += 1;
            parts.start(Part::Kafka).await?;
        }
        gateway.kill().await?;
        gateway_kills += 1;
        *gateway = harness.gateway(Some(&gateway.url))?;
    }
    Ok((gateway_kills, broker_kills))
}

async fn over_http(url: &str, run: &'static str, events: usize, clients: usize) -> Result<f64> {
    let began = Instant::now();
    finish(send(url, run, events, clients, &Arc::default())).await?;
    Ok(rate(events, began))
}

async fn by_sdk(parts: &Parts, events: usize) -> Result<f64> {
    let config = SagaConfig::default()
        .enabled(true)
        .bootstrap_servers(&parts.bootstrap_servers)
        .topic(Harness::TOPIC)
        .service_name("order-service");
    let tracker = saga_sdk::connect(&config)?;
    let began = Instant::now();
    for number in 0..events {
        let order = tracker.order(format!("order-{number}"));
        let saga = order.saga(SagaType::ORDER_CREATION, format!("sdk-saga-{number}"));
        let step = saga
            .start(steps::ORDER_CREATED)
            .with("customerId", format!("C-{number}"));
        step.with("itemCount", 2).record().await?;
    }
    let report = tracker.flush(TIMEOUT).await;
    ensure!(
        report.is_complete(),
        "{} events of the SDK are not acknowledged",
        report.left
    );
    let rate = rate(events, began);
    let _ = tracker.close(TIMEOUT).await;
    Ok(rate)
}

fn rate(events: usize, began: Instant) -> f64 {
    f64::from(u32::try_from(events).unwrap_or(u32::MAX)) / began.elapsed().as_secs_f64()
}

/// The ids that are stored, once there are as many as were sent.
async fn stored(pool: &PgPool, events: usize) -> Result<HashSet<String>> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let ids: Vec<String> =
            sqlx::query_scalar("SELECT DISTINCT event_id FROM saga_steps WHERE event_id LIKE 'kill-%'")
                .fetch_all(pool)
                .await
                .context("the stored events cannot be read")?;
        if ids.len() >= events || Instant::now() > deadline {
            return Ok(ids.into_iter().collect());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
