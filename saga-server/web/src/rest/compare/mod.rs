//! `GET /api/v1/compare`: two versions of a service, side by side over the same minutes, with a verdict.
//!
//! | part | what |
//! | --- | --- |
//! | `followed` | which sagas are compared |
//! | `types` | outcomes, failures and transitions, type by type |

mod followed;
mod types;

use std::time::Duration;

use axum::Json;
use saga_normal::{
    counts::Share,
    follow_up::Followed,
    sequential::{Judgement, MARGIN, Verdict},
};
use saga_types::{SagaStatus, SagaType, Timestamp, keys};
use serde::Serialize;
use utoipa::ToSchema;

use self::types::TypeComparison;
use super::{saga_filters::saga_type, versions};
use crate::{
    http::{ApiError, date_range::DateRange, query_string::Params},
    scoped::Reader,
};
use saga_collector::freshness::Freshness;
use saga_store::{Scope, ServiceVersion, VersionSaga, VersionSagas, VersionsQuery};

/// The period when neither its beginning is said nor when the candidate was first seen is known.
const PERIOD: Duration = Duration::from_hours(24);

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VersionComparison {
    service: String,
    /// The first moment of the period.
    from: Timestamp,
    /// Its last moment.
    to: Timestamp,
    pub(crate) verdict: VersionVerdict,
    /// The verdict and what it rests on, in a sentence.
    pub(crate) summary: String,
    /// By how much the candidate's failure rate is greater than the baseline's in the same minutes; 0.02 are two points.
    difference: f64,
    /// The least that the difference is, with a confidence of 95 % at all moments of looking together.
    difference_at_least: f64,
    /// The greatest that it is.
    difference_at_most: f64,
    /// Up to which difference the candidate is not worse.
    margin: f64,
    baseline: Version,
    candidate: Version,
    /// How many sagas had steps of several versions of the service; they are left out.
    mixed: u64,
    /// How many sagas of either version started so recently that they may not have had the time to end; they are not compared.
    too_recent: u64,
    /// Whether all sagas of the period were looked at. When not, the first 20,000 were, from its beginning.
    pub(crate) period_is_whole: bool,
    /// What the sagas of the same minutes did, by type, that with the most sagas first; at most 20.
    types: Vec<TypeComparison>,
    freshness: Freshness,
}

/// Whether the candidate fails more often. It may be asked for at any moment and again and again: of candidates that are not
/// worse at most one in twenty is ever called worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum VersionVerdict {
    /// It fails more often than the baseline.
    Worse,
    /// It fails as often, more rarely, or more often by less than the margin.
    NotWorse,
    /// There are too few sagas yet.
    NotYetKnown,
}

/// The sagas of one version.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Version {
    version: String,
    /// When the service first recorded a step with it, as far as is known.
    first_seen: Option<Timestamp>,
    /// When it last did.
    last_seen: Option<Timestamp>,
    /// How many sagas of the period it took part in.
    sagas: u64,
    /// How many of them have ended.
    ended: u64,
    /// How many of them have failed, also those that were compensated since.
    failed: u64,
    /// Failed / ended.
    failure_rate: f64,
    /// The same of those that are compared.
    same_minutes: SameMinutes,
    duration_percentiles_seconds: DurationPercentiles,
}

/// Sagas that started in minutes in which both versions have some of their type, and had the time to end.
#[derive(Debug, Serialize, ToSchema)]
struct SameMinutes {
    /// How many, whether they have ended or go on.
    sagas: u64,
    failed: u64,
}

