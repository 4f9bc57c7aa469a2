//! What librdkafka calls back: an event's end, errors, log lines.
//!
//! Rule of thumb: this runs on the client's own thread, for every event; it counts, and hardly ever writes a line.

use std::sync::Arc;

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::ProducerContext,
};

use super::mode::{Loss, Mode};
use crate::{DropReason, report::Limiter, stats::Counters};

/// Keeps the accounts.
pub(super) struct Context<M> {
    counters: Arc<Counters>,
    drops: [Limiter; DropReason::ALL.len()],
    errors: Limiter,
    _mode: std::marker::PhantomData<fn() -> M>,
}

impl<M> Context<M> {
    pub(super) fn new(counters: Arc<Counters>) -> Self {
        let drops = std::array::from_fn(|_| Limiter::default());
        Self {
            counters,
            drops,
            errors: Limiter::default(),
            _mode: std::marker::PhantomData,
        }
    }

    /// Counts a dropped event, and says so now and then.
    pub(super) fn drop_event(&self, reason: DropReason, cause: &dyn std::fmt::Display) {
        self.counters.drop_for(reason);
        if let Some(events) = self.drops[reason as usize].count() {
            tracing::warn!(events, reason = reason.as_str(), %cause, "saga events were dropped");
        }
    }

    fn say(&self, cause: &dyn std::fmt::Display) {
        if let Some(occurrences) = self.errors.count() {
            tracing::warn!(occurrences, %cause, "the saga tracker's Kafka client has trouble");
        } else {
            tracing::debug!(%cause, "the saga tracker's Kafka client has trouble, too");
        }
    }
}

impl<M: Mode> ClientContext for Context<M> {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if matches!(
            level,
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug
        ) {
            tracing::debug!(facility, message, "librdkafka");
        } else {
            self.say(&format_args!("{facility}: {message}"));
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.say(&format_args!("{error}: {reason}"));
    }

    // Statistics are off unless asked for by a property; then they are for a debugging eye.
    fn stats_raw(&self, statistics: &[u8]) {
        tracing::debug!(statistics = %String::from_utf8_lossy(statistics), "librdkafka");
    }
}

impl<M: Mode> ProducerContext for Context<M> {
    type DeliveryOpaque = M::Ticket;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: M::Ticket) {
        // Counted first: whoever is woken by the ticket finds the event in the accounts.
        let outcome = match result {
            Ok(_) => {
                self.counters.acknowledge();
                Ok(())
            }
            Err((error, _)) => {
                let loss = loss(error);
                self.drop_event(loss.reason, error);
                Err(loss)
            }
        };
        M::settle(ticket, outcome);
    }
}

/// What an error means for an event, and whether it may be on the topic all the same.
pub(super) fn loss(error: &KafkaError) -> Loss {
    use RDKafkaErrorCode as Code;
    let surely = |reason| Loss {
        reason,
        is_possibly_persisted: false,
    };
    let possibly = |reason| Loss {
        reason,
        is_possibly_persisted: true,
    };
    match error.rdkafka_error_code() {
        Some(Code::QueueFull) => surely(DropReason::QueueFull),
        Some(Code::MessageTimedOut) => possibly(DropReason::Expired),
        Some(Code::PurgeQueue) => surely(DropReason::Closed),
        Some(Code::PurgeInflight) => possibly(DropReason::Closed),
        Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize) => surely(DropReason::TooLarge),
        Some(
            Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::InvalidTopic
            | Code::UnknownPartition
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::PolicyViolation
            | Code::InvalidRecord,
        ) => surely(DropReason::Refused),
        _ => possibly(DropReason::Failed),
    }
}
