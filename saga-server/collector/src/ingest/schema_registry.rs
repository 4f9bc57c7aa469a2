//! Writer schemas from a schema registry, by their ids.
//!
//! Rule of thumb: a schema never changes under its id, so what was fetched is kept. Only what a registry says about an
//! id is about the id; everything else means that it is unavailable, which is no event's fault: the caller waits.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

use super::{
    rejection::Rejection,
    schema_lookup::{Lookup, Outcome, ReadSchema},
    wait_reports::WaitReports,
};
use crate::{backoff::Backoff, health::Component, ingest::RegistryConfig, kafka::status::Stage};

/// How long the registry may take for all that it is asked for at once; then it counts as unavailable, and is asked for the rest.
const WITHIN: Duration = Duration::from_secs(15);

/// How long an id counts as unknown before the registry is asked again.
const UNKNOWN_FOR: Duration = Duration::from_secs(10);

/// How long a schema counts as unusable before the registry is asked again: what it names may have been added.
const UNUSABLE_FOR: Duration = Duration::from_secs(60);

/// How many ids are looked up at the same time.
const LOOKUPS: usize = 16;

/// How many new ids of one batch are looked up. Services have few schemas, and ids beyond that are made up.
const NEW_IDS: usize = 256;

/// How many ids are remembered that are of no use.
const REMEMBERED: usize = 10_000;

/// How many schemas are kept. Services have few; those of made-up ones are forgotten, and learnt again when they come again.
const KEPT: usize = 2_000;

/// How much memory the schemas that are kept may take together.
const KEPT_BYTES: usize = 16 * 1024 * 1024;

/// The longest reason why a schema is of no use, in characters: each of its records gets it.
const REASON_CHARS: usize = 500;

/// Ids are signed integers to a registry, and positive.
const MAX_ID: u32 = i32::MAX as u32;

/// What is known of an id.
enum Known<S> {
    Schema(S),
    /// The registry has a schema that cannot be used.
    Unusable(String, Instant),
    /// The registry did not know it then.
    Unknown(Instant),
}

/// A registry, and what was learnt from it.
pub(crate) struct Registry<S> {
    lookup: Lookup<S>,
    known: BTreeMap<u32, Known<S>>,
    within: Duration,
}

impl<S: ReadSchema> Registry<S> {
    pub(crate) fn new(config: RegistryConfig) -> Self {
        Self {
            lookup: Lookup::new(config),
            known: BTreeMap::new(),
            within: WITHIN,
        }
    }

    /// Learns these ids, as far as one batch may. `false` when cancelled while the registry is unavailable.
    pub(crate) async fn learn(
        &mut self,
        ids: &BTreeSet<u32>,
        reports: &WaitReports,
        stop: &CancellationToken,
    ) -> bool {
        let mut new = self.new_among(ids);
        if new.is_empty() {
            return true;
        }
        if self.forget(ids) {
            new = self.new_among(ids);
        }
        let mut backoff = Backoff::new();
        while let Err(reason) = self.ask(&mut new).await {
            reports.status.waits(
                Stage::SchemaRegistry,
                format!("the schema registry is not available: {reason}"),
            );
            if reports.health.down(Component::SchemaRegistry, reason.clone()) {
                tracing::error!(reason, "schema registry unavailable, retrying");
            }
            if !backoff.wait(stop).await {
                return false;
            }
        }
        reports.status.goes_on(Stage::SchemaRegistry);
        reports.health.up(Component::SchemaRegistry);
        true
    }

    /// Learns what is not known of these ids, and asks once more for those that were of no use before.
    ///
    /// # Errors
    ///
    /// The reason when the registry is unavailable.
    pub(crate) async fn learn_now(&mut self, ids: &BTreeSet<u32>) -> Result<(), String> {
        self.forget(ids);
        let is_schema = |id: &u32| matches!(self.known.get(id), Some(Known::Schema(..)));
        let asked = ids.iter().copied().filter(|id| *id <= MAX_ID && !is_schema(id));
        let mut asked: BTreeSet<u32> = asked.take(NEW_IDS).collect();
        self.ask(&mut asked).await
    }