/// Of ended sagas; null when none has ended.
#[derive(Debug, Serialize, ToSchema)]
struct DurationPercentiles {
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

/// Two versions of a service side by side, and whether the new one is worse
///
/// Sagas belong to a version by the steps that the service recorded in them. Without a beginning the period begins when the
/// candidate was first seen. Outcomes, failures and transitions are of sagas of the same minutes that had the time to end: a
/// saga counts from when it started as long ago as 99 of 100 of its type take, whether it has ended or not.
#[utoipa::path(
    get, path = "/api/v1/compare", operation_id = "compareVersions", tag = "sagas",
    params(
        ("service" = String, Query, example = "payment-service", min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$", description = "The service"),
        ("baseline" = String, Query, example = "2.7.0", min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$", description = "Its version before"),
        ("candidate" = String, Query, example = "2.8.0", min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$", description = "The version that is evaluated; another one than the baseline"),
        ("sagaType" = Option<SagaType>, Query, description = "Only sagas of this type"),
        DateRange,
        ("margin" = Option<f64>, Query, minimum = 0.001, maximum = 0.5, description = "Up to which difference of failure rates the candidate is not worse; 0.02, two points, if not given"),
    ),
    responses((status = 200, description = "The comparison", body = VersionComparison))
)]
pub(super) async fn two_versions(
    reader: Reader,
    params: Params,
) -> Result<Json<VersionComparison>, ApiError> {
    let (mut comparison, found, followed) = compared(&reader, params).await?;
    let compared = followed.counted.iter().map(|place| &found.sagas[*place]);
    let compared: Vec<&VersionSaga> = compared.collect();
    comparison.types = types::side_by_side(&reader, &compared).await?;
    Ok(Json(comparison))
}

/// A comparison without what the sagas of each type did, of versions that may be among those that are known.
pub(crate) async fn find(
    reader: &Reader,
    query: VersionsQuery,
    known: &[ServiceVersion],
) -> Result<VersionComparison, ApiError> {
    Ok(of_query(reader, query, known, MARGIN).await?.0)
}

/// The comparison, the sagas that were found, and which of them are compared.
async fn compared(
    reader: &Reader,
    mut params: Params,
) -> Result<(VersionComparison, VersionSagas, Followed), ApiError> {
    let DateRange { from, to } = DateRange::take(&mut params);
    let saga_type = params.parsed("sagaType", saga_type);
    let margin = params.parsed("margin", margin).unwrap_or(MARGIN);
    let mut name = |name: &str| needed(&mut params, name);
    let (service, baseline, candidate) = (name("service"), name("baseline"), name("candidate"));
    if baseline == candidate && !baseline.is_empty() {
        params.refuse("candidate", "must be another version than the baseline");
    }
    if reader.redaction.hides(keys::SERVICE_VERSION) {
        params.refuse("candidate", versions::HIDDEN);
    }
    params.finish()?;
    let known = versions::of_service(reader, &service).await?;
    let to = to.unwrap_or_else(Timestamp::now);
    let first_seen = seen(&known, &candidate).map(|seen| seen.first_seen);
    let from = from.or(first_seen).unwrap_or_else(|| to.saturating_sub(PERIOD));
    let query = VersionsQuery {
        scope: Scope::All,
        service,
        baseline,
        candidate,
        saga_type,
        from: from.min(to),
        to,
        most: VersionsQuery::LOOKED_AT,
    };
    of_query(reader, query, &known, margin).await
}

async fn of_query(
    reader: &Reader,
    query: VersionsQuery,
    known: &[ServiceVersion],
    margin: f64,
) -> Result<(VersionComparison, VersionSagas, Followed), ApiError> {
    let freshness = reader.freshness();
    let found = reader.version_sagas(&query).await?;
    let before = followed::before(reader, &query).await?;
    let moment = freshness.judged_at(Timestamp::now());
    let followed = followed::followed(&found.sagas, &before, moment);
    let comparison = answer(query, (&found, &followed), known, margin, freshness);
    Ok((comparison, found, followed))
}

fn seen<'a>(known: &'a [ServiceVersion], version: &str) -> Option<&'a ServiceVersion> {
    known.iter().find(|known| known.version == version)
}

fn needed(params: &mut Params, name: &str) -> String {
    if !params.given().iter().any(|(given, _)| given == name) {
        params.refuse(name, "is needed");
    }
    params.parsed(name, versions::name).unwrap_or_default()
}

fn margin(text: &str) -> Result<f64, String> {
    let margin = text.parse().ok().filter(|margin| (0.001..=0.5).contains(margin));
    margin.ok_or_else(|| "must be a number from 0.001 to 0.5".to_owned())
}

