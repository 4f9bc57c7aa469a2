//! From a word to parameters.

use std::time::Duration;

use saga_types::Timestamp;

use super::{
    super::{from_start, to_end},
    TokenError,
    words::Word,
};

/// What a name before a colon stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The parameter has the value as it is written.
    Text(&'static str),
    /// A name in upper snake case, which may be written otherwise.
    Name(&'static str),
    YesNo(&'static str),
    Duration,
    Started,
    Older,
    Newer,
}

/// The names that tokens have, as they are offered.
pub const NAMES: [&str; 24] = [
    "order",
    "type",
    "status",
    "step",
    "service",
    "version",
    "trace",
    "reason",
    "failedStep",
    "group",
    "awaits",
    "owner",
    "owes",
    "parent",
    "anomaly",
    "duration",
    "started",
    "older",
    "newer",
    "period",
    "failed",
    "ended",
    "stuck",
    "owing",
];

/// Other names of the same, which the parameters of the list have.
const PARAMETERS: [&str; 13] = [
    "orderId",
    "sagaType",
    "producerService",
    "serviceVersion",
    "traceId",
    "failureReason",
    "failureGroup",
    "parentSagaId",
    "minDuration",
    "maxDuration",
    "fromDate",
    "toDate",
    "sort",
];

/// Words without a colon, with what they stand for.
pub const FLAGS: [(&str, &str, &str); 10] = [
    ("failed", "failed", "true"),
    ("ended", "ended", "true"),
    ("in-progress", "ended", "false"),
    ("overdue", "stuck", "true"),
    ("stuck", "stuck", "true"),
    ("owing", "owing", "true"),
    ("completed", "status", "COMPLETED"),
    ("compensated", "status", "COMPENSATED"),
    ("started", "status", "STARTED"),
    ("in_progress", "status", "IN_PROGRESS"),
];

/// Before a key of the metadata.
pub(super) const METADATA: &str = "metadata.";

fn kind(name: &str) -> Option<Kind> {
    let lower = name.to_lowercase();
    Some(match lower.as_str() {
        "order" | "orderid" => Kind::Text("orderId"),
        "type" | "sagatype" => Kind::Name("sagaType"),
        "status" => Kind::Name("status"),
        "step" => Kind::Name("step"),
        "service" | "producerservice" => Kind::Text("producerService"),
        "version" | "serviceversion" => Kind::Text("serviceVersion"),
        "trace" | "traceid" => Kind::Text("traceId"),
        "reason" | "failurereason" => Kind::Text("failureReason"),
        "failedstep" => Kind::Name("failedStep"),
        "group" | "failuregroup" => Kind::Text("failureGroup"),
        "awaits" => Kind::Name("awaits"),
        "owner" => Kind::Text("owner"),
        "owes" => Kind::Name("owes"),
        "parent" | "parentsagaid" => Kind::Text("parentSagaId"),
        "anomaly" => Kind::Text("anomaly"),
        "duration" => Kind::Duration,
        "minduration" => Kind::Text("minDuration"),
        "maxduration" => Kind::Text("maxDuration"),
        "started" => Kind::Started,
        "older" => Kind::Older,
        "newer" => Kind::Newer,
        "fromdate" => Kind::Text("fromDate"),
        "todate" => Kind::Text("toDate"),
        "period" => Kind::Text("period"),
        "sort" => Kind::Text("sort"),
        "failed" => Kind::YesNo("failed"),
        "ended" => Kind::YesNo("ended"),
        "stuck" | "overdue" => Kind::YesNo("stuck"),
        "owing" => Kind::YesNo("owing"),
        _ => return None,
    })
}

/// Whether a name has a meaning of its own, or is so like one that it is no key of metadata unless it says so.
pub(super) fn is_taken(name: &str) -> bool {
    kind(name).is_some() || near(name).is_some() || name.to_lowercase().starts_with(METADATA)
}

/// The parameters that a word stands for.
pub(super) fn of(word: &Word<'_>, now: Timestamp) -> Result<Vec<(String, String)>, TokenError> {
    let wrong = |reason: String| TokenError::new(word.token, reason);
    let Some(name) = &word.name else {
        return flag(word).map(|pair| vec![pair]);
    };
    if name.is_empty() {
        return Err(wrong("needs a name before the colon".to_owned()));
    }
    if word.value.is_empty() {
        return Err(wrong("needs a value behind the colon".to_owned()));
    }
    if word.value.contains('\0') || name.contains('\0') {
        return Err(wrong("must not hold U+0000".to_owned()));
    }
    let Some(kind) = kind(name) else {
        let key = key(name).map_err(wrong)?;
        return match word.is_negated {
            true => Err(wrong(NOT_EXCLUDED.to_owned())),
            false => Ok(vec![(format!("{METADATA}{key}"), word.value.clone())]),
        };
    };
    if word.is_negated && !matches!(kind, Kind::YesNo(_)) {
        return Err(wrong(NOT_EXCLUDED.to_owned()));
    }
    let value = word.value.as_str();
    let one = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let parameters = match kind {
        Kind::Text(name) => Ok(one(name, value)),
        Kind::Name(name) => Ok(one(name, &value.to_ascii_uppercase().replace(['-', ' '], "_"))),
        Kind::YesNo(name) => yes_or_no(value).map(|yes| one(name, bool_text(yes != word.is_negated))),
        Kind::Duration => duration(value),
        Kind::Started => started(value, now),
        Kind::Older => before(value, now).map(|moment| one("toDate", &moment)),
        Kind::Newer => before(value, now).map(|moment| one("fromDate", &moment)),
    };
    parameters.map_err(wrong)
}

/// The key of the metadata that a name without a meaning of its own stands for.
fn key(name: &str) -> Result<&str, String> {
    match name.split_at_checked(METADATA.len()) {
        Some((prefix, "")) if prefix.eq_ignore_ascii_case(METADATA) => {
            Err("must name a key after the dot".to_owned())
        }
        Some((prefix, key)) if prefix.eq_ignore_ascii_case(METADATA) => Ok(key),
        _ => near(name).map_or(Ok(name), |near| {
            Err(format!(
                "no filter is named {name}; {near}: is one, and metadata.{name}: asks for a key of the metadata"
            ))
        }),
    }
}

const NOT_EXCLUDED: &str = "cannot be excluded: sagas are found by what they have. Only failed, ended, overdue and owing \
                            can have a minus sign";

fn flag(word: &Word<'_>) -> Result<(String, String), TokenError> {
    let wrong = |reason: String| TokenError::new(word.token, reason);
    match word.token {
        "NOT" => {
            return Err(wrong(
                "a minus sign before failed, ended, overdue or owing excludes".to_owned(),
            ));
        }
        "AND" | "OR" => {
            return Err(wrong(
                "tokens add up: a saga must match all of them; there is no OR".to_owned(),
            ));
        }
        _ => {}
    }
    let lower = word.value.to_lowercase();
    let found = FLAGS.iter().find(|(name, ..)| *name == lower);
    let Some((_, name, value)) = found else {
        let names = FLAGS.map(|(name, ..)| name).join(", ");
        return Err(wrong(format!(
            "is neither NAME:VALUE nor one of {names}. An id belongs into the search field, or behind order: or trace:"
        )));
    };
    let value = match (word.is_negated, *value) {
        (false, value) => value,
        (true, "true") => "false",
        (true, "false") => "true",
        (true, _) => return Err(wrong(NOT_EXCLUDED.to_owned())),
    };
    Ok(((*name).to_owned(), value.to_owned()))
}

fn yes_or_no(value: &str) -> Result<bool, String> {
    match value.to_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err("must be yes or no".to_owned()),
    }
}

const fn bool_text(yes: bool) -> &'static str {
    if yes { "true" } else { "false" }
}

