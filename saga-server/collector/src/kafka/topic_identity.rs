//! Whether the topic is the one whose offsets the group has committed. A topic that is deleted and made again under the same name has
//! other records at the same offsets, and a client that reads on at its offset misses those below it.
//!
//! Each offset is committed together with the id of the topic that it is an offset of. So it shows at any later time, also after a
//! restart or to another member, and also when a commit of a member that had not noticed yet came after the topic was made again:
//! such a commit has the id of the topic before.
//!
//! Rule of thumb: the id behind an offset may be older than the topic that was read, never newer. Then at worst records are read
//! again.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::topic_id::Described;

/// The interval in which the broker is asked for the id. Records of a topic that was made again wait so long at most until that is
/// noticed.
const ASK: Duration = Duration::from_secs(3);

/// The same while something is not known that commits wait for.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How long all brokers may take to know a topic that one of them knows. Until then another one may still give records of the topic
/// before it.
const SPREADS_WITHIN: Duration = Duration::from_secs(3);

/// How many questions may fail until offsets are committed without an id.
const FAILURES: u32 = 10;

/// What is known of the topic that is read.
#[derive(Debug, Default)]
pub(super) struct TopicIdentity {
    known: Known,
    /// The id of the cluster, within which ids of topics are unique.
    cluster: Option<String>,
    is_missing: bool,
    /// Since when it is known that what was read, or committed, is of another topic.
    another_since: Option<Instant>,
    /// The partitions whose offsets are of this topic.
    confirmed: BTreeSet<i32>,
    asked: Option<Instant>,
    failures: u32,
}

#[derive(Debug, Default)]
enum Known {
    #[default]
    Nothing,
    /// Offsets are committed without it.
    WithoutId,
    /// What is committed with each offset.
    Metadata(String),
}

/// What follows of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It is what was known before.
    Nothing,
    /// The topic is another one than before.
    Another,
    /// There are no ids.
    WithoutId,
}

impl TopicIdentity {
    /// Whether the broker is to be asked again, of these partitions of ours.
    pub(super) fn is_due(&self, owned: &BTreeSet<i32>, now: Instant) -> bool {
        let is_settled = match self.known {
            Known::Nothing => false,
            Known::WithoutId => true,
            Known::Metadata(_) => self.another_since.is_none() && owned.is_subset(&self.confirmed),
        };
        // A question that fails may have taken its whole time.
        let interval = if is_settled || self.failures > 0 {
            ASK
        } else {
            ASK_AGAIN
        };
        self.asked
            .is_none_or(|asked| now.duration_since(asked) >= interval)
    }

