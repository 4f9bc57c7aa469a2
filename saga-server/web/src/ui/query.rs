//! The address of a list: filters as chips, and where the list goes on.

use super::links::encoded;

/// A filter in force, and the list without it.
pub(super) struct Chip {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) without: String,
}

/// Whether the parameter is a place in the list, not a filter.
pub(super) fn is_place(name: &str) -> bool {
    matches!(name, "page" | "cursor")
}

/// The filters among what was given.
pub(super) fn chips(path: &str, given: &[(String, String)]) -> Vec<Chip> {
    let is_filter = |name: &str| !is_place(name) && name != "sort" && name != "size";
    let filters = given.iter().filter(|(name, _)| is_filter(name));
    let chip = |(name, value): &(String, String)| {
        let others = given
            .iter()
            .filter(|(other, _)| other != name && !is_place(other));
        Chip {
            name: name.clone(),
            value: value.clone(),
            without: address(path, others),
        }
    };
    filters.map(chip).collect()
}

/// The other pages of a list.
pub(super) struct Paging {
    /// None on the first page.
    pub(super) first: Option<String>,
    /// None on the last one.
    pub(super) next: Option<String>,
}

impl Paging {
    /// Of the page that was asked for so, which goes on at a cursor.
    pub(super) fn of(path: &str, given: &[(String, String)], cursor: Option<&str>) -> Self {
        let kept = given.iter().filter(|(name, _)| !is_place(name));
        let is_first = !given.iter().any(|(name, _)| is_place(name));
        let cursor = cursor.map(|cursor| ("cursor".to_owned(), cursor.to_owned()));
        Self {
            next: cursor
                .as_ref()
                .map(|cursor| address(path, kept.clone().chain([cursor]))),
            first: (!is_first).then(|| address(path, kept)),
        }
    }

    pub(super) const fn is_first(&self) -> bool {
        self.first.is_none()
    }
}

/// The files that have all of a list: their form, and their address.
pub(super) fn files<'a>(
    list: &str,
    parameters: impl IntoIterator<Item = &'a (String, String)> + Clone,
) -> [(&'static str, String); 2] {
    let file = |ending: &str| {
        let filters = parameters.clone().into_iter();
        address(
            &format!("{list}.{ending}"),
            filters.filter(|(name, _)| !is_place(name) && name != "size"),
        )
    };
    [("CSV", file("csv")), ("NDJSON", file("ndjson"))]
}

/// A path with these parameters.
pub(super) fn address<'a>(path: &str, parameters: impl IntoIterator<Item = &'a (String, String)>) -> String {
    match pairs(parameters) {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// Parameters as a query.
pub(super) fn pairs<'a>(parameters: impl IntoIterator<Item = &'a (String, String)>) -> String {
    let pairs = parameters
        .into_iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}
