//! Whether consumption works, and what holds it up: reported by all stages, read by the task that sets health.
//!
//! Rule of thumb: a reason never makes ingest healthy or unhealthy by itself, but for those that surely stop it. Offsets that do
//! not move do, and the reasons only explain them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// How long joining the group may take before it counts as a stall.
const JOIN_WITHIN: Duration = Duration::from_secs(40);

/// How long an error of the client explains a partition that does not move.
const ERROR_EXPLAINS_FOR: Duration = Duration::from_secs(90);

/// A stage that waits for another system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Reading: a batch of a partition that cannot be read.
    Batches,
    /// Dead letters, which are written before offsets are committed.
    DeadLetters,
    /// The database.
    Database,
    /// The topic of events, to which those of a source are written.
    EventTopic,
    /// The schema registry.
    SchemaRegistry,
}

/// Shared by the stages of one consumer.
#[derive(Debug, Default)]
pub(crate) struct ConsumerStatus {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    has_joined: bool,
    refused: Option<String>,
    missing_topic: Option<String>,
    unsettled: Option<(String, Instant)>,
    waiting: BTreeMap<Stage, String>,
    client_error: Option<(String, Instant)>,
}

/// What follows for health.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing hinders consuming.
    Healthy,
    /// It is hindered, by this.
    Unhealthy(String),
    /// The group is changing; what was known before still holds.
    Unchanged,
}

impl ConsumerStatus {
    /// The consumer is a member of its group and has its partitions, if it gets any. That says nothing of the topic: the
    /// leader may assign partitions of one that was deleted since it read the metadata.
    pub(super) fn joined(&self) {
        self.change(|state| {
            state.has_joined = true;
            state.unsettled = None;
        });
    }

    /// What the client does in its group, unless it is a settled member.
    pub(super) fn membership(&self, unsettled: Option<&str>) {
        self.change(|state| match unsettled {
            None => state.unsettled = None,
            Some(what) => {
                let since = state
                    .unsettled
                    .take()
                    .map_or_else(Instant::now, |(_, since)| since);
                state.unsettled = Some((what.to_owned(), since));
            }
        });
    }

    /// Whether the topic exists, and otherwise how it is made. Says whether that is a change.
    pub(super) fn topic_exists(&self, topic: &str, exists: bool, how_made: &str) -> bool {
        let missing = (!exists).then(|| format!("the topic {topic} does not exist; {how_made}"));
        self.change(|state| std::mem::replace(&mut state.missing_topic, missing).is_some() == exists)
    }

    /// The client reported an error that may be why a partition does not move. Says whether that is news.
    pub(super) fn client_error(&self, error: &str) -> bool {
        self.change(|state| {
            let now = Instant::now();
            let before = state.client_error.replace((error.to_owned(), now));
            before.is_none_or(|(before, at)| before != error || now.duration_since(at) > ERROR_EXPLAINS_FOR)
        })
    }

    /// The broker refuses a permission, in words; none when it was granted since.
    pub(super) fn refused(&self, missing: Option<String>) {
        self.change(|state| state.refused = missing);
    }

    /// The stage waits, for this reason.
    pub(crate) fn waits(&self, stage: Stage, reason: impl Into<String>) {
        self.change(|state| _ = state.waiting.insert(stage, reason.into()));
    }

    /// The stage goes on.
    pub(crate) fn goes_on(&self, stage: Stage) {
        let waited = self.state.lock().waiting.remove(&stage).is_some();
        if waited {
            self.changed.notify_one();
        }
    }

    /// Returns when something may have changed.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What follows for health, when this is how partitions are stalled.
    pub(crate) fn verdict(&self, stalled: Option<String>, now: Instant) -> Verdict {
        let state = self.state.lock();
        if let Some(reason) = state.refused.as_ref().or(state.missing_topic.as_ref()) {
            return Verdict::Unhealthy(reason.clone());
        }
        if let Some((what, since)) = &state.unsettled {
            let waited = now.duration_since(*since);
            return match waited >= JOIN_WITHIN {
                true => Verdict::Unhealthy(format!(
                    "the consumer has not joined its group for {} s: {what}{}",
                    waited.as_secs(),
                    state
                        .recent_error(now)
                        .map(|error| format!("; {error}"))
                        .unwrap_or_default()
                )),
                false => Verdict::Unchanged,
            };
        }
        if !state.has_joined {
            return Verdict::Unchanged;
        }
        let stopped = state.waiting.get(&Stage::Batches);
        if let Some(reason) = stopped.or_else(|| state.waiting.get(&Stage::DeadLetters)) {
            return Verdict::Unhealthy(reason.clone());
        }
        match stalled {
            Some(stalled) => Verdict::Unhealthy(format!("{stalled}: {}", state.reason(now))),
            None => Verdict::Healthy,
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state.lock());
        self.changed.notify_one();
        result
    }
}

