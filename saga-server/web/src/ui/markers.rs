//! Versions of services that were first seen within a period: lines on its charts, and links to the figures before and after.

use std::collections::BTreeMap;

use saga_store::{ServiceVersion, Span};
use saga_types::Timestamp;

use super::{
    differences,
    links::encoded,
    period::Period,
    plot::{AREA, tenths},
    query::address,
};
use crate::{
    http::ApiError,
    rest::{find_versions, previous_version},
    scoped::Reader,
};

/// How many are shown, those that were first seen last.
const MOST: usize = 12;

/// Versions along the axis of a chart.
#[derive(Clone, Default)]
pub(super) struct Markers(pub(super) Vec<Marker>);

#[derive(Clone)]
pub(super) struct Marker {
    pub(super) service: String,
    pub(super) version: String,
    pub(super) at: Timestamp,
    /// The minute in words.
    pub(super) minute: String,
    /// Along the axis.
    pub(super) x: f64,
    /// Whether its name is to the left of the line, where there is no room to the right.
    pub(super) is_left: bool,
    /// Whether its name would cover that of the one before.
    pub(super) is_nameless: bool,
    /// The service before and after.
    pub(super) path: String,
    /// In what sagas of the version differ from those of the one before.
    pub(super) differs: String,
}

impl Markers {
    pub(super) async fn of(reader: &Reader, period: &Period, span: &Span) -> Result<Self, ApiError> {
        Ok(Self::along(find_versions(reader).await?, period, span))
    }

    fn along(services: Vec<(String, Vec<ServiceVersion>)>, period: &Period, span: &Span) -> Self {
        let (from, to) = span.ends();
        let mut seen: BTreeMap<(Timestamp, String), (String, String)> = BTreeMap::new();
        for (service, versions) in services {
            for version in &versions {
                let is_within = (from..=to).contains(&version.first_seen);
                // The first version of all is no change.
                if is_within && let Some(previous) = previous_version(&versions, version) {
                    let names = (version.version.clone(), previous.version.clone());
                    seen.insert((version.first_seen, service.clone()), names);
                }
            }
        }
        let skipped = seen.len().saturating_sub(MOST);
        let mut markers: Vec<Marker> = Vec::new();
        for ((at, service), (version, previous)) in seen.into_iter().skip(skipped) {
            let x = place(at, (from, to));
            let named = markers.iter().rfind(|marker| !marker.is_nameless);
            markers.push(Marker {
                path: before_and_after(&service, at, period),
                differs: differences::of_versions(&service, [&version, &previous], period),
                minute: at.to_string()[..16].replace('T', " "),
                is_left: x > AREA.right - 120.0,
                is_nameless: named.is_some_and(|named| x - named.x < 60.0),
                service,
                version,
                at,
                x,
            });
        }
        Self(markers)
    }
}

/// The page of a service as long before a moment as after it, together as long as a period.
pub(super) fn before_and_after(service: &str, at: Timestamp, period: &Period) -> String {
    let half = period.duration() / 2;
    let ends = [
        ("fromDate", at.saturating_sub(half)),
        ("toDate", at.saturating_add(half)),
    ];
    let ends = ends.map(|(name, at)| (name.to_owned(), at.to_string()));
    format!(
        "{}#versions",
        address(&format!("/services/{}", encoded(service)), &ends)
    )
}

/// Where a moment is along the axis of a period.
fn place(at: Timestamp, (from, to): (Timestamp, Timestamp)) -> f64 {
    let millis = |from: Timestamp, to: Timestamp| {
        super::humanize::precise_count(to.millis_since(from).max(0).cast_unsigned())
    };
    let share = millis(from, at) / millis(from, to).max(1.0);
    tenths(AREA.left + (AREA.right - AREA.left) * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::query_string::Length;

    fn version(version: &str, first_seen: &str) -> ServiceVersion {
        ServiceVersion {
            version: version.to_owned(),
            first_seen: first_seen.parse().unwrap(),
            last_seen: first_seen.parse().unwrap(),
        }
    }

    #[test]
    fn a_version_is_marked_when_another_one_was_there_before() {
        let period = Period::last(Length::hours(1), "2026-11-24T15:00:00Z".parse().unwrap());
        let services = vec![
            (
                "payment-service".to_owned(),
                vec![
                    version("2.8.0", "2026-11-24T14:30:00Z"),
                    version("2.7.1", "2026-11-24T14:00:01Z"),
                ],
            ),
            (
                "order-service".to_owned(),
                vec![
                    version("4.0.0", "2026-11-24T14:31:00Z"),
                    version("3.9.0", "2026-11-20T14:00:00Z"),
                ],
            ),
        ];
        let markers = Markers::along(services, &period, &period.span()).0;
        let found: Vec<_> = markers
            .iter()
            .map(|marker| {
                (
                    marker.version.as_str(),
                    marker.is_nameless,
                    marker.minute.as_str(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("2.8.0", false, "2026-11-24 14:30"),
                ("4.0.0", true, "2026-11-24 14:31")
            ]
        );
        assert!((markers[0].x - (AREA.left + AREA.right) / 2.0).abs() < 1.0);
        assert_eq!(
            markers[0].path,
            "/services/payment-service?fromDate=2026-11-24T14%3A00%3A00.000Z&toDate=2026-11-24T15%3A00%3A00.000Z#versions"
        );
    }
}