fn duration(value: &str) -> Result<Vec<(String, String)>, String> {
    range(value, "minDuration", "maxDuration").ok_or_else(|| {
        "must say >5m, <5m or 5m..10m: at least, at most, or between two lengths of time".to_owned()
    })
}

/// `>A`, `<A`, `A..B`, `A..` or `..B`, both ends inclusive, as parameters for the ends.
fn range(value: &str, least: &str, most: &str) -> Option<Vec<(String, String)>> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.trim().to_owned());
    let ends = match value.split_once("..") {
        Some((from, to)) => (from, to),
        None => {
            let from = value.strip_prefix('>').unwrap_or_default();
            let to = value.strip_prefix('<').unwrap_or_default();
            (
                from.strip_prefix('=').unwrap_or(from),
                to.strip_prefix('=').unwrap_or(to),
            )
        }
    };
    let ends = [pair(least, ends.0), pair(most, ends.1)];
    let ends: Vec<_> = ends.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    (!ends.is_empty()).then_some(ends)
}

fn started(value: &str, now: Timestamp) -> Result<Vec<(String, String)>, String> {
    const DAY: Duration = Duration::from_hours(24);
    let date = |moment: Timestamp| moment.to_string().chars().take(10).collect::<String>();
    let day = match value.to_lowercase().as_str() {
        "today" => Some(date(now)),
        "yesterday" => Some(date(now.saturating_sub(DAY))),
        _ => from_start(value).is_ok().then(|| value.to_owned()),
    };
    let both = |day: String| vec![("fromDate".to_owned(), day.clone()), ("toDate".to_owned(), day)];
    let given = day.map(both).or_else(|| range(value, "fromDate", "toDate"));
    let is_time = |(name, value): &(String, String)| match name.as_str() {
        "fromDate" => from_start(value).is_ok(),
        _ => to_end(value).is_ok(),
    };
    given.filter(|given| given.iter().all(is_time)).ok_or_else(|| {
        "must be today, yesterday, a date such as 2026-11-22, a time, >TIME, <TIME or TIME..TIME; for a length of time \
         write newer:1h or older:1h"
            .to_owned()
    })
}

