//! The versions of a service: when each was first seen, whether the newest one is worse, and links to what changed with each.

use saga_store::ServiceVersion;
use saga_types::Timestamp;

use crate::{
    http::{ApiError, query_string::Params},
    rest::{VersionVerdict, find_comparison, find_versions, previous_version},
    scoped::Reader,
    ui::{differences, humanize::Moment, markers::before_and_after, period::Period},
};

/// How many versions are listed, those that were first seen last.
const LISTED: usize = 5;

/// What is known of the versions of a service.
pub(super) struct Deploys {
    pub(super) versions: Vec<Deploy>,
    /// The newest version against the one before, in a sentence, and whether it is worse.
    pub(super) verdict: Option<(String, bool)>,
}

pub(super) struct Deploy {
    pub(super) version: String,
    pub(super) first_seen: Moment,
    pub(super) last_seen: Moment,
    /// None of the first version.
    pub(super) previous: Option<Previous>,
}

/// A version against the one before.
pub(super) struct Previous {
    pub(super) version: String,
    pub(super) differs: String,
    pub(super) before_and_after: String,
}

impl Deploys {
    /// Of what started within the period.
    pub(super) async fn of(
        reader: &Reader,
        service: &str,
        period: &Period,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let mut found = find_versions(reader, Some(service.to_owned())).await?;
        let mut versions = found.pop().map(|(_, versions)| versions).unwrap_or_default();
        versions.sort_by_key(|version| std::cmp::Reverse(version.first_seen));
        Ok(Self {
            verdict: verdict(reader, service, &versions, period).await?,
            versions: versions
                .iter()
                .take(LISTED)
                .map(|version| Deploy::of(service, version, &versions, period, now))
                .collect(),
        })
    }
}

impl Deploy {
    fn of(
        service: &str,
        version: &ServiceVersion,
        all: &[ServiceVersion],
        period: &Period,
        now: Timestamp,
    ) -> Self {
        let previous = previous_version(all, version).map(|previous| Previous {
            version: previous.version.clone(),
            differs: differences::of_versions(service, [&version.version, &previous.version], period),
            before_and_after: before_and_after(service, version.first_seen, period),
        });
        Self {
            version: version.version.clone(),
            first_seen: Moment::new(version.first_seen, now),
            // Events came while the page was made.
            last_seen: Moment::new(version.last_seen.min(now), now),
            previous,
        }
    }
}

/// Of the version that was the newest one at the end of the period, if it was there before its beginning or came within it.
async fn verdict(
    reader: &Reader,
    service: &str,
    versions: &[ServiceVersion],
    period: &Period,
) -> Result<Option<(String, bool)>, ApiError> {
    let newest = versions.iter().find(|version| version.first_seen <= period.to);
    let Some((newest, previous)) =
        newest.and_then(|newest| Some((newest, previous_version(versions, newest)?)))
    else {
        return Ok(None);
    };
    let named = [
        ("service", service),
        ("baseline", &previous.version),
        ("candidate", &newest.version),
    ];
    let named = named.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let all: Vec<_> = named.into_iter().chain(period.fixed()).collect();
    let found = find_comparison(reader, Params::from(all)).await?;
    Ok(Some((found.summary, found.verdict == VersionVerdict::Worse)))
}
