//! What was found, as tables: the two groups side by side, and the values whose shares differ.

use crate::{
    rest::{BY_CHANCE, Group, GroupDifferences, ValueDifference},
    ui::{
        humanize::{hundredths, number, percent, seconds},
        query::address,
    },
};
use saga_store::DrawnSaga;

/// A figure of both groups.
pub(super) struct FigureRow {
    pub(super) name: &'static str,
    pub(super) values: [String; 2],
    /// What is known of the difference.
    pub(super) note: &'static str,
}

/// A value, and how many sagas of either group have it.
pub(super) struct ValueRow {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) shares: [ShareCell; 2],
}

pub(super) struct ShareCell {
    pub(super) share: String,
    pub(super) hundredths: u32,
    pub(super) sagas: String,
    /// The list of these sagas.
    pub(super) path: String,
}

pub(super) fn figures(found: &GroupDifferences) -> Vec<FigureRow> {
    let groups = [&found.a, &found.b];
    let row = |name, values, note| FigureRow { name, values, note };
    let of = |p_value: f64| match p_value < BY_CHANCE {
        true => "differs by more than chance explains",
        false => "",
    };
    let duration = |share: fn(&Group) -> Option<f64>| {
        groups.map(|group| share(group).map_or_else(|| "–".to_owned(), seconds))
    };
    vec![
        row("Sagas", groups.map(sagas), ""),
        row("Completed", groups.map(|group| number(group.completed)), ""),
        row("In progress", groups.map(|group| number(group.in_progress)), ""),
        row("Failed", groups.map(failed), of(found.failure_rate_p_value)),
        row(
            "Duration, median",
            duration(|group| group.durations_seconds.p50),
            of(found.duration_p_value),
        ),
        row("Duration, p95", duration(|group| group.durations_seconds.p95), ""),
    ]
}

fn sagas(group: &Group) -> String {
    let about = if group.sagas_are_exact { "" } else { "about " };
    match group.read == group.sagas {
        true => number(group.sagas),
        false => format!(
            "{about}{}, of which {} were read",
            number(group.sagas),
            number(group.read)
        ),
    }
}

fn failed(group: &Group) -> String {
    if group.read == 0 {
        return "–".to_owned();
    }
    format!(
        "{} ({} to {})",
        percent(group.failure_rate),
        percent(group.failure_rate_at_least),
        percent(group.failure_rate_at_most)
    )
}

impl ValueRow {
    /// `filters` are those of the lists of both groups.
    pub(super) fn of(difference: &ValueDifference, filters: [&[(String, String)]; 2]) -> Self {
        let filter = filter(&difference.key, &difference.value);
        let cell = |sagas: u64, share: f64, filters: &[(String, String)]| ShareCell {
            share: percent(share),
            hundredths: hundredths(share),
            sagas: number(sagas),
            path: list(filters, &filter),
        };
        let [a, b] = filters;
        Self {
            shares: [
                cell(difference.a, difference.share_a, a),
                cell(difference.b, difference.share_b, b),
            ],
            key: difference.key.clone(),
            value: difference.value.clone(),
        }
    }
}

/// How a list is filtered by a value.
fn filter(key: &str, value: &str) -> Vec<(String, String)> {
    let owned = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    match (key, value.split_once(' ')) {
        (DrawnSaga::SERVICE, _) => vec![owned("producerService", value)],
        (DrawnSaga::VERSION, Some((service, version))) => {
            vec![
                owned("producerService", service),
                owned("serviceVersion", version),
            ]
        }
        _ => vec![(format!("metadata.{key}"), value.to_owned())],
    }
}

/// A list with one more filter, which takes the place of another one of its name.
fn list(filters: &[(String, String)], more: &[(String, String)]) -> String {
    let is_replaced = |name: &str| more.iter().any(|(other, _)| other == name);
    let kept = filters.iter().filter(|(name, _)| !is_replaced(name));
    address("/sagas", kept.chain(more))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_value_leads_to_the_sagas_that_have_it() {
        let given = [owned("status", "FAILED"), owned("metadata.kind", "x")];
        for (key, value, path) in [
            (
                "serviceVersion",
                "payment-service 2.8.0",
                "/sagas?status=FAILED&metadata.kind=x&producerService=payment-service&serviceVersion=2.8.0",
            ),
            (
                "producerService",
                "payment-service",
                "/sagas?status=FAILED&metadata.kind=x&producerService=payment-service",
            ),
            ("kind", "a b", "/sagas?status=FAILED&metadata.kind=a%20b"),
        ] {
            assert_eq!(list(&given, &filter(key, value)), path);
        }
    }
}
