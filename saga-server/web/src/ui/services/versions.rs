//! The versions of a service side by side: how many of the sagas of each one reached a step, and how long they waited for it.

use std::{cmp::Reverse, collections::BTreeMap};

use saga_store::{Flow, Outcome, Sample, VersionPart};
use saga_types::SagaType;

use crate::ui::{
    humanize::{length, percent, precise_count},
    waits::estimated,
};

/// How many steps of a type are compared, the first ones of its path.
const STEPS: usize = 8;

/// How many versions are compared, those of the most sagas.
const VERSIONS: usize = 4;

/// A table of one type.
pub(super) struct Versions {
    pub(super) saga_type: String,
    /// Each version with the number of its sagas.
    pub(super) versions: Vec<(String, String)>,
    pub(super) rows: Vec<VersionRow>,
}

pub(super) struct VersionRow {
    pub(super) step: String,
    pub(super) is_failing: bool,
    /// Share and median wait, version by version; none where no saga of a version has the step.
    pub(super) cells: Vec<Option<(String, String)>>,
}

/// A step, whether it fails, and what each version recorded of it.
type Part<'a> = (&'a str, bool, &'a BTreeMap<String, VersionPart>);

impl Versions {
    /// Of the flow of what one service recorded; none when it names no version.
    pub(super) fn of(saga_type: &SagaType, flow: &Flow) -> Option<Self> {
        let steps = flow.steps.iter().take(STEPS);
        let parts: Vec<Part<'_>> = steps
            .map(|row| (row.step.as_str(), row.outcome == Outcome::Fails, &row.versions))
            .collect();
        table(saga_type, &parts, &flow.sample)
    }
}

fn table(saga_type: &SagaType, parts: &[Part<'_>], sample: &Sample) -> Option<Versions> {
    // A saga that has any step of the service has, as a rule, the most frequent one.
    let mut sagas: BTreeMap<&str, u64> = BTreeMap::new();
    for (version, part) in parts.iter().flat_map(|(.., parts)| *parts) {
        let most = sagas.entry(version).or_default();
        *most = part.sagas.max(*most);
    }
    let mut versions: Vec<(&str, u64)> = sagas.into_iter().collect();
    versions.sort_by_key(|(_, sagas)| Reverse(*sagas));
    versions.truncate(VERSIONS);
    versions.sort_unstable();
    if versions.is_empty() {
        return None;
    }
    let cell = |part: Option<&VersionPart>, whole: u64| {
        let part = part?;
        let share = precise_count(part.sagas) / precise_count(whole.max(1));
        let median = part.median_wait_ms.map_or_else(|| "–".to_owned(), length);
        Some((percent(share), median))
    };
    Some(Versions {
        saga_type: saga_type.to_string(),
        rows: parts
            .iter()
            .map(|(step, is_failing, parts)| VersionRow {
                step: (*step).to_owned(),
                is_failing: *is_failing,
                cells: versions
                    .iter()
                    .map(|(version, whole)| cell(parts.get(*version), *whole))
                    .collect(),
            })
            .collect(),
        versions: versions
            .iter()
            .map(|(version, sagas)| ((*version).to_owned(), estimated(*sagas, sample)))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_beside_each_other_with_shares_of_their_own_sagas() {
        let part = |sagas, wait: i64| VersionPart {
            sagas,
            median_wait_ms: Some(wait),
        };
        let of = |old, new| BTreeMap::from([("2.7.1".to_owned(), old), ("2.8.0".to_owned(), new)]);
        let initialized = of(part(80, 10), part(40, 10));
        let failed = of(part(8, 120), part(20, 700));
        let parts = [
            ("PAYMENT_INITIALIZED", false, &initialized),
            ("PAYMENT_FAILED", true, &failed),
        ];
        let saga_type = SagaType::ORDER_CREATION;
        let table = |sample| super::table(&saga_type, &parts, &sample).unwrap();
        let of_a_tenth = table(Sample::new(120, 1_200));
        let version = |version: &str, sagas: &str| (version.to_owned(), sagas.to_owned());
        assert_eq!(
            of_a_tenth.versions,
            [version("2.7.1", "about 800"), version("2.8.0", "about 400")]
        );
        let table = table(Sample::new(120, 120));
        assert_eq!(table.versions, [version("2.7.1", "80"), version("2.8.0", "40")]);
        let cell = |share: &str, wait: &str| Some((share.to_owned(), wait.to_owned()));
        assert_eq!(
            table.rows[1].cells,
            [cell("10 %", "120 ms"), cell("50 %", "700 ms")]
        );
        assert!(super::table(&saga_type, &[], &Sample::new(1, 1)).is_none());
    }
}
