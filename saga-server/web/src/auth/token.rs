//! Bearer tokens, of which the collector knows no more than a hash.
//!
//! A plain SHA-256 is enough, since a token is random and far too long to be guessed; a slow hash is for passwords that
//! people choose.

use std::fmt::{self, Write};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

/// Begins every token that is made here, so that tools which look for leaked secrets know it.
const PREFIX: &str = "saga_";

/// Random bytes in a token.
const RANDOM_BYTES: usize = 32;

/// The SHA-256 of a token. Its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct TokenHash([u8; 32]);

/// The system has no random bytes to give.
#[derive(Debug, Error)]
#[error("the system gives no random bytes: {0}")]
pub struct NoRandomness(#[from] getrandom::Error);

impl TokenHash {
    /// Hashes a token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Reads 64 hex digits; `None` when it is anything else.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        if text.len() != 2 * hash.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (place, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
        }
        Some(Self(hash))
    }

    /// 64 hex digits, for the configuration.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.0.iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Whether both are of the same token. Takes the same time wherever they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// A new random token.
///
/// # Errors
///
/// [`NoRandomness`] when the system has none.
pub fn fresh_token() -> Result<String, NoRandomness> {
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random)?;
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random)))
}
