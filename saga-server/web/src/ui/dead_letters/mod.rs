//! `/dead-letters`: what could not be stored, by its reasons first, and its replay.
//!
//! | part | what |
//! | --- | --- |
//! | `list` | reasons, filters and rows |
//! | `letter` | one letter, decoded or in hex |
//! | `replay` | what a replay did, or would do |
//! | `dismissal` | dismissed with a note, and restored |

mod dismissal;
mod letter;
mod list;
mod replay;

pub(super) use dismissal::{dismiss_all, dismiss_one, restore_all, restore_one};
pub(super) use letter::page as letter;
pub(super) use list::page as list;
pub(super) use replay::{all as replay_all, one as replay_one};

use saga_types::Timestamp;

use super::{
    acknowledge::{GROUPS, Mark},
    humanize::{Moment, short},
    links::{encoded, letter_path, saga_path},
};
use crate::rest::ListedLetter;
use saga_collector::dead_letters::{LetterView, OriginView};
use saga_store::LetterState;

/// The address of all of them.
const PATH: &str = "/dead-letters";

/// A letter in a list.
struct LetterRow {
    id: i64,
    path: String,
    since: Moment,
    reason: String,
    short_reason: String,
    message: String,
    saga: Option<SagaLink>,
    origin: String,
    short_origin: String,
    producer: Option<String>,
    state: State,
    /// Who takes care of it.
    mark: Option<Mark>,
}

/// The saga that a letter belongs to.
struct SagaLink {
    path: String,
    id: String,
    short: String,
}

impl SagaLink {
    fn to(id: String) -> Self {
        Self {
            path: saga_path(&id),
            short: short(&id),
            id,
        }
    }
}

/// Whether somebody has to do something, and who did something last.
struct State {
    is_waiting: bool,
    is_dismissed: bool,
    attempts: u32,
    last: Option<Attempt>,
    /// Who dismissed it, when and why.
    dismissal: Option<Attempt>,
}

struct Attempt {
    at: Moment,
    by: String,
    result: String,
}

impl State {
    fn of(letter: &LetterView, now: Timestamp) -> Self {
        let LetterView { state, attempts, .. } = *letter;
        let last = letter.last_attempt.clone();
        let dismissal = letter.dismissal.clone();
        Self {
            is_waiting: state == LetterState::Waiting,
            is_dismissed: state == LetterState::Dismissed,
            attempts,
            last: last.map(|last| Attempt {
                at: Moment::new(last.at, now),
                by: last.by,
                result: last.result,
            }),
            dismissal: dismissal.map(|dismissal| Attempt {
                at: Moment::new(dismissal.at, now),
                by: dismissal.by,
                result: dismissal.note.unwrap_or_default(),
            }),
        }
    }
}

impl LetterRow {
    fn new(listed: ListedLetter, now: Timestamp) -> Self {
        let letter = listed.letter;
        Self {
            mark: listed.acknowledgement.map(|found| Mark::new(found, now)),
            id: letter.id,
            path: letter_path(letter.id),
            since: Moment::new(letter.dead_since, now),
            origin: place(&letter.origin),
            short_origin: short_place(&letter.origin),
            state: State::of(&letter, now),
            // Of a class its package says little.
            short_reason: letter.reason.rsplit('.').next().unwrap_or_default().to_owned(),
            reason: letter.reason,
            message: letter.message,
            saga: letter.saga_id.map(SagaLink::to),
            producer: letter.producer_service,
        }
    }
}

/// The page with the form that was sent to a path; forms of other pages are sent to the page itself.
pub(super) fn page_of_form(path: &str) -> &str {
    if path == GROUPS {
        return "/";
    }
    if path.starts_with("/views/") {
        return "/views";
    }
    if let Some(page) = path.strip_suffix("/acknowledgement") {
        return page;
    }
    let page = path
        .strip_suffix("/dismiss")
        .or_else(|| path.strip_suffix("/restore"));
    page.filter(|page| page.starts_with(PATH)).unwrap_or(path)
}

/// The list of the letters of one reason.
fn reason_path(reason: &str) -> String {
    format!("{PATH}?reason={}&state=WAITING", encoded(reason))
}

