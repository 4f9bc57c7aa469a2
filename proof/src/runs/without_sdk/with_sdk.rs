//! The example services themselves, which record through saga-sdk: the same scenarios, on databases of their own.
//!
//! They run in this process, and their domain events are carried from one to the other here; what they record goes to Kafka as in
//! any service, product-service's by way of its outbox.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use order_service::{NewOrder, Orders};
use payment_service::Payments;
use product_service::Stock;
use saga_sdk::{PublishMode, SagaConfig, SagaTrackerClient, outbox::Relay};
use shop::{Database, DomainEvent, Handler, Topics, What, outbox};
use without_sdk::{
    delivery::{Deliveries, Delivery},
    event::ServiceName,
    story::{Act, Scenario},
};

/// How long anything may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a payment is charged at most.
const LIMIT: i64 = 1_000_000;

/// How many books and pianos there are: enough.
const PLENTY: i64 = 1_000_000;

/// The clients of the three services, which record to one topic.
pub(super) struct Clients {
    of: BTreeMap<ServiceName, Arc<dyn SagaTrackerClient>>,
    /// Of a payment-service that is going to die.
    dying: SagaConfig,
}

impl Clients {
    pub(super) fn connect(bootstrap_servers: &str, topic: &str) -> Result<Self> {
        let config = |service: ServiceName| {
            SagaConfig::default()
                .enabled(true)
                .bootstrap_servers(bootstrap_servers)
                .topic(topic)
                .service_name(service.as_str())
        };
        let mut of = BTreeMap::new();
        for service in ServiceName::ALL {
            let config = match service {
                // Its relay marks what is acknowledged.
                ServiceName::Product => config(service).mode(PublishMode::Synchronous),
                ServiceName::Order | ServiceName::Payment => config(service),
            };
            of.insert(service, saga_sdk::connect(&config)?);
        }
        Ok(Self {
            of,
            dying: config(ServiceName::Payment),
        })
    }

    /// Waits until the broker has everything.
    pub(super) async fn close(self) -> Result<()> {
        for (service, client) in self.of {
            let left = client.close(TIMEOUT).await.left;
            ensure!(
                left == 0,
                "{left} steps of {} are not acknowledged",
                service.as_str()
            );
        }
        Ok(())
    }
}

/// Plays a scenario for so many orders, which are placed together. Gives the ids of their sagas.
pub(super) async fn play(
    folder: &Path,
    clients: &Clients,
    scenario: &Scenario,
    orders: usize,
) -> Result<Vec<String>> {
    let mut services = Services::open(folder, clients).await?;
    let mut placed = Vec::with_capacity(orders);
    for _ in 0..orders {
        placed.push(services.place(scenario).await?);
    }
    for act in scenario.acts {
        services.act(*act, &placed).await?;
    }
    services.relay.drain(TIMEOUT).await?;
    Ok(placed.into_iter().map(|order| order.saga_id).collect())
}

struct Placed {
    order_id: String,
    saga_id: String,
}

struct Services {
    orders: Orders,
    stock: Stock,
    payments: Payments,
    dying: SagaConfig,
    relay: Relay<sqlx::SqlitePool>,
    databases: BTreeMap<ServiceName, Database>,
    /// How many domain events of each were carried on.
    carried: BTreeMap<ServiceName, usize>,
    deliveries: Deliveries<DomainEvent>,
}

impl Services {
    async fn open(folder: &Path, clients: &Clients) -> Result<Self> {
        let mut databases = BTreeMap::new();
        for (service, schema) in [
            (ServiceName::Order, order_service::SCHEMA),
            (ServiceName::Product, product_service::SCHEMA),
            (ServiceName::Payment, payment_service::SCHEMA),
        ] {
            let file = folder.join(service.as_str());
            databases.insert(service, Database::open(&file, schema, Topics::default()).await?);
        }
        let of = |service| (databases[&service].clone(), clients.of[&service].clone());
        let (products, product_client) = of(ServiceName::Product);
        let settings = product_service::Settings {
            stock: [("book", PLENTY), ("piano", PLENTY), ("lamp", 0)]
                .map(|(sku, count)| (sku.to_owned(), count))
                .into(),
            unreturnable: vec!["piano".to_owned()],
        };
        let (payments, payment_client) = of(ServiceName::Payment);
        let (orders, order_client) = of(ServiceName::Order);
        Ok(Self {
            orders: Orders::new(orders, order_client),
            stock: Stock::new(products.clone(), product_client.clone(), settings).await?,
            payments: Payments::new(payments, payment_client, payment_settings(0)),
            dying: clients.dying.clone(),
            relay: Relay::new(products.pool().clone(), product_client),
            databases,
            carried: BTreeMap::new(),
            deliveries: Deliveries::default(),
        })
    }

