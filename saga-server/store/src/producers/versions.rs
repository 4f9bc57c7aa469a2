//! The versions of a service: when steps with each were recorded first and last.

use std::collections::BTreeMap;

use saga_types::Timestamp;
use serde::{Deserialize, Serialize};

/// How many versions of a service are known, those that recorded something last. A build number in the version makes very many.
const MAX_VERSIONS: usize = 50;

/// A version of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceVersion {
    /// As `serviceVersion` in the metadata of its events names it.
    pub version: String,
    /// When the first step with it was recorded, as far as is known.
    pub first_seen: Timestamp,
    /// When the last one was.
    pub last_seen: Timestamp,
}

/// When steps were recorded, first and last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Recorded {
    first: Timestamp,
    last: Timestamp,
}

impl Recorded {
    fn unite(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// The versions of a service that something was recorded with.
pub(super) type Versions = BTreeMap<String, Recorded>;

/// Adds a step.
pub(super) fn see(versions: &mut Versions, version: &str, recorded_at: Timestamp) {
    let recorded = Recorded {
        first: recorded_at,
        last: recorded_at,
    };
    let is_full = versions.len() >= MAX_VERSIONS;
    match versions.get_mut(version) {
        Some(known) => known.unite(recorded),
        None if is_full => {}
        None => _ = versions.insert(version.to_owned(), recorded),
    }
}

/// Both together, whatever their number.
pub(super) fn unite(versions: &mut Versions, others: Versions) {
    for (version, recorded) in others {
        versions
            .entry(version)
            .and_modify(|known| known.unite(recorded))
            .or_insert(recorded);
    }
}

/// Forgets those that were not recorded for longest, when there are too many.
pub(super) fn bound(versions: &mut Versions) {
    while versions.len() > MAX_VERSIONS {
        let oldest = versions.iter().min_by_key(|(_, recorded)| recorded.last);
        let Some(version) = oldest.map(|(version, _)| version.clone()) else {
            return;
        };
        versions.remove(&version);
    }
}

/// As they are shown, the newest first.
pub(super) fn view(versions: Versions) -> Vec<ServiceVersion> {
    let views = versions.into_iter().map(|(version, recorded)| ServiceVersion {
        version,
        first_seen: recorded.first,
        last_seen: recorded.last,
    });
    let mut views: Vec<ServiceVersion> = views.collect();
    views.sort_by_key(|view| std::cmp::Reverse((view.first_seen, view.version.clone())));
    views
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_versions_the_last_ones_are_known() {
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        let mut versions = Versions::new();
        for build in 0..200_i64 {
            let mut new = Versions::new();
            see(&mut new, &format!("1.0.{build}"), at(build * 10));
            see(&mut new, &format!("1.0.{build}"), at(build * 10 - 5));
            unite(&mut versions, new);
            bound(&mut versions);
        }
        let views = view(versions);
        assert_eq!(views.len(), MAX_VERSIONS);
        assert_eq!(
            (views[0].version.as_str(), views[0].first_seen, views[0].last_seen),
            ("1.0.199", at(1_985), at(1_990))
        );
    }
}
