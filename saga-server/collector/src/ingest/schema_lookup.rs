//! One question to a schema registry, and what its answer means.
//!
//! A proxy, a sign-in page or a registry that has trouble answers too, with the same status codes. So a 404 counts only with the
//! registry's own error code in a JSON body.

use std::{collections::BTreeMap, marker::PhantomData, sync::Arc, time::Duration};

use parking_lot::Mutex;
use saga_types::avro::WriterSchema;
use serde::{Deserialize, de::DeserializeOwned};

use super::schema_references;
use crate::{
    failure,
    http_client::{self, Trust},
    ingest::RegistryConfig,
};

/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The most bytes of an answer.
const MAX_BYTES: usize = 1024 * 1024;

/// How many schemas one may name, and those name in turn.
const MAX_REFERENCES: usize = 64;

/// How many bytes are kept of schemas that others refer to.
const FETCHED_BYTES: usize = 4 * MAX_BYTES;

/// The registry's codes for an id, a subject or a version that it does not have.
const NOT_FOUND_CODES: [u64; 3] = [40401, 40402, 40403];

/// A schema, made fit for reading what was written with it.
pub(crate) trait ReadSchema: Send + Sync + Sized {
    /// What its data must be, such as `an event's`.
    const OF: &'static str;

    /// Reads one, which refers to no other.
    fn read(text: &str) -> Result<Self, String>;

    /// How much memory it takes, about.
    fn parsed_bytes(&self) -> usize;
}

impl ReadSchema for WriterSchema {
    const OF: &'static str = "an event's";

    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| error.to_string())
    }

    fn parsed_bytes(&self) -> usize {
        self.parsed_bytes()
    }
}

/// What the registry says of an id.
pub(super) enum Outcome<S> {
    Schema(S),
    /// It has a schema that cannot be used.
    Unusable(String),
    /// It does not know the id.
    Unknown,
    /// It did not answer, or what answered is no registry.
    Unavailable(String),
}

/// The way to a registry.
pub(super) struct Lookup<S> {
    client: reqwest::Client,
    config: RegistryConfig,
    fetched: Mutex<Fetched>,
    schema: PhantomData<fn() -> S>,
}

/// What others refer to, by subject and version, until everything that a batch needs is known: a registry that is slow is asked for
/// each once, however often the whole is given up and tried again.
#[derive(Default)]
struct Fetched {
    schemas: BTreeMap<(String, i64), Arc<SchemaAnswer>>,
    bytes: usize,
}

impl Fetched {
    fn keep(&mut self, place: (String, i64), schema: Arc<SchemaAnswer>) {
        if self.bytes > FETCHED_BYTES {
            *self = Self::default();
        }
        self.bytes += schema.schema.len();
        self.schemas.insert(place, schema);
    }
}

/// Why there is no answer about something.
enum Failure {
    NotFound,
    /// It is so long that it is not read to its end.
    TooLong,
    Unavailable(String),
}

#[derive(Deserialize)]
struct SchemaAnswer {
    schema: String,
    #[serde(rename = "schemaType", default = "avro")]
    schema_type: String,
    #[serde(default)]
    references: Vec<Reference>,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error_code: u64,
}

/// A type of which the definition is another subject's schema.
#[derive(Clone, Deserialize)]
struct Reference {
    name: String,
    subject: String,
    version: i64,
}

fn avro() -> String {
    "AVRO".to_owned()
}

impl<S: ReadSchema> Lookup<S> {
    pub(super) fn new(config: RegistryConfig) -> Self {
        let trust = Trust::for_url(config.url.expose(), config.ca_file.as_deref());
        // The configuration was checked by making the same client; files that vanish meanwhile leave no trusted certificate.
        let client = http_client::client(trust).unwrap_or_else(|error| {
            tracing::error!(%error, "the schema registry's certificates cannot be read");
            http_client::plain_client()
        });
        Self {
            client,
            config,
            fetched: Mutex::default(),
            schema: PhantomData,
        }
    }

