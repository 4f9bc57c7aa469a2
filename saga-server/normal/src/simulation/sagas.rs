//! Sagas as a definition says, with noise.

use std::collections::{BTreeMap, BTreeSet};

use saga_types::{
    SagaStatus, Step, Timestamp,
    definition::{Predecessor, SagaDefinition},
};

use crate::infer::Recorded;

/// What happens to events on their way.
#[derive(Debug, Clone, Copy)]
pub struct Noise {
    /// The share of events that are lost, late, doubled or joined by one of another type, in equal parts.
    pub share: f64,
}

/// When the sagas start, in milliseconds since 1970.
const BEGIN: i64 = 1_750_000_000_000;

/// The share of sagas that fail, some of them after their last step, and of optional steps that are taken.
const FAIL: f64 = 0.15;
const TAKEN: f64 = 0.4;

/// So many sagas that follow the definition; the steps of the others are those that do not belong to it.
pub fn sagas(
    random: &mut fastrand::Rng,
    definition: &SagaDefinition,
    others: &[&SagaDefinition],
    noise: Noise,
    count: usize,
) -> Vec<Vec<Recorded>> {
    let known: BTreeSet<&Step> = definition.steps().collect();
    let foreign = others.iter().flat_map(|other| &other.forward);
    let foreign: Vec<(Step, Option<String>)> = foreign
        .filter(|forward| !known.contains(&forward.step))
        .map(|forward| (forward.step.clone(), forward.service.clone()))
        .collect();
    (0..count)
        .map(|number| {
            let begin = BEGIN + i64::try_from(number).unwrap_or_default() * 1_000;
            let mut events = saga(random, definition, begin);
            disturb(random, &mut events, &foreign, noise);
            events.sort_by_key(|event| event.recorded_at);
            events
        })
        .collect()
}

fn saga(random: &mut fastrand::Rng, definition: &SagaDefinition, begin: i64) -> Vec<Recorded> {
    let mut times = taken(random, definition, begin);
    let mut events = Vec::new();
    let end = times.values().copied().max().unwrap_or(begin);
    let fails_at = (random.f64() < FAIL && !definition.fails_with.is_empty())
        .then(|| begin + 1 + random.i64(0..=(end - begin).max(1) * 13 / 10));
    if let Some(fails_at) = fails_at {
        times.retain(|_, at| *at < fails_at);
    }
    for (place, at) in &times {
        let forward = &definition.forward[*place];
        let status = match () {
            () if definition.starts_with.contains(&forward.step) => SagaStatus::Started,
            () if definition.completes(&forward.step) => SagaStatus::Completed,
            () => [SagaStatus::InProgress, SagaStatus::Completed][random.usize(0..2)],
        };
        events.push(recorded(&forward.step, status, forward.service.clone(), *at));
    }
    if let Some(fails_at) = fails_at {
        let step = &definition.fails_with[random.usize(0..definition.fails_with.len())];
        let service = definition.forward[random.usize(0..definition.forward.len())]
            .service
            .clone();
        events.push(recorded(step, SagaStatus::Failed, service, fails_at));
        let mut at = fails_at;
        for compensation in &definition.compensations {
            let place = definition.path().number_of(&compensation.step);
            if place.is_some_and(|place| times.contains_key(&place)) {
                at += duration(random);
                let by = &compensation.by[random.usize(0..compensation.by.len())];
                let owner = definition.owner(&compensation.step).map(str::to_owned);
                events.push(recorded(by, SagaStatus::Compensated, owner, at));
            }
        }
    }
    events
}

/// When each step that the saga takes is done, by its place.
fn taken(random: &mut fastrand::Rng, definition: &SagaDefinition, begin: i64) -> BTreeMap<usize, i64> {
    let mut chosen: BTreeMap<&str, usize> = BTreeMap::new();
    let members = |choice: &str| {
        let of_choice = definition.forward.iter().enumerate();
        let of_choice = of_choice.filter(|(_, forward)| forward.choice.as_deref() == Some(choice));
        of_choice.map(|(place, _)| place).collect::<Vec<_>>()
    };
    let mut times = BTreeMap::new();
    // Whatever comes before a step stands before it in the files of the demo.
    for (place, forward) in definition.forward.iter().enumerate() {
        if let Some(choice) = &forward.choice {
            let members = members(choice);
            let chosen = *chosen
                .entry(choice)
                .or_insert_with(|| members[random.usize(0..members.len())]);
            if chosen != place {
                continue;
            }
        }
        if forward.optional && random.f64() >= TAKEN {
            continue;
        }
        let before = definition.path();
        let earlier = (0..place).filter(|earlier| before.precedes(*earlier, place));
        let after = earlier.filter_map(|earlier| times.get(&earlier)).max().copied();
        let at = after.map_or(begin, |after| after + duration(random));
        times.insert(place, at);
    }
    times
}

