//! Waiting for the store: until a batch may be handed on, or with paused partitions.

use std::{
    collections::BTreeSet,
    sync::mpsc::{RecvTimeoutError, TryRecvError},
    time::Duration,
};

use rdkafka::{
    Offset,
    consumer::{CommitMode, Consumer},
};
use tokio_util::sync::CancellationToken;

use super::ConsumeLoop;
use crate::kafka::ConsumerError;

/// How long to wait for the store before pausing. A pause throws away what the client has read ahead.
const PAUSE_AFTER: Duration = Duration::from_secs(1);

impl ConsumeLoop {
    pub(super) fn take_done(&mut self, mode: CommitMode) -> Result<(), ConsumerError> {
        match self.done.try_recv() {
            Ok(offsets) => {
                self.batch_stored(&offsets, mode);
                Ok(())
            }
            Err(TryRecvError::Empty) => Ok(()),
            Err(TryRecvError::Disconnected) => Err(ConsumerError::ThreadEnded),
        }
    }

    /// Waits for a batch in work while the next one is already full.
    pub(super) fn wait_for_store(&mut self, stop: &CancellationToken) -> Result<(), ConsumerError> {
        if self.wait_for_done(PAUSE_AFTER)? {
            return Ok(());
        }
        tracing::debug!("partitions paused: the store is slow");
        let reading: BTreeSet<i32> = self
            .gathered
            .records
            .iter()
            .map(|record| record.partition)
            .collect();
        reading.into_iter().for_each(|partition| self.pause(partition));
        while !self.may_submit() && !stop.is_cancelled() {
            // Serves assignments and heartbeats. The first record of a partition assigned meanwhile is kept as well.
            if let Some(partition) = self.gather_one()? {
                self.pause(partition);
            }
            self.take_done(CommitMode::Async)?;
        }
        self.resume();
        Ok(())
    }

    /// Whether a batch in work was done within the time, if one had to be.
    pub(super) fn wait_for_done(&mut self, within: Duration) -> Result<bool, ConsumerError> {
        if self.may_submit() {
            return Ok(true);
        }
        match self.done.recv_timeout(within) {
            Ok(offsets) => {
                self.batch_stored(&offsets, CommitMode::Async);
                Ok(true)
            }
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Err(RecvTimeoutError::Disconnected) => Err(ConsumerError::ThreadEnded),
        }
    }

    pub(super) fn pause(&mut self, partition: i32) {
        if !self.held.holds(partition)
            && self.partitions.pause(partition)
            && let Err(error) = self.consumer.pause(&self.list([(partition, Offset::Invalid)]))
        {
            tracing::warn!(%error, partition, "partition not paused");
        }
    }

    pub(super) fn resume(&mut self) {
        let held = &self.held;
        let paused = self.partitions.resume().into_iter();
        let paused = paused.filter(|partition| !held.holds(*partition));
        let paused = self.list(paused.map(|partition| (partition, Offset::Invalid)));
        if let Err(error) = self.consumer.resume(&paused) {
            tracing::warn!(%error, "partitions not resumed");
        }
    }
}
