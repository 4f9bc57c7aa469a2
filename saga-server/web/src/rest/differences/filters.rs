//! Which sagas two groups are: by the filters of a list, each behind the prefix of its group.

use saga_types::Timestamp;
use utoipa::{
    IntoParams, Path,
    openapi::{
        RefOr,
        path::{Parameter, ParameterIn},
    },
};

use crate::{
    http::query_string::{BadParameters, Params},
    rest::{saga_filters, sagas},
};
use saga_collector::{freshness::Freshness, redaction::Redaction};
use saga_store::SagaQuery;

/// The filters of both groups.
pub(in crate::rest) struct GroupFilters;

const PREFIXES: [(&str, &str); 2] = [("a", "first"), ("b", "second")];

/// Parameters of a list that say where in the list, and not what is in it.
const PLACES: [&str; 4] = ["page", "size", "cursor", "sort"];

impl IntoParams for GroupFilters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let filters = sagas::__path_search::operation().parameters.unwrap_or_default();
        let filters = filters.into_iter().filter_map(|filter| match filter {
            RefOr::T(filter) => Some(filter),
            RefOr::Ref(_) => None,
        });
        let filters = filters.filter(|filter| !PLACES.contains(&filter.name.as_str()));
        let filters: Vec<Parameter> = filters.collect();
        let of_group = |(prefix, which): (&str, &str)| {
            let prefix = prefix.to_owned();
            let which = which.to_owned();
            let filters = filters.clone().into_iter();
            filters
                .map(move |filter| named(filter, &prefix, &which))
                .collect::<Vec<_>>()
        };
        PREFIXES.into_iter().flat_map(of_group).collect()
    }
}

fn named(mut filter: Parameter, prefix: &str, which: &str) -> Parameter {
    if filter.name == "metadata" {
        filter.schema = Some(saga_filters::metadata_filter(&format!("{prefix}.")));
    }
    filter.name = format!("{prefix}.{}", filter.name);
    let description = filter.description.take().unwrap_or_default();
    filter.description = Some(format!("Of the {which} group: {description}"));
    filter
}

/// What is wrong is named with its prefix.
pub(super) fn group(
    params: &mut Params,
    prefix: &str,
    since: Timestamp,
    redaction: &Redaction,
    freshness: &Freshness,
) -> SagaQuery {
    let given = params.prefixed(prefix);
    for place in PLACES.iter().filter(|place| given.contains_key(**place)) {
        params.refuse(&format!("{prefix}{place}"), "is no filter");
    }
    let is_dated = ["fromDate", "toDate", "period"]
        .iter()
        .any(|name| given.contains_key(*name));
    let given: Vec<(String, String)> = given.into_iter().collect();
    match sagas::read(Params::from(given), redaction, freshness) {
        Ok((mut query, _)) => {
            if !is_dated && query.started_from.is_none() && query.started_to.is_none() {
                query.started_from = Some(since);
            }
            query
        }
        Err(BadParameters(bad)) => {
            for (name, reason) in bad {
                params.refuse(&format!("{prefix}{name}"), reason);
            }
            // Never asked for: the request is refused.
            SagaQuery::newest(1)
        }
    }
}