    /// The schema of an id that was learnt.
    pub(crate) fn schema(&self, id: u32) -> Result<&S, Rejection> {
        match self.known.get(&id) {
            Some(Known::Schema(schema)) => Ok(schema),
            Some(Known::Unusable(reason, _)) => Err(Rejection {
                kind: "UNUSABLE_SCHEMA",
                reason: format!("the schema with id {id} cannot be {}: {reason}", S::OF),
            }),
            Some(Known::Unknown(_)) => Err(unknown(id, "the schema registry does not know it")),
            None if id > MAX_ID => Err(unknown(id, "no registry has an id as large")),
            None => Err(unknown(
                id,
                "its batch names too many schemas for the registry to be asked for each",
            )),
        }
    }

    /// Those that are not known, as many as one batch may name.
    fn new_among(&self, ids: &BTreeSet<u32>) -> BTreeSet<u32> {
        let new = ids.iter().copied().filter(|id| !self.is_known(*id));
        new.take(NEW_IDS).collect()
    }

    /// Forgets what is too much, before it is looked for what a batch needs; whether schemas were among it. What the batch names
    /// stays as long as that is not too much itself: schemas that others make up cost no one else's event its own.
    fn forget(&mut self, needed: &BTreeSet<u32>) -> bool {
        if self.known.len() > REMEMBERED {
            self.known.retain(|_, known| matches!(known, Known::Schema(..)));
        }
        if !self.is_too_much() {
            return false;
        }
        self.known.retain(|id, _| needed.contains(id));
        if self.is_too_much() {
            self.known.clear();
        }
        true
    }

    fn is_too_much(&self) -> bool {
        let schemas = self
            .known
            .values()
            .filter(|known| matches!(known, Known::Schema(..)));
        schemas.count() > KEPT || self.kept_bytes() > KEPT_BYTES
    }

    fn kept_bytes(&self) -> usize {
        let bytes = self.known.values().map(|known| match known {
            Known::Schema(schema) => schema.parsed_bytes(),
            Known::Unusable(..) | Known::Unknown(_) => 0,
        });
        bytes.sum()
    }

    fn is_known(&self, id: u32) -> bool {
        match self.known.get(&id) {
            Some(Known::Schema(..)) => true,
            Some(Known::Unusable(_, asked)) => asked.elapsed() < UNUSABLE_FOR,
            Some(Known::Unknown(asked)) => asked.elapsed() < UNKNOWN_FOR,
            None => id > MAX_ID,
        }
    }

    /// Asks for ids, and takes those away that are answered, until the time is over.
    async fn ask(&mut self, ids: &mut BTreeSet<u32>) -> Result<(), String> {
        let mut kept = self.kept_bytes();
        let lookup = &self.lookup;
        let asking = ids
            .clone()
            .into_iter()
            .map(async |id| (id, lookup.schema(id).await));
        let mut answers = stream::iter(asking).buffer_unordered(LOOKUPS);
        let (asked, until) = (ids.len(), tokio::time::Instant::now() + self.within);
        loop {
            let Ok(answer) = timeout_at(until, answers.next()).await else {
                let within = self.within.as_secs();
                return Err(format!(
                    "{} of {asked} schemas, with what they refer to, did not come within {within} s",
                    ids.len()
                ));
            };
            let Some((id, outcome)) = answer else { break };
            let known = match outcome {
                Outcome::Schema(schema) => {
                    kept += schema.parsed_bytes();
                    Known::Schema(schema)
                }
                Outcome::Unusable(reason) => {
                    Known::Unusable(reason.chars().take(REASON_CHARS).collect(), Instant::now())
                }
                Outcome::Unknown => Known::Unknown(Instant::now()),
                Outcome::Unavailable(reason) => return Err(reason),
            };
            self.known.insert(id, known);
            ids.remove(&id);
            // Forgotten before the next batch; what is left of this one names too much.
            if kept > 2 * KEPT_BYTES {
                ids.clear();
                break;
            }
        }
        lookup.is_done();
        Ok(())
    }
}

