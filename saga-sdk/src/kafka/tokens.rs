//! From the program's tokens to librdkafka's.

use std::{
    error::Error,
    sync::atomic::{AtomicBool, Ordering},
    time::SystemTime,
};

use rdkafka::{
    ClientContext, Statistics, client::OAuthToken, error::KafkaError, message::DeliveryResult,
    producer::ProducerContext,
};

use crate::config::TokenProvider;

/// A token for librdkafka. Its error goes into librdkafka's log, and so into ours.
pub(super) fn token(provider: Option<&TokenProvider>) -> Result<OAuthToken, Box<dyn Error>> {
    let provider = provider.ok_or("no token: give SagaConfig::oauth_token a function that gets one")?;
    let token = provider.token().map_err(|error| error as Box<dyn Error>)?;
    let lifetime = token.expires_at.duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(OAuthToken {
        token: token.token.expose().to_owned(),
        principal_name: token.principal,
        lifetime_ms: i64::try_from(lifetime.as_millis())?,
    })
}

/// The context of a producer that publishes nothing.
pub(super) struct CheckContext {
    tokens: Option<TokenProvider>,
    has_producer_id: AtomicBool,
}

impl CheckContext {
    pub(super) fn new(tokens: Option<TokenProvider>) -> Self {
        Self {
            tokens,
            has_producer_id: AtomicBool::new(false),
        }
    }

    /// Whether a broker has given the producer its id, by the statistics: a user who may write no topic gets none.
    pub(super) fn has_producer_id(&self) -> bool {
        self.has_producer_id.load(Ordering::Acquire)
    }
}

impl ClientContext for CheckContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        token(self.tokens.as_ref())
    }

    // The result of the check says it, once; what librdkafka logs is logged all the same.
    fn error(&self, _: KafkaError, _: &str) {}

    fn stats(&self, statistics: Statistics) {
        if statistics.eos.is_some_and(|eos| eos.idemp_state == "Assigned") {
            self.has_producer_id.store(true, Ordering::Release);
        }
    }
}

impl ProducerContext for CheckContext {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}