    pub(super) fn asked(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    /// The broker said this of the topic. The cluster's id is asked for once: rdkafka does not free what librdkafka gives.
    pub(super) fn heard(
        &mut self,
        described: &Described,
        cluster: impl FnOnce() -> Option<String>,
        now: Instant,
    ) -> News {
        self.is_missing = *described == Described::Missing;
        let id = match described {
            // When it is there again, it is another one.
            Described::Missing => return News::Nothing,
            Described::WithoutId => return self.without_id(),
            Described::WithId(id) => id,
        };
        self.cluster = self.cluster.take().or_else(cluster);
        let Some(cluster) = &self.cluster else {
            return self.failed();
        };
        self.failures = 0;
        let metadata = format!("topic-id={id} cluster-id={cluster}");
        let is_another = match &self.known {
            Known::Metadata(before) => *before != metadata,
            Known::Nothing | Known::WithoutId => false,
        };
        self.known = Known::Metadata(metadata);
        if !is_another {
            return News::Nothing;
        }
        self.another_since = Some(now);
        News::Another
    }

    /// The question failed. A client that cannot reach its broker commits nothing either; any other failure must not keep it from
    /// committing without end.
    pub(super) fn failed(&mut self) -> News {
        self.failures += 1;
        match self.failures >= FAILURES {
            true => self.without_id(),
            false => News::Nothing,
        }
    }

    fn without_id(&mut self) -> News {
        if !matches!(self.known, Known::Nothing) {
            return News::Nothing;
        }
        self.known = Known::WithoutId;
        News::WithoutId
    }

    /// The partitions of ours of which it is not known whether the group's offset is of this topic.
    pub(super) fn unconfirmed<'a>(&self, owned: &'a BTreeSet<i32>) -> Vec<&'a i32> {
        match self.known {
            Known::Metadata(_) if self.another_since.is_none() => {
                let is_open = |partition: &&i32| !self.confirmed.contains(partition);
                owned.iter().filter(is_open).collect()
            }
            _ => Vec::new(),
        }
    }

    /// This was committed with the offset at which the partition was begun. Without metadata it is from a tool of Kafka's, or from a
    /// collector that did not commit any, and counts.
    pub(super) fn committed(&mut self, partition: i32, metadata: &[u8], now: Instant) -> News {
        let Known::Metadata(own) = &self.known else {
            return News::Nothing;
        };
        if is_of_another_topic(metadata, own) {
            self.another_since.get_or_insert(now);
            return News::Another;
        }
        self.confirmed.insert(partition);
        News::Nothing
    }

    /// The partition was begun at its beginning, whatever was committed.
    pub(super) fn begun(&mut self, partition: i32) {
        self.confirmed.insert(partition);
    }

    /// What an offset of the partition may be committed with; none while none may be committed.
    pub(super) fn metadata(&self, partition: i32) -> Option<&str> {
        match &self.known {
            _ if self.another_since.is_some() => None,
            Known::Nothing => None,
            Known::WithoutId => Some(""),
            Known::Metadata(metadata) => self.confirmed.contains(&partition).then_some(metadata.as_str()),
        }
    }

    pub(super) fn forget(&mut self, partition: i32) {
        self.confirmed.remove(&partition);
    }

    /// Whether what was read cannot be read again.
    pub(super) fn is_gone(&self) -> bool {
        self.is_missing || self.is_another()
    }

    pub(super) fn is_another(&self) -> bool {
        self.another_since.is_some()
    }

    /// Whether the topic is to be read from its beginning now.
    pub(super) fn begins_again(&self, now: Instant) -> bool {
        let is_known = |since| now.duration_since(since) >= SPREADS_WITHIN;
        !self.is_missing && self.another_since.is_some_and(is_known)
    }

    /// A new client begins, which has no partitions yet.
    pub(super) fn renewed(&mut self) {
        self.another_since = None;
        self.confirmed.clear();
    }
}

/// Whether an offset is one of another topic of the same cluster. Tools that copy a group's offsets to another cluster translate
/// them, and copy the metadata as it is.
fn is_of_another_topic(metadata: &[u8], own: &str) -> bool {
    let found = str::from_utf8(metadata).ok().and_then(ids);
    match (found, ids(own)) {
        (Some((id, cluster)), Some((own_id, own_cluster))) => cluster == own_cluster && id != own_id,
        _ => false,
    }
}

