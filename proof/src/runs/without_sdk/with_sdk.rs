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
pub(super) struct Clients(BTreeMap<ServiceName, Arc<dyn SagaTrackerClient>>);

impl Clients {
    pub(super) fn connect(bootstrap_servers: &str, topic: &str) -> Result<Self> {
        let client = |service: ServiceName| {
            let config = SagaConfig::default()
                .enabled(true)
                .bootstrap_servers(bootstrap_servers)
                .topic(topic)
                .service_name(service.as_str());
            let config = match service {
                // Its relay marks what is acknowledged.
                ServiceName::Product => config.mode(PublishMode::Synchronous),
                ServiceName::Order | ServiceName::Payment => config,
            };
            Ok((service, saga_sdk::connect(&config)?))
        };
        ServiceName::ALL
            .into_iter()
            .map(client)
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Waits until the broker has everything.
    pub(super) async fn close(self) -> Result<()> {
        for (service, client) in self.0 {
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
    /// payment-service with a provider that does not answer.
    dying: Payments,
    payment_client: Arc<dyn SagaTrackerClient>,
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
        let of = |service| (databases[&service].clone(), clients.0[&service].clone());
        let (products, product_client) = of(ServiceName::Product);
        let settings = product_service::Settings {
            stock: [("book", PLENTY), ("piano", PLENTY), ("lamp", 0)]
                .map(|(sku, count)| (sku.to_owned(), count))
                .into(),
            unreturnable: vec!["piano".to_owned()],
        };
        let payments = |provider_ms| {
            let (database, client) = of(ServiceName::Payment);
            let settings = payment_service::Settings {
                limit: LIMIT,
                provider_ms,
            };
            Payments::new(database, client, settings)
        };
        let (orders, order_client) = of(ServiceName::Order);
        Ok(Self {
            orders: Orders::new(orders, order_client),
            stock: Stock::new(products.clone(), product_client.clone(), settings).await?,
            payments: payments(0),
            dying: payments(u64::MAX),
            payment_client: clients.0[&ServiceName::Payment].clone(),
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

    /// Two steps are recorded, and the transaction is never committed.
    async fn die_while_charging(&self, event: &DomainEvent) -> Result<()> {
        let recorded = || self.payment_client.stats().recorded;
        let both = recorded() + 2;
        let at_the_provider = async {
            while recorded() < both {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let database = &self.databases[&ServiceName::Payment];
        tokio::select! {
            ended = database.handle_once(&self.dying, event) => {
                ended?;
                bail!("the provider answered");
            }
            reached = tokio::time::timeout(TIMEOUT, at_the_provider) => reached.context("no payment was asked for"),
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
