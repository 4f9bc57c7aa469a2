//! `GET /dead-letters`: reasons, filters and rows, by the parameters of `GET /internal/v1/dlt`.

use askama::Template;
use axum::Extension;
use saga_types::Timestamp;

use super::{LetterRow, PATH, explained, reason_path};
use crate::ui::{
    humanize::{Moment, number},
    page::{Frame, Page, Section},
    query::{Chip, address, chips, is_place, next},
};
use crate::{
    auth::Caller,
    http::{
        ApiError,
        query_string::{Params, of_pairs},
    },
    rest::{find_letter_groups, find_letters},
    scoped::Reader,
};
use saga_store::LetterGroup;

/// Quick views: name and query.
const VIEWS: [(&str, &str); 4] = [
    ("All", ""),
    ("Not replayed", "state=WAITING"),
    ("Replayed", "state=REPLAYED"),
    ("Dismissed", "state=DISMISSED"),
];

#[derive(Template)]
#[template(path = "dead_letters/list.html")]
pub(in crate::ui) struct LettersTemplate {
    frame: Frame,
    waiting: String,
    replayed: String,
    dismissed: String,
    has_dismissed: bool,
    groups: Vec<Group>,
    views: Vec<(&'static str, String, bool)>,
    chips: Vec<Chip>,
    rows: Vec<LetterRow>,
    /// The filter in force, for replaying what it matches.
    filter: Vec<(String, String)>,
    /// The same and the state, as a query.
    query: String,
    /// Whether anything that waits matches it.
    can_replay: bool,
    /// Whether the list is that of the dismissed ones.
    is_of_dismissed: bool,
    next: Option<String>,
    is_first: bool,
    first: String,
    is_empty: bool,
}

/// The letters of one reason.
struct Group {
    reason: String,
    explained: &'static str,
    path: String,
    waiting: String,
    has_waiting: bool,
    replayed: String,
    first: Moment,
    last: Moment,
}

pub(in crate::ui) async fn page(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Result<Page<LettersTemplate>, ApiError> {
    let params = params.filled();
    let given = params.given();
    let found = find_letters(&reader, params).await?;
    // Of every state, so that what was replayed is counted beside what waits.
    let filter: Vec<(String, String)> = given
        .iter()
        .filter(|(name, _)| is_filter(name))
        .cloned()
        .collect();
    let stated: Vec<(String, String)> = given
        .iter()
        .filter(|(name, _)| is_filter(name) || name == "state")
        .cloned()
        .collect();
    let groups = find_letter_groups(&reader, Params::from(filter.clone())).await?;
    let now = Timestamp::now();
    let sum = |count: fn(&LetterGroup) -> u64| groups.iter().map(count).sum::<u64>();
    let waiting = sum(|group| group.waiting);
    let replayed = sum(|group| group.replayed);
    let dismissed = sum(|group| group.dismissed);
    let asks_for = |state: &str| {
        given
            .iter()
            .any(|(name, value)| name == "state" && value == state)
    };
    let is_of_dismissed = asks_for("DISMISSED");
    let current = address("", &given);
    Ok(Page(LettersTemplate {
        frame: Frame::new(
            Section::DeadLetters,
            "Dead letters",
            &caller,
            Some(&reader.freshness()),
        ),
        waiting: number(waiting),
        replayed: number(replayed),
        dismissed: number(dismissed),
        has_dismissed: dismissed > 0,
        views: VIEWS
            .map(|(name, view)| {
                (
                    name,
                    path_of(view),
                    current == format!("?{view}") || current == view,
                )
            })
            .into(),
        chips: chips(PATH, &given),
        rows: found
            .content
            .into_iter()
            .map(|letter| LetterRow::new(letter, now))
            .collect(),
        can_replay: waiting > 0 && !asks_for("REPLAYED") && !is_of_dismissed,
        is_of_dismissed,
        first: address(PATH, given.iter().filter(|(name, _)| !is_place(name))),
        query: of_pairs(&stated),
        filter,
        next: found
            .next_cursor
            .as_ref()
            .map(|cursor| next(PATH, &given, cursor)),
        is_first: !given.iter().any(|(name, _)| is_place(name)),
        is_empty: groups.is_empty(),
        groups: groups
            .into_iter()
            .filter(|group| group.waiting + group.replayed > 0)
            .map(|group| Group::new(group, now))
            .collect(),
    }))
}

fn is_filter(name: &str) -> bool {
    !is_place(name) && !matches!(name, "size" | "state")
}

fn path_of(view: &str) -> String {
    if view.is_empty() {
        PATH.to_owned()
    } else {
        format!("{PATH}?{view}")
    }
}

impl Group {
    fn new(group: LetterGroup, now: Timestamp) -> Self {
        Self {
            explained: explained(&group.reason),
            path: reason_path(&group.reason),
            waiting: number(group.waiting),
            has_waiting: group.waiting > 0,
            replayed: number(group.replayed),
            first: Moment::new(group.first, now),
            last: Moment::new(group.last, now),
            reason: group.reason,
        }
    }
}
