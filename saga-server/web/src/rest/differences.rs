//! `GET /api/v1/differences`: in what two groups of sagas differ.

use std::time::Duration;

use axum::Json;
use saga_normal::{
    counts::{Share, same_rate},
    differences::{Difference, Differences, Tally, differences, same_size},
};
use saga_types::{SagaStatus, Timestamp};
use serde::Serialize;
use utoipa::{
    IntoParams, Path, ToSchema,
    openapi::{
        RefOr,
        path::{Parameter, ParameterIn},
    },
};

use super::{compare::percentile, saga_filters, sagas, statistics::ratio};
use crate::{
    http::{
        ApiError,
        query_string::{BadParameters, Params},
    },
    scoped::Reader,
};
use saga_collector::{freshness::Freshness, redaction::Redaction};
use saga_store::{Drawn, DrawnSaga, SagaQuery};

/// How many sagas of each group are read.
const DRAWN: u32 = 2_000;

/// How many differences are listed.
const LISTED: usize = 50;

/// The period of a group of which nothing is said: so much time until now.
const PERIOD: Duration = Duration::from_hours(7 * 24);

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupDifferences {
    a: Group,
    b: Group,
    /// What the comparison comes to, in a sentence.
    summary: String,
    /// The probability that the failure rates differ so much by chance.
    failure_rate_p_value: f64,
    /// The probability that the durations differ so much by chance.
    duration_p_value: f64,
    /// The values whose shares differ most, the greatest difference first; at most 50. Of 100 that are listed at most one is
    /// expected to differ by chance, however many were compared.
    values: Vec<ValueDifference>,
    /// How many differ, listed or not.
    different: usize,
    /// How many values were compared.
    compared: usize,
    /// Keys with so many values that they name sagas rather than sort them; these are not compared.
    identifiers: Vec<String>,
    freshness: Freshness,
}

/// A group of sagas.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Group {
    /// How many sagas there are.
    sagas: u64,
    /// Whether so many were counted, or else estimated.
    sagas_are_exact: bool,
    /// How many of them were read, at most 2,000, each with the same chance; what follows is of these.
    read: u64,
    completed: u64,
    /// FAILED or COMPENSATED.
    failed: u64,
    compensated: u64,
    in_progress: u64,
    failure_rate: f64,
    /// The failure rate of all sagas of the group is between these, with a confidence of 95 %.
    failure_rate_at_least: f64,
    failure_rate_at_most: f64,
    durations_seconds: Durations,
}

/// Of sagas that have ended; null when none has.
#[derive(Debug, Serialize, ToSchema)]
struct Durations {
    p50: Option<f64>,
    p95: Option<f64>,
}

/// A value that a different share of either group has.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ValueDifference {
    /// The key in the metadata; `producerService` for services, `serviceVersion` for their versions.
    key: String,
    /// The value; of `serviceVersion` the service and its version.
    value: String,
    /// How many of the sagas read of the first group have it.
    a: u64,
    /// How many of the second one.
    b: u64,
    share_a: f64,
    share_b: f64,
    /// The probability of such a difference by chance, allowing for the number of values that were compared.
    p_value: f64,
}

/// The filters of both groups.
pub(super) struct GroupFilters;

const PREFIXES: [(&str, &str); 2] = [("a", "first"), ("b", "second")];

/// Parameters of a list that say where in the list, and not what is in it.
const PLACES: [&str; 4] = ["page", "size", "cursor", "sort"];

impl IntoParams for GroupFilters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let filters = sagas::__path_search::operation().parameters.unwrap_or_default();
        let filters = filters.into_iter().filter_map(|filter| match filter {
            RefOr::T(filter) => Some(filter),
            RefOr::Ref(_) => None,
        });
        let filters = filters.filter(|filter| !PLACES.contains(&filter.name.as_str()));
        let filters: Vec<Parameter> = filters.collect();
        let of_group = |(prefix, which): (&str, &str)| {
            let prefix = prefix.to_owned();
            let which = which.to_owned();
            let filters = filters.clone().into_iter();
            filters
                .map(move |filter| named(filter, &prefix, &which))
                .collect::<Vec<_>>()
        };
        PREFIXES.into_iter().flat_map(of_group).collect()
    }
}

fn named(mut filter: Parameter, prefix: &str, which: &str) -> Parameter {
    if filter.name == "metadata" {
        filter.schema = Some(saga_filters::metadata_filter(&format!("{prefix}.")));
    }
    filter.name = format!("{prefix}.{}", filter.name);
    let description = filter.description.take().unwrap_or_default();
    filter.description = Some(format!("Of the {which} group: {description}"));
    filter
}

/// In what two groups of sagas differ
///
/// The groups are what /api/v1/sagas finds by the same filters, each with `a.` or `b.` before its name. They are compared by
/// outcome, duration, services, their versions, and everything that the metadata of their events has. Without dates a group is
/// of the last seven days.
#[utoipa::path(
    get, path = "/api/v1/differences", operation_id = "differences", tag = "sagas",
    params(GroupFilters),
    responses((status = 200, description = "The differences", body = GroupDifferences))
)]
pub(super) async fn of_groups(
    reader: Reader,
    mut params: Params,
) -> Result<Json<GroupDifferences>, ApiError> {
    let freshness = reader.freshness();
    // The same for both, so that equal groups are equal.
    let since = Timestamp::now().saturating_sub(PERIOD);
    let mut group = |prefix| group(&mut params, prefix, since, &reader.redaction, &freshness);
    let (a, b) = (group("a."), group("b."));
    params.finish()?;
    let drawn = tokio::try_join!(reader.draw(&a, DRAWN), reader.draw(&b, DRAWN))?;
    Ok(Json(answer(drawn, a == b, &reader.redaction, freshness)))
}