fn unknown(id: u32, why: &str) -> Rejection {
    Rejection {
        kind: "UNKNOWN_SCHEMA_ID",
        reason: format!("the schema id {id} is unknown: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use serde_json::json;

    use super::*;
    use crate::secret::Secret;

    /// With the memory that it takes.
    struct AnySchema(usize);

    impl ReadSchema for AnySchema {
        const OF: &'static str = "anybody's";

        fn read(_: &str) -> Result<Self, String> {
            Ok(Self(1))
        }

        fn parsed_bytes(&self) -> usize {
            self.0
        }
    }

    fn registry_at(url: String) -> Registry<AnySchema> {
        Registry::new(RegistryConfig {
            url: Secret::new(url),
            ca_file: None,
        })
    }

    #[test]
    fn what_is_kept_of_ids_is_bounded_whatever_they_are() {
        let mut registry = registry_at("http://127.0.0.1:1".to_owned());
        let none = BTreeSet::new();
        for id in 0..20_000 {
            registry.known.insert(id, Known::Unknown(Instant::now()));
        }
        registry.known.insert(20_000, Known::Schema(AnySchema(1)));
        assert!(!registry.forget(&none));
        assert!(registry.is_known(20_000) && registry.known.len() == 1);
        let kept = u32::try_from(KEPT).unwrap();
        registry
            .known
            .extend((1..=kept).map(|id| (id, Known::Schema(AnySchema(1)))));
        assert!(registry.forget(&[7].into()));
        assert!(registry.is_known(7) && registry.known.len() == 1, "it is needed");
        registry.known.insert(8, Known::Schema(AnySchema(KEPT_BYTES + 1)));
        assert!(registry.forget(&[7, 8].into()));
        assert!(registry.known.is_empty());
    }

    /// Answers each request after some time, and counts those for subjects: every id's schema refers to so many.
    fn slow_registry(references: usize, delay: Duration) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let names: Vec<_> = (0..references)
            .map(|n| json!({"name": format!("a.N{n}"), "subject": format!("s{n}"), "version": 1}))
            .collect();
        let referring = json!({"schema": "\"long\"", "references": names}).to_string();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (mut connection, mut request) = (connection.unwrap(), [0; 4096]);
                let length = connection.read(&mut request).unwrap_or_default();
                let is_of_a_subject = request[..length].starts_with(b"GET /subjects/");
                counted.fetch_add(usize::from(is_of_a_subject), Ordering::Relaxed);
                let body = match is_of_a_subject {
                    true => r#"{"schema":"\"long\""}"#,
                    false => &referring,
                };
                std::thread::sleep(delay);
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close",
                    body.len()
                );
                // Who asked may have given up.
                let _ = write!(connection, "{head}\r\n\r\n{body}");
            }
        });
        (url, asked)
    }

    #[tokio::test]
    async fn a_slow_registry_is_reported_in_time_and_asked_for_the_rest() {
        let (url, asked) = slow_registry(30, Duration::from_millis(40));
        let mut registry = registry_at(url);
        registry.within = Duration::from_millis(400);
        let ids: BTreeSet<u32> = [1].into();
        let begun = Instant::now();
        let reason = registry.learn_now(&ids).await.unwrap_err();
        assert!(reason.starts_with("1 of 1 schemas"), "{reason}");
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        assert!(registry.schema(1).is_err());
        let mut times = 1;
        while registry.learn_now(&ids).await.is_err() {
            times += 1;
            assert!(times < 50, "it comes to an end");
        }
        assert!(registry.schema(1).is_ok());
        let asked = asked.load(Ordering::Relaxed);
        assert!(asked <= 30 + times, "{asked} requests in {times} attempts");
    }
}
