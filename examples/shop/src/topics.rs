//! The topics that the services talk on, made at start when they are missing.

use std::{collections::HashSet, time::Duration};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    error::{KafkaError, KafkaResult},
    producer::{BaseProducer, Producer},
    types::RDKafkaErrorCode,
};
use serde::Deserialize;

use crate::{ShopError, What};

const TIMEOUT: Duration = Duration::from_secs(10);
const PARTITIONS: i32 = 3;

/// The names of the topics, one for each service that speaks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Topics {
    /// What order-service says.
    pub orders: String,
    /// What product-service says.
    pub stock: String,
    /// What payment-service says.
    pub payments: String,
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            orders: "shop.orders".into(),
            stock: "shop.stock".into(),
            payments: "shop.payments".into(),
        }
    }
}

impl Topics {
    /// Where such an event goes.
    #[must_use]
    pub fn of(&self, what: &What) -> &str {
        match what {
            What::OrderPlaced { .. } | What::OrderCancelled { .. } => &self.orders,
            What::StockReserved { .. } | What::StockRejected { .. } => &self.stock,
            What::PaymentCompleted | What::PaymentFailed { .. } => &self.payments,
        }
    }

    fn names(&self) -> [&str; 3] {
        [&self.orders, &self.stock, &self.payments]
    }

    /// Makes those that are missing.
    pub(crate) async fn ensure(&self, client: &ClientConfig) -> Result<(), ShopError> {
        let (names, config) = (self.names().map(str::to_owned), client.clone());
        let looking = tokio::task::spawn_blocking(move || missing(&config, &names));
        let missing = looking.await.unwrap_or_else(|_| Err(KafkaError::Canceled))?;
        if missing.is_empty() {
            Ok(())
        } else {
            create(client, &missing).await
        }
    }
}

/// Asks for each topic by name: a broker that makes topics on demand, such as the embedded one of `saga-server dev`,
/// makes it then, and knows no other way.
fn missing(config: &ClientConfig, names: &[String]) -> KafkaResult<Vec<String>> {
    let client: BaseProducer = config.create()?;
    for name in names {
        client.client().fetch_metadata(Some(name), TIMEOUT)?;
    }
    let metadata = client.client().fetch_metadata(None, TIMEOUT)?;
    let existing: HashSet<&str> = metadata.topics().iter().map(|topic| topic.name()).collect();
    Ok(names
        .iter()
        .filter(|name| !existing.contains(name.as_str()))
        .cloned()
        .collect())
}

async fn create(config: &ClientConfig, names: &[String]) -> Result<(), ShopError> {
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let topics: Vec<NewTopic<'_>> = names
        .iter()
        .map(|name| NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(-1)))
        .collect();
    for created in admin.create_topics(&topics, &AdminOptions::new()).await? {
        match created {
            // Another service was faster.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                return Err(ShopError::Topic {
                    topic,
                    problem: code.to_string(),
                });
            }
        }
    }
    Ok(())
}
