//! What failed, and why: the groups of REST, each with its count in the period of comparison.

use saga_collector::redaction::REDACTED;
use saga_normal::trend::Trend;
use saga_store::{FailureGroupsQuery, Scope, Span, StoreError, Subjects};
use saga_types::{Timestamp, definition::Definitions, fold::failure_group};

use crate::{
    acknowledgements,
    failure_groups::{self, Group},
    scoped::Reader,
    ui::{
        acknowledge::Mark,
        change::{Change, Compared},
        differences::of_failures,
        humanize::{self, Moment, number},
        period::Period,
        query::address,
        sparkline::Sparkline,
    },
};

/// How many groups are shown.
const SHOWN: usize = 12;

/// Groups of failures, those with the most sagas first.
pub(super) struct Failures {
    pub(super) rows: Vec<FailureRow>,
    /// How many sagas failed in the period.
    pub(super) total: String,
    /// How many sagas are in other groups.
    pub(super) others: Option<String>,
}

/// Sagas that failed at one step for one reason.
pub(super) struct FailureRow {
    pub(super) step: String,
    pub(super) reason: Option<String>,
    pub(super) sagas: Compared,
    pub(super) share: String,
    /// For a bar, in hundredths.
    pub(super) hundredths: u32,
    pub(super) first_seen: Moment,
    pub(super) last_seen: Moment,
    pub(super) trend: TrendWords,
    pub(super) spark: Sparkline,
    pub(super) path: String,
    /// The name of the group; none where reasons are not shown.
    pub(super) name: Option<String>,
    /// Who takes care of it.
    pub(super) marks: Vec<Mark>,
    /// In what these sagas differ from others.
    pub(super) differs: String,
}

/// How a group developed, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TrendWords(Trend);

impl TrendWords {
    pub(super) const fn words(self) -> &'static str {
        match self.0 {
            Trend::New => "new",
            Trend::Rising => "rising",
            Trend::Steady => "steady",
            Trend::Falling => "falling",
            Trend::Regressed => "regressed",
        }
    }

    pub(super) const fn sign(self) -> &'static str {
        match self.0 {
            Trend::New => "★",
            Trend::Rising => "▲",
            Trend::Steady => "→",
            Trend::Falling => "▼",
            Trend::Regressed => "↩",
        }
    }

    pub(super) const fn class(self) -> &'static str {
        match self.0 {
            Trend::New | Trend::Rising | Trend::Regressed => "up",
            Trend::Steady => "level",
            Trend::Falling => "down",
        }
    }
}

/// The failures of a period, beside the one that it is compared with, or else the one before it.
pub(in crate::ui) async fn found(
    reader: &Reader,
    span: &Span,
    against: Option<&Span>,
) -> Result<failure_groups::Failures, StoreError> {
    let (from, to) = span.ends();
    let query = FailureGroupsQuery {
        scope: Scope::All,
        saga_type: None,
        from,
        to,
        against: against.map(Span::ends),
        parts: u16::try_from(span.slots()).unwrap_or(u16::MAX),
    };
    reader.failure_groups(&query).await
}