    async fn place(&self, scenario: &Scenario) -> Result<Placed> {
        let order = self
            .orders
            .place(NewOrder {
                customer_id: "C-17".to_owned(),
                sku: scenario.wanted.sku.to_owned(),
                quantity: 1,
                amount: scenario.wanted.amount,
                payment_method: scenario.wanted.payment_method.to_owned(),
            })
            .await?;
        Ok(Placed {
            order_id: order.order_id,
            saga_id: order.saga_id,
        })
    }

    async fn act(&mut self, act: Act, placed: &[Placed]) -> Result<()> {
        match act {
            Act::Work(delivery) => self.work(delivery).await?,
            Act::Expire => {
                self.orders.expire(Duration::ZERO).await?;
            }
            Act::Cancel => {
                for order in placed {
                    self.orders.cancel(&order.order_id).await?;
                }
            }
            Act::Settle => {
                for order in placed {
                    self.payments.settle(&order.order_id).await?;
                }
            }
        }
        Ok(())
    }

    /// The services work until nothing is left to be delivered.
    async fn work(&mut self, delivery: Delivery) -> Result<()> {
        let mut not_handled = Vec::new();
        loop {
            self.carry().await?;
            let next = self.deliveries.next(delivery);
            if next.is_empty() {
                break;
            }
            for (service, event) in next {
                let is_reservation = matches!(event.what, What::StockReserved { .. });
                if delivery == Delivery::UntilPaymentDies && service == ServiceName::Payment && is_reservation
                {
                    self.die_while_charging(&event).await?;
                    not_handled.push((service, event));
                    continue;
                }
                let handler: &dyn Handler = match service {
                    ServiceName::Order => &self.orders,
                    ServiceName::Product => &self.stock,
                    ServiceName::Payment => &self.payments,
                };
                self.databases[&service].handle_once(handler, &event).await?;
            }
        }
        for (service, event) in not_handled {
            self.deliveries.put_back(service, event);
        }
        Ok(())
    }

    /// Two steps are recorded, and the transaction is never committed. Nothing more is recorded, as of a process that was killed:
    /// the client is closed before the call is dropped.
    async fn die_while_charging(&self, event: &DomainEvent) -> Result<()> {
        let client = saga_sdk::connect(&self.dying)?;
        let database = &self.databases[&ServiceName::Payment];
        let dying = Payments::new(database.clone(), client.clone(), payment_settings(u64::MAX));
        let killed_at_the_provider = async {
            while client.stats().recorded < 2 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            client.close(TIMEOUT).await.left
        };
        tokio::select! {
            ended = database.handle_once(&dying, event) => {
                ended?;
                bail!("the provider answered");
            }
            left = tokio::time::timeout(TIMEOUT, killed_at_the_provider) => {
                let left = left.context("no payment was asked for")?;
                ensure!(left == 0, "{left} steps are not acknowledged");
                Ok(())
            }
        }
    }

    /// What the services have published goes to those who listen.
    async fn carry(&mut self) -> Result<()> {
        for (service, database) in &self.databases {
            let published = outbox::pending(database).await?;
            let carried = self.carried.entry(*service).or_default();
            for (_, event) in &published[*carried..] {
                self.deliveries.publish(*service, event);
            }
            *carried = published.len();
        }
        Ok(())
    }
}

/// With a provider that takes so long.
fn payment_settings(provider_ms: u64) -> payment_service::Settings {
    payment_service::Settings {
        limit: LIMIT,
        provider_ms,
    }
}
