//! Permissions that the broker refuses: which, in words, and whether they were granted since.
//!
//! Rule of thumb: the client reports a refusal once and reads nothing from then on, and what was stored before looks up to date.
//! So a refusal counts until its opposite is shown: by reading the topic, or by joining the group.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        mpsc::{Receiver, TryRecvError},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rdkafka::types::RDKafkaErrorCode;

use super::{config::KafkaConfig, status::ConsumerStatus, unreadable};
use crate::health::{Concern, Health};

/// The interval in which it is tried whether a topic can be read by now.
const TRY_AGAIN: Duration = Duration::from_secs(3);

/// A member that is settled so long after a refusal has joined its group since.
const SETTLED_AFTER: Duration = Duration::from_secs(5);

/// What a permission is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Resource {
    Topic,
    Group,
}

impl Resource {
    /// What the broker refuses, if the error is a refusal.
    pub(super) fn refused(code: RDKafkaErrorCode) -> Option<Self> {
        match code {
            RDKafkaErrorCode::TopicAuthorizationFailed => Some(Self::Topic),
            RDKafkaErrorCode::GroupAuthorizationFailed => Some(Self::Group),
            _ => None,
        }
    }

    /// What is to be granted.
    pub(super) fn missing(self, topic: &str, group: &str) -> String {
        match self {
            Self::Topic => format!("Kafka refuses the permission Read on the topic {topic}"),
            Self::Group => format!("Kafka refuses the permission Read on the group {group}"),
        }
    }
}

/// What is to be granted to write dead letters, if the error is a refusal.
pub(super) fn missing_to_write(code: RDKafkaErrorCode, topic: &str) -> Option<String> {
    match code {
        RDKafkaErrorCode::TopicAuthorizationFailed => {
            Some(format!("Kafka refuses the permission Write on the topic {topic}"))
        }
        RDKafkaErrorCode::ClusterAuthorizationFailed => {
            Some("Kafka refuses the permission IdempotentWrite on the cluster".to_owned())
        }
        _ => None,
    }
}

/// Where a refusal is reported.
#[derive(Clone)]
pub(crate) enum ReportTo {
    /// It stops ingest.
    Ingest(Arc<ConsumerStatus>),
    /// It is for operators to know.
    Warning(Arc<Health>, Concern),
}

/// What is refused to a consumer at present; shared by its clients, of which one replaces the other.
#[derive(Clone)]
pub(crate) struct Refusals(Arc<Inner>);

struct Inner {
    /// In words, and since when.
    current: Mutex<BTreeMap<Resource, (String, Instant)>>,
    report: ReportTo,
}

impl Refusals {
    pub(crate) fn reported_to(report: ReportTo) -> Self {
        Self(Arc::new(Inner {
            current: Mutex::default(),
            report,
        }))
    }

    /// The broker refuses it. Says whether that is news.
    pub(super) fn refused(&self, resource: Resource, missing: String) -> bool {
        let mut current = self.0.current.lock();
        let before = current.insert(resource, (missing, Instant::now()));
        self.report(&current);
        before.is_none()
    }

    /// The client is a settled member of its group. Nothing follows from that for a topic.
    pub(super) fn settled(&self, now: Instant) {
        let refused = self.since(Resource::Group);
        if refused.is_some_and(|since| now.duration_since(since) >= SETTLED_AFTER) {
            self.granted(Resource::Group);
        }
    }

    fn since(&self, resource: Resource) -> Option<Instant> {
        let current = self.0.current.lock();
        current.get(&resource).map(|(_, since)| *since)
    }

    fn granted(&self, resource: Resource) {
        let mut current = self.0.current.lock();
        if let Some((missing, _)) = current.remove(&resource) {
            tracing::info!(missing, "permission granted");
            self.report(&current);
        }
    }

    /// Under the lock, so that the last report is the last state.
    fn report(&self, current: &BTreeMap<Resource, (String, Instant)>) {
        let words: Vec<&str> = current.values().map(|(missing, _)| missing.as_str()).collect();
        let missing = (!words.is_empty()).then(|| words.join("; "));
        match &self.0.report {
            ReportTo::Ingest(status) => status.refused(missing),
            ReportTo::Warning(health, concern) => _ = health.warn(*concern, missing),
        }
    }
}

/// Finds out whether a topic that was refused can be read.
#[derive(Default)]
pub(super) struct Trial {
    begun: Option<Instant>,
    result: Option<Receiver<Result<bool, String>>>,
}

impl Trial {
    pub(super) fn check(&mut self, refusals: &Refusals, kafka: &KafkaConfig, topic: &str, now: Instant) {
        if refusals.since(Resource::Topic).is_none() {
            *self = Self::default();
            return;
        }
        match self.result.as_ref().map(Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => return,
            Some(Ok(Ok(true))) => refusals.granted(Resource::Topic),
            Some(_) | None => {}
        }
        self.result = None;
        let is_due = self
            .begun
            .is_none_or(|begun| now.duration_since(begun) >= TRY_AGAIN);
        if is_due && refusals.since(Resource::Topic).is_some() {
            self.begun = Some(now);
            self.result = Some(unreadable::try_end(kafka.clone(), topic.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusals() -> (Refusals, Arc<Health>) {
        let health = Arc::new(Health::starting(&[]));
        let report = ReportTo::Warning(health.clone(), Concern::DeadLetterRead);
        (Refusals::reported_to(report), health)
    }

    #[test]
    fn a_refusal_names_the_permission_and_the_resource() {
        let missing = |code| Some(Resource::refused(code)?.missing("sagas", "tracker"));
        assert_eq!(
            missing(RDKafkaErrorCode::TopicAuthorizationFailed).as_deref(),
            Some("Kafka refuses the permission Read on the topic sagas")
        );
        assert_eq!(
            missing(RDKafkaErrorCode::GroupAuthorizationFailed).as_deref(),
            Some("Kafka refuses the permission Read on the group tracker")
        );
        assert_eq!(missing(RDKafkaErrorCode::BrokerTransportFailure), None);
        let write = missing_to_write(RDKafkaErrorCode::TopicAuthorizationFailed, "sagas.dlt");
        assert_eq!(
            write.as_deref(),
            Some("Kafka refuses the permission Write on the topic sagas.dlt")
        );
        assert!(missing_to_write(RDKafkaErrorCode::ClusterAuthorizationFailed, "").is_some());
        assert_eq!(missing_to_write(RDKafkaErrorCode::MessageSizeTooLarge, ""), None);
    }

    #[test]
    fn a_group_is_granted_when_its_member_is_settled_and_a_topic_is_not() {
        let (refusals, health) = refusals();
        let warning = || health.warnings().remove(&Concern::DeadLetterRead);
        assert!(refusals.refused(Resource::Group, "no group".to_owned()));
        assert!(
            !refusals.refused(Resource::Group, "no group".to_owned()),
            "no news"
        );
        assert!(refusals.refused(Resource::Topic, "no topic".to_owned()));
        let refused = refusals.since(Resource::Group).unwrap();
        refusals.settled(refused);
        assert_eq!(warning().as_deref(), Some("no topic; no group"));
        refusals.settled(refused + SETTLED_AFTER);
        assert_eq!(warning().as_deref(), Some("no topic"));
        refusals.granted(Resource::Topic);
        assert_eq!(warning(), None);
    }
}
