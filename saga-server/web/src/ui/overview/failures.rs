//! What failed, and why: shares and trends.
//!
//! Where there are too many failures to read all, those that were read count for all of them.

use std::collections::BTreeMap;

use crate::ui::{
    acknowledge::Mark,
    change::{Change, Compared},
    differences::of_failures,
    humanize,
    period::Period,
    query::address,
    sparkline::Sparkline,
};
use crate::{acknowledgements, scoped::Reader};
use saga_collector::redaction::{REDACTED, Redaction};
use saga_store::{FailureCount, Sample, StoreError, Subjects, Trends};
use saga_types::{
    Timestamp,
    definition::Definitions,
    fold::{failure_fingerprint, failure_group},
};

/// How many kinds of failures are shown.
const SHOWN: usize = 12;

/// Kinds of failures, the most frequent first.
pub(super) struct Failures {
    pub(super) rows: Vec<FailureRow>,
    /// How many sagas failed in the period.
    pub(super) total: String,
    /// How many of them were looked at, when that is not all.
    pub(super) read: Option<String>,
    /// Kinds that are too many to be shown, and their sagas.
    pub(super) others: Option<(usize, String)>,
}

/// Sagas that failed at one step for one reason.
pub(super) struct FailureRow {
    pub(super) step: String,
    pub(super) reason: Option<String>,
    pub(super) sagas: Compared,
    pub(super) share: String,
    /// For a bar, in hundredths.
    pub(super) hundredths: u32,
    pub(super) trend: Trend,
    pub(super) spark: Sparkline,
    pub(super) path: String,
    /// The name of the group; none where reasons are not shown.
    pub(super) name: Option<String>,
    /// Who takes care of it.
    pub(super) marks: Vec<Mark>,
    /// In what these sagas differ from others.
    pub(super) differs: String,
}

/// How the rate changed within the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trend {
    New,
    Rising,
    Steady,
    Falling,
}

impl Trend {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Rising => "rising",
            Self::Steady => "steady",
            Self::Falling => "falling",
        }
    }

    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::New => "★",
            Self::Rising => "▲",
            Self::Steady => "→",
            Self::Falling => "▼",
        }
    }

    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::New | Self::Rising => "up",
            Self::Steady => "level",
            Self::Falling => "down",
        }
    }

    /// Compares the last quarter of the slots with those before.
    fn of(slots: &[f64]) -> Self {
        let late = slots.len().div_ceil(4).max(1);
        let (before, lately) = slots.split_at(slots.len() - late);
        let rate = |slots: &[f64]| slots.iter().sum::<f64>() / humanize::precise(slots.len().max(1));
        let (before, lately) = (rate(before), rate(lately));
        // A few more or less mean nothing.
        let is_many = (lately - before).abs() * humanize::precise(late) >= 3.0;
        match (before, lately) {
            (0.0, 1e-9..) => Self::New,
            _ if is_many && lately > before * 1.5 => Self::Rising,
            _ if is_many && lately < before / 1.5 => Self::Falling,
            _ => Self::Steady,
        }
    }
}

/// Step and reason.
type Kind = (Option<String>, Option<String>);

type Kinds = BTreeMap<Kind, Vec<f64>>;

/// What of the sagas may be shown, and what is known of their types.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) redaction: &'a Redaction,
    pub(super) definitions: &'a Definitions,
}

/// The period that another one is compared with: what failed in it, and how many sagas started in each.
pub(super) struct Before<'a> {
    pub(super) failures: &'a saga_store::Failures,
    pub(super) started: u64,
    pub(super) started_now: u64,
}

impl Failures {
    /// From what was read of the period.
    pub(super) fn of(
        failures: &saga_store::Failures,
        before: Option<&Before<'_>>,
        trends: &Trends,
        reader: Shown<'_>,
        period: &Period,
    ) -> Self {
        let redaction = reader.redaction;
        let mut kinds = Kinds::new();
        for count in &failures.counts {
            let slots = kinds.entry(kind(count, redaction));
            let slots = slots.or_insert_with(|| vec![0.0; trends.slots.len()]);
            if let Some(slot) = slots.get_mut(count.slot) {
                *slot += humanize::precise_count(count.sagas) * failures.sample.weight();
            }
        }
        let mut earlier: BTreeMap<Kind, f64> = BTreeMap::new();
        for count in before.iter().flat_map(|before| &before.failures.counts) {
            *earlier.entry(kind(count, redaction)).or_default() += humanize::precise_count(count.sagas);
        }
        let compared = |kind: &Kind, now: f64| {
            let before = before.map(|before| {
                let earlier = earlier.get(kind).copied().unwrap_or(0.0);
                let started = humanize::precise_count;
                let earlier = earlier * before.failures.sample.weight();
                let change = Change::of_estimates(
                    (now, started(before.started_now)),
                    (earlier, started(before.started)),
                );
                (humanize::about(earlier), change)
            });
            Compared {
                now: humanize::about(now),
                change: before.as_ref().map_or(Change::Unclear, |(_, change)| *change),
                before: before.map(|(before, _)| before),
            }
        };
        Self::most_frequent(kinds, &compared, failures.sample, reader.definitions, period)
    }

