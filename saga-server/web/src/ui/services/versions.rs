//! The versions of a service side by side: how many of the sagas of each one reached a step, and how long they waited for it.

use std::collections::BTreeMap;

use saga_store::{Flow, Outcome, StepRow, VersionPart};
use saga_types::SagaType;

use crate::{
    http::ApiError,
    scoped::Reader,
    ui::{
        humanize::{length, percent, precise_count},
        period::Period,
        waits::query,
    },
};

/// How many steps of a type are compared, the first ones of its path.
const STEPS: usize = 8;

/// How many versions are compared, those of the most sagas.
const VERSIONS: usize = 4;

/// A table of one type.
pub(super) struct Versions {
    pub(super) saga_type: String,
    /// Each version with the number of its sagas.
    pub(super) versions: Vec<(String, u64)>,
    pub(super) rows: Vec<VersionRow>,
}

pub(super) struct VersionRow {
    pub(super) step: String,
    pub(super) is_failing: bool,
    /// Share and median wait, version by version; none where no saga of a version has the step.
    pub(super) cells: Vec<Option<(String, String)>>,
}

/// A step, whether it fails, and what each version recorded of it.
type Part = (String, bool, BTreeMap<String, VersionPart>);

/// Of about so many sagas; none when the service names no version.
pub(super) async fn versions(
    reader: &Reader,
    service: &str,
    saga_type: &SagaType,
    flow: &Flow,
    period: &Period,
    most: u32,
) -> Result<Option<Versions>, ApiError> {
    let query = query(saga_type, period, most);
    let is_of_service = |row: &&StepRow| row.service.as_deref() == Some(service);
    let mut parts: Vec<Part> = Vec::new();
    for row in flow.steps.iter().filter(is_of_service).take(STEPS) {
        let detail = reader.step_detail(&query, &row.step).await?;
        let named = detail.versions.into_iter();
        let named = named.filter_map(|(version, part)| Some((version?, part)));
        parts.push((
            row.step.to_string(),
            row.outcome == Outcome::Fails,
            named.collect(),
        ));
    }
    Ok(table(saga_type, &parts))
}

fn table(saga_type: &SagaType, parts: &[Part]) -> Option<Versions> {
    // A saga that has any step of the service has, as a rule, the most frequent one.
    let mut sagas: BTreeMap<&String, u64> = BTreeMap::new();
    for (version, part) in parts.iter().flat_map(|(.., parts)| parts) {
        let most = sagas.entry(version).or_default();
        *most = part.sagas.max(*most);
    }
    let mut versions: Vec<(String, u64)> = sagas
        .into_iter()
        .map(|(version, sagas)| (version.clone(), sagas))
        .collect();
    versions.sort_by_key(|(_, sagas)| std::cmp::Reverse(*sagas));
    versions.truncate(VERSIONS);
    versions.sort();
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
                step: step.clone(),
                is_failing: *is_failing,
                cells: versions
                    .iter()
                    .map(|(version, whole)| cell(parts.get(version), *whole))
                    .collect(),
            })
            .collect(),
        versions,
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
        let step = |name: &str, is_failing, old, new| {
            let parts = BTreeMap::from([("2.7.1".to_owned(), old), ("2.8.0".to_owned(), new)]);
            (name.to_owned(), is_failing, parts)
        };
        let parts = vec![
            step("PAYMENT_INITIALIZED", false, part(80, 10), part(40, 10)),
            step("PAYMENT_FAILED", true, part(8, 120), part(20, 700)),
        ];
        let table = table(&SagaType::ORDER_CREATION, &parts).unwrap();
        assert_eq!(
            table.versions,
            [("2.7.1".to_owned(), 80), ("2.8.0".to_owned(), 40)]
        );
        let cell = |share: &str, wait: &str| Some((share.to_owned(), wait.to_owned()));
        assert_eq!(
            table.rows[1].cells,
            [cell("10 %", "120 ms"), cell("50 %", "700 ms")]
        );
        assert!(super::table(&SagaType::ORDER_CREATION, &[]).is_none());
    }
}
