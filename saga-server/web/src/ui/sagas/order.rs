//! The order of the list, and the columns that can be sorted.

use super::{LIST, value};
use crate::ui::{
    query::{address, is_place},
    row::Column,
};

pub(super) fn order(given: &[(String, String)]) -> &'static str {
    match value(given, "sort") {
        None | Some("startedAt,desc") => "newest first",
        Some("startedAt" | "startedAt,asc") => "oldest first",
        Some("updatedAt,desc") => "last changed first",
        Some("updatedAt" | "updatedAt,asc") => "first changed first",
        Some("due" | "due,asc") => "most overdue first",
        Some("due,desc") => "due last first",
        Some("duration,desc") => "longest first",
        Some(_) => "shortest first",
    }
}

/// The orders that are offered, the field and direction of each as in `sort`.
const SORTS: [(&str, &str); 5] = [
    ("newest", "startedAt,desc"),
    ("last changed", "updatedAt,desc"),
    ("most overdue", "due,asc"),
    ("longest", "duration,desc"),
    ("shortest", "duration,asc"),
];

fn sorted_by(given: &[(String, String)], sort: &str) -> String {
    let sort = ("sort".to_owned(), sort.to_owned());
    let kept = given.iter().filter(|(name, _)| !is_place(name) && name != "sort");
    address(LIST, kept.chain([&sort]))
}

/// The order in force, with its direction.
fn sort(given: &[(String, String)]) -> String {
    match value(given, "sort").unwrap_or("startedAt,desc") {
        whole if whole.contains(',') => whole.to_owned(),
        field => format!("{field},asc"),
    }
}

pub(super) fn sorts(given: &[(String, String)]) -> Vec<(&'static str, String, bool)> {
    let current = sort(given);
    let link = |(name, sort): (&'static str, &str)| (name, sorted_by(given, sort), current == sort);
    SORTS.map(link).into()
}

pub(super) fn columns(given: &[(String, String)]) -> Vec<Column> {
    let current = sort(given);
    let (field, direction) = current.split_once(',').unwrap_or((&current, "asc"));
    let sortable = |column: Column| {
        let by = match column.name {
            "Duration" => "duration",
            "Started" => "startedAt",
            _ => return column,
        };
        let is_sorted = by == field;
        let (sorted, other_way) = match direction {
            "desc" => ("descending", "asc"),
            _ => ("ascending", "desc"),
        };
        let other_way = if is_sorted { other_way } else { "desc" };
        Column {
            path: Some(sorted_by(given, &format!("{by},{other_way}"))),
            sorted: is_sorted.then_some(sorted),
            ..column
        }
    };
    Column::all().into_iter().map(sortable).collect()
}
