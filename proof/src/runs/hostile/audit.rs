//! What the collector made of a kind, compared with what was acknowledged.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use saga_types::topic::dead_letter_headers::ORIGINAL_TOPIC;
use sqlx::PgPool;

use super::{
    account::{EventKey, Expected},
    stage::Stage,
};
use crate::{
    accounting::{Origin, RawRecord},
    audit::dead_letters::{origin, value},
    topic,
};

/// How long the collector may take for everything once nothing hostile happens any more.
const SETTLES_WITHIN: Duration = Duration::from_secs(150);

/// How long health may take to say that all is well again.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// What is wrong; nothing when every promise was kept.
pub(super) async fn audit(stage: &mut Stage) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    if !stage.all_stored(SETTLES_WITHIN).await {
        let expected = stage.account.lock();
        let examples: Vec<_> = expected.waiting.keys().take(3).collect();
        wrong.push(format!(
            "{} events not stored, such as {examples:?}",
            expected.waiting.len()
        ));
    }
    letters_kept(stage, &mut wrong).await?;
    if !until_ready(stage).await {
        wrong.push("not ready again".to_owned());
    }
    if stage.server.has_ended()? {
        wrong.push("the server ended".to_owned());
    }
    if stage.harness.panics() > 0 {
        wrong.push(format!("panicked: {}", stage.harness.last_words()));
    }
    let keys = stage.account.lock().clone_keys();
    steps(&stage.database, &keys, &mut wrong).await?;
    letters_whole(stage, &mut wrong)?;
    let expected = stage.account.lock();
    if expected.longest_lie > Duration::ZERO {
        let lie = expected.longest_lie.as_secs_f64();
        wrong.push(format!(
            "ready for {lie:.1} s while an event had waited for more than a minute"
        ));
    }
    if !expected.refused.is_empty() {
        wrong.push(format!(
            "{} records not taken by the broker: {}",
            expected.refused.len(),
            expected.refused[0]
        ));
    }
    Ok(wrong)
}

/// What may and must be stored.
pub(super) struct Keys {
    must: HashSet<EventKey>,
    may: HashSet<EventKey>,
}

impl Expected {
    fn clone_keys(&self) -> Keys {
        Keys {
            must: self.stored.iter().chain(self.waiting.keys()).cloned().collect(),
            may: self.either.values().flatten().cloned().collect(),
        }
    }
}

async fn steps(pool: &PgPool, keys: &Keys, wrong: &mut Vec<String>) -> Result<()> {
    let stored: Vec<EventKey> = sqlx::query_as("SELECT saga_id, event_id FROM saga_steps")
        .fetch_all(pool)
        .await?;
    let counted: i64 = sqlx::query_scalar("SELECT coalesce(sum(event_count), 0)::bigint FROM saga_instance")
        .fetch_one(pool)
        .await?;
    if counted != i64::try_from(stored.len())? {
        wrong.push(format!("{counted} events counted, {} stored", stored.len()));
    }
    let distinct: HashSet<&EventKey> = stored.iter().collect();
    if distinct.len() != stored.len() {
        wrong.push(format!("{} events stored twice", stored.len() - distinct.len()));
    }
    let surplus = stored
        .iter()
        .find(|key| !keys.must.contains(*key) && !keys.may.contains(*key));
    if let Some(surplus) = surplus {
        wrong.push(format!("stored, and should not be: {surplus:?}"));
    }
    Ok(())
}