/// The moment that is so long ago.
fn before(value: &str, now: Timestamp) -> Result<String, String> {
    let length = length(value)
        .ok_or_else(|| "must be a length of time up to 366 days, such as 90s, 15m, 1h30m or 7d".to_owned())?;
    Ok(now.saturating_sub(length).to_string())
}

fn length(value: &str) -> Option<Duration> {
    const LONGEST: u64 = 366 * 24 * 60 * 60;
    let mut seconds = 0_u64;
    let mut rest = value;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit())?;
        let count: u64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].chars().next()?;
        let each = match unit {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            'w' => 7 * 24 * 60 * 60,
            _ => return None,
        };
        seconds = seconds.checked_add(count.checked_mul(each)?)?;
        rest = rest[digits + unit.len_utf8()..].trim_start();
    }
    (seconds <= LONGEST).then(|| Duration::from_secs(seconds))
}

/// The name that was probably meant: one that differs by one character, or by two that changed places.
fn near(name: &str) -> Option<&'static str> {
    const LEAST_CHARS: usize = 4;
    let lower: Vec<char> = name.to_lowercase().chars().collect();
    if lower.len() < LEAST_CHARS {
        return None;
    }
    let mut names = NAMES.into_iter().chain(PARAMETERS);
    names.find(|known| {
        let known: Vec<char> = known.to_lowercase().chars().collect();
        is_near(&lower, &known)
    })
}

fn is_near(left: &[char], right: &[char]) -> bool {
    let begin = left
        .iter()
        .zip(right)
        .take_while(|(left, right)| left == right)
        .count();
    let (left, right) = (&left[begin..], &right[begin..]);
    let end = left
        .iter()
        .rev()
        .zip(right.iter().rev())
        .take_while(|(left, right)| left == right)
        .count();
    let (left, right) = (&left[..left.len() - end], &right[..right.len() - end]);
    match (left, right) {
        ([], [] | [_]) | ([_], [] | [_]) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}