impl State {
    fn reason(&self, now: Instant) -> &str {
        if let Some(reason) = self.waiting.values().next() {
            return reason;
        }
        self.recent_error(now).unwrap_or("no reason is known")
    }

    fn recent_error(&self, now: Instant) -> Option<&str> {
        let (error, at) = self.client_error.as_ref()?;
        (now.duration_since(*at) < ERROR_EXPLAINS_FOR).then_some(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhealthy(reason: &str) -> Verdict {
        Verdict::Unhealthy(reason.to_owned())
    }

    #[test]
    fn a_stall_makes_ingest_unhealthy_whatever_the_reason_and_a_reason_alone_does_not() {
        let status = ConsumerStatus::default();
        let now = Instant::now();
        assert_eq!(status.verdict(None, now), Verdict::Unchanged, "starting");
        status.joined();
        assert_eq!(status.verdict(None, now), Verdict::Healthy);
        let stalled = || Some("partition 0 stands at 5 of 9".to_owned());
        assert_eq!(
            status.verdict(stalled(), now),
            unhealthy("partition 0 stands at 5 of 9: no reason is known")
        );
        assert!(status.client_error("Decompression (codec 0x7) failed"));
        assert!(
            !status.client_error("Decompression (codec 0x7) failed"),
            "no news"
        );
        assert_eq!(status.verdict(None, now), Verdict::Healthy);
        assert_eq!(
            status.verdict(stalled(), now),
            unhealthy("partition 0 stands at 5 of 9: Decompression (codec 0x7) failed")
        );
        status.waits(Stage::Database, "the disk is full");
        assert_eq!(
            status.verdict(stalled(), now),
            unhealthy("partition 0 stands at 5 of 9: the disk is full")
        );
        status.goes_on(Stage::Database);
        assert_eq!(status.verdict(None, now), Verdict::Healthy);
    }

    #[test]
    fn a_topic_that_is_missing_is_reported_until_it_is_there_again() {
        let status = ConsumerStatus::default();
        status.joined();
        assert!(status.topic_exists("sagas", false, "make it"));
        assert!(!status.topic_exists("sagas", false, "make it"), "no news");
        // The rebalance that follows a deletion, with partitions or without.
        status.joined();
        assert!(matches!(
            status.verdict(None, Instant::now()),
            Verdict::Unhealthy(_)
        ));
        assert!(status.topic_exists("sagas", true, "make it"));
        assert_eq!(status.verdict(None, Instant::now()), Verdict::Healthy);
    }

    #[test]
    fn what_the_broker_refuses_is_reported_at_once_and_until_it_is_granted() {
        let status = ConsumerStatus::default();
        let now = Instant::now();
        status.refused(Some("no Read on the group".to_owned()));
        assert_eq!(
            status.verdict(None, now),
            unhealthy("no Read on the group"),
            "starting"
        );
        status.joined();
        assert_eq!(status.verdict(None, now), unhealthy("no Read on the group"));
        status.refused(None);
        assert_eq!(status.verdict(None, now), Verdict::Healthy);
    }

    #[test]
    fn a_consumer_that_never_joined_is_not_starting_for_ever() {
        let status = ConsumerStatus::default();
        let now = Instant::now();
        status.membership(Some("wait-coord, init"));
        assert_eq!(status.verdict(None, now), Verdict::Unchanged);
        let never = status.verdict(None, Instant::now() + JOIN_WITHIN);
        assert_eq!(
            never,
            unhealthy("the consumer has not joined its group for 40 s: wait-coord, init")
        );
    }

    #[test]
    fn while_the_group_changes_what_was_known_holds_and_not_for_ever() {
        let status = ConsumerStatus::default();
        status.joined();
        status.membership(Some("up, wait-join"));
        let now = Instant::now();
        assert_eq!(status.verdict(None, now), Verdict::Unchanged);
        let later = now + JOIN_WITHIN;
        status.client_error("Broker: Topic authorization failed");
        assert_eq!(
            status.verdict(None, later),
            unhealthy(
                "the consumer has not joined its group for 40 s: up, wait-join; Broker: Topic authorization failed"
            )
        );
        status.membership(None);
        assert_eq!(status.verdict(None, later), Verdict::Healthy);
    }
}
