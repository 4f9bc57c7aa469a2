//! `/services`: who records events, and whether all of them came, by the same parameters as `GET /internal/v1/producers`; and a
//! page for each service.
//!
//! | part | what |
//! | --- | --- |
//! | `service` | the page of one service |
//! | `figures` | waits that it caused and failures that it recorded, in a period |
//! | `deploys`, `versions` | its versions: when each came and whether it is worse; and side by side |
//! | `instances` | its running instances, and events of them that never came |

mod deploys;
mod figures;
mod instances;
mod service;
mod versions;

use askama::Template;
use axum::Extension;
use futures_util::future::try_join_all;
use saga_types::Timestamp;

use super::{
    humanize::{Clock, Moment, length, number},
    links::encoded,
    page::{Frame, Page, Section},
    query::files,
};
use crate::{
    auth::{Caller, Role},
    http::{ApiError, query_string::Params},
    late_groups::{Cause, causes, late_groups},
    rest::find_producers,
    scoped::Reader,
};
use saga_store::{Late, ProducerService, Wire};

pub(super) use service::page as service;

/// How many services a page lists.
const SIZE: u32 = 50;

#[derive(Template)]
#[template(path = "services.html")]
pub(super) struct ServicesTemplate {
    frame: Frame,
    /// What the services of this page lost, in one sentence.
    sentence: String,
    has_lost: bool,
    /// How long an event may be missing.
    lost_after: String,
    services: Vec<Service>,
    /// Whether the caller may look at dead letters.
    may_see_letters: bool,
    is_first: bool,
    next: Option<String>,
    /// The whole list.
    files: [(&'static str, String); 2],
}

/// A service in the table.
struct Service {
    name: String,
    path: String,
    /// How many sagas wait for it, overdue or to be compensated, and the groups of them.
    needs: Option<(String, String)>,
    /// Its sagas.
    sagas: String,
    last_seen: Moment,
    rate: String,
    events: String,
    dead_letters: String,
    has_letters: bool,
    possibly_lost: u64,
    lost: String,
    /// Whether its events have numbers at all.
    is_numbered: bool,
    versions: Vec<String>,
    schemas: Vec<String>,
}

pub(super) async fn page(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Result<Page<ServicesTemplate>, ApiError> {
    let given = params.given();
    let is_first = !given.iter().any(|(name, _)| name == "cursor");
    let found = find_producers(&reader, params, SIZE).await?;
    let freshness = reader.freshness();
    let clock = Clock::of(&freshness);
    let groups = needing_action(&reader, clock).await?;
    let lost: u64 = found.services.iter().map(|service| service.possibly_lost).sum();
    let lost_after = i64::try_from(reader.watch.events_lost_after.as_millis()).unwrap_or(i64::MAX);
    Ok(Page(ServicesTemplate {
        frame: Frame::new(Section::Services, "Services", &caller, Some(&freshness)),
        sentence: sentence(&found.services, lost),
        has_lost: lost > 0,
        lost_after: length(lost_after),
        services: found
            .services
            .into_iter()
            .map(|service| Service::of(service, &groups, clock.now))
            .collect(),
        may_see_letters: caller.role >= Role::Operator,
        is_first,
        files: files("/internal/v1/producers", &given),
        next: found
            .next
            .map(|cursor| format!("/services?cursor={}", encoded(&cursor))),
    }))
}

fn sentence(services: &[ProducerService], lost: u64) -> String {
    let names: Vec<&str> = services
        .iter()
        .filter(|service| service.possibly_lost > 0)
        .map(|service| service.service.as_str())
        .collect();
    let (events, verb) = match lost {
        1 => ("event", "is"),
        _ => ("events", "are"),
    };
    let of = match names.as_slice() {
        [] => return "No missing events detected.".to_owned(),
        [only] => (*only).to_owned(),
        [first, second] => format!("{first} and {second}"),
        [first, rest @ ..] => format!("{first} and {} other services", rest.len()),
    };
    format!("{} {events} of {of} {verb} possibly lost.", number(lost))
}

/// Everything that somebody waits for, overdue or to be compensated.
async fn needing_action(reader: &Reader, clock: Clock) -> Result<Vec<(Late, Cause)>, ApiError> {
    let asked = Late::ALL.map(|late| late_groups(reader, late, clock.judged_at, None));
    let found = try_join_all(asked).await?;
    let of = |(late, groups)| {
        let causes = causes(reader.definitions(), late, groups).into_iter();
        causes.map(move |cause| (late, cause))
    };
    Ok(Late::ALL.into_iter().zip(found).flat_map(of).collect())
}

impl Service {
    fn of(service: ProducerService, groups: &[(Late, Cause)], now: Timestamp) -> Self {
        let owned = groups
            .iter()
            .filter(|(_, cause)| cause.group.owner.as_ref() == Some(&service.service));
        let needs: u64 = owned.map(|(_, cause)| cause.group.sagas).sum();
        let (versions, schemas) = written_by(&service);
        let name = service.service;
        let list = |parameter: &str| format!("/sagas?{parameter}={}", encoded(&name));
        Self {
            // The list of its sagas would have those that wait and are not late, too.
            needs: (needs > 0).then(|| (number(needs), format!("{}#needs", path(&name)))),
            path: path(&name),
            sagas: list("producerService"),
            last_seen: Moment::new(service.last_seen, now),
            rate: rate(service.per_second),
            events: number(service.events),
            dead_letters: number(service.dead_letters),
            has_letters: service.dead_letters > 0,
            possibly_lost: service.possibly_lost,
            lost: number(service.possibly_lost),
            is_numbered: service.instance_count > 0,
            versions,
            schemas,
            name,
        }
    }
}

/// The page of a service.
fn path(name: &str) -> String {
    format!("/services/{}", encoded(name))
}

/// The versions of the SDK and of the schema that its instances write with.
fn written_by(service: &ProducerService) -> (Vec<String>, Vec<String>) {
    let instances = || service.instances.iter();
    let mut versions: Vec<String> = instances().filter_map(|one| one.sdk_version.clone()).collect();
    let mut schemas: Vec<String> = instances().filter_map(|one| one.wire.map(schema)).collect();
    for names in [&mut versions, &mut schemas] {
        names.sort();
        names.dedup();
    }
    (versions, schemas)
}

fn schema(wire: Wire) -> String {
    match (wire.schema_version, wire.schema_id) {
        (Some(version), None) => format!("version {version}"),
        (Some(version), Some(id)) => format!("version {version} (registry id {id})"),
        (None, Some(id)) => format!("another one (registry id {id})"),
        (None, None) => "unknown".to_owned(),
    }
}

/// A rate with as many digits as matter.
fn rate(per_second: f64) -> String {
    match per_second {
        0.0 => "0".to_owned(),
        ..0.01 => "under 0.01".to_owned(),
        ..1.0 => format!("{per_second:.2}"),
        ..100.0 => format!("{per_second:.1}"),
        _ => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rate is not negative, and too large a one is shown as the largest"
            )]
            let whole = per_second.round() as u64;
            number(whole)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_the_digits_that_matter() {
        let shown = [0.0, 0.001, 0.123, 7.25, 1234.6].map(rate);
        assert_eq!(shown, ["0", "under 0.01", "0.12", "7.2", "1,235"]);
    }
}