/// From 20 ms to 2 s, the shorter the more often.
fn duration(random: &mut fastrand::Rng) -> i64 {
    let exponent = 3.0 + random.f64() * 4.6;
    #[expect(clippy::cast_possible_truncation, reason = "some thousand milliseconds")]
    let millis = exponent.exp() as i64;
    millis.max(1)
}

fn recorded(step: &Step, status: SagaStatus, service: Option<String>, at: i64) -> Recorded {
    Recorded {
        step: step.clone(),
        status,
        service,
        recorded_at: Timestamp::from_millis(at).unwrap_or(Timestamp::MIN),
    }
}

fn disturb(
    random: &mut fastrand::Rng,
    events: &mut Vec<Recorded>,
    foreign: &[(Step, Option<String>)],
    noise: Noise,
) {
    let moments: Vec<i64> = events.iter().map(|event| event.recorded_at.as_millis()).collect();
    let (first, last) = (moments.iter().min().copied(), moments.iter().max().copied());
    let mut kept = Vec::new();
    for mut event in events.drain(..) {
        if random.f64() >= noise.share {
            kept.push(event);
            continue;
        }
        match random.u8(0..4) {
            0 => {}
            1 => {
                let late = event.recorded_at.as_millis() + random.i64(1..5_000);
                event.recorded_at = Timestamp::from_millis(late).unwrap_or(event.recorded_at);
                kept.push(event);
            }
            2 => kept.extend([event.clone(), event]),
            _ => {
                if let (Some(first), Some(last), false) = (first, last, foreign.is_empty()) {
                    let (step, service) = &foreign[random.usize(0..foreign.len())];
                    let status = SagaStatus::ALL[random.usize(0..5)];
                    let at = first + random.i64(0..=(last - first).max(1));
                    kept.push(recorded(step, status, service.clone(), at));
                }
                kept.push(event);
            }
        }
    }
    *events = kept;
}

/// In what a definition is another one: all but the order of entries that do not depend on each other, the names of choices, the
/// order of compensations, what is merely also known, and the limits. None when they are the same.
#[must_use]
pub fn same_definition(left: &SagaDefinition, right: &SagaDefinition) -> Option<String> {
    let (left, right) = (described(left), described(right));
    let parts = left.into_iter().zip(right).find(|(left, right)| left != right);
    parts.map(|((name, left), (_, right))| format!("{name}: {left:?} and {right:?}"))
}

fn described(definition: &SagaDefinition) -> Vec<(&'static str, BTreeSet<String>)> {
    let names = |steps: &[Step]| {
        steps
            .iter()
            .map(ToString::to_string)
            .collect::<BTreeSet<String>>()
    };
    let path = definition.path();
    let forward = || definition.forward.iter().enumerate();
    let step = |place: usize| definition.forward[place].step.as_str();
    let precedence = forward().flat_map(|(place, _)| {
        (0..path.step_count())
            .filter(move |earlier| path.precedes(*earlier, place))
            .map(move |earlier| format!("{} before {}", step(earlier), step(place)))
    });
    let of_choice = |choice: &str| {
        let members = forward().filter(|(_, forward)| forward.choice.as_deref() == Some(choice));
        members.map(|(place, _)| step(place)).collect::<BTreeSet<&str>>()
    };
    let choices =
        forward().filter_map(|(_, forward)| Some(format!("{:?}", of_choice(forward.choice.as_deref()?))));
    let joins = forward().flat_map(|(_, forward)| &forward.after);
    let named = joins
        .filter(|earlier| matches!(earlier, Predecessor::Choice(_)))
        .count();
    let compensations = definition.compensations.iter();
    vec![
        ("starts with", names(&definition.starts_with)),
        (
            "owners",
            forward()
                .map(|(place, forward)| format!("{} {:?}", step(place), forward.service))
                .collect(),
        ),
        (
            "optional",
            forward()
                .filter(|(_, forward)| forward.optional)
                .map(|(place, _)| step(place).to_owned())
                .collect(),
        ),
        ("choices", choices.collect()),
        ("joins of choices", BTreeSet::from([named.to_string()])),
        ("order", precedence.collect()),
        ("completes with", names(&definition.completes_with)),
        ("fails with", names(&definition.fails_with)),
        (
            "compensations",
            compensations
                .map(|found| format!("{} {:?}", found.step, names(&found.by)))
                .collect(),
        ),
    ]
}
