//! A record on a topic that is another one's: what a service writes whose topics are mixed up.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    producer::{FutureProducer, FutureRecord},
};

use crate::ShopError;

/// How long a record may take to be delivered.
const DELIVERY: Duration = Duration::from_secs(10);

/// Writes one record.
///
/// # Errors
///
/// [`ShopError`] when the broker does not take it.
pub async fn misdirect(
    bootstrap_servers: &str,
    topic: &str,
    key: &str,
    value: &[u8],
) -> Result<(), ShopError> {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .create()?;
    let record = FutureRecord::to(topic).key(key).payload(value);
    let sent = producer.send(record, DELIVERY).await;
    sent.map_err(|(error, _)| error)?;
    Ok(())
}
