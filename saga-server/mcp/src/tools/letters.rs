//! `dead_letter_causes`, `dead_letters`: events that could not be stored, by cause and one by one. Both are for operators.

use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Question, limit};
use crate::{
    ask::{Ask, Call, Tracker},
    recorded::{LINK, as_text, count, first, pick},
    reply::Reply,
};

const MOST_CAUSES: u32 = 20;
const MOST_LETTERS: u32 = 10;

/// The arguments of `dead_letter_causes`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct DeadLetterCauses {
    /// Only letters of this saga.
    saga_id: Option<String>,
    /// Only letters about this order.
    order_id: Option<String>,
    /// Only letters that died within the last minutes, hours or days, such as `15m`, `24h`, `7d`.
    period: Option<String>,
    /// How many causes are shown: 1 to 20, 10 if not given.
    #[schemars(range(min = 1, max = 20))]
    limit: Option<u32>,
}

impl Question for DeadLetterCauses {
    const NAME: &'static str = "dead_letter_causes";
    const TITLE: &'static str = "Dead letters by cause";
    const DESCRIPTION: &'static str = "Says why events could not be stored: dead letters by cause (reason, message, producer), with how many \
        wait, were replayed or dismissed, and when the first and last came. The token must be an operator's.";

    async fn answer<A: Ask>(self, tracker: &Tracker<'_, A>) -> Result<Reply, String> {
        let entries = limit(self.limit, 10, MOST_CAUSES)?;
        let call = Call::to("/internal/v1/dlt/causes")
            .maybe("sagaId", self.saga_id.as_deref())
            .maybe("orderId", self.order_id.as_deref())
            .maybe("period", self.period.as_deref());
        let found = tracker.get(&call).await?;
        let all = count(&found["causes"]);
        let waiting: u64 = sum(&found["causes"], "waiting");
        let at_least = match found["countsAreExact"] == true {
            true => "",
            false => "at least ",
        };
        Ok(Reply::fitting(entries, |entries| {
            let causes = first(&found["causes"], entries as usize, Value::clone);
            let note = format!(
                "{} of {all} causes, the most frequent first; {at_least}{waiting} letters wait. dead_letters with a cause shows its letters.",
                causes.len()
            );
            Reply::of(json!({"causes": causes, LINK: tracker.page("/dead-letters")})).note(note)
        }))
    }
}

/// The arguments of `dead_letters`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct DeadLetters {
    /// Only letters of this cause, as dead_letter_causes names it.
    cause: Option<String>,
    /// Only letters of this saga.
    saga_id: Option<String>,
    /// Only letters about this order.
    order_id: Option<String>,
    /// Only letters in this state: WAITING, REPLAYED or DISMISSED; all but the dismissed ones if not given.
    state: Option<String>,
    /// How many letters are shown: 1 to 10, 1 if not given.
    #[schemars(range(min = 1, max = 10))]
    limit: Option<u32>,
    /// The cursor of the answer before, to go on.
    cursor: Option<String>,
}

impl Question for DeadLetters {
    const NAME: &'static str = "dead_letters";
    const TITLE: &'static str = "Dead letters one by one";
    const DESCRIPTION: &'static str = "Shows dead letters, the newest first: what is wrong with each, where it came from, the event as far as \
        it can be read, and what came of replaying it. The token must be an operator's. Replaying is not possible here.";

    async fn answer<A: Ask>(self, tracker: &Tracker<'_, A>) -> Result<Reply, String> {
        let mut size = limit(self.limit, 1, MOST_LETTERS)?;
        loop {
            let reply = self.reply(tracker, size).await?;
            match reply.fewer(size) {
                Some(fewer) => size = fewer,
                None => return Ok(reply),
            }
        }
    }
}

impl DeadLetters {
    async fn reply<A: Ask>(&self, tracker: &Tracker<'_, A>, size: u32) -> Result<Reply, String> {
        let call = Call::to("/internal/v1/dlt")
            .with("size", size)
            .maybe("cause", self.cause.as_deref())
            .maybe("sagaId", self.saga_id.as_deref())
            .maybe("orderId", self.order_id.as_deref())
            .maybe("state", self.state.as_deref())
            .maybe("cursor", self.cursor.as_deref());
        let found = tracker.get(&call).await?;
        let letters = first(&found["content"], size as usize, |letter| shown(tracker, letter));
        let reply = Reply::of(json!({ "letters": letters }));
        let next = found["nextCursor"].as_str();
        Ok(reply.note_if(next.is_some(), || {
            let cursor = next.unwrap_or_default();
            format!("There are more: go on with the same arguments and cursor {cursor}")
        }))
    }
}

/// A letter. What has names that services chose is one text.
fn shown<A: Ask>(tracker: &Tracker<'_, A>, letter: &Value) -> Value {
    const FIELDS: [&str; 15] = [
        "id",
        "state",
        "reason",
        "message",
        "deadSince",
        "topic",
        "partition",
        "offset",
        "origin",
        "sagaId",
        "eventId",
        "producerService",
        "undecodable",
        "attempts",
        "erasedAt",
    ];
    let mut shown = pick(letter, &FIELDS);
    for field in [
        "event",
        "partial",
        "payload",
        "lastAttempt",
        "dismissal",
        "acknowledgement",
    ] {
        if !letter[field].is_null() {
            shown.insert(field.to_owned(), as_text(&letter[field]));
        }
    }
    if shown.contains_key("event") {
        // The same once more, in bytes.
        shown.remove("payload");
    }
    let id = letter["id"].as_i64().unwrap_or_default();
    shown.insert(
        LINK.to_owned(),
        tracker.page(&format!("/dead-letters/{id}")).into(),
    );
    Value::Object(shown)
}

fn sum(list: &Value, field: &str) -> u64 {
    let entries = list.as_array().into_iter().flatten();
    entries.filter_map(|entry| entry[field].as_u64()).sum()
}
