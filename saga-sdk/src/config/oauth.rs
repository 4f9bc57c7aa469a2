//! Tokens of OAUTHBEARER, which a program gets from wherever it gets them.

use std::{error::Error, fmt, sync::Arc, time::SystemTime};

use super::{SagaConfig, Secret};

/// A token by which Kafka knows the service, and how long it may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OAuthToken {
    /// The token.
    pub token: Secret,
    /// Whom it names.
    pub principal: String,
    /// When it expires; the next one is asked for when four fifths of the time are over.
    pub expires_at: SystemTime,
}

impl OAuthToken {
    /// A token.
    #[must_use]
    pub fn new(token: impl Into<String>, principal: impl Into<String>, expires_at: SystemTime) -> Self {
        Self {
            token: Secret::new(token),
            principal: principal.into(),
            expires_at,
        }
    }
}

type Provide = dyn Fn() -> Result<OAuthToken, Box<dyn Error + Send + Sync>> + Send + Sync;

/// Where tokens come from. Two are the same when they are clones.
#[derive(Clone)]
pub(crate) struct TokenProvider(Arc<Provide>);

impl TokenProvider {
    #[cfg(feature = "kafka")]
    pub(crate) fn token(&self) -> Result<OAuthToken, Box<dyn Error + Send + Sync>> {
        (self.0)()
    }
}

impl SagaConfig {
    /// Gives Kafka tokens, for `security.saslMechanism: OAUTHBEARER`. Called on a thread of the Kafka client's, once at the
    /// start and then whenever a token is about to expire: it may block for a moment, as for a request, but delivery reports
    /// wait for it. An error is logged, and it is called again ten seconds later; events wait meanwhile.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use saga_sdk::{OAuthToken, SagaConfig};
    ///
    /// # fn token_of_the_cloud() -> std::io::Result<String> { Ok("token".to_owned()) }
    /// let mut config = SagaConfig::default().oauth_token(|| {
    ///     let in_an_hour = SystemTime::now() + Duration::from_secs(3_600);
    ///     Ok(OAuthToken::new(token_of_the_cloud()?, "order-service", in_an_hour))
    /// });
    /// config.security.sasl_mechanism = Some("OAUTHBEARER".to_owned());
    /// ```
    #[must_use]
    pub fn oauth_token(
        mut self,
        provide: impl Fn() -> Result<OAuthToken, Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    ) -> Self {
        self.tokens = Some(TokenProvider(Arc::new(provide)));
        self
    }
}

impl PartialEq for TokenProvider {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for TokenProvider {}

impl fmt::Debug for TokenProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenProvider")
    }
}
