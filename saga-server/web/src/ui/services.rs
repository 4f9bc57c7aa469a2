//! `/services`: who records events, and whether all of them came, by the same parameters as `GET /internal/v1/producers`.

use askama::Template;
use axum::Extension;
use saga_types::Timestamp;

use super::{
    humanize::{Moment, length, number, short},
    page::{Frame, Page, Section},
    search::encoded,
};
use crate::{
    auth::Caller,
    http::{ApiError, query_string::Params},
    rest::find_producers,
    scoped::Reader,
};
use saga_store::{Gap, ProducerInstance, ProducerService, Wire};

/// How many services stand on a page.
const SIZE: u32 = 50;

/// How many gaps of an instance are shown.
const GAPS: usize = 5;

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
    is_first: bool,
    next: Option<String>,
}

struct Service {
    name: String,
    anchor: String,
    /// Its sagas, and its dead letters.
    sagas: String,
    last_seen: Moment,
    first_seen: Moment,
    rate: String,
    events: String,
    dead_letters: String,
    possibly_lost: u64,
    lost: String,
    /// Whether its events have numbers at all.
    is_numbered: bool,
    versions: Vec<String>,
    schemas: Vec<String>,
    steps: Vec<Step>,
    instances: Vec<Instance>,
    /// Of how many these are some, if not all.
    of: Option<String>,
}

struct Step {
    name: String,
    path: String,
    events: String,
}

struct Instance {
    name: Option<String>,
    short_name: String,
    version: String,
    schema: String,
    first_seen: Moment,
    last_seen: Moment,
    received: String,
    rate: String,
    lost: Option<String>,
    gaps: Vec<Stretch>,
}

struct Stretch {
    numbers: String,
    noticed: Moment,
}

pub(super) async fn page(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    params: Params,
) -> Result<Page<ServicesTemplate>, ApiError> {
    let is_first = !params.given().iter().any(|(name, _)| name == "cursor");
    let found = find_producers(&reader, params, SIZE).await?;
    let now = Timestamp::now();
    let lost: u64 = found.services.iter().map(|service| service.possibly_lost).sum();
    let lost_after = i64::try_from(reader.watch.events_lost_after.as_millis()).unwrap_or(i64::MAX);
    Ok(Page(ServicesTemplate {
        frame: Frame::new(Section::Services, "Services", &caller, Some(&reader.freshness())),
        sentence: sentence(&found.services, lost),
        has_lost: lost > 0,
        lost_after: length(lost_after),
        services: found
            .services
            .into_iter()
            .map(|service| Service::of(service, now))
            .collect(),
        is_first,
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
        [] => return "No event is known to be missing.".to_owned(),
        [only] => (*only).to_owned(),
        [first, second] => format!("{first} and {second}"),
        [first, rest @ ..] => format!("{first} and {} other services", rest.len()),
    };
    format!("{} {events} of {of} {verb} possibly lost.", number(lost))
}

impl Service {
    fn of(service: ProducerService, now: Timestamp) -> Self {
        let instances = service.instances;
        let shown = instances
            .iter()
            .filter(|instance| instance.instance.is_some())
            .count() as u64;
        let mut versions: Vec<String> = instances
            .iter()
            .filter_map(|one| one.sdk_version.clone())
            .collect();
        let mut schemas: Vec<String> = instances.iter().filter_map(|one| one.wire.map(schema)).collect();
        for names in [&mut versions, &mut schemas] {
            names.sort();
            names.dedup();
        }
        let name = service.service;
        Self {
            anchor: format!("service-{}", encoded(&name)),
            sagas: format!("/sagas?producerService={}", encoded(&name)),
            last_seen: Moment::new(service.last_seen, now),
            first_seen: Moment::new(service.first_seen, now),
            rate: rate(service.per_second),
            events: number(service.events),
            dead_letters: number(service.dead_letters),
            possibly_lost: service.possibly_lost,
            lost: number(service.possibly_lost),
            is_numbered: service.instance_count > 0,
            steps: steps(&name, service.steps),
            of: (shown < service.instance_count).then(|| number(service.instance_count)),
            instances: instances.into_iter().map(|one| Instance::of(one, now)).collect(),
            versions,
            schemas,
            name,
        }
    }
}

/// The most frequent first.
fn steps(service: &str, steps: std::collections::BTreeMap<String, u64>) -> Vec<Step> {
    let mut steps: Vec<(String, u64)> = steps.into_iter().collect();
    steps.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    steps
        .into_iter()
        .map(|(name, events)| Step {
            path: format!(
                "/sagas?producerService={}&step={}",
                encoded(service),
                encoded(&name)
            ),
            events: number(events),
            name,
        })
        .collect()
}

impl Instance {
    fn of(instance: ProducerInstance, now: Timestamp) -> Self {
        const NONE: &str = "–";
        let is_named = instance.instance.is_some();
        let numbered = |text: String| if is_named { text } else { NONE.to_owned() };
        Self {
            short_name: instance.instance.as_deref().map(short).unwrap_or_default(),
            version: instance.sdk_version.unwrap_or_else(|| NONE.to_owned()),
            schema: instance.wire.map_or_else(|| NONE.to_owned(), schema),
            first_seen: Moment::new(instance.first_seen, now),
            last_seen: Moment::new(instance.last_seen, now),
            received: numbered(number(instance.received)),
            rate: numbered(rate(instance.per_second)),
            lost: (instance.possibly_lost > 0).then(|| number(instance.possibly_lost)),
            gaps: stretches(instance.gaps, now),
            name: instance.instance,
        }
    }
}

/// The last ones, the last one first.
fn stretches(gaps: Vec<Gap>, now: Timestamp) -> Vec<Stretch> {
    let last = gaps.into_iter().rev().take(GAPS);
    last.map(|gap| Stretch {
        numbers: match gap.events() {
            1 => number(gap.first),
            _ => format!("{} to {}", number(gap.first), number(gap.last)),
        },
        noticed: Moment::new(gap.noticed_at, now),
    })
    .collect()
}

fn schema(wire: Wire) -> String {
    match (wire.schema_version, wire.schema_id) {
        (Some(version), None) => format!("version {version}"),
        (Some(version), Some(id)) => format!("version {version} (registry id {id})"),
        (None, Some(id)) => format!("another one (registry id {id})"),
        (None, None) => "not known".to_owned(),
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
