//! The search field: takes an id, a value of metadata, the address of a page or a line of filters, and leads straight to
//! the page of what was found if that is one page. Otherwise a page says what was looked for and what was found.

use std::collections::BTreeSet;

use askama::Template;
use axum::{
    Extension,
    http::Uri,
    response::{IntoResponse, Redirect, Response},
};
use saga_types::{SagaId, Timestamp};

use super::{
    humanize::{Clock, Moment, number},
    page::{Frame, Page, Section},
    query::address,
    row::{Column, SagaRow},
};
use crate::{
    auth::Caller,
    find::{self, Findings, Match, Place, Searched},
    http::{ApiError, query_string::Params},
    scoped::Reader,
    tokens::{self, NAMES},
};
use saga_collector::list_entry::list_entry;
use saga_store::StoredSaga;

#[derive(Template)]
#[template(path = "search.html")]
struct SearchTemplate {
    frame: Frame,
    text: String,
    heading: String,
    searched: Vec<String>,
    columns: Vec<Column>,
    rows: Vec<SagaRow>,
    letters: Vec<LetterRow>,
    /// Why it is no line of filters, for a text that looks like one.
    no_filters: Option<String>,
}

struct LetterRow {
    path: String,
    id: i64,
    reason: String,
    saga_id: String,
    dead_since: Moment,
}

