//! Quick views, and views that the team saved.

use super::LIST;
use crate::{
    rest::ViewEntry,
    ui::query::{is_place, pairs},
};

/// Quick views: name and query. What is overdue comes with the most overdue first.
const VIEWS: [(&str, &str); 8] = [
    ("All", ""),
    ("In progress", "ended=false"),
    ("Overdue", "sort=due&stuck=true"),
    ("Failed", "failed=true"),
    ("Acknowledged", "acknowledged=true"),
    ("Compensation pending", "owing=true&sort=due"),
    ("Compensated", "status=COMPENSATED"),
    ("Completed", "status=COMPLETED"),
];

pub(super) struct View {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) is_current: bool,
}

/// The views that the team saved.
pub(super) fn saved(views: Vec<ViewEntry>, here: &str) -> Vec<View> {
    let view = |view: ViewEntry| View {
        is_current: view.query == here,
        path: view.page,
        name: view.name,
    };
    views.into_iter().map(view).collect()
}

/// A view is in force as long as nothing else is filtered.
pub(super) fn views(given: &[(String, String)]) -> Vec<View> {
    let here = pairs(given.iter().filter(|(name, _)| !is_place(name) && name != "size"));
    let view = |(name, view): (&'static str, &str)| View {
        name: name.to_owned(),
        path: match view {
            "" => LIST.to_owned(),
            query => format!("{LIST}?{query}"),
        },
        is_current: here == view,
    };
    VIEWS.map(view).into()
}
