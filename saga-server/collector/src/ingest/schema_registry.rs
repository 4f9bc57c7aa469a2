//! Writer schemas from a schema registry, by their ids.
//!
//! Rule of thumb: a schema never changes under its id, so what was fetched is kept for good. A registry that is away is
//! not bad data: whoever asks waits.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use saga_types::avro::WriterSchema;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::rejection::Rejection;
use crate::{
    backoff::Backoff,
    health::{Component, Health},
    http_client::{self, Trust},
    ingest::RegistryConfig,
};

/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long an id counts as unknown before the registry is asked again.
const UNKNOWN_FOR: Duration = Duration::from_secs(10);

/// What is known of an id.
enum Known {
    Schema(WriterSchema),
    /// The registry has a schema that cannot be an event's.
    Unusable(String),
    /// The registry did not know it then.
    Unknown(Instant),
}

/// What the registry said.
enum Answer {
    Known(Known),
    /// It did not answer, or has trouble of its own.
    Unavailable(String),
}

/// A registry, and what was learnt from it.
pub(super) struct Registry {
    client: reqwest::Client,
    config: RegistryConfig,
    known: BTreeMap<u32, Known>,
}

#[derive(Deserialize)]
struct SchemaAnswer {
    schema: String,
    #[serde(rename = "schemaType", default = "avro")]
    schema_type: String,
}

fn avro() -> String {
    "AVRO".to_owned()
}

impl Registry {
    pub(super) fn new(config: RegistryConfig) -> Self {
        let trust = Trust::for_url(config.url.expose(), config.ca_file.as_deref());
        // The configuration was checked by making the same client; files that vanish meanwhile leave nobody to trust.
        let client = http_client::client(trust).unwrap_or_else(|error| {
            tracing::error!(%error, "the schema registry's certificates cannot be read");
            http_client::plain_client()
        });
        Self {
            client,
            config,
            known: BTreeMap::new(),
        }
    }

    /// Learns all of these ids. `false` when asked to stop while the registry is away.
    pub(super) async fn learn(
        &mut self,
        ids: &BTreeSet<u32>,
        health: &Health,
        stop: &CancellationToken,
    ) -> bool {
        for id in ids {
            if !self.is_known(*id) && !self.learn_one(*id, health, stop).await {
                return false;
            }
        }
        true
    }

    /// Learns what is not known of these ids, and asks once more for those that were unknown before.
    ///
    /// # Errors
    ///
    /// The reason when the registry is away.
    pub(super) async fn learn_now(&mut self, ids: &BTreeSet<u32>) -> Result<(), String> {
        for id in ids {
            if !matches!(self.known.get(id), Some(Known::Schema(_) | Known::Unusable(_))) {
                match self.ask(*id).await {
                    Answer::Known(known) => _ = self.known.insert(*id, known),
                    Answer::Unavailable(reason) => return Err(reason),
                }
            }
        }
        Ok(())
    }

    /// The schema of an id that was learnt.
    pub(super) fn schema(&self, id: u32) -> Result<&WriterSchema, Rejection> {
        match self.known.get(&id) {
            Some(Known::Schema(schema)) => Ok(schema),
            Some(Known::Unusable(reason)) => Err(Rejection {
                kind: "UNUSABLE_SCHEMA",
                reason: format!("the schema with id {id} cannot be an event's: {reason}"),
            }),
            Some(Known::Unknown(_)) | None => Err(Rejection {
                kind: "UNKNOWN_SCHEMA_ID",
                reason: format!("the schema registry does not know the schema id {id}"),
            }),
        }
    }

    fn is_known(&self, id: u32) -> bool {
        match self.known.get(&id) {
            Some(Known::Unknown(asked)) => asked.elapsed() < UNKNOWN_FOR,
            known => known.is_some(),
        }
    }

    async fn learn_one(&mut self, id: u32, health: &Health, stop: &CancellationToken) -> bool {
        let mut backoff = Backoff::new();
        loop {
            match self.ask(id).await {
                Answer::Known(known) => {
                    self.known.insert(id, known);
                    health.up(Component::SchemaRegistry);
                    return true;
                }
                Answer::Unavailable(reason) => {
                    if health.down(Component::SchemaRegistry, reason.clone()) {
                        tracing::error!(id, reason, "schema registry unavailable, retrying");
                    }
                    if !backoff.wait(stop).await {
                        return false;
                    }
                }
            }
        }
    }

    async fn ask(&self, id: u32) -> Answer {
        let url = format!(
            "{}/schemas/ids/{id}",
            self.config.url.expose().trim_end_matches('/')
        );
        let answer = match self.client.get(url).timeout(TIMEOUT).send().await {
            Ok(answer) => answer,
            // Without its URL, which may hold a password.
            Err(error) => return Answer::Unavailable(http_client::failure(error)),
        };
        match answer.status().as_u16() {
            200 => match answer.json::<SchemaAnswer>().await {
                Ok(answer) => Answer::Known(read(&answer)),
                Err(error) => Answer::Unavailable(format!(
                    "not a registry's answer: {}",
                    http_client::failure(error)
                )),
            },
            404 => Answer::Known(Known::Unknown(Instant::now())),
            // Refused credentials included: that is for somebody to mend, and no event's fault.
            status => Answer::Unavailable(format!("it answers with status {status}")),
        }
    }
}

fn read(answer: &SchemaAnswer) -> Known {
    if answer.schema_type != "AVRO" {
        return Known::Unusable(format!("it is of type {}, not AVRO", answer.schema_type));
    }
    match WriterSchema::parse(&answer.schema) {
        Ok(schema) => Known::Schema(schema),
        Err(error) => Known::Unusable(error.to_string()),
    }
}