fn answer(
    query: VersionsQuery,
    (found, followed): (&VersionSagas, &Followed),
    known: &[ServiceVersion],
    margin: f64,
    freshness: Freshness,
) -> VersionComparison {
    let judgement = followed.comparison.judge(margin);
    let of = |is_candidate: bool| {
        found
            .sagas
            .iter()
            .filter(move |saga| saga.is_candidate == is_candidate)
    };
    let baseline = version(query.baseline, known, of(false), judgement.baseline);
    let candidate = version(query.candidate, known, of(true), judgement.candidate);
    VersionComparison {
        summary: summary(&query.service, &judgement, &baseline, &candidate, margin)
            + &too_recent(followed.too_recent),
        service: query.service,
        from: query.from,
        to: query.to,
        verdict: judgement.verdict.into(),
        difference: judgement.difference,
        difference_at_least: judgement.interval.0,
        difference_at_most: judgement.interval.1,
        margin,
        baseline,
        candidate,
        mixed: found.mixed,
        too_recent: followed.too_recent,
        period_is_whole: found.is_whole,
        types: Vec::new(),
        freshness,
    }
}

fn has_failed(saga: &VersionSaga) -> bool {
    matches!(saga.status, SagaStatus::Failed | SagaStatus::Compensated)
}

fn version<'a>(
    version: String,
    known: &[ServiceVersion],
    sagas: impl Iterator<Item = &'a VersionSaga> + Clone,
    same_minutes: Share,
) -> Version {
    let ended = sagas.clone().filter(|saga| saga.status.is_terminal()).count() as u64;
    let failed = sagas.clone().filter(|saga| has_failed(saga)).count() as u64;
    let mut durations: Vec<i64> = sagas.clone().filter_map(|saga| saga.duration_ms).collect();
    durations.sort_unstable();
    let seen = seen(known, &version);
    Version {
        first_seen: seen.map(|seen| seen.first_seen),
        last_seen: seen.map(|seen| seen.last_seen),
        version,
        sagas: sagas.count() as u64,
        ended,
        failed,
        failure_rate: super::statistics::ratio(failed, ended),
        same_minutes: SameMinutes {
            sagas: same_minutes.all,
            failed: same_minutes.of,
        },
        duration_percentiles_seconds: DurationPercentiles {
            p50: percentile(&durations, 50),
            p95: percentile(&durations, 95),
            p99: percentile(&durations, 99),
        },
    }
}

/// The smallest of them that so many of 100 do not exceed, in seconds.
pub(super) fn percentile(sorted_ms: &[i64], share: usize) -> Option<f64> {
    let rank = (sorted_ms.len() * share).div_ceil(100);
    let millis = *sorted_ms.get(rank.checked_sub(1)?)?;
    Some(Duration::from_millis(millis.unsigned_abs()).as_secs_f64())
}

fn summary(
    service: &str,
    judgement: &Judgement,
    baseline: &Version,
    candidate: &Version,
    margin: f64,
) -> String {
    let points = |share: f64| format!("{:.1}", share * 100.0);
    let (low, high) = judgement.interval;
    let compared = format!(
        "{} of {} sagas failed with {}, {} of {} with {} in the same minutes; the difference is between {} and {} points",
        judgement.candidate.of,
        judgement.candidate.all,
        candidate.version,
        judgement.baseline.of,
        judgement.baseline.all,
        baseline.version,
        points(low),
        points(high)
    );
    let name = format!("{service} {}", candidate.version);
    match judgement.verdict {
        Verdict::Worse => format!("{name} is worse than {}: {compared}.", baseline.version),
        Verdict::NotWorse => format!(
            "{name} is not worse than {} by {} points or more: {compared}.",
            baseline.version,
            points(margin)
        ),
        Verdict::NotYetKnown if judgement.candidate.all == 0 => {
            format!(
                "Not yet known whether {name} is worse: it and {} have no sagas of the same type that started in the same \
                 minutes and have had the time to end.",
                baseline.version
            )
        }
        Verdict::NotYetKnown => format!("Not yet known whether {name} is worse: {compared}."),
    }
}

fn too_recent(sagas: u64) -> String {
    match sagas {
        0 => String::new(),
        1 => " One saga started too recently to be compared.".to_owned(),
        sagas => format!(" {sagas} sagas started too recently to be compared."),
    }
}

impl From<Verdict> for VersionVerdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Worse => Self::Worse,
            Verdict::NotWorse => Self::NotWorse,
            Verdict::NotYetKnown => Self::NotYetKnown,
        }
    }
}