    fn most_frequent(
        kinds: Kinds,
        compared: &dyn Fn(&Kind, f64) -> Compared,
        sample: Sample,
        definitions: &Definitions,
        period: &Period,
    ) -> Self {
        let sum = |slots: &[f64]| slots.iter().sum::<f64>();
        let mut kinds: Vec<_> = kinds
            .into_iter()
            .map(|(kind, slots)| (sum(&slots), kind, slots))
            .collect();
        kinds.sort_by(|left, right| right.0.total_cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
        let total: f64 = kinds.iter().map(|(sagas, ..)| sagas).sum();
        let others = kinds.split_off(kinds.len().min(SHOWN));
        let many: f64 = others.iter().map(|(sagas, ..)| sagas).sum();
        let row = |(sagas, kind, slots): (f64, Kind, Vec<f64>)| {
            let share = sagas / total;
            let sagas = compared(&kind, sagas);
            let (step, reason) = kind;
            let filters = group_filters(step.as_deref(), reason.as_deref(), period);
            FailureRow {
                name: (reason.as_deref() != Some(REDACTED))
                    .then(|| failure_group(step.as_deref(), reason.as_deref())),
                marks: Vec::new(),
                path: address("/sagas", &filters),
                differs: of_failures(&filters, step.as_deref(), definitions),
                step: step.unwrap_or_else(|| "Unknown step".to_owned()),
                reason,
                sagas,
                share: humanize::percent(share),
                hundredths: humanize::hundredths(share),
                trend: Trend::of(&slots),
                spark: Sparkline::new(&slots, "failed"),
            }
        };
        Self {
            rows: kinds.into_iter().map(row).collect(),
            total: humanize::about(total),
            read: (!sample.is_all()).then(|| humanize::number(sample.sagas)),
            others: (!others.is_empty()).then(|| (others.len(), humanize::about(many))),
        }
    }
}

impl Failures {
    /// With who takes care of the groups that are shown.
    pub(super) async fn with_marks(mut self, reader: &Reader, now: Timestamp) -> Result<Self, StoreError> {
        let names = self.rows.iter().filter_map(|row| row.name.clone()).collect();
        for found in acknowledgements::of(reader, Subjects::FailureGroups(names)).await? {
            let mut rows = self.rows.iter_mut();
            if let Some(row) = rows.find(|row| row.name.is_some() && row.name == found.failure_group) {
                row.marks.push(Mark::new(found, now));
            }
        }
        Ok(self)
    }
}

fn kind(count: &FailureCount, redaction: &Redaction) -> Kind {
    let reason = redaction.failure_reason(count.reason.clone());
    let reason = reason.map(|reason| match reason.as_str() {
        REDACTED => reason,
        shown => failure_fingerprint(shown),
    });
    (count.step.clone(), reason.filter(|reason| !reason.is_empty()))
}

/// What finds the sagas of a group, exactly; where reasons are hidden, those that failed at its step.
fn group_filters(step: Option<&str>, reason: Option<&str>, period: &Period) -> Vec<(String, String)> {
    let filter = match (step, reason) {
        (Some(step), Some(REDACTED)) => ("failedStep".to_owned(), step.to_owned()),
        _ => ("failureGroup".to_owned(), failure_group(step, reason)),
    };
    std::iter::once(filter).chain(period.fixed()).collect()
}

/// The list of those sagas.
pub(in crate::ui) fn path(step: Option<&str>, reason: Option<&str>, period: &Period) -> String {
    address("/sagas", &filters(step, reason, period))
}

/// What finds those sagas.
pub(in crate::ui) fn filters(
    step: Option<&str>,
    reason: Option<&str>,
    period: &Period,
) -> Vec<(String, String)> {
    // What is not shown, or not whole, cannot be searched for.
    let whole = |reason: &&str| *reason != REDACTED && reason.chars().count() < FailureCount::REASON_CHARS;
    let step = step.map(|step| ("failedStep", step));
    let reason = reason.filter(whole).map(|reason| ("failureReason", reason));
    let named = step.into_iter().chain(reason);
    let named = named.map(|(name, value)| (name.to_owned(), value.to_owned()));
    named.chain(period.fixed()).collect()
}

#[cfg(test)]
mod tests {
    use saga_types::SagaStatus;