pub(super) async fn go(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Result<Response, ApiError> {
    let text = params.trimmed("q");
    params.finish()?;
    let to = |path: &str| Ok(Redirect::to(path).into_response());
    if text.is_empty() {
        return to("/sagas");
    }
    if let Some(path) = page_of_address(&text) {
        return to(&path);
    }
    let filters = tokens::parse(&text, Timestamp::now());
    let list = filters.as_ref().ok().map(|parameters| {
        let parameters = parameters.iter();
        let parameters: Vec<_> = parameters
            .map(|one| (one.name.clone(), one.value.clone()))
            .collect();
        address("/sagas", &parameters)
    });
    if let Some(list) = list.as_ref().filter(|_| is_line_of_filters(&text)) {
        return to(list);
    }
    if text.chars().count() > find::MAX_CHARS {
        let reason = format!(
            "has more than {} characters, and is no line of filters",
            find::MAX_CHARS
        );
        return Err(ApiError::bad_parameter("q", reason));
    }
    let findings = find::find(&reader, &text).await?;
    match (&findings.page, &findings.matched, list) {
        (Some(page), ..) => to(page),
        // What is no id may still be a key and a value.
        (None, None, Some(list)) => to(&list),
        _ => {
            let no_filters = filters.err().map(|error| error.to_string());
            let no_filters = no_filters.filter(|_| text.contains(':'));
            let page = shown(&reader, &caller, text, findings, no_filters).await?;
            Ok(Page(page).into_response())
        }
    }
}

async fn shown(
    reader: &Reader,
    caller: &Caller,
    text: String,
    findings: Findings,
    no_filters: Option<String>,
) -> Result<SearchTemplate, ApiError> {
    let freshness = reader.freshness();
    let clock = Clock::of(&freshness);
    let ids = findings
        .sagas
        .iter()
        .filter_map(|saga| SagaId::new(&saga.saga_id).ok());
    let mut sagas = reader.sagas(&ids.collect::<BTreeSet<_>>()).await?;
    sagas.extend(findings.archived.into_iter().map(StoredSaga::from));
    sagas.sort_by_key(|saga| std::cmp::Reverse(saga.started_at));
    let listed = |state| list_entry(reader.redaction.saga(state));
    let row = |saga: StoredSaga| SagaRow::new(saga.map_state(listed), clock);
    let letters = findings.dead_letters.into_iter().map(|letter| LetterRow {
        path: format!("/dead-letters/{}", letter.id),
        id: letter.id,
        reason: letter.reason,
        saga_id: letter.saga_id.unwrap_or_default(),
        dead_since: Moment::new(letter.dead_since, clock.now),
    });
    let mut frame = Frame::new(Section::Elsewhere, "Search", caller, Some(&freshness));
    frame.search = text;
    Ok(SearchTemplate {
        frame,
        heading: match findings.matched {
            None => "Nothing found".to_owned(),
            Some(Match::Exact) => "More than one has this id or value".to_owned(),
            Some(Match::Prefix) => "No exact match; ids that begin with it".to_owned(),
            Some(Match::OtherCase) => "Found in another spelling".to_owned(),
        },
        text: findings.text,
        searched: findings.searched.iter().map(searched).collect(),
        columns: Column::all(),
        rows: sagas.into_iter().map(row).collect(),
        letters: letters.collect(),
        no_filters,
    })
}

fn searched(searched: &Searched) -> String {
    let place = match searched.place {
        Place::SagaId => "saga ids",
        Place::RemovedSagaId => "ids of sagas that left the database",
        Place::ArchivedSagaId => "saga ids of the archive",
        Place::ArchivedOrderId => "order ids of the archive",
        Place::OrderId => "order ids",
        Place::TraceId => "trace ids",
        Place::EventId => "event ids",
        Place::Metadata => "values of the most frequent metadata keys",
        Place::DeadLetterId => "ids of dead letters",
        Place::DeadLetterSagaId => "sagas of dead letters",
        Place::DeadLetterEventId => "events of dead letters",
    };
    match (searched.found, searched.found_is_exact) {
        (0, true) => format!("{place}: none"),
        (0, false) => format!("{place}: none in time"),
        (found, true) => format!("{place}: {}", number(found)),
        (found, false) => format!("{place}: more than {}", number(found)),
    }
}

/// Whether a text is meant as filters and as nothing else: several words with a colon among them, or one with the name of a filter.
fn is_line_of_filters(text: &str) -> bool {
    let begins_with_name = |word: &str| {
        let word = word.trim_start_matches(['-', '!']);
        word.split_once(':').is_some_and(|(name, _)| {
            name.starts_with("metadata.") || NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
        })
    };
    text.split_whitespace().any(begins_with_name)
}

/// Sections of pages that an address may be of.
const PAGES: [&str; 6] = ["flow", "dead-letters", "services", "operations", "views", "sagas"];

/// The page of a pasted address, on this tracker. The pages of sagas are found by their ids.
fn page_of_address(text: &str) -> Option<String> {
    let text = text.trim_matches(['<', '>', '"']);
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))?;
    let (_, path) = rest.split_once('/')?;
    let path = path.split('#').next().unwrap_or_default();
    let section = path.split(['/', '?']).next().unwrap_or_default();
    let is_saga = path.starts_with("sagas/");
    let path = format!("/{path}");
    (PAGES.contains(&section) && !is_saga && path.parse::<Uri>().is_ok()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_page_leads_to_the_page_here() {
        for (text, path) in [
            (
                "https://tracker.example/sagas?status=FAILED#x",
                Some("/sagas?status=FAILED"),
            ),
            (
                "<http://localhost:8086/dead-letters/17>",
                Some("/dead-letters/17"),
            ),
            (
                "https://tracker.example/views/%EC%A3%BC",
                Some("/views/%EC%A3%BC"),
            ),
            ("https://tracker.example/sagas/saga-1", None),
            ("https://tracker.example//evil.example", None),
            ("https://tracker.example/sign-out", None),
            ("https://tracker.example/search?q=1", None),
            ("https://tracker.example/flow?type=주 문", None),
            ("https://tracker.example", None),
            ("ORD-1", None),
        ] {
            assert_eq!(page_of_address(text).as_deref(), path, "{text}");
        }
    }

    #[test]
    fn a_line_of_filters_has_the_name_of_one() {
        for text in ["type:REFUND", "failed Type:REFUND", "-stuck:yes", "metadata.a:b"] {
            assert!(is_line_of_filters(text), "{text}");
        }
        for text in ["ORD:1", "customerId:C-17", "failed", "a b", "://"] {
            assert!(!is_line_of_filters(text), "{text}");
        }
    }
}