/// The list of the letters that were not replayed and that nobody takes care of, as the overview counts them: of one reason, or all.
pub(super) fn waiting_path(reason: Option<&str>) -> String {
    let reason = reason.map_or_else(String::new, |reason| format!("reason={}&", encoded(reason)));
    format!("{PATH}?{reason}state=WAITING&acknowledged=false")
}

/// Topic, partition and offset, as far as they are known.
fn place(origin: &OriginView) -> String {
    let part = |name: &str, number: Option<i64>| number.map(|number| format!("{name} {number}"));
    let parts = [
        origin.topic.clone(),
        part("partition", origin.partition.map(i64::from)),
        part("offset", origin.offset),
    ];
    let known: Vec<String> = parts.into_iter().flatten().collect();
    if known.is_empty() {
        "unknown".to_owned()
    } else {
        known.join(", ")
    }
}

/// The same as Kafka writes it.
fn short_place(origin: &OriginView) -> String {
    match (&origin.topic, origin.partition, origin.offset) {
        (Some(topic), Some(partition), Some(offset)) => format!("{topic}-{partition}@{offset}"),
        _ => place(origin),
    }
}

/// What a reason means, and what an operator can do.
fn explained(reason: &str) -> &'static str {
    match reason {
        "EMPTY" => "The record has no value. A producer wrote a tombstone, or nothing.",
        "TOO_LARGE" => "Larger than an event may be. Make its metadata shorter in the service.",
        "UNKNOWN_FRAMING" => "Not a known event format. Probably something else was written to the topic.",
        "UNKNOWN_FINGERPRINT" => {
            "Written with a schema that this tracker does not know. Replay once the tracker is newer."
        }
        "NO_REGISTRY" => {
            "Written with a schema registry, and the tracker has none. Configure schemaRegistry.url, then replay."
        }
        "UNKNOWN_SCHEMA_ID" => "The registry does not know its schema. Register the schema, then replay.",
        "UNUSABLE_SCHEMA" => "Its schema is not one of events. A service writes something else to the topic.",
        "TRUNCATED" | "TRAILING_BYTES" | "MALFORMED" | "NOT_UTF8" => {
            "Its bytes are damaged, or were written with another schema than their header names."
        }
        "UNKNOWN_SYMBOL" => {
            "A saga type or status that this tracker does not know. Replay once the tracker is newer."
        }
        "MISSING_SAGA_TYPE_NAME" => {
            "Its type is CUSTOM, and the name of the type is missing. Fix the service."
        }
        "UNRESOLVABLE" => {
            "Its schema cannot be read as an event. Compare the writer's schema with the contract."
        }
        "INVALID_NAME" => {
            "An id or step that breaks the rules: empty, too long, or with control characters. Fix the service."
        }
        "INVALID_TIMESTAMP" => "A time that no calendar has. Fix the service's clock or units.",
        "INVALID_METADATA" => "Its metadata is no JSON object within the limits. Fix the service.",
        "CONFLICTING_EVENT" => {
            "Its event id is known with other content. A service gives one id to different events."
        }
        "FORGED_CORRECTION" => {
            "It claims to be a correction of this tracker, which never comes from the topic. Ask its producer."
        }
        "SAGA_REMOVED" => "It came after its saga had left the database at the end of its retention.",
        "NOT_UNDERSTOOD" => {
            "The collector failed on it by a fault of its own. Report it with the record; replay with a version that reads it."
        }
        "REFUSED_BY_DATABASE" => {
            "The database refused it. The message has the reason; replay once that is fixed."
        }
        "NOT_THE_FORMAT" => {
            "A record of a source that is not in the format of the source. Correct the configured format, and replay; or fix the producer."
        }
        "REFUSED_BY_MAPPING" => {
            "A record of a source that matches a rule of its mapping, but gives no valid event. Fix the mapping, and replay; or fix the producer."
        }
        "EVENT_TOO_LARGE" => {
            "A record of a source whose event is larger than the topic allows. Map less metadata. A replay stores it without the topic."
        }
        "UNKNOWN" => "No reason recorded by the consumer that rejected it.",
        _ => "Dead-lettered by another consumer. Only its message is known.",
    }
}
