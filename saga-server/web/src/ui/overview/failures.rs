//! What failed, and why: shares and trends.
//!
//! Where there are too many failures to read all, those that were read stand for all of them.

use std::collections::BTreeMap;

use saga_types::Timestamp;

use crate::ui::{chart::Sparkline, humanize, search::encoded};
use saga_collector::redaction::{REDACTED, Redaction};
use saga_store::{FailureCount, Sample, Trends};

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
    pub(super) sagas: String,
    pub(super) share: String,
    /// For a bar, in hundredths.
    pub(super) hundredths: u32,
    pub(super) trend: Trend,
    pub(super) spark: Sparkline,
    pub(super) path: String,
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

type Kinds = BTreeMap<(Option<String>, Option<String>), Vec<f64>>;

impl Failures {
    /// From what was read of the period.
    pub(super) fn of(
        failures: &saga_store::Failures,
        trends: &Trends,
        redaction: &Redaction,
        since: Timestamp,
    ) -> Self {
        let mut kinds = Kinds::new();
        for count in &failures.counts {
            let reason = redaction.failure_reason(count.reason.clone());
            let kind = kinds.entry((count.step.clone(), reason));
            let slots = kind.or_insert_with(|| vec![0.0; trends.slots.len()]);
            if let Some(slot) = slots.get_mut(count.slot) {
                *slot += humanize::precise_count(count.sagas) * failures.sample.weight();
            }
        }
        Self::most_frequent(kinds, failures.sample, since)
    }

    fn most_frequent(kinds: Kinds, sample: Sample, since: Timestamp) -> Self {
        let sum = |slots: &[f64]| slots.iter().sum::<f64>();
        let mut kinds: Vec<_> = kinds
            .into_iter()
            .map(|(kind, slots)| (sum(&slots), kind, slots))
            .collect();
        kinds.sort_by(|left, right| right.0.total_cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
        let total: f64 = kinds.iter().map(|(sagas, ..)| sagas).sum();
        let others = kinds.split_off(kinds.len().min(SHOWN));
        let many: f64 = others.iter().map(|(sagas, ..)| sagas).sum();
        Self {
            rows: kinds
                .into_iter()
                .map(|(sagas, (step, reason), slots)| {
                    let share = sagas / total;
                    FailureRow {
                        path: list(step.as_deref(), reason.as_deref(), since),
                        step: step.unwrap_or_else(|| "Unknown step".to_owned()),
                        reason,
                        sagas: humanize::about(sagas),
                        share: humanize::percent(share),
                        hundredths: humanize::hundredths(share),
                        trend: Trend::of(&slots),
                        spark: Sparkline::new(&slots, "failed"),
                    }
                })
                .collect(),
            total: humanize::about(total),
            read: (!sample.is_all()).then(|| humanize::number(sample.sagas)),
            others: (!others.is_empty()).then(|| (others.len(), humanize::about(many))),
        }
    }
}

/// The list of those sagas.
fn list(step: Option<&str>, reason: Option<&str>, since: Timestamp) -> String {
    let mut path = format!("/sagas?fromDate={}", encoded(&since.to_string()));
    if let Some(step) = step {
        path.push_str(&format!("&failedStep={}", encoded(step)));
    }
    // What is not shown, or not whole, cannot be searched for.
    let whole = |reason: &&str| *reason != REDACTED && reason.chars().count() < FailureCount::REASON_CHARS;
    if let Some(reason) = reason.filter(whole) {
        path.push_str(&format!("&failureReason={}", encoded(reason)));
    }
    path
}

#[cfg(test)]
mod tests {
    use saga_types::SagaStatus;

    use super::*;
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

    fn failures(counts: &[FailureCount], of: u64) -> Failures {
        let slots = counts.iter().map(|count| count.slot + 1).max().unwrap_or(0);
        let trends = Trends {
            slots: vec![Slot::new(); slots],
            ..Trends::default()
        };
        let sample = Sample::new(counts.iter().map(|count| count.sagas).sum(), of);
        let counts = counts.to_vec();
        let failures = saga_store::Failures { sample, counts };
        Failures::of(&failures, &trends, &Redaction::default(), Timestamp::MIN)
    }

    #[test]
    fn what_was_read_stands_for_all_failures() {
        let counts = [
            count(0, "declined", 3),
            count(0, "limit", 1),
            count(1, "limit", 2),
        ];
        let found = failures(&counts, 60);
        let rows: Vec<_> = found
            .rows
            .iter()
            .map(|row| {
                (
                    row.reason.as_deref().unwrap(),
                    row.sagas.as_str(),
                    row.share.as_str(),
                )
            })
            .collect();
        assert_eq!(rows, [("declined", "30", "50 %"), ("limit", "30", "50 %")]);
        assert_eq!((found.total.as_str(), found.read.as_deref()), ("60", Some("6")));
        let whole = failures(&counts, 6);
        assert_eq!((whole.total.as_str(), whole.read), ("6", None));
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
    fn a_reason_that_is_hidden_or_cut_is_not_searched_for() {
        let hiding = Redaction::of(&["failureReason"]).unwrap();
        let of_one = |reason: &str, redaction| {
            let failures = saga_store::Failures {
                sample: Sample::new(1, 1),
                counts: vec![count(0, reason, 1)],
            };
            let trends = Trends {
                slots: vec![Slot::new()],
                ..Trends::default()
            };
            Failures::of(&failures, &trends, redaction, Timestamp::MIN)
        };
        let hidden = of_one("4111", &hiding);
        assert!(
            !hidden.rows[0].path.contains("failureReason"),
            "{}",
            hidden.rows[0].path
        );
        let long = of_one(&"x".repeat(200), &Redaction::default());
        assert!(
            long.rows[0].path.ends_with("&failedStep=PAYMENT_FAILED"),
            "{}",
            long.rows[0].path
        );
    }
}
