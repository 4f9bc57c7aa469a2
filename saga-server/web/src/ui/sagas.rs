//! `/sagas`: the list, by the same parameters as `GET /api/v1/sagas`.

use askama::Template;
use axum::{
    Extension,
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use saga_types::Timestamp;

use super::{
    acknowledge::{AcknowledgeForm, GROUPS, Mark},
    differences::{from_the_period_before, from_the_rest},
    humanize::{Clock, number},
    links::encoded,
    page::{Frame, Page, Section},
    period::Asked,
    query::files,
    range::Range,
    row::{Column, SagaRow},
    saga::origin,
};
use crate::{
    acknowledgements::{self, AcknowledgementView},
    auth::{Caller, Role},
    http::{ApiError, query_string::Params},
    rest::{SagasPage, ViewEntry, beginnings, check_list, find_sagas, find_views},
    scoped::Reader,
    tokens,
};
use saga_store::Subjects;

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

/// The fields of the form: parameter, label, and what may be written there.
const FIELDS: [(&str, &str, &str); 14] = [
    ("orderId", "Order", ""),
    ("sagaType", "Type", ""),
    ("step", "Has step", ""),
    ("awaits", "Waiting for", ""),
    ("owner", "Owner", ""),
    ("owes", "Compensation pending for", ""),
    ("parentSagaId", "Part of saga", ""),
    ("failedStep", "Failed at", ""),
    ("failureReason", "Failure reason", ""),
    ("failureGroup", "Failure group", ""),
    ("producerService", "Service", ""),
    ("serviceVersion", "Service version", ""),
    ("minDuration", "Duration at least", "2.5s or 10m"),
    ("maxDuration", "Duration at most", "2.5s or 10m"),
];

const STATUSES: [&str; 5] = ["STARTED", "IN_PROGRESS", "COMPLETED", "FAILED", "COMPENSATED"];

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
    range: Range,
    chips: Vec<Chip>,
    /// When the list is that of a group of failures.
    group: Option<GroupOfFailures>,
    fields: Vec<Field>,
    statuses: Vec<(&'static str, bool)>,
    /// What is in force and has no field, to be kept by the form.
    kept: Vec<(String, String)>,
    rows: Vec<SagaRow>,
    columns: Vec<Column>,
    /// Orders: name, the list in it, and whether it is in it.
    sorts: Vec<(&'static str, String, bool)>,
    total: String,
    order: &'static str,
    /// What the list can be compared with.
    compared: Vec<(&'static str, String)>,
    next: Option<String>,
    first: Option<String>,
    /// Whether the caller may change what is listed.
    can_choose: bool,
    /// The filters in force, as a query.
    filter: String,
}

/// Who takes care of the group of failures whose sagas are listed.
struct GroupOfFailures {
    marks: Vec<Mark>,
    form: Option<AcknowledgeForm>,
}

impl GroupOfFailures {
    async fn of(
        reader: &Reader,
        caller: &Caller,
        given: &[(String, String)],
        now: Timestamp,
    ) -> Result<Option<Self>, ApiError> {
        let Some(name) = value(given, "failureGroup") else {
            return Ok(None);
        };
        let saga_type = value(given, "sagaType");
        let mut found = acknowledgements::of(reader, Subjects::FailureGroups(vec![name.to_owned()])).await?;
        let type_of = |view: &AcknowledgementView| view.saga_type.clone().map(String::from);
        found.retain(|view| {
            saga_type.is_none() || type_of(view).is_none_or(|of| Some(of.as_str()) == saga_type)
        });
        let there = found
            .iter()
            .find(|view| type_of(view).as_deref() == saga_type)
            .cloned();
        let form = AcknowledgeForm::of(caller, GROUPS.to_owned(), there, now);
        // Of all types only those may say it who see all of them.
        let form = form.filter(|_| saga_type.is_some() || caller.scope.is_all());
        let fields = [("failureGroup", Some(name)), ("sagaType", saga_type)];
        let fields = fields
            .into_iter()
            .filter_map(|(field, value)| Some((field, value?.to_owned())));
        Ok(Some(Self {
            marks: found.into_iter().map(|view| Mark::new(view, now)).collect(),
            form: form.map(|form| AcknowledgeForm {
                fields: fields.collect(),
                ..form
            }),
        }))
    }
}

struct View {
    name: String,
    path: String,
    is_current: bool,
}

/// A filter in force, and the list without it.
struct Chip {
    name: String,
    value: String,
    without: String,
}

struct Field {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    value: String,
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
        let list = path(&query(params.given().iter()));
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
    let is_first = !given.iter().any(|(name, _)| is_place(name));
    let filters = given.iter().filter(|(name, _)| !is_place(name));
    let whole = query(filters.clone().filter(|(name, _)| name != "size"));
    let files = files("/api/v1/sagas", &given);
    Ok(Page(SagasTemplate {
        frame: Frame::new(Section::Sagas, "Sagas", &caller, Some(&freshness)).with_live(live(&given)),
        views: views(&given),
        saved: saved(find_views(&reader).await?.views, &whole),
        tokens: tokens::write(&filtering(&given)),
        beginnings: beginnings(&*reader.words().await?),
        sort: value(&given, "sort").map(str::to_owned),
        curl: curl(&headers, &files[1].1),
        files,
        to_save: (caller.role >= Role::Operator).then_some(whole),
        range: Range::optional("/sagas", &given, &asked, clock.now),
        chips: chips(&given),
        group,
        fields: FIELDS
            .map(|(name, label, hint)| Field {
                name,
                label,
                hint,
                value: value(&given, name).unwrap_or_default().to_owned(),
            })
            .into(),
        statuses: STATUSES
            .map(|status| (status, value(&given, "status") == Some(status)))
            .into(),
        kept: filters
            .clone()
            .filter(|(name, _)| !has_field(name))
            .cloned()
            .collect(),
        total: total(&found),
        order: order(&given),
        columns: columns(&given),
        sorts: sorts(&given),
        compared: compared(&given, clock),
        next: found.next_cursor.as_ref().map(|cursor| next(&given, cursor)),
        can_choose: caller.role >= Role::Operator,
        filter: query(filters.clone()),
        first: (!is_first).then(|| path(&query(filters))),
        rows: found
            .content
            .into_iter()
            .map(|saga| SagaRow::listed(saga, clock))
            .collect(),
    })
    .into_response())
}

/// The filters in force, without the order.
fn filtering(given: &[(String, String)]) -> Vec<(String, String)> {
    let filters = given
        .iter()
        .filter(|(name, _)| !is_place(name) && !matches!(name.as_str(), "sort" | "size"));
    filters.cloned().collect()
}

/// The views that the team saved.
fn saved(views: Vec<ViewEntry>, here: &str) -> Vec<View> {
    let view = |view: ViewEntry| View {
        is_current: view.query == here,
        path: view.page,
        name: view.name,
    };
    views.into_iter().map(view).collect()
}

/// The whole list, for a shell.
fn curl(headers: &HeaderMap, file: &str) -> String {
    format!(
        "curl -H \"Authorization: Bearer $TOKEN\" '{}{file}'",
        origin(headers)
    )
}

/// A view is in force as long as nothing else is filtered.
fn views(given: &[(String, String)]) -> Vec<View> {
    let here = query(given.iter().filter(|(name, _)| !is_place(name) && name != "size"));
    let view = |(name, view): (&'static str, &str)| View {
        name: name.to_owned(),
        path: path(view),
        is_current: here == view,
    };
    VIEWS.map(view).into()
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

fn order(given: &[(String, String)]) -> &'static str {
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

/// The list against others: of one without filters there is nothing to say.
fn compared(given: &[(String, String)], clock: Clock) -> Vec<(&'static str, String)> {
    let Some(rest) = from_the_rest(given) else {
        return Vec::new();
    };
    let before = from_the_period_before(given, clock.now);
    let before = before.map(|path| ("the period before", path));
    std::iter::once(("all other sagas", rest)).chain(before).collect()
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
    path(&query(kept.chain([&sort])))
}

/// The order in force, with its direction.
fn sort(given: &[(String, String)]) -> String {
    match value(given, "sort").unwrap_or("startedAt,desc") {
        whole if whole.contains(',') => whole.to_owned(),
        field => format!("{field},asc"),
    }
}

fn sorts(given: &[(String, String)]) -> Vec<(&'static str, String, bool)> {
    let current = sort(given);
    let link = |(name, sort): (&'static str, &str)| (name, sorted_by(given, sort), current == sort);
    SORTS.map(link).into()
}

fn columns(given: &[(String, String)]) -> Vec<Column> {
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

/// Whether the parameter is a place in the list, not a filter.
fn is_place(name: &str) -> bool {
    matches!(name, "page" | "cursor")
}

/// Those of the filters that the stream of sagas has, too.
fn live(given: &[(String, String)]) -> String {
    const KNOWN: [&str; 5] = ["orderId", "sagaType", "status", "producerService", "anomaly"];
    query(given.iter().filter(|(name, _)| KNOWN.contains(&name.as_str())))
}

fn has_field(name: &str) -> bool {
    name == "status" || FIELDS.iter().any(|(field, ..)| *field == name)
}

fn chips(given: &[(String, String)]) -> Vec<Chip> {
    given
        .iter()
        .filter(|(name, _)| !is_place(name) && name != "sort" && name != "size")
        .map(|(name, value)| {
            let (called, value) = called(name, value);
            Chip {
                name: called,
                value,
                without: path(&query(
                    given
                        .iter()
                        .filter(|(other, _)| other != name && !is_place(other)),
                )),
            }
        })
        .collect()
}

/// A filter in words.
pub(super) fn called(name: &str, value: &str) -> (String, String) {
    let yes = value == "true";
    let (name, value) = match name {
        "stuck" => ("time limit", if yes { "overdue" } else { "not overdue" }),
        "owing" => ("compensation", if yes { "pending" } else { "none pending" }),
        "ended" => ("state", if yes { "ended" } else { "in progress" }),
        "failed" => ("outcome", if yes { "failed" } else { "not failed" }),
        "acknowledged" => (
            "acknowledged",
            if yes {
                "yes, and not worse since"
            } else {
                "no, or worse since"
            },
        ),
        "status" => ("status", value),
        "traceId" => ("trace", value),
        "anomaly" => ("anomaly", value),
        other => {
            let field = FIELDS.iter().find(|(field, ..)| *field == other);
            return match field {
                Some((_, label, _)) => (label.to_lowercase(), value.to_owned()),
                None => (other.to_owned(), value.to_owned()),
            };
        }
    };
    (name.to_owned(), value.to_owned())
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
