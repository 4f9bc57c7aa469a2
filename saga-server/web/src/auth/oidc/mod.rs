//! Tokens that an OpenID Connect issuer signs: whether one is true, and who holds it.
//!
//! | part | what |
//! | --- | --- |
//! | `config` | what must be known of an issuer |
//! | `keys` | the issuer's keys |
//! | `claims` | from what a true token says to a caller |
//!
//! Rule of thumb: nothing that a token says of itself decides how it is checked. The key is one of the issuer's, and the key
//! decides which algorithms it may have signed with.

mod claims;
mod config;
mod keys;

use std::sync::Arc;

use jsonwebtoken::{Validation, decode, decode_header, errors::ErrorKind};
use serde_json::{Map, Value};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::Caller;
use saga_collector::http_client::ClientError;

pub use config::{ClaimsConfig, OidcConfig, SagaTypesClaim};

/// The longest token. Those of issuers that put a person's every group into it have some KiB.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Why a token is not taken. Tells nothing of what stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It proves nothing.
    #[error("{0}")]
    Untrue(&'static str),
    /// It proves who calls, but they have no role here.
    #[error("the token of {0:?} gives no role here")]
    NoRole(String),
    /// It proves who calls, but does not say for which saga types.
    #[error("the token of {0:?} does not say which saga types it is for")]
    NoTypes(String),
    /// It cannot be checked now: no key of the issuer was ever learnt.
    #[error("tokens cannot be checked, since their issuer does not answer")]
    Unchecked,
}

/// An issuer, and what is known of its keys.
#[derive(Debug)]
pub struct Issuer {
    config: OidcConfig,
    keys: keys::Keys,
}

impl Issuer {
    /// Knows no key yet, and asks for none until it must; see [`Issuer::keep_fresh`].
    ///
    /// # Errors
    ///
    /// [`ClientError`] when the file of certificates cannot be used.
    pub fn new(config: OidcConfig) -> Result<Self, ClientError> {
        let keys = keys::Keys::of(&config)?;
        Ok(Self { config, keys })
    }

    /// Learns the keys, and again as they age, until `stop`. Keys that were learnt stay while the issuer is unavailable.
    pub async fn keep_fresh(self: Arc<Self>, stop: CancellationToken) {
        self.keys.keep_fresh(&stop).await;
    }

    /// The holder of a token.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with what callers may know.
    pub async fn holder(&self, token: &str) -> Result<Caller, Refusal> {
        let claims = self.claims(token).await?;
        self.config.claims.caller(&claims)
    }

    /// Whether a claim says which saga types a token is for.
    #[must_use]
    pub fn binds_to_types(&self) -> bool {
        self.config.claims.saga_types.is_some()
    }

    async fn claims(&self, token: &str) -> Result<Map<String, Value>, Refusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::Untrue("the token is too long"));
        }
        let header = decode_header(token).map_err(|_| Refusal::Untrue("the token is not known here"))?;
        // What is critical must be understood (RFC 7515, 4.1.11), and no extension is understood here.
        if header.crit.is_some() {
            return Err(Refusal::Untrue(
                "the token needs extensions that are not known here",
            ));
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg).await?;
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&self.config.issuer]);
        validation.set_audience(&[&self.config.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = self.config.leeway.as_secs();
        validation.validate_nbf = true;
        let decoded = decode(token, &key, &validation).map_err(|error| in_words(error.kind()))?;
        Ok(decoded.claims)
    }
}

fn in_words(kind: &ErrorKind) -> Refusal {
    Refusal::Untrue(match kind {
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidAudience => "the token is meant for others",
        ErrorKind::InvalidIssuer => "the token is of another issuer",
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => {
            "the token must say exp, iss, aud and sub"
        }
        _ => "the token is not signed by its issuer",
    })
}