/// Waits until every bad record is among the dead letters that the database lists, each with a reason.
async fn letters_kept(stage: &Stage, wrong: &mut Vec<String>) -> Result<()> {
    let deadline = Instant::now() + SETTLES_WITHIN;
    loop {
        let seen = Seen::in_database(&stage.database, &stage.topic).await?;
        let found = seen.compare(&stage.account.lock());
        if found.is_empty() || Instant::now() > deadline {
            wrong.extend(found);
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Dead letters by origin with their reasons, and events.
struct Seen {
    letters: HashMap<Origin, String>,
    foreign: usize,
    stored: HashSet<EventKey>,
}

impl Seen {
    /// Without those of a source, which its kind looks at itself.
    async fn in_database(pool: &PgPool, topic: &str) -> Result<Self> {
        const LETTERS: &str = "SELECT origin_partition, origin_offset, message FROM dead_letter \
             WHERE origin_topic IS NULL OR origin_topic = $1";
        let listed: Vec<(Option<i32>, Option<i64>, String)> =
            sqlx::query_as(LETTERS).bind(topic).fetch_all(pool).await?;
        let stored: Vec<EventKey> = sqlx::query_as("SELECT saga_id, event_id FROM saga_steps")
            .fetch_all(pool)
            .await?;
        let foreign = listed.iter().filter(|(partition, ..)| partition.is_none());
        let foreign = foreign.count();
        let letters = listed.into_iter().filter_map(|(partition, offset, message)| {
            let (partition, offset) = (partition?, offset?);
            Some((Origin { partition, offset }, message))
        });
        Ok(Self {
            letters: letters.collect(),
            foreign,
            stored: stored.into_iter().collect(),
        })
    }

    /// What is wrong at present.
    fn compare(&self, expected: &Expected) -> Vec<String> {
        let mut wrong = Vec::new();
        let missing: Vec<_> = expected
            .letters
            .keys()
            .filter(|origin| !self.letters.contains_key(origin))
            .collect();
        if let Some(first) = missing.first() {
            wrong.push(format!(
                "{} bad records are no dead letters, such as {first:?}",
                missing.len()
            ));
        }
        let neither = expected.either.iter().find(|(origin, key)| {
            let is_stored = key.as_ref().is_some_and(|key| self.stored.contains(key));
            !is_stored && !self.letters.contains_key(origin)
        });
        if let Some(neither) = neither {
            wrong.push(format!("neither stored nor a dead letter: {neither:?}"));
        }
        if self.foreign < expected.foreign_letters {
            wrong.push(format!(
                "{} of {} letters of others listed",
                self.foreign, expected.foreign_letters
            ));
        }
        if let Some((origin, _)) = self.letters.iter().find(|(_, message)| message.is_empty()) {
            wrong.push(format!("a dead letter without a reason: {origin:?}"));
        }
        let surplus = self.letters.iter().find(|(origin, _)| {
            !expected.letters.contains_key(origin) && !expected.either.contains_key(origin)
        });
        if let Some((origin, message)) = surplus {
            wrong.push(format!(
                "a dead letter of what should be stored: {origin:?}: {message}"
            ));
        }
        wrong
    }
}

/// Compares what lies on the dead letter topic byte for byte, where it says that nothing is missing.
fn letters_whole(stage: &Stage, wrong: &mut Vec<String>) -> Result<()> {
    let expected = stage.account.lock();
    tokio::task::block_in_place(|| {
        topic::read(
            &stage.parts.bootstrap_servers,
            &stage.dead_letter_topic,
            |record| {
                let mut letter = topic::raw(record);
                let added = letter
                    .headers
                    .iter()
                    .position(|(name, _)| name.starts_with(b"kafka_dlt-"));
                let Some(added) = added else { return Ok(()) };
                let added = letter.headers.split_off(added);
                if value(&added, ORIGINAL_TOPIC) != Some(stage.topic.as_bytes()) {
                    return Ok(());
                }
                let origin = origin(&added)?;
                let Some(sent) = expected.letters.get(&origin) else {
                    return Ok(());
                };
                if !is_same(sent, &letter) {
                    wrong.push(format!("differs from its record, {origin:?}: {}", shape(&letter)));
                }
                Ok(())
            },
        )
    })
    .context("the dead letter topic")
}

/// Names are compared up to a NUL, as the client gives them.
fn is_same(sent: &RawRecord, letter: &RawRecord) -> bool {
    let cut = |name: &[u8]| name.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
    let cut_headers = |record: &RawRecord| {
        let headers = record.headers.iter();
        headers
            .map(|(name, value)| (cut(name), value.clone()))
            .collect::<Vec<_>>()
    };
    let length = value(&letter.headers, "saga-tracker-value-bytes");
    match length {
        // Less of it was written, with what is missing in headers.
        Some(length) => {
            let whole = sent.value.as_deref().unwrap_or_default();
            let part = letter.value.as_deref().unwrap_or_default();
            length == whole.len().to_string().as_bytes() && whole.starts_with(part)
        }
        None => {
            let key_is_same = sent.key == letter.key || sent.key.is_none();
            key_is_same && sent.value == letter.value && cut_headers(sent) == cut_headers(letter)
        }
    }
}

fn shape(letter: &RawRecord) -> String {
    format!(
        "key of {:?} bytes, value of {:?} bytes, {} headers",
        letter.key.as_ref().map(Vec::len),
        letter.value.as_ref().map(Vec::len),
        letter.headers.len()
    )
}

async fn until_ready(stage: &Stage) -> bool {
    let deadline = Instant::now() + READY_WITHIN;
    while !stage.readiness.is_ready() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stage.readiness.is_ready()
}