    /// The schema with this id, and all that it refers to.
    pub(super) async fn schema(&self, id: u32) -> Outcome<S> {
        let answer: SchemaAnswer = match self.get(&["schemas", "ids", &id.to_string()]).await {
            Ok(answer) => answer,
            Err(Failure::NotFound) => return Outcome::Unknown,
            Err(Failure::TooLong) => return Outcome::Unusable(too_long("it")),
            Err(Failure::Unavailable(reason)) => return Outcome::Unavailable(reason),
        };
        if answer.schema_type != "AVRO" {
            return Outcome::Unusable(format!("it is of type {}, not AVRO", answer.schema_type));
        }
        let mut named = Vec::new();
        match self.collect(answer.references, &mut named).await {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => return Outcome::Unusable(reason),
            Err(reason) => return Outcome::Unavailable(reason),
        }
        let schema = match schema_references::inline(&answer.schema, &named) {
            Ok(schema) => schema,
            Err(reason) => return Outcome::Unusable(reason),
        };
        // The schema is input of anyone who may register one, and the library may panic on it.
        let read = failure::without_panic(|| S::read(&schema)).flatten();
        match read {
            Ok(read) => Outcome::Schema(read),
            Err(reason) => Outcome::Unusable(reason),
        }
    }

    /// Fetches what is referred to, and what that refers to, each once. The outer error means that the registry is unavailable,
    /// the inner one that it does not have it, or that it is too much.
    async fn collect(
        &self,
        mut references: Vec<Reference>,
        named: &mut Vec<(String, String)>,
    ) -> Result<Result<(), String>, String> {
        let mut bytes = 0;
        while let Some(Reference {
            name,
            subject,
            version,
        }) = references.pop()
        {
            if named.iter().any(|(known, _)| *known == name) {
                continue;
            }
            if named.len() >= MAX_REFERENCES || references.len() > MAX_REFERENCES * MAX_REFERENCES {
                return Ok(Err(format!("it refers to more than {MAX_REFERENCES} schemas")));
            }
            let answer = match self.referred(&subject, version).await {
                Ok(answer) => answer,
                Err(Failure::NotFound) => {
                    return Ok(Err(format!(
                        "it refers to version {version} of the subject {subject}, which does not exist"
                    )));
                }
                Err(Failure::TooLong) => {
                    return Ok(Err(too_long(&format!(
                        "version {version} of the subject {subject}"
                    ))));
                }
                Err(Failure::Unavailable(reason)) => return Err(reason),
            };
            bytes += answer.schema.len();
            if bytes > MAX_BYTES {
                return Ok(Err(too_long("what it refers to")));
            }
            named.push((name, answer.schema.clone()));
            references.extend(answer.references.iter().cloned());
        }
        Ok(Ok(()))
    }

    async fn referred(&self, subject: &str, version: i64) -> Result<Arc<SchemaAnswer>, Failure> {
        let place = (subject.to_owned(), version);
        let known = self.fetched.lock().schemas.get(&place).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let path = ["subjects", subject, "versions", &version.to_string()];
        let answer = Arc::new(self.get::<SchemaAnswer>(&path).await?);
        self.fetched.lock().keep(place, answer.clone());
        Ok(answer)
    }

    /// Everything that was needed is known.
    pub(super) fn is_done(&self) {
        *self.fetched.lock() = Fetched::default();
    }

    async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        let mut url = self.config.url.expose().trim_end_matches('/').to_owned();
        for segment in path {
            url.push('/');
            url.extend(percent_encoding::utf8_percent_encode(
                segment,
                percent_encoding::NON_ALPHANUMERIC,
            ));
        }
        // Errors come without their URL, which may hold a password.
        let unavailable = |error| Failure::Unavailable(http_client::failure(error));
        let request = self.client.get(url).timeout(TIMEOUT);
        let mut answer = request.send().await.map_err(unavailable)?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unavailable)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                // An object is a registry's answer, and about what was asked; a page in its place is not.
                if status == 200 && body.trim_ascii_start().starts_with(b"{") {
                    return Err(Failure::TooLong);
                }
                return Err(Failure::Unavailable(format!(
                    "it answers with more than {MAX_BYTES} bytes"
                )));
            }
        }
        match status {
            200 => serde_json::from_slice(&body).map_err(|_| not_a_registry(status)),
            404 => match serde_json::from_slice::<ErrorAnswer>(&body) {
                Ok(error) if NOT_FOUND_CODES.contains(&error.error_code) => Err(Failure::NotFound),
                _ => Err(not_a_registry(status)),
            },
            // Refused credentials included: an operator fixes that, and it is no event's fault.
            status => Err(Failure::Unavailable(format!("it answers with status {status}"))),
        }
    }
}

fn too_long(what: &str) -> String {
    format!("{what} has more than {MAX_BYTES} bytes")
}

fn not_a_registry(status: u16) -> Failure {
    Failure::Unavailable(format!(
        "what answers with status {status} is not a schema registry; check schemaRegistry.url"
    ))
}
