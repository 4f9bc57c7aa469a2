//! `/services/{service}`: what one service owes now, how its steps went in a period, and whether its events came.

use std::cmp::Reverse;

use askama::Template;
use axum::{
    Extension,
    extract::{Path, rejection::PathRejection},
};

use super::{
    deploys::Deploys,
    figures::{Figures, figures},
    instances::Instance,
    needing_action, rate, written_by,
};
use crate::{
    auth::{Caller, Role},
    failure_groups::Group,
    http::{
        ApiError,
        query_string::{Length, Params},
    },
    late_groups::Cause,
    scoped::Reader,
    ui::{
        differences::of_failures,
        humanize::{Clock, Moment, length, number, roughly},
        links::encoded,
        overview,
        page::{Frame, Page, Section},
        period::{Asked, Period},
        query::address,
        range::Range,
    },
};
use saga_collector::owners::Contact;
use saga_store::{Late, ProducerQuery, ProducerService, producer_name};

/// How many instances are shown.
const INSTANCES: u32 = 50;

/// How many kinds of failures are shown.
const FAILURES: usize = 12;

#[derive(Template)]
#[template(path = "service.html")]
pub(in crate::ui) struct ServiceTemplate {
    frame: Frame,
    name: String,
    /// Whom to ask about it.
    contact: Option<Contact>,
    range: Range,
    period: String,
    against: Option<&'static str>,
    /// None when it is known from definitions only.
    account: Option<Account>,
    owes: Vec<Owed>,
    figures: Figures,
    deploys: Deploys,
    failures: Vec<Failure>,
    /// Its sagas, and those that wait for it.
    sagas: String,
    waiting: String,
}

/// What is known of a service that records events.
struct Account {
    last_seen: Moment,
    first_seen: Moment,
    events: String,
    rate: String,
    dead_letters: Option<String>,
    may_see_letters: bool,
    possibly_lost: Option<String>,
    lost_after: String,
    is_numbered: bool,
    versions: Vec<String>,
    schemas: Vec<String>,
    steps: Vec<Step>,
    instances: Vec<Instance>,
    /// Of how many these are some, if not all.
    of: Option<String>,
}

/// A step that it records, ever.
struct Step {
    name: String,
    events: String,
    /// The sagas that have it.
    path: String,
}

/// Sagas that wait for the service.
struct Owed {
    state: &'static str,
    is_overdue: bool,
    step: String,
    /// The other steps of which one is enough.
    others: Vec<saga_types::Step>,
    saga_type: String,
    sagas: String,
    since: Moment,
    oldest: String,
    path: String,
}

/// Sagas that failed at one of its steps for one reason.
struct Failure {
    step: String,
    reason: Option<String>,
    sagas: String,
    path: String,
    /// In what these sagas differ from others.
    differs: String,
}

pub(in crate::ui) async fn page(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    path: Result<Path<String>, PathRejection>,
    mut params: Params,
) -> Result<Page<ServiceTemplate>, ApiError> {
    let Path(name) = path.map_err(|error| ApiError::bad_parameter("service", error.body_text()))?;
    let name = producer_name(&name).map(str::to_owned);
    let name = name.ok_or_else(|| {
        let reason = "must have at most 100 characters and no control characters";
        ApiError::bad_parameter("service", reason)
    })?;
    let given = params.given();
    let freshness = reader.freshness();
    let clock = Clock::of(&freshness);
    let period = Asked::take(&mut params, clock.now).or(Length::hours(24), clock.now);
    params.finish()?;
    let (account, needing) = tokio::try_join!(account(&reader, &name), needing_action(&reader, clock))?;
    let owes: Vec<Owed> = needing
        .into_iter()
        .filter(|(_, cause)| cause.group.owner.as_ref() == Some(&name))
        .map(|(late, cause)| Owed::of(late, cause, clock))
        .collect();
    if account.is_none() && owes.is_empty() && !is_defined(&reader, &name) {
        return Err(ApiError::not_found("no service of this name recorded an event"));
    }
    let recorded: Vec<String> = account
        .iter()
        .flat_map(|account| account.steps.keys().cloned())
        .collect();
    let versions = account
        .as_ref()
        .map_or(&[][..], |account| account.versions.as_slice());
    let (figures, deploys, failures) = tokio::try_join!(
        figures(&reader, &name, &period),
        Deploys::of(&reader, &name, versions, &period, clock.now),
        failures(&reader, &recorded, &period),
    )?;
    let list = |parameter: &str| format!("/sagas?{parameter}={}", encoded(&name));
    Ok(Page(ServiceTemplate {
        frame: Frame::new(Section::Services, name.clone(), &caller, Some(&freshness)),
        contact: reader.pages.owners.of(Some(&name), None).cloned(),
        range: Range::compared(&super::path(&name), &given, &period, clock.now),
        period: period.words(),
        against: period.before().map(|_| period.against().words()),
        figures,
        deploys,
        failures,
        account: account.map(|account| Account::of(account, &reader, &caller, clock)),
        owes,
        sagas: list("producerService"),
        waiting: list("owner"),
        name,
    }))
}

