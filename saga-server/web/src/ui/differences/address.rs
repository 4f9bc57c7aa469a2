//! The addresses of comparisons: a group of sagas, and the one that it is compared with.

use saga_types::{Step, Timestamp, definition::Definitions};

use crate::{
    http::query_string::{Length, Params},
    ui::{
        period::{Asked, Period, is_date},
        query::{address, is_place},
    },
};

pub(super) const PATH: &str = "/differences";

/// Filters of a list of sagas.
type Filters = Vec<(String, String)>;

/// The differences of two groups, each given by the filters of its list.
pub(super) fn between(a: &[(String, String)], b: &[(String, String)], is_rest: bool) -> String {
    let prefixed = |prefix: &'static str, filters: &[(String, String)]| -> Filters {
        let filters = filters.iter();
        filters
            .map(|(name, value)| (format!("{prefix}{name}"), value.clone()))
            .collect()
    };
    let mut all = prefixed("a.", a);
    all.extend(prefixed("b.", b));
    all.extend(is_rest.then(|| ("rest".to_owned(), "true".to_owned())));
    address(PATH, &all)
}

/// What a list shows as a group: its filters, of the last seven days if it is of any time.
pub(super) fn group(given: &[(String, String)]) -> Filters {
    let is_filter = |name: &str| !is_place(name) && !matches!(name, "sort" | "size" | "compare");
    let given = given.iter().filter(|(name, _)| is_filter(name));
    let mut filters: Filters = given.cloned().collect();
    if !filters.iter().any(|(name, _)| is_date(name)) {
        filters.push(("period".to_owned(), Length::days(7).to_string()));
    }
    filters
}

/// Whether the filters say more than a type and a time.
fn is_narrow(filters: &[(String, String)]) -> bool {
    let is_wide = |name: &str| name == "sagaType" || is_date(name);
    filters.iter().any(|(name, _)| !is_wide(name))
}

/// All sagas of the same type and time.
fn around(filters: &[(String, String)], saga_type: Option<&str>) -> Filters {
    let is_kept = |name: &str| name == "sagaType" || is_date(name);
    let kept = filters.iter().filter(|(name, _)| is_kept(name));
    let mut kept: Filters = kept.cloned().collect();
    if let Some(saga_type) = saga_type
        && !kept.iter().any(|(name, _)| name == "sagaType")
    {
        kept.push(("sagaType".to_owned(), saga_type.to_owned()));
    }
    kept
}

/// A list against all other sagas of its type and time; none where these are the same.
pub(in crate::ui) fn from_the_rest(given: &[(String, String)]) -> Option<String> {
    let filters = group(given);
    is_narrow(&filters).then(|| between(&filters, &around(&filters, None), true))
}

/// Sagas that failed at a step against all others of the only type that has the step, if there is one such type.
pub(in crate::ui) fn of_failures(
    filters: &[(String, String)],
    step: Option<&str>,
    definitions: &Definitions,
) -> String {
    let step = step.and_then(|step| Step::from_wire(step).ok());
    let knows = step.map(|step| {
        let knowing = definitions.iter().filter(|known| known.knows(&step));
        knowing.map(|known| &known.saga_type).collect::<Vec<_>>()
    });
    let mut types = knows.unwrap_or_default();
    types.dedup();
    let only = match types.as_slice() {
        [only] => Some(only.as_str()),
        _ => None,
    };
    let filters = group(filters);
    between(&filters, &around(&filters, only), true)
}

/// A version of a service against another one, of the sagas of the same period.
pub(in crate::ui) fn of_versions(service: &str, [version, other]: [&str; 2], period: &Period) -> String {
    let group = |version: &str| -> Filters {
        let named = [("producerService", service), ("serviceVersion", version)];
        let named = named.map(|(name, value)| (name.to_owned(), value.to_owned()));
        named.into_iter().chain(period.fixed()).collect()
    };
    between(&group(version), &group(other), false)
}

/// A list against those that completed.
pub(super) fn from_completed(filters: &[(String, String)]) -> Option<String> {
    let mut completed = around(filters, None);
    completed.push(("status".to_owned(), "COMPLETED".to_owned()));
    let is_other = filters != completed;
    is_other.then(|| between(filters, &completed, false))
}

/// A list against the same of the period before, which is as long.
pub(in crate::ui) fn from_the_period_before(given: &[(String, String)], now: Timestamp) -> Option<String> {
    let filters = group(given);
    let (dates, others): (Filters, Filters) = filters.into_iter().partition(|(name, _)| is_date(name));
    let mut params = Params::from(dates);
    let asked = Asked::take(&mut params, now);
    params.finish().ok()?;
    let period = asked.or(Length::days(7), now);
    let dated = |dates: [(String, String); 2]| -> Filters { others.iter().cloned().chain(dates).collect() };
    Some(between(
        &dated(period.fixed()),
        &dated(period.earlier().fixed()),
        false,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(query: &str) -> Filters {
        Params::of(query).given()
    }

    fn now() -> Timestamp {
        "2026-11-24T14:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_list_is_compared_with_what_is_around_it() {
        let list = filters("sagaType=REFUND&status=FAILED&period=24h&sort=due&cursor=x");
        assert_eq!(
            from_the_rest(&list).unwrap(),
            "/differences?a.period=24h&a.sagaType=REFUND&a.status=FAILED&b.period=24h&b.sagaType=REFUND&rest=true"
        );
        assert_eq!(from_the_rest(&filters("sagaType=REFUND&period=24h")), None);
        assert_eq!(
            from_completed(&group(&list)).unwrap(),
            "/differences?a.period=24h&a.sagaType=REFUND&a.status=FAILED&b.period=24h&b.sagaType=REFUND&b.status=COMPLETED"
        );
    }

    #[test]
    fn a_list_of_any_time_is_of_a_week() {
        assert_eq!(
            from_the_rest(&filters("status=FAILED")).unwrap(),
            "/differences?a.status=FAILED&a.period=7d&b.period=7d&rest=true"
        );
    }

    #[test]
    fn the_period_before_is_as_long() {
        let found = from_the_period_before(&filters("status=FAILED&period=1h"), now()).unwrap();
        let times = [
            "a.fromDate=2026-11-24T13%3A00%3A00.000Z",
            "a.toDate=2026-11-24T14%3A00%3A00.000Z",
            "b.fromDate=2026-11-24T12%3A00%3A00.000Z",
            "b.toDate=2026-11-24T13%3A00%3A00.000Z",
        ];
        assert!(times.iter().all(|time| found.contains(time)), "{found}");
        assert_eq!(from_the_period_before(&filters("period=century"), now()), None);
    }

    #[test]
    fn failures_are_compared_with_sagas_of_the_type_that_has_the_step() {
        let found = of_failures(
            &filters("failureGroup=x&period=1h"),
            Some("STOCK_RESERVATION_FAILED"),
            &Definitions::built_in(),
        );
        assert!(found.contains("b.sagaType=ORDER_CREATION"), "{found}");
        let found = of_failures(
            &filters("failureGroup=x&period=1h"),
            Some("NEVER_HEARD_OF"),
            &Definitions::built_in(),
        );
        assert!(!found.contains("sagaType"), "{found}");
    }
}
