//! Those who record what happens in the shop: four instances, of which one could not keep all of its events, and a service of
//! another language.

use saga_store::{ProducerObservation, ReconcileRequest, Wire};
use saga_types::Timestamp;

use crate::shop::Shop;

const MINUTE_MS: i64 = 60_000;

fn observation(
    service: &str,
    is_named: bool,
    minutes_ago: i64,
    numbers: impl Iterator<Item = u64>,
) -> ProducerObservation {
    let now = Timestamp::now().as_millis();
    let at = |minutes: i64| Timestamp::from_millis(now - minutes * MINUTE_MS).unwrap();
    ProducerObservation {
        service: service.to_owned(),
        instance: is_named.then(|| uuid::Uuid::now_v7().to_string()),
        sdk_version: is_named.then(|| "0.1.0".to_owned()),
        wire: Some(Wire {
            schema_version: Some(if is_named { 2 } else { 1 }),
            schema_id: (!is_named).then_some(3),
        }),
        first: at(minutes_ago + 170),
        last: at(minutes_ago),
        sequences: numbers.collect(),
    }
}

impl Shop {
    pub(crate) async fn keep_producers(&self) {
        let overflowed = (1..=5_120).filter(|number| !(4_001..=4_200).contains(number) && *number != 4_460);
        let seen = [
            observation("order-service", true, 0, 1..=18_240),
            observation("order-service", true, 41, 1..=310),
            observation("payment-service", true, 0, overflowed),
            observation("product-service", true, 2, 1..=9_077),
            observation("shipping-service", false, 0, std::iter::empty()),
        ];
        self.store.observe_producers(&seen).await.unwrap();
        let now = Timestamp::now();
        for evaluate_before in [None, Some(Timestamp::MAX)] {
            let tending = ReconcileRequest {
                now,
                evaluate_before,
                named: ["payment-service".to_owned()].into(),
            };
            self.store.reconcile_producers(&tending).await.unwrap();
        }
    }
}