async fn account(reader: &Reader, name: &str) -> Result<Option<ProducerService>, ApiError> {
    let query = ProducerQuery {
        service: Some(name.to_owned()),
        after: None,
        size: 1,
        instances: INSTANCES,
    };
    let page = reader.producers(&query).await?;
    Ok(page.services.into_iter().next())
}

/// Whether a definition names it as the owner of a step.
fn is_defined(reader: &Reader, name: &str) -> bool {
    let definitions = reader.definitions();
    definitions.iter().any(|definition| {
        definition
            .forward
            .iter()
            .any(|step| step.service.as_deref() == Some(name))
    })
}

impl Account {
    fn of(service: ProducerService, reader: &Reader, caller: &Caller, clock: Clock) -> Self {
        let (versions, schemas) = written_by(&service);
        let shown = service
            .instances
            .iter()
            .filter(|one| one.instance.is_some())
            .count() as u64;
        let lost_after = i64::try_from(reader.watch.events_lost_after.as_millis()).unwrap_or(i64::MAX);
        Self {
            last_seen: Moment::new(service.last_seen, clock.now),
            first_seen: Moment::new(service.first_seen, clock.now),
            events: number(service.events),
            rate: rate(service.per_second),
            dead_letters: of_some(service.dead_letters),
            may_see_letters: caller.role >= Role::Operator,
            possibly_lost: of_some(service.possibly_lost),
            lost_after: length(lost_after),
            is_numbered: service.instance_count > 0,
            versions,
            schemas,
            steps: steps(&service),
            of: (shown < service.instance_count).then(|| number(service.instance_count)),
            instances: service
                .instances
                .into_iter()
                .map(|one| Instance::of(one, clock.now))
                .collect(),
        }
    }
}

/// So many, if there are any.
fn of_some(count: u64) -> Option<String> {
    (count > 0).then(|| number(count))
}

/// The most frequent first.
fn steps(service: &ProducerService) -> Vec<Step> {
    let mut steps: Vec<(&String, &u64)> = service.steps.iter().collect();
    steps.sort_by_key(|(_, events)| Reverse(**events));
    let step = |(name, events): (&String, &u64)| Step {
        name: name.clone(),
        events: number(*events),
        path: format!(
            "/sagas?producerService={}&step={}",
            encoded(&service.service),
            encoded(name)
        ),
    };
    steps.into_iter().map(step).collect()
}

impl Owed {
    fn of(late: Late, cause: Cause, clock: Clock) -> Self {
        let Cause { group, others } = cause;
        let state = match late {
            Late::Stuck => "Overdue",
            Late::Owing => "Compensation pending",
        };
        Self {
            state,
            is_overdue: group.overdue,
            step: group.step.to_string(),
            others,
            saga_type: group.saga_type.to_string(),
            sagas: number(group.sagas),
            since: Moment::new(group.since, clock.now),
            oldest: roughly(clock.now.millis_since(group.since)),
            path: group.page,
        }
    }
}

/// Why sagas failed at its steps, the most frequent first.
async fn failures(reader: &Reader, recorded: &[String], period: &Period) -> Result<Vec<Failure>, ApiError> {
    let found = overview::failures_of(reader, &period.span(), None).await?;
    let failure = |group: Group| {
        let step = group.step.clone().filter(|step| recorded.contains(step))?;
        let filters = overview::failures_filters(&group, period);
        (group.now > 0).then(|| Failure {
            path: address("/sagas", &filters),
            differs: of_failures(&filters, Some(&step), reader.definitions()),
            sagas: number(group.now),
            reason: overview::failure_reason(&group),
            step,
        })
    };
    Ok(found
        .groups
        .into_iter()
        .filter_map(failure)
        .take(FAILURES)
        .collect())
}
