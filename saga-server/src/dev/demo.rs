//! The example services in this process, and customers who keep them busy at a steady, mixed pace. After a minute a new
//! version of payment-service is deployed, which is slower and refuses more.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use shop::{Service, ShopError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{incidents, parcels, surroundings::Surroundings};

/// How long from one order to the next.
const PACE: Duration = Duration::from_secs(1);

/// How long an order is left alone before its customer changes her mind.
const SECOND_THOUGHTS: Duration = Duration::from_secs(3);

/// When the second version of payment-service is deployed.
const DEPLOY_AFTER: Duration = Duration::from_secs(60);

/// What customers order, in turn.
const ORDERS: [Wish; 10] = [
    Wish::buys("book", "card"),
    Wish::buys("book", "wallet"),
    Wish::buys("lamp", "card"),
    Wish::buys("book", "card").at(EXPENSIVE),
    Wish::buys("book", "declined"),
    Wish::buys("book", "card"),
    Wish::buys("book", "card").and_cancels(),
    Wish::buys("piano", "declined"),
    Wish::buys("book", "card").at(EXPENSIVE),
    Wish::buys("book", "card"),
];

/// What most orders amount to, and some, in won.
const USUAL: i64 = 32_000;
const EXPENSIVE: i64 = 64_000;

/// An order to be placed. Lamps are sold out, pianos cannot be put back.
#[derive(Clone, Copy)]
struct Wish {
    article: &'static str,
    payment_method: &'static str,
    amount: i64,
    is_cancelled: bool,
}

impl Wish {
    const fn buys(article: &'static str, payment_method: &'static str) -> Self {
        Self {
            article,
            payment_method,
            amount: USUAL,
            is_cancelled: false,
        }
    }

    const fn at(mut self, amount: i64) -> Self {
        self.amount = amount;
        self
    }

    const fn and_cancels(mut self) -> Self {
        self.is_cancelled = true;
        self
    }
}

/// The services and their customers, while they run.
pub(super) struct Demo {
    stop: CancellationToken,
    running: JoinSet<()>,
}

impl Demo {
    /// Starts everything on free ports.
    ///
    /// # Errors
    ///
    /// [`ShopError`] when a service cannot start.
    pub(super) async fn start(surroundings: &Surroundings<'_>) -> Result<Self, ShopError> {
        let order = order_service::start(
            surroundings.config("order-service", order_service::Settings { timeout_ms: 120_000 }),
        )
        .await?;
        let product = product_service::start(surroundings.config("product-service", warehouse())).await?;
        let [first, second] = [(FIRST, "2.7.1"), (SECOND, "2.8.0")].map(|(settings, version)| {
            let mut config = surroundings.config("payment-service", settings);
            config.platform.saga = config.platform.saga.service_version(version);
            config
        });
        let payment = payment_service::start(first).await?;
        let mut demo = Self {
            stop: CancellationToken::new(),
            running: JoinSet::new(),
        };
        let order_address = order.address();
        for service in [order, product] {
            demo.run(service);
        }
        demo.running.spawn(deployed(payment, second, demo.stop.clone()));
        demo.running.spawn(customers(order_address, demo.stop.clone()));
        let parcels = parcels::ship(&surroundings.saga(), demo.stop.clone())?;
        demo.running.spawn(parcels);
        let incidents = incidents::happen(surroundings, demo.stop.clone())?;
        demo.running.spawn(incidents);
        Ok(demo)
    }

    fn run(&mut self, service: Service) {
        let stop = self.stop.clone();
        self.running
            .spawn(async move { service.run_until(stop.cancelled_owned()).await });
    }

    /// Ends customers and services, in that they finish what they have in hand.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        while self.running.join_next().await.is_some() {}
    }
}

fn warehouse() -> product_service::Settings {
    product_service::Settings {
        stock: [("book", 1_000_000_000), ("piano", 1_000_000_000), ("lamp", 0)]
            .map(|(article, count)| (article.to_owned(), count))
            .into(),
        unreturnable: vec!["piano".to_owned()],
    }
}

/// The two versions of payment-service: the second one waits longer for the provider, and its limit is wrong.
const FIRST: payment_service::Settings = payment_service::Settings {
    limit: 1_000_000,
    provider_ms: 120,
};
const SECOND: payment_service::Settings = payment_service::Settings {
    limit: 50_000,
    provider_ms: 700,
};

/// Runs the first version, then the second one in its place.
async fn deployed(first: Service, second: payment_service::Config, stop: CancellationToken) {
    let replaced = async {
        tokio::select! {
            () = tokio::time::sleep(DEPLOY_AFTER) => {}
            () = stop.cancelled() => {}
        }
    };
    first.run_until(replaced).await;
    if stop.is_cancelled() {
        return;
    }
    match payment_service::start(second).await {
        Ok(second) => second.run_until(stop.cancelled_owned()).await,
        Err(error) => {
            tracing::warn!(%error, "the second version of the demo's payment-service did not start");
        }
    }
}

/// Places one order after the other until it is cancelled.
async fn customers(order_service: SocketAddr, stop: CancellationToken) {
    let client = saga_collector::http_client::plain_client();
    let mut pace = tokio::time::interval(PACE);
    for wish in ORDERS.into_iter().cycle() {
        tokio::select! {
            _ = pace.tick() => {}
            () = stop.cancelled() => return,
        }
        let (client, stop) = (client.clone(), stop.clone());
        // Not waited for: the next customer comes anyway.
        tokio::spawn(async move {
            if let Err(error) = order(&client, order_service, wish, &stop).await {
                tracing::warn!(%error, "an order of the demo failed");
            }
        });
    }
}

async fn order(
    client: &reqwest::Client,
    order_service: SocketAddr,
    wish: Wish,
    stop: &CancellationToken,
) -> Result<(), reqwest::Error> {
    let body = json!({
        "customerId": "C-17", "sku": wish.article, "quantity": 1, "amount": wish.amount,
        "paymentMethod": wish.payment_method,
    });
    let orders = format!("http://{order_service}/orders");
    let placed: Value = client
        .post(&orders)
        .json(&body)
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    if !wish.is_cancelled {
        return Ok(());
    }
    tokio::select! {
        () = tokio::time::sleep(SECOND_THOUGHTS) => {}
        () = stop.cancelled() => return Ok(()),
    }
    let order_id = placed["orderId"].as_str().unwrap_or_default();
    client
        .post(format!("{orders}/{order_id}/cancel"))
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}
