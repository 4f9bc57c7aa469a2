//! A producer with a thread that polls it, so that delivery reports are handled.
//!
//! The thread of rdkafka's `ThreadedProducer` asks for whole milliseconds only, and so spends the last one of each poll reading the
//! clock: an idle producer takes almost a hundredth of a processor.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rdkafka::{
    ClientConfig,
    config::FromClientConfigAndContext,
    error::{KafkaError, KafkaResult},
    producer::{BaseProducer, ProducerContext},
};

/// How long a poll waits. A little more than whole milliseconds, after which the rest has passed.
const POLL: Duration = Duration::from_micros(100_200);

/// Dropping it waits until a poll ends.
pub(super) struct PolledProducer<C: ProducerContext + 'static> {
    producer: Arc<BaseProducer<C>>,
    is_ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl<C: ProducerContext + 'static> FromClientConfigAndContext<C> for PolledProducer<C> {
    fn from_config_and_context(config: &ClientConfig, context: C) -> KafkaResult<Self> {
        let producer: Arc<BaseProducer<C>> = Arc::new(config.create_with_context(context)?);
        let is_ending = Arc::new(AtomicBool::default());
        let (polled, ends) = (Arc::clone(&producer), Arc::clone(&is_ending));
        let poll = move || {
            while !ends.load(Ordering::Relaxed) {
                polled.poll(POLL);
            }
        };
        let thread = thread::Builder::new()
            .name("saga-producer".to_owned())
            .spawn(poll)
            .map_err(|error| KafkaError::ClientCreation(format!("no thread: {error}")))?;
        Ok(Self {
            producer,
            is_ending,
            thread: Some(thread),
        })
    }
}

impl<C: ProducerContext + 'static> Deref for PolledProducer<C> {
    type Target = BaseProducer<C>;

    fn deref(&self) -> &Self::Target {
        &self.producer
    }
}

impl<C: ProducerContext + 'static> Drop for PolledProducer<C> {
    fn drop(&mut self) {
        self.is_ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A callback that panicked has ended it.
            let _ = thread.join();
        }
    }
}
