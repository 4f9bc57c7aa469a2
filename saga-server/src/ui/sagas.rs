//! `/sagas`: the list, by the same parameters as `GET /api/v1/sagas`.

use askama::Template;
use axum::{Extension, extract::State, http::Uri};
use saga_types::Timestamp;

use super::{
    page::{Frame, Page, Section},
    row::Row,
    search::encoded,
    words::number,
};
use crate::{
    auth::Caller,
    rest::{ApiError, AppState, Params, SagasPage, find_sagas},
};

/// Quick views: name and query.
const VIEWS: [(&str, &str); 7] = [
    ("All", ""),
    ("Started", "status=STARTED"),
    ("In progress", "status=IN_PROGRESS"),
    ("Overdue", "stuck=true"),
    ("Failed", "status=FAILED"),
    ("Compensated", "status=COMPENSATED"),
    ("Completed", "status=COMPLETED"),
];

#[derive(Template)]
#[template(path = "sagas.html")]
pub(super) struct SagasTemplate {
    frame: Frame,
    views: Vec<View>,
    chips: Vec<Chip>,
    rows: Vec<Row>,
    total: String,
    next: Option<String>,
    is_first: bool,
}

struct View {
    name: &'static str,
    path: String,
    is_current: bool,
}

/// A filter in force, and the list without it.
struct Chip {
    name: String,
    value: String,
    without: String,
}

pub(super) async fn page(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    params: Params,
) -> Result<Page<SagasTemplate>, ApiError> {
    let params = params.filled();
    let given = params.given();
    let found = find_sagas(&state, params).await?;
    let now = Timestamp::now();
    let chips = chips(&given);
    let query = uri.query().unwrap_or_default();
    Ok(Page(SagasTemplate {
        frame: Frame::new(Section::Sagas, "Sagas", &caller, Some(&state.freshness())).with_live(live(&given)),
        views: VIEWS
            .map(|(name, view)| View {
                name,
                path: path(view),
                is_current: query == view,
            })
            .into(),
        chips,
        total: total(&found),
        next: found.next_cursor.as_ref().map(|cursor| next(&given, cursor)),
        is_first: !given.iter().any(|(name, _)| is_place(name)),
        rows: found
            .content
            .into_iter()
            .map(|saga| Row::new(saga, now))
            .collect(),
    }))
}

fn total(found: &SagasPage) -> String {
    let more = if found.page.total_is_exact {
        ""
    } else {
        "more than "
    };
    match found.page.total_elements {
        1 => "1 saga".to_owned(),
        count => format!("{more}{} sagas", number(count)),
    }
}

/// Whether the parameter says where in the list, and not what is in it.
fn is_place(name: &str) -> bool {
    matches!(name, "page" | "cursor")
}

/// Those of the filters that the stream of sagas has, too.
fn live(given: &[(String, String)]) -> String {
    const KNOWN: [&str; 5] = ["orderId", "sagaType", "status", "producerService", "anomaly"];
    query(given.iter().filter(|(name, _)| KNOWN.contains(&name.as_str())))
}

fn chips(given: &[(String, String)]) -> Vec<Chip> {
    given
        .iter()
        .filter(|(name, _)| !is_place(name) && name != "sort" && name != "size")
        .map(|(name, value)| Chip {
            name: name.clone(),
            value: value.clone(),
            without: path(&query(
                given
                    .iter()
                    .filter(|(other, _)| other != name && !is_place(other)),
            )),
        })
        .collect()
}

fn next(given: &[(String, String)], cursor: &str) -> String {
    let cursor = ("cursor".to_owned(), cursor.to_owned());
    let kept = given.iter().filter(|(name, _)| !is_place(name));
    path(&query(kept.chain([&cursor])))
}

fn path(query: &str) -> String {
    match query {
        "" => "/sagas".to_owned(),
        query => format!("/sagas?{query}"),
    }
}

fn query<'a>(parameters: impl Iterator<Item = &'a (String, String)>) -> String {
    let pairs: Vec<String> = parameters
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    pairs.join("&")
}
