//! librdkafka's callbacks: delivery reports, errors, log lines.
//!
//! This runs on librdkafka's thread, for every event; it counts, and logs at a bounded rate.

use std::{
    borrow::Cow,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rdkafka::{
    ClientContext, Message as _,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, DeliveryResult, Headers as _},
    producer::ProducerContext,
};
use saga_types::{Timestamp, topic::headers};
use tokio::sync::Notify;

use super::{
    accounting::Accounting,
    mode::{Loss, Mode},
    pending_buffer::{PendingBuffer, PendingRecord},
    tokens,
};
use crate::{DropReason, config::TokenProvider};

/// What all producers of one client share.
pub(super) struct Shared<M: Mode> {
    pub(super) accounting: Accounting,
    pub(super) pending: PendingBuffer<M::Completion>,
    pub(super) tokens: Option<TokenProvider>,
    /// Wakes the supervisor: the producer is dead, or it returned events.
    pub(super) wake: Notify,
    pub(super) topic: TopicState,
}

/// What brokers said of the topic, by any producer of the client.
///
/// One that they never had is a mistake of the configuration, and its events are refused. One that they do not know any more is an
/// outage: it is being made again, or a broker that has just come back does not have its metadata yet.
#[derive(Default)]
pub(super) struct TopicState {
    existed: AtomicBool,
    is_lost: AtomicBool,
}

impl TopicState {
    /// Brokers have it.
    pub(super) fn exists(&self) {
        // Called for every event, and written once.
        if !self.existed.load(Ordering::Relaxed) {
            self.existed.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the error says that they do not know it any more.
    pub(super) fn is_lost_by(&self, error: &KafkaError) -> bool {
        use RDKafkaErrorCode as Code;
        let is_unknown = matches!(
            error.rdkafka_error_code(),
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition)
        );
        is_unknown && self.existed.load(Ordering::Relaxed)
    }

    pub(super) fn set_lost(&self, is_lost: bool) {
        self.is_lost.store(is_lost, Ordering::Release);
    }

    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Acquire)
    }
}

impl<M: Mode> Shared<M> {
    /// Completes a record without an acknowledgement.
    pub(super) fn drop_record(&self, completion: M::Completion, loss: Loss, cause: &dyn std::fmt::Display) {
        self.accounting.drop_event(loss.reason, cause);
        M::settle(completion, Err(loss));
    }
}

/// What librdkafka calls back on behalf of one producer.
pub(super) struct Context<M: Mode> {
    shared: Arc<Shared<M>>,
    /// The producer will never send again.
    is_dead: AtomicBool,
}

impl<M: Mode> Context<M> {
    pub(super) fn new(shared: Arc<Shared<M>>) -> Self {
        Self {
            shared,
            is_dead: AtomicBool::new(false),
        }
    }

    /// The producer will never send again: the supervisor has to replace it.
    pub(super) fn mark_dead(&self) {
        self.is_dead.store(true, Ordering::Release);
        self.shared.wake.notify_one();
    }

    pub(super) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Acquire)
    }

    /// Records of a dead producer are buffered for the next one, and those of a topic that is not known any more until it is, with the
    /// same ids: readers count them once.
    fn fail(&self, message: &BorrowedMessage<'_>, completion: M::Completion, error: &KafkaError) {
        let loss = loss(error);
        let is_topic_lost = self.shared.topic.is_lost_by(error);
        if loss.reason == DropReason::Refused && !is_topic_lost {
            let cause = format_args!("topic {}: {error}", message.topic());
            return self.shared.drop_record(completion, loss, &cause);
        }
        let is_its_end = matches!(loss.reason, DropReason::Closed | DropReason::Failed) && self.is_dead();
        if !is_topic_lost && !is_its_end {
            return self.shared.drop_record(completion, loss, error);
        }
        let Some(pending) = pending_record(message) else {
            return self.shared.drop_record(completion, loss, error);
        };
        if is_topic_lost {
            self.shared.topic.set_lost(true);
        }
        match self.shared.pending.push(pending(completion), age(message)) {
            Ok(()) => self.shared.wake.notify_one(),
            Err((reason, record)) => {
                let loss = Loss { reason, ..loss };
                self.shared.drop_record(record.completion, loss, error);
            }
        }
    }
}

/// The event of a message, to be sent again.
fn pending_record<'a, T>(message: &'a BorrowedMessage<'_>) -> Option<impl FnOnce(T) -> PendingRecord<'a, T>> {
    let sequence = message
        .headers()?
        .iter()
        .find(|header| header.key == headers::SEQUENCE)?;
    let sequence = str::from_utf8(sequence.value?).ok()?.parse().ok()?;
    Some(move |completion| PendingRecord {
        sequence,
        key: Cow::Borrowed(message.key().unwrap_or_default()),
        value: message.payload().unwrap_or_default().to_vec(),
        headers: message
            .headers()
            .map(|headers| headers.detach())
            .unwrap_or_default(),
        completion,
    })
}

/// How long ago it was enqueued.
fn age(message: &BorrowedMessage<'_>) -> Duration {
    let now = Timestamp::now().as_millis();
    let since = message.timestamp().to_millis().unwrap_or(now);
    Duration::from_millis(u64::try_from(now - since).unwrap_or_default())
}

impl<M: Mode> ClientContext for Context<M> {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        tokens::token(self.shared.tokens.as_ref())
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // Logged before the deliveries that fail because of it; there is no other callback for it.
        if facility == "FATAL" {
            self.mark_dead();
        }
        if matches!(
            level,
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug
        ) {
            tracing::debug!(facility, message, "librdkafka");
        } else {
            self.shared
                .accounting
                .log_throttled(&format_args!("{facility}: {message}"));
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The supervisor checks whether it is fatal, which is not known here.
        self.shared.wake.notify_one();
        self.shared
            .accounting
            .log_throttled(&format_args!("{error}: {reason}"));
    }

    // Statistics are off unless a property asks for them; then they are for debugging.
    fn stats_raw(&self, statistics: &[u8]) {
        tracing::debug!(statistics = %String::from_utf8_lossy(statistics), "librdkafka");
    }
}

impl<M: Mode> ProducerContext for Context<M> {
    type DeliveryOpaque = M::Completion;

    fn delivery(&self, result: &DeliveryResult<'_>, completion: M::Completion) {
        match result {
            Ok(_) => {
                // Counted first: a caller that is woken by the completion finds the event counted.
                self.shared.accounting.counters.acknowledge();
                self.shared.topic.exists();
                M::settle(completion, Ok(()));
            }
            Err((error, message)) => self.fail(message, completion, error),
        }
    }
}

/// What an error means for an event, and whether it may be on the topic all the same.
pub(super) fn loss(error: &KafkaError) -> Loss {
    use RDKafkaErrorCode as Code;
    let definitely = |reason| Loss {
        reason,
        is_possibly_persisted: false,
    };
    let possibly = |reason| Loss {
        reason,
        is_possibly_persisted: true,
    };
    match error.rdkafka_error_code() {
        Some(Code::QueueFull) => definitely(DropReason::QueueFull),
        Some(Code::MessageTimedOut) => possibly(DropReason::Expired),
        Some(Code::PurgeQueue) => definitely(DropReason::Closed),
        Some(Code::PurgeInflight) => possibly(DropReason::Closed),
        Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize) => definitely(DropReason::TooLarge),
        Some(
            Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::InvalidTopic
            | Code::UnknownPartition
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::PolicyViolation
            | Code::InvalidRecord,
        ) => definitely(DropReason::Refused),
        _ => possibly(DropReason::Failed),
    }
}
