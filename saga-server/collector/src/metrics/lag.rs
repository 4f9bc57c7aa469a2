//! The lag of each partition of a topic, whatever its metric's other labels are.

use std::{fmt, hash::Hash, sync::Arc};

use prometheus_client::metrics::{family::Family, gauge::Gauge};

type Set = dyn Fn(i32, Option<i64>) + Send + Sync;

/// Sets the lag of partitions of one topic.
#[derive(Clone)]
pub(crate) struct LagGauges(Arc<Set>);

impl fmt::Debug for LagGauges {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LagGauges")
    }
}

impl LagGauges {
    /// In this family, under the labels of a partition.
    pub(super) fn new<L>(family: &Family<L, Gauge>, labels: impl Fn(i32) -> L + Send + Sync + 'static) -> Self
    where
        L: Clone + Hash + Eq + Send + Sync + 'static,
    {
        let family = family.clone();
        Self(Arc::new(move |partition, lag| match lag {
            Some(lag) => _ = family.get_or_create(&labels(partition)).set(lag),
            None => _ = family.remove(&labels(partition)),
        }))
    }

    /// So many records of the partition are not processed.
    pub(crate) fn set(&self, partition: i32, behind: u64) {
        (self.0)(partition, Some(behind.cast_signed()));
    }

    /// The partition is another's.
    pub(crate) fn remove(&self, partition: i32) {
        (self.0)(partition, None);
    }
}
