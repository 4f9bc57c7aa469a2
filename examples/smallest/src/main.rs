//! The smallest program that records the steps of a saga.
//!
//! `cargo run -p smallest -- success` records one saga that succeeds; `out-of-stock` and `compensated` record one that
//! fails, and one that fails late and is undone. The steps are those of three services, so there are three clients.
//!
//! Nothing is recorded until it is enabled: `PLATFORM_SAGA_ENABLED=true PLATFORM_SAGA_BOOTSTRAP_SERVERS=127.0.0.1:9092`.

use std::{error::Error, process::ExitCode, sync::Arc, time::Duration};

use saga_sdk::{ConfigLoader, Saga, SagaConfig, SagaTrackerClient, SagaType, steps};
use uuid::Uuid;

const SERVICES: [&str; 3] = ["order-service", "product-service", "payment-service"];

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let ending = std::env::args().nth(1).unwrap_or_else(|| "success".to_owned());
    match run(&ending).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("smallest: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(ending: &str) -> Result<(), Box<dyn Error>> {
    let config = ConfigLoader::new().folder(env!("CARGO_MANIFEST_DIR")).load()?;
    let trackers = connect(&config)?;

    let saga_id = Uuid::now_v7();
    let sagas = trackers
        .each_ref()
        .map(|tracker| tracker.order("order-1").saga(SagaType::ORDER_CREATION, saga_id));
    let recorded = record(ending, &sagas).await;

    let mut left = 0;
    for tracker in &trackers {
        left += tracker.close(Duration::from_secs(10)).await.left;
    }
    recorded?;
    if left > 0 {
        return Err(format!("{left} events were not delivered: is Kafka there, and the topic?").into());
    }
    if trackers.iter().any(|tracker| !tracker.is_enabled()) {
        eprintln!("The tracker is off, so nothing was recorded: set PLATFORM_SAGA_ENABLED=true.");
    }
    println!("{saga_id}");
    Ok(())
}

fn connect(config: &SagaConfig) -> Result<[Arc<dyn SagaTrackerClient>; 3], saga_sdk::ConnectError> {
    let connect = |service| saga_sdk::connect(&config.clone().service_name(service));
    let [order, product, payment] = SERVICES.map(connect);
    Ok([order?, product?, payment?])
}

async fn record(ending: &str, [order, product, payment]: &[Saga; 3]) -> Result<(), Box<dyn Error>> {
    order
        .start(steps::ORDER_CREATED)
        .with("orderAmount", 49.9)
        .with("itemCount", 2)
        .record()
        .await?;
    product.progress(steps::STOCK_RESERVATION).record().await?;
    match ending {
        "out-of-stock" => {
            product
                .failed(steps::STOCK_RESERVATION_FAILED, "out of stock")
                .record()
                .await?;
            order.failed(steps::ORDER_CANCELLED, "no stock").record().await?;
        }
        "success" | "compensated" => {
            product.complete(steps::STOCK_RESERVED).record().await?;
            payment
                .progress(steps::PAYMENT_INITIALIZATION)
                .with("paymentMethod", "card")
                .record()
                .await?;
            if ending == "success" {
                payment.complete(steps::PAYMENT_COMPLETED).record().await?;
                order.complete(steps::ORDER_CONFIRMED).record().await?;
            } else {
                payment
                    .failed(steps::PAYMENT_FAILED, "card declined")
                    .record()
                    .await?;
                product.compensated(steps::STOCK_RELEASED).record().await?;
                order
                    .failed(steps::ORDER_CANCELLED, "payment failed")
                    .record()
                    .await?;
            }
        }
        other => return Err(format!("{other}: use success, out-of-stock or compensated").into()),
    }
    Ok(())
}