    use super::*;
    use crate::http::query_string::Length;
    use saga_store::Slot;

    fn count(slot: usize, reason: &str, sagas: u64) -> FailureCount {
        FailureCount {
            slot,
            status: SagaStatus::Failed,
            step: Some("PAYMENT_FAILED".to_owned()),
            reason: Some(reason.to_owned()),
            sagas,
        }
    }

    fn period() -> Period {
        Period::last(Length::hours(1), "2026-11-24T14:53:20Z".parse().unwrap())
    }

    fn found(counts: &[FailureCount], of: u64) -> saga_store::Failures {
        saga_store::Failures {
            sample: Sample::new(counts.iter().map(|count| count.sagas).sum(), of),
            counts: counts.to_vec(),
        }
    }

    fn shown<'a>(redaction: &'a Redaction, definitions: &'a Definitions) -> Shown<'a> {
        Shown {
            redaction,
            definitions,
        }
    }

    fn failures(counts: &[FailureCount], of: u64, before: Option<&Before<'_>>) -> Failures {
        let slots = counts.iter().map(|count| count.slot + 1).max().unwrap_or(0);
        let trends = Trends {
            slots: vec![Slot::new(); slots],
            ..Trends::default()
        };
        Failures::of(
            &found(counts, of),
            before,
            &trends,
            shown(&Redaction::default(), &Definitions::built_in()),
            &period(),
        )
    }

    #[test]
    fn what_was_read_counts_for_all_failures() {
        let counts = [
            count(0, "declined", 3),
            count(0, "limit", 1),
            count(1, "limit", 2),
        ];
        let estimated = failures(&counts, 60, None);
        let rows: Vec<_> = estimated
            .rows
            .iter()
            .map(|row| {
                (
                    row.reason.as_deref().unwrap(),
                    row.sagas.now.as_str(),
                    row.share.as_str(),
                )
            })
            .collect();
        assert_eq!(rows, [("declined", "30", "50 %"), ("limit", "30", "50 %")]);
        assert_eq!(
            (estimated.total.as_str(), estimated.read.as_deref()),
            ("60", Some("6"))
        );
        let whole = failures(&counts, 6, None);
        assert_eq!((whole.total.as_str(), whole.read), ("6", None));
    }

    #[test]
    fn a_kind_has_changed_when_its_share_of_all_sagas_has() {
        let earlier = found(&[count(0, "declined", 40), count(0, "limit", 2)], 42);
        let before = Before {
            failures: &earlier,
            started: 1_000,
            started_now: 2_000,
        };
        let counts = [
            count(0, "declined", 80),
            count(0, "limit", 60),
            count(0, "new", 20),
        ];
        let rows = failures(&counts, 160, Some(&before)).rows;
        let shown: Vec<_> = rows
            .iter()
            .map(|row| (row.sagas.before.as_deref().unwrap(), row.sagas.change))
            .collect();
        assert_eq!(
            shown,
            [
                ("40", Change::Unclear),
                ("2", Change::Higher),
                ("0", Change::Higher)
            ]
        );
    }

    #[test]
    fn a_trend_is_the_last_quarter_against_the_others() {
        let trend = |slots: &[f64]| Trend::of(slots);
        assert_eq!(trend(&[0.0, 0.0, 0.0, 1.0]), Trend::New);
        assert_eq!(trend(&[5.0, 5.0, 5.0, 9.0]), Trend::Rising);
        assert_eq!(trend(&[5.0, 5.0, 5.0, 6.0]), Trend::Steady);
        assert_eq!(trend(&[1.0, 1.0, 1.0, 3.0]), Trend::Steady);
        assert_eq!(trend(&[9.0, 9.0, 9.0, 0.0]), Trend::Falling);
    }

    #[test]
    fn a_reason_that_is_hidden_is_not_searched_for_and_a_long_one_is_by_its_group() {
        let hiding = Redaction::of(&["failureReason"]).unwrap();
        let trends = Trends {
            slots: vec![Slot::new()],
            ..Trends::default()
        };
        let hidden = found(&[count(0, "4111", 1)], 1);
        let definitions = Definitions::built_in();
        let hidden = Failures::of(&hidden, None, &trends, shown(&hiding, &definitions), &period());
        let long = failures(&[count(0, &"x".repeat(200), 1)], 1, None);
        let (hidden, long) = (&hidden.rows[0].path, &long.rows[0].path);
        assert!(
            hidden.contains("failedStep=PAYMENT_FAILED") && !hidden.contains("failureGroup"),
            "{hidden}"
        );
        assert!(long.contains("failureGroup="), "{long}");
    }
}
