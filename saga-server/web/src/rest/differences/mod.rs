//! `GET /api/v1/differences`: in what two groups of sagas differ.

mod filters;

use std::time::Duration;

use axum::Json;
use saga_normal::{
    counts::Share,
    differences::{Difference, Differences, Tally, differences, same_share, same_size},
};
use saga_types::{SagaStatus, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::{compare::percentile, statistics::ratio};
use crate::{
    http::{ApiError, params::yes_or_no, query_string::Params},
    rest::differences::filters::{GroupFilters, group},
    scoped::Reader,
};
use saga_collector::{freshness::Freshness, redaction::Redaction};
use saga_store::{Drawn, DrawnSaga};

/// How many sagas of each group are read.
const DRAWN: u32 = 2_000;

/// Shares and durations differ by more than chance when chance explains a difference at most so often.
pub(crate) const BY_CHANCE: f64 = 0.01;

/// How many differences are listed.
const LISTED: usize = 50;

/// The period of a group of which nothing is said: so much time until now.
const PERIOD: Duration = Duration::from_hours(7 * 24);

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupDifferences {
    pub(crate) a: Group,
    pub(crate) b: Group,
    /// What the comparison comes to, in a sentence.
    pub(crate) summary: String,
    /// The probability that the failure rates differ so much by chance.
    pub(crate) failure_rate_p_value: f64,
    /// The probability that the durations differ so much by chance.
    pub(crate) duration_p_value: f64,
    /// The values whose shares differ most, the greatest difference first; at most 50. Of 100 that are listed at most one is
    /// expected to differ by chance, however many were compared.
    pub(crate) values: Vec<ValueDifference>,
    /// How many differ, listed or not.
    pub(crate) different: usize,
    /// How many values were compared.
    pub(crate) compared: usize,
    /// Keys with so many values that they name sagas rather than sort them; these are not compared.
    pub(crate) identifiers: Vec<String>,
    freshness: Freshness,
}

/// A group of sagas.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Group {
    /// How many sagas there are.
    pub(crate) sagas: u64,
    /// Whether so many were counted, or else estimated.
    pub(crate) sagas_are_exact: bool,
    /// How many of them were read, at most 2,000, each with the same chance; what follows is of these.
    pub(crate) read: u64,
    pub(crate) completed: u64,
    /// FAILED or COMPENSATED.
    pub(crate) failed: u64,
    pub(crate) compensated: u64,
    pub(crate) in_progress: u64,
    pub(crate) failure_rate: f64,
    /// The failure rate of all sagas of the group is between these, with a confidence of 95 %.
    pub(crate) failure_rate_at_least: f64,
    pub(crate) failure_rate_at_most: f64,
    pub(crate) durations_seconds: Durations,
}

/// Of sagas that have ended; null when none has.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Durations {
    pub(crate) p50: Option<f64>,
    pub(crate) p95: Option<f64>,
}

/// A value that a different share of either group has.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ValueDifference {
    /// The key in the metadata; `producerService` for services, `serviceVersion` for their versions.
    pub(crate) key: String,
    /// The value; of `serviceVersion` the service and its version.
    pub(crate) value: String,
    /// How many of the sagas read of the first group have it.
    pub(crate) a: u64,
    /// How many of the second one.
    pub(crate) b: u64,
    pub(crate) share_a: f64,
    pub(crate) share_b: f64,
    /// The probability of such a difference by chance, allowing for the number of values that were compared.
    pub(crate) p_value: f64,
}

/// In what two groups of sagas differ
///
/// The groups are what /api/v1/sagas finds by the same filters, each with `a.` or `b.` before its name. They are compared by
/// outcome, duration, services, their versions, and everything that the metadata of their events has. Without dates a group is
/// of the last seven days.
#[utoipa::path(
    get, path = "/api/v1/differences", operation_id = "differences", tag = "sagas",
    params(
        GroupFilters,
        ("rest" = Option<bool>, Query, description = "Whether the sagas of the first group are left out of the second one"),
    ),
    responses((status = 200, description = "The differences", body = GroupDifferences))
)]
pub(super) async fn of_groups(reader: Reader, params: Params) -> Result<Json<GroupDifferences>, ApiError> {
    find(&reader, params).await.map(Json)
}

/// The differences between the groups that parameters ask for.
pub(crate) async fn find(reader: &Reader, mut params: Params) -> Result<GroupDifferences, ApiError> {
    let freshness = reader.freshness();
    let is_rest = params.parsed("rest", yes_or_no).unwrap_or(false);
    // The same for both, so that equal groups are equal.
    let since = Timestamp::now().saturating_sub(PERIOD);
    let mut group = |prefix| group(&mut params, prefix, since, &reader.redaction, &freshness);
    let (a, b) = (group("a."), group("b."));
    params.finish()?;
    let drawn = if is_rest {
        tokio::try_join!(reader.draw(&a, DRAWN), reader.draw_rest(&b, &a, DRAWN))?
    } else {
        tokio::try_join!(reader.draw(&a, DRAWN), reader.draw(&b, DRAWN))?
    };
    Ok(answer(drawn, a == b && !is_rest, &reader.redaction, freshness))
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
        failure_rate_p_value: same_share(failed_a, failed_b),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 1,000 sagas each, so many of which failed.
    fn compared(failed: [u64; 2]) -> GroupDifferences {
        let group = |failed: u64| {
            let saga = |number: u64| DrawnSaga {
                status: if number < failed {
                    SagaStatus::Failed
                } else {
                    SagaStatus::Completed
                },
                duration_ms: None,
                values: Default::default(),
            };
            Drawn {
                sagas: (0..1_000).map(saga).collect(),
                of: 1_000,
                of_is_exact: true,
            }
        };
        let freshness = Freshness {
            up_to_date: true,
            summary: String::new(),
            as_of: None,
            events_behind: None,
            observed_at: None,
            partitions: Vec::new(),
        };
        let [a, b] = failed.map(group);
        answer((a, b), false, &Redaction::default(), freshness)
    }

    /// 2.7 standard errors, whichever share fails.
    #[test]
    fn failure_rates_that_differ_are_found_where_most_sagas_fail_too() {
        for failed in [[100, 140], [470, 530], [860, 900]] {
            let p_value = compared(failed).failure_rate_p_value;
            assert!((0.001..BY_CHANCE).contains(&p_value), "{failed:?}: {p_value}");
        }
        assert!(compared([480, 520]).failure_rate_p_value > BY_CHANCE);
    }
}
