//! `/sagas`: the list, by the same parameters as `GET /api/v1/sagas`.
//!
//! | part | what |
//! | --- | --- |
//! | `filters` | the form of filters, and the filters in force |
//! | `order` | the order, and the columns that can be sorted |
//! | `views` | quick views and saved views |
//! | `group` | who takes care of a group of failures |
//! | `chat` | the list as a message |

mod chat;
mod filters;
mod group;
mod order;
mod views;

use askama::Template;
use axum::{
    Extension,
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use saga_types::Timestamp;

use self::{
    filters::{Field, STATUSES, chips, fields, filtering, has_field},
    group::GroupOfFailures,
    order::{columns, order, sorts},
    views::{View, saved, views},
};
use super::{
    differences::{from_the_period_before, from_the_rest},
    humanize::{Clock, number},
    page::{Frame, Page, Section},
    period::Asked,
    query::{Chip, Paging, address, files, is_place, pairs},
    range::Range,
    row::{Column, SagaRow},
    saga::origin,
};
use crate::{
    auth::{Caller, Role},
    http::{ApiError, query_string::Params},
    rest::{SagasPage, beginnings, check_list, find_sagas, find_views},
    scoped::Reader,
    tokens,
};

pub(super) use self::filters::called;

const LIST: &str = "/sagas";

#[derive(Template)]
#[template(path = "sagas.html")]
pub(super) struct SagasTemplate {
    frame: Frame,
    views: Vec<View>,
    /// Views that the team saved.
    saved: Vec<View>,
    /// The filters in force as tokens, and what tokens may begin with.
    tokens: String,
    beginnings: Vec<String>,
    /// The query that an operator may save.
    to_save: Option<String>,
    /// The order in force, if one was asked for.
    sort: Option<String>,
    /// All that match, as files, and as a call.
    files: [(&'static str, String); 2],
    curl: String,
    /// The list as a message.
    chat: String,
    range: Range,
    chips: Vec<Chip>,
    /// When the list is that of a group of failures.
    group: Option<GroupOfFailures>,
    fields: Vec<Field>,
    statuses: Vec<(&'static str, bool)>,
    /// What is in force and has no field, to be kept by the form.
    kept: Vec<(String, String)>,
    rows: Vec<SagaRow>,
    /// Sagas of the order that are in the archive.
    archived: Option<Archived>,
    /// Whether all that match are there.
    are_all_archived: bool,
    /// Whether sagas left the database for an archive that the list says nothing of.
    is_without_archive: bool,
    columns: Vec<Column>,
    /// Orders: name, the list in it, and whether it is in it.
    sorts: Vec<(&'static str, String, bool)>,
    total: String,
    order: &'static str,
    /// What the list can be compared with.
    compared: Vec<(&'static str, String)>,
    paging: Paging,
    /// Whether the caller may change what is listed.
    can_choose: bool,
    /// The filters in force, as a query.
    filter: String,
}

/// Sagas of the order that are in the archive.
struct Archived {
    rows: Vec<SagaRow>,
    columns: Vec<Column>,
    /// Whether there are no others.
    is_all: bool,
}

pub(super) async fn page(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let mut params = params.filled();
    if params.given().iter().any(|(name, _)| name == "q") {
        params.expand_tokens(Timestamp::now());
        let list = address(LIST, &params.given());
        check_list(&reader, params)?;
        return Ok(Redirect::to(&list).into_response());
    }
    let given = params.given();
    let freshness = reader.freshness();
    let clock = Clock::of(&freshness);
    // What is wrong with it, find_sagas reports.
    let asked = Asked::take(&mut Params::from(given.clone()), clock.now);
    let found = find_sagas(&reader, params).await?;
    let group = GroupOfFailures::of(&reader, &caller, &given, clock.now).await?;
    let filters = given.iter().filter(|(name, _)| !is_place(name));
    let whole = pairs(filters.clone().filter(|(name, _)| name != "size"));
    let files = files("/api/v1/sagas", &given);
    let (total, tokens) = (total(&found), tokens::write(&filtering(&given)));
    // Who reads it later is to see the same list.
    let listed = asked.fixed(filters.clone().cloned().collect(), clock.now);
    let link = format!("{}{}", origin(&headers), address(LIST, &listed));
    Ok(Page(SagasTemplate {
        frame: Frame::new(Section::Sagas, "Sagas", &caller, Some(&freshness)).with_live(live(&given)),
        views: views(&given),
        saved: saved(find_views(&reader).await?.views, &whole),
        chat: chat::chat(&found, &total, &tokens, &link),
        tokens,
        beginnings: beginnings(&*reader.words().await?),
        sort: value(&given, "sort").map(str::to_owned),
        curl: curl(&headers, &files[1].1),
        files,
        to_save: (caller.role >= Role::Operator).then_some(whole),
        range: Range::optional("/sagas", &given, &asked, clock.now),
        chips: chips(&given),
        group,
        fields: fields(&given),
        statuses: STATUSES
            .map(|status| (status, value(&given, "status") == Some(status)))
            .into(),
        kept: filters
            .clone()
            .filter(|(name, _)| !has_field(name))
            .cloned()
            .collect(),
        total,
        order: order(&given),
        columns: columns(&given),
        sorts: sorts(&given),
        compared: compared(&given, clock),
        paging: Paging::of(LIST, &given, found.next_cursor.as_deref()),
        can_choose: caller.role >= Role::Operator,
        filter: pairs(filters),
        are_all_archived: found.content.is_empty()
            && found
                .archived
                .as_ref()
                .is_some_and(|archived| !archived.content.is_empty()),
        is_without_archive: reader.has_archive() && found.archived.is_none(),
        archived: found.archived.map(|archived| Archived {
            rows: archived
                .content
                .into_iter()
                .map(|saga| SagaRow::new(saga.into(), clock))
                .collect(),
            columns: Column::all(),
            is_all: archived.found_is_exact,
        }),
        rows: found
            .content
            .into_iter()
            .map(|saga| SagaRow::listed(saga, clock))
            .collect(),
    })
    .into_response())
}

/// The whole list, for a shell.
fn curl(headers: &HeaderMap, file: &str) -> String {
    format!(
        "curl -H \"Authorization: Bearer $TOKEN\" '{}{file}'",
        origin(headers)
    )
}

fn value<'a>(given: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = given.iter().find(|(other, _)| other == name);
    found.map(|(_, value)| value.as_str())
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

/// The list against others: of one without filters there is nothing to say.
fn compared(given: &[(String, String)], clock: Clock) -> Vec<(&'static str, String)> {
    let Some(rest) = from_the_rest(given) else {
        return Vec::new();
    };
    let before = from_the_period_before(given, clock.now);
    let before = before.map(|path| ("the period before", path));
    std::iter::once(("all other sagas", rest)).chain(before).collect()
}

/// Those of the filters that the stream of sagas has, too.
fn live(given: &[(String, String)]) -> String {
    const KNOWN: [&str; 5] = ["orderId", "sagaType", "status", "producerService", "anomaly"];
    pairs(given.iter().filter(|(name, _)| KNOWN.contains(&name.as_str())))
}