/// What is wrong is named with its prefix.
fn group(
    params: &mut Params,
    prefix: &str,
    since: Timestamp,
    redaction: &Redaction,
    freshness: &Freshness,
) -> SagaQuery {
    let given = params.prefixed(prefix);
    for place in PLACES.iter().filter(|place| given.contains_key(**place)) {
        params.refuse(&format!("{prefix}{place}"), "is no filter");
    }
    let given: Vec<(String, String)> = given.into_iter().collect();
    match sagas::read(Params::from(given), redaction, freshness) {
        Ok((mut query, _)) => {
            if query.started_from.is_none() && query.started_to.is_none() {
                query.started_from = Some(since);
            }
            query
        }
        Err(BadParameters(bad)) => {
            for (name, reason) in bad {
                params.refuse(&format!("{prefix}{name}"), reason);
            }
            // Never asked for: the request is refused.
            SagaQuery::newest(1)
        }
    }
}

fn answer(
    (a, b): (Drawn, Drawn),
    is_the_same: bool,
    redaction: &Redaction,
    freshness: Freshness,
) -> GroupDifferences {
    let found = match is_the_same {
        true => Differences::default(),
        false => differences(&tally(&a, redaction), &tally(&b, redaction)),
    };
    let durations = [&a, &b].map(|drawn| {
        drawn
            .sagas
            .iter()
            .filter_map(|saga| saga.duration_ms)
            .collect::<Vec<_>>()
    });
    let (failed_a, failed_b) = (failed(&a), failed(&b));
    GroupDifferences {
        summary: summary(&a, &b, is_the_same, &found),
        failure_rate_p_value: same_rate(failed_a, failed_b),
        duration_p_value: same_size(&durations[0], &durations[1]),
        a: Group::of(&a, failed_a),
        b: Group::of(&b, failed_b),
        different: found.values.len(),
        values: found
            .values
            .into_iter()
            .take(LISTED)
            .map(ValueDifference::from)
            .collect(),
        compared: found.compared,
        identifiers: found.identifiers,
        freshness,
    }
}

/// Nothing that is hidden is compared: a share may tell a value, too.
fn tally(drawn: &Drawn, redaction: &Redaction) -> Tally {
    let mut tally = Tally::default();
    for saga in &drawn.sagas {
        let shown = saga
            .values
            .iter()
            .filter(|(key, _)| !redaction.hides(key))
            .cloned();
        tally.add(&shown.collect());
    }
    tally
}

fn count(drawn: &Drawn, is_counted: impl Fn(&DrawnSaga) -> bool) -> u64 {
    drawn.sagas.iter().filter(|saga| is_counted(saga)).count() as u64
}

fn failed(drawn: &Drawn) -> Share {
    Share {
        of: count(drawn, |saga| {
            matches!(saga.status, SagaStatus::Failed | SagaStatus::Compensated)
        }),
        all: drawn.sagas.len() as u64,
    }
}

fn summary(a: &Drawn, b: &Drawn, is_the_same: bool, found: &Differences) -> String {
    if is_the_same {
        return "Both groups are the same sagas.".to_owned();
    }
    for (name, drawn) in [("first", a), ("second", b)] {
        if drawn.sagas.is_empty() {
            return format!("The {name} group has no sagas.");
        }
    }
    match found.values.first() {
        None => format!(
            "None of the {} values compared differs between {} and {} sagas by more than chance.",
            found.compared,
            a.sagas.len(),
            b.sagas.len()
        ),
        Some(most) => format!(
            "{} = {}: {} of {} sagas against {} of {}.",
            most.key, most.value, most.left.of, most.left.all, most.right.of, most.right.all
        ),
    }
}

impl Group {
    fn of(drawn: &Drawn, failed: Share) -> Self {
        let mut durations: Vec<i64> = drawn.sagas.iter().filter_map(|saga| saga.duration_ms).collect();
        durations.sort_unstable();
        let (least, most) = failed.interval();
        Self {
            sagas: drawn.of,
            sagas_are_exact: drawn.of_is_exact,
            read: failed.all,
            completed: count(drawn, |saga| saga.status == SagaStatus::Completed),
            failed: failed.of,
            compensated: count(drawn, |saga| saga.status == SagaStatus::Compensated),
            in_progress: count(drawn, |saga| !saga.status.is_terminal()),
            failure_rate: ratio(failed.of, failed.all),
            failure_rate_at_least: least,
            failure_rate_at_most: most,
            durations_seconds: Durations {
                p50: percentile(&durations, 50),
                p95: percentile(&durations, 95),
            },
        }
    }
}

impl From<Difference> for ValueDifference {
    fn from(difference: Difference) -> Self {
        Self {
            share_a: difference.left.value(),
            share_b: difference.right.value(),
            a: difference.left.of,
            b: difference.right.of,
            key: difference.key,
            value: difference.value,
            p_value: difference.p_value,
        }
    }
}
