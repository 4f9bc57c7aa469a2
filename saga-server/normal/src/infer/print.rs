//! The file, with how sure each line is.

use std::fmt::Write as _;

use saga_types::{SagaType, Step};

use super::{
    compensations::Compensated,
    most_frequent,
    path::{Path, PathStep},
    roles::Roles,
    share,
    tally::{Tally, Trace},
};

/// What was found.
pub(super) struct Inferred<'a> {
    pub(super) saga_type: &'a SagaType,
    pub(super) sagas: usize,
    pub(super) tally: &'a Tally,
    pub(super) roles: &'a Roles,
    pub(super) path: &'a Path,
    pub(super) successes: usize,
    pub(super) compensations: &'a [Compensated],
}

pub(super) fn file(inferred: &Inferred<'_>) -> String {
    let mut text = format!(
        "# Inferred from {} sagas, of which {} ended without a failure. Read it before you use it: what the sagas did is not\n\
         # always what they should do, and steps that always come one after the other may not need each other.\n\
         sagaType: {}\n",
        inferred.sagas, inferred.successes, inferred.saga_type
    );
    text += &format!("startsWith: {}\n", names(inferred, &inferred.roles.starts));
    text += "forward:\n";
    for (place, step) in inferred.path.steps.iter().enumerate() {
        text += &forward(inferred, place, step);
    }
    text += &format!("completesWith: {}\n", names(inferred, &inferred.roles.completes));
    if !inferred.roles.failing.is_empty() {
        text += &format!("failsWith: {}\n", names(inferred, &inferred.roles.failing));
    }
    text += &compensations(inferred);
    text += &unplaced(inferred);
    text += &limits(inferred);
    if !inferred.roles.foreign.is_empty() {
        let _ = writeln!(
            text,
            "# Left out as too rare, or at no place of their own: {}",
            names(inferred, &inferred.roles.foreign)
        );
    }
    text
}

fn name<'a>(inferred: &'a Inferred<'_>, step: usize) -> &'a Step {
    &inferred.tally.steps[step]
}

fn names(inferred: &Inferred<'_>, steps: &[usize]) -> String {
    let names: Vec<&str> = steps.iter().map(|step| name(inferred, *step).as_str()).collect();
    format!("[{}]", names.join(", "))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn forward(inferred: &Inferred<'_>, place: usize, step: &PathStep) -> String {
    let owner = most_frequent(&inferred.tally.of_step[step.step].services);
    let mut entry = format!("step: {}", name(inferred, step.step));
    if let Some((service, _)) = &owner {
        let _ = write!(entry, ", service: {}", quoted(service));
    }
    if let Some(first) = step.choice {
        let _ = write!(entry, ", choice: {}", choice(inferred, first));
    }
    // A further member of a choice follows what its first member follows.
    let is_first = step.choice.is_none_or(|first| first == place);
    if is_first && !follows_the_line(inferred, place, step) {
        let _ = write!(entry, ", after: [{}]", after(inferred, step).join(", "));
    }
    if step.is_optional {
        entry += ", optional: true";
    }
    let mut sure = match step.choice {
        Some(_) => format!("one of the choice in {}", percent(step.share)),
        None => format!("in {}", percent(step.share)),
    };
    if let Some((_, of_service)) = owner {
        let _ = write!(sure, ", by this service in {}", percent(of_service));
    }
    if !step.after.is_empty() {
        let _ = write!(sure, ", in this order in {}", percent(step.order));
    }
    format!("  - {{ {entry} }} # {sure}\n")
}

/// A list without `after` is a straight line.
fn follows_the_line(inferred: &Inferred<'_>, place: usize, step: &PathStep) -> bool {
    let Some(before) = place.checked_sub(1) else {
        return step.after.is_empty();
    };
    match inferred.path.steps[before].choice {
        Some(_) => false,
        None => step.after == [before],
    }
}

/// Steps and choices, each once.
fn after(inferred: &Inferred<'_>, step: &PathStep) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for earlier in &step.after {
        let earlier_step = &inferred.path.steps[*earlier];
        let named = match earlier_step.choice {
            Some(first) => choice(inferred, first),
            None => name(inferred, earlier_step.step).to_string(),
        };
        if !names.contains(&named) {
            names.push(named);
        }
    }
    names
}