impl Failures {
    pub(super) fn of(
        found: &failure_groups::Failures,
        is_compared: bool,
        definitions: &Definitions,
        period: &Period,
        now: Timestamp,
    ) -> Self {
        let started = (found.now.started, found.before.started);
        let groups = found.groups.iter().filter(|group| group.now > 0).take(SHOWN);
        let shown: u64 = groups.clone().map(|group| group.now).sum();
        let total = found.now.failed.max(shown);
        let row = |group: &Group| {
            let share = humanize::precise_count(group.now) / humanize::precise_count(total);
            let filters = filters(group, period);
            let heights: Vec<f64> = group.parts.iter().copied().map(humanize::precise_count).collect();
            FailureRow {
                step: group.step.clone().unwrap_or_else(|| "Unknown step".to_owned()),
                reason: reason(group),
                sagas: compared(group, is_compared.then_some(started)),
                share: humanize::percent(share),
                hundredths: humanize::hundredths(share),
                first_seen: Moment::new(group.first_seen, now),
                last_seen: Moment::new(group.last_seen, now),
                trend: TrendWords(group.trend),
                spark: Sparkline::new(&heights, "failed"),
                path: address("/sagas", &filters),
                differs: of_failures(&filters, group.step.as_deref(), definitions),
                name: group.name.clone(),
                marks: Vec::new(),
            }
        };
        Self {
            rows: groups.map(row).collect(),
            total: number(total),
            others: (total > shown).then(|| number(total - shown)),
        }
    }

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

/// With how many sagas started in both periods, if they are compared.
fn compared(group: &Group, started: Option<(u64, u64)>) -> Compared {
    let change = started.map(|(now, before)| {
        Change::of_shares(
            (group.now, now.max(group.now)),
            (group.before, before.max(group.before)),
        )
    });
    Compared {
        now: number(group.now),
        before: started.map(|_| number(group.before)),
        change: change.unwrap_or(Change::Unclear),
    }
}

/// The reason as it is shown.
pub(in crate::ui) fn reason(group: &Group) -> Option<String> {
    match group.name {
        Some(_) => group.reason.clone(),
        None => Some(REDACTED.to_owned()),
    }
}

/// What finds the sagas of a group, exactly; where reasons are hidden, those that failed at its step.
pub(in crate::ui) fn filters(group: &Group, period: &Period) -> Vec<(String, String)> {
    let filter = match (&group.name, &group.step) {
        (Some(name), _) => ("failureGroup".to_owned(), name.clone()),
        (None, Some(step)) => ("failedStep".to_owned(), step.clone()),
        (None, None) => ("failureGroup".to_owned(), failure_group(None, None)),
    };
    std::iter::once(filter).chain(period.fixed()).collect()
}

#[cfg(test)]
mod tests {
    use saga_store::FailureTotals;

    use super::*;
    use crate::http::query_string::Length;

    fn period() -> Period {
        Period::last(Length::hours(1), "2026-11-24T14:53:20Z".parse().unwrap())
    }

    fn group(step: Option<&str>, reason: Option<&str>, now: u64, before: u64) -> Group {
        let seen: Timestamp = "2026-11-24T14:00:00Z".parse().unwrap();
        Group {
            name: Some(failure_group(step, reason)),
            step: step.map(str::to_owned),
            reason: reason.map(str::to_owned),
            now,
            before,
            parts: vec![now],
            first_seen: seen,
            last_seen: seen,
            trend: Trend::Steady,
        }
    }

    fn failures(groups: Vec<Group>, failed: u64, is_compared: bool) -> Failures {
        let totals = |started, failed| FailureTotals { started, failed };
        let found = failure_groups::Failures {
            groups,
            now: totals(2_000, failed),
            before: totals(1_000, 42),
            is_exact: true,
        };
        let now = "2026-11-24T14:53:20Z".parse().unwrap();
        Failures::of(&found, is_compared, &Definitions::built_in(), &period(), now)
    }

    #[test]
    fn a_group_has_changed_when_its_share_of_all_sagas_has() {
        let step = Some("PAYMENT_FAILED");
        let groups = vec![
            group(step, Some("declined"), 80, 40),
            group(step, Some("limit"), 60, 2),
            group(step, Some("gone"), 0, 40),
        ];
        let found = failures(groups.clone(), 150, true);
        let shown = found.rows.iter();
        let shown: Vec<_> = shown
            .map(|row| {
                (
                    row.sagas.now.as_str(),
                    row.sagas.before.as_deref(),
                    row.sagas.change,
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("80", Some("40"), Change::Unclear),
                ("60", Some("2"), Change::Higher)
            ]
        );
        assert_eq!(
            (found.total.as_str(), found.others.as_deref()),
            ("150", Some("10"))
        );
        let alone = failures(groups, 140, false);
        assert_eq!((&alone.rows[0].sagas.before, alone.others), (&None, None));
    }

    #[test]
    fn a_group_leads_to_its_sagas_whatever_is_known_of_it() {
        let hidden = Group {
            name: None,
            ..group(Some("PAYMENT_FAILED"), None, 1, 0)
        };
        let unknown = group(None, None, 1, 0);
        for (group, filter) in [
            (
                group(Some("A"), Some(&"x".repeat(200)), 1, 0),
                "failureGroup=A%3A%20xxx",
            ),
            (hidden, "failedStep=PAYMENT_FAILED"),
            (unknown, "failureGroup=no%20failing%20step"),
        ] {
            let path = failures(vec![group], 1, false).rows.remove(0).path;
            assert!(path.contains(filter), "{filter} in {path}");
        }
    }
}
