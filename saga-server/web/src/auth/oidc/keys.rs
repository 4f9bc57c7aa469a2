//! The issuer's keys: where they are, what was learnt, and when to ask again.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use reqwest::Client;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::{OidcConfig, Refusal};
use saga_collector::http_client::{self, ClientError, Trust};

/// How old keys may be before they are asked for again.
const FRESH_FOR: Duration = Duration::from_secs(600);

/// How long to wait after the issuer did not answer.
const RETRY_AFTER: Duration = Duration::from_secs(15);

/// The shortest interval in which unknown keys make the issuer be asked: anybody can make a token that names one.
const ASKED_AT_MOST_EVERY: Duration = Duration::from_secs(10);

/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// More than any issuer's answer has.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// One key, and what it may sign with.
#[derive(Clone)]
struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: Arc<DecodingKey>,
}

pub(super) struct Keys {
    client: Client,
    issuer: String,
    jwks_uri: Option<String>,
    /// `None` until the issuer has answered once.
    known: RwLock<Option<Vec<Key>>>,
    /// When the issuer was last asked; held while it is.
    asked: Mutex<Option<Instant>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Keys").finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// Keys as they came: one of an unknown kind must not invalidate the others.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

impl Keys {
    pub(super) fn of(config: &OidcConfig) -> Result<Self, ClientError> {
        Ok(Self {
            client: http_client::client(Trust::for_url(
                config.jwks_uri.as_ref().unwrap_or(&config.issuer),
                config.ca_file.as_deref(),
            ))?,
            issuer: config.issuer.clone(),
            jwks_uri: config.jwks_uri.clone(),
            known: RwLock::default(),
            asked: Mutex::default(),
        })
    }

    pub(super) async fn keep_fresh(&self, stop: &CancellationToken) {
        loop {
            let wait = match self.has_learnt(&mut *self.asked.lock().await).await {
                true => FRESH_FOR,
                false => RETRY_AFTER,
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// The key that a token names, for the algorithm that it names. A key that is not known may be a new one.
    pub(super) async fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<DecodingKey>, Refusal> {
        if let Some(key) = self.known(id, algorithm)? {
            return Ok(key);
        }
        self.learn_now_and_then().await;
        match self.known(id, algorithm)? {
            Some(key) => Ok(key),
            None if self.has_answered() => Err(Refusal::Untrue("the token is not signed by its issuer")),
            None => Err(Refusal::Unchecked),
        }
    }

    fn has_answered(&self) -> bool {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// `Ok(None)` when asking the issuer may help.
    fn known(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Option<Arc<DecodingKey>>, Refusal> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let Some(keys) = known.as_ref() else {
            return Ok(None);
        };
        let mut fitting = keys.iter().filter(|key| id.is_none() || key.id.as_deref() == id);
        let signing = fitting.clone().find(|key| key.algorithms.contains(&algorithm));
        match (signing, fitting.next()) {
            (Some(key), _) => Ok(Some(key.key.clone())),
            // Asking again would not make the key sign otherwise.
            (None, Some(_)) => Err(Refusal::Untrue("the token is not signed as its key signs")),
            (None, None) => Ok(None),
        }
    }

    /// Many may come at once with the same new key: the first asks, the others wait for it and find it known.
    async fn learn_now_and_then(&self) {
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|asked| asked.elapsed() < ASKED_AT_MOST_EVERY) {
            return;
        }
        self.has_learnt(&mut asked).await;
    }

    async fn has_learnt(&self, asked: &mut Option<Instant>) -> bool {
        let learnt = self.learn(asked).await;
        if let Err(reason) = &learnt {
            tracing::warn!(
                issuer = self.issuer,
                reason,
                "signing keys of the issuer not read, retrying"
            );
        }
        learnt.is_ok()
    }

    async fn learn(&self, asked: &mut Option<Instant>) -> Result<(), String> {
        *asked = Some(Instant::now());
        let uri = match &self.jwks_uri {
            Some(uri) => uri.clone(),
            None => self.discover().await?,
        };
        let set: KeySet = self.ask(&uri).await?;
        let keys: Vec<Key> = set.keys.into_iter().filter_map(Key::read).collect();
        if keys.is_empty() {
            return Err(format!("{uri} names no key that signs"));
        }
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(keys);
        Ok(())
    }

    async fn discover(&self) -> Result<String, String> {
        let uri = format!(
            "{}/.well-known/openid-configuration",
            self.issuer.trim_end_matches('/')
        );
        let found: Discovery = self.ask(&uri).await?;
        if found.issuer != self.issuer {
            return Err(format!("{uri} is of another issuer: {:?}", found.issuer));
        }
        // Who listens in on the way to the keys could put their own in.
        if self.issuer.starts_with("https:") && !found.jwks_uri.starts_with("https:") {
            return Err(format!("{uri} names keys that are not under https"));
        }
        Ok(found.jwks_uri)
    }

    async fn ask<T: DeserializeOwned>(&self, uri: &str) -> Result<T, String> {
        let asked = async {
            let mut answer = self.client.get(uri).send().await?.error_for_status()?;
            let mut body = Vec::new();
            while let Some(piece) = answer.chunk().await? {
                body.extend_from_slice(&piece);
                if body.len() > MAX_ANSWER_BYTES {
                    body.clear();
                    break;
                }
            }
            Ok::<_, reqwest::Error>(body)
        };
        let body = tokio::time::timeout(TIMEOUT, asked)
            .await
            .map_err(|_| format!("{uri} does not answer within {} s", TIMEOUT.as_secs()))?
            .map_err(|error| format!("{uri} does not answer: {}", http_client::failure(error)))?;
        serde_json::from_slice(&body).map_err(|error| format!("{uri} does not answer as it should: {error}"))
    }
}

impl Key {
    /// `None` when it signs no tokens, or not so that others can check it without being able to sign themselves.
    fn read(json: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(json).ok()?;
        let signs = jwk
            .common
            .public_key_use
            .as_ref()
            .is_none_or(|usage| *usage == PublicKeyUse::Signature);
        let algorithms = algorithms(&jwk);
        (signs && !algorithms.is_empty()).then_some(())?;
        Some(Self {
            key: Arc::new(DecodingKey::from_jwk(&jwk).ok()?),
            id: jwk.common.key_id,
            algorithms,
        })
    }
}

/// What a key of this kind can sign with; the one that it says it signs with, if it does.
fn algorithms(key: &Jwk) -> Vec<Algorithm> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let of_its_kind: &[Algorithm] = match &key.algorithm {
        AlgorithmParameters::RSA(_) => &[RS256, RS384, RS512, PS256, PS384, PS512],
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[ES256],
            EllipticCurve::P384 => &[ES384],
            _ => &[],
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[EdDSA],
        _ => &[],
    };
    let says = key.common.key_algorithm;
    of_its_kind
        .iter()
        .copied()
        .filter(|algorithm| {
            says.is_none_or(|says| Algorithm::try_from(says).is_ok_and(|says| says == *algorithm))
        })
        .collect()
}