/// A choice is called by its first alternative.
fn choice(inferred: &Inferred<'_>, first: usize) -> String {
    let step = name(inferred, inferred.path.steps[first].step).as_str();
    format!("or-{}", step.to_lowercase().replace('_', "-"))
}

/// Services may have any name.
fn quoted(text: &str) -> String {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    let begins_plainly = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_word = ["true", "false", "null", "yes", "no", "on", "off"].contains(&text.to_lowercase().as_str());
    match begins_plainly && !is_word && text.chars().all(is_plain) {
        true => text.to_owned(),
        // JSON is YAML.
        false => serde_json::Value::from(text).to_string(),
    }
}

fn compensations(inferred: &Inferred<'_>) -> String {
    if inferred.compensations.is_empty() {
        return String::new();
    }
    let mut text = "compensations:\n".to_owned();
    for compensated in inferred.compensations {
        let by: Vec<usize> = compensated.by.iter().map(|(step, _)| *step).collect();
        let sure = compensated.by.iter().map(|(_, share)| *share).fold(1.0, f64::min);
        let _ = writeln!(
            text,
            "  - {{ step: {}, by: {} }} # done before in {} of the sagas that have them",
            name(inferred, inferred.path.steps[compensated.place].step),
            names(inferred, &by),
            percent(sure)
        );
    }
    text
}

/// Steps of the type that are nowhere else.
fn unplaced(inferred: &Inferred<'_>) -> String {
    let undoing = inferred
        .compensations
        .iter()
        .flat_map(|compensated| &compensated.by);
    let undoing: Vec<usize> = undoing.map(|(step, _)| *step).collect();
    let off_the_path = inferred
        .roles
        .forward
        .iter()
        .filter(|step| inferred.path.place_of(**step).is_none());
    let idle = inferred
        .roles
        .compensating
        .iter()
        .filter(|step| !undoing.contains(step));
    let others: Vec<usize> = off_the_path.chain(idle).copied().collect();
    match others.is_empty() {
        true => String::new(),
        false => format!("alsoKnown: {}\n", names(inferred, &others)),
    }
}

fn limits(inferred: &Inferred<'_>) -> String {
    let successes = inferred.roles.successes(inferred.tally);
    let mut text = "# The times that 99.9 % of the sagas without failure keep.\nlimits:\n".to_owned();
    let whole = successes.iter().filter_map(|trace| {
        let first = trace.first.values().min()?;
        Some(trace.done.values().max()?.millis_since(*first))
    });
    if let Some(limit) = limit(whole.collect()) {
        let _ = writeln!(text, "  whole: {limit}");
    }
    let mut steps = String::new();
    for (place, step) in inferred.path.steps.iter().enumerate() {
        let [earlier] = *nearest(inferred.path, place) else {
            continue;
        };
        let from = inferred.path.steps[earlier].step;
        let took = |trace: &&Trace| Some(trace.done.get(&step.step)?.millis_since(*trace.done.get(&from)?));
        let times: Vec<i64> = successes
            .iter()
            .filter_map(took)
            .filter(|millis| *millis >= 0)
            .collect();
        let count = times.len();
        if let Some(limit) = limit(times) {
            let _ = writeln!(
                steps,
                "    - {{ step: {}, within: {limit}, after: {} }} # of {count} sagas, {} of them",
                name(inferred, step.step),
                name(inferred, from),
                percent(share(count, successes.len()))
            );
        }
    }
    if !steps.is_empty() {
        text += "  steps:\n";
        text += &steps;
    }
    text
}

/// What comes at once before a place, when that is one step that is no alternative.
fn nearest(path: &Path, place: usize) -> &[usize] {
    let after = &path.steps[place].after;
    match after.as_slice() {
        [one] if path.steps[*one].choice.is_none() && path.precedes(*one, place) => after,
        _ => &[],
    }
}

/// What 99.9 % do not exceed, rounded up to what people write.
fn limit(mut times: Vec<i64>) -> Option<String> {
    times.sort_unstable();
    let rank = (times.len() * 999).div_ceil(1_000);
    let millis = (*times.get(rank.checked_sub(1)?)?).max(1).unsigned_abs();
    let unit = match millis {
        0..1_000 => 100,
        1_000..60_000 => 1_000,
        60_000..3_600_000 => 60_000,
        _ => 3_600_000,
    };
    let rounded = std::time::Duration::from_millis(millis.div_ceil(unit) * unit);
    Some(humantime::format_duration(rounded).to_string())
}
