//! What librdkafka calls back: an event's end, errors, log lines.
//!
//! Rule of thumb: this runs on the client's own thread, for every event; it counts, and hardly ever writes a line.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rdkafka::{
    ClientContext, Message as _,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, DeliveryResult, Headers as _},
    producer::ProducerContext,
};
use saga_types::{Timestamp, topic::headers};
use tokio::sync::Notify;

use super::{
    ledger::Ledger,
    mode::{Loss, Mode},
    room::{Parcel, Room},
};
use crate::DropReason;

/// What all producers of one client share.
pub(super) struct Shared<M: Mode> {
    pub(super) ledger: Ledger,
    pub(super) room: Room<M::Ticket>,
    /// Wakes the keeper: the producer is dead, or events came back from it.
    pub(super) trouble: Notify,
}

impl<M: Mode> Shared<M> {
    /// Ends an event's way without an acknowledgement.
    pub(super) fn lose(&self, ticket: M::Ticket, loss: Loss, cause: &dyn std::fmt::Display) {
        self.ledger.drop_event(loss.reason, cause);
        M::settle(ticket, Err(loss));
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

    /// Notes that the producer will never send again.
    pub(super) fn bury(&self) {
        self.is_dead.store(true, Ordering::Release);
        self.shared.trouble.notify_one();
    }

    pub(super) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Acquire)
    }

    /// What a dead producer still had goes to the next one, with the same ids: readers count it once.
    fn fail(&self, message: &BorrowedMessage<'_>, ticket: M::Ticket, error: &KafkaError) {
        let loss = loss(error);
        let is_its_end = matches!(loss.reason, DropReason::Closed | DropReason::Failed);
        if !(is_its_end && self.is_dead()) {
            return self.shared.lose(ticket, loss, error);
        }
        let Some(parcel) = parcel(message) else {
            return self.shared.lose(ticket, loss, error);
        };
        match self.shared.room.offer(parcel(ticket), age(message)) {
            Ok(()) => self.shared.trouble.notify_one(),
            Err((reason, parcel)) => self.shared.lose(parcel.ticket, Loss { reason, ..loss }, error),
        }
    }
}

/// The event of a message, to be sent again.
fn parcel<'a, T>(message: &'a BorrowedMessage<'_>) -> Option<impl FnOnce(T) -> Parcel<'a, T>> {
    let sequence = message
        .headers()?
        .iter()
        .find(|header| header.key == headers::SEQUENCE)?;
    let sequence = str::from_utf8(sequence.value?).ok()?.parse().ok()?;
    Some(move |ticket| Parcel {
        sequence,
        key: Cow::Borrowed(message.key().unwrap_or_default()),
        value: message.payload().unwrap_or_default().to_vec(),
        headers: message
            .headers()
            .map(|headers| headers.detach())
            .unwrap_or_default(),
        ticket,
    })
}

/// How long ago it was handed to the producer.
fn age(message: &BorrowedMessage<'_>) -> Duration {
    let now = Timestamp::now().as_millis();
    let since = message.timestamp().to_millis().unwrap_or(now);
    Duration::from_millis(u64::try_from(now - since).unwrap_or_default())
}

impl<M: Mode> ClientContext for Context<M> {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // Comes ahead of the failed deliveries that follow from it, and no call back says it otherwise.
        if facility == "FATAL" {
            self.bury();
        }
        if matches!(
            level,
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug
        ) {
            tracing::debug!(facility, message, "librdkafka");
        } else {
            self.shared.ledger.say(&format_args!("{facility}: {message}"));
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The keeper looks whether it is a fatal one, which cannot be told from here.
        self.shared.trouble.notify_one();
        self.shared.ledger.say(&format_args!("{error}: {reason}"));
    }

    // Statistics are off unless asked for by a property; then they are for a debugging eye.
    fn stats_raw(&self, statistics: &[u8]) {
        tracing::debug!(statistics = %String::from_utf8_lossy(statistics), "librdkafka");
    }
}

impl<M: Mode> ProducerContext for Context<M> {
    type DeliveryOpaque = M::Ticket;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: M::Ticket) {
        match result {
            Ok(_) => {
                // Counted first: whoever is woken by the ticket finds the event in the accounts.
                self.shared.ledger.counters.acknowledge();
                M::settle(ticket, Ok(()));
            }
            Err((error, message)) => self.fail(message, ticket, error),
        }
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
