//! The versions of a service: when each was first seen, whether the newest one is worse, and links to what changed with each.

use saga_store::{Scope, ServiceVersion, VersionsQuery};
use saga_types::{Timestamp, keys};

use crate::{
    http::ApiError,
    rest::{VersionVerdict, find_comparison, previous_version},
    scoped::Reader,
    ui::{
        differences,
        humanize::{Moment, number},
        markers::before_and_after,
        period::Period,
        query::address,
    },
};

/// How many versions are listed, those that were first seen last.
const LISTED: usize = 5;

/// About how many sagas are looked at for the verdict: as soon as the page may take.
const LOOKED_AT: u32 = 2_000;

/// What is known of the versions of a service.
#[derive(Default)]
pub(super) struct Deploys {
    pub(super) versions: Vec<Deploy>,
    pub(super) verdict: Option<Verdict>,
}

/// The newest version against the one before.
pub(super) struct Verdict {
    pub(super) sentence: String,
    pub(super) is_worse: bool,
    /// Of so many sagas, where there are more in the period.
    pub(super) of_first: Option<String>,
    /// The whole comparison, for programs.
    pub(super) whole: String,
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
    /// Of versions of which the newest one comes first, in what started within the period.
    pub(super) async fn of(
        reader: &Reader,
        service: &str,
        versions: &[ServiceVersion],
        period: &Period,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        if reader.redaction.hides(keys::SERVICE_VERSION) {
            return Ok(Self::default());
        }
        Ok(Self {
            verdict: verdict(reader, service, versions, period).await?,
            versions: versions
                .iter()
                .take(LISTED)
                .map(|version| Deploy::of(service, version, versions, period, now))
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

/// Of the version that was the newest one at the end of the period, since it came or since the beginning of the period. Before it
/// came there is nothing to compare it with.
async fn verdict(
    reader: &Reader,
    service: &str,
    versions: &[ServiceVersion],
    period: &Period,
) -> Result<Option<Verdict>, ApiError> {
    let newest = versions.iter().find(|version| version.first_seen <= period.to);
    let Some((newest, previous)) =
        newest.and_then(|newest| Some((newest, previous_version(versions, newest)?)))
    else {
        return Ok(None);
    };
    let query = VersionsQuery {
        scope: Scope::All,
        service: service.to_owned(),
        baseline: previous.version.clone(),
        candidate: newest.version.clone(),
        saga_type: None,
        from: period.from.max(newest.first_seen),
        to: period.to,
        most: LOOKED_AT,
    };
    let named = [
        ("service", query.service.clone()),
        ("baseline", query.baseline.clone()),
        ("candidate", query.candidate.clone()),
        ("fromDate", query.from.to_string()),
        ("toDate", query.to.to_string()),
    ];
    let named = named.map(|(name, value)| (name.to_owned(), value));
    let found = find_comparison(reader, query, versions).await?;
    Ok(Some(Verdict {
        sentence: found.summary,
        is_worse: found.verdict == VersionVerdict::Worse,
        of_first: (!found.period_is_whole).then(|| number(u64::from(LOOKED_AT))),
        whole: address("/api/v1/compare", &named),
    }))
}