/// The ids of the topic and of its cluster.
fn ids(metadata: &str) -> Option<(&str, &str)> {
    metadata.strip_prefix("topic-id=")?.split_once(" cluster-id=")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_id(id: &str) -> Described {
        Described::WithId(id.to_owned())
    }

    fn hear(topic: &mut TopicIdentity, described: &Described, now: Instant) -> News {
        topic.heard(described, || Some("c".to_owned()), now)
    }

    /// What is known after the broker gave this id.
    fn knowing(id: &str, now: Instant) -> TopicIdentity {
        let mut topic = TopicIdentity::default();
        assert_eq!(hear(&mut topic, &with_id(id), now), News::Nothing);
        topic
    }

    #[test]
    fn nothing_is_committed_until_the_id_and_what_was_committed_with_it_are_known() {
        let now = Instant::now();
        let mut topic = TopicIdentity::default();
        assert_eq!(topic.metadata(0), None);
        hear(&mut topic, &with_id("one"), now);
        assert_eq!(topic.metadata(0), None);
        assert_eq!(topic.unconfirmed(&[0, 1].into()), [&0, &1]);
        assert_eq!(topic.committed(0, b"", now), News::Nothing);
        assert_eq!(topic.metadata(0), Some("topic-id=one cluster-id=c"));
        assert_eq!(topic.metadata(1), None);
        assert_eq!(
            topic.committed(1, b"topic-id=one cluster-id=c", now),
            News::Nothing
        );
        assert_eq!(topic.metadata(1), Some("topic-id=one cluster-id=c"));
        topic.forget(1);
        assert_eq!(topic.metadata(1), None, "it was taken away, and may come back");
    }

    #[test]
    fn a_topic_that_is_made_again_is_read_from_its_beginning_once_all_brokers_know_it() {
        let begun = Instant::now();
        let mut topic = knowing("one", begun);
        topic.committed(0, b"", begun);
        assert_eq!(hear(&mut topic, &with_id("one"), begun), News::Nothing);
        assert_eq!(hear(&mut topic, &Described::Missing, begun), News::Nothing);
        assert!(topic.is_gone() && !topic.is_another());
        assert_eq!(hear(&mut topic, &with_id("two"), begun), News::Another);
        assert_eq!(topic.metadata(0), None, "which offsets are of which is not known");
        assert!(topic.is_gone() && !topic.begins_again(begun));
        let later = begun + SPREADS_WITHIN;
        assert!(topic.begins_again(later));
        hear(&mut topic, &Described::Missing, later);
        assert!(!topic.begins_again(later), "it was deleted once more");
        hear(&mut topic, &with_id("two"), later);
        assert!(topic.begins_again(later));
        topic.renewed();
        assert!(!topic.is_gone());
        assert_eq!(topic.metadata(0), None);
        topic.begun(0);
        assert_eq!(topic.metadata(0), Some("topic-id=two cluster-id=c"));
    }

    #[test]
    fn an_offset_of_a_topic_that_was_deleted_is_recognised_after_a_restart() {
        let now = Instant::now();
        let mut topic = knowing("two", now);
        let of_before = b"topic-id=one cluster-id=c";
        assert_eq!(topic.committed(0, of_before, now), News::Another);
        assert_eq!((topic.metadata(0), topic.is_another()), (None, true));
        let mut topic = knowing("two", now);
        for of_others in [
            &b"topic-id=one cluster-id=elsewhere"[..],
            b"",
            b"\xff",
            b"topic-id=one",
        ] {
            assert_eq!(topic.committed(0, of_others, now), News::Nothing, "{of_others:?}");
        }
    }

    #[test]
    fn without_ids_offsets_are_committed_all_the_same() {
        let now = Instant::now();
        let mut old = TopicIdentity::default();
        assert_eq!(hear(&mut old, &Described::WithoutId, now), News::WithoutId);
        assert_eq!(
            hear(&mut old, &Described::WithoutId, now),
            News::Nothing,
            "said once"
        );
        assert_eq!(old.metadata(0), Some(""));
        let mut failing = TopicIdentity::default();
        let said: Vec<News> = (0..FAILURES + 1).map(|_| failing.failed()).collect();
        assert_eq!(said.iter().filter(|news| **news == News::WithoutId).count(), 1);
        assert_eq!(failing.metadata(0), Some(""));
        hear(&mut failing, &with_id("one"), now);
        assert_eq!(failing.metadata(0), None, "it is known after all");
    }

    #[test]
    fn the_broker_is_asked_more_often_while_something_is_not_known() {
        let now = Instant::now();
        let owned = [0].into();
        let mut topic = knowing("one", now);
        topic.asked(now);
        assert!(!topic.is_due(&owned, now));
        assert!(topic.is_due(&owned, now + ASK_AGAIN));
        topic.begun(0);
        assert!(!topic.is_due(&owned, now + ASK_AGAIN));
        assert!(topic.is_due(&owned, now + ASK));
    }
}
