//! `GET /dead-letters`: reasons, filters and rows, by the parameters of `GET /internal/v1/dlt`.

use askama::Template;
use axum::Extension;
use saga_types::Timestamp;

use super::{LetterRow, PATH, explained};
use crate::ui::{
    humanize::{Moment, number},
    page::{Frame, Page, Section},
    period::{Asked, is_date},
    query::{Chip, Paging, address, chips, files, is_place},
    range::Range,
};
use crate::{
    auth::Caller,
    http::{
        ApiError,
        query_string::{Params, of_pairs},
    },
    rest::{CauseEntry, find_letter_causes, find_letter_groups, find_letters},
    scoped::Reader,
};
use saga_store::{LetterCounts, LetterGroup};

/// Quick views: name and query.
const VIEWS: [(&str, &str); 5] = [
    ("All", ""),
    ("Not replayed", "state=WAITING"),
    ("Acknowledged", "acknowledged=true"),
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
    counts_are_exact: bool,
    groups: Vec<Group>,
    views: Vec<(&'static str, String, bool)>,
    range: Range,
    /// The period in force, to be kept by the form.
    kept: Vec<(String, String)>,
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
    /// The whole list, and all reasons.
    files: [(&'static str, String); 2],
    reason_files: [(&'static str, String); 2],
    paging: Paging,
    is_empty: bool,
}

/// The letters of one cause.
struct Group {
    reason: String,
    message: Option<String>,
    producer: Option<String>,
    explained: &'static str,
    /// The name of the cause; none of letters that have not got theirs yet.
    cause: Option<String>,
    /// The lists of those that wait and of those that were replayed.
    path: String,
    replayed_path: String,
    waiting: String,
    has_waiting: bool,
    failed_again: Option<String>,
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
    let now = Timestamp::now();
    // What is wrong with it, find_letters reports.
    let asked = Asked::take(&mut Params::from(given.clone()), now);
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
    let LetterCounts { groups, is_exact } = find_letter_groups(&reader, Params::from(filter.clone())).await?;
    let causes = find_letter_causes(&reader, Params::from(filter.clone())).await?;
    let counts_are_exact = is_exact && causes.counts_are_exact;
    let causes = causes.causes;
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
        counts_are_exact,
        views: VIEWS
            .map(|(name, view)| {
                (
                    name,
                    path_of(view),
                    current == format!("?{view}") || current == view,
                )
            })
            .into(),
        range: Range::optional(PATH, &given, &asked, now),
        kept: given.iter().filter(|(name, _)| is_date(name)).cloned().collect(),
        chips: named_chips(&given, &causes),
        rows: found
            .content
            .into_iter()
            .map(|letter| LetterRow::new(letter, now))
            .collect(),
        can_replay: waiting > 0 && !asks_for("REPLAYED") && !is_of_dismissed,
        is_of_dismissed,
        files: files("/internal/v1/dlt", &given),
        reason_files: files("/internal/v1/dlt/groups", &given),
        // Forms are sent later, and mean what is listed now.
        query: of_pairs(&asked.fixed(stated, now)),
        filter: asked.fixed(filter.clone(), now),
        paging: Paging::of(PATH, &given, found.next_cursor.as_deref()),
        is_empty: groups.is_empty(),
        groups: causes
            .into_iter()
            .filter(|cause| cause.waiting + cause.replayed > 0)
            .map(|cause| Group::new(cause, asked.fixed(filter.clone(), now), now))
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

/// A cause by its words, where its letters are there.
fn named_chips(given: &[(String, String)], causes: &[CauseEntry]) -> Vec<Chip> {
    let mut chips = chips(PATH, given);
    for chip in chips.iter_mut().filter(|chip| chip.name == "cause") {
        if let Some(cause) = causes
            .iter()
            .find(|cause| cause.cause.as_ref() == Some(&chip.value))
        {
            let message = cause.message.as_deref().unwrap_or_default();
            chip.value = format!("{} {message}", cause.reason).trim().to_owned();
        }
    }
    chips
}

impl Group {
    /// Within what is listed.
    fn new(cause: CauseEntry, within: Vec<(String, String)>, now: Timestamp) -> Self {
        let named = match &cause.cause {
            Some(name) => ("cause".to_owned(), name.clone()),
            None => ("reason".to_owned(), cause.reason.clone()),
        };
        let path = |state: &str| {
            let others = within.iter().filter(|(name, _)| *name != named.0);
            let state = ("state".to_owned(), state.to_owned());
            address(PATH, others.chain([&named, &state]))
        };
        Self {
            explained: explained(&cause.reason),
            path: path("WAITING"),
            replayed_path: path("REPLAYED"),
            waiting: number(cause.waiting),
            has_waiting: cause.waiting > 0,
            failed_again: (cause.failed_again > 0).then(|| number(cause.failed_again)),
            replayed: number(cause.replayed),
            first: Moment::new(cause.first, now),
            last: Moment::new(cause.last, now),
            message: cause.message.filter(|message| !message.is_empty()),
            producer: cause.producer_service,
            cause: cause.cause,
            reason: cause.reason,
        }
    }
}
