//! `/differences`: in what two groups of sagas differ, by the same parameters as `GET /api/v1/differences`.
//!
//! | part | what |
//! | --- | --- |
//! | `address` | a group, and what it is compared with, as a link |
//! | `rows` | figures of both groups, and the values that differ |

mod address;
mod rows;

use std::collections::BTreeMap;

use askama::Template;
use axum::Extension;

use self::{
    address::{between, from_completed, group},
    rows::{FigureRow, ValueRow, figures},
};
use super::{
    humanize::{Clock, number},
    page::{Frame, Page, Section},
    period::{Asked, is_date},
    query,
    sagas::called,
};
use crate::{
    auth::Caller,
    http::{
        ApiError,
        query_string::{Length, Params},
    },
    rest::{GroupDifferences, find_differences},
    scoped::Reader,
};
pub(in crate::ui) use address::{from_the_period_before, from_the_rest, of_failures, of_versions};

/// The fields of a group: parameter, label, and what may be written there.
const FIELDS: [(&str, &str, &str); 10] = [
    ("sagaType", "Type", ""),
    ("status", "Status", "FAILED"),
    ("step", "Has step", ""),
    ("failedStep", "Failed at", ""),
    ("failureGroup", "Failure group", ""),
    ("producerService", "Service", ""),
    ("serviceVersion", "Service version", ""),
    ("period", "Last", "24h or 7d"),
    ("fromDate", "From", "2026-11-22T08:26Z or a date"),
    ("toDate", "To", "now"),
];

#[derive(Template)]
#[template(path = "differences.html")]
pub(super) struct DifferencesTemplate {
    frame: Frame,
    groups: [GroupView; 2],
    is_rest: bool,
    /// None before two groups are chosen.
    found: Option<Found>,
    /// What the first group can be compared with: name, address, and whether it is.
    others: Vec<(&'static str, String, bool)>,
    swapped: Option<String>,
    /// The address with fixed times.
    fixed: String,
    /// Filters without a field, to be kept by the form.
    kept: Vec<(String, String)>,
}

struct GroupView {
    name: &'static str,
    /// Its filters in words.
    filters: Vec<(String, String)>,
    list: String,
    fields: Vec<Field>,
}

struct Field {
    name: String,
    label: &'static str,
    hint: &'static str,
    value: String,
}

struct Found {
    summary: String,
    figures: Vec<FigureRow>,
    values: Vec<ValueRow>,
    /// How many differ beside those that are listed.
    more: usize,
    compared: String,
    identifiers: String,
}

/// The filters of one group.
type Filters = Vec<(String, String)>;

pub(super) async fn page(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Result<Page<DifferencesTemplate>, ApiError> {
    let params = params.filled();
    let given = params.given();
    let freshness = reader.freshness();
    let clock = Clock::of(&freshness);
    let of = |prefix: &str| -> Filters {
        let named = given.iter();
        let named =
            named.filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone())));
        named.collect()
    };
    let (a, b) = (of("a."), of("b."));
    let is_rest = given
        .iter()
        .any(|(name, value)| name == "rest" && value == "true");
    let found = match given.is_empty() {
        true => None,
        false => Some(Found::of(find_differences(&reader, params).await?, &a, &b)),
    };
    let here = between(&a, &b, is_rest);
    let is_chosen = found.is_some();
    let link = |(name, path): (&'static str, Option<String>)| path.map(|path| (name, path == here, path));
    let first = group(&a);
    let others = [
        ("all other sagas", from_the_rest(&first)),
        ("completed sagas", from_completed(&first)),
        ("the period before", from_the_period_before(&first, clock.now)),
    ];
    let others = others.into_iter().filter_map(link);
    let fixed = |filters: &Filters| fixed(filters, clock);
    Ok(Page(DifferencesTemplate {
        frame: Frame::new(Section::Elsewhere, "What differs", &caller, Some(&freshness)),
        kept: kept(&given),
        others: others
            .filter(|_| is_chosen)
            .map(|(name, is_current, path)| (name, path, is_current))
            .collect(),
        swapped: (is_chosen && !is_rest).then(|| between(&b, &a, false)),
        fixed: between(&fixed(&a), &fixed(&b), is_rest),
        groups: [
            GroupView::of("First group", "a.", &a),
            GroupView::of("Second group", "b.", &b),
        ],
        is_rest,
        found,
    }))
}

/// The same at any time.
fn fixed(filters: &Filters, clock: Clock) -> Filters {
    let (dates, mut others): (Filters, Filters) =
        group(filters).into_iter().partition(|(name, _)| is_date(name));
    let asked = Asked::take(&mut Params::from(dates), clock.now);
    others.extend(asked.or(Length::days(7), clock.now).fixed());
    others
}

fn kept(given: &[(String, String)]) -> Filters {
    let has_field = |name: &str| {
        let of_group = name.strip_prefix("a.").or_else(|| name.strip_prefix("b."));
        name == "rest" || of_group.is_some_and(|name| FIELDS.iter().any(|(field, ..)| *field == name))
    };
    let kept = given.iter().filter(|(name, _)| !has_field(name));
    kept.cloned().collect()
}

impl GroupView {
    fn of(name: &'static str, prefix: &str, filters: &Filters) -> Self {
        let values: BTreeMap<&str, &str> = filters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let field = |(name, label, hint): (&str, &'static str, &'static str)| Field {
            value: values.get(name).copied().unwrap_or_default().to_owned(),
            name: format!("{prefix}{name}"),
            label,
            hint,
        };
        Self {
            name,
            filters: group(filters)
                .iter()
                .map(|(name, value)| match name.as_str() {
                    "period" => ("started in the last".to_owned(), value.clone()),
                    "fromDate" => ("started from".to_owned(), value.clone()),
                    "toDate" => ("started until".to_owned(), value.clone()),
                    _ => called(name, value),
                })
                .collect(),
            list: query::address("/sagas", &group(filters)),
            fields: FIELDS.map(field).into(),
        }
    }
}

impl Found {
    fn of(found: GroupDifferences, a: &Filters, b: &Filters) -> Self {
        let (a, b) = (group(a), group(b));
        Self {
            figures: figures(&found),
            values: found
                .values
                .iter()
                .map(|value| ValueRow::of(value, [&a, &b]))
                .collect(),
            more: found.different - found.values.len(),
            compared: number(found.compared as u64),
            identifiers: found.identifiers.join(", "),
            summary: found.summary,
        }
    }
}
